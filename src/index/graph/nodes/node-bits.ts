// Which nodes of a graph count, out of the rows that do: nodes are in an order of their own, so that a walk which tests rows reads the row
// of each node first. A filter that is searched by again is brought into their order once.
import { must } from '#base/assert.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { CopiesOfRows, putBits } from './copies-of-rows.js';
import { excludedBytes, graphParams } from './graph-layout.js';

/** Whether the nodes of an index are rows in another order, so that bits by node differ from those by row. */
export const hasNodeOrder = ({ sections, params }: IndexPlacement): boolean =>
  params.hasRows === true && sections.rows !== undefined;

/** @param excluded by row; rows past its end count @returns by node, in shared memory; set: neither the node's row nor a copy of it counts */
export function bitsByNode(
  memory: WebAssembly.Memory,
  placement: IndexPlacement,
  excluded: Uint8Array,
): Uint8Array {
  const { nodes } = graphParams(placement);
  const { offset } = must(placement.sections.rows, 'section rows');
  const rowOf = new Uint32Array(memory.buffer, offset, nodes);
  const byRow = bitsWithCopies(memory, placement, excluded);
  const byNode = new Uint8Array(new SharedArrayBuffer(excludedBytes(nodes)));
  for (let node = 0; node < nodes; node++) {
    const row = rowOf[node] as number;
    const bit = ((byRow[row >>> 3] ?? 0) >>> (row & 7)) & 1;
    byNode[node >>> 3] = (byNode[node >>> 3] as number) | (bit << (node & 7));
  }
  return byNode;
}

/** @returns by row; rows with a node that do not count, but of which a copy does, count as well */
export function bitsWithCopies(
  memory: WebAssembly.Memory,
  placement: IndexPlacement,
  excluded: Uint8Array,
): Uint8Array {
  const copies = CopiesOfRows.in(memory, placement);
  if (copies === undefined) return excluded;
  const bits = new Uint8Array(excludedBytes(placement.rowCount));
  putBits(bits, excluded);
  copies.admit(bits);
  return bits;
}
