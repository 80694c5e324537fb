// Columns as an evaluator reads them: typed arrays over the bytes of a column, so that a loop over a column is a loop over numbers. Whoever
// has rows (a segment, a test) gives a `ColumnSource`; views are of rows that do not change any more.
import type { PathColumn } from '#expr/evaluate/json/path-column.js';
import type { Leaf } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';

/** `int64`: two words a value, the low one first. Bools are `int8` of 0 and 1. */
export type FixedForm = 'int8' | 'int16' | 'int32' | 'int64' | 'float' | 'double';
export type FixedValues =
  | { readonly form: 'int8'; readonly values: Int8Array }
  | { readonly form: 'int16'; readonly values: Int16Array }
  | { readonly form: 'int32'; readonly values: Int32Array }
  | { readonly form: 'int64'; readonly values: Int32Array }
  | { readonly form: 'float'; readonly values: Float32Array }
  | { readonly form: 'double'; readonly values: Float64Array };

interface Nullable {
  /** One byte a row, 0: null. Empty: no row is null. */
  readonly valid: Uint8Array;
}

export type FixedView = FixedValues & Nullable & { readonly kind: 'fixed' };
/** The bytes of row r are [offsets[r], offsets[r + 1]). */
export interface VariableView extends Nullable {
  readonly kind: 'variable';
  readonly data: Uint8Array;
  readonly offsets: Uint32Array;
}
export type ColumnView = FixedView | VariableView;

export interface ColumnSource {
  /** Undefined: these rows have no such field, it is null in each. */
  view(fieldId: bigint): ColumnView | undefined;
  /** What is kept about a path of a JSON field; undefined: nothing, rows are looked through each time. */
  path?(fieldId: bigint, path: readonly string[]): PathColumn | undefined;
  /** A bit a row for which the leaf is true, where that is known of all rows. */
  known?(leaf: Leaf): Uint32Array | undefined;
  /** The share of the rows, 0 to 1, that the column of a path has already; asks for no column. */
  keptShare?(fieldId: bigint, path: readonly string[]): number;
}

const formByType = new Map<number, FixedForm>([
  [DataType.Bool, 'int8'],
  [DataType.Int8, 'int8'],
  [DataType.Int16, 'int16'],
  [DataType.Int32, 'int32'],
  [DataType.Date, 'int32'],
  [DataType.Int64, 'int64'],
  [DataType.Timestamptz, 'int64'],
  [DataType.Time, 'int64'],
  [DataType.Float, 'float'],
  [DataType.Double, 'double'],
]);

/** How values of a type lie in memory; undefined for those of variable width and for vectors. */
export const formOf = (dataType: number): FixedForm | undefined => formByType.get(dataType);

export function viewOf(from: Column): ColumnView {
  const { valid } = from;
  const form = formOf(from.dataType);
  if (form !== undefined) return { kind: 'fixed', ...fixedValues(form, from.data), valid };
  const offsets = aligned(from.offsets, 4);
  return {
    kind: 'variable',
    data: from.data,
    offsets: new Uint32Array(offsets.buffer, offsets.byteOffset, offsets.byteLength >>> 2),
    valid,
  };
}

/** Little-endian bytes as numbers: the same memory where its address allows it, else a copy. */
export function fixedValues(form: FixedForm, bytes: Uint8Array): FixedValues {
  const width = widthOf(form);
  const { buffer, byteOffset, byteLength } = aligned(bytes, width);
  const count = Math.floor(byteLength / width);
  switch (form) {
    case 'int8':
      return { form, values: new Int8Array(buffer, byteOffset, count) };
    case 'int16':
      return { form, values: new Int16Array(buffer, byteOffset, count) };
    case 'int32':
      return { form, values: new Int32Array(buffer, byteOffset, count) };
    case 'int64':
      return { form, values: new Int32Array(buffer, byteOffset, count * 2) };
    case 'float':
      return { form, values: new Float32Array(buffer, byteOffset, count) };
    case 'double':
      return { form, values: new Float64Array(buffer, byteOffset, count) };
  }
}

export function widthOf(form: FixedForm): number {
  switch (form) {
    case 'int8':
      return 1;
    case 'int16':
      return 2;
    case 'int32':
    case 'float':
      return 4;
    case 'int64':
    case 'double':
      return 8;
  }
}

const aligned = (bytes: Uint8Array, width: number): Uint8Array =>
  bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
