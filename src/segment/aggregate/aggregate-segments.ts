// Groups of the rows of segments, and groups of several places made one.
import { must } from '#base/assert.js';
import { concatBatches, findColumn, gatherColumn } from '#model/columns/column.js';
import { orderColumn, type PlainOrderColumn } from '#model/columns/value-order.js';
import type { Pace } from '#platform/pace.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { Aggregation } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { hasBitAt } from '#segment/fields/row-versions.js';
import { orderColumnOf, type ScalarView } from '#segment/fields/scalar-view.js';
import {
  type Accumulator,
  counter,
  countSum,
  digitSum,
  extreme,
  floatSum,
  integerSum,
} from './accumulators.js';
import { isFloatType, opOf, stateId } from './aggregation.js';
import { GroupTable } from './group-table.js';

/** Rows between two looks at the clock. */
const ROWS_BETWEEN_LOOKS = 4096;

/** The segment as an aggregation reads it. */
export interface AggregatedSegment {
  readonly rowCount: number;
  readonly schema: CollectionSchema;
  scalars(fieldId: bigint): ScalarView | undefined;
  fetch(rows: Uint32Array, fieldIds: readonly bigint[]): ColumnBatch;
}

/** @param left bit set: the row does not count. @throws parameter_too_large, cancelled, deadline_exceeded */
export async function aggregateRows(
  data: AggregatedSegment,
  aggregation: Aggregation,
  left: Uint8Array,
  pace: Pace,
): Promise<ColumnBatch> {
  const { rowCount } = data;
  const gather = (fieldId: bigint, rows: Uint32Array): Column =>
    must(data.fetch(rows, [fieldId]).columns[0], `column of field ${fieldId}`);
  const columnOf = (fieldId: bigint): PlainOrderColumn => orderColumnOf(data.scalars(fieldId));
  const accumulators = aggregation.calls.map((call, at): Accumulator => {
    const op = opOf(call);
    const { fieldId } = call;
    if (op === 'rows') return counter(stateId(at), undefined);
    const values = columnOf(fieldId);
    if (op === 'count') return counter(stateId(at), values);
    if (op !== 'sum')
      return extreme(values, op, (rows) => ({ ...gather(fieldId, rows), fieldId: stateId(at) }));
    const field = data.schema.fields.find(({ fieldID }) => fieldID === fieldId);
    return isFloatType(must(field, `field ${fieldId}`).dataType)
      ? floatSum(stateId(at), values)
      : integerSum(stateId(at), values);
  });
  const groups = new GroupTable(aggregation.groupBy.map(columnOf));
  for (let row = 0; row < rowCount; row++) {
    if (row % ROWS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
    if (hasBitAt(left, row)) continue;
    const group = groups.groupOf(row);
    for (const accumulator of accumulators) accumulator.add(row, group);
  }
  return finish(groups, aggregation, accumulators, gather);
}

/** Groups with equal values become one. @throws parameter_too_large, cancelled, deadline_exceeded */
export async function mergeGroups(
  batches: readonly ColumnBatch[],
  aggregation: Aggregation,
  pace: Pace,
): Promise<ColumnBatch> {
  const found = batches.filter(({ rowCount }) => rowCount > 0);
  const [only] = found;
  if (only === undefined) return { rowCount: 0, columns: [] };
  if (found.length === 1) return only;
  const all = concatBatches(found);
  const columnOf = (id: bigint): Column => must(findColumn(all, id), `column ${id} of groups`);
  const gather = (id: bigint, rows: Uint32Array): Column => gatherColumn(columnOf(id), rows, all.rowCount);
  const accumulators = aggregation.calls.map((call, at): Accumulator => {
    const op = opOf(call);
    const id = stateId(at);
    const states = columnOf(id);
    const values = orderColumn(states);
    if (op === 'rows' || op === 'count') return countSum(id, values);
    if (op !== 'sum') return extreme(values, op, (rows) => gather(id, rows));
    return isFloatType(states.dataType) ? floatSum(id, values) : digitSum(id, states, values);
  });
  const groups = new GroupTable(aggregation.groupBy.map((id) => orderColumn(columnOf(id))));
  for (let row = 0; row < all.rowCount; row++) {
    if (row % ROWS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
    const group = groups.groupOf(row);
    for (const accumulator of accumulators) accumulator.add(row, group);
  }
  return finish(groups, aggregation, accumulators, gather);
}

function finish(
  { firstRows }: GroupTable,
  { groupBy }: Aggregation,
  accumulators: readonly Accumulator[],
  gather: (fieldId: bigint, rows: Uint32Array) => Column,
): ColumnBatch {
  if (firstRows.length === 0) return { rowCount: 0, columns: [] };
  const first = Uint32Array.from(firstRows);
  return {
    rowCount: first.length,
    columns: [
      ...groupBy.map((fieldId) => gather(fieldId, first)),
      ...accumulators.map((accumulator) => accumulator.finish()),
    ],
  };
}
