// Every kind of vector index behind one face, for the contract they share: built from the same floats, each kind making of a row what it
// stores (bits, sparse pairs, a signature), searched, and loaded again from its file.
import { crc32 } from '#base/crc32.js';
import { decodeIndexBlock, type IndexMeta } from '#index/block/index-block.js';
import type { MetricType } from '#index/block/metric.js';
import type { SearchOutput } from '#index/block/search-output.js';
import { buildCodedIndex, codedParts } from '#index/coded-index.js';
import { decodeDiskHead, SECTOR_BYTES } from '#index/disk/disk-layout.js';
import { VectorStore, type VectorStoreOptions } from '#index/flat/vector-store.js';
import { loadMinhashIndex, minhashBuild } from '#index/minhash/minhash-index.js';
import { minhashScan, minhashSearch } from '#index/minhash/minhash-search.js';
import { loadSparseIndex, sparseBuild } from '#index/sparse/sparse-index.js';
import { sparseScan } from '#index/sparse/sparse-scan.js';
import { sparseSearch } from '#index/sparse/sparse-search.js';
import { buildVectorIndex, loadVectorIndex } from '#index/vector-indexes.js';
import type { BuildParams } from '#model/params/index-types.js';
import { buildDisk, loadFile, searchDisk } from './disk-index.js';
import { findByCodes } from './graph-codes.js';
import { build, countClear, exact, type Fixture, find, workers } from './vector-index.js';

/** Floats of a row from which each kind makes its own. */
export const DIM = 16;
const WIDE = { ef: 200, nprobe: 8, refineK: 10, reorderK: 200 };

type Hits = Pick<SearchOutput, 'rows' | 'scores'>;
export interface Built {
  readonly rowCount: number;
  /** What a reader keeps of the file: decoding and encoding it gives the same bytes. */
  readonly block: Uint8Array;
  readonly file: Uint8Array<ArrayBuffer>;
  /** @param query floats of one row */
  search(query: Float32Array, k: number, excluded?: Uint8Array): Promise<Hits> | Hits;
  /** All rows, scored by what was stored, the nearest first. */
  exact(query: Float32Array): Hits;
}

export interface IndexKind {
  readonly metrics: readonly string[];
  readonly meta: Partial<IndexMeta>;
  /** Share of the ten nearest that a wide search finds. */
  readonly recallMin: number;
  /** Scores are those of the vectors, not of codes. */
  readonly isExact: boolean;
  /** @param values DIM floats a row */
  make(values: Float32Array, metric: string): Promise<Built>;
  /** @throws what a file that is damaged or cut is refused with */
  load(file: Uint8Array<ArrayBuffer>, what: string): void;
}

const bytesOf = (query: Float32Array): Uint8Array => new Uint8Array(query.slice().buffer);
const rowsOf = (values: Float32Array): Float32Array[] =>
  Array.from({ length: values.length / DIM }, (_, row) => values.subarray(row * DIM, (row + 1) * DIM));
const joined = (parts: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Array.from(parts, (part) => [...part]).flat());
const passing = (excluded: Uint8Array | undefined, rowCount: number) =>
  excluded === undefined ? {} : { excluded, passing: countClear(excluded, rowCount) };

/** A kind whose block is built over float32 vectors in memory. */
export function dense(params: BuildParams, recallMin: number, isExact = true): IndexKind {
  return {
    ...{ metrics: ['L2', 'IP', 'COSINE'], recallMin, isExact },
    meta: { indexType: params.kind, elementType: 'float32', dim: DIM },
    async make(values, metric) {
      const fixture = await build(values, DIM, metric as MetricType, { build: params, seed: 5, threads: 1 });
      const { block } = fixture;
      const { rowCount } = fixture.spec;
      return {
        ...{ rowCount, block, file: block },
        search: (query, k, excluded) =>
          find(fixture, bytesOf(query), k, { params: WIDE, ...passing(excluded, rowCount) }),
        exact: (query) => exact(fixture, bytesOf(query), rowCount),
      };
    },
    load: (file, what) => void loadVectorIndex(workers, file, what),
  };
}

/** HNSW_SQ without refine: codes in memory, the vectors in pages of its file. */
export const coded: IndexKind = {
  ...{ metrics: ['L2', 'IP', 'COSINE'], recallMin: 0.95, isExact: false },
  meta: { indexType: 'HNSW_SQ', elementType: 'float32', dim: DIM },
  async make(values, metric) {
    const graph = { M: 8, efConstruction: 60, sqType: 'SQ8' } as const;
    const params: BuildParams = { kind: 'HNSW_SQ', ...graph, refine: false, refineType: 'FP32' };
    // Built once more in memory, for the vectors and the exact search of them.
    const fixture = await build(values, DIM, metric as MetricType, { build: params, seed: 5, threads: 1 });
    const { rowCount } = fixture.spec;
    const { place } = fixture.store;
    const source = { region: fixture.region, place };
    const file = joined((await buildCodedIndex(workers, fixture.spec, source, crc32)).parts);
    const loaded: Fixture = { ...fixture, index: codedIndex(file, 'test') };
    return {
      ...{ rowCount, file, block: blockOf(file) },
      search: (query, k, excluded) =>
        findByCodes(loaded, bytesOf(query), k, { params: WIDE, ...passing(excluded, rowCount) }),
      exact: (query) => exact(fixture, bytesOf(query), rowCount),
    };
  },
  load: (file, what) => void codedIndex(file, what),
};

const headOf = (file: Uint8Array, what: string) => decodeDiskHead(file.slice(0, SECTOR_BYTES), what, crc32);
const blockOf = (file: Uint8Array): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(file.subarray(SECTOR_BYTES, SECTOR_BYTES + headOf(file, 'test').blockBytes));

function codedIndex(file: Uint8Array, what: string) {
  const head = headOf(file, what);
  const block = Uint8Array.from(file.subarray(SECTOR_BYTES, SECTOR_BYTES + head.blockBytes));
  const index = loadVectorIndex(workers, block, what);
  codedParts(index, head, what);
  return index;
}

export const disk: IndexKind = {
  ...{ metrics: ['L2', 'IP', 'COSINE'], recallMin: 0.99, isExact: true },
  meta: { indexType: 'DISKANN', elementType: 'float32', dim: DIM },
  async make(values, metric) {
    const fixture = await buildDisk(values, DIM, metric as MetricType, { seed: 5, threads: 1 });
    const { rowCount } = fixture.spec;
    const file = Uint8Array.from(fixture.file);
    return {
      ...{ rowCount, file, block: blockOf(file) },
      search: (query, k, excluded) =>
        searchDisk(fixture, bytesOf(query), k, {
          params: { searchList: 200 },
          ...passing(excluded, rowCount),
        }),
      exact: (query) => exact(fixture, bytesOf(query), rowCount),
    };
  },
  load: (file, what) => void loadFile(file, what),
};

const BITS_A_FLOAT = 4;
/** Each float as four bits, of which the more are set the larger it is. */
const bitsOf = (values: Float32Array): Uint8Array => {
  const out = new Uint8Array((values.length * BITS_A_FLOAT) / 8);
  values.forEach((value, i) => {
    for (let bit = 0; bit < BITS_A_FLOAT; bit++)
      if (value > bit * 1.2 - 1.8) out[i >> 1] = (out[i >> 1] as number) | (1 << ((i % 2) * 4 + bit));
  });
  return out;
};

function inMemory(rows: Uint8Array, dim: number, rowCount: number) {
  const blockRows = Math.max(64, Math.ceil(rowCount / 64) * 64);
  const options: VectorStoreOptions = { dim, elementType: 'binary', inverseNorms: false, blockRows };
  const region = workers.allocate(VectorStore.bytesFor(Math.max(1, rowCount), options) + 65536, 2 ** 31);
  const store = new VectorStore(region, options);
  store.append(rows);
  return { region, store };
}

export const binaryIvf: IndexKind = {
  ...{ metrics: ['HAMMING', 'JACCARD'], recallMin: 1, isExact: true },
  meta: { indexType: 'BIN_IVF_FLAT', elementType: 'binary', dim: DIM * BITS_A_FLOAT },
  async make(values, metric) {
    const [dim, rowCount] = [DIM * BITS_A_FLOAT, values.length / DIM];
    const { region, store } = inMemory(bitsOf(values), dim, rowCount);
    const params: BuildParams = { kind: 'BIN_IVF_FLAT', nlist: 8 };
    const elementType = 'binary';
    const spec = { build: params, metric: metric as 'HAMMING', elementType, dim, rowCount, seed: 5 } as const;
    const block = await buildVectorIndex(workers, spec, { region, place: store.place });
    const fixture: Fixture = { store, region, spec, block, index: loadVectorIndex(workers, block, 'test') };
    return {
      ...{ rowCount, block, file: block },
      search: (query, k, excluded) =>
        find(fixture, bitsOf(query), k, { params: WIDE, ...passing(excluded, rowCount) }),
      exact: (query) => exact(fixture, bitsOf(query), rowCount),
    };
  },
  load: (file, what) => void loadVectorIndex(workers, file, what),
};

/** Two values for each element, so that rows share some; a band for each, so that sharing one is enough to be found. */
const signatureOf = (values: Float32Array): Uint8Array =>
  Uint8Array.from(values, (value) => (value > 0 ? 1 : 0));

export const minhash: IndexKind = {
  ...{ metrics: ['MHJACCARD'], recallMin: 1, isExact: true },
  meta: { indexType: 'MINHASH_LSH', elementType: 'binary', dim: DIM * 8 },
  async make(values) {
    const rowCount = values.length / DIM;
    const shape = { dim: DIM * 8, elementBits: 8 } as const;
    const data = signatureOf(values);
    const { region, store } = inMemory(data, shape.dim, rowCount);
    const block = minhashBuild({ ...shape, bands: DIM, data });
    const index = loadMinhashIndex(workers, decodeIndexBlock(block));
    const { vectorsOffset, blocks } = store.place;
    return {
      ...{ rowCount, block, file: block },
      search: (query, k, excluded) => {
        const search = { queries: signatureOf(query), k, params: {}, ...passing(excluded, rowCount) };
        const input = { index: index.placement, vectors: store.place, ...search };
        return minhashSearch(input, { memories: [region.memory, index.region.memory] });
      },
      exact: (query) => {
        const where = { vectorsOffset, ...(blocks && { blocks }), rowBegin: 0, rowEnd: rowCount };
        const input = { ...shape, ...where, queries: signatureOf(query), k: rowCount };
        return minhashScan(input, { memories: [region.memory] });
      },
    };
  },
  load: (file, what) => void loadMinhashIndex(workers, decodeIndexBlock(file, what)),
};

/** The dims with a positive value, and one that every row has. */
function sparsePairs(values: Float32Array): Uint8Array {
  const pairs = [[0, 0.5] as const, ...[...values].map((value, d) => [d + 1, value] as const)].filter(
    ([, value]) => value > 0,
  );
  const view = new DataView(new ArrayBuffer(pairs.length * 8));
  pairs.forEach(([dim, value], at) => {
    view.setUint32(at * 8, dim, true);
    view.setFloat32(at * 8 + 4, value, true);
  });
  return new Uint8Array(view.buffer);
}
const withCount = (pairs: Uint8Array): Uint8Array =>
  joined([new Uint8Array(Uint32Array.of(pairs.length / 8).buffer), pairs]);

export const sparse: IndexKind = {
  ...{ metrics: ['IP'], recallMin: 1, isExact: true },
  meta: { indexType: 'SPARSE_INVERTED_INDEX', elementType: 'sparse', dim: 0 },
  async make(values) {
    const rows = rowsOf(values).map(sparsePairs);
    const offsets = new Uint32Array(rows.length + 1);
    rows.forEach((row, at) => {
      offsets[at + 1] = (offsets[at] as number) + row.length;
    });
    const block = sparseBuild({
      ...{ data: joined(rows), offsets: new Uint8Array(offsets.buffer) },
      ...{ metric: 'IP', algorithm: 'DAAT_MAXSCORE' },
    });
    const index = loadSparseIndex(workers, decodeIndexBlock(block), 1);
    const packed = joined(rows.map(withCount));
    const scanned = workers.allocate(packed.length + 65536, 2 ** 31);
    new Uint8Array(scanned.memory.buffer).set(packed);
    return {
      ...{ rowCount: rows.length, block, file: block },
      search: (query, k, excluded) => {
        const queries = withCount(sparsePairs(query));
        const input = { index: index.placement, queries, k, ...(excluded && { excluded }) };
        return sparseSearch(input, { memories: [index.region.memory], thread: 0 });
      },
      exact: (query) => {
        const queries = withCount(sparsePairs(query));
        const input = { offset: 0, rowBegin: 0, rowEnd: rows.length, queries, k: rows.length };
        return sparseScan(input, { memories: [scanned.memory] });
      },
    };
  },
  load: (file, what) => void loadSparseIndex(workers, decodeIndexBlock(file, what), 1),
};
