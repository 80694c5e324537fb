// A data-coord on a simulated cluster, with fakes of its peers around it.
import { ElanusError } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { CollectionRecord, SegmentRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { DataCoord } from '#roles/data-coord/data-coord.js';
import type { RoleNodes } from '#rpc/role-nodes.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { anyNodes } from './role-nodes.js';

export const CHANNEL = 'by-dev-rootcoord-dml_0_7v0';
export const COLLECTION = 7n;
/** Nothing is compacted unless a test asks for it. */
export const dataCoordSettings = {
  serverId: 1n,
  autoCompaction: false,
  compactedBytesMax: 1 << 20,
  compactionDelayMs: 100,
  garbageIntervalMs: 1000,
  orphanIntervalMs: 3_600_000,
};
export const down = (): Promise<never> => Promise.reject(new ElanusError('service_unavailable', 'down'));
export interface Fakes {
  streamingNode: Partial<Handlers<typeof StreamingNodeDefinition>>;
  rootCoord: Partial<Handlers<typeof RootCoordDefinition>>;
  dataNode: Partial<Handlers<typeof DataNodeDefinition>>;
  queryCoord: Partial<Handlers<typeof QueryCoordDefinition>>;
  nodes: RoleNodes;
}

export async function start(
  cluster: SimulatedCluster,
  fakes: Partial<Fakes> = {},
  settings = dataCoordSettings,
) {
  const platform: MemoryPlatform = openMemoryPlatform({ cluster, host: 'dc' });
  let time = 100n;
  function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const dataCoord = await DataCoord.open(platform, settings, {
    nodes: fakes.nodes ?? anyNodes,
    streamingNode: client(StreamingNodeDefinition, {
      openChannel: async () => ({}),
      closeChannel: async () => ({}),
      ...fakes.streamingNode,
    }),
    rootCoord: client(RootCoordDefinition, {
      allocTimestamp: async () => ({ timestamp: ++time }),
      allocID: async ({ count }) => ({ ID: 5000n, count }),
      segmentFlushCompleted: async () => ({}),
      describeCollection: async () => ({}),
      ...fakes.rootCoord,
    }),
    definitions: client(DefinitionsDefinition, {
      describeCollection: async () => ({
        collection: CollectionRecord.fromPartial({ schema: { name: 'c' } }),
      }),
    }),
    queryCoord: client(QueryCoordDefinition, { segmentsChanged: async () => ({}), ...fakes.queryCoord }),
    dataNode: client(DataNodeDefinition, { ...fakes.dataNode }),
  });
  dataCoord.start();
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  return {
    cluster,
    platform,
    dataCoord,
    run,
    calls: client(DataCoordDefinition, dataCoord.dataCoordHandlers),
    registry: client(ChannelRegistryDefinition, dataCoord.channelRegistryHandlers),
  };
}

export type Running = Awaited<ReturnType<typeof start>>;
export const fresh = (fakes?: Partial<Fakes>): Promise<Running> => start(simulatedCluster(11), fakes);
export const restart = (running: Running, fakes?: Partial<Fakes>): Promise<Running> => {
  running.platform.crash();
  return start(running.cluster, fakes);
};

export const watch = ({ calls, run }: Running) =>
  run(
    calls.watchChannels({
      collectionID: COLLECTION,
      channelNames: [CHANNEL],
      schema: { name: 'c' },
      createTimestamp: 5n,
    }),
  );
export const segment = (id: bigint, more: Partial<SegmentRecord> = {}): SegmentRecord =>
  SegmentRecord.fromPartial({
    id,
    collectionId: COLLECTION,
    partitionId: 70n,
    vchannel: CHANNEL,
    state: 'flushed',
    rowCount: 10n,
    timestampTo: 1n << 60n,
    files: [
      { key: `insert_log/7/70/${id}/0/1`, bytes: 3n, fieldIds: [0n, 1n, 100n], rowCount: 10n },
      { key: `insert_log/7/70/${id}/101/1`, bytes: 3n, fieldIds: [101n], rowCount: 10n },
    ],
    ...more,
  });
export const commit = (
  { registry, run }: Running,
  epoch: bigint,
  segments: readonly SegmentRecord[],
  checkpoint: bigint,
) =>
  run(
    registry.commitFlush({
      vchannel: CHANNEL,
      epoch,
      segments,
      checkpointLsn: checkpoint,
      checkpointTimestamp: checkpoint,
    }),
  );
export const flushedOf = async ({ calls, run }: Running, partitionID = -1n) =>
  (await run(calls.getFlushedSegments({ collectionID: COLLECTION, partitionID }))).segments;
