// Scalar values of rows as numbers and texts, for what is computed and answered hit by hit.
import { bytesAt, isNull } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { keyReader } from '#roles/proxy/search/key-reader.js';

export type RowValue = bigint | number | string | boolean | Uint8Array | null;

/** Undefined: values of the type are no scalars. */
export function rowValues(from: Column): ((row: number) => RowValue) | undefined {
  const valueAt = keyReader(from) ?? readerOf(from);
  return valueAt && ((row) => (isNull(from, row) ? null : valueAt(row)));
}

function readerOf(from: Column): ((row: number) => RowValue) | undefined {
  const view = new DataView(from.data.buffer, from.data.byteOffset, from.data.byteLength);
  switch (from.dataType) {
    case DataType.Float:
      return (row) => view.getFloat32(row * 4, true);
    case DataType.Double:
      return (row) => view.getFloat64(row * 8, true);
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
