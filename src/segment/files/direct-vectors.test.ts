// Vectors that are read straight to their place: the same segment as when the file is read whole, every damaged byte found, and files of
// another layout read in the other way.
import { expect, test } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { MetricName } from '#model/schema/metric-type.js';
import { FileObjectStore } from '#platform/file-object-store.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { MemoryFiles } from '#platform/memory/memory-files.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { crc32 } from '#platform/node/node-platform.js';
import { nodeTimers } from '#platform/node/node-time.js';
import { FileRecord, IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import { searchSegment } from '#segment/search/segment-search.js';
import { SegmentData } from '#segment/segment-data.js';
import { writeSegment } from './insert-log.js';
import { readSegment } from './read-segment.js';

const [KEY, VECTOR] = [100n, 101n];
const WIDTHS: Partial<Record<DataType, number>> = {
  [DataType.FloatVector]: 4,
  [DataType.Float16Vector]: 2,
  [DataType.Int8Vector]: 1,
};

interface Layout {
  readonly dataType?: DataType;
  readonly dim?: number;
  readonly rows?: number;
  readonly logs?: number;
  readonly nullable?: boolean;
  readonly nullRow?: number;
}

async function written(layout: Layout = {}) {
  const { dataType = DataType.FloatVector, dim = 96, rows = 3000, logs = 1, nullRow } = layout;
  const { nullable = nullRow !== undefined } = layout;
  const schema = CollectionSchema.fromPartial({
    fields: [
      { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      {
        ...{ fieldID: VECTOR, name: 'v', dataType, nullable },
        typeParams: [{ key: 'dim', value: String(dim) }],
      },
    ],
  });
  const disk = new MemoryFiles();
  const platform = {
    ...openMemoryPlatform({ cluster: simulatedCluster(1), host: 'a' }),
    timers: nodeTimers,
    crc32,
    workers: new InlineWorkers({ timers: nodeTimers }),
    objectStore: new FileObjectStore(disk, 'objects'),
  };
  const random = seededRandom(3);
  const floats = Float32Array.from({ length: rows * dim }, () => nextBelow(random, 1000) / 100 - 5);
  const bytes = new Uint8Array(floats.buffer, 0, rows * dim * (WIDTHS[dataType] ?? 4));
  const valid = nullRow === undefined ? undefined : new Uint8Array(rows).fill(1);
  if (valid !== undefined && nullRow !== undefined) {
    valid[nullRow] = 0;
    bytes.fill(0, nullRow * dim * 4, (nullRow + 1) * dim * 4);
  }
  const data = new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
  const keys = columnFromInt64(
    KEY,
    Array.from({ length: rows }, (_, row) => BigInt(row)),
  );
  data.appendBatch(batchOf(rows, [keys, column(VECTOR, dataType, bytes, undefined, valid)]), 10n);
  const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
  const files: FileRecord[] = [];
  for (let log = 0; log < logs; log++) {
    const range = {
      rowBegin: Math.floor((rows * log) / logs),
      rowEnd: Math.floor((rows * (log + 1)) / logs),
    };
    files.push(
      ...(await writeSegment(platform, { address, schema, data, logId: BigInt(log + 1), ...range })),
    );
  }
  const record = SegmentRecord.fromPartial({
    ...{ id: 1n, collectionId: 2n, partitionId: 3n, rowCount: BigInt(rows) },
    files,
  });
  const whole: string[] = [];
  const { objectStore } = platform;
  const spied = {
    ...platform,
    objectStore: {
      put: objectStore.put.bind(objectStore),
      getRange: objectStore.getRange.bind(objectStore),
      readInto: objectStore.readInto.bind(objectStore),
      size: objectStore.size.bind(objectStore),
      openRead: objectStore.openRead.bind(objectStore),
      list: objectStore.list.bind(objectStore),
      remove: objectStore.remove.bind(objectStore),
      get: (key: string) => {
        whole.push(key);
        return objectStore.get(key);
      },
    },
  };
  const file = files.find(({ fieldIds }) => fieldIds.includes(VECTOR)) ?? FileRecord.create();
  return { platform: spied, schema, record, data, disk, file, whole };
}

const allRows = (count: number) => Uint32Array.from({ length: count }, (_, row) => row);

test.each([
  ['floats', {}],
  ['floats of several logs', { logs: 3, rows: 9000 }],
  ['pages of one row more', { dim: 768, rows: 1400 }],
  ['float16', { dataType: DataType.Float16Vector, rows: 8000 }],
  ['int8', { dataType: DataType.Int8Vector, dim: 200, rows: 8000 }],
  ['nullable ones without a null', { nullable: true }],
] as const)('%s come to their place and are what was written', async (_name, layout) => {
  const { platform, schema, record, data, file, whole } = await written(layout);
  expect(Number(file.bytes)).toBeGreaterThan(1 << 20);
  const read = await readSegment(platform, record, schema);
  expect(whole.filter((key) => key.includes('/101/'))).toEqual([]);
  const rows = allRows(data.rowCount);
  expect(read.fetch(rows, [KEY, VECTOR])).toEqual(data.fetch(rows, [KEY, VECTOR]));
  const [ours, theirs] = [read, data].map((one) => one.vectors(VECTOR)?.store.copyInverseNorms());
  expect(ours).toEqual(theirs);
});

test('norms come with the first search that needs them where all indexes of the field are of other metrics', async () => {
  const { platform, schema, record, data } = await written({ logs: 2, rows: 9000 });
  const index = IndexFileRecord.fromPartial({ fieldId: VECTOR, metricType: 'L2', state: 'finished' });
  const read = await readSegment(platform, { ...record, indexes: [index] }, schema);
  const { store } = read.denseVectors(VECTOR) as VectorColumn;
  const search = (from: SegmentData, metric: MetricName, k: number) =>
    searchSegment(from, {
      ...{ fieldId: VECTOR, queries: Float32Array.from({ length: 96 }, (_, i) => i - 40) },
      ...{ metric, k, readTs: 20n },
    });
  expect(await search(read, 'L2', 5)).toEqual(await search(data, 'L2', 5));
  expect(store.normsOwed).toBe(9000);
  expect(store.place).not.toHaveProperty('inverseNormsOffset');
  const together = await Promise.all([5, 7].map((k) => search(read, 'COSINE', k)));
  expect(together).toEqual(await Promise.all([5, 7].map((k) => search(data, 'COSINE', k))));
  expect(store.normsOwed).toBe(0);
  expect(store.copyInverseNorms()).toEqual(data.denseVectors(VECTOR)?.store.copyInverseNorms());
  const cosine = { ...record, indexes: [{ ...index, metricType: 'COSINE' }] };
  expect((await readSegment(platform, cosine, schema)).denseVectors(VECTOR)?.store.normsOwed).toBe(0);
});

test('a column with a null is read whole, and so is a small file', async () => {
  const withNull = await written({ nullRow: 17 });
  const read = await readSegment(withNull.platform, withNull.record, withNull.schema);
  expect(withNull.whole.some((key) => key.includes('/101/'))).toBe(true);
  const rows = allRows(read.rowCount);
  expect(read.fetch(rows, [VECTOR])).toEqual(withNull.data.fetch(rows, [VECTOR]));
  const small = await written({ rows: 100 });
  expect((await readSegment(small.platform, small.record, small.schema)).rowCount).toBe(100);
  expect(small.whole.some((key) => key.includes('/101/'))).toBe(true);
});

test('a changed byte anywhere, a cut and a lengthened file are data_corrupt', async () => {
  const { platform, schema, record, disk, file } = await written();
  const path = `objects/${file.key}`;
  const size = Number(file.bytes);
  const random = seededRandom(8);
  const places = [
    0,
    3,
    4,
    20,
    5000,
    size - 1,
    size - 6,
    size - 40,
    ...Array.from({ length: 20 }, () => nextBelow(random, size)),
  ];
  for (const place of places) {
    const flip = (bytes: Uint8Array): void => {
      bytes[place] = (bytes[place] as number) ^ 16;
    };
    disk.damage(path, flip);
    await expect(readSegment(platform, record, schema), `byte ${place}`).rejects.toMatchObject({
      key: 'data_corrupt',
    });
    disk.damage(path, flip);
  }
  await readSegment(platform, record, schema);
  const bytes = await disk.read(path);
  for (const changed of [
    bytes.subarray(0, size - 1),
    bytes.subarray(0, 100),
    Uint8Array.of(...bytes.subarray(0, 0), 1),
  ]) {
    await disk.write(path, [changed]);
    await expect(readSegment(platform, record, schema)).rejects.toMatchObject({ key: 'data_corrupt' });
  }
  await disk.write(path, [bytes, Uint8Array.of(0)]);
  await expect(readSegment(platform, record, schema)).rejects.toMatchObject({ key: 'data_corrupt' });
});
