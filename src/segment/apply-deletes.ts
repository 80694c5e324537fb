// Many deletes on many segments, in slices: a delete by filter may name hundreds of thousands of keys, and others are served meanwhile.
// A read in between sees none of them: each carries its timestamp, and what is read then is older.
import { rowCountOf } from '#model/columns/column.js';
import type { Pace } from '#platform/pace.js';
import type { Column } from '#proto/elanus/data.js';
import type { SegmentData } from './segment-data.js';

export interface KeyDeletes {
  readonly keys: Column;
  /** The time at which the key in that row of `keys` was deleted. */
  readonly timestampAt: (row: number) => bigint;
  /** The partition in which it was deleted; 0n: any. */
  readonly partitionAt: (row: number) => bigint;
}

/** Rows between two looks at the clock. */
const ROWS_AT_ONCE = 512;

/**
 * @param isGone asked after each rest: the segment was released meanwhile, and nothing is left to do
 * @returns how many rows it deleted
 */
export async function applyDeletes(
  data: SegmentData,
  deletes: KeyDeletes,
  pace: Pick<Pace, 'isDue' | 'rest'>,
  isGone: () => boolean,
): Promise<number> {
  const { keys, timestampAt, partitionAt } = deletes;
  const count = rowCountOf(keys, 0);
  let deleted = 0;
  for (let begin = 0; begin < count; begin += ROWS_AT_ONCE) {
    if (pace.isDue) {
      await pace.rest();
      if (isGone()) return deleted;
    }
    const end = Math.min(count, begin + ROWS_AT_ONCE);
    for (let row = begin; row < end; row++) {
      const partitionId = partitionAt(row);
      if (partitionId === 0n || partitionId === data.partitionId)
        deleted += data.applyDeleteOf(keys, row, timestampAt(row));
    }
  }
  return deleted;
}
