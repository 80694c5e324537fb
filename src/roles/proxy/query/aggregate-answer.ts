// The last step of a query that aggregates: what shards know of each group becomes its results, in an order, cut to the page. Without
// `order_by_fields` groups come by the values they are grouped by.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import {
  columnFromInt64,
  findColumn,
  gatherColumn,
  int64Values,
  isNull,
  stringAt,
} from '#model/columns/column.js';
import { fieldOfColumn } from '#model/columns/field-data-out.js';
import { orderColumn, rowOrder } from '#model/columns/value-order.js';
import type { AggregateOutput, AggregateQuery } from '#model/params/aggregates.js';
import type { OrderTerm } from '#model/params/order-by.js';
import { DataType, fixedWidth } from '#model/schema/data-type.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { AggregateCall, Aggregation } from '#proto/elanus/roles.js';
import { type FieldData, FieldSchema } from '#proto/milvus/schema.js';
import { doubles } from '#segment/aggregate/accumulators.js';
import { isFloatType, stateId } from '#segment/aggregate/aggregation.js';

/** As shards get it: a mean is asked for as its sum and count. */
export const aggregationOf = ({ groupBy, outputs }: AggregateQuery): Aggregation => ({
  groupBy: groupBy.map(({ fieldID }) => fieldID),
  calls: outputs.flatMap(callsOf),
});

function callsOf(output: AggregateOutput): AggregateCall[] {
  if (output.kind === 'group') return [];
  if (output.kind === 'rows') return [{ op: 'rows', fieldId: 0n }];
  const { call, field } = output;
  const ops = call === 'avg' ? ['sum', 'count'] : [call];
  return ops.map((op) => ({ op, fieldId: field.fieldID }));
}

export interface GroupPage {
  readonly orderBy: readonly OrderTerm[];
  readonly offset: number;
  readonly limit: number;
  /** In which times are answered. */
  readonly zone: string | undefined;
}

/** @throws refused for an order by something else than the answer has; invalid_parameter for a sum beyond 64 bits */
export function aggregateFields(
  { groupBy, outputs }: AggregateQuery,
  groups: ColumnBatch,
  { orderBy, offset, limit, zone }: GroupPage,
): FieldData[] {
  const isWhole = groupBy.length === 0;
  // No rows at all are still one group when nothing is grouped by: it has no rows.
  const rowCount = isWhole ? 1 : groups.rowCount;
  const results = resultsOf(outputs, groups, rowCount);
  const grouped = groupBy.map(
    (field): Result => ({
      field,
      column:
        groups.rowCount === 0 ? emptyColumn(field) : must(findColumn(groups, field.fieldID), field.name),
    }),
  );
  const terms = orderTerms(results, grouped, orderBy);
  const columns = terms.map(({ result }) => orderColumn(result.column));
  const compare = rowOrder(terms.map(({ term }) => term));
  const rows = Uint32Array.from({ length: rowCount }, (_, row) => row)
    .sort((a, b) => compare(columns, a, columns, b))
    .slice(offset, offset + limit);
  return results.map(({ field, column }) =>
    fieldOfColumn(field, gatherColumn(column, rows, rowCount), rows.length, zone),
  );
}

interface Result {
  readonly field: FieldSchema;
  readonly column: Column;
}

interface ResultTerm {
  readonly result: Result;
  readonly term: Pick<OrderTerm, 'descending' | 'nullsFirst'>;
}

function orderTerms(
  results: readonly Result[],
  grouped: readonly Result[],
  orderBy: readonly OrderTerm[],
): ResultTerm[] {
  const asked = orderBy.map((term): ResultTerm => {
    const result = [...results, ...grouped].find(({ field }) => field.name === term.name);
    if (result !== undefined) return { result, term };
    throw new ElanusError(
      'refused',
      `field ${term.name.slice(0, 200)} not exist: order by takes the fields grouped by and the aggregates of output_fields`,
    );
  });
  const byGroup = grouped.map((result) => ({ result, term: { descending: false, nullsFirst: false } }));
  return [...asked, ...byGroup];
}

function resultsOf(outputs: readonly AggregateOutput[], groups: ColumnBatch, rowCount: number): Result[] {
  let call = 0;
  const state = (): Column | undefined => findColumn(groups, stateId(call++));
  return outputs.map((output): Result => {
    if (output.kind === 'group') {
      const { field } = output;
      return { field, column: findColumn(groups, field.fieldID) ?? emptyColumn(field) };
    }
    const { name } = output;
    if (output.kind === 'rows' || output.call === 'count')
      return {
        field: named(name, DataType.Int64, false),
        column: state() ?? columnFromInt64(0n, zeros(rowCount)),
      };
    if (output.call === 'sum') {
      const type = isFloatType(output.field.dataType) ? DataType.Double : DataType.Int64;
      return { field: named(name, type, true), column: sumColumn(name, state(), type, rowCount) };
    }
    if (output.call === 'avg') {
      const [sums, counts] = [state(), state()];
      return { field: named(name, DataType.Double, true), column: meanColumn(sums, counts, rowCount) };
    }
    const { dataType } = output.field;
    return { field: named(name, dataType, true), column: state() ?? nullColumn(dataType, rowCount) };
  });
}

const zeros = (count: number): bigint[] => Array.from({ length: count }, () => 0n);
const named = (name: string, dataType: DataType, nullable: boolean): FieldSchema =>
  FieldSchema.create({ name, dataType, nullable });

function sumColumn(name: string, sums: Column | undefined, type: DataType, rowCount: number): Column {
  if (sums === undefined) return nullColumn(type, rowCount);
  if (type === DataType.Double) return sums;
  const totals = Array.from({ length: rowCount }, (_, row) =>
    isNull(sums, row) ? 0n : BigInt(stringAt(sums, row)),
  );
  const beyond = totals.find((total) => total !== BigInt.asIntN(64, total));
  if (beyond !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      `${name}: a sum is ${beyond}, which is beyond Int64; filter or group the rows, or ask for avg`,
    );
  return { ...columnFromInt64(0n, totals), valid: sums.valid };
}

function meanColumn(sums: Column | undefined, counts: Column | undefined, rowCount: number): Column {
  if (sums === undefined || counts === undefined) return nullColumn(DataType.Double, rowCount);
  const total = sums.dataType === DataType.Double ? orderColumn(sums) : undefined;
  const numbers = int64Values(counts);
  const means = Array.from(numbers, (count, row) => {
    if (count === 0n) return undefined;
    const sum = total?.kind === 'number' ? (total.values[row] as number) : Number(stringAt(sums, row));
    return sum / Number(count);
  });
  return doubles(0n, means);
}

const emptyColumn = ({ dataType }: FieldSchema): Column => nullColumn(dataType, 0);

function nullColumn(dataType: DataType, rowCount: number): Column {
  const width = fixedWidth(dataType, 0);
  return {
    fieldId: 0n,
    dataType,
    data: new Uint8Array((width ?? 0) * rowCount),
    offsets: new Uint8Array(width === undefined ? (rowCount + 1) * 4 : 0),
    valid: new Uint8Array(rowCount),
  };
}
