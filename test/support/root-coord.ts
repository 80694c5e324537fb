// A root-coord alone on simulated time, with peers that note what they are asked and fail when a test says so; its store outlives it.
import { ElanusError } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import type { CallContext } from '#platform/transport.js';
import { CollectionRecord } from '#proto/elanus/data.js';
import { ChannelRegistryDefinition, DataNodeDefinition, QueryCoordDefinition } from '#proto/elanus/roles.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { CreateCollectionRequest } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, FieldSchema } from '#proto/milvus/schema.js';
import { RootCoord } from '#roles/root-coord/root-coord.js';
import { type Client, type Handlers, inProcessClient } from '#rpc/service.js';
import { anyNodes } from './role-nodes.js';

type Step = 'watchChannels' | 'releaseCollection' | 'dropCollectionData';
export interface Peers {
  /** Every call that arrived, in order. */
  readonly seen: string[];
  /** Steps that fail, and how. */
  readonly failures: Map<Step, () => Promise<never>>;
  /** Partitions that are loaded one by one. */
  readonly loaded: Set<bigint>;
  onLoad: () => Promise<void>;
}

export const unavailable = (): Promise<never> =>
  Promise.reject(new ElanusError('service_unavailable', 'down'));
async function buildRootCoord(
  cluster: SimulatedCluster,
  peers: Peers,
): Promise<{ readonly rootCoord: RootCoord; readonly platform: MemoryPlatform }> {
  const platform = openMemoryPlatform({ cluster, host: 'root' });
  const step = async (name: Step, id: bigint): Promise<object> => {
    peers.seen.push(`${name} ${id}`);
    await peers.failures.get(name)?.();
    return {};
  };
  // Only the methods that DDL calls.
  function client<D extends Parameters<typeof inProcessClient>[0]>(
    definition: D,
    handlers: Partial<Handlers<D>>,
  ): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const rootCoord = await RootCoord.open(
    platform,
    {
      physicalChannelCount: 4,
      brokerDeadlineMs: 1000,
      indexRowsMin: 1024,
      indexCheckIntervalMs: 60_000,
      serverId: 1n,
    },
    {
      nodes: anyNodes,
      channelRegistry: client(ChannelRegistryDefinition, {
        dropCollectionData: ({ collectionId }) => step('dropCollectionData', collectionId),
      }),
      queryCoord: client(QueryCoordDefinition, {
        loadCollection: async ({ partitionIds }) => {
          for (const id of partitionIds) peers.loaded.add(id);
          await peers.onLoad();
          return {};
        },
        releaseCollection: ({ collectionId, partitionIds }) => {
          for (const id of partitionIds) peers.loaded.delete(id);
          return step('releaseCollection', collectionId);
        },
        loadState: async () => ({ known: peers.loaded.size > 0, partitionIds: [...peers.loaded] }),
      }),
      dataNode: client(DataNodeDefinition, {}),
    },
  );
  rootCoord.setDataCoord(
    client(DataCoordDefinition, { watchChannels: ({ collectionID }) => step('watchChannels', collectionID) }),
  );
  return { rootCoord, platform };
}

export const schemaBytes = (dim = '4', name = 'c'): Uint8Array =>
  CollectionSchema.encode(
    CollectionSchema.fromPartial({
      name,
      fields: [
        FieldSchema.create({ name: 'id', dataType: DataType.Int64, isPrimaryKey: true }),
        FieldSchema.create({
          name: 'v',
          dataType: DataType.FloatVector,
          typeParams: [{ key: 'dim', value: dim }],
        }),
      ],
    }),
  ).finish();
export const createRequest = ({ collectionName = 'c', ...more }: Partial<CreateCollectionRequest> = {}) =>
  CreateCollectionRequest.create({
    ...{ collectionName, schema: schemaBytes('4', collectionName), shardsNum: 2 },
    ...more,
  });
export const context: CallContext = { signal: new AbortController().signal, metadata: {} };

/** @param isStarted false: it serves, and the test calls `start` */
export async function openRootCoord(cluster = simulatedCluster(5), isStarted = true) {
  const peers: Peers = {
    ...{ seen: [], failures: new Map(), loaded: new Set<bigint>() },
    onLoad: async () => {},
  };
  const { rootCoord, platform } = await buildRootCoord(cluster, peers);
  if (isStarted) await cluster.world.runUntil(rootCoord.start());
  const handlers = rootCoord.definitionHandlers;
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  return {
    cluster,
    peers,
    platform,
    rootCoord,
    handlers,
    create: (more: Partial<CreateCollectionRequest> = {}) =>
      run(handlers.createCollection(createRequest(more), context)),
    drop: (name = 'c') => run(handlers.dropCollection({ database: '', name, id: 0n }, context)),
    describe: (name = 'c') => run(handlers.describeCollection({ database: '', name, id: 0n }, context)),
    records: async () =>
      (await cluster.metaStore.range('root-coord/collection/')).map(({ value }) =>
        CollectionRecord.decode(value),
      ),
  };
}
