// Recall of each type of index on uneven data, beside an exact search: a floor for each family. Rows at equal distances count alike.
import { describe, expect, test } from 'vitest';
import type { BuildParams } from '#model/index-types.js';
import { buildDisk, searchDisk } from '../../test/support/disk-index.js';
import { findByCodes } from '../../test/support/graph-codes.js';
import { familyNamed, freshQueries, type UnevenFamily, unevenFamilies } from '../../test/support/uneven-data.js';
import { shareNear, unevenRecall } from '../../test/support/uneven-recall.js';
import { build, exact, queriesOf } from '../../test/support/vector-index.js';

const ROWS = 2000;
const QUERIES = 30;
const graph = { M: 16, efConstruction: 80 } as const;
const refined = { refine: true, refineType: 'FP32' } as const;
const types = {
  HNSW: { kind: 'HNSW', ...graph },
  'HNSW_SQ SQ4U': { kind: 'HNSW_SQ', ...graph, sqType: 'SQ4U', ...refined },
  'HNSW_SQ SQ6': { kind: 'HNSW_SQ', ...graph, sqType: 'SQ6', ...refined },
  'HNSW_SQ SQ8': { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', ...refined },
  'HNSW_SQ BF16': { kind: 'HNSW_SQ', ...graph, sqType: 'BF16', ...refined },
  'HNSW_SQ FP16': { kind: 'HNSW_SQ', ...graph, sqType: 'FP16', ...refined },
  QG: { kind: 'QG', ...graph, bits: 2 },
  HNSW_PQ: { kind: 'HNSW_PQ', ...graph, m: 4, nbits: 8, ...refined },
  HNSW_PRQ: { kind: 'HNSW_PRQ', ...graph, m: 4, nbits: 8, nrq: 2, ...refined },
} as const satisfies Record<string, BuildParams>;
type TypeName = keyof typeof types;

/** Codewords of a quarter of the dims each tell fewer rows apart than a code for each dim: faiss' HNSW with product codes finds as few. */
const floorOf = (name: TypeName): number => (name === 'HNSW_PQ' ? 0.75 : 0.9);

async function recallOf(family: UnevenFamily, name: TypeName, metric: 'L2' | 'IP' | 'COSINE'): Promise<number> {
  const values = family.make(ROWS, 7);
  const fixture = await build(values, family.dim, metric, { build: types[name] });
  return unevenRecall(fixture, queriesOf(fixture, freshQueries(family, values, QUERIES), QUERIES), 10, { params: { ef: 64 } });
}
const long = ['1 % x 100', '1 % x 1000', '1 % x 1000000', '0.5 % x 1000', '10 % x 30'].map(familyNamed);
describe('a few long vectors hide nothing', () => {
  for (const metric of ['L2', 'IP'] as const) {
    for (const name of Object.keys(types) as TypeName[]) {
      test(`${name}, ${metric}`, async () => {
        for (const family of long) expect(await recallOf(family, name, metric), family.name).toBeGreaterThanOrEqual(floorOf(name));
      }, 60_000);
    }
  }
});
describe('rows far from all others', () => {
  test('find themselves', async () => {
    for (const family of long) {
      const values = family.make(ROWS, 7);
      const fixture = await build(values, family.dim, 'L2', { build: types.HNSW });
      const lengths = Float64Array.from({ length: ROWS }, (_, row) =>
        values.subarray(row * family.dim, (row + 1) * family.dim).reduce((sum, value) => sum + value * value, 0),
      );
      const far = [...lengths.keys()].sort((a, b) => (lengths[b] as number) - (lengths[a] as number)).slice(0, 20);
      const queries = far.map((row) => new Uint8Array(values.slice(row * family.dim, (row + 1) * family.dim).buffer));
      expect(unevenRecall(fixture, queries, 1, { params: { ef: 64 } }), family.name).toBeGreaterThanOrEqual(0.9);
    }
  }, 60_000);
});
describe('indexes whose vectors stay in a file', () => {
  for (const metric of ['L2', 'IP'] as const) {
    test(`DISKANN, ${metric}`, async () => {
      for (const family of long) {
        const values = family.make(ROWS, 7);
        const fixture = await buildDisk(values, family.dim, metric);
        const shares = await Promise.all(
          queriesOf(fixture, freshQueries(family, values, QUERIES), QUERIES).map(async (query) =>
            shareNear((await searchDisk(fixture, query, 10)).scores, exact(fixture, query, 10).scores, metric !== 'L2'),
          ),
        );
        expect(mean(shares), family.name).toBeGreaterThanOrEqual(0.9);
      }
    }, 60_000);
    test(`HNSW_SQ without refine, ${metric}`, async () => {
      for (const family of long) {
        const values = family.make(ROWS, 7);
        const byCodes = { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', refine: false, refineType: 'FP32' } as const;
        const fixture = await build(values, family.dim, metric, { build: byCodes });
        const shares = queriesOf(fixture, freshQueries(family, values, QUERIES), QUERIES).map((query) => {
          const truth = exact(fixture, query, 10);
          return findByCodes(fixture, query, 10).rows.filter((row) => truth.rows.includes(row)).length / truth.rows.length;
        });
        expect(mean(shares), family.name).toBeGreaterThanOrEqual(0.9);
      }
    }, 60_000);
  }
});
describe('lists whose codes rank wrongly are kept without codes', () => {
  const ivf = {
    IVF_FLAT: { build: { kind: 'IVF_FLAT', nlist: 64 }, floor: 1 },
    IVF_SQ8: { build: { kind: 'IVF_SQ8', nlist: 64 }, floor: 0.95 },
    // One codeword for each four dims: as far as these go.
    IVF_PQ: { build: { kind: 'IVF_PQ', nlist: 64, m: 4, nbits: 8 }, floor: 0.7 },
    // A sign errs in proportion to the length, and inner products prefer the long.
    IVF_RABITQ: { build: { kind: 'IVF_RABITQ', nlist: 64, ...refined }, floor: 0.75 },
    SCANN: { build: { kind: 'SCANN', nlist: 64, withRawData: true }, floor: 0.8 },
  } as const;
  for (const [name, { build: params, floor }] of Object.entries(ivf)) {
    for (const metric of ['L2', 'IP'] as const) {
      test(`${name}, ${metric}`, async () => {
        for (const family of [...long, familyNamed('lengths lognormal'), familyNamed('one dim x 1000')]) {
          const values = family.make(ROWS, 7);
          const fixture = await build(values, family.dim, metric, { build: params });
          const queries = queriesOf(fixture, freshQueries(family, values, QUERIES), QUERIES);
          // All lists: what is missed is the codes' fault.
          expect(unevenRecall(fixture, queries, 10, { params: { nprobe: 64 } }), family.name).toBeGreaterThanOrEqual(floor);
          if (metric === 'L2')
            expect(unevenRecall(fixture, queries, 10, { params: { nprobe: 16 } }), family.name).toBeGreaterThanOrEqual(floor * 0.8);
        }
      }, 60_000);
    }
  }
});
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
describe('codes that cannot tell rows apart are not taken', () => {
  const uneven = ['one dim x 1000', 'far from the origin', 'constant dims', 'tiny', 'huge', 'zero dims'];
  for (const name of ['HNSW', 'HNSW_SQ SQ4U', 'HNSW_SQ BF16', 'QG'] as const) {
    test(name, async () => {
      for (const family of unevenFamilies.filter((one) => uneven.includes(one.name))) {
        for (const metric of ['L2', 'COSINE'] as const) {
          expect(await recallOf(family, name, metric), `${family.name}, ${metric}`).toBeGreaterThanOrEqual(0.9);
        }
      }
    }, 60_000);
  }
});
