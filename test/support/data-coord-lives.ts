// Lives of a data-coord on one simulated cluster, with a hook before each step that it makes durable.

import { messageOf } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { CollectionRecord, ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { DataCoord } from '#roles/data-coord/data-coord.js';
import { keysOf } from '#roles/data-coord/object-names.js';
import { importFiles } from '#roles/data-node/import/import-files.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { writeManifest } from '#segment/files/manifest.js';
import { importLimits } from '#segment/imports/reading.js';
import { dataCoordSettings } from './data-coord.js';
import { noEmbedder } from './no-embedder.js';
import { anyNodes } from './role-nodes.js';

const CHANNEL = 'by-dev-rootcoord-dml_0_7v0';
export const COLLECTION = 7n;
export const PARTITION = 70n;
export const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
  ],
});

export const ROWS = Array.from({ length: 20 }, (_, id) => `{"id":${id},"v":[1,2]}`).join('\n');
export const task = {
  importTask: {
    collectionId: COLLECTION,
    partitionId: PARTITION,
    channelNames: [CHANNEL],
    taskId: 1n,
    files: ['up/a.jsonl'],
  },
};

/** Ids and timestamps of one cluster: they outlive its processes. */
interface Counters {
  id: bigint;
  time: bigint;
}

export interface Life {
  readonly platform: MemoryPlatform;
  readonly calls: Client<typeof DataCoordDefinition>;
  readonly registry: Client<typeof ChannelRegistryDefinition>;
  readonly run: <T>(call: Promise<T>) => Promise<T>;
  readonly allocate: (count: number) => bigint;
  readonly dataCoord: DataCoord;
}

/** What happens before each step that changes a store; counted from 1. */
type Hook = (step: number) => Promise<void> | void;

export async function live(
  cluster: SimulatedCluster,
  counters: Counters,
  hook: Hook = () => {},
  host = 'dc',
): Promise<Life> {
  const platform = openMemoryPlatform({ cluster, host });
  let steps = 0;
  const transact = platform.metaStore.transact.bind(platform.metaStore);
  const put = platform.objectStore.put.bind(platform.objectStore);
  const remove = platform.objectStore.remove.bind(platform.objectStore);
  Object.assign(platform.metaStore, {
    transact: async (...from: Parameters<typeof transact>) => {
      await hook(++steps);
      return transact(...from);
    },
  });
  Object.assign(platform.objectStore, {
    put: async (...from: Parameters<typeof put>) => {
      await hook(++steps);
      return put(...from);
    },
    remove: async (...from: Parameters<typeof remove>) => {
      await hook(++steps);
      return remove(...from);
    },
  });
  function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const allocate = (count: number): bigint => {
    counters.id += BigInt(count);
    return counters.id - BigInt(count);
  };
  const limits = { ...importLimits, segmentBytes: 1, batchRows: 10 };
  const dataCoord = await DataCoord.open(platform, dataCoordSettings, {
    nodes: anyNodes,
    streamingNode: client(StreamingNodeDefinition, {
      openChannel: async () => ({}),
      closeChannel: async () => ({}),
      dropChannelPartition: async () => ({}),
    }),
    rootCoord: client(RootCoordDefinition, {
      allocTimestamp: async () => ({ timestamp: ++counters.time }),
      allocID: async ({ count }) => ({ ID: allocate(count), count }),
      segmentFlushCompleted: async () => ({}),
      describeCollection: async () => ({ schema }),
    }),
    definitions: client(DefinitionsDefinition, {
      describeCollection: async () => ({ collection: CollectionRecord.fromPartial({ schema }) }),
    }),
    queryCoord: client(QueryCoordDefinition, { segmentsChanged: async () => ({}) }),
    dataNode: client(DataNodeDefinition, {
      importFiles: ({ job = ImportJobRecord.create(), segmentIds, taskIndex }, { signal }) =>
        importFiles({
          embedder: noEmbedder,
          platform,
          job,
          taskIndex,
          segmentIds,
          signal,
          allocateIds: async (count) => allocate(count),
          limits,
        }),
    }),
  });
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  return {
    platform,
    dataCoord,
    run,
    allocate,
    calls: client(DataCoordDefinition, dataCoord.dataCoordHandlers),
    registry: client(ChannelRegistryDefinition, dataCoord.channelRegistryHandlers),
  };
}

export const fresh = () => ({ cluster: simulatedCluster(11), counters: { id: 1000n, time: 100n } });
export const watch = ({ calls, run }: Life, collectionID = COLLECTION, channel = CHANNEL) =>
  run(calls.watchChannels({ collectionID, channelNames: [channel], schema, createTimestamp: 5n }));
export async function acquire({ registry, run }: Life, newestLogEpoch = 0n) {
  const { channels } = await run(registry.acquireChannels({ serverId: 9n, newestLogEpoch }));
  return channels;
}

/** A flushed segment with its files, as a streaming-node writes them before it commits. */
export async function written({ platform, allocate }: Life, partitionId = PARTITION): Promise<SegmentRecord> {
  const id = allocate(1);
  const key = `insert_log/${COLLECTION}/${partitionId}/${id}/0/${allocate(1)}`;
  const segment = SegmentRecord.fromPartial({
    id,
    collectionId: COLLECTION,
    partitionId,
    vchannel: CHANNEL,
    state: 'flushed',
    rowCount: 10n,
    timestampTo: 1n << 60n,
    files: [{ key, bytes: 3n, fieldIds: [100n, 101n], rowCount: 10n }],
    manifestKey: `manifest/${COLLECTION}/${partitionId}/${id}.json`,
  });
  await platform.objectStore.put(key, [new Uint8Array(3)]);
  await writeManifest(platform, { schema, segment });
  return segment;
}

export const commit = ({ registry }: Life, epoch: bigint, segments: readonly SegmentRecord[], at = 50n) =>
  registry
    .commitFlush({ vchannel: CHANNEL, epoch, segments, checkpointLsn: at, checkpointTimestamp: at })
    .then(
      () => 'taken',
      (error: { readonly key?: string }) => error.key ?? messageOf(error),
    );
export async function stateOf({ registry, run }: Life) {
  const { segments, channels } = await run(registry.listSegments({ collectionId: COLLECTION }));
  const { jobs } = await run(registry.listImportJobs({ collectionId: 0n }));
  return { segments, channels, job: jobs[0] };
}

/** Objects of ours that the catalog does not name, and names without an object. */
export async function strays(life: Life): Promise<readonly string[]> {
  const { segments } = await stateOf(life);
  const named = new Set(segments.flatMap(keysOf));
  const there = (await life.run(life.platform.objectStore.list(''))).filter((key) => !key.startsWith('up/'));
  return [
    ...there.filter((key) => !named.has(key)),
    ...[...named].filter((key) => !there.includes(key)).map((key) => `missing ${key}`),
  ];
}

export const settle = (cluster: SimulatedCluster): Promise<void> => cluster.world.advance(40_000);
