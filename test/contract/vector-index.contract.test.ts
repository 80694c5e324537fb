// What every vector index promises, whatever its family: built, encoded, loaded and searched it finds the nearest rows, keeps to filters,
// takes few rows and large k, and refuses a damaged file. Exact search of the same rows is the measure. `support/index-kinds.ts` has the
// kinds behind one face; a new one is a line in the table.
import { describe, expect, test } from 'vitest';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import { indexTypeNames, indexTypeSpec } from '#model/params/index-types.js';
import {
  binaryIvf,
  coded,
  DIM,
  dense,
  disk,
  type IndexKind,
  minhash,
  sparse,
} from '../support/index-kinds.js';
import { bits, clustered } from '../support/vector-index.js';

const graph = { M: 8, efConstruction: 60 } as const;
const refine = { refine: true, refineType: 'FP32' } as const;
const kinds: Readonly<Record<string, IndexKind>> = {
  HNSW: dense({ kind: 'HNSW', ...graph }, 0.99),
  HNSW_SQ: dense({ kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', ...refine }, 0.99),
  'HNSW_SQ by codes': coded,
  HNSW_PQ: dense({ kind: 'HNSW_PQ', ...graph, m: 8, nbits: 6, ...refine }, 0.95),
  HNSW_PRQ: dense({ kind: 'HNSW_PRQ', ...graph, m: 8, nbits: 6, nrq: 2, ...refine }, 0.95),
  QG: dense({ kind: 'QG', M: 16, efConstruction: 60, bits: 2 }, 0.95),
  IVF_FLAT: dense({ kind: 'IVF_FLAT', nlist: 8 }, 1),
  IVF_SQ8: dense({ kind: 'IVF_SQ8', nlist: 8 }, 0.9, false),
  IVF_PQ: dense({ kind: 'IVF_PQ', nlist: 8, m: 8, nbits: 6 }, 0.5, false),
  IVF_RABITQ: dense({ kind: 'IVF_RABITQ', nlist: 8, ...refine }, 0.95),
  SCANN: dense({ kind: 'SCANN', nlist: 8, withRawData: true }, 0.99),
  DISKANN: disk,
  BIN_IVF_FLAT: binaryIvf,
  MINHASH_LSH: minhash,
  SPARSE_INVERTED_INDEX: sparse,
};
/** Exact search, which has a suite of its own, and what stands for one of the others. */
const others = ['FLAT', 'BIN_FLAT', 'AUTOINDEX'];

const isAscending = (metric: string): boolean => ['L2', 'HAMMING', 'JACCARD'].includes(metric);
const rowOf = (values: Float32Array, row: number): Float32Array =>
  values.subarray(row * DIM, (row + 1) * DIM);

test('every index type that can be built is in the suite', () => {
  const built = new Set<string>(indexTypeNames.map((type) => indexTypeSpec(type).builtAs));
  expect([...built].filter((type) => !(type in kinds) && !others.includes(type))).toEqual([]);
});

const cases = Object.entries(kinds);
describe.each(cases)(
  'vector index %s',
  (_name, { metrics, meta: described, recallMin, isExact, ...kind }) => {
    const [first = ''] = metrics;
    const make = (values: Float32Array, metric = first) => kind.make(values, metric);

    test.each(metrics)('finds the nearest (%s), with the scores of exact search', async (metric) => {
      const values = clustered(800, DIM, 11);
      const built = await make(values, metric);
      let [found, wanted] = [0, 0];
      for (let q = 0; q < 12; q++) {
        const truth = built.exact(rowOf(values, q));
        const scoreOf = new Map([...truth.rows].map((row, i) => [row, truth.scores[i] ?? 0]));
        // Rows that are as near as the tenth are among the ten nearest, too.
        const tenth = truth.scores[9] ?? Number.NaN;
        const isNear = (score: number): boolean =>
          isAscending(metric) ? score <= tenth + 1e-4 : score >= tenth - 1e-4;
        const { rows, scores } = await built.search(rowOf(values, q), 10);
        wanted += 10;
        found += [...rows].filter((row) => isNear(scoreOf.get(row) ?? Number.NaN)).length;
        if (!isExact) continue;
        for (const [i, row] of rows.entries())
          expect(scores[i]).toBeCloseTo(scoreOf.get(row) ?? Number.NaN, 3);
      }
      expect(found / wanted).toBeGreaterThanOrEqual(recallMin);
    });

    test('is the same block after reading and writing', async () => {
      const { block } = await make(clustered(300, DIM, 3));
      const { meta, sections } = decodeIndexBlock(block);
      expect(meta).toMatchObject({ ...described, metric: first, rowCount: 300 });
      expect(encodeIndexBlock(meta, sections)).toEqual(block);
    });

    test('keeps to filters that leave half, one row and none', async () => {
      const values = clustered(400, DIM, 7);
      const built = await make(values);
      const search = async (isExcluded: (row: number) => boolean): Promise<number[]> => [
        ...(await built.search(rowOf(values, 0), 10, bits(400, isExcluded))).rows,
      ];
      const half = await search((row) => row % 2 === 0);
      expect(half.length).toBe(10);
      expect(half.filter((row) => row % 2 === 0)).toEqual([]);
      expect(await search((row) => row !== 217)).toEqual([217]);
      expect(await search(() => true)).toEqual([]);
    });

    test.each([1, 2, 5])('takes %i rows and a k above them, each row once', async (rows) => {
      const values = clustered(rows, DIM, 9);
      const { rows: found } = await (await make(values)).search(rowOf(values, 0), rows + 20);
      expect([...found].sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, row) => row));
    });

    test('takes no rows', async () => {
      const built = await make(new Float32Array(0));
      expect([...(await built.search(clustered(1, DIM, 1), 5)).rows]).toEqual([]);
    });

    test('takes copies of one vector', async () => {
      const values = Float32Array.from({ length: 200 * DIM }, (_, i) => (i % DIM) / 8);
      const { rows } = await (await make(values)).search(rowOf(values, 0), 10);
      expect(new Set(rows).size).toBe(10);
    });

    test('refuses a damaged file', async () => {
      const { file, block } = await make(clustered(200, DIM, 13));
      // A file of pages begins with a sector of its own; its pages are checked when they are read.
      const begin = file.length === block.length ? 0 : 4096;
      const inBlock = [0, 4, 7, 14, 40, block.length >> 1, block.length - 70].map((at) => begin + at);
      for (const at of new Set([0, 4, 14, ...inBlock])) {
        const damaged = Uint8Array.from(file, (byte, i) => (i === at ? byte ^ 0x40 : byte));
        expect(() => kind.load(damaged, 'damaged'), `byte ${at}`).toThrow(/damaged/);
      }
      for (const length of [0, 15, 64, begin + block.length - 64])
        expect(() => kind.load(file.slice(0, length), 'cut'), `${length} bytes`).toThrow(/cut/);
    });
  },
);
