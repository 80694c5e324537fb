// Several shards of one log and the catalog beside it, over crashes: nothing acts before all shards are whole, log and catalog agree or the
// node does not start, and what nobody needs is given back.

import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { ChannelRecord, LogRecord, type SegmentRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  CheckpointOutcome,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { MemoryAccount } from '#segment/memory-account.js';
import { defaultConfig } from '#server/config.js';
import { StreamingNode } from './streaming-node.js';

const DIM = 256;
const FOLDER = 'wal/log';
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

type Name = 'a' | 'b' | 'c';
const numbers = { a: 1, b: 2, c: 3 } as const;
const vchannelOf = (name: Name): string => `log_${numbers[name]}v0`;

/** Data-coord and root-coord, as far as a streaming-node sees them. They outlive it. */
class Catalog {
  readonly channels = new Map<string, ChannelRecord>();
  readonly segments: SegmentRecord[] = [];
  readonly commits: string[] = [];
  refuses: (vchannel: string) => boolean = () => false;
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
      return {
        channels: [...this.channels.values()].map((channel) => ({
          channel,
          persistedSegmentIds: persisted(channel.vchannel),
        })),
      };
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

class World {
  readonly cluster = simulatedCluster(3);
  readonly catalog = new Catalog();
  platform: MemoryPlatform | undefined;
  node: StreamingNode | undefined;

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
    const rootCoord = client(RootCoordDefinition, {
      allocTimestamp: async ({ count }) => {
        catalog.clock += 1n << 18n;
        return { timestamp: catalog.clock, count };
      },
      allocID: async ({ count }) => {
        catalog.ids += BigInt(count);
        return { ID: catalog.ids - BigInt(count), count };
      },
      // The schemas of the channels are the newest.
      describeCollection: async () => {
        throw new ElanusError('collection_not_found', 'there is none');
      },
    });
    this.node = new StreamingNode(
      platform,
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

async function started(...names: readonly Name[]): Promise<World> {
  const world = new World();
  await world.start();
  await world.create(...names);
  return world;
}

describe('recovery', () => {
  it('checkpoint: flushes and truncates nothing before every shard of the log is whole', async () => {
    const world = await started('a', 'b', 'c');
    world.catalog.refuses = (vchannel) => vchannel === vchannelOf('a');
    await world.insert('a', 0, 3);
    await world.run(world.calls.sealChannel({ vchannel: vchannelOf('a') }));
    for (let index = 0; index < 40; index++) await world.insert('c', index * 10, 2);
    world.catalog.refuses = () => false;
    for (let life = 0; life < 2; life++) {
      world.catalog.commits.length = 0;
      world.disk.readPause = () => world.cluster.world.timers.sleep(300);
      const commitsAtFiles: number[] = [];
      world.disk.fault = (operation, path) => {
        if (operation === 'read' && path.endsWith('.log')) commitsAtFiles.push(world.catalog.commits.length);
        return undefined;
      };
      await world.start();
      expect(commitsAtFiles.length).toBeGreaterThan(10);
      expect(new Set(commitsAtFiles)).toEqual(new Set([0]));
      world.disk.readPause = undefined;
      await world.cluster.world.advance(5000);
      expect([await world.rows('a'), await world.rows('b'), await world.rows('c')]).toEqual([3, 0, 80]);
    }
    expect(world.catalog.segments.map(({ vchannel }) => vchannel)).toEqual([vchannelOf('a')]);
  });
  it('gives a new channel a checkpoint before it takes a write', async () => {
    const world = await started('a');
    expect(world.catalog.channel('a').checkpointLsn).toBe(1n);
    await world.insert('a', 0, 1);
    world.catalog.refuses = () => true;
    await expect(world.create('b')).rejects.toMatchObject({ key: 'service_unavailable' });
    await expect(world.insert('b', 0, 1)).rejects.toMatchObject({ key: 'channel_not_available' });
    world.catalog.refuses = () => false;
    await world.create('b');
    expect(world.catalog.channel('b').checkpointLsn).toBe(2n);
    await world.insert('b', 0, 1);
    await world.start();
    expect(await world.rows('b')).toBe(1);
  });
  it('does not start, and changes nothing, when the log is not the one of the catalog', async () => {
    const takeAway = {
      everything: () => true,
      'the newest': (_path: string, index: number, count: number) => index === count - 1,
      'the oldest': (_path: string, index: number) => index === 0,
    };
    for (const [what, isTaken] of Object.entries(takeAway)) {
      const world = await started('a', 'b');
      for (let index = 0; index < 10; index++) await world.insert('a', index * 10, 4);
      world.catalog.channels.set(vchannelOf('a'), { ...world.catalog.channel('a'), checkpointLsn: 11n });
      const files = await world.logFiles();
      for (const path of files.filter((one, index) => isTaken(one, index, files.length)))
        await world.run(world.disk.remove(path));
      const left = await world.logFiles();
      await expect(world.start(), what).rejects.toMatchObject({
        key: 'data_corrupt',
        message: expect.stringMatching(/entry|entries/),
      });
      await expect(world.start(), what).rejects.toMatchObject({ key: 'data_corrupt' });
      expect(await world.logFiles()).toEqual(left);
    }
  });
  it('moves the checkpoint of a shard that has nothing to save, before the log goes', async () => {
    const world = await started('a', 'b');
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 13; index++) await world.insert('a', round * 10_000 + index * 100, 100);
      await world.flush('a');
    }
    expect(await world.logBytes()).toBeLessThan(1_500_000);
    expect(world.catalog.channel('b').checkpointLsn).toBeGreaterThan(10n);
    await world.start();
    await world.insert('b', 0, 1);
    await world.start();
    expect([await world.rows('a'), await world.rows('b')]).toEqual([3900, 1]);
  });
  it('keeps the log from the checkpoint of a shard that has nothing to save, when there is little to give back', async () => {
    const world = await started('a', 'b');
    for (let index = 0; index < 20; index++) await world.insert('a', index * 10, 4);
    expect((await world.logFiles()).length).toBeGreaterThan(4);
    await world.flush('a');
    expect(world.catalog.channel('b').checkpointLsn).toBe(1n);
    await world.start();
    expect(await world.rows('a')).toBe(80);
  });
  it('gives back the log of what was dropped, whether the catalog forgets it before or after the channel is closed, nobody closes it, or a crash comes', async () => {
    for (const how of ['catalog first', 'catalog later', 'unsaid', 'crash', 'all'] as const) {
      const world = await started('a', 'b');
      for (let index = 0; index < 13; index++) await world.insert('a', index * 100, 100);
      const drop = (name: Name) => {
        world.catalog.channels.delete(vchannelOf(name));
        return world.run(world.calls.closeChannel({ vchannel: vchannelOf(name) }));
      };
      if (how === 'catalog later') await world.run(world.calls.closeChannel({ vchannel: vchannelOf('a') }));
      if (how === 'crash' || how === 'unsaid') world.catalog.channels.delete(vchannelOf('a'));
      else await drop('a');
      if (how === 'unsaid') await world.run(world.calls.sealChannel({ vchannel: vchannelOf('a') }));
      if (how === 'all') world.catalog.channels.delete(vchannelOf('b'));
      if (how === 'crash' || how === 'all') await world.start();
      await world.cluster.world.advance(500);
      expect(await world.logBytes(), how).toBeLessThan(200_000);
      if (how === 'all') await world.create('b');
      await world.insert('b', 0, 1);
      await world.start();
      expect(await world.rows('b'), how).toBe(1);
    }
  });
  it('rebuilds a channel that was closed and is offered again', async () => {
    const world = await started('a', 'b');
    await world.insert('a', 0, 5);
    await world.flush('a');
    await world.insert('a', 10, 2);
    await world.run(world.calls.closeChannel({ vchannel: vchannelOf('a') }));
    for (let index = 0; index < 13; index++) await world.insert('b', index * 100, 100);
    await world.flush('b');
    await world.run(
      world.calls.openChannel({ channel: world.catalog.channel('a'), persistedSegmentIds: [] }),
    );
    expect(await world.rows('a')).toBe(7);
    await world.insert('a', 20, 1);
    await world.start();
    expect(await world.rows('a')).toBe(8);
  });
  it('refuses the writes of an owner whose channels another one took, though its handle is open', async () => {
    const world = await started('a');
    await world.insert('a', 0, 1);
    const old = world.calls;
    await world.start(4096, true);
    await world.insert('a', 1, 1);
    const late = {
      vchannel: vchannelOf('a'),
      deletedPartitionId: 0n,
      inserts: [],
      deletedKeys: columnFromInt64(100n, [0n]),
    };
    for (let time = 0; time < 2; time++)
      await expect(world.run(old.append(late))).rejects.toMatchObject({ key: 'wal_fenced' });
    await world.insert('a', 2, 1);
    await world.start();
    expect(await world.rows('a')).toBe(3);
  });
  it('opens what an earlier version left: a log that begins behind the checkpoint of an idle channel', async () => {
    const world = new World();
    const payload = LogRecord.encode(
      LogRecord.fromPartial({ vchannel: vchannelOf('a'), timestamp: 5n, seal: { segmentIds: [] } }),
    ).finish();
    const file = new Uint8Array(32 + 16 + payload.length);
    const view = new DataView(file.buffer);
    file.set([0x45, 0x4c, 0x57, 0x4c, 1]);
    view.setBigUint64(8, 1n, true);
    view.setBigUint64(16, 40n, true);
    view.setUint32(28, crc32(file.subarray(0, 28)), true);
    view.setUint32(32, payload.length, true);
    view.setBigUint64(40, 40n, true);
    file.set(payload, 48);
    view.setUint32(36, crc32(file.subarray(40)), true);
    world.catalog.create('a', 41n);
    world.catalog.create('b', 7n);
    world.catalog.create('c');
    world.platform = openMemoryPlatform({ cluster: world.cluster, host: 'sn' });
    await world.run(world.disk.write(`${FOLDER}/0000000000000028.log`, [file]));
    world.catalog.refuses = () => true;
    for (let life = 0; life < 3; life++) await world.start();
    world.catalog.refuses = () => false;
    await world.start();
    expect((['a', 'b', 'c'] as const).map((name) => world.catalog.channel(name).checkpointLsn)).toEqual([
      41n,
      41n,
      41n,
    ]);
    for (const name of ['b', 'c'] as const) await world.insert(name, 0, 1);
    await world.start();
    expect([await world.rows('b'), await world.rows('c')]).toEqual([1, 1]);
    world.catalog.channels.set(vchannelOf('b'), { ...world.catalog.channel('b'), checkpointLsn: 7n });
    await expect(world.start()).rejects.toMatchObject({ key: 'data_corrupt' });
  });
});
