// Exact search over every element type against an oracle in doubles: all dims to 130 and the usual large ones, every metric, one query and
// several, rows by range and by number, with and without relaxed SIMD. A row's score has the same bits whatever path found it.

import { describe, expect, it } from 'vitest';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import { type ElementType, elementCodes, vectorBytes } from '#index/block/element-type.js';
import { isInRange } from '#index/block/metric.js';
import { DATA_OFFSET } from '#index/block/region-layout.js';
import type { SearchOutput } from '#index/block/search-output.js';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '#model/columns/half-float.js';
import { isLargerBetter, type MetricName } from '#model/schema/metric-type.js';
import { flatIds } from './flat-ids.js';
import { flatBaselineKernel, flatKernel } from './flat-kernel.js';
import { flatSearch } from './flat-search.js';
import { inverseNorms } from './inverse-norms.js';
import { VectorStore } from './vector-store.js';

type Kind = { type: ElementType; metrics: readonly MetricName[] };
const floatMetrics = ['L2', 'IP', 'COSINE'] as const;
const kinds: Kind[] = [
  { type: 'float32', metrics: floatMetrics },
  { type: 'float16', metrics: floatMetrics },
  { type: 'bfloat16', metrics: floatMetrics },
  { type: 'int8', metrics: floatMetrics },
  { type: 'binary', metrics: ['HAMMING', 'JACCARD', 'SUBSTRUCTURE', 'SUPERSTRUCTURE'] },
];
const region = () => ({
  memory: new WebAssembly.Memory({ initial: DATA_OFFSET / 65536, maximum: 65535, shared: true }),
});

/** Numbers of a vector's elements; of a binary one its bits. */
function numbersOf(type: ElementType, bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (type === 'binary')
    return Array.from(
      { length: bytes.length * 8 },
      (_, bit) => ((bytes[bit >> 3] as number) >> (bit & 7)) & 1,
    );
  if (type === 'int8') return Array.from(bytes, (_, at) => view.getInt8(at));
  if (type === 'float32')
    return Array.from({ length: bytes.length / 4 }, (_, at) => view.getFloat32(at * 4, true));
  const value = type === 'float16' ? float16Value : bfloat16Value;
  return Array.from({ length: bytes.length / 2 }, (_, at) => value(view.getUint16(at * 2, true)));
}

function randomVectors(type: ElementType, dim: number, count: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(count * vectorBytes(type, dim));
  const view = new DataView(bytes.buffer);
  if (type === 'binary' || type === 'int8')
    for (let i = 0; i < bytes.length; i++) bytes[i] = nextBelow(random, 256);
  else {
    for (let i = 0; i < count * dim; i++) {
      // Some values are subnormal as float16.
      const value = (nextFloat(random) * 2 - 1) * (nextBelow(random, 16) === 0 ? 2 ** -15 : 1);
      if (type === 'float32') view.setFloat32(i * 4, value, true);
      else view.setUint16(i * 2, (type === 'float16' ? float16Bits : bfloat16Bits)(value), true);
    }
  }
  return bytes;
}

function scoreOf(metric: MetricName, q: readonly number[], r: readonly number[]): number {
  let [dot, square, qq, rr] = [0, 0, 0, 0];
  for (let i = 0; i < q.length; i++) {
    const [x, y] = [q[i] as number, r[i] as number];
    dot += x * y;
    square += (x - y) ** 2;
    qq += x * x;
    rr += y * y;
  }
  switch (metric) {
    case 'L2':
    case 'HAMMING':
      return square;
    case 'IP':
      return dot;
    case 'COSINE':
      return qq === 0 || rr === 0 ? 0 : dot / Math.sqrt(qq * rr);
    case 'JACCARD':
      return qq + rr === dot * 2 && dot === 0 ? 1 : Math.fround((qq + rr - 2 * dot) / (qq + rr - dot));
    case 'SUBSTRUCTURE':
      return dot === rr ? 0 : 1;
    default:
      return dot === qq ? 0 : 1;
  }
}

const rowsOf = (type: ElementType, dim: number, bytes: Uint8Array): number[][] => {
  const width = vectorBytes(type, dim);
  return Array.from({ length: bytes.length / width }, (_, i) =>
    numbersOf(type, bytes.subarray(i * width, (i + 1) * width)),
  );
};

type Hit = { row: number; score: number };
function hitsOf({ counts, rows, scores }: SearchOutput): Hit[][] {
  let at = 0;
  return Array.from(counts, (count) =>
    Array.from({ length: count }, () => ({ row: rows[at] as number, score: scores[at++] as number })),
  );
}

const byScore = (metric: MetricName) => (a: Hit, b: Hit) => {
  const sign = isLargerBetter(metric) ? -1 : 1;
  return a.score === b.score ? a.row - b.row : sign * a.score < sign * b.score ? -1 : 1;
};

interface Case {
  kind: ElementType;
  metric: MetricName;
  dim: number;
  vectors: Uint8Array;
  queries: Uint8Array;
  k?: number;
  offset?: number;
  blockRows?: number;
  rowBegin?: number;
}

function check({
  kind,
  metric,
  dim,
  vectors,
  queries,
  k = 1000,
  offset,
  blockRows,
  rowBegin = 0,
}: Case): void {
  const r = region();
  const store = new VectorStore(r, {
    dim,
    elementType: kind,
    inverseNorms: metric === 'COSINE',
    blockRows: blockRows ?? 64,
    ...(offset !== undefined && { offset }),
  });
  store.append(vectors);
  const base = { metric, ...store.place, k };
  const context = { memories: [r.memory], thread: 1 };
  const width = vectorBytes(kind, dim);
  const one = (query: Uint8Array) =>
    flatSearch({ ...base, queries: query, rowBegin, rowEnd: store.rowCount }, context);
  const singles = Array.from(
    { length: queries.length / width },
    (_, q) => hitsOf(one(queries.subarray(q * width, (q + 1) * width)))[0] ?? [],
  );
  const together = hitsOf(flatSearch({ ...base, queries, rowBegin, rowEnd: store.rowCount }, context));
  // From the last row to the first: the order of ids must not matter.
  const ids = Uint32Array.from({ length: store.rowCount - rowBegin }, (_, i) => store.rowCount - 1 - i);
  const byIds = hitsOf(flatIds({ ...base, queries, ids }, context));
  expect(together).toEqual(singles);
  expect(byIds).toEqual(singles);
  const rows = rowsOf(kind, dim, vectors);
  rowsOf(kind, dim, queries).forEach((query, q) => {
    const wanted = rows.map((row, i) => ({ row: i, score: scoreOf(metric, query, row) })).slice(rowBegin);
    const scoreBy = new Map(wanted.map(({ row, score }) => [row, score]));
    const found = singles[q] ?? [];
    expect(found.length).toBe(Math.min(k, wanted.length));
    expect([...found].sort(byScore(metric))).toEqual(found);
    const isExact = kind === 'binary' || (kind === 'int8' && metric !== 'COSINE');
    if (isExact) {
      const rounded = wanted.map(({ row, score }) => ({ row, score: Math.fround(score) }));
      expect(found).toEqual(rounded.sort(byScore(metric)).slice(0, k));
      return;
    }
    const best = wanted.sort(byScore(metric));
    found.forEach(({ row, score }, i) => {
      const own = scoreBy.get(row) as number;
      const tolerance = Math.max(1e-5 * Math.max(1, Math.abs(own)), 2e-8 * dim);
      expect(Math.abs(score - own)).toBeLessThanOrEqual(tolerance);
      expect(Math.abs(score - (best[i]?.score as number))).toBeLessThanOrEqual(tolerance);
    });
  });
}

const largeDims = [256, 384, 512, 768, 960, 1024, 1536, 3072, 4096, 32_768];

describe.each(kinds.flatMap(({ type, metrics }) => metrics.map((metric) => ({ type, metric }))))(
  '$type $metric',
  ({ type, metric }) => {
    const step = type === 'binary' ? 8 : 1;
    const dims = [...Array.from({ length: 130 }, (_, i) => (i + 1) * step), ...largeDims];
    it('agrees with the oracle at every dim, however rows are found', () => {
      for (const dim of dims) {
        const random = seededRandom(dim);
        const rows = dim > 1000 ? 3 + nextBelow(random, 4) : 5 + nextBelow(random, 9);
        const vectors = randomVectors(type, dim, rows, random);
        // A row of zeros; one that is a query.
        const queries = randomVectors(type, dim, 1 + nextBelow(random, dim > 1000 ? 3 : 6), random);
        vectors.fill(0, vectors.length - vectorBytes(type, dim));
        vectors.set(queries.subarray(0, vectorBytes(type, dim)));
        check({
          kind: type,
          metric,
          dim,
          vectors,
          queries,
          k: 4,
          rowBegin: nextBelow(random, 3),
          offset: DATA_OFFSET + 4 * nextBelow(random, 9),
        });
      }
    });
    it('finds rows over several blocks, and zero queries', () => {
      const random = seededRandom(7);
      const dim = 24;
      const vectors = randomVectors(type, dim, 300, random);
      const queries = randomVectors(type, dim, 7, random);
      queries.fill(0, queries.length - vectorBytes(type, dim));
      check({ kind: type, metric, dim, vectors, queries, k: 50 });
      check({ kind: type, metric, dim, vectors, queries, k: 300, blockRows: 128, rowBegin: 65 });
    });
    it('keeps to range bounds and skips what is excluded', () => {
      const random = seededRandom(8);
      const dim = 16;
      const r = region();
      const store = new VectorStore(r, {
        dim,
        elementType: type,
        inverseNorms: metric === 'COSINE',
        blockRows: 128,
      });
      const vectors = randomVectors(type, dim, 500, random);
      store.append(vectors);
      const context = { memories: [r.memory], thread: 0 };
      const base = { metric, ...store.place, rowBegin: 0, rowEnd: 500 };
      for (const share of [0.05, 0.5, 0.95]) {
        const excluded = new Uint8Array(63);
        for (let row = 0; row < 500; row++)
          if (nextFloat(random) < share)
            excluded[row >> 3] = (excluded[row >> 3] as number) | (1 << (row & 7));
        const open = Uint32Array.from({ length: 500 }, (_, row) => row).filter(
          (row) => !((excluded[row >> 3] as number) & (1 << (row & 7))),
        );
        for (const count of [1, 3, 4, 9]) {
          const queries = randomVectors(type, dim, count, random);
          const all = hitsOf(flatSearch({ ...base, queries, k: 500 }, context));
          const [low, high] = [all[0]?.[100]?.score as number, all[0]?.[400]?.score as number];
          const bounds = { rangeFilter: low, radius: high };
          const found = hitsOf(flatSearch({ ...base, queries, k: 40, excluded, ...bounds }, context));
          const wanted = all.map((hits) =>
            hits
              .filter((hit) => open.includes(hit.row) && isInRange(metric, hit.score, high, low))
              .slice(0, 40),
          );
          expect(found).toEqual(wanted);
          expect(hitsOf(flatIds({ ...base, queries, k: 40, ids: open, ...bounds }, context))).toEqual(wanted);
        }
      }
    });
  },
);

describe('float16 rows', () => {
  it('have all their 63,488 finite values exactly', () => {
    const r = region();
    const store = new VectorStore(r, {
      dim: 1,
      elementType: 'float16',
      inverseNorms: false,
      blockRows: 65_536,
    });
    store.append(new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, bits) => bits).buffer));
    for (const dim of [1, 4, 16]) {
      // Rows of 1, 4 and 16 elements run through the tail, the loop by fours and the main loop; one of the elements is 1, the rest 0.
      for (let place = 0; place < dim; place += dim === 16 ? 5 : 3) {
        const query = new Uint16Array(dim);
        query[place] = 0x3c00;
        const { counts, rows, scores } = flatSearch(
          {
            elementType: 'float16',
            metric: 'IP',
            dim,
            vectorsOffset: DATA_OFFSET,
            k: 16_384,
            rowBegin: 0,
            rowEnd: 65_536 / dim,
            queries: new Uint8Array(query.buffer),
          },
          { memories: [r.memory] },
        );
        for (let i = 0; i < (counts[0] as number); i++) {
          const bits = (rows[i] as number) * dim + place;
          if ((bits & 0x7c00) !== 0x7c00 && scores[i] !== float16Value(bits))
            expect.fail(`${bits}: ${scores[i]}`);
        }
      }
    }
    const norms = inverseNorms({
      vectors: store.copyRows(Uint32Array.of(1, 0x7bff, 0x7c00, 0x7e00, 0)),
      dim: 1,
      elementType: 'float16',
    });
    expect([...norms]).toEqual([2 ** 24, Math.fround(1 / 65_504), 0, 0, 0]);
  });
});

describe('extremes', () => {
  it('int8 sums of 32,768 largest products and squares are exact', () => {
    const dim = 32_768;
    const r = region();
    const store = new VectorStore(r, { dim, elementType: 'int8', inverseNorms: true, blockRows: 64 });
    const vectors = new Uint8Array(2 * dim).fill(0x80);
    vectors.fill(127, dim);
    store.append(vectors);
    const run = (metric: MetricName, queries: Uint8Array) =>
      hitsOf(
        flatSearch(
          { ...store.place, metric, queries, k: 2, rowBegin: 0, rowEnd: 2 },
          { memories: [r.memory] },
        ),
      )[0]?.map((hit) => hit.score);
    const least = vectors.slice(0, dim);
    expect(run('IP', least)).toEqual([16_384 * dim, Math.fround(-128 * 127 * dim)]);
    expect(run('L2', least)).toEqual([0, Math.fround(255 * 255 * dim)]);
    run('COSINE', least)?.forEach((score, i) => {
      expect(score).toBeCloseTo(1 - 2 * i, 6);
    });
    expect(new Set(inverseNorms({ vectors, dim, elementType: 'int8' }))).toEqual(
      new Set(store.copyInverseNorms()),
    );
  });
  it('binary vectors of the largest dim count every bit', () => {
    const dim = 262_144;
    const vectors = new Uint8Array((2 * dim) / 8);
    vectors.fill(0xff, dim / 8);
    check({ kind: 'binary', metric: 'HAMMING', dim, vectors, queries: vectors });
    check({ kind: 'binary', metric: 'JACCARD', dim, vectors, queries: vectors });
  });
  it('queries that are not finite give no NaN hits', () => {
    for (const type of ['float32', 'float16', 'bfloat16'] as const) {
      const r = region();
      const store = new VectorStore(r, { dim: 2, elementType: type, inverseNorms: true, blockRows: 64 });
      store.append(randomVectors(type, 2, 50, seededRandom(1)));
      const odd = type === 'float16' ? [0x7c00, 0xfc00, 0x7e00] : [0x7f80, 0xff80, 0x7fc0];
      for (const bits of odd) {
        const query = new Uint8Array(vectorBytes(type, 2));
        const view = new DataView(query.buffer);
        if (type === 'float32') view.setUint32(0, bits << 16, true);
        else view.setUint16(0, bits, true);
        for (const metric of floatMetrics) {
          const found = flatSearch(
            { ...store.place, metric, queries: query, k: 50, rowBegin: 0, rowEnd: 50 },
            { memories: [r.memory] },
          );
          expect([...found.scores].some(Number.isNaN)).toBe(false);
        }
      }
    }
  });
});

describe('the two builds', () => {
  it('find the same rows', () => {
    const dim = 200;
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
    const random = seededRandom(9);
    for (const type of ['float32', 'float16', 'bfloat16', 'int8'] as const) {
      new Uint8Array(memory.buffer, 65_536).set(randomVectors(type, dim, 10, random));
      for (const metric of [0, 1]) {
        const scores = [flatKernel, flatBaselineKernel].map((build) => {
          const kernel = build.on(memory);
          kernel.widen(elementCodes[type], dim, 65_536, 4096);
          new Uint32Array(memory.buffer, 1024, 3).set([0, 0, 10]);
          kernel.scanOne(
            elementCodes[type],
            metric,
            dim,
            65_536,
            0,
            0,
            10,
            4096,
            1024,
            0,
            0x007fffff,
            0xff800001,
          );
          const count = kernel.finish(1024);
          return Array.from(new Uint32Array(memory.buffer, 1040, count * 2)).filter((_, i) => i % 2 === 0);
        });
        expect(scores[0]).toEqual(scores[1]);
      }
    }
  });
});
