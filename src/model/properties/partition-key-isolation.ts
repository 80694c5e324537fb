// Isolation by partition key: every search of such a collection is of the rows of one value of its partition key, so a search that forgets to
// say whose rows it wants is refused instead of answered with those of all.
import { ElanusError } from '#base/errors.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';

/** Values were checked when they were set. */
export const isIsolated = ({
  'partitionkey.isolation': value = '',
}: Readonly<Record<string, string>>): boolean => ['true', '1', 't'].includes(value.trim().toLowerCase());

/** The properties as they will be, against the schema. @throws invalid_parameter with Milvus's text */
export function checkIsolation(
  properties: Readonly<Record<string, string>>,
  { fields }: CollectionSchema,
): void {
  if (!isIsolated(properties) || fields.some((field) => field.isPartitionKey)) return;
  throw new ElanusError(
    'invalid_parameter',
    'partition key isolation mode is enabled but no partition key field is set. Please set the partition key first: invalid parameter',
  );
}
