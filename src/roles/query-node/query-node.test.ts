// A query-node on the memory platform: a segment is there whole, with its deletes, or not at all, and loads that come late change nothing.

import { expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { seededRandom } from '#base/random.js';
import { columnFromInt64, int64Values } from '#model/columns/column.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { SegmentRecord } from '#proto/elanus/data.js';
import { QueryNodeDefinition, SegmentSearchRequest, ShardSearchRequest } from '#proto/elanus/roles.js';
import { inProcessClient } from '#rpc/service.js';
import { writeSegment } from '#segment/files/insert-log.js';
import { MemoryAccount } from '#segment/memory-account.js';
import { decodeHits } from '#segment/search/hits.js';
import { SegmentData } from '#segment/segment-data.js';
import { DIM, KEY, testBatch, testSchema, VECTOR } from '../../../test/support/segments.js';
import { QueryNode } from './query-node.js';

const schema = testSchema();
const PARTITION = 3n;

async function open(limitBytes = 1 << 30) {
  const cluster = simulatedCluster(9);
  const platform = openMemoryPlatform({ cluster, host: 'qn' });
  const run = <T>(task: Promise<T>): Promise<T> => cluster.world.runUntil(task);
  const memory = new MemoryAccount(limitBytes, platform.metrics);
  const settings = { diskIndexCacheBytes: 1 << 20, indexIdleMs: 1000 };
  const node = new QueryNode(platform, memory, settings);
  const calls = inProcessClient(QueryNodeDefinition, node.handlers);

  /** Files of a segment with these keys, written at time 5. */
  const written = async (id: bigint, keys: readonly bigint[], more: Partial<SegmentRecord> = {}) => {
    const address = { collectionId: 2n, partitionId: PARTITION, segmentId: id };
    const data = new SegmentData(platform, { id, collectionId: 2n, partitionId: PARTITION, schema });
    data.appendBatch(testBatch(keys, seededRandom(Number(id))), 5n);
    const range = { rowBegin: 0, rowEnd: keys.length, logId: 1n };
    const files = await run(writeSegment(platform, { address, schema, data, ...range }));
    data.release();
    const rowCount = BigInt(keys.length);
    return SegmentRecord.create({ id, collectionId: 2n, partitionId: PARTITION, rowCount, files, ...more });
  };

  const load = (segment: SegmentRecord, version: bigint, bufferedDeletes?: ReturnType<typeof deletesOf>) =>
    run(calls.loadSegment({ segment, schema, version, bufferedDeletes }));

  const found = async (segmentIds: bigint[], readTimestamp = 100n): Promise<bigint[]> => {
    const queries = new Uint8Array(DIM * 4);
    const search = ShardSearchRequest.create({
      fieldId: VECTOR,
      metric: 'L2',
      queryCount: 1,
      topK: 100,
      queries,
    });
    const request = SegmentSearchRequest.create({ segmentIds, search, readTimestamp });
    const { keys } = decodeHits(await run(calls.searchSegments(request)));
    return [...int64Values(keys)].sort((a, b) => Number(a - b));
  };
  return { run, calls, written, load, found, memory };
}

const deletesOf = (keys: readonly bigint[], timestamp: bigint, partitionId: bigint) => ({
  keys: columnFromInt64(KEY, keys),
  timestamps: bytesView(new BigUint64Array(keys.length).fill(timestamp)),
  partitionIds: bytesView(new BigInt64Array(keys.length).fill(partitionId)),
});

test('serves what was loaded, with the deletes that the owner still buffers', async () => {
  const { written, load, found } = await open();
  const record = await written(1n, [1n, 2n, 3n]);
  await load(record, 1n, deletesOf([2n], 50n, 0n));
  expect(await found([1n])).toEqual([1n, 3n]);
  expect(await found([1n], 49n)).toEqual([1n, 2n, 3n]);
  expect(await found([1n], 4n)).toEqual([]);
});

test('deletes of another partition change nothing, deletes of its own and of all do', async () => {
  const { run, calls, written, load, found } = await open();
  await load(await written(1n, [1n, 2n, 3n]), 1n, deletesOf([1n], 50n, 99n));
  await run(calls.applyDeletes({ segmentIds: [1n], deletes: deletesOf([2n], 50n, PARTITION) }));
  expect(await found([1n])).toEqual([1n, 3n]);
});

test('files that hold other rows than the catalog says are not served', async () => {
  const { written, load, found, memory } = await open();
  const record = await written(1n, [1n, 2n], { rowCount: 3n });
  await expect(load(record, 1n)).rejects.toMatchObject({ key: 'data_corrupt' });
  await expect(found([1n])).rejects.toMatchObject({ key: 'collection_not_fully_loaded' });
  expect(memory.usedBytes).toBe(0);
});

test('a load of an older target is refused, and what a newer one brought stays', async () => {
  const { written, load, found } = await open();
  const record = await written(1n, [1n, 2n]);
  await load(record, 5n, deletesOf([1n], 50n, 0n));
  await expect(load(record, 4n)).rejects.toMatchObject({ key: 'service_not_ready' });
  expect(await found([1n])).toEqual([2n]);
});

test('a release takes the segment, and with it a load that is under way', async () => {
  const { run, calls, written, load, found } = await open();
  const record = await written(1n, [1n]);
  const loading = load(record, 5n).then(
    () => 'loaded',
    (error: { readonly key: string }) => error.key,
  );
  await run(calls.releaseSegments({ segmentIds: [1n] }));
  expect(await loading).toBe('service_not_ready');
  await expect(found([1n])).rejects.toMatchObject({ key: 'collection_not_fully_loaded' });
  await load(record, 6n);
  expect(await found([1n])).toEqual([1n]);
});

test('what does not fit is refused before it is read, and a smaller one is served', async () => {
  const { written, load, found, memory } = await open(500_000);
  const large = await written(
    1n,
    Array.from({ length: 30_000 }, (_, i) => BigInt(i)),
  );
  await expect(load(large, 1n)).rejects.toMatchObject({ key: 'memory_limit' });
  expect(memory.usedBytes).toBe(0);
  await load(await written(2n, [7n]), 1n);
  expect(await found([2n])).toEqual([7n]);
});
