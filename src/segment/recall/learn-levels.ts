// What each level of AUTOINDEX needs in an index that was just built: rows are searched for as queries are, exactly and at a ladder of widths,
// and the least width that is sure to find what the level promises goes into the block.
import { seededRandom } from '#base/random.js';
import { fillSection } from '#index/block/index-block.js';
import { GRAPH_POOL_MAX } from '#index/graph/nodes/graph-layout.js';
import { encodeLevels, LEARNED_KS, LEVELS_BYTES, LEVELS_SECTION } from '#index/graph/nodes/level-widths.js';
import { openVectorIndex } from '#index/vector-indexes.js';
import { LEVEL_MAX } from '#model/params/auto-level.js';
import { recallOfLevel } from '#model/params/learned-levels.js';
import type { Platform } from '#platform/platform.js';
import { SegmentIndex } from '#segment/fields/segment-index.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import { movedRows } from './moved-rows.js';
import { RecallCurve, widthLadder } from './recall-curve.js';
import { measureRecall } from './recall-sample.js';

/** Rows that stand in for queries; so many at a time. */
const SAMPLED_ROWS = 128;
const ROUND_ROWS = 32;
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
      const round = await movedRows(
        index,
        vectors,
        rows.slice(at, at + ROUND_ROWS),
        { passing: rowCount },
        signal,
      );
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

/** For levels 1 to 10, rising. */
function widthsOf(curve: RecallCurve): number[] {
  let least = 0;
  return Array.from({ length: LEVEL_MAX }, (_, i) => {
    least = Math.max(least, curve.choose(recallOfLevel(i + 1))?.width ?? 0);
    return least;
  });
}
