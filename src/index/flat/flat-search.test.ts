// flatSearch and the kernels against a slow oracle in doubles: every dim from 1 to 130 and some large ones, all metrics, one to nine
// queries, blocks, exclusion bitsets, range bounds, and the odd floats.

import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import { isInRange, isLargerBetter, type MetricType, metricTypes } from '#index/block/metric.js';
import { DATA_OFFSET, SCRATCH_THREADS_MAX, scratchOffsetOf } from '#index/block/region-layout.js';
import { floatOf, keyOf } from './flat-kernel.js';
import { type FlatSearchInput, flatSearch } from './flat-search.js';
import { VectorStore } from './vector-store.js';

const region = () => ({
  memory: new WebAssembly.Memory({ initial: DATA_OFFSET / 65536, maximum: 65535, shared: true }),
});

/** Small multiples of 1/8: sums and products are exact in float32 as in double, and equal scores are common. */
const grid = (random: Random, count: number) =>
  Float32Array.from({ length: count }, () => (nextBelow(random, 17) - 8) / 8);
const smooth = (random: Random, count: number) =>
  Float32Array.from({ length: count }, () => nextFloat(random) * 2 - 1);

function scoreOf(metric: MetricType, a: Float32Array, b: Float32Array): number {
  let [dot, square, aa, bb] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    square += (x - y) ** 2;
    aa += x * x;
    bb += y * y;
  }
  if (metric === 'L2') return square;
  return metric === 'IP' ? dot : aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

type Hit = { row: number; score: number };
interface Case {
  dim: number;
  metric: MetricType;
  vectors: Float32Array;
  queries: Float32Array;
  k: number;
  rowBegin?: number;
  rowEnd?: number;
  excluded?: Uint8Array;
  radius?: number;
  rangeFilter?: number;
  blockRows?: number;
  offset?: number;
}

function oracle(c: Case): Hit[][] {
  const { dim, metric, vectors, queries, k, rowBegin = 0, rowEnd = vectors.length / dim, excluded } = c;
  return Array.from({ length: queries.length / dim }, (_, q) => {
    const hits: Hit[] = [];
    for (let row = rowBegin; row < rowEnd; row++) {
      if (excluded && (excluded[row >> 3] ?? 0) & (1 << (row & 7))) continue;
      const score = scoreOf(
        metric,
        queries.subarray(q * dim, (q + 1) * dim),
        vectors.subarray(row * dim, (row + 1) * dim),
      );
      if (isInRange(metric, score, c.radius, c.rangeFilter)) hits.push({ row, score });
    }
    const sign = isLargerBetter(metric) ? -1 : 1;
    // Subtraction would give NaN between infinities of one sign.
    return hits
      .sort((a, b) => (a.score === b.score ? a.row - b.row : sign * a.score < sign * b.score ? -1 : 1))
      .slice(0, k);
  });
}

function search(c: Case): Hit[][] {
  const { dim, metric, queries, k, vectors } = c;
  const r = region();
  const store = new VectorStore(r, {
    dim,
    inverseNorms: metric === 'COSINE',
    ...(c.blockRows && { blockRows: c.blockRows }),
    ...(c.offset && { offset: c.offset }),
  });
  store.append(bytesView(vectors));
  const { dim: _, ...place } = store.place;
  const input: FlatSearchInput = {
    dim,
    metric,
    queries,
    k,
    ...place,
    rowBegin: c.rowBegin ?? 0,
    rowEnd: c.rowEnd ?? store.rowCount,
    ...(c.excluded && { excluded: c.excluded }),
    ...(c.radius !== undefined && { radius: c.radius }),
    ...(c.rangeFilter !== undefined && { rangeFilter: c.rangeFilter }),
  };
  const { counts, rows, scores } = flatSearch(input, { memories: [r.memory], thread: 3 });
  let at = 0;
  const hits = Array.from(counts, (count) =>
    Array.from({ length: count }, () => ({ row: rows[at] as number, score: scores[at++] as number })),
  );
  expect(rows.length).toBe(at);
  expect(scores.length).toBe(at);
  return hits;
}

/** Same rows in the same order, scores close. For data whose scores are exact, or whose ties are not. */
function expectSame(c: Case): void {
  const found = search(c);
  const wanted = oracle(c);
  expect(found.map((hits) => hits.map((hit) => hit.row))).toEqual(
    wanted.map((hits) => hits.map((hit) => hit.row)),
  );
  found.forEach((hits, q) => {
    for (const [i, hit] of hits.entries()) {
      const score = wanted[q]?.[i]?.score as number;
      if (Number.isFinite(score))
        expect(Math.abs(hit.score - score)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(score)));
      else expect(hit.score).toBe(score);
      expect(Object.is(hit.score, -0)).toBe(false);
    }
  });
}

/** Rounding may swap rows whose scores are nearly equal: each found row must have its own score, and position i the oracle's score. */
function expectClose(c: Case): void {
  const found = search(c);
  const wanted = oracle(c);
  found.forEach((hits, q) => {
    expect(hits.length).toBe(wanted[q]?.length);
    expect(new Set(hits.map((hit) => hit.row)).size).toBe(hits.length);
    for (const [i, { row, score }] of hits.entries()) {
      const own = scoreOf(
        c.metric,
        c.queries.subarray(q * c.dim, (q + 1) * c.dim),
        c.vectors.subarray(row * c.dim, (row + 1) * c.dim),
      );
      // Terms here are up to 1 and of both signs: partial sums walk as sqrt(length), and their float32 roundings add up to an error
      // of about 4e-9 * length (one sigma), whatever is left of the sum. Five sigma, and 1e-5 where the sum itself is what counts.
      const tolerance = Math.max(1e-5 * Math.max(1, Math.abs(own)), 2e-8 * c.dim);
      expect(Math.abs(score - own)).toBeLessThanOrEqual(tolerance);
      expect(Math.abs(score - (wanted[q]?.[i]?.score as number))).toBeLessThanOrEqual(tolerance);
    }
  });
}

const randomBits = (random: Random, rows: number, share: number) => {
  const bits = new Uint8Array(Math.ceil(rows / 8));
  for (let row = 0; row < rows; row++)
    if (nextFloat(random) < share) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
  return bits;
};

const dims = [...Array.from({ length: 130 }, (_, i) => i + 1), 256, 768, 1536];

describe.each(metricTypes)('flatSearch with %s', (metric) => {
  it('agrees with the oracle at every dim', () => {
    for (const dim of dims) {
      const random = seededRandom(dim);
      const rows = 50 + nextBelow(random, 30);
      const common = {
        dim,
        metric,
        k: 1 + nextBelow(random, 20),
        offset: DATA_OFFSET + 4 * nextBelow(random, 4),
      };
      const check = metric === 'COSINE' ? expectClose : expectSame;
      check({ ...common, vectors: grid(random, rows * dim), queries: grid(random, dim) });
      check({
        ...common,
        vectors: grid(random, rows * dim),
        queries: grid(random, dim * (2 + nextBelow(random, 8))),
      });
      expectClose({
        ...common,
        vectors: smooth(random, rows * dim),
        queries: smooth(random, dim * (1 + nextBelow(random, 5))),
      });
    }
  });
  it('skips excluded rows, whatever the share and the range of rows', () => {
    for (let seed = 0; seed < 150; seed++) {
      const random = seededRandom(seed);
      const dim = 1 + nextBelow(random, 24);
      const rows = nextBelow(random, 400);
      const rowBegin = nextBelow(random, rows + 1);
      const vectors = smooth(random, rows * dim);
      const share = [0, 0.02, 0.5, 0.97, 1][seed % 5] as number;
      // Every other bitset is shorter than the rows: those past its end are not excluded.
      const excluded = randomBits(random, seed % 2 ? rows : nextBelow(random, rows + 1), share);
      const c = {
        dim,
        metric,
        vectors,
        k: 1 + nextBelow(random, 40),
        excluded,
        blockRows: 64 * (1 + (seed % 3)),
      };
      for (const nq of [1, 2, 3, 4, 6]) {
        expectClose({
          ...c,
          rowBegin,
          rowEnd: rowBegin + nextBelow(random, rows - rowBegin + 1),
          queries: smooth(random, nq * dim),
        });
      }
    }
  });
  it('keeps scores within range bounds', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = seededRandom(seed);
      const dim = 4;
      const edges = [nextBelow(random, 9) / 4 - 1, nextBelow(random, 9) / 4 - 1].sort((a, b) => a - b) as [
        number,
        number,
      ];
      const [rangeFilter, radius] = isLargerBetter(metric) ? [edges[1], edges[0]] : edges;
      const common = {
        dim,
        metric,
        vectors: grid(random, 200 * dim),
        k: 50,
        queries: grid(random, dim * (1 + (seed % 4))),
      };
      if (metric === 'COSINE') common.vectors = smooth(random, 200 * dim);
      const check = metric === 'COSINE' ? expectClose : expectSame;
      check({ ...common, radius, rangeFilter });
      check({ ...common, radius });
      check({ ...common, rangeFilter });
    }
  });
  it('has no hits without rows, queries or k, and all rows when k is larger', () => {
    const vectors = smooth(seededRandom(1), 30);
    const queries = smooth(seededRandom(2), 6);
    expect(search({ dim: 3, metric, vectors: new Float32Array(0), queries, k: 5 })).toEqual([[], []]);
    expect(search({ dim: 3, metric, vectors, queries: new Float32Array(0), k: 5 })).toEqual([]);
    expect(search({ dim: 3, metric, vectors, queries, k: 0 })).toEqual([[], []]);
    expectClose({ dim: 3, metric, vectors, queries, k: 16_384 });
    expect(search({ dim: 3, metric, vectors, queries, k: 11 })[1]?.length).toBe(10);
  });
  it('never returns a NaN score', () => {
    const odd = [0, -0, 1, -1, Number.NaN, -Number.NaN, Infinity, -Infinity, 1e-30, 3e38];
    const vectors = Float32Array.from(odd.flatMap((x) => odd.map((y) => [x, y] as const)).flat());
    for (const x of odd) {
      for (const nq of [1, 3]) {
        const queries = Float32Array.from({ length: nq * 2 }, (_, i) => (i & 1 ? 1 : x));
        const found = search({ dim: 2, metric, vectors, queries, k: 200 });
        expect(found.flat().every((hit) => !Number.isNaN(hit.score))).toBe(true);
        // The rest are there: rows and queries of plain numbers always have a score.
        const plain =
          vectors.length / 2 -
          Array.from({ length: vectors.length / 2 }, (_, row) => row).filter((row) =>
            [0, 1].some((j) => !(Math.abs(vectors[row * 2 + j] as number) <= 1)),
          ).length;
        if (Math.abs(x) <= 1)
          for (const hits of found)
            expect(
              hits.filter((hit) => [0, 1].every((j) => Math.abs(vectors[hit.row * 2 + j] as number) <= 1))
                .length,
            ).toBe(plain);
      }
    }
  });
  it('orders equal scores by row, across pieces, blocks and heap replacements', () => {
    const dim = 2;
    const vectors = new Float32Array(40_000 * dim).fill(1);
    vectors.fill(0.5, 70_000, 70_010);
    for (const nq of [1, 2]) {
      const [hits] = search({
        dim,
        metric,
        vectors,
        queries: new Float32Array(nq * dim).fill(1),
        k: 300,
        blockRows: 256,
      });

      expect(hits?.map((hit) => hit.row)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    }
  });
  it('takes k 16,384 at 32,768 dims within the scratch of one thread', () => {
    const random = seededRandom(5);
    expectClose({
      dim: 32_768,
      metric,
      vectors: smooth(random, 70 * 32_768),
      queries: smooth(random, 2 * 32_768),
      k: 16_384,
    });
    const vectors = smooth(random, 60_000);
    expectClose({ dim: 2, metric, vectors, queries: smooth(random, 12), k: 16_384 });
  });
});

describe('scores of zero vectors', () => {
  it('are 0 for COSINE', () => {
    const vectors = Float32Array.from([0, 0, 1, 0, -1, 0]);
    const [hits, zero] = search({
      dim: 2,
      metric: 'COSINE',
      vectors,
      queries: Float32Array.from([1, 0, 0, 0]),
      k: 3,
    });
    expect(hits).toEqual([
      { row: 1, score: 1 },
      { row: 0, score: 0 },
      { row: 2, score: -1 },
    ]);
    expect(zero?.map((hit) => hit.score)).toEqual([0, 0, 0]);
  });
});

describe('bad input', () => {
  const input = {
    dim: 2,
    metric: 'L2',
    rowBegin: 0,
    rowEnd: 0,
    vectorsOffset: DATA_OFFSET,
    queries: new Float32Array(2),
    k: 1,
  } as const;
  const context = { memories: [region().memory], thread: 0 };
  it.each([
    [{ ...input, k: 16_385 }, 'k is 16385'],
    [{ ...input, k: -1 }, 'k is -1'],
    [{ ...input, queries: new Float32Array(3) }, 'expected a multiple of'],
    [{ ...input, metric: 'COSINE' as const }, 'inverse norms'],
    [{ ...input, radius: Number.NaN }, 'not a number'],
    [{ ...input, scratchBytes: 100 }, 'too small'],
  ])('%# is refused', (bad, message) => {
    expect(() => flatSearch(bad, context)).toThrow(message);
  });
  it('a thread beyond the last has no scratch', () => {
    expect(() => scratchOffsetOf(SCRATCH_THREADS_MAX)).toThrow('scratch');
  });
});

describe('keys', () => {
  it('order as floats do and convert back', () => {
    const floats = [-Infinity, -3e38, -1, -1e-40, 0, 1e-40, 0.5, 1, 3e38, Infinity].map(Math.fround);
    const keys = floats.map(keyOf);
    expect([...keys].sort((a, b) => a - b)).toEqual(keys);
    expect(keys.map(floatOf)).toEqual(floats);
    expect(keyOf(-0)).toBe(keyOf(0));
  });
});

describe('lengths at the ends of float32', () => {
  for (const scale of [1e-30, 1e-20, 1, 1e18, 1e30]) {
    it(`COSINE of vectors of length ${scale} is that of their directions`, () => {
      const dim = 8;
      const random = seededRandom(5);
      const vectors = smooth(random, 40 * dim);
      const query = smooth(random, dim);
      const scoresAt = (by: number): number[] => {
        const memory = region();
        const store = new VectorStore(memory, { dim, inverseNorms: true, blockRows: 64 });
        store.append(bytesView(vectors.map((value) => value * by)));
        const input = {
          ...store.place,
          metric: 'COSINE',
          queries: query.map((value) => value * by),
          k: 40,
          rowBegin: 0,
          rowEnd: 40,
        } as const;
        return Array.from(flatSearch(input, { memories: [memory.memory] }).scores);
      };
      const wanted = scoresAt(1);
      for (const [i, score] of scoresAt(scale).entries()) expect(score).toBeCloseTo(wanted[i] as number, 5);
    });
  }
});
