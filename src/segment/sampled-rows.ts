// `random_sample`: of the rows of a segment that pass and are visible, a share, chosen by chance, at least one. As in Milvus each segment
// chooses on its own. The same segment read at the same time chooses the same rows, so that a search that starts over means the same.

import { nextBelow, seededRandom } from '#base/random.js';
import { type ReadTime, timestampOf } from '#base/read-time.js';
import type { PassingBits } from '#segment/fields/excluded-rows.js';
import type { SegmentData } from './segment-data.js';

/** @param share between 0 and 1 */
export function sampledRows(
  data: SegmentData,
  passing: PassingBits,
  { share, readTs }: { readonly share: number; readonly readTs: ReadTime },
): PassingBits {
  const rows: number[] = [];
  for (let row = 0; row < passing.rowCount; row++) {
    const isPassing = (((passing.bits[row >>> 5] as number) >>> (row & 31)) & 1) === 1;
    if (isPassing && data.isVisible(row, readTs)) rows.push(row);
  }
  const wanted = Math.min(rows.length, Math.max(1, Math.floor(rows.length * share)));
  const random = seededRandom(Number(BigInt.asUintN(32, timestampOf(readTs) ^ data.id)));
  const bits = new Uint32Array(passing.bits.length);
  // The first steps of a shuffle: each row has the same chance.
  for (let at = 0; at < wanted; at++) {
    const other = at + nextBelow(random, rows.length - at);
    const row = rows[other] as number;
    rows[other] = rows[at] as number;
    bits[row >>> 5] = (bits[row >>> 5] as number) | (1 << (row & 31));
  }
  return { bits, rowCount: passing.rowCount, passing: wanted };
}
