// Columns of a batch: building them, reading single rows, picking rows out of them and putting batches together. A column is the
// protobuf message itself, so what arrives from the log or a peer is read in place. Bytes may start at any address: a typed view is
// taken only where the alignment allows it. Widths come from the column (bytes divided by rows); `checkBatch` compares them with the schema once.

import { assert } from '#base/assert.js';
import { bytesView, wordsOf } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { DataType, fixedWidth, isStringType, isVectorType } from '#model/schema/data-type.js';
import { dimOf, ROW_ID_FIELD, TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';

/** A primary key value. */
export type Key = bigint | string;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array(0);

/** A column without nulls unless `valid` is given. */
export const column = (
  fieldId: bigint,
  dataType: number,
  data: Uint8Array,
  offsets: Uint8Array = EMPTY,
  valid: Uint8Array = EMPTY,
): Column => ({ fieldId, dataType, data, offsets, valid });

export function columnFromBytes(
  fieldId: bigint,
  dataType: number,
  values: readonly (Uint8Array | null)[],
): Column {
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
  return column(
    fieldId,
    dataType,
    data,
    bytesView(offsets),
    nulls > 0 ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : EMPTY,
  );
}

export function columnFromStrings(
  fieldId: bigint,
  dataType: number,
  values: readonly (string | null)[],
): Column {
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
  return column(
    fieldId,
    dataType,
    bytesView(ArrayBuffer.isView(values) ? values.slice() : BigInt64Array.from(values)),
  );
}

export const isNull = (from: Column, row: number): boolean => from.valid.length > 0 && from.valid[row] === 0;
/** A little-endian uint32 at any address. */
export const uint32At = (bytes: Uint8Array, index: number): number => {
  const at = index * 4;
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
};

/** A view of a variable-length value. */
export const bytesAt = (from: Column, row: number): Uint8Array =>
  from.data.subarray(uint32At(from.offsets, row), uint32At(from.offsets, row + 1));
export const stringAt = (from: Column, row: number): string => decoder.decode(bytesAt(from, row));
export function int64At(from: Column, row: number): bigint {
  return (BigInt(uint32At(from.data, row * 2 + 1) | 0) << 32n) | BigInt(uint32At(from.data, row * 2));
}

export const keyAt = (from: Column, row: number): Key =>
  isStringType(from.dataType) ? stringAt(from, row) : int64At(from, row);
/** Bytes of an 8-byte column as numbers: a view when they are aligned, else a copy. */
export function int64Values(from: Column): BigInt64Array {
  const { data } = from;
  const count = Math.floor(data.length / 8);
  if (data.byteOffset % 8 === 0) return new BigInt64Array(data.buffer, data.byteOffset, count);
  return new BigInt64Array(new Uint8Array(data).buffer, 0, count);
}

export const findColumn = (batch: ColumnBatch, fieldId: bigint): Column | undefined =>
  batch.columns.find((c) => c.fieldId === fieldId);

export const columnBytes = (from: Column): number =>
  from.data.length + from.offsets.length + from.valid.length;
export const batchBytes = (batch: ColumnBatch): number =>
  batch.columns.reduce((sum, c) => sum + columnBytes(c), 0);

export const batchOf = (rowCount: number, columns: Column[]): ColumnBatch => ({ rowCount, columns });

/** Rows in a column of the given dim (0 for scalars). */
export function rowCountOf(from: Column, dim: number): number {
  const width = fixedWidth(from.dataType, dim);
  if (width === undefined) return Math.max(0, from.offsets.length / 4 - 1);
  return width === 0 ? 0 : from.data.length / width;
}

/** The given rows in that order; a row may come more than once. @param rowCount rows in `from`. */
export function gatherColumn(from: Column, rows: Uint32Array, rowCount: number): Column {
  const valid = from.valid.length > 0 ? Uint8Array.from(rows, (row) => from.valid[row] as number) : EMPTY;
  if (from.offsets.length > 0) {
    const offsets = new Uint32Array(rows.length + 1);
    let total = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      total += uint32At(from.offsets, row + 1) - uint32At(from.offsets, row);
      offsets[i + 1] = total;
    }
    assert(total <= 0xffffffff, `${total} bytes in one column, expected at most 4 GiB`);
    const data = new Uint8Array(total);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      data.set(
        from.data.subarray(uint32At(from.offsets, row), uint32At(from.offsets, row + 1)),
        offsets[i] as number,
      );
    }
    return column(from.fieldId, from.dataType, data, bytesView(offsets), valid);
  }
  const width = widthIn(from, rowCount);
  const data = new Uint8Array(rows.length * width);
  if (width === 8 && from.data.byteOffset % 8 === 0) {
    const source = new Uint32Array(from.data.buffer, from.data.byteOffset, rowCount * 2);
    const target = new Uint32Array(data.buffer);
    for (let i = 0; i < rows.length; i++) {
      const at = (rows[i] as number) * 2;
      target[i * 2] = source[at] as number;
      target[i * 2 + 1] = source[at + 1] as number;
    }
  } else {
    for (let i = 0; i < rows.length; i++) {
      const at = (rows[i] as number) * width;
      data.set(from.data.subarray(at, at + width), i * width);
    }
  }
  return column(from.fieldId, from.dataType, data, EMPTY, valid);
}

/** Rows [begin, end); fixed-width data stays a view. */
export function sliceColumn(from: Column, begin: number, end: number, rowCount: number): Column {
  const valid = from.valid.subarray(begin, end);
  if (from.offsets.length > 0) {
    const all = wordsOf(from.offsets);
    const first = all[begin] as number;
    const offsets = new Uint32Array(end - begin + 1);
    for (let i = 0; i < offsets.length; i++) offsets[i] = (all[begin + i] as number) - first;
    return column(
      from.fieldId,
      from.dataType,
      from.data.subarray(first, all[end]),
      bytesView(offsets),
      valid,
    );
  }
  const width = widthIn(from, rowCount);
  return column(from.fieldId, from.dataType, from.data.subarray(begin * width, end * width), EMPTY, valid);
}

export function gatherBatch(batch: ColumnBatch, rows: Uint32Array): ColumnBatch {
  return batchOf(
    rows.length,
    batch.columns.map((from) => gatherColumn(from, rows, batch.rowCount)),
  );
}

/** One after the other. Every batch has the fields of the first. */
export function concatBatches(batches: readonly ColumnBatch[]): ColumnBatch {
  const [first] = batches;
  if (!first || batches.length === 1) return first ?? batchOf(0, []);
  const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  return batchOf(
    rowCount,
    first.columns.map((model) => {
      const parts = batches.map((batch) => {
        const part = batch.columns.find((candidate) => candidate.fieldId === model.fieldId);
        assert(part, `field ${model.fieldId} is missing in one of the batches`);
        return { part, rows: batch.rowCount };
      });
      return concatColumns(parts, rowCount);
    }),
  );
}

function concatColumns(parts: readonly { part: Column; rows: number }[], rowCount: number): Column {
  const { fieldId, dataType } = (parts[0] as { part: Column }).part;
  const total = parts.reduce((sum, { part }) => sum + part.data.length, 0);
  assert(total <= 0xffffffff, `${total} bytes in one column, expected at most 4 GiB`);
  const data = new Uint8Array(total);
  const hasNulls = parts.some(({ part }) => part.valid.length > 0);
  const valid = hasNulls ? new Uint8Array(rowCount).fill(1) : EMPTY;
  const offsets = parts.some(({ part }) => part.offsets.length > 0)
    ? new Uint32Array(rowCount + 1)
    : undefined;
  let [at, row] = [0, 0];
  for (const { part, rows } of parts) {
    data.set(part.data, at);
    if (part.valid.length > 0) valid.set(part.valid, row);
    if (offsets && rows > 0)
      for (let i = 1; i <= rows; i++) offsets[row + i] = at + uint32At(part.offsets, i);
    at += part.data.length;
    row += rows;
  }
  return column(fieldId, dataType, data, offsets ? bytesView(offsets) : EMPTY, valid);
}

function widthIn(from: Column, rowCount: number): number {
  const width = rowCount === 0 ? 0 : from.data.length / rowCount;
  assert(Number.isInteger(width), `${from.data.length} bytes are not ${rowCount} rows of one width`);
  return width;
}

/** The batch without columns of fields that the schema does not have: mostly the same batch. */
export function withKnownColumns(batch: ColumnBatch, { fields }: CollectionSchema): ColumnBatch {
  const isKnown = ({ fieldId }: Column): boolean =>
    fieldId === ROW_ID_FIELD ||
    fieldId === TIMESTAMP_FIELD ||
    fields.some((field) => field.fieldID === fieldId);
  return batch.columns.every(isKnown) ? batch : { ...batch, columns: batch.columns.filter(isKnown) };
}

/** @throws data_corrupt when lengths do not agree with the row count, a field is not in the schema, or its type differs. */
export function checkBatch(batch: ColumnBatch, schema: CollectionSchema): void {
  const seen = new Set<bigint>();
  for (const from of batch.columns) {
    const isSystem = from.fieldId === ROW_ID_FIELD || from.fieldId === TIMESTAMP_FIELD;
    const field = schema.fields.find((candidate) => candidate.fieldID === from.fieldId);
    const wantedType = isSystem ? DataType.Int64 : field?.dataType;
    const name = field?.name ?? (isSystem ? 'system field' : 'unknown field');
    const refuse = (fact: string): ElanusError =>
      new ElanusError(
        'data_corrupt',
        `column ${from.fieldId} (${name}) of a batch of ${batch.rowCount} rows ${fact}: write the batch again`,
      );
    if (wantedType === undefined) throw refuse(`is not in the schema of ${schema.name}`);
    if (seen.has(from.fieldId)) throw refuse('comes twice, expected once');
    seen.add(from.fieldId);
    if (from.dataType !== wantedType) throw refuse(`has data type ${from.dataType}, expected ${wantedType}`);
    const width = fixedWidth(from.dataType, field ? dimOf(field) : 0);
    const problem = from.packed
      ? packedProblem(from, batch.rowCount, width)
      : (lengthProblem(from, batch.rowCount, width) ??
        (field?.dataType === DataType.ArrayOfVector ? listProblem(from, batch.rowCount, field) : undefined));
    if (problem) throw refuse(problem);
  }
}

/** Why the rows of a column are no lists of whole vectors. */
function listProblem(from: Column, rowCount: number, field: FieldSchema): string | undefined {
  const width = fixedWidth(field.elementType, dimOf(field)) ?? 0;
  if (width === 0) return 'has vectors of no bytes';
  for (let row = 1; row <= rowCount; row++) {
    if (uint32At(from.offsets, row) % width !== 0)
      return `has no whole vectors of ${width} bytes in row ${row - 1}`;
  }
  return undefined;
}

/**
 * Dense vectors without the bytes of rows that are null, as the log keeps them: a null costs a byte, not a vector. A column without
 * nulls stays as it is.
 */
export function packNulls(from: Column, rowCount: number): Column {
  if (from.packed || from.valid.length === 0 || !isVectorType(from.dataType) || from.offsets.length > 0)
    return from;
  const width = widthIn(from, rowCount);
  const data = new Uint8Array(countPresent(from.valid) * width);
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    if (from.valid[row] === 0) continue;
    data.set(from.data.subarray(row * width, (row + 1) * width), at);
    at += width;
  }
  return { ...from, data, packed: true };
}

const countPresent = (valid: Uint8Array): number => {
  let present = 0;
  for (let row = 0; row < valid.length; row++) if (valid[row] !== 0) present++;
  return present;
};

function packedProblem(from: Column, rowCount: number, width: number | undefined): string | undefined {
  if (!isVectorType(from.dataType) || width === undefined || from.offsets.length > 0)
    return 'is packed, expected that of dense vectors only';
  if (from.valid.length !== rowCount) return `has ${from.valid.length} null flags, expected one a row`;
  const wanted = countPresent(from.valid) * width;
  return from.data.length === wanted
    ? undefined
    : `has ${from.data.length} bytes, expected ${wanted} of the rows that are not null`;
}

/** Why a column cannot hold so many rows; undefined when it does. */
export function lengthProblem(from: Column, rowCount: number, width: number | undefined): string | undefined {
  if (from.valid.length !== 0 && from.valid.length !== rowCount)
    return `has ${from.valid.length} null flags, expected none or one a row`;
  if (width !== undefined) {
    if (from.offsets.length > 0) return 'has offsets, expected none for a type of fixed width';
    return from.data.length === rowCount * width
      ? undefined
      : `has ${from.data.length} bytes, expected ${rowCount * width}`;
  }
  if (rowCount === 0 && from.offsets.length === 0)
    return from.data.length === 0 ? undefined : 'has bytes but no rows';
  if (from.offsets.length !== (rowCount + 1) * 4)
    return `has ${from.offsets.length} offset bytes, expected ${(rowCount + 1) * 4}`;
  let previous = uint32At(from.offsets, 0);
  if (previous !== 0) return `starts at byte ${previous}, expected 0`;
  for (let row = 1; row <= rowCount; row++) {
    const next = uint32At(from.offsets, row);
    if (next < previous) return `has a decreasing offset at row ${row}`;
    previous = next;
  }
  return previous === from.data.length
    ? undefined
    : `has ${from.data.length} bytes, but its offsets end at ${previous}`;
}
