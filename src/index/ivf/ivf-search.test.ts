// The IVF family against brute force: exact where it must be, recall bounds where codes decide, filters, ranges, odd sets, bad blocks.

import { describe, expect, it } from 'vitest';
import { nextBelow, nextFloat, seededRandom } from '#base/random.js';
import { metricTypes } from '#index/block/metric.js';
import { DATA_OFFSET, REGION_BYTES_MAX } from '#index/block/region-layout.js';
import { VectorStore } from '#index/flat/vector-store.js';
import { ALL, brute, build, clustered, recall, search, types } from '../../../test/support/ivf.js';
import { ivfSearch } from './ivf-search.js';

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

describe('filters that keep out what is near', () => {
  const [dim, rows] = [20, 3000];
  const vectors = clustered(rows, dim, 2);
  const queries = clustered(10, dim, 2);
  /** Bits of all rows but the first of an order. */
  const allBut = (order: Uint32Array, count: number): Uint8Array => {
    const excluded = new Uint8Array(Math.ceil(rows / 8)).fill(255);
    for (const row of order.subarray(0, count))
      excluded[row >> 3] = (excluded[row >> 3] as number) & ~(1 << (row & 7));
    return excluded;
  };
  it.each(types)('%s goes on until lists that have rows which count were probed', async (type) => {
    const b = await build(type, 'L2', dim, vectors, { nlist: 50, m: 10, nbits: 8 });
    for (const passing of [1500, 600, 150]) {
      let [found, wanted] = [0, 0];
      for (let q = 0; q < 10; q++) {
        const query = queries.subarray(q * dim, (q + 1) * dim);
        // What is around the row that is furthest away.
        const far = brute(b, query, { k: rows }).rows.at(-1) ?? 0;
        const around = brute(b, vectors.subarray(far * dim, (far + 1) * dim), { k: rows }).rows;
        const excluded = allBut(around, passing);
        const want = new Set(brute(b, query, { excluded }).rows);
        const got = search(b, query, { excluded, passing, params: { nprobe: 8 } }).rows;
        wanted += want.size;
        found += got.filter((row) => want.has(row)).length;
      }
      expect(found / wanted, `${passing} pass`).toBeGreaterThanOrEqual(0.9);
    }
  });
  it('a range search is not ended by lists of which nothing counts', async () => {
    const b = await build('IVF_FLAT', 'L2', dim, vectors, { nlist: 50 });
    const query = queries.subarray(0, dim);
    const order = brute(b, query, { k: rows });
    const excluded = allBut(order.rows.toReversed(), rows * 0.2);
    const range = { excluded, k: 10, radius: order.scores.at(-1) ?? 0, params: { nprobe: 1 } };
    expect(search(b, query, range).rows).toHaveLength(10);
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
