// The IVF family against brute force: exact where it must be, recall bounds where codes decide, filters, ranges, odd sets, bad blocks.

import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import type { ElementType } from '#index/block/element-type.js';
import { decodeIndexBlock, type IndexParameter } from '#index/block/index-block.js';
import { type MetricType, metricTypes } from '#index/block/metric.js';
import { DATA_OFFSET, REGION_BYTES_MAX } from '#index/block/region-layout.js';
import { type IndexRegion, type IndexWorkers, placeIndex } from '#index/block/vector-index.js';
import { flatSearch } from '#index/flat/flat-search.js';
import { VectorStore } from '#index/flat/vector-store.js';
import { workerTasks } from '#index/worker-tasks.js';
import { buildIvf, type IvfSpec } from './ivf-build.js';
import { checkIvfBlock, type IvfType, ivfWorkBytes } from './ivf-layout.js';
import { ivfSearch } from './ivf-search.js';

const inlineWorkers = (parallelism: number): IndexWorkers & { readonly live: Set<IndexRegion> } => ({
  parallelism,
  live: new Set(),
  allocate(bytes, bytesMax) {
    const memory = new WebAssembly.Memory({
      initial: Math.ceil(bytes / 65536),
      maximum: Math.ceil(bytesMax / 65536),
      shared: true,
    });
    const region = { memory };
    this.live.add(region);
    return region;
  },
  release(region) {
    this.live.delete(region);
  },
  async run<Output>(task: string, input: unknown, regions: readonly IndexRegion[]): Promise<Output> {
    await Promise.resolve();
    const run = (
      workerTasks as Record<
        string,
        (input: never, context: { memories: WebAssembly.Memory[]; thread: number }) => unknown
      >
    )[task];
    return run?.(structuredClone(input) as never, {
      memories: regions.map(({ memory }) => memory),
      thread: 0,
    }) as Output;
  },
});

const gauss = (random: Random): number =>
  Math.sqrt(-2 * Math.log(nextFloat(random) + 1e-9)) * Math.cos(6.2831853 * nextFloat(random));
/** Overlapping clusters. */
function clustered(rows: number, dim: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const centers = Float32Array.from({ length: 30 * dim }, () => gauss(random));
  const vectors = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const center = nextBelow(random, 30) * dim;
    for (let d = 0; d < dim; d++)
      vectors[i * dim + d] = (centers[center + d] as number) + 0.7 * gauss(random);
  }
  return vectors;
}

interface Extra {
  k?: number;
  params?: Record<string, IndexParameter>;
  excluded?: Uint8Array;
  radius?: number;
  rangeFilter?: number;
}

type Built = Awaited<ReturnType<typeof build>>;
async function build(
  type: IvfType,
  metric: string,
  dim: number,
  vectors: Float32Array | Uint8Array,
  params: Record<string, IndexParameter> = {},
  spec: Partial<IvfSpec> & { threads?: number } = {},
) {
  const workers = inlineWorkers(spec.threads ?? 1);
  const elementType: ElementType = type === 'BIN_IVF_FLAT' ? 'binary' : 'float32';
  const bytes = bytesView(vectors);
  const rowCount = elementType === 'binary' ? bytes.length / Math.ceil(dim / 8) : bytes.length / dim / 4;
  const region = {
    memory: new WebAssembly.Memory({
      initial: DATA_OFFSET / 65536,
      maximum: REGION_BYTES_MAX / 65536,
      shared: true,
    }),
  };
  const store = new VectorStore(region, {
    dim,
    elementType,
    inverseNorms: metric === 'COSINE',
    blockRows: 128,
  });
  store.append(bytes);
  const block = await buildIvf(
    workers,
    { indexType: type, metric, elementType, dim, rowCount, params, ...spec },
    { bytes },
  );
  expect(workers.live.size).toBe(0);
  const decoded = decodeIndexBlock(block);
  checkIvfBlock(decoded);
  const loaded = placeIndex(workers, decoded, ivfWorkBytes(decoded.meta), 1);
  return { type, metric, dim, rowCount, store, region, block, loaded, elementType };
}

const search = (b: Built, queries: Float32Array | Uint8Array, { k = 10, params = {}, ...rest }: Extra = {}) =>
  ivfSearch(
    { index: b.loaded.placement, vectors: b.store.place, queries, k, params, ...rest },
    { memories: [b.region.memory, b.loaded.region.memory], thread: 0 },
  );
const brute = (b: Built, queries: Float32Array | Uint8Array, { k = 10, params: _, ...rest }: Extra = {}) =>
  flatSearch(
    {
      ...b.store.place,
      metric: b.metric as MetricType,
      queries,
      k,
      rowBegin: 0,
      rowEnd: b.rowCount,
      ...rest,
    },
    { memories: [b.region.memory], thread: 0 },
  );
function recall(b: Built, queries: Float32Array, extra: Extra = {}): number {
  const [got, want] = [search(b, queries, extra), brute(b, queries, extra)];
  let [hits, all, a, w] = [0, 0, 0, 0];
  for (let q = 0; q < want.counts.length; q++) {
    const wanted = new Set(want.rows.subarray(w, w + (want.counts[q] as number)));
    for (const row of got.rows.subarray(a, a + (got.counts[q] as number))) if (wanted.has(row)) hits++;
    all += wanted.size;
    a += got.counts[q] as number;
    w += want.counts[q] as number;
  }
  return hits / all;
}

const types = ['IVF_FLAT', 'IVF_SQ8', 'IVF_PQ', 'IVF_RABITQ', 'SCANN'] as const;
const ALL = { nprobe: 65_536 };

describe.each(metricTypes)('%s', (metric) => {
  const dim = 48;
  const vectors = clustered(3000, dim, 1);
  const queries = clustered(40, dim, 1);
  const least = { IVF_FLAT: 1, IVF_SQ8: 0.98, IVF_PQ: 0.95, IVF_RABITQ: 0.95, SCANN: 0.97 };
  it.each(types)('%s keeps its recall when all lists are probed, and its scores are exact', async (type) => {
    const b = await build(type, metric, dim, vectors, { nlist: 40, m: 12, nbits: 8 });
    expect(recall(b, queries, { params: ALL })).toBeGreaterThanOrEqual(least[type]);
    expect(recall(b, queries, { params: { nprobe: 12 } })).toBeGreaterThan(0.75);
    const [got, want] = [
      search(b, queries.subarray(0, dim), { k: 3000, params: ALL }),
      brute(b, queries.subarray(0, dim), { k: 3000 }),
    ];
    expect([...got.rows]).toEqual([...want.rows]);
    expect([...got.scores]).toEqual([...want.scores]);
  });
  it('codes alone rank well: what a list adds to the scores of its rows is right', async () => {
    for (const [type, bound] of [
      ['IVF_SQ8', 0.97],
      ['IVF_PQ', 0.6],
      ['SCANN', 0.6],
      ['IVF_RABITQ', 0.45],
    ] as const) {
      const b = await build(type, metric, dim, vectors, { nlist: 40, m: 12 });
      expect(recall(b, queries, { params: { ...ALL, refine_k: 1 } })).toBeGreaterThan(bound);
    }
  });
  it('finds as well without centring: data far from the origin', async () => {
    if (metric !== 'L2') return;
    const far = vectors.map((value) => value + 300);
    const farQueries = queries.map((value) => value + 300);
    for (const type of types) {
      const b = await build(type, metric, dim, far, { nlist: 40, m: 12 });
      expect(recall(b, farQueries, { params: ALL })).toBeGreaterThanOrEqual(least[type] - 0.01);
    }
  });
});

describe('filters', () => {
  const [dim, rows] = [20, 2000];
  const vectors = clustered(rows, dim, 2);
  const queries = clustered(10, dim, 2);
  it.each(types)('%s never returns an excluded row, and fills k from further lists', async (type) => {
    const b = await build(type, 'L2', dim, vectors, { nlist: 50, m: 5 });
    for (const share of [0.5, 0.95, 0.999]) {
      const random = seededRandom(9);
      const excluded = new Uint8Array(rows / 8 - 3); // The last rows lie past its end: they are not excluded.
      for (let i = 0; i < excluded.length * 8; i++)
        if (nextFloat(random) < share) excluded[i >> 3] = (excluded[i >> 3] as number) | (1 << (i & 7));
      const out = search(b, queries, { excluded, params: { nprobe: 1 } });
      expect(
        [...out.rows].every(
          (row) => row >= excluded.length * 8 || !((excluded[row >> 3] as number) & (1 << (row & 7))),
        ),
      ).toBe(true);
      expect([...out.counts]).toEqual([...brute(b, queries, { excluded }).counts]);
      expect(recall(b, queries, { excluded, params: ALL })).toBeGreaterThan(0.9);
    }
    expect(search(b, queries, { excluded: new Uint8Array(rows / 8).fill(255) }).rows).toHaveLength(0);
  });
});

describe('range search', () => {
  const [dim, rows] = [16, 1500];
  const vectors = clustered(rows, dim, 3);
  const queries = clustered(8, dim, 3);
  it.each(types)('%s is exact within the probed lists', async (type) => {
    for (const [metric, radius, rangeFilter] of [
      ['L2', 18, 4],
      ['IP', 3, 12],
      ['COSINE', 0.2, 0.9],
    ] as const) {
      const b = await build(type, metric, dim, vectors, { nlist: 30, m: 4 });
      const extra = { k: rows, radius, rangeFilter, params: ALL };
      const [got, want] = [search(b, queries, extra), brute(b, queries, extra)];
      expect([...got.counts]).toEqual([...want.counts]);
      expect([...got.rows]).toEqual([...want.rows]);
      expect([...got.scores]).toEqual([...want.scores]);
      const some = search(b, queries, { ...extra, params: { nprobe: 1 } });
      expect([...some.scores].every((score) => want.scores.includes(score))).toBe(true);
      expect(some.rows.length).toBeGreaterThan(want.rows.length / 4);
    }
  });
});

describe('odd sets', () => {
  it.each(types)('%s: no rows, one row, fewer rows than lists', async (type) => {
    for (const metric of metricTypes) {
      for (const rows of [0, 1, 2, 7, 33]) {
        const dim = 6;
        const vectors = clustered(rows, dim, 4);
        const b = await build(type, metric, dim, vectors, { nlist: 128, m: 3 });
        const out = search(b, clustered(2, dim, 5), { k: 50, params: { nprobe: 128 } });
        expect([...out.counts]).toEqual([rows, rows]);
        expect([...out.rows]).toEqual([...brute(b, clustered(2, dim, 5), { k: 50 }).rows]);
      }
    }
  });
  it.each(types)('%s: duplicates and zero vectors', async (type) => {
    for (const metric of metricTypes) {
      const vectors = new Float32Array(400 * 8).fill(1);
      vectors.fill(0, 0, 800);
      const b = await build(type, metric, 8, vectors, { nlist: 16, m: 2 });
      for (const query of [vectors.subarray(0, 8), vectors.subarray(-8)]) {
        const [got, want] = [search(b, query, { k: 400, params: ALL }), brute(b, query, { k: 400 })];
        expect([...got.rows]).toEqual([...want.rows]);
        expect([...got.scores]).toEqual([...want.scores]);
      }
    }
  });
  it('every dim from 1 to 130', async () => {
    for (let dim = 1; dim <= 130; dim++) {
      const type = types[dim % types.length] ?? 'IVF_FLAT';
      const metric = metricTypes[dim % 3] ?? 'L2';
      const m = [5, 4, 3, 2, 1].find((one) => dim % one === 0) ?? 1;
      const vectors = clustered(150, dim, dim);
      const b = await build(type, metric, dim, vectors, { nlist: 6, m, nbits: dim % 2 ? 4 : 6 });
      const out = search(b, vectors.subarray(0, dim * 3), { k: 150, params: ALL });
      expect([...out.rows]).toEqual([...brute(b, vectors.subarray(0, dim * 3), { k: 150 }).rows]);
      expect(recall(b, vectors.subarray(0, dim * 20), { k: 1, params: ALL })).toBeGreaterThan(
        dim > 3 ? 0.9 : 0.8,
      );
    }
  });
  it('codes of 1 to 16 bits', async () => {
    const vectors = clustered(1200, 16, 6);
    const queries = clustered(20, 16, 6);
    const found = [];
    for (const nbits of [1, 2, 4, 5, 8, 9, 10]) {
      const b = await build('IVF_PQ', 'L2', 16, vectors, { nlist: 10, m: 4, nbits });
      found.push(recall(b, queries, { params: { ...ALL, refine_k: 1 } }));
    }
    expect([...found].sort((a, b) => a - b)).toEqual(found);
    const wide = await build('IVF_PQ', 'L2', 16, vectors, { nlist: 10, m: 4, nbits: 16 });
    expect(recall(wide, queries, { params: ALL })).toBeGreaterThan(0.95);
    await expect(build('IVF_PQ', 'L2', 16, vectors, { nlist: 10, m: 4, nbits: 24 })).rejects.toThrow(
      /nbits is 24, expected 1 to 16/,
    );
    await expect(build('IVF_PQ', 'L2', 16, vectors, { nlist: 10, m: 5 })).rejects.toThrow(
      /divisor of dim 16/,
    );
  });
  it('query bits, reorder_k and refine_k change what they should', async () => {
    const vectors = clustered(2500, 64, 7);
    const queries = clustered(30, 64, 7);
    const b = await build('IVF_RABITQ', 'L2', 64, vectors, { nlist: 20 });
    const at = (params: Record<string, number>): number =>
      recall(b, queries, { params: { ...ALL, ...params } });
    expect(at({ refine_k: 1 })).toBeLessThan(at({ refine_k: 10 }));
    expect(at({ refine_k: 3, rbq_query_bits: 1 })).toBeLessThan(at({ refine_k: 3, rbq_query_bits: 8 }));
    const s = await build('SCANN', 'L2', 64, vectors, { nlist: 20 });
    expect(recall(s, queries, { params: { ...ALL, reorder_k: 10 } })).toBeLessThan(
      recall(s, queries, { params: { ...ALL, reorder_k: 200 } }),
    );
  });
  it('reads float16 vectors', async () => {
    const b = await build('IVF_SQ8', 'L2', 4, Float32Array.from([0, 0, 0, 0, 1, 2, 3, 4, 8, 8, 8, 8]), {
      nlist: 2,
    });
    const region = {
      memory: new WebAssembly.Memory({
        initial: DATA_OFFSET / 65536,
        maximum: REGION_BYTES_MAX / 65536,
        shared: true,
      }),
    };
    const store = new VectorStore(region, { dim: 4, elementType: 'float16', inverseNorms: false });
    store.append(
      new Uint8Array(
        Uint16Array.from([0, 0, 0, 0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4800, 0x4800, 0x4800, 0x4800]).buffer,
      ),
    );
    const placement = { ...b.loaded.placement, elementType: 'float16' };
    const out = ivfSearch(
      { index: placement, vectors: store.place, queries: Float32Array.from([1, 2, 3, 5]), k: 2, params: ALL },
      { memories: [region.memory, b.loaded.region.memory], thread: 0 },
    );
    expect([...out.rows]).toEqual([1, 0]);
    expect([...out.scores]).toEqual([1, 39]);
  });
  it('BIN_IVF_FLAT: exact when all lists are probed', async () => {
    const random = seededRandom(8);
    for (const [dim, metric] of [
      [64, 'HAMMING'],
      [40, 'JACCARD'],
    ] as const) {
      const bytes = Uint8Array.from({ length: (900 * dim) / 8 }, () => nextBelow(random, 256));
      const b = await build('BIN_IVF_FLAT', metric, dim, bytes, { nlist: 20 });
      const queries = bytes.slice(0, (dim / 8) * 5);
      const [got, want] = [search(b, queries, { k: 20, params: ALL }), brute(b, queries, { k: 20 })];
      expect([...got.scores]).toEqual([...want.scores]);
      expect([...got.rows]).toEqual([...want.rows]);
      expect([...search(b, queries, { k: 1, params: { nprobe: 2 } }).rows]).toEqual([0, 1, 2, 3, 4]);
    }
  });
});

describe('threads', () => {
  it('each has working memory of its own, and a thread without any is refused', async () => {
    const vectors = clustered(500, 16, 15);
    const b = await build('SCANN', 'L2', 16, vectors, { nlist: 10 });
    const block = decodeIndexBlock(b.block);
    const { region, placement } = placeIndex(inlineWorkers(2), block, ivfWorkBytes(block.meta), 2);
    const on = (thread: number) =>
      ivfSearch(
        { index: placement, vectors: b.store.place, queries: vectors.subarray(0, 64), k: 5, params: {} },
        { memories: [b.region.memory, region.memory], thread },
      );
    const other = new Uint8Array(region.memory.buffer, placement.workOffset, placement.workBytes);
    const second = on(1);
    expect(other.every((byte) => byte === 0)).toBe(true);
    expect(on(0)).toEqual(second);
    expect(() => on(40)).toThrow(/thread 40 has no working memory/);
  });
});

describe('builds', () => {
  const vectors = clustered(2500, 24, 10);
  it.each(types)('%s: the same bytes for the same seed, however many threads', async (type) => {
    const params = { nlist: 20, m: 4 };
    const one = await build(type, 'L2', 24, vectors, params);
    const four = await build(type, 'L2', 24, vectors, params, { threads: 4 });
    expect(crc32(four.block)).toBe(crc32(one.block));
    expect(crc32((await build(type, 'L2', 24, vectors, params, { seed: 2 })).block)).not.toBe(
      crc32(one.block),
    );
  });
  it('reads vectors where a segment has them, reports progress, and gives up when cancelled', async () => {
    const workers = inlineWorkers(2);
    const region = {
      memory: new WebAssembly.Memory({
        initial: DATA_OFFSET / 65536,
        maximum: REGION_BYTES_MAX / 65536,
        shared: true,
      }),
    };
    const store = new VectorStore(region, { dim: 24, inverseNorms: true, blockRows: 192 });
    store.append(new Uint8Array(vectors.buffer));
    const spec: IvfSpec = {
      indexType: 'IVF_PQ',
      metric: 'COSINE',
      elementType: 'float32',
      dim: 24,
      rowCount: 2500,
      params: { nlist: 20, m: 4 },
    };
    const source = { region, vectorsOffset: store.offset, blocks: store.blocks };
    const seen: number[] = [];
    const block = await buildIvf(workers, spec, source, { onProgress: (done) => seen.push(done) });
    const copied = await buildIvf(workers, spec, { bytes: new Uint8Array(vectors.buffer) });
    expect(crc32(block)).toBe(crc32(copied));
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    for (const limit of [0, 0.3, 0.6, 0.95]) {
      const stop = new AbortController();
      const cancel = (done: number): void => {
        if (done >= limit) stop.abort();
      };
      if (limit === 0) stop.abort();
      await expect(
        buildIvf(workers, spec, source, { signal: stop.signal, onProgress: cancel }),
      ).rejects.toMatchObject({
        key: 'cancelled',
      });
      expect(workers.live.size).toBe(0);
    }
  });
});

describe('damaged blocks', () => {
  const vectors = clustered(300, 16, 12);
  const refuses = (block: Uint8Array): boolean => {
    try {
      checkIvfBlock(decodeIndexBlock(block));
      return false;
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'data_corrupt') return true;
      throw error;
    }
  };
  it.each(types)('%s: any changed byte is data_corrupt', async (type) => {
    const { block } = await build(type, 'L2', 16, vectors, { nlist: 8, m: 4 });
    const random = seededRandom(13);
    for (let i = 0; i < 300; i++) {
      const at = i < 100 ? i : nextBelow(random, block.length);
      const bad = block.slice();
      bad[at] = (bad[at] as number) ^ (1 << nextBelow(random, 8));
      expect(refuses(bad)).toBe(true);
    }
  });
  it('codes past their tables are refused', async () => {
    const { block } = await build('IVF_PQ', 'L2', 16, vectors, { nlist: 8, m: 4, nbits: 10 });
    const bad = block.slice();
    const codes = decodeIndexBlock(bad).sections.get('codes');
    codes?.fill(255, codes.length - 2);
    fixChecksums(bad);
    expect(refuses(bad)).toBe(true);
    expect(refuses(block)).toBe(false);
  });
  it.each(types)('%s: damage with right checksums is refused or harmless', async (type) => {
    const b = await build(type, 'L2', 16, vectors, { nlist: 8, m: 4 });
    const random = seededRandom(14);
    const workers = inlineWorkers(1);
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const bad = b.block.slice();
      for (let n = 0; n <= nextBelow(random, 20); n++)
        bad[nextBelow(random, bad.length)] = nextBelow(random, 256);
      fixChecksums(bad);
      if (refuses(bad)) {
        refused++;
        continue;
      }
      const block = decodeIndexBlock(bad);
      const loaded = placeIndex(workers, block, ivfWorkBytes(block.meta), 1);
      const out = search({ ...b, loaded }, vectors.subarray(0, 32), { params: ALL });
      expect([...out.rows].every((row) => row < 300)).toBe(true);
    }
    expect(refused).toBeGreaterThan(0);
  });
});

/** As encodeIndexBlock wrote them, over the bytes as they are now. */
function fixChecksums(block: Uint8Array): void {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const count = Math.min(view.getUint16(6, true), 64);
  const headerEnd = Math.ceil((16 + count * 32 + view.getUint32(8, true)) / 64) * 64;
  for (let i = 0; i < count; i++) {
    const entry = 16 + i * 32;
    if (entry + 32 > block.length) break;
    const offset = Number(view.getBigUint64(entry + 16, true));
    const end = offset + Math.ceil(Number(view.getBigUint64(entry + 24, true)) / 64) * 64;
    view.setUint32(entry + 12, crc32(block.subarray(offset, end)), true);
  }
  view.setUint32(12, crc32(block.subarray(16, headerEnd), crc32(block.subarray(0, 12))), true);
}
