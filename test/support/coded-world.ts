// A segment whose vectors are in a file and whose codes are in memory, beside the same segment with its vectors: what tests of coded vectors
// search and compare.
import { bytesView } from '#base/bytes.js';
import { seededRandom } from '#base/random.js';
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
import { PageCache } from '#segment/files/page-cache.js';
import { readSegment } from '#segment/files/read-segment.js';
import { writeVectorIndex } from '#segment/files/vector-index-files.js';
import { searchSegment } from '#segment/search/segment-search.js';
import { SegmentData } from '#segment/segment-data.js';

export const [KEY, VECTOR] = [100n, 101n];
export const DIM = 32;
export const ROWS = 1500;
const schemaOf = (dataType: DataType) =>
  CollectionSchema.fromPartial({
    fields: [
      { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      {
        fieldID: VECTOR,
        name: 'vector',
        dataType,
        typeParams: [{ key: 'dim', value: String(DIM) }],
        nullable: true,
      },
    ],
  });
export const schema = schemaOf(DataType.FloatVector);
/** The same numbers in another type. */
export function bytesAs(dataType: number, values: Float32Array): Uint8Array {
  if (dataType === DataType.Int8Vector)
    return new Uint8Array(Int8Array.from(values, (value) => Math.round(value * 100)).buffer);
  // The upper half of a float32 is a bfloat16.
  if (dataType === DataType.BFloat16Vector)
    return bytesView(Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16));
  return bytesView(values);
}

export type Metric = 'L2' | 'IP' | 'COSINE';
export interface World {
  readonly platform: Platform;
  readonly record: SegmentRecord;
  readonly original: SegmentData;
  readonly reads: DiskReads;
  readonly cache: PageCache;
  readonly key: string;
  readonly builtAs: string;
  reserved: number;
  held: number;
}

export interface Options {
  readonly metric?: Metric;
  readonly cacheBytes?: number;
  readonly params?: Readonly<Record<string, string>>;
  readonly hasNulls?: boolean;
  readonly dataType?: DataType;
}

export async function makeWorld(options: Options = {}): Promise<World> {
  const {
    metric = 'L2',
    cacheBytes = 1 << 20,
    params = {},
    hasNulls = true,
    dataType = DataType.FloatVector,
  } = options;
  const schema = schemaOf(dataType);
  const platform = {
    ...openMemoryPlatform({ cluster: simulatedCluster(1), host: 'a' }),
    timers: nodeTimers,
    workers: new InlineWorkers({ timers: nodeTimers }),
    objectStore: new FileObjectStore(new MemoryFiles(), 'objects'),
  };
  const random = seededRandom(5);
  const values = Float32Array.from({ length: ROWS * DIM }, () => (random.nextUint32() % 201) / 100 - 1);
  const valid = Uint8Array.from({ length: ROWS }, (_, row) => (hasNulls && row % 10 === 3 ? 0 : 1));
  for (let row = 0; row < ROWS; row++) if (valid[row] === 0) values.fill(0, row * DIM, (row + 1) * DIM);
  const keys = columnFromInt64(
    KEY,
    Array.from({ length: ROWS }, (_, row) => BigInt(row)),
  );
  const vectors = column(
    VECTOR,
    dataType,
    bytesAs(dataType, values),
    undefined,
    hasNulls ? valid : undefined,
  );
  const original = new SegmentData(platform, {
    id: 1n,
    collectionId: 2n,
    partitionId: 3n,
    schema,
    rowsHint: ROWS,
  });
  original.appendBatch(batchOf(ROWS, [keys, vectors]), 10n);
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
    indexType: 'HNSW_SQ',
    metricType: metric,
    params: { M: '16', efConstruction: '80', ...params },
  };
  const request = BuildIndexRequest.create({
    buildId: 9n,
    partitionId: 3n,
    segmentId: 1n,
    rowCount: BigInt(ROWS),
  });
  const named = { ...request, field: field as never, index: { id: 4n, name: 'i', ...index } as never };
  const written = await writeVectorIndex(platform, named, rows);
  const key = written?.key ?? '';
  const of = { indexId: 4n, buildId: 9n, fieldId: VECTOR, indexType: 'HNSW_SQ', metricType: metric };
  const file = IndexFileRecord.create({
    ...of,
    key,
    bytes: BigInt(written?.bytes ?? 0),
    rowCount: BigInt(ROWS),
    state: 'finished',
  });
  const cache = new PageCache(platform, cacheBytes);
  const world: World = {
    platform,
    original,
    cache,
    key,
    builtAs: written?.builtAs ?? '',
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

export async function load({ platform, reads, record, original: { schema } }: World): Promise<SegmentData> {
  const opened = await openDiskIndexes(platform, reads, record, schema);
  return readSegment(platform, record, schema, undefined, opened.disk).finally(() => opened.release());
}

export const query = (row: number): Float32Array =>
  Float32Array.from({ length: DIM }, (_, d) => Math.sin(row * 31 + d));
export const search = (data: SegmentData, more: object = {}) =>
  searchSegment(data, {
    fieldId: VECTOR,
    metric: 'L2',
    queries: query(1),
    k: 10,
    readTs: 100n,
    params: { ef: 300 },
    ...more,
  });
/** Without the room behind short lists. */
export const hitsOf = ({ rows, scores, counts, k }: Awaited<ReturnType<typeof search>>) => {
  const isCut = (i: number): boolean =>
    counts.length === 1 ? i < (counts[0] as number) : i % k < (counts[Math.floor(i / k)] as number);
  return {
    rows: [...rows].filter((_, i) => isCut(i)),
    scores: [...scores].filter((_, i) => isCut(i)),
    counts: [...counts],
  };
};

export const everyRow = Uint32Array.from({ length: ROWS }, (_, row) => ROWS - 1 - row);
