import { describe, expect, test } from 'vitest';
import { decodeIndexBlock, encodeIndexBlock, type IndexMeta } from '#index/block/index-block.js';
import type { MetricType } from '#index/block/metric.js';
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
import { graphPqLayout } from './graph-pq-layout.js';

const graph = { M: 8, efConstruction: 60, refine: false, refineType: 'FP32' } as const;
const pq = (m: number, nbits = 8) => ({ kind: 'HNSW_PQ', ...graph, m, nbits }) as const;
const prq = (m: number, nrq: number, nbits = 8) => ({ kind: 'HNSW_PRQ', ...graph, m, nrq, nbits }) as const;
type Build = ReturnType<typeof pq> | ReturnType<typeof prq>;
const buildPq = (
  values: Float32Array,
  dim: number,
  metric: MetricType,
  made: Build,
  rest: Overrides = {},
): Promise<Fixture> => build(values, dim, metric, { build: made, ...rest });
/** Lengths between 0.1 and 10, which inner products feel. */
function stretched(values: Float32Array, dim: number): Float32Array {
  const next = random(90);
  const out = values.slice();
  for (let row = 0; row * dim < out.length; row++) {
    const length = 10 ** (next() * 2 - 1);
    for (let i = row * dim; i < (row + 1) * dim; i++) out[i] = (out[i] as number) * length;
  }
  return out;
}

describe('recall and scores', () => {
  for (const metric of ['L2', 'IP', 'COSINE'] as const) {
    // The coarser codes are, the more often the nearest are not among those that are scored.
    for (const [made, least] of [
      [pq(20), 0.95],
      [pq(20, 4), 0.85],
      [pq(10, 9), 0.9],
      [prq(10, 2), 0.95],
      [prq(5, 3, 6), 0.85],
    ] as const) {
      test(`${metric} ${JSON.stringify(made)}`, async () => {
        const fixture = await buildPq(clustered(3000, 40, 1), 40, metric, made);
        expect(fixture.index.task).toBe('graphPqSearch');
        const queries = queriesOf(fixture, clustered(30, 40, 1), 30);
        expect(recall(fixture, queries, 10)).toBeGreaterThan(least);
        const [query] = queries as [Uint8Array];
        const hits = find(fixture, query, 10, { params: { ef: 1000, refineK: 100 } });
        const truth = exact(fixture, query, 10);
        expect([...hits.rows]).toEqual([...truth.rows]);
        expect([...hits.scores]).toEqual([...truth.scores]); // To the last bit: both score the vectors themselves.
      });
    }
  }
  test('codes alone order rows by their distances: few are scored exactly', async () => {
    const dim = 32;
    for (const [metric, made] of [
      ['L2', pq(16)],
      ['L2', prq(16, 2)],
      ['COSINE', prq(16, 2)],
      ['IP', prq(16, 2)],
    ] as const) {
      const values = metric === 'L2' ? stretched(clustered(2000, dim, 9), dim) : clustered(2000, dim, 9);
      const fixture = await buildPq(values, dim, metric, made);
      const queries = queriesOf(fixture, clustered(20, dim, 9), 20);
      // A pool of k: what is found is what the codes put first.
      expect(recall(fixture, queries, 20, { params: { ef: 20 } }), `${metric} ${made.kind}`).toBeGreaterThan(
        0.75,
      );
    }
  });
  test('with inner products long vectors are found wherever the query lies', async () => {
    const dim = 24;
    for (const made of [pq(12), prq(6, 2)]) {
      const fixture = await buildPq(stretched(clustered(2000, dim, 9), dim), dim, 'IP', made);
      expect(recall(fixture, queriesOf(fixture, clustered(20, dim, 9), 20), 10)).toBeGreaterThan(0.9);
    }
  });
  for (const elementType of ['bfloat16', 'int8'] as const) {
    test(`vectors of ${elementType}`, async () => {
      const fixture = await buildPq(clustered(2000, 32, 2), 32, 'COSINE', pq(16), { elementType });
      expect(recall(fixture, queriesOf(fixture, clustered(20, 32, 2), 20), 10)).toBeGreaterThan(0.95);
    });
  }
  test('every m that divides the dim, and any number of bits', async () => {
    const values = clustered(400, 12, 3);
    for (const m of [1, 2, 3, 4, 6, 12]) {
      for (const made of [pq(m, 1 + m), pq(m, 10), prq(m, 2, 3), prq(m, 3, 8)]) {
        const fixture = await buildPq(values, 12, 'L2', made);
        const found = recall(fixture, queriesOf(fixture, values, 10), 5, {
          params: { ef: 200, refineK: 40 },
        });
        expect(found, JSON.stringify(made)).toBeGreaterThan(0.95);
      }
    }
  }, 60_000);
});

describe('rows that do not count', () => {
  test('never come back, whatever share they are, and recall holds', async () => {
    const rows = 6000;
    for (const made of [pq(12), prq(6, 2)]) {
      const fixture = await buildPq(clustered(rows, 24, 3), 24, 'L2', made);
      const queries = queriesOf(fixture, clustered(20, 24, 3), 20);
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
    }
  });
  test('rows without a vector have no node', async () => {
    const rows = 500;
    const without = bits(rows, (row) => row % 3 === 0);
    const fixture = await buildPq(clustered(rows, 16, 4), 16, 'L2', prq(4, 2), { without });
    expect(fixture.index.placement.params.nodes).toBe(countClear(without, rows));
    for (const query of queriesOf(fixture, clustered(10, 16, 4), 10)) {
      const found = find(fixture, query, 100).rows;
      expect(found).toHaveLength(100);
      for (const row of found) expect(row % 3).not.toBe(0);
    }
  });
});

test('range search: hits lie within the range; a ring far from the query is found', async () => {
  const fixture = await buildPq(clustered(3000, 16, 5), 16, 'L2', pq(8));
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

test('no rows, one row, fewer rows than codewords, equal rows, zero vectors', async () => {
  const ones = toBytes('float32', new Float32Array(8).fill(1));
  for (const made of [pq(4), pq(4, 3), pq(4, 16), prq(2, 2), prq(2, 3, 12)]) {
    const empty = await buildPq(new Float32Array(0), 8, 'L2', made);
    expect(find(empty, ones, 5).rows).toHaveLength(0);
    const one = await buildPq(
      Float32Array.from({ length: 8 }, (_, i) => i),
      8,
      'COSINE',
      made,
    );
    expect([...find(one, ones, 5).rows]).toEqual([0]);
    const few = clustered(30, 8, 5);
    const fixture = await buildPq(few, 8, 'L2', made);
    expect(recall(fixture, queriesOf(fixture, few, 10), 5)).toBe(1);
    const same = await buildPq(new Float32Array(400 * 8).fill(0.5), 8, 'L2', made);
    expect(find(same, ones, 20).rows.length).toBe(20);
    const zeros = await buildPq(new Float32Array(100 * 8), 8, 'COSINE', made);
    expect(find(zeros, new Uint8Array(32), 5).rows.length).toBe(5);
  }
});

describe('the block', () => {
  test('bytes of a node: one number for each subquantiser and level, two where tables are long, a float of PRQ', async () => {
    const values = clustered(700, 16, 6);
    const bytesOf = async (metric: MetricType, made: Build): Promise<number> =>
      (decodeIndexBlock((await buildPq(values, 16, metric, made)).block).sections.get('codes')?.length ?? 0) /
      700;
    expect(await bytesOf('L2', pq(8))).toBe(8);
    expect(await bytesOf('L2', pq(8, 9))).toBe(16);
    expect(await bytesOf('COSINE', prq(4, 3))).toBe(4 * 3 + 4);
    expect(await bytesOf('IP', prq(4, 3))).toBe(4 * 3);
  });
  test('one thread and one seed give the same bytes; another seed does not', async () => {
    const values = clustered(800, 20, 7);
    for (const made of [pq(10), prq(5, 2)]) {
      const [a, b, c] = await Promise.all([
        buildPq(values, 20, 'L2', made),
        buildPq(values, 20, 'L2', made),
        buildPq(values, 20, 'L2', made, { seed: 9 }),
      ]);
      expect(a.block).toEqual(b.block);
      expect(a.block).not.toEqual(c.block);
    }
  });
  test.each([pq(4), prq(3, 2)])(
    'damage with right checksums is refused or harmless, and never hangs: %o',
    async (made) => {
      const fixture = await buildPq(clustered(200, 12, 8), 12, 'L2', made);
      checkDamage(fixture, toBytes('float32', clustered(1, 12, 8)), 10);
    },
  );
  test('a code that its table does not have is refused', async () => {
    const { block } = await buildPq(clustered(100, 12, 8), 12, 'L2', prq(3, 2));
    const { meta, sections } = decodeIndexBlock(block);
    const codes = (sections.get('codes') as Uint8Array).slice();
    codes[10 * 3 + 5] = 104; // 100 codewords lie in 13 panels of 8.
    const load = (changed: Uint8Array) =>
      loadVectorIndex(workers, encodeIndexBlock(meta, new Map(sections).set('codes', changed)), 'odd');
    expect(() => load(codes)).toThrow(
      'code 5 of node 3 is 104, expected less than 104; it has to be built again',
    );
    codes[10 * 3 + 5] = 103;
    load(codes);
  });
  const odd: IndexMeta['params'][] = [
    { m: 3 },
    { m: 5 },
    { m: 0 },
    { nbits: 7 },
    { nbits: 30 },
    { nrq: 1 },
    { nrq: 3 },
    { nrq: 17 },
    { form: 'SQ8' },
    { degree: 9 },
    { nodes: 199 },
    { codeStride: 8 },
  ];
  test.each(odd)('a description that does not fit is refused: %o', async (params) => {
    const { block } = await buildPq(clustered(200, 12, 8), 12, 'L2', prq(4, 2));
    const { meta, sections } = decodeIndexBlock(block);
    const other: IndexMeta = { ...meta, params: { ...meta.params, ...params } };
    expect(() => loadVectorIndex(workers, encodeIndexBlock(other, sections), 'odd')).toThrow(/built again/);
  });
  test('tables of a query that are too large are refused', async () => {
    const spec = { m: 64, nbits: 12, levels: 16 };
    expect(graphPqLayout(64, spec, 'L2', 5000).tableBytes).toBe(64 * 16 * 4096 * 4);
    expect(() => graphPqLayout(64, { ...spec, nbits: 16 }, 'L2', 50_000)).toThrow(
      /tables of a query take .* use smaller nbits/,
    );
    await expect(buildPq(clustered(20, 2, 1), 2, 'L2', pq(2, 17))).rejects.toThrow(
      'nbits is 17, expected 1 to 16',
    );
  });
});
