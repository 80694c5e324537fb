import { describe, expect, test } from 'vitest';
import { planWalk } from '#index/block/walk-plan.js';
import { fittingForm } from '#index/graph/codes/graph-codes.js';
import { buildVectorIndex, loadVectorIndex } from '#index/vector-indexes.js';
import {
  bits,
  build,
  checkDamage,
  clustered,
  countClear,
  exact,
  find,
  hnsw,
  type Overrides,
  queriesOf,
  random,
  recall,
  toBytes,
  workers,
} from '../../../test/support/vector-index.js';

describe('recall and scores', () => {
  for (const metric of ['L2', 'IP', 'COSINE'] as const) {
    for (const sqType of [undefined, 'SQ4U', 'SQ6', 'SQ8', 'FP16', 'BF16'] as const) {
      test(`${metric} ${sqType ?? 'HNSW'}`, async () => {
        const overrides: Overrides =
          sqType === undefined
            ? {}
            : { build: { ...hnsw, kind: 'HNSW_SQ', sqType, refine: false, refineType: 'FP32' } };
        const fixture = await build(clustered(3000, 40, 1), 40, metric, overrides);
        const queries = queriesOf(fixture, clustered(30, 40, 1), 30);
        expect(recall(fixture, queries, 10)).toBeGreaterThan(0.95);
        const [query] = queries as [Uint8Array];
        const hits = find(fixture, query, 10, { params: { ef: 1000, refineK: 100 } });
        const truth = exact(fixture, query, 10);
        expect([...hits.rows]).toEqual([...truth.rows]);
        expect([...hits.scores]).toEqual([...truth.scores]); // To the last bit: both score the vectors themselves.
      });
    }
  }
  for (const elementType of ['bfloat16', 'int8'] as const) {
    test(`vectors of ${elementType}`, async () => {
      const fixture = await build(clustered(2000, 32, 2), 32, 'COSINE', { elementType });
      expect(recall(fixture, queriesOf(fixture, clustered(20, 32, 2), 20), 10)).toBeGreaterThan(0.95);
    });
  }
  test('every dim finds its own rows', async () => {
    for (const dim of [1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 127, 130]) {
      const values = clustered(300, dim, dim);
      const fixture = await build(values, dim, 'L2');
      expect(recall(fixture, queriesOf(fixture, values, 20), 5), `dim ${dim}`).toBeGreaterThan(
        dim < 3 ? 0.8 : 0.95,
      );
    }
  }, 60_000);
});

test('a walk no wider than its hits are many keeps more than leads it on, for their vectors to choose from', async () => {
  const [dim, k] = [96, 10];
  const sq4 = { kind: 'HNSW_SQ', sqType: 'SQ4U', refine: true, refineType: 'FP32' } as const;
  const fixture = await build(clustered(2000, dim, 9), dim, 'L2', { build: { ...hnsw, ...sq4 } });
  const queries = queriesOf(fixture, clustered(60, dim, 9), 60);
  // 0.76 where it kept ten: codes of 4 bits say of few of them that they are the nearest ten.
  expect(recall(fixture, queries, k, { params: { ef: k } })).toBeGreaterThan(0.87);
  expect(recall(fixture, queries, k, { params: { ef: k, refineK: 4 } })).toBeGreaterThan(0.95);
});

test('lanes that insert side by side count every node', async () => {
  const { region, store, spec } = await build(clustered(2000, 8, 4), 8, 'L2');
  const two = { ...workers, parallelism: 2 };
  const block = await buildVectorIndex(two, { ...spec, threads: 2 }, { region, place: store.place });
  expect(loadVectorIndex(two, block, 'test').placement.params.nodes).toBe(2000);
});

describe('rows that do not count', () => {
  test('never come back, whatever share they are, and recall holds', async () => {
    const rows = 6000;
    const fixture = await build(clustered(rows, 24, 3), 24, 'L2');
    const queries = queriesOf(fixture, clustered(25, 24, 3), 25);
    for (const share of [0.001, 0.02, 0.1, 0.2, 0.5, 0.9, 0.999]) {
      const next = random(share * 1e6);
      const excluded = bits(rows, () => next() >= share);
      const passing = countClear(excluded, rows);
      const rest = { excluded, passing };
      for (const query of queries) {
        for (const row of find(fixture, query, 10, rest).rows)
          expect((excluded[row >> 3] as number) & (1 << (row & 7))).toBe(0);
      }
      expect(recall(fixture, queries, 10, rest), `share ${share}`).toBeGreaterThan(0.93);
    }
  });
  for (const kind of ['HNSW', 'QG'] as const) {
    test(`${kind}: rows near the query or far from it, recall holds`, async () => {
      const [rows, dim] = [2000, 512];
      const overrides: Overrides = kind === 'QG' ? { build: { ...hnsw, kind, bits: 2 } } : {};
      const fixture = await build(clustered(rows, dim, 3), dim, 'L2', overrides);
      const queries = queriesOf(fixture, clustered(8, dim, 3), 8);
      const orders = queries.map((query) => exact(fixture, query, rows).rows);
      for (const share of [0.05, 0.2, 0.3, 0.5, 0.9, 0.99]) {
        // 0: the rows nearest to the query count, else those nearest to another.
        for (const away of [0, 1, 3]) {
          let recalled = 0;
          for (const [at, query] of queries.entries()) {
            const passing = Math.round(rows * share);
            const counting = new Set(orders[(at + away) % 8]?.subarray(0, passing));
            const excluded = bits(rows, (row) => !counting.has(row));
            const truth = new Set(exact(fixture, query, 10, { excluded }).rows);
            const { rows: found } = find(fixture, query, 10, { excluded, passing, params: { ef: 80 } });
            expect(found.length).toBe(10);
            expect([...found].every((row) => counting.has(row))).toBe(true);
            recalled += [...found].filter((row) => truth.has(row)).length;
          }
          expect(recalled / 80, `share ${share}, away ${away}`).toBeGreaterThanOrEqual(0.95);
        }
      }
    });
  }

  test('rows without a vector have no node', async () => {
    const rows = 500;
    const without = bits(rows, (row) => row % 3 === 0);
    const fixture = await build(clustered(rows, 16, 4), 16, 'L2', { without });
    expect(fixture.index.placement.params.nodes).toBe(countClear(without, rows));
    for (const query of queriesOf(fixture, clustered(10, 16, 4), 10)) {
      for (const row of find(fixture, query, 100).rows) expect(row % 3).not.toBe(0);
    }
  });
});

describe('range search', () => {
  test('hits lie within the range; a ring far from the query is found', async () => {
    const fixture = await build(clustered(3000, 16, 5), 16, 'L2');
    for (const query of queriesOf(fixture, clustered(10, 16, 5), 10)) {
      const all = exact(fixture, query, 3000).scores;
      const [rangeFilter, radius] = [all[100] as number, all[400] as number];
      const rest = { radius, rangeFilter };
      const hits = find(fixture, query, 50, rest);
      for (const score of hits.scores)
        expect(score >= Math.fround(rangeFilter) && score < Math.fround(radius)).toBe(true);
      const truth = new Set(exact(fixture, query, 50, rest).rows);
      expect([...hits.rows].filter((row) => truth.has(row)).length).toBeGreaterThan(truth.size * 0.9);
    }
  });
});

describe('small and odd sets', () => {
  test('no rows, one row, equal rows, zero vectors', async () => {
    const empty = await build(new Float32Array(0), 8, 'L2');
    expect(find(empty, new Uint8Array(32), 5).rows).toHaveLength(0);
    const one = await build(
      Float32Array.from({ length: 8 }, (_, i) => i),
      8,
      'COSINE',
    );
    expect([...find(one, toBytes('float32', new Float32Array(8).fill(1)), 5).rows]).toEqual([0]);
    const same = await build(new Float32Array(400 * 8).fill(0.5), 8, 'L2');
    expect(find(same, toBytes('float32', new Float32Array(8)), 20).rows.length).toBe(20);
    const zeros = await build(new Float32Array(100 * 8), 8, 'COSINE');
    expect(find(zeros, new Uint8Array(32), 5).rows.length).toBe(5);
  });
  test('k of all rows', async () => {
    const fixture = await build(clustered(700, 8, 6), 8, 'IP');
    expect(
      find(fixture, toBytes('float32', clustered(1, 8, 6)), 700, { params: { ef: 700 } }).rows.length,
    ).toBeGreaterThan(690);
  });
});

describe('codes of HNSW', () => {
  test('are as long as needed to distinguish near neighbours', () => {
    expect(fittingForm(100, 0.75, 0.1, 0.35)).toBe('SQ4');
    expect(fittingForm(128, 0.65, 0.2, 0.7)).toBe('SQ6');
    expect(fittingForm(128, 0.01, 0.2, 0.7)).toBe('SQ8');
    expect(fittingForm(128, Number.POSITIVE_INFINITY, 0.2, 0.7)).toBe('SQ4');
    // 16 dims take 16 bytes with 4, 6 (48 even) or 8 bits.
    expect(fittingForm(16, 0.65, 0.2, 0.7)).toBe('SQ8');
    expect(fittingForm(16, 10, 0.2, 0.7)).toBe('SQ8');
  });
});

describe('the block', () => {
  test('one thread and one seed give the same bytes; another seed does not', async () => {
    const values = clustered(800, 20, 7);
    const [a, b, c] = await Promise.all([
      build(values, 20, 'L2'),
      build(values, 20, 'L2'),
      build(values, 20, 'L2', { seed: 9 }),
    ]);
    expect(a.block).toEqual(b.block);
    expect(a.block).not.toEqual(c.block);
  });
  test('damage with right checksums is refused or harmless, and never hangs', async () => {
    const fixture = await build(clustered(200, 12, 8), 12, 'L2');
    checkDamage(fixture, toBytes('float32', clustered(1, 12, 8)), 10);
  });
});

describe('a scan of what a filter leaves', () => {
  test('looks at every row that counts, however many', async () => {
    const rows = 70_000;
    const next = random(41);
    const values = Float32Array.from({ length: rows * 64 }, () => next());
    const fixture = await build(values, 64, 'L2', { build: { kind: 'HNSW', M: 2, efConstruction: 4 } });
    // Half of the rows count, and so many are asked for that they are scored one by one.
    const excluded = bits(rows, (row) => row % 2 === 0);
    const rest = { excluded, passing: rows / 2, params: { ef: 20_000, refineK: 100 } };
    for (const query of queriesOf(
      fixture,
      Float32Array.from({ length: 192 }, () => next()),
      3,
    )) {
      expect(planWalk({ nodes: rows, passing: rows / 2, ef: 20_000, vectorBytes: 256, codeBytes: 32 })).toBe(
        'scan',
      );
      expect([...find(fixture, query, 50, rest).rows]).toEqual([
        ...exact(fixture, query, 50, { excluded }).rows,
      ]);
    }
  });
});
