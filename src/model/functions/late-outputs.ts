// Fields that functions make and that rows may lack: a function that came, together with the field that it makes, to a collection with rows. A
// segment has such a field in all of its rows or in none (ADR 0062).
import { loadedSchema } from '#model/schema/loaded-fields.js';
import type { FileRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';

type HasField = (fieldId: bigint) => boolean;

const NONE: readonly bigint[] = [];

/** Fields of the schema that functions make, and that are not there. */
export function lackedOutputs({ functions, fields }: CollectionSchema, has: HasField): readonly bigint[] {
  if (functions.length === 0) return NONE;
  const lacked = functions
    .flatMap(({ outputFieldIds }) => outputFieldIds)
    .filter((id) => !has(id) && fields.some(({ fieldID }) => fieldID === id));
  return lacked.length === 0 ? NONE : lacked;
}

/** The schema of rows that have these fields: without the outputs that they lack. */
export const schemaOfRows = (schema: CollectionSchema, has: HasField): CollectionSchema =>
  loadedSchema(schema, lackedOutputs(schema, has));

/** Whether rows in these files have a field. */
export const isInFiles =
  (files: readonly FileRecord[]): HasField =>
  (id) =>
    files.some(({ fieldIds }) => fieldIds.includes(id));
