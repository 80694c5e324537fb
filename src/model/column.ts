// Columns of a batch: building them and reading single rows. A column is the protobuf message itself, so what arrives from the log or
// a peer is read in place. Bytes may start at any address: a typed view is taken only where the alignment allows it.
import { assert } from '#base/assert.js';
import { Column, type ColumnBatch } from '#proto/elanus/data.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { DataType, isStringType } from './data-type.js';

/** A primary key value. */
export type Key = bigint | string;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array(0);

export const bytesView = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** A column without nulls unless `valid` is given. */
export const column = (fieldId: bigint, dataType: number, data: Uint8Array, offsets: Uint8Array = EMPTY, valid: Uint8Array = EMPTY): Column =>
  Column.create({ fieldId, dataType, data, offsets, valid });

export function columnFromBytes(fieldId: bigint, dataType: number, values: readonly (Uint8Array | null)[]): Column {
  const offsets = new Uint32Array(values.length + 1);
  let bytes = 0;
  let nulls = 0;
  values.forEach((value, row) => {
    bytes += value?.length ?? 0;
    if (value === null) nulls++;
    offsets[row + 1] = bytes;
  });
  assert(bytes <= 0xffffffff, `${bytes} bytes in one column, expected at most 4 GiB`);
  const data = new Uint8Array(bytes);
  values.forEach((value, row) => {
    if (value) data.set(value, offsets[row] as number);
  });
  return column(fieldId, dataType, data, bytesView(offsets), nulls > 0 ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : EMPTY);
}
export function columnFromStrings(fieldId: bigint, dataType: number, values: readonly (string | null)[]): Column {
  return columnFromBytes(
    fieldId,
    dataType,
    values.map((value) => (value === null ? null : encoder.encode(value))),
  );
}
export function columnFromInt64(
  fieldId: bigint,
  values: readonly bigint[] | BigInt64Array | BigUint64Array,
  dataType: number = DataType.Int64,
): Column {
  return column(fieldId, dataType, bytesView(ArrayBuffer.isView(values) ? values.slice() : BigInt64Array.from(values)));
}
/** @param keys of the field's own type. */
export function columnFromKeys(field: FieldSchema, keys: readonly Key[]): Column {
  if (isStringType(field.dataType)) return columnFromStrings(field.fieldID, field.dataType, keys.map(String));
  return columnFromInt64(field.fieldID, keys.map(BigInt), field.dataType);
}

export const isNull = (from: Column, row: number): boolean => from.valid.length > 0 && from.valid[row] === 0;
/** A little-endian uint32 at any address. */
export const uint32At = (bytes: Uint8Array, index: number): number => {
  const at = index * 4;
  return (
    ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
  );
};
/** A view of a variable-length value. */
export const bytesAt = (from: Column, row: number): Uint8Array =>
  from.data.subarray(uint32At(from.offsets, row), uint32At(from.offsets, row + 1));
export const stringAt = (from: Column, row: number): string => decoder.decode(bytesAt(from, row));
export function int64At(from: Column, row: number): bigint {
  return (BigInt(uint32At(from.data, row * 2 + 1) | 0) << 32n) | BigInt(uint32At(from.data, row * 2));
}
export const keyAt = (from: Column, row: number): Key => (isStringType(from.dataType) ? stringAt(from, row) : int64At(from, row));
/** Bytes of an 8-byte column as numbers: a view when they are aligned, else a copy. */
export function int64Values(from: Column): BigInt64Array {
  const { data } = from;
  const count = Math.floor(data.length / 8);
  if (data.byteOffset % 8 === 0) return new BigInt64Array(data.buffer, data.byteOffset, count);
  return new BigInt64Array(data.slice().buffer, 0, count);
}
export const findColumn = (batch: ColumnBatch, fieldId: bigint): Column | undefined => batch.columns.find((c) => c.fieldId === fieldId);

export const columnBytes = (from: Column): number => from.data.length + from.offsets.length + from.valid.length;
export const batchBytes = (batch: ColumnBatch): number => batch.columns.reduce((sum, c) => sum + columnBytes(c), 0);
