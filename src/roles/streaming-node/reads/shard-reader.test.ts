// Which sealed segments are read for a shard, and that both of its parts answer as one: with a query-node that does what the test says.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { seededRandom } from '#base/random.js';
import { columnFromInt64, int64Values } from '#model/columns/column.js';
import { SegmentRecord } from '#proto/elanus/data.js';
import { type ShardSearchRequest, TermStatisticsRequest } from '#proto/elanus/roles.js';
import { backgroundContext } from '#rpc/service.js';
import { readerWorld } from '../../../../test/support/reader-world.js';
import { KEY, testBatch } from '../../../../test/support/segments.js';
import { PARTITION } from '../../../../test/support/shards.js';

const random = seededRandom(2);
const insert = (segmentId: bigint, ...keys: bigint[]) => ({ segmentId, rows: testBatch(keys, random) });

test('nothing is read before a target is loaded, nor of a partition that is not in it', async () => {
  const { target, search, found, write } = readerWorld();
  await write(20n, { inserts: [insert(1n, 1n)] });
  await expect(search()).rejects.toMatchObject({ key: 'collection_not_fully_loaded' });
  await target(10n, []);
  expect(await found()).toEqual([1n]);
  await expect(search({ partitionIds: [3n] })).rejects.toMatchObject({ key: 'collection_not_loaded' });
  expect(await search({ partitionIds: [3n], loadedOnly: true })).toMatchObject({ rows: new Uint32Array(0) });
});

test('a partition that is newer than the target is read, for all of it grows here', async () => {
  const { target, search, shard, write, apply } = readerWorld();
  await target(10n, []);
  const newer = { ...insert(1n, 5n), partitionId: 99n };
  await write(20n, { inserts: [newer] });
  const keysIn = async (partitionIds: bigint[], loadedOnly: boolean): Promise<bigint[]> => [
    ...int64Values((await search({ partitionIds, loadedOnly })).keys),
  ];
  expect(await keysIn([PARTITION, 99n], true)).toEqual([5n]);
  expect(await keysIn([99n], false)).toEqual([5n]);
  // Once a target named it and another does not, it was released or dropped.
  await target(11n, [], [PARTITION, 99n]);
  await target(12n, []);
  expect(await keysIn([99n], true)).toEqual([]);
  await expect(search({ partitionIds: [99n] })).rejects.toMatchObject({ key: 'collection_not_loaded' });
  await apply({ timestamp: 30n, dropPartition: { partitionId: 99n } });
  expect(shard.segments.size).toBe(0);
  expect(await keysIn([99n], false)).toEqual([]);
});

test('both parts answer as one, a key by its newest row, and the growing copy goes when the sealed one serves', async () => {
  const { shard, target, found, retrieved, write, reader, search } = readerWorld({ 2: [1n, 2n] });
  await target(10n, [2n]);
  await write(20n, { inserts: [insert(1n, 2n, 3n)] });
  expect(await found()).toEqual([1n, 2n, 3n]);
  expect(await retrieved()).toEqual([1n, 2n, 3n]);
  const { segmentIds, keys } = await search();
  expect(segmentIds[int64Values(keys).indexOf(2n)]).toBe(1n);
  expect([...int64Values((await search({ ignoreGrowing: true })).keys)].sort()).toEqual([1n, 2n]);
  // Flushed: it stays until a target brings the sealed copy.
  const grown = shard.segments.get(1n);
  if (grown !== undefined) grown.state = 'saved';
  reader.committed([SegmentRecord.fromPartial({ id: 1n, partitionId: PARTITION })]);
  expect(await found()).toEqual([1n, 2n, 3n]);
  await expect(target(11n, [2n])).rejects.toMatchObject({ key: 'target_outdated' });
  expect(shard.segments.has(1n)).toBe(true);
});

test('an older target never replaces a newer one', async () => {
  const { target } = readerWorld();
  await expect(target(9n, [])).rejects.toMatchObject({ key: 'target_outdated' });
  await target(12n, []);
  await expect(target(11n, [])).rejects.toMatchObject({ key: 'target_outdated' });
});

test('compacted segments are served on while they are held, and never loaded anew: deletes that they lack may be gone', async () => {
  const { target, found, write, reader } = readerWorld({ 2: [1n, 2n], 3: [1n] });
  const dropped = [2n];
  await write(20n, {});
  await target(10n, [2n]);
  await target(11n, [2n], [PARTITION], 0n, dropped);
  expect(await found()).toEqual([1n, 2n]);
  await reader.release();
  await expect(target(12n, [2n], [PARTITION], 0n, dropped)).rejects.toMatchObject({ key: 'sources_lost' });
  await target(12n, [3n]);
  expect(await found()).toEqual([1n]);
});

test('deletes that come while a segment loads are applied before it serves', async () => {
  const { target, found, write, faults, seen } = readerWorld({ 2: [1n, 2n] });
  await target(10n, []);
  faults.whileLoading = async () => {
    delete faults.whileLoading;
    // The loop of the simulated world runs already; the write is applied in it.
    void write(20n, { deletedKeys: columnFromInt64(KEY, [1n]) });
  };
  await target(11n, [2n]);
  await write(30n, {});
  expect(seen.calls).toContain('deletes 1');
  expect(await found()).toEqual([2n]);
});

test('a query-node that does not take deletes loses its segments: no read until they are loaded again', async () => {
  const { target, search, found, write, faults, seen, shard } = readerWorld({ 2: [1n, 2n] });
  await target(10n, [2n]);
  faults.deletes = new ElanusError('service_unavailable', 'down');
  await write(20n, { deletedKeys: columnFromInt64(KEY, [1n]) });
  expect([seen.lost, shard.readTimestamp]).toEqual([1, 20n]);
  await expect(search()).rejects.toMatchObject({ key: 'collection_not_fully_loaded' });
  delete faults.deletes;
  await target(11n, [2n]);
  expect((await found()).length).toBeGreaterThan(0);
});

test('a query-node that restarted is noticed at the next read', async () => {
  const { target, search, loaded, seen } = readerWorld({ 2: [1n] });
  await target(10n, [2n]);
  loaded.clear();
  await expect(search()).rejects.toMatchObject({ key: 'collection_not_fully_loaded' });
  expect(seen.lost).toBe(1);
});

test('a shard that is closed misses nothing that a query-node lets go', async () => {
  const { target, loaded, seen, shard } = readerWorld({ 2: [1n] });
  await target(10n, [2n]);
  shard.close();
  loaded.clear();
  await target(11n, []);
  expect(seen.lost).toBe(0);
});

test('what does not fit is left out, what was served goes on; segments that go are released', async () => {
  const { target, found, faults, seen, write } = readerWorld({ 2: [1n], 3: [2n] });
  await write(10n, {});
  await target(10n, [2n]);
  faults.load = new ElanusError('memory_limit', 'no room');
  await expect(target(11n, [2n, 3n])).rejects.toMatchObject({ key: 'memory_limit' });
  expect(await found()).toEqual([1n]);
  delete faults.load;
  await target(12n, [3n]);
  expect(seen.calls.at(-1)).toBe('release 2');
  expect(await found()).toEqual([2n]);
});

test('a read of several steps goes on with the imports that it began with', async () => {
  const { target, search, found, reader, run, write } = readerWorld({ 2: [1n] });
  await write(20n, {});
  await target(10n, []);
  const page = { atGuarantee: true, isPage: true, guaranteeTimestamp: 15n };
  const counted = await run(reader.termStatistics(TermStatisticsRequest.fromPartial({}), backgroundContext));
  const keysOf = async (more: Partial<ShardSearchRequest>): Promise<bigint[]> => [
    ...int64Values((await search(more)).keys),
  ];
  expect(await keysOf(page)).toEqual([]);
  // Committed before the time of both, and served now.
  await target(11n, [2n], [PARTITION], 12n);
  expect(await found()).toEqual([1n]);
  expect(await keysOf(page)).toEqual([]);
  expect(await keysOf({ ...page, guaranteeTimestamp: 16n })).toEqual([1n]);
  const behindCount = { statisticsTimestamp: counted.readTimestamp, importsUntil: counted.importsKnown };
  expect(await keysOf(behindCount)).toEqual([]);
});
