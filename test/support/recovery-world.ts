// A streaming-node over several lives, and data-coord and root-coord, as far as it sees them, which outlive it.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { ChannelRecord, type SegmentRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  CheckpointOutcome,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { StreamingNode } from '#roles/streaming-node/streaming-node.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { MemoryAccount } from '#segment/memory-account.js';
import { defaultConfig } from '#server/config.js';

const DIM = 256;
export const FOLDER = 'wal/log';
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    {
      fieldID: 101n,
      name: 'v',
      dataType: DataType.FloatVector,
      typeParams: [{ key: 'dim', value: String(DIM) }],
    },
  ],
});

export type Name = 'a' | 'b' | 'c';
const numbers = { a: 1, b: 2, c: 3 } as const;
export const vchannelOf = (name: Name): string => `log_${numbers[name]}v0`;

/** Data-coord and root-coord, as far as a streaming-node sees them. They outlive it. */
class Catalog {
  readonly channels = new Map<string, ChannelRecord>();
  readonly segments: SegmentRecord[] = [];
  readonly commits: string[] = [];
  refuses: (vchannel: string) => boolean = () => false;
  /** What goes on while a node is given its channels. */
  whileAcquired: () => Promise<void> = async () => {};
  clock = 1000n << 18n;
  ids = 1000n;
  epoch = 1n;

  channel(name: Name): ChannelRecord {
    const found = this.channels.get(vchannelOf(name));
    if (found === undefined) throw new Error(`no channel ${name}`);
    return found;
  }

  create(name: Name, checkpointLsn = 0n): ChannelRecord {
    const vchannel = vchannelOf(name);
    const record = ChannelRecord.fromPartial({
      vchannel,
      collectionId: BigInt(numbers[name]),
      schema,
      epoch: this.epoch,
      checkpointLsn,
    });
    this.channels.set(vchannel, record);
    return record;
  }

  readonly registry: Partial<Handlers<typeof ChannelRegistryDefinition>> = {
    acquireChannels: async ({ newestLogEpoch }) => {
      this.epoch = (newestLogEpoch > this.epoch ? newestLogEpoch : this.epoch) + 1n;
      for (const channel of this.channels.values())
        this.channels.set(channel.vchannel, { ...channel, epoch: this.epoch });
      const persisted = (vchannel: string) =>
        this.segments.filter((one) => one.vchannel === vchannel).map(({ id }) => id);
      const channels = [...this.channels.values()].map((channel) => ({
        channel,
        persistedSegmentIds: persisted(channel.vchannel),
      }));
      await this.whileAcquired();
      return { channels };
    },
    commitFlush: async ({ vchannel, epoch, segments, checkpointLsn, checkpointTimestamp }) => {
      const channel = this.channels.get(vchannel);
      if (channel === undefined) throw new ElanusError('channel_not_found', 'dropped');
      if (channel.epoch !== epoch) throw new ElanusError('channel_moved', 'another owner');
      if (this.refuses(vchannel)) throw new ElanusError('service_unavailable', 'down');
      this.commits.push(vchannel);
      this.segments.push(...segments);
      const lsn = checkpointLsn > channel.checkpointLsn ? checkpointLsn : channel.checkpointLsn;
      this.channels.set(vchannel, { ...channel, checkpointLsn: lsn, checkpointTimestamp });
      return {};
    },
    saveCheckpoints: async ({ checkpoints }, context) => {
      for (const { lsn: checkpointLsn, timestamp: checkpointTimestamp, ...of } of checkpoints)
        await this.registry.commitFlush?.(
          { ...of, segments: [], checkpointLsn, checkpointTimestamp },
          context,
        );
      return { outcomes: checkpoints.map(() => CheckpointOutcome.CheckpointSaved) };
    },
    listSegments: async ({ collectionId }) => ({
      segments: this.segments.filter((segment) => segment.collectionId === collectionId),
      channels: [...this.channels.values()].filter((channel) => channel.collectionId === collectionId),
    }),
  };
}

function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
  return inProcessClient(definition, handlers as Handlers<D>);
}

/** A root-coord that counts on in what it is given, and has no schemas newer than those of the channels. */
export function rootCoordOf(counters: { clock: bigint; ids: bigint }): Client<typeof RootCoordDefinition> {
  return client(RootCoordDefinition, {
    allocTimestamp: async ({ count }) => {
      counters.clock += 1n << 18n;
      return { timestamp: counters.clock, count };
    },
    allocID: async ({ count }) => {
      counters.ids += BigInt(count);
      return { ID: counters.ids - BigInt(count), count };
    },
    describeCollection: async () => {
      throw new ElanusError('collection_not_found', 'there is none');
    },
  });
}

export class World {
  readonly cluster = simulatedCluster(3);
  readonly catalog = new Catalog();
  platform: MemoryPlatform | undefined;
  node: StreamingNode | undefined;
  /** Whether memory for vectors is given. */
  hasMemory = true;

  run<T>(task: Promise<T>): Promise<T> {
    return this.cluster.world.runUntil(task);
  }

  get disk() {
    if (this.platform === undefined) throw new Error('not started');
    return this.platform.disk;
  }

  get calls(): Client<typeof StreamingNodeDefinition> {
    if (this.node === undefined) throw new Error('not started');
    return client(StreamingNodeDefinition, this.node.handlers);
  }

  /** @param isGhost the process before goes on */
  async start(logFileBytesMax = 4096, isGhost = false): Promise<void> {
    const before = this.platform;
    if (!isGhost) before?.crash();
    const platform = openMemoryPlatform({
      cluster: this.cluster,
      host: 'sn',
      ...(before === undefined ? {} : { disk: before.disk }),
    });
    this.platform = platform;
    const { catalog } = this;
    const rootCoord = rootCoordOf(catalog);
    const { workers } = platform;
    const allocate = (bytes: number, bytesMax: number) => {
      if (!this.hasMemory) throw new ElanusError('memory_limit', 'no memory');
      return workers.allocate(bytes, bytesMax);
    };
    this.node = new StreamingNode(
      {
        ...platform,
        workers: {
          ...{ parallelism: workers.parallelism, allocate },
          release: (region) => workers.release(region),
          run: (task, input, regions, signal, micros) => workers.run(task, input, regions, signal, micros),
        },
      },
      { ...defaultConfig, serverId: 1n, logFileBytesMax },
      {
        rootCoord,
        channelRegistry: client(ChannelRegistryDefinition, catalog.registry),
        queryNode: client(QueryNodeDefinition, {}),
        queryCoord: client(QueryCoordDefinition, { segmentsChanged: async () => ({}) }),
      },
      new MemoryAccount(platform.memoryBytes, platform.metrics),
    );
    await this.run(this.node.start());
  }

  async create(...names: readonly Name[]): Promise<void> {
    for (const name of names)
      await this.run(this.calls.openChannel({ channel: this.catalog.create(name), persistedSegmentIds: [] }));
  }

  async insert(name: Name, from: number, count: number): Promise<void> {
    const keys = Array.from({ length: count }, (_one, index) => BigInt(from + index));
    const vectors = column(101n, DataType.FloatVector, bytesView(new Float32Array(count * DIM).fill(from)));
    const inserts = [{ partitionId: 70n, rows: batchOf(count, [columnFromInt64(100n, keys), vectors]) }];
    await this.run(this.calls.append({ vchannel: vchannelOf(name), deletedPartitionId: 0n, inserts }));
  }

  async flush(name: Name): Promise<void> {
    const vchannel = vchannelOf(name);
    const { flushTimestamp } = await this.run(this.calls.sealChannel({ vchannel }));
    await this.run(this.calls.awaitCheckpoint({ vchannel, timestamp: flushTimestamp }));
    await this.cluster.world.advance(100);
  }

  async rows(name: Name): Promise<number> {
    const { segments } = await this.run(this.calls.channelRows({ vchannel: vchannelOf(name) }));
    const inFiles = this.catalog.segments.filter((segment) => segment.vchannel === vchannelOf(name));
    return Number([...segments, ...inFiles].reduce((sum, { rowCount }) => sum + rowCount, 0n));
  }

  async logFiles(): Promise<readonly string[]> {
    return (await this.disk.list(FOLDER)).filter((path) => path.endsWith('.log'));
  }

  async logBytes(): Promise<number> {
    let bytes = 0;
    for (const path of await this.logFiles()) bytes += (await this.disk.size(path)) ?? 0;
    return bytes;
  }
}

export async function started(...names: readonly Name[]): Promise<World> {
  const world = new World();
  await world.start();
  await world.create(...names);
  return world;
}
