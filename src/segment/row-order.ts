// Rows in the order that a query asks for: the first ones of a segment, by a bounded heap, and rows of several places put together. Rows
// that the order leaves equal come by their keys, so that pages of one query fit together.

import { must } from '#base/assert.js';
import type { ReadTime } from '#base/read-time.js';
import { type JsonTexts, jsonOrder } from '#expr/evaluate/json/order-values.js';
import { findColumn } from '#model/columns/column.js';
import {
  type OrderColumn,
  orderColumn,
  type RowOrder,
  rowOrder,
  textsOfColumn,
} from '#model/columns/value-order.js';
import type { Pace } from '#platform/pace.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { OrderKey } from '#proto/elanus/roles.js';
import { hideOthers, type PassingBits } from '#segment/fields/excluded-rows.js';
import { orderColumnOf } from '#segment/fields/scalar-view.js';
import { type Compare, selectFirstPaced, sortPaced } from './key-order.js';
import { gatherMerged, type MergedKeys } from './merge-keys.js';
import type { SegmentData } from './segment-data.js';

/** Rows between two looks at the clock. */
const ROWS_BETWEEN_LOOKS = 512;

/** The order of a query, the primary key at its end. */
export interface QueryOrder {
  readonly keys: readonly OrderKey[];
  readonly compare: RowOrder;
}

/** Undefined: key order. */
export function queryOrder(keys: readonly OrderKey[], primaryId: bigint): QueryOrder | undefined {
  if (keys.length === 0) return undefined;
  const all = keys.some(({ fieldId }) => fieldId === primaryId)
    ? keys
    : [...keys, { fieldId: primaryId, descending: false, nullsFirst: false, path: [] }];
  return { keys: all, compare: rowOrder(all) };
}

export interface FirstRows {
  readonly limit: number;
  readonly readTs: ReadTime;
  readonly passing: PassingBits | undefined;
  /** Rows that do not count whatever the filter says. */
  readonly excluded: Iterable<number>;
}

/** Visible rows that come first in the order. @throws cancelled, deadline_exceeded */
export async function firstRows(
  data: SegmentData,
  order: QueryOrder,
  { limit, readTs, passing, excluded }: FirstRows,
  pace: Pace,
): Promise<Uint32Array> {
  const { rowCount } = data;
  const hidden = data.liveBitset(readTs).slice();
  if (passing !== undefined) hideOthers(hidden, passing);
  for (const row of excluded) hidden[row >> 3] = (hidden[row >> 3] as number) | (1 << (row & 7));
  const shown = function* (): Iterable<number> {
    for (let row = 0; row < rowCount; row++)
      if (((hidden[row >> 3] as number) & (1 << (row & 7))) === 0) yield row;
  };
  const compare = compareIn(order, await columnsOf(data, order, shown(), pace));
  return selectFirstPaced(compare, { limit, hidden, rowCount }, pace);
}

/** The same rows in the order. @throws cancelled, deadline_exceeded */
export async function sortedInOrder(
  data: SegmentData,
  order: QueryOrder,
  rows: Uint32Array,
  pace: Pace,
): Promise<Uint32Array> {
  const compare = compareIn(order, await columnsOf(data, order, rows, pace));
  return sortPaced(rows.slice(), compare, pace);
}

const compareIn =
  (order: QueryOrder, columns: readonly OrderColumn[]): Compare =>
  (a, b) =>
    order.compare(columns, a, columns, b) || a - b;

/** @param rows that will be compared: of these alone JSON is read */
const columnsOf = (
  data: SegmentData,
  order: QueryOrder,
  rows: Iterable<number>,
  pace: Pace,
): Promise<readonly OrderColumn[]> => orderColumns(viewsOf(data, order), rows, pace);

function viewsOf(data: SegmentData, { keys }: QueryOrder): (OrderColumn | JsonPart)[] {
  const { rowCount } = data;
  return keys.map(({ fieldId, path }) => {
    const view = data.scalars(fieldId);
    if (path.length === 0) return orderColumnOf(view);
    const offsets = view?.offsets;
    if (view === undefined || offsets === undefined) return orderColumn(undefined);
    return { path, texts: { data: view.data, offsets, valid: view.valid }, rowCount };
  });
}

/** Columns of rows that came from elsewhere, one a key. @throws cancelled, deadline_exceeded */
export function orderColumnsOfBatch(
  batch: ColumnBatch,
  keys: readonly OrderKey[],
  pace: Pace,
): Promise<readonly OrderColumn[]> {
  const { rowCount } = batch;
  return orderColumns(
    keys.map(({ fieldId, path }) => {
      const column = findColumn(batch, fieldId);
      if (path.length === 0 || column === undefined) return orderColumn(column);
      return { path, texts: textsOfColumn(column), rowCount };
    }),
    Array(rowCount).keys(),
    pace,
  );
}

interface JsonPart {
  readonly path: readonly string[];
  readonly texts: JsonTexts;
  readonly rowCount: number;
}

/** Views are taken before anything is awaited. @throws cancelled, deadline_exceeded */
async function orderColumns(
  parts: readonly (OrderColumn | JsonPart)[],
  rows: Iterable<number>,
  pace: Pace,
): Promise<readonly OrderColumn[]> {
  const reads: ((row: number) => void)[] = [];
  const columns = parts.map((part) => {
    if ('kind' in part) return part;
    const { column, read } = jsonOrder(part.path, part.texts, part.rowCount);
    reads.push(read);
    return column;
  });
  if (reads.length === 0) return columns;
  let count = 0;
  for (const row of rows) {
    for (const read of reads) read(row);
    if (++count % ROWS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
  }
  return columns;
}

/** Rows of several places in one order. Each place's rows are in it already. */
interface RowList {
  readonly columns: readonly OrderColumn[];
  readonly length: number;
  readonly rowAt: (at: number) => number;
}

/** At most `limit` rows. Of equal rows those of the earlier list come first. @throws cancelled, deadline_exceeded */
async function mergeRows(
  lists: readonly RowList[],
  { compare }: QueryOrder,
  limit: number,
  pace: Pace,
): Promise<MergedKeys> {
  const total = Math.min(
    limit,
    lists.reduce((sum, { length }) => sum + length, 0),
  );
  const chosen = { lists: new Uint32Array(total), places: new Uint32Array(total) };
  const at = lists.map(() => 0);
  for (let count = 0; count < total; count++) {
    let best = -1;
    for (let index = 0; index < lists.length; index++) {
      const list = lists[index] as RowList;
      if ((at[index] as number) >= list.length) continue;
      const other = lists[best];
      const isFirst =
        other === undefined ||
        compare(
          list.columns,
          list.rowAt(at[index] as number),
          other.columns,
          other.rowAt(at[best] as number),
        ) < 0;
      if (isFirst) best = index;
    }
    chosen.lists[count] = best;
    chosen.places[count] = at[best] as number;
    at[best] = (at[best] as number) + 1;
    if (count % ROWS_BETWEEN_LOOKS === ROWS_BETWEEN_LOOKS - 1 && pace.isDue) await pace.rest();
  }
  return chosen;
}

/** Rows chosen in segments, put together. @throws cancelled, deadline_exceeded */
export async function mergeChosen(
  segments: readonly { readonly data: SegmentData; readonly rows: Uint32Array }[],
  order: QueryOrder,
  limit: number,
  pace: Pace,
): Promise<MergedKeys> {
  // The views of all segments before anything is awaited.
  const viewed = segments.map(({ data, rows }) => ({ views: viewsOf(data, order), rows }));
  const lists: RowList[] = [];
  for (const { views, rows } of viewed) {
    const columns = await orderColumns(views, rows, pace);
    lists.push({ columns, length: rows.length, rowAt: (at) => rows[at] as number });
  }
  return mergeRows(lists, order, limit, pace);
}

/** Batches in the order as one, without the first `skip` rows. Their keys differ. @throws cancelled, deadline_exceeded */
export async function mergeBatchesInOrder(
  batches: readonly ColumnBatch[],
  order: QueryOrder,
  { limit, skip }: { readonly limit: number; readonly skip: number },
  pace: Pace,
): Promise<ColumnBatch> {
  const found = batches.filter(({ rowCount }) => rowCount > 0);
  if (found.length === 0) return { rowCount: 0, columns: [] };
  const lists: RowList[] = [];
  for (const batch of found) {
    for (const { fieldId } of order.keys) must(findColumn(batch, fieldId), `order by column ${fieldId}`);
    const columns = await orderColumnsOfBatch(batch, order.keys, pace);
    lists.push({ columns, length: batch.rowCount, rowAt: (at) => at });
  }
  const merged = await mergeRows(lists, order, limit, pace);
  return gatherMerged(found, merged, skip, pace);
}
