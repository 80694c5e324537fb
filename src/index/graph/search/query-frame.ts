// Where the codes of an index say how a query is brought into their form: mean, signs, step.
import { must } from '#base/assert.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { type CodeForm, type Frame, isPlainForm } from '#index/graph/codes/graph-codes.js';
import { graphParams } from '#index/graph/nodes/graph-layout.js';

export function frameOf(index: IndexPlacement, form: CodeForm): Frame {
  const { step, isRotated } = graphParams(index);
  const isIp = index.metric === 'IP';
  const isPlain = isPlainForm(form);
  const place = (): number => must(index.sections.frame, 'section frame').offset;
  return {
    dim: index.dim,
    isIp,
    isUnit: index.metric === 'COSINE',
    step,
    mean: isIp || isPlain ? 0 : place(),
    signs: isRotated && !isPlain ? place() + index.dim * 4 : 0,
  };
}
