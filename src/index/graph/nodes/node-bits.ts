// Which nodes of a graph count, out of the rows that do: nodes are in an order of their own, so that a walk which tests rows reads the row
// of each node first. A filter that is searched by again is brought into their order once.
import { must } from '#base/assert.js';
import { countingRows } from '#index/block/counting-rows.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { CopiesOfRows, putBits } from './copies-of-rows.js';
import { excludedBytes, GRAPH_POOL_MAX, graphParams } from './graph-layout.js';

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

/** Nodes are listed where at most one row in so many counts: the list is as long as the bits are then. A thread has room for so many. */
export const LISTED_NODES_PART = 32;
const LISTED_MAX = GRAPH_POOL_MAX * 2;

/** @param byNode of `bitsByNode` @returns the nodes that count, ascending, in shared memory; undefined: too many rows do */
export function countingNodes(
  placement: IndexPlacement,
  byNode: Uint8Array,
  passing: number,
): Uint32Array | undefined {
  if (passing > Math.min(LISTED_MAX, placement.rowCount / LISTED_NODES_PART)) return undefined;
  const nodes = countingRows(byNode, graphParams(placement).nodes, passing);
  const shared = new Uint32Array(new SharedArrayBuffer(nodes.byteLength));
  shared.set(nodes);
  return shared;
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
