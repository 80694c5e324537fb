// Elements that an `element_filter` keeps: of the rows of an answer, and, where the vectors of a struct array are searched one by one, of all
// rows of a segment. Which rows have such an element at all is a matter of `passing-rows.ts`.
import { assert } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { ElementEvaluator } from '#expr/evaluate/element-evaluator.js';
import type { ElementPredicate } from '#expr/typed.js';
import { bytesAt, columnFromBytes, findColumn } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { Pace } from '#platform/pace.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { PassingBits } from '#segment/fields/excluded-rows.js';
import { countBits } from '#segment/fields/row-versions.js';
import type { VectorLists } from '#segment/fields/vector-lists.js';
import { columnsOf } from './passing-rows.js';
import type { SegmentData } from './segment-data.js';

/** Elements that are evaluated before the clock is read. */
const ELEMENTS_AT_ONCE = 1 << 14;
/** The number of a column that no field has: places of elements, uint32 each. */
const ELEMENTS_COLUMN = -3n;

/**
 * Which vectors of the lists pass, by their numbers in the segment.
 * @throws cancelled, deadline_exceeded
 */
export async function passingElements(
  data: SegmentData,
  lists: VectorLists,
  elements: ElementPredicate,
  pace: Pace,
): Promise<PassingBits> {
  const { rowCount } = data;
  const count = lists.firstOf(rowCount);
  const bits = new Uint32Array(Math.ceil(count / 32));
  const evaluator = new ElementEvaluator(elements, columnsOf(data, rowCount));
  for (let begin = 0; begin < rowCount; ) {
    const first = lists.firstOf(begin);
    let end = begin + 1;
    while (end < rowCount && lists.endOf(end) - first <= ELEMENTS_AT_ONCE) end++;
    checkLengths(lists, evaluator, begin, end);
    evaluator.evaluate(begin, end, lists.endOf(end - 1) - first, bits, first);
    begin = end;
    if (pace.isDue) await pace.rest();
  }
  return { bits, rowCount: count, passing: countBits(bytesView(bits)) };
}

/** Every write was checked for this; if it were not so, elements of other rows would be found. */
function checkLengths(lists: VectorLists, evaluator: ElementEvaluator, begin: number, end: number): void {
  for (let row = begin; row < end; row++) {
    const [vectors, elements] = [lists.endOf(row) - lists.firstOf(row), evaluator.lengthOf(row)];
    assert(vectors === elements, `row ${row} has ${vectors} vectors and ${elements} elements`);
  }
}

/** The rows of an answer with a column more: which elements of each pass. */
export function withElements(
  batch: ColumnBatch,
  elements: ElementPredicate,
  dataOf: (segmentId: bigint) => SegmentData | undefined,
  { segmentIds, rows }: { readonly segmentIds: BigInt64Array; readonly rows: Uint32Array },
): ColumnBatch {
  const evaluators = new Map<bigint, ElementEvaluator>();
  const places = Array.from(rows, (row, at) => {
    const id = segmentIds[at] ?? 0n;
    const data = dataOf(id);
    if (data === undefined) return new Uint8Array(0);
    const evaluator = evaluators.get(id) ?? new ElementEvaluator(elements, columnsOf(data, data.rowCount));
    evaluators.set(id, evaluator);
    return bytesView(Uint32Array.from(evaluator.ofRow(row)));
  });
  return { ...batch, columns: [...batch.columns, columnFromBytes(ELEMENTS_COLUMN, DataType.Array, places)] };
}

/** What `withElements` added; undefined: nothing. */
export const elementsColumn = (batch: ColumnBatch): Column | undefined => findColumn(batch, ELEMENTS_COLUMN);

/** The places of a row's elements. */
export const placesAt = (column: Column, row: number): Uint32Array =>
  new Uint32Array(new Uint8Array(bytesAt(column, row)).buffer);
