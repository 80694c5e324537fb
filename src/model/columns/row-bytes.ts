// What rows take once they are in memory, known before anything is made of them: a request of a few bytes may name many rows, long default
// values and wide vectors that are null. Writers are held to it before they allocate, log or apply anything.
import { ElanusError } from '#base/errors.js';
import { fixedWidth, isDenseVector, isStringType } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldData, FieldSchema } from '#proto/milvus/schema.js';
import { columnBytes } from './column.js';
import { defaultBytes } from './column-values.js';

/** When rows were written and deleted, their bits, the row id, and a key index of at most 20 bytes a row. */
export const SYSTEM_ROW_BYTES = 8 + 8 + 8 + 1 + 20;
/** The rows of one insert or upsert in memory. With it one insert fits one segment, one region, and one file. */
const INSERT_BYTES_MAX = 1 << 30;
/** Rows that a request may name without a single column to count them by. */
const UNCOUNTED_ROWS_MAX = 1 << 20;
/** A value's place in a column of variable width. */
const OFFSET_BYTES = 4;
/** An inverse norm beside each vector. */
const NORM_BYTES = 4;

/** Bytes of a row that the request leaves out; vectors that are null have their place all the same. */
function leftOutBytes(field: FieldSchema): number {
  const width = fixedWidth(field.dataType, dimOf(field));
  if (width !== undefined) return isDenseVector(field.dataType) ? width + NORM_BYTES : width;
  return (defaultBytes(field)?.length ?? 0) + OFFSET_BYTES;
}

/** `leftOutBytes` of all fields of a schema: they are asked for with every write, and a schema that is changed is another object. */
const leftOutOf = new WeakMap<CollectionSchema, readonly number[]>();
function leftOutBytesOf(schema: CollectionSchema): readonly number[] {
  const known = leftOutOf.get(schema);
  if (known?.length === schema.fields.length) return known;
  const bytes = schema.fields.map(leftOutBytes);
  leftOutOf.set(schema, bytes);
  return bytes;
}

/** What a field takes in rows that do not have it, at most, in bytes a row. */
export const missingRowBytes = (field: FieldSchema): number => leftOutBytes(field) + 1;

/** What the rows of a batch take in a segment, columns that were left out or packed as wide as they become there. */
export function appliedBytes(schema: CollectionSchema, { columns, rowCount }: ColumnBatch): number {
  const leftOut = leftOutBytesOf(schema);
  let bytes = 0;
  // Columns mostly come in the order of the schema: the next one is that of the field, or the field has none.
  let next = 0;
  for (const [index, field] of schema.fields.entries()) {
    let column = columns[next];
    if (column?.fieldId === field.fieldID) next++;
    else column = next === columns.length ? undefined : columns.find((one) => one.fieldId === field.fieldID);
    const isDense = isDenseVector(field.dataType);
    if (column === undefined || isDense) bytes += rowCount * (leftOut[index] ?? 0);
    if (column !== undefined) bytes += isDense ? column.valid.length : columnBytes(column);
  }
  return bytes;
}

/**
 * Refuses a write whose rows would take too much, by its claims alone. Costs nothing that grows with them.
 * @throws parameter_too_large
 */
export function checkClaimedRows(
  schema: CollectionSchema,
  sent: ReadonlyMap<bigint, FieldData>,
  numRows: number,
): void {
  if (sent.size === 0 && numRows > UNCOUNTED_ROWS_MAX) {
    throw tooLarge(
      `num_rows is ${numRows} and no column is sent, expected at most ${UNCOUNTED_ROWS_MAX} rows`,
    );
  }
  let bytes = numRows * SYSTEM_ROW_BYTES;
  const leftOut = leftOutBytesOf(schema);
  for (const [index, field] of schema.fields.entries()) {
    const data = sent.get(field.fieldID);
    const perRow = leftOut[index] ?? 0;
    if (data === undefined || !isStringType(field.dataType)) bytes += numRows * perRow;
    else
      bytes +=
        numRows * OFFSET_BYTES + data.validData.reduce((sum, flag) => sum + (flag ? 0 : 1), 0) * perRow;
  }
  if (bytes > INSERT_BYTES_MAX)
    throw tooLarge(`${numRows} rows take ${bytes} bytes in memory, expected at most ${INSERT_BYTES_MAX}`);
}

/** With upstream's text, which names no numbers. */
export const tooLarge = (fact: string): ElanusError =>
  new ElanusError(
    'parameter_too_large',
    `parameter too large[message=insert request size exceeds maxInsertSize]: ${fact}; send the rows in several requests`,
  );
