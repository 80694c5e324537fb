// Small fixed inputs of the formats on disk, and what today's writers make of them. The tests read the files beside this one with them;
// `make.mjs` wrote those files once. Imports by `#` name alone, so that Node runs it on the build and vitest on the sources.
import { bytesView } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { viewOf } from '#expr/evaluate/column-view.js';
import { fillSection } from '#index/block/index-block.js';
import { buildCodedIndex } from '#index/coded-index.js';
import { buildDiskIndex } from '#index/disk/disk-build.js';
import { encodeFlatIndex } from '#index/flat/flat-index-file.js';
import { VectorStore, type VectorStoreOptions } from '#index/flat/vector-store.js';
import type { SourceVectors } from '#index/graph/graph-spec.js';
import { encodeLevels, LEVELS_SECTION } from '#index/graph/nodes/level-widths.js';
import { minhashBuild } from '#index/minhash/minhash-index.js';
import { type ScalarBuildInput, scalarBuild } from '#index/scalar/build-scalar-index.js';
import { OrderedIndex } from '#index/scalar/ordered-index.js';
import { encodeOrderedIndex } from '#index/scalar/ordered-index-bytes.js';
import type { ScalarIndexSpec } from '#index/scalar/scalar-index.js';
import { sparseBuild } from '#index/sparse/sparse-index.js';
import { buildVectorIndex, type VectorIndexSpec } from '#index/vector-indexes.js';
import { workerTasks } from '#index/worker-tasks.js';
import {
  batchOf,
  column,
  columnFromBytes,
  columnFromInt64,
  columnFromStrings,
} from '#model/columns/column.js';
import { encodeWkb } from '#model/geometry/wkb.js';
import type { BuildParams } from '#model/params/index-types.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { type Column, FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { writeDeletes } from '#segment/files/delta-log.js';
import { writeSegment } from '#segment/files/insert-log.js';
import { manifestKey, writeManifest } from '#segment/files/manifest.js';
import { SegmentData } from '#segment/segment-data.js';
import { encodeFrame, encodeHeader } from '#wal/frame.js';

export const DIM = 8;
export const ROWS = 96;
/** In [-1, 1), in steps of 1/64, so that sums of their products are exact and no kernel rounds. */
export const vectors: Float32Array = Float32Array.from(
  { length: ROWS * DIM },
  (_, i) => ((Math.imul(i + 1, 2654435761) >>> 16) % 128) / 64 - 1,
);

/** Every kind of index whose file is an index block or has one, by the name that its golden file bears. */
export const denseKinds = {
  HNSW: { kind: 'HNSW', M: 8, efConstruction: 60 },
  HNSW_SQ: { kind: 'HNSW_SQ', M: 8, efConstruction: 60, sqType: 'SQ8', refine: true, refineType: 'FP32' },
  HNSW_PQ: { kind: 'HNSW_PQ', M: 8, efConstruction: 60, m: 4, nbits: 4, refine: true, refineType: 'FP32' },
  HNSW_PRQ: {
    ...{
      kind: 'HNSW_PRQ',
      M: 8,
      efConstruction: 60,
      m: 4,
      nbits: 4,
      nrq: 2,
      refine: true,
      refineType: 'FP32',
    },
  },
  QG: { kind: 'QG', M: 16, efConstruction: 60, bits: 2 },
  IVF_FLAT: { kind: 'IVF_FLAT', nlist: 4 },
  IVF_SQ8: { kind: 'IVF_SQ8', nlist: 4 },
  IVF_PQ: { kind: 'IVF_PQ', nlist: 4, m: 4, nbits: 4 },
  IVF_RABITQ: { kind: 'IVF_RABITQ', nlist: 4, refine: true, refineType: 'FP32' },
  SCANN: { kind: 'SCANN', nlist: 4, withRawData: true },
} as const satisfies Record<string, BuildParams>;

/** Kinds whose blocks name copies of rows, which makes them version 2. */
/** What a build of AUTOINDEX learned. */
export const learnedLevels = {
  ks: [10, 100],
  widths: [
    [25, 28, 31, 35, 40, 45, 52, 60, 70, 81],
    [120, 130, 141, 153, 166, 180, 195, 212, 230, 250],
  ],
};
export const copiedKinds = { HNSW: denseKinds.HNSW, QG: denseKinds.QG } as const;
/** Row r and row r + 48 are equal. */
export const copiedVectors: Float32Array = Float32Array.from(
  { length: ROWS * DIM },
  (_, i) => vectors[i % ((ROWS / 2) * DIM)] as number,
);

const BITS = 64;
/** Bits of row r, eight bytes. */
export const binaryVectors: Uint8Array = Uint8Array.from(
  { length: (ROWS * BITS) / 8 },
  (_, i) => Math.imul(i + 1, 2654435761) >>> 24,
);

/** Tasks on this thread. */
export const workers = {
  parallelism: 1,
  allocate: (bytes: number, most: number) => ({
    memory: new WebAssembly.Memory({
      initial: Math.ceil(bytes / 65536),
      maximum: Math.ceil(most / 65536),
      shared: true,
    }),
  }),
  release: () => {},
  run: async <Output>(task: string, input: unknown, regions: readonly { memory: WebAssembly.Memory }[]) => {
    const run = workerTasks[task as keyof typeof workerTasks] as (
      input: unknown,
      context: unknown,
    ) => unknown;
    const context = { memories: regions.map((region) => region.memory), thread: 0 };
    return run(structuredClone(input), context) as Output;
  },
};
type Region = ReturnType<typeof workers.allocate>;

type Source = SourceVectors<Region> & { readonly store: VectorStore };
function sourceOf(options: VectorStoreOptions, rows: Uint8Array): Source {
  const region = workers.allocate(VectorStore.bytesFor(ROWS, options) + 65536, 2 ** 31);
  const store = new VectorStore(region, options);
  store.append(rows);
  return { region, place: store.place, store };
}

export const denseSource = (values: Float32Array = vectors): Source =>
  sourceOf({ dim: DIM, elementType: 'float32', inverseNorms: true, blockRows: 128 }, bytesView(values));
export const binarySource = (): Source =>
  sourceOf({ dim: BITS, elementType: 'binary', inverseNorms: false, blockRows: 128 }, binaryVectors);

export const denseSpec = (build: BuildParams): VectorIndexSpec => ({
  ...{ build, metric: 'L2', elementType: 'float32', dim: DIM, rowCount: ROWS, seed: 7, threads: 1 },
});

export const binarySpec: VectorIndexSpec = {
  ...denseSpec({ kind: 'BIN_IVF_FLAT', nlist: 4 }),
  ...{ metric: 'HAMMING', elementType: 'binary', dim: BITS },
};

/** Row r has value 1 + r % 3 at dim r % 5 and 0.5 at dim 100 + r. */
function sparseRows(rows = 12): { readonly data: Uint8Array; readonly offsets: Uint8Array } {
  const data = new Uint8Array(rows * 16);
  const view = new DataView(data.buffer);
  for (let row = 0; row < rows; row++) {
    view.setUint32(row * 16, row % 5, true);
    view.setFloat32(row * 16 + 4, 1 + (row % 3), true);
    view.setUint32(row * 16 + 8, 100 + row, true);
    view.setFloat32(row * 16 + 12, 0.5, true);
  }
  return { data, offsets: bytesView(Uint32Array.from({ length: rows + 1 }, (_, row) => row * 16)) };
}

/** Row r has word r % 5 1 + r % 3 times, and word 100 + r once. */
function wordRows(): ReturnType<typeof sparseRows> {
  const { data, offsets } = sparseRows();
  const view = new DataView(data.buffer);
  for (let row = 0; row * 16 < data.length; row++) view.setFloat32(row * 16 + 12, 1, true);
  return { data, offsets };
}

/** 16 elements of 8 bits; rows r and r + 4 are alike in all but the last. */
export const signatures: Uint8Array = Uint8Array.from({ length: 10 * 16 }, (_, i) =>
  i % 16 === 15 ? i >> 4 : ((i >> 4) % 4) * 16 + (i % 16),
);
export const MINHASH = { dim: 128, elementBits: 8, bands: 4 } as const;

export const schema: CollectionSchema = CollectionSchema.fromPartial({
  name: 'golden',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
    { fieldID: 102n, name: 'name', dataType: DataType.VarChar, nullable: true },
  ],
});
const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
export const keys = [5n, -7n, 9007199254740993n];
export const timestamps = [1n << 40n, (1n << 40n) + 1n, 1n << 41n];
const names = ['a', null, 'é'];
const rowVectors: Float32Array = Float32Array.of(0.5, -1, 2, 0.25, -0, 3);
export const batch = () =>
  batchOf(3, [
    columnFromInt64(0n, [0n, 0n, 0n]),
    columnFromInt64(1n, timestamps),
    columnFromInt64(100n, keys),
    column(101n, DataType.FloatVector, bytesView(rowVectors)),
    columnFromStrings(102n, DataType.VarChar, names),
  ]);
/** A struct array with two columns; the second row is null, the third empty. */
export const listSchema: CollectionSchema = CollectionSchema.fromPartial({
  name: 'lists',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 102n, name: 's[n]', dataType: DataType.Array, elementType: DataType.Int64, nullable: true },
    {
      ...{ fieldID: 103n, name: 's[v]', dataType: DataType.ArrayOfVector, nullable: true },
      ...{ elementType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
    },
  ],
});
export const listBatch = () =>
  batchOf(3, [
    columnFromInt64(0n, [0n, 0n, 0n]),
    columnFromInt64(1n, timestamps),
    columnFromInt64(100n, keys),
    columnFromBytes(102n, DataType.Array, [
      bytesView(BigInt64Array.of(1n, -2n, 3n)),
      null,
      new Uint8Array(0),
    ]),
    columnFromBytes(103n, DataType.ArrayOfVector, [bytesView(rowVectors), null, new Uint8Array(0)]),
  ]);
export const record: SegmentRecord = SegmentRecord.fromPartial({
  ...{ id: 1n, collectionId: 2n, partitionId: 3n, rowCount: 3n, state: 'flushed' },
  files: [
    FileRecord.fromPartial({ key: 'insert_log/2/3/1/0/1', bytes: 9n, crc32: 4_000_000_000, rowCount: 3n }),
  ],
});

/** A scalar index of each kind, as it lies in its file. */
const scalarIndexes: Readonly<Record<string, ScalarBuildInput>> = {
  ordered: scalarInput(columnFromStrings(200n, DataType.JSON, ['{"a":1.5}', null, '{"a":-3}', '{"a":"x"}']), {
    kind: 'path',
    path: ['a'],
    cast: 'double',
    isList: false,
  }),
  grams: scalarInput(columnFromStrings(201n, DataType.VarChar, ['green', null, 'grey', 'é']), {
    kind: 'grams',
    sizes: [2, 3],
    path: undefined,
  }),
  boxes: scalarInput(
    columnFromBytes(202n, DataType.Geometry, [
      encodeWkb({ kind: 'point', positions: Float64Array.of(1, 2) }),
      null,
      encodeWkb({ kind: 'line', positions: Float64Array.of(-4, 0, 3, 5) }),
      encodeWkb({ kind: 'point', positions: Float64Array.of(0, 0) }),
    ]),
    { kind: 'boxes' },
  ),
};

/** An index of many paths of documents, in a file of version 2. */
const pathsIndex = scalarInput(
  columnFromStrings(203n, DataType.JSON, ['{"a":-3,"b":{"c":"x"}}', null, '{"a":"y"}', '{"a":7,"l":[true]}']),
  { kind: 'paths', path: [] },
);

function scalarInput(from: Column, spec: ScalarIndexSpec): ScalarBuildInput {
  return { column: from, elementType: 0, rowCount: 4, spec };
}

/** Columns of four rows, the second null, two alike. */
const scalarColumns = {
  int64: { ...columnFromInt64(103n, [7n, 0n, 7n, -(2n ** 63n)]), valid: Uint8Array.of(1, 0, 1, 1) },
  text: columnFromStrings(104n, DataType.VarChar, ['b', null, 'b', 'é']),
};

/** Rows whose containers are a bitmap, a list and a run. */
const PACKED_ROWS = 66_000;
export function packedValue(row: number): bigint | null {
  if (row >= 65_536) return 3n;
  if (row % 2 === 0) return 0n;
  return row % 64 === 3 ? 2n : null;
}

function packedColumn(): Column {
  const values = Array.from({ length: PACKED_ROWS }, (_, row) => packedValue(row));
  return {
    ...columnFromInt64(
      103n,
      values.map((value) => value ?? 0n),
    ),
    valid: Uint8Array.from(values, (value) => Number(value !== null)),
  };
}

export const header = { epoch: 3n, firstLsn: 1n, term: 2n, copyEndLsn: 2n, salt: 0x01020304 } as const;
export const payloads = ['hello', '', 'eight by'];

function joined(parts: Iterable<Uint8Array>): Uint8Array {
  return Uint8Array.from(Array.from(parts, (part) => [...part]).flat());
}

export const flat = {
  L2: { metric: 'L2', dim: DIM, rowCount: 3 },
  COSINE: { metric: 'COSINE', dim: 2, rowCount: 3, inverseNorms: Float32Array.of(1, 0.5, 0) },
} as const;

/** What is the same at each time and on each machine: name of the file → its bytes. Floats of builds are not. */
export async function exactFormats(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const frames = payloads.flatMap((text, index) => {
    const payload = new TextEncoder().encode(text);
    return [
      ...encodeFrame({ lsn: BigInt(index + 1), index, isCopy: index === 0, payload }, header.salt, crc32),
    ];
  });
  files.set('wal/v2.log', joined([encodeHeader(header, crc32), ...frames]));
  files.set('flat-index/v1.L2', encodeFlatIndex(flat.L2));
  files.set('flat-index/v1.COSINE', encodeFlatIndex(flat.COSINE));
  for (const [name, from] of Object.entries(scalarColumns))
    files.set(`scalar-index/v1.${name}`, encodeOrderedIndex(OrderedIndex.build(viewOf(from), 4)));
  const packed = OrderedIndex.build(viewOf(packedColumn()), PACKED_ROWS);
  files.set('scalar-index/v2.packed', encodeOrderedIndex(packed));
  for (const [name, input] of Object.entries(scalarIndexes))
    files.set(`scalar-index/v1.file.${name}`, scalarBuild(input));
  files.set('scalar-index/v2.file.paths', scalarBuild(pathsIndex));
  const sparse = sparseRows();
  files.set('sparse-index/v1.block', sparseBuild({ ...sparse, metric: 'IP', algorithm: 'DAAT_MAXSCORE' }));
  files.set(
    'sparse-index/v1.bm25.block',
    sparseBuild({ ...wordRows(), metric: 'BM25', algorithm: 'DAAT_WAND' }),
  );
  files.set('minhash-index/v1.block', minhashBuild({ ...MINHASH, data: signatures }));
  const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
  try {
    const ofSegment = { id: 1n, collectionId: 2n, partitionId: 3n };
    const data = new SegmentData(platform, { ...ofSegment, schema });
    data.appendBatch(batch());
    const written = await writeSegment(platform, {
      address,
      schema,
      data,
      rowBegin: 0,
      rowEnd: 3,
      logId: 1n,
    });
    for (const { key } of written)
      files.set(
        `insert-log/v2.1.group-${key.split('/').at(-2)}.parquet`,
        await platform.objectStore.get(key),
      );
    const lists = new SegmentData(platform, { ...ofSegment, schema: listSchema });
    lists.appendBatch(listBatch());
    const log = { address, schema: listSchema, data: lists, rowBegin: 0, rowEnd: 3, logId: 2n };
    for (const { key } of await writeSegment(platform, log))
      files.set(
        `insert-log/v2.1.lists-${key.split('/').at(-2)}.parquet`,
        await platform.objectStore.get(key),
      );
    lists.release();
    const deletes = { keys: columnFromInt64(100n, keys), timestamps: BigUint64Array.from(timestamps) };
    const deleted = await writeDeletes(platform, { address, schema, logId: 1n, deletes });
    files.set('delta-log/v2.parquet', await platform.objectStore.get(deleted.key));
    await writeManifest(platform, { schema, segment: record });
    files.set('manifest/v1.manifest', await platform.objectStore.get(manifestKey(address)));
    data.release();
  } finally {
    await platform.close();
  }
  return files;
}

/** What a build makes on this machine: its floats may differ elsewhere by the last bit. */
export async function builtFormats(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const source = denseSource();
  for (const [name, build] of Object.entries(denseKinds))
    files.set(`index-block/v1.${name}`, await buildVectorIndex(workers, denseSpec(build), source));
  for (const [name, build] of Object.entries(copiedKinds))
    files.set(
      `index-block/v2.${name}`,
      await buildVectorIndex(workers, denseSpec(build), denseSource(copiedVectors)),
    );
  const levelled = await buildVectorIndex(
    workers,
    { ...denseSpec(denseKinds.HNSW), learnsLevels: true },
    source,
  );
  fillSection(levelled, LEVELS_SECTION, encodeLevels(learnedLevels));
  files.set('index-block/v1.HNSW-levels', levelled);
  files.set('index-block/v1.BIN_IVF_FLAT', await buildVectorIndex(workers, binarySpec, binarySource()));
  const coded = denseSpec({ ...denseKinds.HNSW_SQ, refine: false });
  files.set('coded-index/v1.file', joined((await buildCodedIndex(workers, coded, source, crc32)).parts));
  const { build: _, ...disk } = denseSpec(denseKinds.HNSW);
  const spec = {
    ...disk,
    metric: 'L2',
    maxDegree: 16,
    searchListSize: 60,
    pqCodeBudgetRatio: 0.125,
  } as const;
  files.set('disk-index/v1.file', joined((await buildDiskIndex(workers, spec, source, crc32)).parts));
  return files;
}
