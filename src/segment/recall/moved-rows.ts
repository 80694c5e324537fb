// Queries as they come: near to rows, and no row. A stored vector is found too easily, since its node is linked to its neighbours: at 6,000 x 48
// of noise and ef 25 rows found 0.95 of them, new vectors 0.835, and a row moved by the difference of two of its neighbours 0.864.
import { floatsOf, nearestVector } from '#index/block/vector-floats.js';
import type { IndexedSearch, SegmentIndex } from '#segment/fields/segment-index.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import type { Sampled } from './recall-sample.js';

/** The neighbours between which a row is moved, and the width at which they are looked for. */
const NEAR_NEIGHBOUR = 5;
const FAR_NEIGHBOUR = 9;
const MOVED_EF = 64;

/** @param rows that have a vector, and count @param counting which rows count */
export async function movedRows(
  index: SegmentIndex,
  vectors: VectorColumn,
  rows: readonly number[],
  counting: Pick<IndexedSearch, 'passing' | 'excluded'>,
  signal?: AbortSignal,
): Promise<Sampled> {
  const stored = rows.map((row) => vectors.store.view(row));
  const { elementType, dim } = vectors.store;
  // Bits have no way from one vector to another, and no graph.
  if (elementType === 'binary') return { queries: stored, leftOut: rows.map((row) => [row]) };
  const queries: Uint8Array[] = [];
  const leftOut: number[][] = [];
  for (const [i, query] of stored.entries()) {
    const search = { ...counting, queries: query, k: FAR_NEIGHBOUR + 1, params: { ef: MOVED_EF } };
    const found = await index.search(vectors, search, signal);
    const others = [...found.rows.subarray(0, found.counts[0])].filter((row) => row !== rows[i]);
    const madeOf = [NEAR_NEIGHBOUR, FAR_NEIGHBOUR].map((at) => others[at - 1] ?? rows[i] ?? 0);
    const [from, to] = madeOf.map((row) => floatsOf(elementType, dim, vectors.store.view(row)));
    queries.push(nearestVector(elementType, moved(floatsOf(elementType, dim, query), from, to)));
    leftOut.push([rows[i] ?? 0, ...madeOf]);
  }
  return { queries, leftOut };
}

/** The vector and the way from one of its neighbours to another. */
const moved = (vector: Float32Array, from = vector, to = vector): Float64Array =>
  Float64Array.from(vector, (value, d) => value + (to[d] ?? 0) - (from[d] ?? 0));
