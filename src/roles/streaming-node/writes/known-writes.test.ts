// A write that is sent again, since nobody knows what became of it: carried out once, by the owner that had it or the next one.
import { expect, test } from 'vitest';
import { columnFromInt64 } from '#model/columns/column.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { ChannelRecord, type WriteId } from '#proto/elanus/data.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { PhysicalChannel } from '#roles/streaming-node/physical-channel.js';
import { Shard } from '#roles/streaming-node/shard.js';
import { openFileLog } from '#wal/file-log.js';
import { KnownWrites } from './known-writes.js';

const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [{ fieldID: 100n, name: 'pk', dataType: DataType.Int64, isPrimaryKey: true }],
});
const idOf = (number: bigint): WriteId => ({ writer: 7n, number });

function world() {
  const cluster = simulatedCluster(1);
  const platform = openMemoryPlatform({ cluster, host: 'a' });
  const run = <T>(task: Promise<T>): Promise<T> => cluster.world.runUntil(task);
  let timestamp = 100n;
  let nextId = 1000n;
  /** The owner of the next epoch takes the log and rebuilds the shard. */
  async function owner(epoch: bigint, checkpointTimestamp = 0n) {
    const physical = await run(
      PhysicalChannel.open({
        platform,
        openLog: () => openFileLog(platform, { folder: 'wal/x', epoch, fileBytesMax: 1_000_000 }),
        allocateTimestamps: async (count) => {
          timestamp += BigInt(count);
          return timestamp - BigInt(count) + 1n;
        },
      }),
    );
    const shard = new Shard({
      platform,
      settings: { segmentBytesMax: 1000 },
      channel: ChannelRecord.fromPartial({ vchannel: 'x_1v0', collectionId: 1n, epoch, checkpointTimestamp }),
      schema,
      persistedSegmentIds: new Set(),
      allocateIds: async (count) => {
        nextId += BigInt(count);
        return nextId - BigInt(count);
      },
      forwardDeletes: async () => {},
      onSealed: () => {},
    });
    await run(physical.recover([shard]));
    const write = (number: bigint, sentAfter = 0n): Promise<bigint> => {
      const rows = { rowCount: 1, columns: [columnFromInt64(100n, [number])] };
      const inserts = [{ partitionId: 1n, rows }];
      const base = { kind: 'write', deletedKeys: undefined, deletedPartitionId: 0n, inserts } as const;
      return physical.submit(shard, { ...base, id: idOf(number), sentAfter }, 8);
    };
    return {
      write: (number: bigint, sentAfter?: bigint) => run(write(number, sentAfter)),
      twice: (number: bigint) => run(Promise.all([write(number), write(number, 1n)])),
      rows: () => [...shard.segments.values()].reduce((sum, { data }) => sum + data.rowCount, 0),
    };
  }
  const failNext = (keptBytes: number): void => {
    platform.disk.appendFault = () => {
      platform.disk.appendFault = undefined;
      return { keptBytes };
    };
  };
  return { owner, failNext };
}

test('that is there already is answered with its time', async () => {
  const { write, twice, rows } = await world().owner(1n);
  const time = await write(1n);
  expect([await write(1n), await write(1n, 1n)]).toEqual([time, time]);
  const [first, second] = await twice(2n);
  expect(second).toBe(first);
  expect(rows()).toBe(2);
});

test('goes to the next owner, which finds it in the log or writes it', async () => {
  const { owner } = world();
  const old = await owner(1n);
  const time = await old.write(1n);
  const next = await owner(2n);
  await expect(old.write(2n)).rejects.toMatchObject({ key: 'wal_fenced' });
  expect(await next.write(1n, 1n)).toBe(time);
  expect(await next.write(2n, 1n)).toBeGreaterThan(time);
  expect(next.rows()).toBe(2);
  const last = await owner(3n);
  expect(await last.write(1n, 1n)).toBe(time);
  expect(last.rows()).toBe(2);
});

test.each([
  ['reached the disk', 1_000_000],
  ['did not reach the disk', 11],
])('whose append failed is written once: it %s', async (_, keptBytes) => {
  const { owner, failNext } = world();
  const { write, rows } = await owner(1n);
  failNext(keptBytes);
  await expect(write(1n)).rejects.toMatchObject({ key: 'wal_unavailable' });
  await write(1n, 1n);
  expect(rows()).toBe(1);
});

test('that may be in files already is refused, and one that was sent since is not', async () => {
  const { owner } = world();
  const { write, rows } = await owner(1n, 50n);
  await expect(write(1n, 49n)).rejects.toMatchObject({ key: 'outcome_unknown' });
  await write(2n, 50n);
  await write(3n);
  expect(rows()).toBe(2);
});

test('that may be forgotten is refused', () => {
  const known = new KnownWrites(2);
  const channel = ChannelRecord.fromPartial({ vchannel: 'x_1v0' });
  for (const number of [1n, 2n, 3n]) known.note({ writeId: idOf(number), timestamp: number * 10n });
  known.note({ writeId: undefined, timestamp: 40n });
  expect([2n, 3n].map((number) => known.find(idOf(number), 5n, channel))).toEqual([20n, 30n]);
  expect(() => known.find(idOf(1n), 9n, channel)).toThrowError(
    expect.objectContaining({ key: 'outcome_unknown' }),
  );
  expect(known.find(idOf(4n), 10n, channel)).toBeUndefined();
  expect(known.find(idOf(4n), 0n, channel)).toBeUndefined();
});
