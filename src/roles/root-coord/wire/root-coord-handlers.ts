// Milvus's own `RootCoord` service: time and ids, and what DataCoord, proxies and tools of another make read of definitions. Reads of the
// records in memory; only what lies at data-coord is asked there, through the broker.
import { assert } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { physicalMs, type Timestamp } from '#base/timestamp.js';
import { type CreatedCollection, isCreated } from '#model/states/collection.js';
import { ALL_PARTITIONS } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import { StateCode } from '#proto/milvus/common.js';
import type { DescribeCollectionResponse } from '#proto/milvus/milvus.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { DataCoordBroker } from '#roles/root-coord/data-coord-broker.js';
import type { DefinitionCatalog } from '#roles/root-coord/definition-catalog.js';
import type { IndexReconciler } from '#roles/root-coord/index-reconciler.js';
import type { RootCoordPeers } from '#roles/root-coord/root-coord-peers.js';
import { configurations } from '#rpc/configurations.js';
import { type Handlers, whole } from '#rpc/service.js';

/** What of its settings tools may see. */
interface ShownSettings {
  readonly serverId: bigint;
  readonly physicalChannelCount: number;
  readonly brokerDeadlineMs: number;
  readonly indexRowsMin: number;
  readonly indexCheckIntervalMs: number;
}

export interface RootCoordHandlersParts {
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  readonly settings: ShownSettings;
  readonly catalog: DefinitionCatalog;
  readonly peers: Pick<RootCoordPeers, 'channelRegistry'>;
  readonly allocateTimestamps: (count: number) => Promise<Timestamp>;
  readonly allocateIds: (count: number) => Promise<bigint>;
  /** @throws service_not_ready before the data-coord was handed over */
  readonly parts: () => { readonly broker: DataCoordBroker; readonly indexes: IndexReconciler };
}

/** The longest wait for a time to pass, when the caller gives no deadline, in ms. */
const BLOCK_MS_MAX = 10_000;
const SHOWN = ['physicalChannelCount', 'brokerDeadlineMs', 'indexRowsMin', 'indexCheckIntervalMs'] as const;

interface Named {
  readonly dbName: string;
  readonly collectionName: string;
  readonly collectionID: bigint;
}

export function rootCoordHandlers(parts: RootCoordHandlersParts): Handlers<typeof RootCoordDefinition> {
  const { catalog, settings } = parts;
  return {
    allocTimestamp: async ({ count, blockTimestamp }, context) => {
      const some = count === 0 ? 1 : count;
      return { timestamp: await timestampsPast(parts, some, blockTimestamp, context), count: some };
    },
    allocID: async ({ count }) => {
      const some = count === 0 ? 1 : count;
      return { ID: await parts.allocateIds(some), count: some };
    },
    getComponentStates: async () => ({
      state: { nodeID: settings.serverId, role: 'rootcoord', stateCode: StateCode.Healthy },
    }),
    ...definitionReads(catalog),
    showSegments: (request, { signal }) => showSegments(parts, request, signal),
    describeSegment: (request, { signal }) => describeSegment(parts, request, signal),
    showConfigurations: async ({ pattern }) => ({
      configuations: configurations('rootCoord', settings, SHOWN, pattern),
    }),
    checkHealth: async () => {
      parts.parts();
      return { isHealthy: true };
    },
    segmentFlushCompleted: async ({ segment }) => {
      if (segment === undefined)
        throw new ElanusError(
          'missing_parameter',
          'SegmentFlushCompleted: no segment given, expected its descriptor',
        );
      parts.parts().indexes.segmentFlushed(segment.collectionID, segment.ID);
      return {};
    },
  };
}

type DefinitionReads = Omit<
  Handlers<typeof RootCoordDefinition>,
  | 'allocTimestamp'
  | 'allocID'
  | 'getComponentStates'
  | 'showSegments'
  | 'describeSegment'
  | 'showConfigurations'
  | 'checkHealth'
  | 'segmentFlushCompleted'
>;

function definitionReads(catalog: DefinitionCatalog): DefinitionReads {
  const resolve = ({ dbName, collectionName, collectionID }: Named): CreatedCollection =>
    catalog.resolve({ database: dbName, name: collectionName, id: collectionID });
  const describeCollection = async (request: Named) => describe(resolve(request));
  const showPartitions = async (request: Named & { readonly partitionNames: readonly string[] }) =>
    describePartitions(resolve(request), request.partitionNames);
  return {
    describeCollection,
    describeCollectionInternal: describeCollection,
    showPartitions,
    showPartitionsInternal: showPartitions,
    hasCollection: async ({ dbName, collectionName }) => ({
      value: has(() => catalog.resolve({ database: dbName, name: collectionName, id: 0n })),
    }),
    hasPartition: async ({ dbName, collectionName, partitionName }) => {
      const { partitions } = catalog.resolve({ database: dbName, name: collectionName, id: 0n });
      return { value: partitions.some(({ name }) => name === partitionName) };
    },
    showCollections: async ({ dbName, collectionNames }) => {
      const database = catalog.database(dbName).name;
      const records = catalog
        .collections()
        .filter((record) => record.database === database && isCreated(record))
        .filter(({ schema }) => collectionNames.length === 0 || collectionNames.includes(schema?.name ?? ''));
      return {
        collectionNames: records.map(({ schema }) => schema?.name ?? ''),
        collectionIds: records.map(({ id }) => id),
        createdTimestamps: records.map(({ createdTimestamp }) => createdTimestamp),
        createdUtcTimestamps: records.map(({ createdTimestamp }) => createdTimestamp >> 18n),
        shardsNum: records.map(({ vchannels }) => vchannels.length),
      };
    },
    listDatabases: async () => {
      const databases = catalog.databases();
      return {
        dbNames: databases.map(({ name }) => name),
        createdTimestamp: databases.map(({ createdTimestamp }) => createdTimestamp),
        dbIds: databases.map(({ id }) => id),
      };
    },
    describeDatabase: async ({ dbName }) => {
      const { id, name, createdTimestamp, properties } = catalog.database(dbName);
      return {
        ...{ dbName: name, dbID: id, createdTimestamp },
        properties: Object.entries(properties).map(([key, value]) => ({ key, value })),
      };
    },
  };
}

/** @returns timestamps past `block`; waits for the clock, no longer than the caller does. @throws deadline_exceeded, cancelled */
async function timestampsPast(
  { platform, allocateTimestamps }: RootCoordHandlersParts,
  count: number,
  block: bigint,
  { signal, deadlineMs }: CallContext,
): Promise<Timestamp> {
  const { clock, timers } = platform;
  const begin = clock.monotonic();
  const most = Math.min(deadlineMs === undefined ? BLOCK_MS_MAX : deadlineMs - clock.now(), BLOCK_MS_MAX);
  for (;;) {
    const first = await allocateTimestamps(count);
    if (first > block) return first;
    const leftMs = most - (clock.monotonic() - begin);
    const waitMs = physicalMs(block as Timestamp) + 1 - physicalMs(first);
    if (waitMs > leftMs)
      throw new ElanusError(
        'deadline_exceeded',
        `AllocTimestamp: the clock is ${waitMs} ms before the time that it is to pass, and the call waits ${Math.max(0, Math.round(leftMs))} ms; ask later`,
      );
    await timers.sleep(Math.max(1, waitMs), signal);
  }
}

function has(find: () => unknown): boolean {
  try {
    find();
    return true;
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'collection_not_found') return false;
    throw error;
  }
}

/** Flushed segments of a partition, which must be of the collection. @throws partition_not_found */
async function showSegments(
  { catalog, parts }: RootCoordHandlersParts,
  { collectionID, partitionID }: { readonly collectionID: bigint; readonly partitionID: bigint },
  signal: AbortSignal,
) {
  const { partitions } = catalog.resolve({ database: '', name: '', id: collectionID });
  const partition = partitionID <= 0n ? ALL_PARTITIONS : partitionID;
  if (partition !== ALL_PARTITIONS && !partitions.some(({ id }) => id === partition))
    throw new ElanusError(
      'partition_not_found',
      `partition not found[partition=${partitionID}]: it is not of collection ${collectionID}`,
    );
  return { segmentIDs: [...(await parts().broker.getFlushedSegments(collectionID, partition, signal))] };
}

/** The first index of a segment, as the one answer of the first releases has it. @throws segment_not_found, also for one of another collection */
async function describeSegment(
  { catalog, parts, peers }: RootCoordHandlersParts,
  { collectionID, segmentID }: { readonly collectionID: bigint; readonly segmentID: bigint },
  signal: AbortSignal,
) {
  catalog.resolve({ database: '', name: '', id: collectionID });
  const flushed = await parts().broker.getFlushedSegments(collectionID, ALL_PARTITIONS, signal);
  if (!flushed.includes(segmentID))
    throw new ElanusError(
      'segment_not_found',
      `segment id ${segmentID} not belong to collection id ${collectionID}, or is not flushed; list the collection's segments`,
    );
  const { segments } = await peers.channelRegistry.listSegments({ collectionId: collectionID });
  const file = segments.find(({ id }) => id === segmentID)?.indexes[0];
  if (file === undefined) return { enableIndex: false };
  return { indexID: file.indexId, buildID: file.buildId, enableIndex: true, fieldID: file.fieldId };
}

/** The public description of a collection, as every client reads it. */
function describe(record: CollectionRecord): DescribeCollectionResponse {
  assert(record.schema !== undefined, `collection ${record.id} has no schema`);
  return whole<DescribeCollectionResponse>({
    status: undefined,
    schema: record.schema,
    collectionID: record.id,
    virtualChannelNames: record.vchannels,
    physicalChannelNames: record.vchannels.map((vchannel) => vchannel.slice(0, vchannel.lastIndexOf('_'))),
    createdTimestamp: record.createdTimestamp,
    createdUtcTimestamp: record.createdTimestamp >> 18n,
    shardsNum: record.vchannels.length,
    aliases: record.aliases,
    consistencyLevel: record.consistencyLevel as 0 | 1 | 2 | 3 | 4,
    collectionName: record.schema.name,
    properties: Object.entries(record.properties).map(([key, value]) => ({ key, value })),
    dbName: record.database,
    numPartitions: BigInt(record.partitions.length),
    updateTimestamp: record.updateTimestamp,
    updateTimestampStr: String(record.updateTimestamp),
    ...{ startPositions: [], dbId: 0n, requestTime: 0n },
  });
}

function describePartitions({ partitions }: CollectionRecord, names: readonly string[]) {
  const shown = partitions.filter(({ name }) => names.length === 0 || names.includes(name));
  return {
    partitionNames: shown.map((partition) => partition.name),
    partitionIDs: shown.map((partition) => partition.id),
    createdTimestamps: shown.map((partition) => partition.createdTimestamp),
    createdUtcTimestamps: shown.map((partition) => partition.createdTimestamp >> 18n),
  };
}
