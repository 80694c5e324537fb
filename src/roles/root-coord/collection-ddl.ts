// Creates and drops databases, collections, partitions and index definitions. Each change is one durable record; what a crash
// leaves in the states `creating` or `dropping` is taken back, or finished, at the next start.

import { assert } from '#base/assert.js';
import { KeyedMutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { redeciding } from '#catalog/held-records.js';
import { parseIndexParams, sameIndex } from '#model/params/index-params.js';
import { isVectorType } from '#model/schema/data-type.js';
import { checkName } from '#model/schema/names.js';
import { PARTITIONS_MAX, parseCollectionSchema, sameSchema } from '#model/schema/schema-check.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type {
  CollectionRef,
  CreateIndexDefinition,
  DropIndexDefinition,
  PartitionRef,
} from '#proto/elanus/roles.js';
import type { CreateCollectionRequest } from '#proto/milvus/milvus.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { DataCoordBroker } from './data-coord-broker.js';
import { DEFAULT_DATABASE, type DefinitionCatalog } from './definition-catalog.js';
import type { RootCoordPeers } from './root-coord-peers.js';

const DEFAULT_PARTITION = '_default';
const SHARDS_MAX = 16;
const DATABASES_MAX = 64;
const COLLECTIONS_MAX = 65_536;
/** One try to clear what a dropped collection left with its peers, and the pauses between tries. */
const CLEAR_MS_MAX = 10_000;
const CLEAR_PAUSE_MS_MIN = 200;
const CLEAR_PAUSE_MS_MAX = 30_000;

export interface CollectionDdlParts {
  readonly platform: Platform;
  readonly catalog: DefinitionCatalog;
  readonly broker: DataCoordBroker;
  readonly peers: RootCoordPeers;
  readonly physicalChannelCount: number;
  readonly allocateTimestamp: () => Promise<bigint>;
  readonly allocateId: () => Promise<bigint>;
  /** Ends what goes on in the background. */
  readonly signal: AbortSignal;
}

const present = (ref: CollectionRef | undefined): CollectionRef => {
  assert(ref !== undefined, 'request without a collection');
  return ref;
};

const databaseLock = (name: string): string => `database\0${name}`;
const lockKey = (database: string, name: string): string =>
  `${database === '' ? DEFAULT_DATABASE : database}\0${name}`;
const nameOf = (record: CollectionRecord): string => record.schema?.name ?? '';

export class CollectionDdl {
  readonly #parts: CollectionDdlParts;
  readonly #locks = new KeyedMutex();

  constructor(parts: CollectionDdlParts) {
    this.#parts = parts;
  }

  #locked<T>(
    ref: { readonly database: string; readonly name: string; readonly id?: bigint },
    task: () => Promise<T>,
  ): Promise<T> {
    const name =
      ref.id !== undefined && ref.id !== 0n
        ? nameOf(this.#parts.catalog.resolve({ ...ref, id: ref.id }))
        : ref.name;
    return this.#locks.run(lockKey(ref.database, name), () => redeciding(task));
  }

  createCollection(request: CreateCollectionRequest): Promise<void> {
    const database = this.#parts.catalog.database(request.dbName).name;
    checkName('collection', request.collectionName);
    const schema = parseCollectionSchema(request.schema, request);
    return this.#locked({ database, name: request.collectionName }, async () => {
      const { catalog, allocateId, allocateTimestamp, broker } = this.#parts;
      const existing = catalog.byName(database, request.collectionName);
      if (existing !== undefined && existing.state === 'created') {
        if (isSameCollection(existing, schema, request)) return;
        throw new ElanusError(
          'duplicate_collection',
          `create duplicate collection with different parameters, collection: ${request.collectionName}; drop it first, or send the same schema`,
        );
      }
      // Left by a failed create, or being dropped: it has its own id, so the new one need not wait for the end of it.
      if (existing?.state === 'creating') {
        await catalog.saveCollection({ ...existing, state: 'dropping' });
        void this.#clear(existing);
      }
      const shards = request.shardsNum === 0 ? 1 : request.shardsNum;
      if (shards < 0 || shards > SHARDS_MAX) {
        throw new ElanusError(
          'invalid_parameter',
          `maximum shards's number should be limited to ${SHARDS_MAX}, got ${request.shardsNum}: invalid parameter`,
        );
      }
      if (catalog.collections().filter((record) => record.database === database).length >= COLLECTIONS_MAX) {
        throw new ElanusError(
          'collection_limit',
          `exceeded the limit number of collections[database=${database}][limit=${COLLECTIONS_MAX}]; drop some first`,
        );
      }
      const id = await allocateId();
      const createdTimestamp = await allocateTimestamp();
      const partitionKeyCount = partitionKeyCountOf(schema, request);
      const names =
        partitionKeyCount === 0
          ? [DEFAULT_PARTITION]
          : Array.from({ length: partitionKeyCount }, (_, index) => `${DEFAULT_PARTITION}_${index}`);
      const partitions = [];
      for (const name of names) partitions.push({ id: await allocateId(), name, createdTimestamp });
      const record: CollectionRecord = {
        id,
        database,
        schema: { ...schema, name: request.collectionName, dbName: database },
        partitions,
        vchannels: this.#chooseChannels(id, shards),
        consistencyLevel: request.consistencyLevel,
        createdTimestamp,
        updateTimestamp: createdTimestamp,
        properties: propertiesOf(request),
        indexes: [],
        aliases: [],
        state: 'creating',
        partitionKeyCount,
        droppingPartitions: [],
      };
      // With the database's lock: one that is being dropped must not get a collection that its check did not see.
      await this.#locks.run(databaseLock(database), () => catalog.saveCollection(record));
      try {
        assert(record.schema !== undefined, 'no schema');
        await broker.watchChannels(id, record.vchannels, {
          schema: record.schema,
          createTimestamp: createdTimestamp,
        });
      } catch (error) {
        // Its tombstone is what the caller waits for; the rest may need the very peer that has just failed.
        await catalog.saveCollection({ ...record, state: 'dropping' });
        void this.#clear(record);
        throw error;
      }
      await catalog.saveCollection({ ...record, state: 'created' });
    });
  }

  /** The physical channels with the fewest shards so far. */
  #chooseChannels(collectionId: bigint, shards: number): string[] {
    const used = new Map<string, number>();
    for (let index = 0; index < Math.max(this.#parts.physicalChannelCount, shards); index++)
      used.set(`by-dev-rootcoord-dml_${index}`, 0);
    for (const record of this.#parts.catalog.collections()) {
      for (const vchannel of record.vchannels) {
        const physical = vchannel.slice(0, vchannel.lastIndexOf('_'));
        used.set(physical, (used.get(physical) ?? 0) + 1);
      }
    }
    const emptiest = [...used].sort((a, b) => a[1] - b[1]).slice(0, shards);
    return emptiest.map(([physical], index) => `${physical}_${collectionId}v${index}`);
  }

  dropCollection(ref: CollectionRef): Promise<void> {
    const { catalog } = this.#parts;
    const database = catalog.database(ref.database).name;
    return this.#locked({ ...ref, database }, async () => {
      const record = ref.id !== 0n ? catalog.byId(ref.id) : catalog.byName(database, ref.name);
      if (record !== undefined && record.state !== 'dropping') await this.#dropNow(record);
    });
  }

  async #dropNow(record: CollectionRecord): Promise<void> {
    // The tombstone first: from here the collection is gone for everyone, and what a failure or a restart leaves is cleared later.
    await this.#parts.catalog.saveCollection({ ...record, state: 'dropping' });
    await this.#clear(record);
  }

  /** Removes what a dropped collection has elsewhere, then its record. */
  #clear(record: CollectionRecord): Promise<void> {
    return this.#clearing({ collectionId: record.id }, async (context) => {
      const { catalog, peers } = this.#parts;
      await peers.queryCoord.releaseCollection({ collectionId: record.id }, context);
      await peers.channelRegistry.dropCollectionData({ collectionId: record.id, partitionId: -1n }, context);
      await redeciding(() => catalog.removeCollection(record));
    });
  }

  /** A first try is awaited; more follow in the background. What is cleared is gone for everyone already. */
  async #clearing(
    what: Readonly<Record<string, bigint>>,
    clear: (context: CallContext) => Promise<void>,
    pauseMs = CLEAR_PAUSE_MS_MIN,
  ) {
    const { platform, signal } = this.#parts;
    try {
      await clear({ signal, deadlineMs: platform.clock.now() + CLEAR_MS_MAX, metadata: {} });
    } catch (error) {
      if (signal.aborted) return;
      platform.logger.warn('drop_waits', { ...what, reason: messageOf(error), retryMs: pauseMs });
      const again = (): Promise<void> =>
        this.#clearing(what, clear, Math.min(CLEAR_PAUSE_MS_MAX, pauseMs * 2));
      void platform.timers.sleep(pauseMs, signal).then(again, () => {});
    }
  }

  /** Takes back or finishes what a crash cut off: creates, drops of collections, drops of partitions. */
  async finishInterrupted(): Promise<void> {
    const { catalog, platform } = this.#parts;
    const collections = catalog.collections();
    const interrupted = collections.filter((record) => record.state !== 'created');
    const partitions = collections
      .filter((record) => record.state === 'created')
      .flatMap((record) =>
        record.droppingPartitions.map((partition) => ({
          collectionId: record.id,
          partitionId: partition.id,
        })),
      );
    await Promise.all([
      ...interrupted.map((record) => {
        platform.logger.info('ddl_finishing_interrupted', { collectionId: record.id, state: record.state });
        return this.#dropNow(record);
      }),
      ...partitions.map((marked) => {
        platform.logger.info('ddl_finishing_interrupted', { ...marked, state: 'dropping' });
        return this.#clearPartition(marked);
      }),
    ]);
  }

  createPartition(ref: PartitionRef): Promise<void> {
    const collectionRef = present(ref.collection);
    checkName('partition', ref.partition);
    return this.#locked(collectionRef, async () => {
      const record = this.#parts.catalog.resolve(collectionRef);
      refusePartitionKey(record);
      if (record.partitions.some((partition) => partition.name === ref.partition)) return;
      if (record.partitions.length >= PARTITIONS_MAX) {
        throw new ElanusError(
          'refused',
          `partition number (${record.partitions.length}) exceeds max configuration (${PARTITIONS_MAX}); drop some first`,
        );
      }
      const createdTimestamp = await this.#parts.allocateTimestamp();
      const partition = { id: await this.#parts.allocateId(), name: ref.partition, createdTimestamp };
      await this.#parts.catalog.saveCollection({ ...record, partitions: [...record.partitions, partition] });
      // A collection loaded as a whole serves its new partition at once.
      const load = await this.#parts.peers.queryCoord.loadState({ collectionId: record.id });
      if (load.known && load.partitionIds.length === 0) {
        await this.#parts.peers.queryCoord.loadCollection({
          collectionId: record.id,
          partitionIds: [partition.id],
          replicaNumber: 1,
        });
      }
    });
  }

  /** Marked, done, finished: from the mark the partition is gone for everyone; what fails after it is tried again, also by the next start. */
  async dropPartition(ref: PartitionRef): Promise<void> {
    const collectionRef = present(ref.collection);
    const marked = await this.#locked(collectionRef, async () => {
      const { catalog, peers } = this.#parts;
      const record = catalog.resolve(collectionRef);
      refusePartitionKey(record);
      if (ref.partition === DEFAULT_PARTITION)
        throw new ElanusError('refused', 'default partition cannot be deleted; drop the collection instead');
      const partition = record.partitions.find((candidate) => candidate.name === ref.partition);
      if (partition === undefined) return undefined;
      const load = await peers.queryCoord.loadState({ collectionId: record.id });
      if (load.known && (load.partitionIds.length === 0 || load.partitionIds.includes(partition.id))) {
        throw new ElanusError(
          'refused',
          'partition cannot be dropped, partition is loaded, please release it first',
        );
      }
      await catalog.saveCollection({
        ...record,
        partitions: record.partitions.filter((candidate) => candidate.id !== partition.id),
        droppingPartitions: [...record.droppingPartitions, partition],
      });
      return { collectionId: record.id, partitionId: partition.id };
    });
    if (marked !== undefined) await this.#clearPartition(marked);
  }

  /** Removes a marked partition's data, then the mark. */
  #clearPartition(marked: { readonly collectionId: bigint; readonly partitionId: bigint }): Promise<void> {
    return this.#clearing({ ...marked }, async (context) => {
      const { catalog, peers } = this.#parts;
      await peers.channelRegistry.dropCollectionData(marked, context);
      const record = catalog.byId(marked.collectionId);
      if (record === undefined) return;
      await this.#locks.run(lockKey(record.database, nameOf(record)), () =>
        redeciding(async () => {
          const current = catalog.byId(marked.collectionId);
          if (current === undefined || current.state !== 'created') return;
          const droppingPartitions = current.droppingPartitions.filter(({ id }) => id !== marked.partitionId);
          await catalog.saveCollection({ ...current, droppingPartitions });
        }),
      );
    });
  }

  createIndex(request: CreateIndexDefinition): Promise<bigint> {
    const collectionRef = present(request.collection);
    return this.#locked(collectionRef, async () => {
      const record = this.#parts.catalog.resolve(collectionRef);
      const field = record.schema?.fields.find((candidate) => candidate.name === request.fieldName);
      if (field === undefined) {
        throw new ElanusError(
          'refused',
          `cannot create index on non-exist field: ${request.fieldName}; collection ${nameOf(record)} has the fields ${record.schema?.fields.map((candidate) => candidate.name).join(', ')}`,
        );
      }
      const name = request.indexName === '' ? request.fieldName : request.indexName;
      checkName('index', name);
      const same = record.indexes.find((index) => index.fieldId === field.fieldID);
      if (same !== undefined) {
        if (
          sameIndex(
            parseIndexParams(field, paramPairs(same)),
            parseIndexParams(field, paramPairs(request)),
          ) &&
          (request.indexName === '' || same.name === name)
        )
          return record.id;
        throw new ElanusError(
          'refused',
          `CreateIndex failed: at most one distinct index is allowed per field; drop index ${same.name} first`,
        );
      }
      if (record.indexes.some((index) => index.name === name)) {
        throw new ElanusError(
          'refused',
          `CreateIndex failed: index name ${name} is taken by another field; choose another`,
        );
      }
      const index = {
        id: await this.#parts.allocateId(),
        name,
        fieldId: field.fieldID,
        indexType: request.indexType,
        metricType: request.metricType,
        params: request.params,
      };
      await this.#parts.catalog.saveCollection({ ...record, indexes: [...record.indexes, index] });
      return record.id;
    });
  }

  /** The definition goes in one record; files that no definition names are dropped here, and by the next start when this fails. */
  async dropIndex(request: DropIndexDefinition): Promise<void> {
    const collectionRef = present(request.collection);
    const dropped = await this.#locked(collectionRef, async () => {
      const { catalog, peers } = this.#parts;
      const record = catalog.resolve(collectionRef);
      const fieldId = record.schema?.fields.find((field) => field.name === request.indexName)?.fieldID;
      const index =
        record.indexes.find((candidate) => candidate.name === request.indexName) ??
        record.indexes.find((candidate) => candidate.fieldId === fieldId);
      if (index === undefined) return undefined;
      const field = record.schema?.fields.find((candidate) => candidate.fieldID === index.fieldId);
      if (
        field !== undefined &&
        isVectorType(field.dataType) &&
        (await peers.queryCoord.loadState({ collectionId: record.id })).known
      ) {
        throw new ElanusError(
          'refused',
          'index cannot be dropped, collection is loaded, please release it first',
        );
      }
      await catalog.saveCollection({
        ...record,
        indexes: record.indexes.filter((candidate) => candidate.id !== index.id),
      });
      return { collectionId: record.id, indexId: index.id };
    });
    if (dropped === undefined) return;
    await this.#clearing({ ...dropped }, async (context) => {
      await this.#parts.peers.channelRegistry.dropIndexFiles(dropped, context);
    });
  }

  createDatabase(name: string, properties: Readonly<Record<string, string>>): Promise<void> {
    checkName('database', name);
    return this.#locks.run(databaseLock(name), async () => {
      const { catalog } = this.#parts;
      if (catalog.hasDatabase(name)) throw new ElanusError('refused', `database already exist: ${name}`);
      if (catalog.databases().length >= DATABASES_MAX)
        throw new ElanusError(
          'database_limit',
          `database number (${DATABASES_MAX}) exceeds max configuration (${DATABASES_MAX})`,
        );
      await catalog.saveDatabase({
        id: await this.#parts.allocateId(),
        name,
        createdTimestamp: await this.#parts.allocateTimestamp(),
        properties: { ...properties },
      });
    });
  }

  dropDatabase(name: string): Promise<void> {
    // No name must not come to mean the default database, as it does in reads.
    checkName('database', name);
    return this.#locks.run(databaseLock(name), async () => {
      const { catalog } = this.#parts;
      if (name === DEFAULT_DATABASE) throw new ElanusError('refused', 'can not drop default database');
      const record = catalog.database(name);
      const inside = catalog
        .collections()
        .filter((collection) => collection.database === name && collection.state !== 'dropping');
      if (inside.length > 0)
        throw new ElanusError(
          'refused',
          `database:${name} not empty, must drop all collections before drop database`,
        );
      await catalog.removeDatabase(record);
    });
  }
}

const propertiesOf = (request: CreateCollectionRequest): Record<string, string> => ({
  timezone: 'UTC',
  ...Object.fromEntries(request.properties.map(({ key, value }) => [key, value])),
});

const partitionKeyCountOf = (schema: CollectionSchema, request: CreateCollectionRequest): number =>
  schema.fields.some((field) => field.isPartitionKey) ? Number(request.numPartitions || 16n) : 0;
/** Whether creating it is the same request again: what differs would be passed over in silence. */
function isSameCollection(
  existing: CollectionRecord,
  schema: CollectionSchema,
  request: CreateCollectionRequest,
): boolean {
  const properties = propertiesOf(request);
  const names = Object.keys(properties);
  return (
    existing.schema !== undefined &&
    sameSchema(existing.schema, schema) &&
    existing.vchannels.length === (request.shardsNum || 1) &&
    existing.consistencyLevel === request.consistencyLevel &&
    existing.partitionKeyCount === partitionKeyCountOf(schema, request) &&
    names.length === Object.keys(existing.properties).length &&
    names.every((name) => existing.properties[name] === properties[name])
  );
}

const paramPairs = (index: {
  readonly indexType: string;
  readonly metricType: string;
  readonly params: Readonly<Record<string, string>>;
}) =>
  Object.entries({ ...index.params, index_type: index.indexType, metric_type: index.metricType }).map(
    ([key, value]) => ({ key, value }),
  );
function refusePartitionKey(record: CollectionRecord): void {
  if (record.partitionKeyCount > 0)
    throw new ElanusError(
      'invalid_parameter',
      'disable operate partitions when the collection has a partition key: invalid parameter',
    );
}
