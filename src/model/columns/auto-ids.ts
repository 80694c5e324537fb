// Keys the collection gives itself (autoID): consecutive numbers from a range the root coordinator handed out.
// VarChar keys are the decimal text of the number, as in Milvus.
import { must } from '#base/assert.js';
import { primaryField } from '#model/schema/field.js';
import { type Column, ColumnBatch } from '#proto/elanus/data.js';
import { type CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { column, findColumn } from './column.js';
import { VariableWriter } from './column-values.js';

/** The batch with keys `first`, `first + 1`, …; a key column already there (upsert) is replaced. Other columns are shared, not copied. */
export function generateAutoIds(schema: CollectionSchema, batch: ColumnBatch, first: bigint): ColumnBatch {
  const key = primaryField(schema);
  const made =
    key.dataType === DataType.Int64
      ? numberKeys(key.fieldID, batch.rowCount, first)
      : textKeys(key.fieldID, batch.rowCount, first);
  const byId = new Map(batch.columns.map((one) => [one.fieldId, one]));
  byId.set(key.fieldID, made);
  const inSchema = schema.fields.flatMap((field) => byId.get(field.fieldID) ?? []);
  const others = batch.columns.filter((one) => schema.fields.every((field) => field.fieldID !== one.fieldId));
  return ColumnBatch.create({ rowCount: batch.rowCount, columns: [...inSchema, ...others] });
}

export const keyColumn = (schema: CollectionSchema, batch: ColumnBatch): Column =>
  must(findColumn(batch, primaryField(schema).fieldID), `key column of a batch of ${schema.name}`);

function numberKeys(fieldId: bigint, rowCount: number, first: bigint): Column {
  const keys = new BigInt64Array(rowCount);
  for (let row = 0; row < rowCount; row++) keys[row] = first + BigInt(row);
  return column(fieldId, DataType.Int64, new Uint8Array(keys.buffer));
}

function textKeys(fieldId: bigint, rowCount: number, first: bigint): Column {
  const writer = new VariableWriter(rowCount, rowCount * 20);
  for (let row = 0; row < rowCount; row++) writer.addText(String(first + BigInt(row)));
  const { data, offsets } = writer.finish();
  return column(fieldId, DataType.VarChar, data, offsets);
}
