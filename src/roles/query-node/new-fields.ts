// Fields that came to a collection after a segment of it was loaded: filled in place, while it is searched.
import { ElanusError } from '#base/errors.js';
import { isInFiles, schemaOfRows } from '#model/functions/late-outputs.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { addedBytes, addedFields } from '#segment/added-fields.js';
import type { MemoryAccount } from '#segment/memory-account.js';
import type { SegmentData } from '#segment/segment-data.js';

/**
 * Gives the rows the default, or null, in each new field; what a new function makes they lack until they are written anew. Only where none of
 * the segment's files has such a field: else its values would be lost. @throws memory_limit, collection_not_fully_loaded
 */
export function fillNewFields(
  memory: MemoryAccount,
  { data, record }: { readonly data: SegmentData; readonly record: SegmentRecord },
  newest: CollectionSchema,
): void {
  if (data.schema.version >= newest.version) return;
  const schema = schemaOfRows(newest, isInFiles(record.files));
  const added = addedFields(schema, data);
  if (added.some(({ fieldID }) => isInFiles(record.files)(fieldID)))
    throw new ElanusError(
      'collection_not_fully_loaded',
      `segment ${record.id} was loaded without fields that its files have; it has to be loaded again`,
    );
  const bytes = addedBytes(schema, data);
  const room = memory.reserve(record.collectionId, bytes, `new fields of segment ${record.id}`);
  try {
    data.updateSchema(schema);
  } finally {
    room.release();
  }
}
