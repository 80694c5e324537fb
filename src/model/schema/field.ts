// Questions to a schema: a field's dimension, the primary field, a field by its id. System fields come before the user's (100 on).
import { ElanusError } from '#base/errors.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';

export const ROW_ID_FIELD = 0n;
export const TIMESTAMP_FIELD = 1n;

/** The `dim` type parameter; 0 when the field has none. */
export function dimOf(field: FieldSchema): number {
  const text = field.typeParams.find((param) => param.key === 'dim')?.value ?? '';
  const dim = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(dim) ? dim : 0;
}

export function primaryField(schema: CollectionSchema): FieldSchema {
  const field = schema.fields.find((candidate) => candidate.isPrimaryKey);
  if (field) return field;
  throw new ElanusError(
    'schema_mismatch',
    `collection ${JSON.stringify(schema.name)} has no primary field, expected one: fix the schema`,
  );
}

export const fieldById = (schema: CollectionSchema, id: bigint): FieldSchema | undefined =>
  schema.fields.find((field) => field.fieldID === id);
