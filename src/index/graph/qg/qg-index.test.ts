import { describe, expect, test } from 'vitest';
import { decodeIndexBlock, encodeIndexBlock, type IndexMeta } from '#index/block/index-block.js';
import type { MetricType } from '#index/block/metric.js';
import { recordLayout } from '#index/graph/nodes/qg-layout.js';
import { loadVectorIndex } from '#index/vector-indexes.js';
import {
  bits,
  build,
  checkDamage,
  clustered,
  countClear,
  exact,
  type Fixture,
  find,
  type Overrides,
  queriesOf,
  random,
  recall,
  toBytes,
  workers,
} from '../../../../test/support/vector-index.js';

const qg = (bitCount: 1 | 2, M = 8) => ({ kind: 'QG', M, efConstruction: 60, bits: bitCount }) as const;
const buildQg = (
  values: Float32Array,
  dim: number,
  metric: MetricType,
  bitCount: 1 | 2 = 1,
  rest: Overrides = {},
): Promise<Fixture> => build(values, dim, metric, { build: qg(bitCount), ...rest });

describe('recall and scores', () => {
  for (const metric of ['L2', 'IP', 'COSINE'] as const) {
    for (const bitCount of [1, 2] as const) {
      test(`${metric}, ${bitCount} bits`, async () => {
        const fixture = await buildQg(clustered(3000, 40, 1), 40, metric, bitCount);
        expect(fixture.index.task).toBe('qgSearch');
        const queries = queriesOf(fixture, clustered(30, 40, 1), 30);
        expect(recall(fixture, queries, 10)).toBeGreaterThan(0.9);
        expect(recall(fixture, queries, 10, { params: { ef: 200 } })).toBeGreaterThan(0.98);
        const [query] = queries as [Uint8Array];
        const hits = find(fixture, query, 10, { params: { ef: 1000 } });
        const truth = exact(fixture, query, 10);
        expect([...hits.rows]).toEqual([...truth.rows]);
        expect([...hits.scores]).toEqual([...truth.scores]); // To the last bit: both score the vectors themselves.
      });
    }
  }
  test('with inner products long vectors are found wherever the query lies', async () => {
    const dim = 24;
    const values = clustered(2000, dim, 9);
    const next = random(90);
    for (let row = 0; row < 2000; row++) {
      const length = 10 ** (next() * 2 - 1);
      for (let i = row * dim; i < (row + 1) * dim; i++) values[i] = (values[i] as number) * length;
    }
    for (const bitCount of [1, 2] as const) {
      const fixture = await buildQg(values, dim, 'IP', bitCount);
      expect(recall(fixture, queriesOf(fixture, clustered(20, dim, 9), 20), 10)).toBeGreaterThan(0.9);
    }
  });
  test('links of more than 32 neighbours lie in several batches', async () => {
    const fixture = await buildQg(clustered(2500, 20, 10), 20, 'L2', 2, { build: qg(2, 30) });
    expect(decodeIndexBlock(fixture.block).sections.get('records')?.length).toBe(
      2500 * recordLayout(20, 30, 2).bytes,
    );
    expect(recall(fixture, queriesOf(fixture, clustered(20, 20, 10), 20), 10)).toBeGreaterThan(0.97);
  });
  test('every dim finds its own rows', async () => {
    for (const dim of [1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 127, 130, 9000]) {
      const values = clustered(dim > 1000 ? 60 : 300, dim, dim);
      const fixture = await buildQg(values, dim, 'L2', dim % 2 === 0 ? 1 : 2);
      expect(recall(fixture, queriesOf(fixture, values, 20), 5), `dim ${dim}`).toBeGreaterThan(
        dim < 3 ? 0.8 : 0.95,
      );
    }
  }, 60_000);
  test('as many hits as asked for', async () => {
    const fixture = await buildQg(clustered(700, 8, 6), 8, 'IP');
    const query = toBytes('float32', clustered(1, 8, 6));
    expect(find(fixture, query, 700, { params: { ef: 700 } }).rows.length).toBe(700);
    expect(find(fixture, query, 300, { params: {} }).rows.length).toBe(300);
    expect(find(fixture, query, 16_384, { params: {} }).rows.length).toBe(700);
  });
});

describe('rows that do not count', () => {
  test('never come back, whatever share they are, and recall holds', async () => {
    const rows = 6000;
    const fixture = await buildQg(clustered(rows, 24, 3), 24, 'L2', 1);
    const queries = queriesOf(fixture, clustered(25, 24, 3), 25);
    for (const share of [0.001, 0.02, 0.1, 0.2, 0.5, 0.9, 0.999]) {
      const next = random(share * 1e6);
      const excluded = bits(rows, () => next() >= share);
      const rest = { excluded, passing: countClear(excluded, rows) };
      for (const query of queries) {
        for (const row of find(fixture, query, 10, rest).rows)
          expect((excluded[row >> 3] as number) & (1 << (row & 7))).toBe(0);
      }
      expect(recall(fixture, queries, 10, rest), `share ${share}`).toBeGreaterThan(0.9);
    }
  });
  test('rows without a vector have no node', async () => {
    const rows = 500;
    const without = bits(rows, (row) => row % 3 === 0);
    const fixture = await buildQg(clustered(rows, 16, 4), 16, 'L2', 2, { without });
    for (const query of queriesOf(fixture, clustered(10, 16, 4), 10)) {
      const found = find(fixture, query, 100).rows;
      expect(found).toHaveLength(100);
      for (const row of found) expect(row % 3).not.toBe(0);
    }
  });
});

test('range search: hits lie within the range; a ring far from the query is found', async () => {
  const fixture = await buildQg(clustered(3000, 16, 5), 16, 'L2');
  for (const query of queriesOf(fixture, clustered(10, 16, 5), 10)) {
    const all = exact(fixture, query, 3000).scores;
    const [rangeFilter, radius] = [all[100] as number, all[400] as number];
    const hits = find(fixture, query, 50, { radius, rangeFilter });
    for (const score of hits.scores)
      expect(score >= Math.fround(rangeFilter) && score < Math.fround(radius)).toBe(true);
    const truth = new Set(exact(fixture, query, 50, { radius, rangeFilter }).rows);
    expect([...hits.rows].filter((row) => truth.has(row)).length).toBeGreaterThan(truth.size * 0.9);
  }
});

test('no rows, one row, equal rows, zero vectors', async () => {
  const ones = toBytes('float32', new Float32Array(8).fill(1));
  const empty = await buildQg(new Float32Array(0), 8, 'L2');
  expect(find(empty, ones, 5).rows).toHaveLength(0);
  const one = await buildQg(
    Float32Array.from({ length: 8 }, (_, i) => i),
    8,
    'COSINE',
  );
  expect([...find(one, ones, 5).rows]).toEqual([0]);
  for (const bitCount of [1, 2] as const) {
    const same = await buildQg(new Float32Array(400 * 8).fill(0.5), 8, 'L2', bitCount);
    expect(find(same, ones, 20).rows.length).toBe(20);
    const zeros = await buildQg(new Float32Array(100 * 8), 8, 'COSINE', bitCount);
    expect(find(zeros, new Uint8Array(32), 5).rows.length).toBe(5);
  }
});

describe('the block', () => {
  test('one thread and one seed give the same bytes; another seed does not', async () => {
    const values = clustered(800, 20, 7);
    const [a, b, c] = await Promise.all([
      buildQg(values, 20, 'L2', 2),
      buildQg(values, 20, 'L2', 2),
      buildQg(values, 20, 'L2', 2, { seed: 9 }),
    ]);
    expect(a.block).toEqual(b.block);
    expect(a.block).not.toEqual(c.block);
  });
  test('damage with right checksums is refused or harmless, and never hangs', async () => {
    const fixture = await buildQg(clustered(200, 12, 8), 12, 'L2');
    checkDamage(fixture, toBytes('float32', clustered(1, 12, 8)), 10);
  });
  test.each([{ bits: 3 }, { bits: 2 }, { form: 'SQ4' }, { degree: 40 }, { nodes: 199 }])(
    'a description that does not fit is refused: %o',
    async (params) => {
      const { block } = await buildQg(clustered(200, 12, 8), 12, 'L2');
      const { meta, sections } = decodeIndexBlock(block);
      const other: IndexMeta = { ...meta, params: { ...meta.params, ...params } };
      expect(() => loadVectorIndex(workers, encodeIndexBlock(other, sections), 'odd')).toThrow(/built again/);
    },
  );
});
