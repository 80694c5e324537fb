// Scalar values of rows as numbers and texts, for what is computed and answered hit by hit.
import { bytesAt, int64At, isNull, stringAt } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';

export type RowValue = bigint | number | string | boolean | Uint8Array | null;

/** Undefined: values of the type are no scalars. */
export function rowValues(from: Column): ((row: number) => RowValue) | undefined {
  const valueAt = readerOf(from);
  return valueAt && ((row) => (isNull(from, row) ? null : valueAt(row)));
}

function readerOf(from: Column): ((row: number) => RowValue) | undefined {
  const view = new DataView(from.data.buffer, from.data.byteOffset, from.data.byteLength);
  switch (from.dataType) {
    case DataType.Bool:
      return (row) => from.data[row] !== 0;
    case DataType.Int8:
      return (row) => BigInt(view.getInt8(row));
    case DataType.Int16:
      return (row) => BigInt(view.getInt16(row * 2, true));
    case DataType.Int32:
      return (row) => BigInt(view.getInt32(row * 4, true));
    case DataType.Int64:
    case DataType.Timestamptz:
      return (row) => int64At(from, row);
    case DataType.Float:
      return (row) => view.getFloat32(row * 4, true);
    case DataType.Double:
      return (row) => view.getFloat64(row * 8, true);
    case DataType.VarChar:
    case DataType.Text:
      return (row) => stringAt(from, row);
    case DataType.JSON:
      return (row) => bytesAt(from, row);
    default:
      return undefined;
  }
}

/** Nulls where they are wanted, whatever the direction. */
export function compareRowValues(
  a: RowValue,
  b: RowValue,
  { descending, nullsFirst }: { readonly descending: boolean; readonly nullsFirst: boolean },
): number {
  if (a === null || b === null) {
    if (a === b) return 0;
    return (a === null) === nullsFirst ? -1 : 1;
  }
  const order = a < b ? -1 : Number(a > b);
  return descending ? -order : order;
}
