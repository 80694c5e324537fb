// A shard takes durable records one after another: what is visible, what waits to be written to files, and where its checkpoint may be.
import { expect, test } from 'vitest';
import { seededRandom } from '#base/random.js';
import { columnFromInt64 } from '#model/columns/column.js';
import { KEY, testBatch } from '../../../test/support/segments.js';
import { PARTITION, shardWorld } from '../../../test/support/shards.js';

const random = seededRandom(1);
const keys = (...all: bigint[]) => columnFromInt64(KEY, all);
const insert = (segmentId: bigint, ...all: bigint[]) => ({ segmentId, rows: testBatch(all, random) });

test('a delete reaches sealed segments before the record is visible, and older rows only', async () => {
  const seen: bigint[] = [];
  const world = shardWorld({
    forwardDeletes: async ({ timestamp }) => {
      seen.push(timestamp, world.shard.readTimestamp);
    },
  });
  const { shard, write } = world;
  await write(10n, { inserts: [insert(1n, 1n, 2n)] });
  await write(20n, { deletedKeys: keys(1n, 2n), inserts: [insert(1n, 2n)] });
  expect(seen).toEqual([20n, 10n]);
  const data = shard.segments.get(1n)?.data;
  expect(shard.readTimestamp).toBe(20n);
  expect([1n, 2n].map((key) => data?.find(key, 15n))).toEqual([0, 1]);
  expect([1n, 2n].map((key) => data?.find(key, 20n))).toEqual([undefined, 2]);
});

test('replay forwards nothing, and leaves out rows of segments that files hold', async () => {
  let forwarded = 0;
  const { shard, write } = shardWorld({
    persistedSegmentIds: new Set([1n]),
    forwardDeletes: async () => void forwarded++,
  });
  await write(10n, { inserts: [insert(1n, 1n), insert(2n, 2n)] }, true);
  await write(20n, { deletedKeys: keys(1n) }, true);
  expect([...shard.segments.keys()]).toEqual([2n]);
  expect([forwarded, shard.deletes.length]).toEqual([0, 1]);
});

test('the checkpoint waits for what no file holds: growing segments and deletes', async () => {
  const { shard, write, apply } = shardWorld();
  await write(10n, { inserts: [insert(1n, 1n)] });
  await write(20n, { deletedKeys: keys(9n) });
  await write(30n, { inserts: [insert(2n, 2n)] });
  expect(shard.firstUnsavedLsn).toBe(1n);
  await apply({ timestamp: 40n, seal: { segmentIds: [1n] } });
  expect(shard.segments.get(1n)?.state).toBe('sealed');
  shard.forget(1n);
  expect(shard.firstUnsavedLsn).toBe(2n);
});

test('a dropped partition takes its rows and deletes with it, and no others', async () => {
  const { shard, write, apply } = shardWorld();
  await write(10n, { inserts: [insert(1n, 1n), { ...insert(2n, 2n), partitionId: 99n }] });
  await apply({ timestamp: 20n, dropPartition: { partitionId: PARTITION } });
  expect([...shard.segments.keys()]).toEqual([2n]);
});

test('a record that cannot be applied stops the shard: no reads, no later records, and the log keeps it', async () => {
  const { shard, write } = shardWorld();
  await write(10n, { inserts: [insert(1n, 1n)] });
  shard.forget(1n);
  await write(20n, { inserts: [{ segmentId: 2n, rows: { rowCount: 1, columns: [] } }] });
  expect(shard.failure).toMatchObject({
    key: 'shard_stopped',
    message: expect.stringContaining('record 2'),
  });
  await write(30n, { inserts: [insert(3n, 3n)] });
  expect(shard.segments.has(3n)).toBe(false);
  expect([shard.readTimestamp, shard.firstUnsavedLsn]).toEqual([10n, 2n]);
  expect(() => shard.draft()).toThrow('could not be applied');
});
