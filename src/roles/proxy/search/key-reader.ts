// Values of rows that are equal or not, with nothing between: what rows can be grouped by.

import { int64At, stringAt } from '#model/columns/column.js';
import type { Column } from '#proto/elanus/data.js';
import { DataType } from '#proto/milvus/schema.js';

/** Undefined: values of the type are no truth values, whole numbers or texts. Of a null it reads whatever is in its place. */
export function keyReader(from: Column): ((row: number) => bigint | string | boolean) | undefined {
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
    case DataType.VarChar:
    case DataType.Text:
      return (row) => stringAt(from, row);
    default:
      return undefined;
  }
}
