// What every request of the proxy needs first: the collection it names, its database, its partitions, and whether it is served.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import type { Clock, Timers } from '#platform/time.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type {
  ChannelRegistryDefinition,
  CollectionRef,
  CollectionResponse,
  DefinitionsDefinition,
  LoadRequest,
  LoadStateResponse,
  QueryCoordDefinition,
} from '#proto/elanus/roles.js';
import { ErrorCode } from '#proto/milvus/common.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { type Client, whole } from '#rpc/service.js';
import { Limits } from './limits.js';

/** `db_name` of the body wins over the header; neither: the default database. */
export const databaseOf = (request: { readonly dbName: string }, context: CallContext): string =>
  request.dbName || context.metadata.dbname || 'default';

/** A collection as root-coord is asked for it. */
export const collectionRef = (
  request: { readonly dbName: string; readonly collectionName: string },
  context: CallContext,
) => ({ database: databaseOf(request, context), name: request.collectionName });

/**
 * What waiting for a load would not mend: that it does not fit, or that a file is damaged. Nothing of the collection is served yet, or all but
 * the newest segments.
 */
export function loadFailure(name: string, state: LoadStateResponse): ElanusError | undefined {
  if (!state.outOfMemory && !state.damaged) return undefined;
  const served = state.progress >= 100 ? 'served in part, its newest segments are not' : 'not served';
  return new ElanusError(
    state.outOfMemory ? 'memory_limit' : 'data_corrupt',
    `collection ${name} is ${served}: ${state.reason}`,
  );
}

const USE_TEXT = 'not support manually specifying the partition names if partition key mode is used';
const partitionNameTexts = {
  use: USE_TEXT,
  search: USE_TEXT,
  load: 'disable load partitions if partition key mode is used',
  release: 'disable release partitions if partition key mode is used',
  create: 'disable create partition if partition key mode is used',
  drop: 'disable drop partition if partition key mode is used',
} as const;

/** With a partition key the value of a row chooses its partition: a name beside it could only be wrong. The texts are Milvus's. */
export function refusePartitionNames(
  collection: OpenCollection,
  names: readonly string[],
  to: keyof typeof partitionNameTexts = 'use',
): void {
  if (names.every((name) => name === '') || partitionKeyField(collection.schema) === undefined) return;
  // Node's own tests compare the legacy codes, which are not the same for all calls.
  const legacy = to === 'search' || to === 'create' ? { legacy: ErrorCode.UnexpectedError } : undefined;
  throw new ElanusError('invalid_parameter', `${partitionNameTexts[to]}: invalid parameter`, legacy);
}

export interface OpenCollection {
  readonly record: CollectionRecord;
  readonly schema: CollectionSchema;
  readonly database: string;
  readonly databaseId: bigint;
  readonly databaseProperties: Readonly<Record<string, string>>;
}

export class CollectionAccess {
  readonly #definitions: Client<typeof DefinitionsDefinition>;
  readonly #queryCoord: Client<typeof QueryCoordDefinition>;
  readonly #timers: Timers;
  /** What requests were read by before they became calls. */
  readonly #readBy = new WeakMap<object, OpenCollection>();
  /** What properties refuse. */
  readonly limits: Limits;

  constructor(parts: {
    readonly definitions: Client<typeof DefinitionsDefinition>;
    readonly queryCoord: Client<typeof QueryCoordDefinition>;
    readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
    readonly timers: Timers;
    readonly clock: Clock;
  }) {
    this.#definitions = parts.definitions;
    this.#queryCoord = parts.queryCoord;
    this.#timers = parts.timers;
    this.limits = new Limits(parts);
  }

  /**
   * The first `open` of this very request gives the collection that it was read by, so that one definition serves its whole call. Later ones
   * ask again: they want to know what is there by now.
   */
  wasReadBy(request: object, collection: OpenCollection): void {
    this.#readBy.set(request, collection);
  }

  open(
    request: { readonly dbName: string; readonly collectionName: string; readonly collectionID?: bigint },
    context: CallContext,
  ): Promise<OpenCollection> {
    const known = this.#readBy.get(request);
    if (known !== undefined) {
      this.#readBy.delete(request);
      return Promise.resolve(known);
    }
    const database = databaseOf(request, context);
    const id = request.collectionName === '' ? (request.collectionID ?? 0n) : 0n;
    if (request.collectionName === '' && id === 0n)
      return Promise.reject(
        new ElanusError('invalid_parameter', 'collection name should not be empty: invalid parameter'),
      );
    const ref = whole<CollectionRef>({ database, name: request.collectionName, id });
    return this.#definitions.describeCollection(ref, context).then(openCollection);
  }

  /** Ids of the named partitions; none named: empty, which means all. @throws partition_not_found */
  partitionIds(collection: OpenCollection, names: readonly string[]): bigint[] {
    return names.length === 0
      ? []
      : names.filter((name) => name !== '').map((name) => this.partition(collection, name));
  }

  partition(collection: OpenCollection, name: string): bigint {
    const wanted = name === '' ? '_default' : name;
    const partition = collection.record.partitions.find((candidate) => candidate.name === wanted);
    if (partition === undefined)
      throw new ElanusError('partition_not_found', `partition not found[partition=${wanted}]`);
    return partition.id;
  }

  /**
   * Returns once the collection is served; a load that is under way is waited for within the deadline.
   * @returns a new list of the partitions there are that are loaded: a shard that has not heard of a release or a drop yet serves more; and the fields
   *   that are not loaded
   * @throws collection_not_loaded
   */
  async requireLoaded(
    collection: OpenCollection,
    context: CallContext,
    deadlineMs: number,
    nowMs: () => number,
  ): Promise<{ readonly partitionIds: bigint[]; readonly leftOut: readonly bigint[] }> {
    const asked = loadOf(collection.record.id);
    for (;;) {
      const state = await this.#queryCoord.loadState(asked, context);
      if (!state.known)
        throw new ElanusError(
          'collection_not_loaded',
          `collection not loaded[database=${collection.database}][collection=${collection.schema.name}]; load it first`,
        );
      if (state.progress >= 100)
        return {
          partitionIds: loadedPartitions(collection, state.partitionIds),
          leftOut: state.leftOutFieldIds,
        };
      const failure = loadFailure(collection.schema.name, state);
      if (failure !== undefined) throw failure;
      if (context.signal.aborted || nowMs() >= deadlineMs) {
        throw new ElanusError(
          'collection_not_fully_loaded',
          `collection not fully loaded[collection=${collection.schema.name}]: ${state.progress} % served${state.reason === '' ? '' : `, waiting for: ${state.reason}`}; try again`,
        );
      }
      await this.#timers.sleep(10, context.signal);
    }
  }
}

/** Asks for all of the collection. Field by field: every read makes one. */
const loadOf = (collectionId: bigint): LoadRequest =>
  whole<LoadRequest>({
    collectionId,
    partitionIds: [],
    replicaNumber: 0,
    untilServed: false,
    resourceGroup: '',
    namesFields: false,
    leftOutFieldIds: [],
    withoutChannels: true,
  });

function openCollection({ collection, databaseId, databaseProperties }: CollectionResponse): OpenCollection {
  const record = must(collection, 'collection');
  const schema = must(record.schema, 'schema');
  return { record, schema, database: record.database, databaseId, databaseProperties };
}

/** @param loaded ids of those loaded; none: all are */
function loadedPartitions({ record }: OpenCollection, loaded: readonly bigint[]): bigint[] {
  if (loaded.length === 0) return record.partitions.map(({ id }) => id);
  const isLoaded = new Set(loaded);
  const ids: bigint[] = [];
  for (const { id } of record.partitions) if (isLoaded.has(id)) ids.push(id);
  return ids;
}
