// The step of a build that turns a finished graph and its 8-bit codes into records, by ranges of nodes on worker threads.
import { must } from '#base/assert.js';
import type { BuildPlace } from '#index/graph/build/graph-tasks.js';
import { graphKernel } from '#index/graph/codes/graph-kernel.js';
import { workLayout } from '#index/graph/nodes/graph-layout.js';
import { recordLayout } from '#index/graph/nodes/qg-layout.js';

export interface QgEncodeInput {
  readonly place: BuildPlace;
  readonly bits: number;
  readonly begin: number;
  readonly end: number;
  /** Address of the first record. */
  readonly out: number;
}

/** Memory 0 has the vectors, which are not read; memory 1 is that of the build. */
export function qgEncode(
  { place, bits, begin, end, out }: QgEncodeInput,
  context: { readonly memories: readonly WebAssembly.Memory[]; readonly thread: number },
): void {
  const { dim, degree, nodes, layout, metric } = place;
  const kernel = graphKernel.on(must(context.memories[1], 'memory of the build'));
  const { dims, slots, bytes } = recordLayout(dim, degree, bits);
  const table = layout.work + layout.workBytes * context.thread + workLayout(nodes, dim, degree).query;
  kernel.useRecords(out, bytes, dims, slots, bits, metric === 'IP' ? 1 : 0, table);
  kernel.writeRecords(
    begin,
    end,
    layout.codes,
    layout.codeStride,
    layout.finalLinks,
    degree * 2,
    layout.order,
  );
}

/** Copies the codes of the nodes of upper layers, which come first in the final order, to where searches begin in them. */
export function copyUpperCodes(
  { buffer }: WebAssembly.Memory,
  { layout, nodes }: BuildPlace,
  upperNodes: number,
): void {
  const { codes, codeStride, upperCodes } = layout;
  const bytes = new Uint8Array(buffer);
  const order = new Uint32Array(buffer, layout.order, nodes);
  for (let i = 0; i < upperNodes; i++) {
    const from = codes + (order[i] as number) * codeStride;
    bytes.copyWithin(upperCodes + i * codeStride, from, from + codeStride);
  }
}
