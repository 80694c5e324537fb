// Fields that came to a collection after the rows of a segment: each row has the default value, or null, which takes memory.
import { missingRowBytes } from '#model/columns/row-bytes.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import type { SegmentData } from './segment-data.js';

/** Fields of the schema that the segment does not have yet. */
export const addedFields = (schema: CollectionSchema, data: SegmentData): FieldSchema[] =>
  schema.fields.filter((field) => !data.hasField(field.fieldID));

/** What the rows of a segment take in these fields, in bytes. */
export const addedBytes = (schema: CollectionSchema, data: SegmentData): number =>
  data.rowCount * addedFields(schema, data).reduce((sum, field) => sum + missingRowBytes(field), 0);
