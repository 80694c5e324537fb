// Rows in the order that a query asks for: the first ones of a segment, by a bounded heap, and rows of several places put together. Rows
// that the order leaves equal come by their keys, so that pages of one query fit together.

import { must } from '#base/assert.js';
import type { ReadTime } from '#base/read-time.js';
import { findColumn } from '#model/columns/column.js';
import { type OrderColumn, orderColumn, type RowOrder, rowOrder } from '#model/columns/value-order.js';
import type { Pace } from '#platform/pace.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { OrderKey } from '#proto/elanus/roles.js';
import { hideOthers, type PassingBits } from '#segment/fields/excluded-rows.js';
import { orderColumnOf } from '#segment/fields/scalar-view.js';
import { type Compare, selectFirstPaced, sortPaced } from './key-order.js';
import { gatherMerged, type MergedKeys } from './merge-keys.js';
import type { SegmentData } from './segment-data.js';

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
    : [...keys, { fieldId: primaryId, descending: false, nullsFirst: false }];
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
export function firstRows(
  data: SegmentData,
  order: QueryOrder,
  { limit, readTs, passing, excluded }: FirstRows,
  pace: Pace,
): Promise<Uint32Array> {
  const { rowCount } = data;
  const hidden = data.liveBitset(readTs).slice();
  if (passing !== undefined) hideOthers(hidden, passing);
  for (const row of excluded) hidden[row >> 3] = (hidden[row >> 3] as number) | (1 << (row & 7));
  return selectFirstPaced(compareIn(data, order), { limit, hidden, rowCount }, pace);
}

/** The same rows in the order. @throws cancelled, deadline_exceeded */
export const sortedInOrder = (
  data: SegmentData,
  order: QueryOrder,
  rows: Uint32Array,
  pace: Pace,
): Promise<Uint32Array> => sortPaced(rows.slice(), compareIn(data, order), pace);

function compareIn(data: SegmentData, order: QueryOrder): Compare {
  const columns = columnsOf(data, order);
  return (a, b) => order.compare(columns, a, columns, b) || a - b;
}

const columnsOf = (data: SegmentData, { keys }: QueryOrder): OrderColumn[] =>
  keys.map(({ fieldId }) => orderColumnOf(data.scalars(fieldId)));

/** Rows of several places in one order. Each place's rows are in it already. */
interface RowList {
  readonly columns: readonly OrderColumn[];
  readonly length: number;
  readonly rowAt: (at: number) => number;
}

/** Rows between two looks at the clock. */
const ROWS_BETWEEN_LOOKS = 512;

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
export const mergeChosen = (
  segments: readonly { readonly data: SegmentData; readonly rows: Uint32Array }[],
  order: QueryOrder,
  limit: number,
  pace: Pace,
): Promise<MergedKeys> =>
  mergeRows(
    segments.map(({ data, rows }) => ({
      columns: columnsOf(data, order),
      length: rows.length,
      rowAt: (at) => rows[at] as number,
    })),
    order,
    limit,
    pace,
  );

/** Batches in the order as one, without the first `skip` rows. Their keys differ. @throws cancelled, deadline_exceeded */
export async function mergeBatchesInOrder(
  batches: readonly ColumnBatch[],
  order: QueryOrder,
  { limit, skip }: { readonly limit: number; readonly skip: number },
  pace: Pace,
): Promise<ColumnBatch> {
  const found = batches.filter(({ rowCount }) => rowCount > 0);
  if (found.length === 0) return { rowCount: 0, columns: [] };
  const merged = await mergeRows(
    found.map((batch) => ({
      columns: order.keys.map(({ fieldId }) =>
        orderColumn(must(findColumn(batch, fieldId), `order by column ${fieldId}`)),
      ),
      length: batch.rowCount,
      rowAt: (at) => at,
    })),
    order,
    limit,
    pace,
  );
  return gatherMerged(found, merged, skip, pace);
}
