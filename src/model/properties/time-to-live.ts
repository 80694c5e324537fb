// How long rows of a collection count, as its properties say: for so long after they were written, or until the time in a field of theirs.
import { ElanusError } from '#base/errors.js';
import type { Timestamp } from '#base/timestamp.js';
import { type CollectionSchema, DataType } from '#proto/milvus/schema.js';

type Properties = Readonly<Record<string, string>>;

/** In the units of timestamps; 0n: rows do not expire. */
export function timeToLive(properties: Properties): bigint {
  const text = properties['collection.ttl.seconds'];
  if (text === undefined || !/^[+-]?\d{1,18}$/.test(text)) return 0n;
  const seconds = BigInt(text);
  return seconds > 0n ? (seconds * 1000n) << 18n : 0n;
}

/** The id of the field that says when a row expires, null never; 0n: no field does. */
export function expiryFieldOf({ ttl_field: name }: Properties, { fields }: CollectionSchema): bigint {
  if (name === undefined) return 0n;
  return fields.find((field) => field.name === name)?.fieldID ?? 0n;
}

/** A time of the oracle in microseconds since 1970, as fields of times have it. */
export const microsOf = (timestamp: Timestamp): bigint => (timestamp >> 18n) * 1000n;

/** The properties as they will be, against the schema. @throws invalid_parameter with Milvus's texts */
export function checkExpiry(properties: Properties, { fields }: CollectionSchema): void {
  const { ttl_field: name } = properties;
  if (name === undefined) return;
  const field = fields.find((one) => one.name === name);
  if (field === undefined) refuse(`ttl field name ${name.slice(0, 200)} not found in schema`);
  if (field.dataType !== DataType.Timestamptz)
    refuse(`ttl field must be timestamptz, field name = ${name.slice(0, 200)}`);
  if (properties['collection.ttl.seconds'] !== undefined)
    refuse('collection TTL and ttl field cannot be set at the same time');
}

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}
