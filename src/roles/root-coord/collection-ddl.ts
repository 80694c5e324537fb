// Creates and drops collections. Each change is one durable record; what a crash leaves in the states `creating` or `dropping` is taken
// back, or finished, at the next start.

import { assert } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { redeciding, settleChanges } from '#catalog/held-records.js';
import { withFunctions } from '#model/functions/schema-functions.js';
import { namespaceProperties } from '#model/properties/namespaces.js';
import { checkIsolation } from '#model/properties/partition-key-isolation.js';
import { checkExpiry } from '#model/properties/time-to-live.js';
import { checkConsistencyLevel } from '#model/schema/altered-properties.js';
import { checkName } from '#model/schema/names.js';
import { sameSchema } from '#model/schema/same-schema.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { sharedSchema } from '#model/schema/shared-schema.js';
import {
  type Collection,
  type CreatingCollection,
  isCreated,
  moveCollection,
} from '#model/states/collection.js';
import { ALL_PARTITIONS } from '#model/states/segment.js';
import type { CollectionRef } from '#proto/elanus/roles.js';
import type { CreateCollectionRequest } from '#proto/milvus/milvus.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { withFileWords, withResourceIds } from '#roles/root-coord/words/field-words.js';
import { noReceipt, type Receipt } from '#rpc/sessions/receipts.js';
import { checkAnalyzers } from '#text/field-analyzers.js';
import { CreateBatches } from './create-batches.js';
import { clearing, type DdlLocks, type DdlParts, DEFAULT_PARTITION } from './ddl-parts.js';
import { physicalOf } from './definition-catalog.js';
import type { PartitionDdl } from './partition-ddl.js';

const SHARDS_MAX = 16;
/** A drop is answered after this also while its data is still being removed, in ms: no call finds the collection any more, and its name is free. */
const DROP_ANSWER_MS = 2000;

export class CollectionDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;
  readonly #partitions: PartitionDdl;
  readonly #creates: CreateBatches;
  /** Under way: the catalog does not have them yet, or does by now. */
  readonly #coming = new Set<Collection>();
  /** Not whole when the catalog was read: what is not whole later, calls of clients are at work on, also before `finishInterrupted`. */
  readonly #interrupted: ReadonlySet<bigint>;

  constructor(parts: DdlParts, locks: DdlLocks, partitions: PartitionDdl) {
    this.#parts = parts;
    this.#locks = locks;
    this.#partitions = partitions;
    this.#creates = new CreateBatches({ catalog: parts.catalog, locks });
    const left = parts.catalog.collections().filter((record) => !isWhole(record));
    this.#interrupted = new Set(left.map(({ id }) => id));
  }

  async create(request: CreateCollectionRequest, receipt: Receipt): Promise<void> {
    const { catalog } = this.#parts;
    const database = catalog.database(request.dbName).name;
    checkName('collection', request.collectionName);
    const zone = request.properties.find(({ key }) => key === 'timezone')?.value ?? 'UTC';
    const sent = withFunctions(parseCollectionSchema(request.schema, { ...request, zone }));
    const { fileResources } = this.#parts;
    const { fields, resourceIds } = await withFileWords(fileResources, sent.fields);
    const schema = withResourceIds({ ...sent, fields: [...fields] }, resourceIds);
    checkAnalyzers(schema.fields);
    const properties = propertiesOf(schema, request);
    checkExpiry(properties, schema);
    checkIsolation(properties, schema);
    const create = async (): Promise<void> => {
      const existing = catalog.byName(database, request.collectionName);
      if (existing !== undefined && isCreated(existing)) {
        if (isSameCollection(existing, schema, request)) return;
        throw new ElanusError(
          'duplicate_collection',
          `create duplicate collection with different parameters, collection: ${request.collectionName}; drop it first, or send the same schema`,
        );
      }
      // Left by a failed create, or being dropped: it has its own id, so the new one need not wait for the end of it.
      if (existing?.state === 'creating') {
        await catalog.saveCollection(moveCollection(existing, 'drop'));
        void this.#clear(existing);
      }
      checkShardCount(request);
      checkConsistencyLevel(request.consistencyLevel);
      const record = await this.#newRecord(database, schema, request);
      await this.#createNow(record, receipt).finally(() => this.#coming.delete(record));
    };
    await fileResources.whileHeld(resourceIds, () =>
      this.#locks.collection({ database, name: request.collectionName }, create),
    );
  }

  async #newRecord(
    database: string,
    schema: CollectionSchema,
    request: CreateCollectionRequest,
  ): Promise<CreatingCollection> {
    const { allocateId, allocateTimestamp } = this.#parts;
    const id = await allocateId();
    const createdTimestamp = await allocateTimestamp();
    const partitionKeyCount = partitionKeyCountOf(schema, request);
    const names =
      partitionKeyCount === 0
        ? [DEFAULT_PARTITION]
        : Array.from({ length: partitionKeyCount }, (_, index) => `${DEFAULT_PARTITION}_${index}`);
    const partitions = [];
    for (const name of names) partitions.push({ id: await allocateId(), name, createdTimestamp });
    const record: CreatingCollection = {
      id,
      database,
      schema: sharedSchema({ ...schema, name: request.collectionName, dbName: database }),
      partitions,
      vchannels: this.#chooseChannels(id, request.shardsNum || 1),
      consistencyLevel: request.consistencyLevel,
      createdTimestamp,
      updateTimestamp: createdTimestamp,
      properties: propertiesOf(schema, request),
      indexes: [],
      aliases: [],
      state: 'creating',
      partitionKeyCount,
      droppingPartitions: [],
      lastFieldId: 0n,
      schemaTimestamp: 0n,
      lateOutputIds: [],
    };
    this.#coming.add(record); // In the turn in which its channels were chosen.
    return record;
  }

  /** It counts from its last record on, which has the receipt: whatever cuts this off before leaves something that is taken back. */
  async #createNow(record: CreatingCollection, receipt: Receipt): Promise<void> {
    const { catalog, broker } = this.#parts;
    try {
      await this.#creates.add(record);
      assert(record.schema !== undefined, 'no schema');
      await broker.watchChannels(record.id, record.vchannels, {
        schema: record.schema,
        createTimestamp: record.createdTimestamp,
      });
      await catalog.carryOut(receipt, moveCollection(record, 'channels_watched'));
    } catch (error) {
      // Its tombstone is what the caller waits for; the rest may need the very peer that has just failed.
      await this.#takeBack(record).catch(() => {});
      void this.#clear(record);
      throw error;
    }
  }

  /** A create that failed may be there all the same: then it stays. @throws what the store throws: `#clear` tries again */
  async #takeBack({ id }: Collection): Promise<void> {
    const { catalog, platform } = this.#parts;
    await settleChanges(platform.metaStore);
    await redeciding(async () => {
      const record = catalog.byId(id);
      if (record?.state === 'creating') await catalog.saveCollection(moveCollection(record, 'drop'));
    });
  }

  /** The physical channels with the fewest shards so far. */
  #chooseChannels(collectionId: bigint, shards: number): string[] {
    const { catalog } = this.#parts;
    const used = new Map<string, number>();
    for (let index = 0; index < Math.max(this.#parts.physicalChannelCount, shards); index++) {
      used.set(`by-dev-rootcoord-dml_${index}`, 0);
    }
    for (const [physical, count] of catalog.shards) used.set(physical, count);
    for (const { id, vchannels } of this.#coming) {
      if (catalog.byId(id) !== undefined) continue;
      for (const physical of vchannels.map(physicalOf)) used.set(physical, (used.get(physical) ?? 0) + 1);
    }
    const emptiest = [...used].sort((a, b) => a[1] - b[1]).slice(0, shards);
    return emptiest.map(([physical], index) => `${physical}_${collectionId}v${index}`);
  }

  drop(ref: CollectionRef, receipt: Receipt): Promise<void> {
    const { catalog } = this.#parts;
    const database = catalog.database(ref.database).name;
    return this.#locks.collection({ database, name: ref.name }, async () => {
      if (catalog.byAlias(database, ref.name) !== undefined) {
        throw new ElanusError(
          'alias_not_found',
          `cannot drop the collection via alias = ${ref.name}: alias not found[database=${database}][alias=${ref.name}]; drop it by its own name`,
        );
      }
      const record = catalog.byName(database, ref.name);
      if (record !== undefined && record.state !== 'dropping') await this.#dropNow(record, receipt);
    });
  }

  async #dropNow(record: Collection, receipt: Receipt): Promise<void> {
    // The tombstone first: from here the collection is gone for everyone, and what a failure or a restart leaves is cleared later.
    await this.#parts.catalog.carryOut(receipt, moveCollection(record, 'drop')).catch((error: unknown) => {
      // Its outcome may have got lost: nobody else looks for a tombstone before the next start.
      void this.#clear(record);
      throw error;
    });
    const over = new AbortController();
    const { timers } = this.#parts.platform;
    await Promise.race([
      this.#clear(record).finally(() => over.abort()),
      timers.sleep(DROP_ANSWER_MS, over.signal).catch(() => {}), // Only its end is of interest.
    ]);
  }

  /** Removes what a collection has elsewhere, then its record, if it was dropped or not made to its end. */
  #clear(record: Collection): Promise<void> {
    return clearing(this.#parts, { collectionId: record.id }, async (context) => {
      const { catalog, peers } = this.#parts;
      await this.#takeBack(record);
      if (catalog.byId(record.id)?.state !== 'dropping') return;
      await peers.queryCoord.releaseCollection({ collectionId: record.id }, context);
      await peers.channelRegistry.dropCollectionData(
        { collectionId: record.id, partitionId: ALL_PARTITIONS },
        context,
      );
      await redeciding(() => catalog.removeCollection(record));
    });
  }

  /** Takes back or finishes what a crash cut off: creates, drops of collections, drops of partitions. */
  async finishInterrupted(): Promise<void> {
    const { catalog, platform } = this.#parts;
    const collections = catalog.collections().filter(({ id }) => this.#interrupted.has(id));
    const interrupted = collections.filter((record) => !isCreated(record));
    const partitions = collections
      .filter(isCreated)
      .filter(({ droppingPartitions }) => droppingPartitions.length > 0)
      .map(({ id, droppingPartitions }) => ({
        collectionId: id,
        partitionIds: droppingPartitions.map((partition) => partition.id),
      }));
    await Promise.all([
      ...interrupted.map((record) => {
        platform.logger.info('ddl_finishing_interrupted', { collectionId: record.id, state: record.state });
        return this.#dropNow(record, noReceipt);
      }),
      ...partitions.map((marked) => {
        platform.logger.info('ddl_finishing_interrupted', {
          collectionId: marked.collectionId,
          partitions: marked.partitionIds.length,
        });
        return this.#partitions.clear(marked);
      }),
    ]);
  }
}

const isWhole = (record: Collection): boolean => isCreated(record) && record.droppingPartitions.length === 0;

function checkShardCount({ shardsNum }: CreateCollectionRequest): void {
  if (shardsNum >= 0 && shardsNum <= SHARDS_MAX) return;
  throw new ElanusError(
    'invalid_parameter',
    `maximum shards's number should be limited to ${SHARDS_MAX}, got ${shardsNum}: invalid parameter`,
  );
}

/** Some clients put them into the schema; those beside it win. */
const propertiesOf = (
  schema: CollectionSchema,
  request: CreateCollectionRequest,
): Record<string, string> => ({
  timezone: 'UTC',
  ...namespaceProperties(schema),
  ...Object.fromEntries([...schema.properties, ...request.properties].map(({ key, value }) => [key, value])),
});

const partitionKeyCountOf = (schema: CollectionSchema, request: CreateCollectionRequest): number =>
  schema.fields.some((field) => field.isPartitionKey) ? Number(request.numPartitions || 16n) : 0;
/** Whether creating it is the same request again: what differs would be passed over in silence. */
function isSameCollection(
  existing: Collection,
  schema: CollectionSchema,
  request: CreateCollectionRequest,
): boolean {
  const properties = propertiesOf(schema, request);
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
