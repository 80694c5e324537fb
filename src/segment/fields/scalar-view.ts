// A scalar column as readers see it that go column by column, filters above all: typed views of the storage for a range of rows, without a
// copy. A view is good for the turn in which it was taken and stays readable after it: rows never change once they are written, and rows
// that come later move the column to new arrays or lie behind the view.
import type { PlainOrderColumn } from '#model/columns/value-order.js';
import { DataType } from '#model/schema/data-type.js';

/** Arrays of values of fixed width. Bool has a byte a value, 0 or 1. */
export type ScalarValues =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

export interface ScalarView {
  readonly dataType: number;
  readonly rowCount: number;
  /** Value i is that of row begin + i; of a null it is 0. Undefined for types of variable width, which have `offsets`. */
  readonly values: ScalarValues | undefined;
  /** Value i of a variable width is `data[offsets[i], offsets[i + 1])`: text in UTF-8, JSON as it was stored, arrays as protobuf. */
  readonly data: Uint8Array;
  readonly offsets: Uint32Array | undefined;
  /** 1: the row has a value, 0: it is null. Undefined: every row has one. */
  readonly valid: Uint8Array | undefined;
}

/** The arrays of a column store, longer than what is filled. */
interface Storage {
  readonly data: Uint8Array;
  readonly dataBytes: number;
  readonly offsets: Uint32Array | undefined;
  readonly valid: Uint8Array | undefined;
}

/** @param storage `data` begins its buffer, which ends at a multiple of 8 */
export function scalarView(dataType: number, storage: Storage, begin: number, end: number): ScalarView {
  const { data, dataBytes, offsets, valid } = storage;
  return {
    dataType,
    rowCount: end - begin,
    values: offsets === undefined ? valuesOf(dataType, data, begin, end - begin) : undefined,
    data: data.subarray(0, dataBytes),
    offsets: offsets?.subarray(begin, end + 1),
    valid: valid?.subarray(begin, end),
  };
}

function valuesOf(dataType: number, { buffer }: Uint8Array, begin: number, count: number): ScalarValues {
  switch (dataType) {
    case DataType.Bool:
      return new Uint8Array(buffer, begin, count);
    case DataType.Int8:
      return new Int8Array(buffer, begin, count);
    case DataType.Int16:
      return new Int16Array(buffer, begin * 2, count);
    case DataType.Float:
      return new Float32Array(buffer, begin * 4, count);
    case DataType.Int32:
    case DataType.Date:
      return new Int32Array(buffer, begin * 4, count);
    case DataType.Double:
      return new Float64Array(buffer, begin * 8, count);
    default:
      return new BigInt64Array(buffer, begin * 8, count);
  }
}

/** Undefined: the segment has no such column, its rows are null there. */
export function orderColumnOf(view: ScalarView | undefined): PlainOrderColumn {
  if (view === undefined) return { kind: 'none', valid: undefined };
  const { values, data, offsets, valid } = view;
  if (offsets !== undefined) return { kind: 'text', data, offsets, valid };
  if (values instanceof BigInt64Array)
    return {
      kind: 'int64',
      words: new Int32Array(values.buffer, values.byteOffset, values.length * 2),
      valid,
    };
  return values === undefined ? { kind: 'none', valid } : { kind: 'number', values, valid };
}
