import { describe, expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { bytesView } from '#base/bytes.js';
import { type Random, seededRandom } from '#base/random.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { FileObjectStore } from '#platform/file-object-store.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { MemoryFiles } from '#platform/memory/memory-files.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { nodeTimers } from '#platform/node/node-time.js';
import type { Platform } from '#platform/platform.js';
import { IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { BuildIndexRequest } from '#proto/elanus/roles.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { type DiskReads, openDiskIndexes } from '#segment/files/disk-index-files.js';
import { readColumn, writeSegment } from '#segment/files/insert-log.js';
import { rowsEstimate } from '#segment/files/memory-estimate.js';
import { PageCache } from '#segment/files/page-cache.js';
import { readSegment } from '#segment/files/read-segment.js';
import { attachVectorIndexes, writeVectorIndex } from '#segment/files/vector-index-files.js';
import { searchSegment } from '#segment/search/segment-search.js';
import { SegmentData } from '#segment/segment-data.js';

const [KEY, VECTOR] = [100n, 101n];
const DIM = 32;
const ROWS = 1500;
const schema = CollectionSchema.fromPartial({
  fields: [
    { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    {
      fieldID: VECTOR,
      name: 'vector',
      dataType: DataType.FloatVector,
      typeParams: [{ key: 'dim', value: String(DIM) }],
      nullable: true,
    },
  ],
});

function batch(random: Random) {
  const values = Float32Array.from({ length: ROWS * DIM }, () => (random.nextUint32() % 201) / 100 - 1);
  const valid = Uint8Array.from({ length: ROWS }, (_, row) => (row % 10 === 3 ? 0 : 1));
  for (let row = 0; row < ROWS; row++) if (valid[row] === 0) values.fill(0, row * DIM, (row + 1) * DIM);
  return batchOf(ROWS, [
    columnFromInt64(
      KEY,
      Array.from({ length: ROWS }, (_, row) => BigInt(row)),
    ),
    column(VECTOR, DataType.FloatVector, bytesView(values), undefined, valid),
  ]);
}

interface World {
  readonly platform: Platform;
  readonly record: SegmentRecord;
  readonly original: SegmentData;
  readonly reads: DiskReads;
  readonly cache: PageCache;
  readonly key: string;
  reserved: number;
  held: number;
}

async function makeWorld(cacheBytes = 1 << 20): Promise<World> {
  const platform = {
    ...openMemoryPlatform({ cluster: simulatedCluster(1), host: 'a' }),
    timers: nodeTimers,
    workers: new InlineWorkers({ timers: nodeTimers }),
    objectStore: new FileObjectStore(new MemoryFiles(), 'objects'),
  };
  const original = new SegmentData(platform, {
    id: 1n,
    collectionId: 2n,
    partitionId: 3n,
    schema,
    rowsHint: ROWS,
  });
  original.appendBatch(batch(seededRandom(5)), 10n);
  const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
  const files = await writeSegment(platform, {
    address,
    schema,
    data: original,
    rowBegin: 0,
    rowEnd: ROWS,
    logId: 7n,
  });
  const plain = SegmentRecord.create({
    id: 1n,
    collectionId: 2n,
    partitionId: 3n,
    rowCount: BigInt(ROWS),
    files,
    state: 'flushed',
  });
  const [, field] = schema.fields;
  const rows = await readColumn(platform, plain, field as never);
  const index = {
    fieldId: VECTOR,
    indexType: 'DISKANN',
    metricType: 'L2',
    params: { max_degree: '24', search_list_size: '60' },
  };
  const request = BuildIndexRequest.create({
    buildId: 9n,
    partitionId: 3n,
    segmentId: 1n,
    rowCount: BigInt(ROWS),
  });
  const written = await writeVectorIndex(
    platform,
    { ...request, field: field as never, index: { id: 4n, name: 'i', ...index } as never },
    rows,
  );
  const key = written?.key ?? '';
  const file = IndexFileRecord.create({
    indexId: 4n,
    buildId: 9n,
    fieldId: VECTOR,
    indexType: 'DISKANN',
    metricType: 'L2',
    key,
    state: 'finished',
  });
  const cache = new PageCache(platform, cacheBytes);
  const world: World = {
    platform,
    original,
    cache,
    key,
    record: { ...plain, indexes: [file] },
    reserved: 0,
    held: 0,
    reads: {
      cache,
      reserve: (_collection, bytes) => {
        world.reserved += bytes;
        world.held++;
        return { release: () => void world.held-- };
      },
    },
  };
  return world;
}

async function load({ platform, reads, record }: World): Promise<SegmentData> {
  const opened = await openDiskIndexes(platform, reads, record, schema);
  return readSegment(platform, record, schema, undefined, opened.disk).finally(() => opened.release());
}

const query = (row: number): Float32Array =>
  Float32Array.from({ length: DIM }, (_, d) => Math.sin(row * 31 + d));
const search = (data: SegmentData, more: object = {}) =>
  searchSegment(data, {
    fieldId: VECTOR,
    metric: 'L2',
    queries: query(1),
    k: 10,
    readTs: 100n,
    params: { searchList: 300 },
    ...more,
  });
const hitsOf = ({ rows, scores, counts }: Awaited<ReturnType<typeof search>>) => ({
  rows: [...rows],
  scores: [...scores],
  counts: [...counts],
});

const everyRow = Uint32Array.from({ length: ROWS }, (_, row) => ROWS - 1 - row);

describe('a segment whose vectors stay in a file', () => {
  test('answers as one in memory: searches, deletes, filters, rows without a vector, rows read back', async () => {
    const world = await makeWorld();
    const data = await load(world);
    expect(data.denseVectors(VECTOR)).toBeUndefined();
    expect(data.hasField(VECTOR)).toBe(true);
    expect(data.hasNullVectors(VECTOR)).toBe(true);
    for (const one of [data, world.original])
      for (let row = 0; row < ROWS; row += 9) one.applyDelete(BigInt(row), 50n);
    const filterRows = Uint32Array.from({ length: 60 }, (_, i) => i * 20 + 1);
    for (const more of [
      {},
      { k: 200 },
      { filterRows },
      { filterRows, negated: true },
      { readTs: 20n },
      { radius: 11, k: 50 },
    ]) {
      expect(hitsOf(await search(data, more))).toEqual(hitsOf(await search(world.original, more)));
    }
    expect(await data.fetchAll(everyRow, [VECTOR, KEY, 1n])).toEqual(
      world.original.fetch(everyRow, [VECTOR, KEY, 1n]),
    );
    expect(() => data.fetch(everyRow, [VECTOR])).toThrow('in a file');
    await expect(search(data, { metric: 'IP' })).rejects.toThrow('built for L2');
    expect(world.reserved).toBe(0);
  });
  test('is planned and counted as less than its vectors', async () => {
    const world = await makeWorld();
    const data = await load(world);
    const without = { ...world.record, indexes: [] };
    expect(rowsEstimate(schema, world.record)).toBeLessThan(rowsEstimate(schema, without));
    expect(data.memoryBytes).toBeGreaterThan(data.memoryParts.vectors);
    data.release();
  });
  test('moves there when its index is built, and back when the index is gone', async () => {
    const world = await makeWorld();
    const { platform, record, reads } = world;
    const data = await readSegment(platform, { ...record, indexes: [] }, schema);
    const running = search(data);
    expect(await attachVectorIndexes(platform, record, data, reads)).toEqual([]);
    expect(data.diskVectors(VECTOR)?.key).toBe(world.key);
    expect(hitsOf(await running)).toEqual(hitsOf(await search(data)));
    expect(await attachVectorIndexes(platform, record, data, reads)).toEqual([]);
    const slow = search(data);
    expect(await attachVectorIndexes(platform, { ...record, indexes: [] }, data, reads)).toEqual([]);
    expect(data.diskVectors(VECTOR)).toBeUndefined();
    expect(hitsOf(await slow)).toEqual(hitsOf(await search(data)));
    expect(await data.fetchAll(everyRow, [VECTOR])).toEqual(world.original.fetch(everyRow, [VECTOR]));
  });
  test('comes back into memory when its file is damaged or gone, and says so when it is asked to load it', async () => {
    for (const kind of ['damaged', 'gone'] as const) {
      for (const when of ['before', 'later'] as const) {
        const world = await makeWorld(0);
        const { platform, key, record, reads } = world;
        const spoil = async (): Promise<void> => {
          if (kind === 'gone') return platform.objectStore.remove(key);
          const bytes = (await platform.objectStore.get(key)).slice();
          // The head when it is opened, every page when it is searched.
          for (
            let at = when === 'before' ? 40 : bytes.length - 100;
            at > (when === 'before' ? 0 : bytes.length * 0.5);
            at -= 4096
          ) {
            bytes[at] = (bytes[at] as number) ^ 1;
          }
          await platform.objectStore.put(key, [bytes]);
        };
        if (when === 'before') await spoil();
        const data = await load(world);
        expect(data.diskVectors(VECTOR) === undefined).toBe(when === 'before');
        if (when === 'later') await spoil();
        const both = await Promise.all([search(data), search(data), data.fetchAll(everyRow, [VECTOR])]);
        for (const one of both.slice(0, 2))
          expect(hitsOf(one as never)).toEqual(hitsOf(await search(world.original)));
        expect(both[2]).toEqual(world.original.fetch(everyRow, [VECTOR]));
        expect(data.diskVectors(VECTOR)).toBeUndefined();
        expect(world.reserved).toBe(ROWS * DIM * 4);
        expect(await attachVectorIndexes(platform, record, data, reads)).toEqual([4n]);
        expect(await attachVectorIndexes(platform, record, data, reads)).toEqual([4n]);
      }
    }
  });
  test('gives its memory back when the last search ends', async () => {
    const world = await makeWorld(0);
    const data = await load(world);
    const running = search(data);
    data.release();
    expect((await running).counts).toEqual(Uint32Array.of(10));
    await expect(search(data)).rejects.toThrow('released');
    expect(world.cache.bytes).toBe(0);
  });
});

describe('PageCache', () => {
  test('keeps its bound, whatever is read, and counts', async () => {
    const bytesMax = 10 * 4096;
    const world = await makeWorld(bytesMax);
    const data = await load(world);
    for (let i = 0; i < 20; i++) {
      await search(data, { queries: query(i) });
      expect(world.cache.bytes).toBeLessThanOrEqual(bytesMax);
    }
    expect(world.cache.bytes).toBe(bytesMax);
    await search(data, { queries: query(0) });
    const text = await world.platform.metrics.render();
    expect(text).toContain(`elanus_disk_index_cache_bytes ${bytesMax}`);
    expect(Number(/^elanus_disk_index_reads (\d+)/m.exec(text)?.[1])).toBeGreaterThan(10);
    data.release();
    expect(world.cache.bytes).toBe(0);
  });
  test('one read for all who wait for a page, few reads at a time, no read for a page that is kept', async () => {
    const world = await makeWorld();
    let [running, most, count] = [0, 0, 0];
    const gate = deferred<void>();
    const objectStore: Pick<Platform['objectStore'], 'getRange'> = {
      getRange: async (_key, begin, end) => {
        count++;
        most = Math.max(most, ++running);
        await gate.promise;
        running--;
        return world.platform.objectStore.getRange(world.key, begin, end);
      },
    };
    const { platform } = world;
    const cache = new PageCache(
      { objectStore, timers: platform.timers, metrics: platform.metrics, crc32: platform.crc32 },
      1 << 20,
    );
    const size = (await platform.objectStore.size(world.key)) ?? 0;
    const pages = 80;
    const head = { blockBytes: 0, pagesOffset: size - pages * 4096, pageBytes: 4096, pages };
    const first = (size - head.pagesOffset) / 4096;
    expect(first).toBe(pages);
    const file = cache.open(world.key, head);
    // Checksums begin with the number of the page, so that these are pages of another file: every read fails, none is kept.
    const asked = Array.from({ length: pages * 2 }, (_, i) =>
      Promise.resolve(file.page(i % pages)).catch((error: Error) => error),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(running).toBe(64);
    gate.resolve();
    for (const answer of await Promise.all(asked)) expect(answer).toMatchObject({ key: 'data_corrupt' });
    expect(count).toBe(pages);
    expect(most).toBe(64);
    expect(cache.bytes).toBe(0);
  });
});
