// Builds RootCoord's parts and joins them: definitions, the clock, ids, and the loop that sees every flushed segment indexed.

import { assert } from '#base/assert.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { groupFiles } from '#model/imports/import-format.js';
import { isCreated } from '#model/states/collection.js';
import { ALL_PARTITIONS } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import { tryAgain } from '#platform/try-again.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type {
  CollectionResponse,
  DefinitionRevisionsResponse,
  DefinitionsDefinition,
  ImportDefinition,
  UsersDefinition,
} from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { usersHandlers } from '#roles/root-coord/users/users-handlers.js';
import { changeHandlers } from '#roles/root-coord/wire/change-handlers.js';
import { rootCoordHandlers } from '#roles/root-coord/wire/root-coord-handlers.js';
import { withWordsOfFiles } from '#roles/root-coord/words/field-words.js';
import { FileResources } from '#roles/root-coord/words/file-resources.js';
import { type Handlers, whole } from '#rpc/service.js';
import { Receipts } from '#rpc/sessions/receipts.js';
import { createDataCoordBroker, type DataCoordBroker, type DataCoordClient } from './data-coord-broker.js';
import { Ddl } from './ddl.js';
import { present } from './ddl-parts.js';
import { DEFAULT_DATABASE, DefinitionCatalog } from './definition-catalog.js';
import { measureDefinitions } from './definition-metrics.js';
import { IndexReconciler } from './index-reconciler.js';
import { CLOCK_KEY, checkCatalogIsThere } from './lost-catalog.js';
import type { RootCoordPeers } from './root-coord-peers.js';
import { ID_COUNT_MAX, TIMESTAMP_COUNT_MAX, TimestampOracle } from './timestamp-oracle.js';
import { dropUndefinedData } from './undefined-data.js';

export interface RootCoordSettings {
  /** How many physical channels collections are spread over. */
  readonly physicalChannelCount: number;
  /** One call to DataCoord, waiting for it included, in ms. */
  readonly brokerDeadlineMs: number;
  /** A flushed segment with fewer rows gets no index file. */
  readonly indexRowsMin: number;
  /** Between two rounds that look for segments without index, in ms. */
  readonly indexCheckIntervalMs: number;
  readonly serverId: bigint;
}

export class RootCoord {
  readonly #platform: Platform;
  readonly #settings: RootCoordSettings;
  readonly #peers: RootCoordPeers;
  readonly #catalog: DefinitionCatalog;
  readonly #timestamps: TimestampOracle;
  readonly #ids: TimestampOracle;
  readonly #fileResources: FileResources;
  readonly #receipts: Receipts;
  readonly #closing = new AbortController();
  #broker: DataCoordBroker | undefined;
  #ddl: Ddl | undefined;
  #indexes: IndexReconciler | undefined;

  private constructor(
    platform: Platform,
    settings: RootCoordSettings,
    peers: RootCoordPeers,
    parts: {
      catalog: DefinitionCatalog;
      timestamps: TimestampOracle;
      ids: TimestampOracle;
      fileResources: FileResources;
    },
  ) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    this.#catalog = parts.catalog;
    this.#timestamps = parts.timestamps;
    this.#ids = parts.ids;
    this.#fileResources = parts.fileResources;
    this.#receipts = new Receipts(platform, 'receipt/root-coord/');
    measureDefinitions(platform.metrics, parts.catalog);
  }

  static async open(
    platform: Platform,
    settings: RootCoordSettings,
    peers: RootCoordPeers,
  ): Promise<RootCoord> {
    await checkCatalogIsThere(platform);
    const oracle = (key: string, countMax: number) =>
      TimestampOracle.open({ store: platform.metaStore, clock: platform.clock, key, countMax });
    const parts = {
      catalog: await DefinitionCatalog.open(platform.metaStore),
      timestamps: await oracle(CLOCK_KEY, TIMESTAMP_COUNT_MAX),
      ids: await oracle('kv/gid/idTimestamp', ID_COUNT_MAX),
    };
    const { catalog, ids } = parts;
    const fileResources = await FileResources.open({
      platform,
      allocateId: () => ids.allocate(1),
      userOf: (id) => catalog.userOfResource(id),
    });
    const rootCoord = new RootCoord(platform, settings, peers, { ...parts, fileResources });
    await rootCoord.#receipts.load();
    if (!parts.catalog.hasDatabase(DEFAULT_DATABASE)) {
      await parts.catalog.saveDatabase({
        id: 1n,
        name: DEFAULT_DATABASE,
        createdTimestamp: await parts.timestamps.allocate(1),
        properties: {},
      });
    }
    return rootCoord;
  }

  /** Hands over the DataCoord. Nothing is called before this; calls after it wait for the peer's handshake within their deadline. */
  setDataCoord(client: DataCoordClient): void {
    this.#broker = createDataCoordBroker(client, this.#platform, {
      deadlineMs: this.#settings.brokerDeadlineMs,
      signal: this.#closing.signal,
    });
    this.#ddl = new Ddl({
      platform: this.#platform,
      catalog: this.#catalog,
      fileResources: this.#fileResources,
      broker: this.#broker,
      peers: this.#peers,
      physicalChannelCount: this.#settings.physicalChannelCount,
      allocateTimestamp: () => this.#timestamps.allocate(1),
      allocateId: () => this.#ids.allocate(1),
      signal: this.#closing.signal,
    });
    this.#indexes = new IndexReconciler({
      platform: this.#platform,
      catalog: this.#catalog,
      broker: this.#broker,
      dataNode: this.#peers.dataNode,
      nodes: this.#peers.nodes,
      channelRegistry: this.#peers.channelRegistry,
      queryCoord: this.#peers.queryCoord,
      allocateId: () => this.#ids.allocate(1),
      rowsMin: this.#settings.indexRowsMin,
      intervalMs: this.#settings.indexCheckIntervalMs,
    });
  }

  #parts(): { broker: DataCoordBroker; ddl: Ddl; indexes: IndexReconciler } {
    if (this.#broker === undefined || this.#ddl === undefined || this.#indexes === undefined) {
      throw new ElanusError(
        'service_not_ready',
        'root-coord has no data-coord yet; try again when the server has started',
      );
    }
    return { broker: this.#broker, ddl: this.#ddl, indexes: this.#indexes };
  }

  /** Finishes what a crash left half done, then starts the index loop. */
  async start(): Promise<void> {
    const { ddl, indexes } = this.#parts();
    await ddl.collections.finishInterrupted();
    void dropUndefinedData({
      platform: this.#platform,
      catalog: this.#catalog,
      channelRegistry: this.#peers.channelRegistry,
      signal: this.#closing.signal,
    });
    indexes.start();
  }

  /** The process is about to end. Definitions are served until `close`; indexes are left to the next start. */
  stopBuilding(): void {
    this.#indexes?.stop();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#indexes?.close();
  }

  /** Searches of the new field wait for it, so it is said until it is heard; a start of data-coord looks by itself which rows lack what functions make. */
  async #fillOutputs(collectionId: bigint, schemaVersion: number): Promise<void> {
    const { timers, logger } = this.#platform;
    const notify = async (): Promise<boolean> => {
      try {
        await this.#peers.channelRegistry.fillOutputs({ collectionId, schemaVersion });
        return true;
      } catch (error) {
        logger.warn('backfill_notice_failed', { collectionId, reason: messageOf(error) });
        return false;
      }
    };
    if (!(await notify())) void tryAgain({ timers, signal: this.#closing.signal }, notify);
  }

  /** What `close` waits for. */
  get underWay(): string | undefined {
    return this.#indexes?.underWay;
  }

  get rootCoordHandlers(): Handlers<typeof RootCoordDefinition> {
    return rootCoordHandlers({
      platform: this.#platform,
      settings: this.#settings,
      catalog: this.#catalog,
      peers: this.#peers,
      allocateTimestamps: (count) => this.#timestamps.allocate(count),
      allocateIds: (count) => this.#ids.allocate(count),
      parts: () => this.#parts(),
    });
  }

  get usersHandlers(): Handlers<typeof UsersDefinition> {
    return usersHandlers(this.#catalog.users, {
      allocateTimestamp: () => this.#timestamps.allocate(1),
      receipts: this.#receipts,
    });
  }

  get definitionHandlers(): Handlers<typeof DefinitionsDefinition> {
    const changes = changeHandlers({
      platform: this.#platform,
      peers: this.#peers,
      catalog: this.#catalog,
      receipts: this.#receipts,
      fileResources: this.#fileResources,
      parts: () => this.#parts(),
      fillOutputs: (collectionId, version) => this.#fillOutputs(collectionId, version),
    });
    return { ...changes, ...this.#definitionHandlers };
  }

  readonly #definitionHandlers: Omit<
    Handlers<typeof DefinitionsDefinition>,
    keyof ReturnType<typeof changeHandlers>
  > = {
    describeCollection: async (ref) => {
      const collection = this.#catalog.resolve(ref);
      // Every read and write asks this first.
      const { id: databaseId, properties: databaseProperties } = this.#catalog.database(collection.database);
      return whole<CollectionResponse>({ status: undefined, collection, databaseId, databaseProperties });
    },
    listCollections: async (ref) => {
      const database = this.#catalog.database(ref.database).name;
      return {
        collections: this.#catalog
          .collections()
          .filter((record) => record.database === database && isCreated(record)),
      };
    },
    definitionRevisions: async ({ collectionIds }) =>
      whole<DefinitionRevisionsResponse>({
        status: undefined,
        revisions: collectionIds.map((id) => this.#catalog.revisionOf(id)),
        mark: this.#catalog.mark,
      }),
    indexStates: async (ref) => {
      const record = this.#catalog.resolve(ref);
      return { indexes: await this.#parts().indexes.states(record) };
    },
    explain: async (request) => this.#parts().indexes.explain(request),
    listDatabases: async () => ({ databases: this.#catalog.databases() }),
    flushCollection: async (ref, { signal }) => {
      const record = this.#catalog.resolve(ref);
      const { broker } = this.#parts();
      const flushed = await broker.getFlushedSegments(record.id, ALL_PARTITIONS, signal);
      const response = await broker.flushOnCollection(record.id, [], signal);
      return {
        segmentIds: response.segmentIDs,
        flushedSegmentIds: flushed,
        timeOfSeal: response.timeOfSeal,
        flushTimestamp: response.flushTs,
      };
    },
    listFileResources: async () => ({
      resources: this.#fileResources.all.map(({ id, name, path }) => ({ id, name, path })),
    }),
    readAnalyzer: async ({ params }) => ({
      params: (await withWordsOfFiles(this.#fileResources, params)).params,
    }),
    importFiles: async (request) => {
      assert(request.collection !== undefined, 'importFiles: no collection');
      // With the lock: a truncate must not take the partition away between the look and the job, which it would not see.
      const jobId = await this.#parts().ddl.locks.collection(request.collection, () =>
        this.#beginImport(request),
      );
      return { jobId };
    },
  };

  async #beginImport(request: ImportDefinition): Promise<bigint> {
    const record = this.#catalog.resolve(present(request.collection));
    const options = Object.entries(request.options).map(([key, value]) => ({ key, value }));
    const key = { key: 'idempotency_key', value: request.idempotencyKey };
    return this.#parts().broker.startImport({
      collectionID: record.id,
      collectionName: record.schema?.name ?? '',
      partitionIDs: importPartitions(record, request.partition),
      channelNames: record.vchannels,
      files: groupFiles(request.files).map((paths) => ({ paths })),
      options: request.idempotencyKey === '' ? options : [...options, key],
      jobID: request.jobId === 0n ? await this.#ids.allocate(1) : request.jobId,
    });
  }
}

/** Where the rows go: one partition, or all of which the partition key of each row chooses one. */
function importPartitions(record: CollectionRecord, name: string): bigint[] {
  if (record.partitionKeyCount > 0) {
    if (name === '') return record.partitions.map(({ id }) => id);
    throw new ElanusError(
      'invalid_parameter',
      'not allow to set partition name for collection with partition key: the key of each row chooses; leave the name out: invalid parameter',
    );
  }
  const partitionName = name === '' ? '_default' : name;
  const partition = record.partitions.find((candidate) => candidate.name === partitionName);
  if (partition === undefined)
    throw new ElanusError('partition_not_found', `partition not found[partition=${partitionName}]`);
  return [partition.id];
}
