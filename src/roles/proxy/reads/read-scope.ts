// What a read covers: the collection, once it is served, and the partitions of it that are loaded or named.
import { ElanusError } from '#base/errors.js';
import type { AskedExpiry } from '#base/read-time.js';
import { expiryFieldOf, microsOf, timeToLive } from '#model/properties/time-to-live.js';
import { loadedSchema } from '#model/schema/loaded-fields.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import { type OpenCollection, refusePartitionNames } from '#roles/proxy/collection-access.js';
import { namespaceOf } from '#roles/proxy/namespaces/request-namespace.js';
import { deadlineOf, type ProxyParts } from '#roles/proxy/proxy-parts.js';

export interface ReadScope {
  /** As reads see it: without fields that are not loaded. */
  readonly collection: OpenCollection;
  readonly partitionIds: bigint[];
  /** The client named none: all that are loaded when the read begins. */
  readonly loadedOnly: boolean;
  /** Some fields are not loaded. */
  readonly lacksFields: boolean;
  /** 0n: rows do not expire. */
  readonly timeToLive: bigint;
  /** The field that says when a row expires; 0n: none does. */
  readonly expiryField: bigint;
  /** When the read began; known where rows expire. */
  readonly begunAt: bigint;
  /** Whose rows are read, where other rows may be in the same partitions; undefined: all that are in them. */
  readonly namespaceKey: string | undefined;
}

interface ScopedRequest {
  readonly dbName: string;
  readonly collectionName: string;
  readonly partitionNames: readonly string[];
  readonly namespace?: string | undefined;
}

/** An iterator goes on in the collection that it began in, whatever its name means by now. @throws invalid_parameter */
export function checkSameCollection(asked: bigint | undefined, id: bigint): void {
  if (asked === undefined || asked === 0n || asked === id) return;
  throw new ElanusError(
    'invalid_parameter',
    `collection id:${asked} in the request is not consistent to that in the search context, alias or database may have been changed: ${id}: invalid parameter`,
  );
}

/** Waits for a load that is under way. @throws collection_not_loaded, partition_not_found, invalid_parameter */
export async function readScope(
  parts: Pick<ProxyParts, 'access' | 'platform' | 'rootCoord' | 'settings'>,
  request: ScopedRequest,
  context: CallContext,
  to: 'search' | 'use' = 'use',
): Promise<ReadScope> {
  const { access, platform } = parts;
  const opened = await access.open(request, context);
  access.limits.checkReading(opened);
  const namespace = namespaceOf(opened, request);
  refusePartitionNames(opened, request.partitionNames, to);
  const named =
    namespace === undefined ? access.partitionIds(opened, request.partitionNames) : [namespace.partitionId];
  const nowMs = () => platform.clock.now();
  const deadlineMs = deadlineOf(context, parts);
  const { partitionIds: loaded, leftOut } = await access.requireLoaded(opened, context, deadlineMs, nowMs);
  const lacksFields = leftOut.length > 0;
  const collection = leftOut.length === 0 ? opened : withLoadedFields(opened, leftOut);
  for (const id of named) {
    if (!loaded.includes(id))
      throw new ElanusError('collection_not_loaded', `partition not loaded[partition=${id}]; load it first`);
  }
  const { properties } = collection.record;
  const ttl = timeToLive(properties);
  const expiryField = expiryFieldOf(properties, opened.schema);
  if (leftOut.includes(expiryField))
    throw new ElanusError(
      'invalid_parameter',
      `rows expire at the time in field ${properties.ttl_field}, and it is not loaded; load it too: invalid parameter`,
    );
  const expires = ttl !== 0n || expiryField !== 0n;
  // An idle shard's read timestamp stands still, the age of its rows does not.
  const begunAt = expires ? (await parts.rootCoord.allocTimestamp({ count: 1 }, context)).timestamp : 0n;
  const loadedOnly = named.length === 0;
  return {
    collection,
    partitionIds: loadedOnly ? loaded : named,
    loadedOnly,
    lacksFields,
    timeToLive: ttl,
    expiryField,
    begunAt,
    namespaceKey: namespace?.key,
  };
}

/** One for each record and list of fields: plans are kept by the record. */
const reduced = new WeakMap<CollectionRecord, CollectionRecord>();

function withLoadedFields(collection: OpenCollection, leftOut: readonly bigint[]): OpenCollection {
  const schema = loadedSchema(collection.schema, leftOut);
  const kept = reduced.get(collection.record);
  const record = kept?.schema === schema ? kept : { ...collection.record, schema };
  reduced.set(collection.record, record);
  return { ...collection, record, schema };
}

/**
 * Which rows have expired, as shards are asked.
 * @param pinnedAt of a read of the rows as they were then, which sees those that had not expired then
 */
export function expiryOf({ timeToLive: ttl, expiryField, begunAt }: ReadScope, pinnedAt = 0n): AskedExpiry {
  const at = pinnedAt > 0n ? pinnedAt : begunAt;
  return {
    expiredUntil: ttl === 0n || at <= ttl ? 0n : at - ttl,
    expiryField,
    expiryMicros: expiryField === 0n ? 0n : microsOf(at),
  };
}

/**
 * That the partitions of an iterator are those of its first page: a truncate puts younger ones in their place.
 * @param readAt the time that the iterator holds; 0n: this is its first page
 */
export function checkSamePartitions(
  { collection, partitionIds, loadedOnly }: ReadScope,
  readAt: bigint,
): void {
  if (readAt === 0n) return;
  const { partitions } = collection.record;
  // The first one is never dropped: where the client names none, it says whether all were replaced.
  const asked = loadedOnly
    ? partitions.slice(0, 1)
    : partitions.filter(({ id }) => partitionIds.includes(id));
  const younger = asked.find(({ createdTimestamp }) => createdTimestamp > readAt);
  if (younger !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      `rows that were there at ${readAt}, when the iterator began, went since: the collection was truncated, or partition ${younger.name} made anew; begin a new one`,
    );
}
