// Rows of several places in key order, of equal keys the newest: what a query answers. Each place's rows come in key order already, so
// this walks along all of them at once, and stops at the limit.
import { ElanusError } from '#base/errors.js';
import {
  concatBatches,
  findColumn,
  gatherBatch,
  int64Values,
  type Key,
  keyAt,
} from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import type { Pace } from '#platform/pace.js';
import type { ColumnBatch } from '#proto/elanus/data.js';

/** Rows in ascending order of their keys, each key once. */
export interface KeyList {
  readonly length: number;
  keyAt(at: number): Key;
  timeAt(at: number): bigint;
  /** The segment of the row, where lists do not say by their order which has the newer of two rows of one time. */
  segmentAt?(at: number): bigint;
}

/** The number of a column that no field has: the segment of each row. */
export const SEGMENT_COLUMN = -1n;

export interface MergedKeys {
  /** By row of the result: the list it comes from, and its place there. */
  readonly lists: Uint32Array;
  readonly places: Uint32Array;
}

interface Cursor {
  readonly list: KeyList;
  readonly index: number;
  at: number;
  key: Key;
}

/** Keys between two looks at the clock. */
const KEYS_BETWEEN_LOOKS = 512;

/** @param limit keys at most. Of equal times of a key the segment that was begun later wins, else the earlier list. @throws cancelled, deadline_exceeded */
export async function mergeKeyLists(
  lists: readonly KeyList[],
  limit: number,
  pace: Pace,
): Promise<MergedKeys> {
  const total = lists.reduce((sum, { length }) => sum + length, 0);
  const chosen = {
    lists: new Uint32Array(Math.min(total, limit)),
    places: new Uint32Array(Math.min(total, limit)),
  };
  let cursors: Cursor[] = [];
  for (const [index, list] of lists.entries())
    if (list.length > 0) cursors.push({ list, index, at: 0, key: list.keyAt(0) });
  let count = 0;
  while (cursors.length > 0 && count < limit) {
    const best = newestOfSmallest(cursors);
    chosen.lists[count] = best.index;
    chosen.places[count++] = best.at;
    const { key } = best;
    let isDone = false;
    for (const cursor of cursors) {
      if (cursor.key !== key) continue;
      if (++cursor.at < cursor.list.length) cursor.key = cursor.list.keyAt(cursor.at);
      else isDone = true;
    }
    if (isDone) cursors = cursors.filter(({ at, list }) => at < list.length);
    if (count % KEYS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
  }
  return { lists: chosen.lists.subarray(0, count), places: chosen.places.subarray(0, count) };
}

function newestOfSmallest(cursors: readonly Cursor[]): Cursor {
  let best = cursors[0] as Cursor;
  for (let i = 1; i < cursors.length; i++) {
    const cursor = cursors[i] as Cursor;
    const order = compareKeys(cursor.key, best.key);
    if (order < 0 || (order === 0 && isNewer(cursor, best))) best = cursor;
  }
  return best;
}

function isNewer({ list, at }: Cursor, than: Cursor): boolean {
  const [time, other] = [list.timeAt(at), than.list.timeAt(than.at)];
  if (time !== other || list.segmentAt === undefined) return time > other;
  return list.segmentAt(at) > (than.list.segmentAt?.(than.at) ?? 0n);
}

/** Batches in key order whose first two columns are key and timestamp, as one. @param skip rows left out at the front */
export async function mergeBatchesByKey(
  batches: readonly ColumnBatch[],
  limit: number,
  pace: Pace,
  skip = 0,
): Promise<ColumnBatch> {
  const found = batches.filter(({ rowCount }) => rowCount > 0);
  const [only] = found;
  if (only === undefined) return { rowCount: 0, columns: [] };
  if (found.length === 1 && skip === 0 && only.rowCount <= limit) return only;
  return gatherMerged(found, await mergeKeyLists(found.map(listOf), limit, pace), skip, pace);
}

/** Rows of batches as one, where a merge of these found them. @param skip rows left out at the front */
export async function gatherMerged(
  batches: readonly ColumnBatch[],
  { lists, places }: MergedKeys,
  skip: number,
  pace: Pace,
): Promise<ColumnBatch> {
  const bases: number[] = [];
  let base = 0;
  for (const { rowCount } of batches) {
    bases.push(base);
    base += rowCount;
  }
  const rows = new Uint32Array(Math.max(0, places.length - skip));
  for (let row = 0; row < rows.length; row++)
    rows[row] = (bases[lists[row + skip] as number] ?? 0) + (places[row + skip] as number);
  if (pace.isDue) await pace.rest();
  return gatherBatch(concatBatches(batches), rows);
}

function listOf(batch: ColumnBatch): KeyList {
  const { rowCount, columns } = batch;
  const [keys, timestamps] = columns;
  if (keys === undefined || timestamps === undefined)
    throw new ElanusError(
      'internal',
      'retrieved rows have no key or timestamp column; check the version of the peer',
    );
  const times = int64Values(timestamps);
  const list: KeyList = {
    length: rowCount,
    keyAt: (at) => keyAt(keys, at),
    timeAt: (at) => BigInt.asUintN(64, times[at] ?? 0n),
  };
  const column = findColumn(batch, SEGMENT_COLUMN);
  if (column === undefined) return list;
  const segmentIds = int64Values(column);
  return { ...list, segmentAt: (at) => segmentIds[at] ?? 0n };
}
