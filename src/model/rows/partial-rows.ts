// Rows of a partial update: the columns that were sent over the rows that are there. A column that was not sent keeps its value to the bit;
// keys of the dynamic field are put over those that are there; an array may be added to or taken from. A JSON field is replaced whole.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { bytesAt, columnFromBytes, findColumn, gatherColumn, isNull } from '#model/columns/column.js';
import { JSON_BYTES_MAX } from '#model/columns/field-column.js';
import { mergeObjects } from '#model/json/merge-objects.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import { type CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { type ArrayOp, changedArray } from './array-ops.js';

/** By field id. */
export type ArrayOps = ReadonlyMap<bigint, ArrayOp>;

/**
 * @param sent rows of the request, in the order of `old`, with the columns that were sent
 * @param old the rows as they are, with every column
 * @param numbers of the rows in the request, for errors
 * @throws invalid_parameter
 */
export function updatedRows(
  schema: CollectionSchema,
  { sent, old, ops }: { readonly sent: ColumnBatch; readonly old: ColumnBatch; readonly ops: ArrayOps },
  numbers: ArrayLike<number>,
): ColumnBatch {
  const columns = schema.fields.map((field) => {
    const given = findColumn(sent, field.fieldID);
    const present = must(findColumn(old, field.fieldID), `column of field ${field.name}`);
    if (given === undefined) return present;
    if (field.isDynamic) return mergedMeta(field, present, given, numbers);
    const op = ops.get(field.fieldID);
    return op === undefined ? given : changedColumn(field, op, { present, given, numbers });
  });
  return { rowCount: sent.rowCount, columns };
}

/** Arrays of keys that have no row yet: there is nothing to take from, and what is added is all. */
export function withoutBase(schema: CollectionSchema, sent: ColumnBatch, ops: ArrayOps): ColumnBatch {
  const columns = sent.columns.map((given) => {
    const field = schema.fields.find(({ fieldID }) => fieldID === given.fieldId);
    if (field === undefined || ops.get(given.fieldId) !== 'remove') return given;
    const values = Array.from({ length: sent.rowCount }, (_, row) =>
      isNull(given, row) ? null : new Uint8Array(0),
    );
    return columnFromBytes(field.fieldID, field.dataType, values);
  });
  return { ...sent, columns };
}

interface ArrayColumns {
  readonly present: Column;
  readonly given: Column;
  readonly numbers: ArrayLike<number>;
}

/** A null in the request leaves the row as it is, and so does a removal from a null; elements that are added to a null make an array of it. */
function changedColumn(field: FieldSchema, op: ArrayOp, { present, given, numbers }: ArrayColumns): Column {
  const bytesOf = (from: Column, row: number): Uint8Array | null =>
    isNull(from, row) ? null : bytesAt(from, row);
  const values = Array.from({ length: numbers.length }, (_, row) => {
    const [base, sent] = [bytesOf(present, row), bytesOf(given, row)];
    if (sent === null || (base === null && op === 'remove')) return base;
    return changedArray(field, op, { base: base ?? new Uint8Array(0), sent, row: numbers[row] ?? row });
  });
  return columnFromBytes(field.fieldID, DataType.Array, values);
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function mergedMeta(field: FieldSchema, present: Column, given: Column, numbers: ArrayLike<number>): Column {
  const values = Array.from({ length: numbers.length }, (_, row) => {
    const [old, sent] = [bytesAt(present, row), bytesAt(given, row)];
    const merged = encoder.encode(mergeObjects(decoder.decode(old), decoder.decode(sent)));
    if (merged.length > JSON_BYTES_MAX)
      throw new ElanusError(
        'invalid_parameter',
        `the length (${merged.length}) of json field (${field.name}) exceeds max length (${JSON_BYTES_MAX}), row number: ${numbers[row] ?? row}`,
      );
    return merged;
  });
  return columnFromBytes(field.fieldID, field.dataType, values);
}

/** Some rows of the columns that there are. */
export const rowsOfBatch = (batch: ColumnBatch, rows: Uint32Array): ColumnBatch => ({
  rowCount: rows.length,
  columns: batch.columns.map((column) => gatherColumn(column, rows, batch.rowCount)),
});
