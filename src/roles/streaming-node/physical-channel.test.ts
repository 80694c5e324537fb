// The writer of a log when its disk fails: what reached the disk takes effect, the rest does not, and writing goes on.
import { expect, test } from 'vitest';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { type ChannelCheckpoint, CheckpointOutcome } from '#proto/elanus/roles.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { openFileLog } from '#wal/file-log.js';
import { PhysicalChannel, type PhysicalChannelParts } from './physical-channel.js';
import { Shard } from './shard.js';

const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [{ fieldID: 100n, name: 'pk', dataType: DataType.Int64, isPrimaryKey: true }],
});

const rows = (...keys: readonly bigint[]): ColumnBatch => ({
  rowCount: keys.length,
  columns: [
    {
      fieldId: 100n,
      dataType: DataType.Int64,
      data: new Uint8Array(BigInt64Array.from(keys).buffer),
      offsets: new Uint8Array(0),
      valid: new Uint8Array(0),
    },
  ],
});

async function open(saveCheckpoints?: PhysicalChannelParts['saveCheckpoints']) {
  const { world, ...rest } = simulatedCluster(1);
  const platform = openMemoryPlatform({ cluster: { world, ...rest }, host: 'a' });
  let timestamp = 0n;
  let id = 1000n;
  const channel = await world.runUntil(
    PhysicalChannel.open({
      platform,
      openLog: () => openFileLog(platform, { folder: 'wal/x', epoch: 1n, fileBytesMax: 1_000_000 }),
      allocateTimestamps: async (count) => {
        timestamp += BigInt(count);
        return timestamp - BigInt(count) + 1n;
      },
      ...(saveCheckpoints && { saveCheckpoints }),
    }),
  );
  const shardOf = (vchannel: string): Shard =>
    new Shard({
      platform,
      settings: { segmentBytesMax: 20 },
      channel: {
        vchannel,
        collectionId: 1n,
        schema,
        ownerServerId: 1n,
        epoch: 1n,
        checkpointLsn: 0n,
        checkpointTimestamp: 0n,
        createTimestamp: 0n,
        droppedPartitionIds: [],
        readableFrom: 0n,
      },
      schema,
      persistedSegmentIds: new Set(),
      allocateIds: async (count) => {
        id += BigInt(count);
        return id - BigInt(count);
      },
      forwardDeletes: async () => {},
      onSealed: () => {},
    });
  const shard = shardOf('x_1v0');
  channel.shards.set('x_1v0', shard);
  const write = (...keys: readonly bigint[]): Promise<bigint> =>
    channel.submit(
      shard,
      {
        kind: 'write',
        deletedKeys: undefined,
        deletedPartitionId: 0n,
        inserts: [{ partitionId: 1n, rows: rows(...keys) }],
      },
      8,
    );
  return {
    run: <T>(task: Promise<T>): Promise<T> => world.runUntil(task),
    failNext: (keptBytes: number): void => {
      platform.disk.appendFault = () => {
        platform.disk.appendFault = undefined;
        return { keptBytes };
      };
    },
    channel,
    shard,
    shardOf,
    write,
    rowCount: (): number =>
      [...shard.segments.values()].reduce((sum, segment) => sum + segment.data.rowCount, 0),
  };
}

test('a write that failed but reached the disk takes effect before the next one', async () => {
  const { run, failNext, write, rowCount } = await open();
  await run(write(1n));
  failNext(1_000_000);
  await expect(run(write(2n))).rejects.toMatchObject({ key: 'wal_unavailable' });
  await run(write(3n));
  expect(rowCount()).toBe(3);
});

test('a write that did not reach the disk whole never takes effect, and writing goes on', async () => {
  const { run, failNext, write, rowCount } = await open();
  await run(write(1n));
  failNext(11);
  await expect(run(write(2n))).rejects.toMatchObject({ key: 'wal_unavailable' });
  await run(write(3n));
  expect(rowCount()).toBe(2);
});

test('a segment whose seal was lost with a failed write is sealed by the next flush', async () => {
  const { run, failNext, write, shard, channel } = await open();
  await run(write(1n, 2n)); // 16 of 20 bytes: the next write plans a seal of this segment.
  failNext(0);
  await expect(run(write(3n))).rejects.toMatchObject({ key: 'wal_unavailable' });
  await run(write(4n));
  await run(channel.submit(shard, { kind: 'seal', segmentIds: [] }, 0));
  expect([...shard.segments.values()].map((segment) => segment.state)).toEqual(['sealed', 'sealed']);
});

test('a write is carried out however soon after the end of another one it comes', async () => {
  const { run, write, rowCount } = await open();
  for (let turns = 0; turns < 12; turns++) {
    const second = write(BigInt(turns * 2)).then(async () => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      return write(BigInt(turns * 2 + 1));
    });
    await run(second);
  }
  expect(rowCount()).toBe(24);
});

test('checkpoints of shards with nothing to save move many at a time; one that is not to be moved holds up no other', async () => {
  const asked: (readonly ChannelCheckpoint[])[] = [];
  const outcomes: Readonly<Record<string, CheckpointOutcome>> = {
    idle_3v0: CheckpointOutcome.CheckpointChannelMoved,
    idle_5v0: CheckpointOutcome.CheckpointChannelGone,
  };
  const { run, write, channel, shardOf } = await open(async (checkpoints) => {
    asked.push(checkpoints);
    return checkpoints.map(({ vchannel }) => outcomes[vchannel] ?? CheckpointOutcome.CheckpointSaved);
  });
  const idle = Array.from({ length: 300 }, (_, at) => shardOf(`idle_${at}v0`));
  for (const shard of idle) channel.add(shard);
  await run(write(1n));
  await expect(run(channel.advance(idle))).rejects.toMatchObject({
    key: 'channel_moved',
    message: expect.stringContaining('idle_3v0'),
  });
  expect(asked.map(({ length }) => length)).toEqual([127, 127, 46]);
  const all = asked.flat();
  expect(new Set(all.map(({ vchannel }) => vchannel)).size).toBe(300);
  expect(new Set(all.map(({ lsn }) => lsn))).toEqual(new Set([channel.log.nextLsn]));
  // Where nothing has moved since, there is nothing to ask for but the one that could not be moved.
  asked.length = 0;
  await run(channel.truncate());
  expect(asked).toEqual([]);
});
