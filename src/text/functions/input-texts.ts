// The texts that functions of a schema are given: those of a column of a batch.
import { bytesAt, findColumn, isNull } from '#model/columns/column.js';
import { defaultBytes } from '#model/columns/column-values.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { FieldSchema } from '#proto/milvus/schema.js';

const utf8 = new TextDecoder();

/** The text of each row: undefined for null. */
export function textsOf(batch: ColumnBatch, field: FieldSchema): (row: number) => string | undefined {
  const sent = findColumn(batch, field.fieldID);
  if (sent !== undefined) return (row) => (isNull(sent, row) ? undefined : utf8.decode(bytesAt(sent, row)));
  const filler = defaultBytes(field);
  const text = filler && utf8.decode(filler);
  return () => text;
}
