// Questions to a schema: a field's dimension, the primary field, a field by its id. System fields come before the user's (100 on).
import { ElanusError } from '#base/errors.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';

export const ROW_ID_FIELD = 0n;
export const TIMESTAMP_FIELD = 1n;

/** The `dim` type parameter; 0 when the field has none. */
export function dimOf(field: Pick<FieldSchema, 'typeParams'>): number {
  for (const { key, value } of field.typeParams) if (key === 'dim') return wholeNumber(value);
  return 0;
}

/** Digits alone, up to 2^53 - 1; else 0. Every search asks for one several times, so this is a loop. */
function wholeNumber(text: string): number {
  let number = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return 0;
    number = number * 10 + digit;
  }
  return Number.isSafeInteger(number) ? number : 0;
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
