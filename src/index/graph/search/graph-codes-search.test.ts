import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementTypes } from '#index/block/element-type.js';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import { isInRange, type MetricType } from '#index/block/metric.js';
import { writeFloats } from '#index/block/vector-floats.js';
import { planWalk, walkedBytes } from '#index/block/walk-plan.js';
import { scoredStepOf, stepOf } from '#index/graph/codes/graph-codes.js';
import { loadVectorIndex, type VectorIndexSpec } from '#index/vector-indexes.js';
import { decodedRows, findByCodes, scoreOf } from '../../../../test/support/graph-codes.js';
import {
  bits,
  build,
  clustered,
  countClear,
  exact,
  type Fixture,
  hnsw,
  queriesOf,
  random,
  toBytes,
  workers,
} from '../../../../test/support/vector-index.js';
import type { CodesSearchInput } from './graph-codes-search.js';

const sqTypes = ['SQ4U', 'SQ6', 'SQ8', 'FP16', 'BF16'] as const;
const sq = (sqType: (typeof sqTypes)[number], M = 8) =>
  ({ ...hnsw, M, kind: 'HNSW_SQ', sqType, refine: false, refineType: 'FP32' }) as const;
const buildSq = (
  values: Float32Array,
  dim: number,
  metric: MetricType,
  more: Partial<VectorIndexSpec> = {},
): Promise<Fixture> => build(values, dim, metric, { build: sq('SQ8'), ...more });

function recallByCodes(
  fixture: Fixture,
  queries: readonly Uint8Array[],
  k: number,
  rest: Partial<CodesSearchInput> = {},
): number {
  let [found, wanted] = [0, 0];
  for (const query of queries) {
    const truth = new Set(exact(fixture, query, k, rest).rows);
    wanted += truth.size;
    for (const row of findByCodes(fixture, query, k, rest).rows) if (truth.has(row)) found++;
  }
  return found / wanted;
}

/** All rows by the oracle, best first. */
function byOracle(fixture: Fixture, query: Uint8Array): { row: number; score: number }[] {
  const { dim, metric, elementType } = fixture.spec;
  const floats = new Float32Array(dim);
  writeFloats(elementType, query, floats);
  return decodedRows(fixture)
    .flatMap((vector, row) => (vector === undefined ? [] : [{ row, score: scoreOf(metric, floats, vector) }]))
    .sort((a, b) => (metric === 'L2' ? a.score - b.score : b.score - a.score));
}

const isClose = (a: number, b: number, scale: number): boolean =>
  Math.abs(a - b) <= 2e-4 * Math.max(1, scale);
/** Every hit has the score of its code, in order, and no better row was left out. */
function checkAgainst(
  fixture: Fixture,
  hits: { rows: Uint32Array; scores: Float32Array },
  wanted: readonly { row: number; score: number }[],
) {
  const scores = new Map(wanted.map(({ row, score }) => [row, score]));
  const scale = Math.abs(wanted.at(-1)?.score ?? 1);
  expect(hits.rows).toHaveLength(Math.min(hits.rows.length, wanted.length));
  expect(new Set(hits.rows).size).toBe(hits.rows.length);
  for (const [i, row] of hits.rows.entries()) {
    const score = hits.scores[i] as number;
    expect(
      isClose(score, scores.get(row) ?? Number.NaN, scale),
      `row ${row}: ${score}, expected ${scores.get(row)}`,
    ).toBe(true);
    const same = wanted[i]?.score ?? Number.NaN;
    expect(isClose(score, same, scale), `place ${i}: ${score}, expected ${same}`).toBe(true);
    const before = i === 0 ? score : (hits.scores[i - 1] as number);
    expect(fixture.spec.metric === 'L2' ? before <= score : before >= score).toBe(true);
  }
}

describe('scores by codes', () => {
  for (const metric of ['L2', 'IP', 'COSINE'] as const) {
    for (const sqType of sqTypes) {
      test(`${metric}, ${sqType}: what the metric says of the decoded vector; recall`, async () => {
        const fixture = await buildSq(clustered(2500, 40, 1), 40, metric, { build: sq(sqType) });
        const queries = queriesOf(fixture, clustered(30, 40, 1), 30);
        for (const query of queries.slice(0, 3)) {
          const wanted = byOracle(fixture, query);
          // All plans: the walk, rows one by one, a scan of codes, a filtered walk; each of them finds the best of what counts.
          checkAgainst(fixture, findByCodes(fixture, query, 20, { params: { ef: 800 } }), wanted);
          for (const share of [0.004, 0.1, 0.5, 0.95]) {
            const next = random(share * 1e6);
            const excluded = bits(2500, () => next() >= share);
            const passing = countClear(excluded, 2500);
            const counting = wanted.filter(
              ({ row }) => ((excluded[row >> 3] as number) & (1 << (row & 7))) === 0,
            );
            checkAgainst(
              fixture,
              findByCodes(fixture, query, 10, { excluded, passing, params: { ef: 800 } }),
              counting,
            );
          }
        }
        const least = { SQ4U: 0.6, SQ6: 0.85, SQ8: 0.94, FP16: 0.99, BF16: 0.94 }[sqType];
        expect(recallByCodes(fixture, queries, 10, { params: { ef: 200 } })).toBeGreaterThan(least);
      });
    }
  }
  for (const elementType of elementTypes.filter((type) => type === 'bfloat16' || type === 'int8')) {
    for (const metric of ['L2', 'IP', 'COSINE'] as const) {
      test(`vectors of ${elementType}, ${metric}`, async () => {
        const fixture = await buildSq(clustered(1500, 32, 2), 32, metric, { elementType });
        const queries = queriesOf(fixture, clustered(20, 32, 2), 20);
        for (const query of queries.slice(0, 3)) {
          checkAgainst(
            fixture,
            findByCodes(fixture, query, 10, { params: { ef: 800 } }),
            byOracle(fixture, query),
          );
        }
        expect(recallByCodes(fixture, queries, 10)).toBeGreaterThan(0.9);
      });
    }
  }
  test('codes that hold the vectors give exact scores', async () => {
    const values = clustered(500, 24, 3).map((value) => Math.round(value * 8) / 8);
    for (const metric of ['L2', 'IP'] as const) {
      const fixture = await buildSq(values, 24, metric, { build: sq('FP16') });
      const [query] = queriesOf(fixture, values, 1) as [Uint8Array];
      const [hits, truth] = [findByCodes(fixture, query, 10), exact(fixture, query, 10)];
      for (const [i, score] of hits.scores.entries()) expect(score).toBeCloseTo(truth.scores[i] as number, 3);
    }
  });
  test('every dim', async () => {
    for (const dim of [1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 127, 130, 9000]) {
      const values = clustered(dim > 1000 ? 40 : 200, dim, dim);
      for (const sqType of ['SQ4U', 'SQ6', 'SQ8'] as const) {
        const fixture = await buildSq(values, dim, 'COSINE', { build: sq(sqType) });
        const [query] = queriesOf(fixture, values, 1) as [Uint8Array];
        checkAgainst(
          fixture,
          findByCodes(fixture, query, 5, { params: { ef: 200 } }),
          byOracle(fixture, query),
        );
      }
    }
  }, 60_000);
  test('nodes in the order of a walk, rows without a vector: the map from rows to nodes', async () => {
    const rows = 20_500;
    const without = bits(rows, (row) => row % 41 === 0);
    const fixture = await buildSq(clustered(rows, 8, 4), 8, 'L2', {
      without,
      build: { ...sq('SQ8'), efConstruction: 20 },
    });
    expect(decodeIndexBlock(fixture.block).sections.has('nodeOf')).toBe(true);
    const [query] = queriesOf(fixture, clustered(1, 8, 4), 1) as [Uint8Array];
    const wanted = byOracle(fixture, query);
    expect(wanted).toHaveLength(20_000);
    // Few that count, in a bitset or named; then too many to be scored one by one.
    const excluded = bits(rows, (row) => row % 7 !== 1 || row % 41 === 0);
    const counting = wanted.filter(({ row }) => row % 7 === 1);
    const named = Uint32Array.from(counting, ({ row }) => row).sort();
    expect(
      planWalk({
        nodes: 20_000,
        passing: named.length,
        ef: 1000,
        vectorBytes: 16,
        codeBytes: walkedBytes(16, 8),
      }),
    ).toBe('exact');
    for (const rest of [{}, { rows: named }]) {
      const more = { excluded, passing: named.length, params: { ef: 1000 }, ...rest };
      checkAgainst(fixture, findByCodes(fixture, query, 50, more), counting);
      const [near, far] = [counting[20]?.score as number, counting[400]?.score as number];
      const ranged = findByCodes(fixture, query, 30, { ...more, rangeFilter: near - 1e-5, radius: far });
      expect(ranged.rows).toHaveLength(30);
      checkAgainst(fixture, ranged, counting.slice(20));
    }
  });
});

describe('rows that do not count', () => {
  test('never come back, whatever is asked', async () => {
    const rows = 3000;
    const fixtures = await Promise.all(
      (['L2', 'IP', 'COSINE'] as const).map((metric, i) =>
        buildSq(clustered(rows, 20, 5), 20, metric, { build: sq(sqTypes[i] ?? 'SQ8') }),
      ),
    );
    fc.assert(
      fc.property(
        fc.nat(2),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(1e6),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 500 }),
        fc.boolean(),
        (which, share, seed, k, ef, isRange) => {
          const fixture = fixtures[which] as Fixture;
          const next = random(seed);
          const excluded = bits(rows, () => next() >= share);
          const passing = countClear(excluded, rows);
          const query = toBytes('float32', clustered(1, 20, seed % 50));
          const bound = fixture.spec.metric === 'L2' ? 40 : 0;
          const hits = findByCodes(fixture, query, k, {
            excluded,
            passing,
            params: { ef },
            ...(isRange && { radius: bound }),
          });
          for (const row of hits.rows) expect((excluded[row >> 3] as number) & (1 << (row & 7))).toBe(0);
          if (!isRange) expect(hits.rows).toHaveLength(Math.min(k, passing));
          for (const score of hits.scores)
            if (isRange) expect(isInRange(fixture.spec.metric, score, bound)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });
  test('a walk that cannot reach enough rows falls back to all codes of those that count', async () => {
    const rows = 4000;
    const fixture = await buildSq(clustered(rows, 8, 6), 8, 'L2');
    const { meta, sections } = decodeIndexBlock(fixture.block);
    // No node links to another.
    const links = (sections.get('links') as Uint8Array).map(() => 255);
    const upper = (sections.get('upper') as Uint8Array).map(() => 255);
    const block = encodeIndexBlock(meta, new Map([...sections, ['links', links], ['upper', upper]]));
    const alone: Fixture = { ...fixture, block, index: loadVectorIndex(workers, block, 'test') };
    const query = toBytes('float32', clustered(1, 8, 6));
    const wanted = byOracle(fixture, query);
    checkAgainst(alone, findByCodes(alone, query, 10), wanted);
    expect(findByCodes(alone, query, rows, { params: {} }).rows).toHaveLength(rows);
    const excluded = bits(rows, (row) => row % 3 === 0);
    const passing = countClear(excluded, rows);
    expect(planWalk({ nodes: rows, passing, ef: 10, vectorBytes: 16, codeBytes: walkedBytes(16, 8) })).toBe(
      'filtered walk',
    );
    const hits = findByCodes(alone, query, 10, { excluded, passing, params: { ef: 10 } });
    expect(hits.rows).toHaveLength(10);
    checkAgainst(
      alone,
      hits,
      wanted.filter(({ row }) => row % 3 !== 0),
    );
  });
});

test('range search: by the scores that are returned; a ring far from the query is found', async () => {
  for (const metric of ['L2', 'IP', 'COSINE'] as const) {
    const fixture = await buildSq(clustered(2500, 16, 5), 16, metric);
    for (const query of queriesOf(fixture, clustered(5, 16, 5), 5)) {
      const all = byOracle(fixture, query);
      const [rangeFilter, radius] = [all[100]?.score as number, all[400]?.score as number];
      const hits = findByCodes(fixture, query, 50, { radius, rangeFilter });
      expect(hits.rows).toHaveLength(50);
      for (const score of hits.scores) expect(isInRange(metric, score, radius, rangeFilter)).toBe(true);
      const truth = new Set(all.slice(100, 155).map(({ row }) => row));
      expect([...hits.rows].filter((row) => truth.has(row)).length, metric).toBeGreaterThan(
        metric === 'IP' ? 25 : 45,
      );
    }
  }
});

test('no rows, one row, equal rows, zero vectors, several queries at once', async () => {
  const ones = toBytes('float32', new Float32Array(8).fill(1));
  expect(findByCodes(await buildSq(new Float32Array(0), 8, 'L2'), ones, 5).rows).toHaveLength(0);
  const same = await buildSq(new Float32Array(400 * 8).fill(0.5), 8, 'L2');
  expect([...findByCodes(same, ones, 20, { params: { ef: 400 } }).rows]).toEqual(
    Array.from({ length: 20 }, (_, row) => row),
  );
  // As an exact search: a vector of length 0 is similar to none.
  const values = clustered(60, 8, 1);
  values.fill(0, 0, 8);
  const withZero = await buildSq(values, 8, 'COSINE');
  const found = findByCodes(withZero, ones, 60);
  expect(found.scores[found.rows.indexOf(0)]).toBe(0);
  for (const score of findByCodes(withZero, new Uint8Array(32), 5).scores) expect(score).toBeCloseTo(0, 5);
  const joined = new Uint8Array(values.slice(8, 32).buffer);
  const together = findByCodes(withZero, joined, 7);
  expect([...together.counts]).toEqual([7, 7, 7]);
  for (const i of [0, 1, 2]) {
    const alone = findByCodes(withZero, joined.slice(i * 32, i * 32 + 32), 7);
    expect([...together.rows.subarray(i * 7, i * 7 + 7)]).toEqual([...alone.rows]);
  }
});

test('codes that score reach as far as values do, within limits; others are as before', () => {
  expect(scoredStepOf('SQ8', 1, 3.9, 4.2)).toBeCloseTo(4.2 / 127);
  expect(scoredStepOf('SQ8', 1, 3.9, 50)).toBeCloseTo(1.3 * stepOf('SQ8', 1, 3.9));
  expect(scoredStepOf('SQ8', 1, 3, 3.1)).toBe(stepOf('SQ8', 1, 3));
  expect(scoredStepOf('SQ6', 1, 3.9, 50)).toBeCloseTo(1.2 * stepOf('SQ6', 1, 3.9));
  expect(scoredStepOf('SQ4', 1, 3.9, 50)).toBe(stepOf('SQ4', 1, 3.9));
});

test('a map from rows to nodes that does not fit is refused', async () => {
  const rows = 300;
  const fixture = await buildSq(clustered(rows, 8, 9), 8, 'L2', {
    without: bits(rows, (row) => row % 5 === 0),
  });
  const { meta, sections } = decodeIndexBlock(fixture.block);
  const map = sections.get('nodeOf') as Uint8Array;
  for (const place of [4, 5, 20, 1196]) {
    for (const value of [1, 77, 255]) {
      const damaged = map.slice();
      damaged[place] = (damaged[place] as number) ^ value;
      const block = encodeIndexBlock(meta, new Map([...sections, ['nodeOf', damaged]]));
      expect(() => loadVectorIndex(workers, block, 'damaged')).toThrow(/built again/);
    }
  }
  const short = encodeIndexBlock(meta, new Map([...sections, ['nodeOf', map.slice(4)]]));
  expect(() => loadVectorIndex(workers, short, 'damaged')).toThrow(/built again/);
});
