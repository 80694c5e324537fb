// Whether a block of a quantised graph holds together; see graph-check.ts. Codes and factors may have any value: they only misguide.
import { ElanusError } from '#base/errors.js';
import type { IndexBlock } from '#index/block/index-block.js';
import { sectionOf } from '#index/block/vector-index.js';
import { checkForm, checkLayers } from '#index/graph/nodes/graph-check.js';
import { qgParams, recordLayout } from '#index/graph/nodes/qg-layout.js';

/** @throws data_corrupt */
export function checkQgBlock(block: IndexBlock): void {
  const { degree, bits, form, codeStride, upperNodes } = qgParams(block.meta);
  if ((bits !== 1 && bits !== 2) || form !== 'SQ8') {
    const fact = `${bits} bits a dim, own codes ${form}, expected 1 or 2 and SQ8`;
    throw new ElanusError('data_corrupt', `${block.meta.indexType} index: ${fact}; it has to be built again`);
  }
  checkForm(block);
  const { idsAt, slots, bytes } = recordLayout(block.meta.dim, degree, bits);
  checkLayers(block, { section: 'records', from: idsAt / 4, length: slots, stride: bytes / 4 });
  if (block.sections.has('upperCodes')) sectionOf(block, 'upperCodes', upperNodes * codeStride);
}
