// A query-node on the memory platform: a segment is there whole, with its deletes, or not at all, and loads that come late change nothing.

import { expect, test } from 'vitest';
import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { seededRandom } from '#base/random.js';
import { columnFromInt64, int64Values } from '#model/columns/column.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { SegmentRecord } from '#proto/elanus/data.js';
import {
  BuildIndexRequest,
  QueryNodeDefinition,
  SegmentSearchRequest,
  ShardSearchRequest,
} from '#proto/elanus/roles.js';
import { inProcessClient } from '#rpc/service.js';
import { readColumn, writeSegment } from '#segment/files/insert-log.js';
import { rowsEstimate } from '#segment/files/memory-estimate.js';
import { writeVectorIndex } from '#segment/files/vector-index-files.js';
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
  return { run, calls, written, load, found, memory, platform };
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

/** With an index over its vectors. */
async function indexed(world: Awaited<ReturnType<typeof open>>, id: bigint): Promise<SegmentRecord> {
  const { written, platform, run } = world;
  const keys = Array.from({ length: 300 }, (_, i) => id * 1000n + BigInt(i));
  const record = await written(id, keys);
  const field = schema.fields.find(({ fieldID }) => fieldID === VECTOR);
  const index = { indexId: 9n, fieldId: VECTOR, indexType: 'HNSW', metricType: 'L2', params: {} };
  const request = BuildIndexRequest.fromPartial({
    ...{ buildId: id, partitionId: PARTITION, segmentId: id, field, index },
    rowCount: BigInt(keys.length),
  });
  const rows = await run(readColumn(platform, record, must(field, 'field')));
  const file = must(await run(writeVectorIndex(platform, request, rows)), 'file');
  const built = {
    indexId: 9n,
    fieldId: VECTOR,
    state: 'finished',
    ...file,
    bytes: BigInt(file.bytes),
  } as const;
  return SegmentRecord.fromPartial({ ...record, indexes: [{ ...built, rowCount: record.rowCount }] });
}

const reads = (world: Awaited<ReturnType<typeof open>>) => {
  const { objectStore } = world.platform;
  const asked: string[] = [];
  const readInto = objectStore.readInto.bind(objectStore);
  objectStore.readInto = (key, begin, parts) => {
    asked.push(key);
    return readInto(key, begin, parts);
  };
  return asked;
};

test('indexes are opened along with the rows, and taken when they are asked for', async () => {
  const world = await open();
  const record = await indexed(world, 1n);
  const asked = reads(world);
  await world.load(record, 1n);
  const opened = asked.length;
  expect(opened).toBeGreaterThan(0);
  expect(await world.run(world.calls.loadIndexes({ segment: record }))).toEqual({ damagedIndexIds: [] });
  expect(asked.length).toBe(opened);
  const { usedBytes } = world.memory;
  await world.run(world.calls.releaseSegments({ segmentIds: [1n] }));
  expect(usedBytes).toBeGreaterThan(0);
  expect(world.memory.usedBytes).toBe(0);
});

test('indexes that nobody asked for are given back with their segment, and with a load that fails', async () => {
  const world = await open();
  const record = await indexed(world, 1n);
  await world.load(record, 1n);
  await world.run(world.calls.releaseSegments({ segmentIds: [1n] }));
  expect(world.memory.usedBytes).toBe(0);
  await expect(world.load({ ...record, rowCount: 299n }, 2n)).rejects.toMatchObject({ key: 'data_corrupt' });
  expect(world.memory.usedBytes).toBe(0);
});

test('a damaged index that was opened ahead is named, and its rows are served', async () => {
  const world = await open();
  const record = await indexed(world, 1n);
  const key = record.indexes[0]?.key ?? '';
  const bytes = await world.run(world.platform.objectStore.get(key));
  bytes[bytes.length - 70] = (bytes[bytes.length - 70] as number) ^ 1;
  await world.run(world.platform.objectStore.put(key, [bytes]));
  await world.load(record, 1n);
  expect(await world.run(world.calls.loadIndexes({ segment: record }))).toEqual({ damagedIndexIds: [9n] });
  expect(await world.found([1n])).toHaveLength(100);
});

test('rows of another segment take the room of indexes that nobody asked for', async () => {
  const roomy = await open();
  const record = await indexed(roomy, 1n);
  await roomy.load({ ...record, indexes: [] }, 1n);
  const rows = roomy.memory.usedBytes;
  await roomy.load(record, 2n);
  const both = roomy.memory.usedBytes;
  // The first fits with its index while it is loaded, and the second only beside the rows of the first.
  const world = await open(both + rowsEstimate(schema, record) - rows / 2);
  const [first, second] = [await indexed(world, 1n), await indexed(world, 2n)];
  await world.load(first, 1n);
  expect(world.memory.usedBytes).toBe(both);
  await world.load(second, 1n);
  expect(await world.found([1n, 2n])).toHaveLength(100);
});
