// What each level of AUTOINDEX needs in an index that was just built: rows are searched for as queries are, exactly and at a ladder of widths,
// and the least width that is sure to find what the level promises goes into the block.
import { seededRandom } from '#base/random.js';
import { fillSection } from '#index/block/index-block.js';
import { floatsOf, nearestVector } from '#index/block/vector-floats.js';
import { GRAPH_POOL_MAX } from '#index/graph/nodes/graph-layout.js';
import { encodeLevels, LEARNED_KS, LEVELS_BYTES, LEVELS_SECTION } from '#index/graph/nodes/level-widths.js';
import { openVectorIndex } from '#index/vector-indexes.js';
import { LEVEL_MAX } from '#model/params/auto-level.js';
import { recallOfLevel } from '#model/params/learned-levels.js';
import type { Platform } from '#platform/platform.js';
import { SegmentIndex } from '#segment/fields/segment-index.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import { RecallCurve, widthLadder } from './recall-curve.js';
import { measureRecall, type Sampled } from './recall-sample.js';

/** Rows that stand in for queries; so many at a time. */
const SAMPLED_ROWS = 128;
const ROUND_ROWS = 32;
/** The neighbours between which such a row is moved, and the width at which they are looked for. */
const NEAR_NEIGHBOUR = 5;
const FAR_NEIGHBOUR = 9;
const MOVED_EF = 64;
/** Fewer rows say too little. */
const ROWS_MIN = 1000;

/** Fills the section of the block. A block of few rows keeps zeros. @throws cancelled, memory_limit */
export async function learnLevels(
  { workers }: Pick<Platform, 'workers'>,
  vectors: VectorColumn,
  block: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const { rowCount } = vectors;
  if (rowCount < ROWS_MIN) return;
  const source = {
    bytes: block.length,
    read: async (begin: number, into: Uint8Array) => into.set(block.subarray(begin, begin + into.length)),
  };
  const index = new SegmentIndex(
    workers,
    await openVectorIndex(workers, source, 'the block that was built'),
    '',
  );
  try {
    const rows = sampledRows(vectors);
    const curves = LEARNED_KS.map((k) => new RecallCurve(k, widthLadder(k, widest(rowCount, k))));
    for (let at = 0; at < rows.length; at += ROUND_ROWS) {
      const round = await queriesNear(index, vectors, rows.slice(at, at + ROUND_ROWS), signal);
      for (const curve of curves)
        await measureRecall(curve, round, {
          ...{ workers, vectors, index, signal },
          passing: rowCount,
          paramsOf: (width, k) => ({ ef: Math.max(width, k) }),
        });
    }
    const widths = curves.map(widthsOf);
    const bytes = encodeLevels({ ks: LEARNED_KS, widths });
    if (bytes.length === LEVELS_BYTES) fillSection(block, LEVELS_SECTION, bytes);
  } finally {
    index.release();
  }
}

const widest = (rowCount: number, k: number): number =>
  Math.min(rowCount, GRAPH_POOL_MAX, Math.max(512, k * 8));

/** One row of each of as many ranges of rows, so that data in the order of clusters is met in all its parts. */
function sampledRows(vectors: VectorColumn): number[] {
  const { rowCount } = vectors;
  const random = seededRandom(rowCount);
  const rows: number[] = [];
  for (let i = 0; i < SAMPLED_ROWS; i++) {
    const begin = Math.floor((rowCount * i) / SAMPLED_ROWS);
    const end = Math.floor((rowCount * (i + 1)) / SAMPLED_ROWS);
    const row = begin + Math.floor((random.nextUint32() / 2 ** 32) * (end - begin));
    if (!vectors.isNull(row)) rows.push(row);
  }
  return rows;
}

/**
 * Queries as they come: near to rows, and no row. A stored vector is found too easily, since its node is linked to its neighbours: at 6,000 x 48
 * of noise and ef 25 rows found 0.95 of them, new vectors 0.835, and a row moved by the difference of two of its neighbours 0.864.
 */
async function queriesNear(
  index: SegmentIndex,
  vectors: VectorColumn,
  rows: readonly number[],
  signal?: AbortSignal,
): Promise<Sampled> {
  const stored = rows.map((row) => vectors.store.view(row));
  const { elementType, dim } = vectors.store;
  // Bits have no way from one vector to another, and no graph.
  if (elementType === 'binary') return { queries: stored, leftOut: rows.map((row) => [row]) };
  const queries: Uint8Array[] = [];
  const leftOut: number[][] = [];
  for (const [i, query] of stored.entries()) {
    const search = {
      queries: query,
      k: FAR_NEIGHBOUR + 1,
      params: { ef: MOVED_EF },
      passing: vectors.rowCount,
    };
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

/** For levels 1 to 10, rising. */
function widthsOf(curve: RecallCurve): number[] {
  let least = 0;
  return Array.from({ length: LEVEL_MAX }, (_, i) => {
    least = Math.max(least, curve.choose(recallOfLevel(i + 1))?.width ?? 0);
    return least;
  });
}
