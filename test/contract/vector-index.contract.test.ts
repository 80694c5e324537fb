// What every vector index promises, whatever its family: built, encoded, loaded and searched it finds the nearest rows, keeps to filters,
// takes few rows and large k, and refuses a damaged block. Exact search of the same rows is the measure.
import { describe, expect, test } from 'vitest';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import { loadVectorIndex } from '#index/vector-indexes.js';
import type { BuildParams } from '#model/params/index-types.js';
import {
  bits,
  build,
  clustered,
  countClear,
  exact,
  type Fixture,
  find,
  queriesOf,
  recall,
  workers,
} from '../support/vector-index.js';

const DIM = 16;
const graph = { M: 8, efConstruction: 60 } as const;
const refine = { refine: true, refineType: 'FP32' } as const;
interface Kind {
  readonly build: BuildParams;
  /** Share of the ten nearest that is found at the widths below. */
  readonly recallMin: number;
  /** Scores are those of the vectors, not of codes. */
  readonly isExact: boolean;
}

const kinds = {
  HNSW: { build: { kind: 'HNSW', ...graph }, recallMin: 0.99, isExact: true },
  HNSW_SQ: { build: { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', ...refine }, recallMin: 0.99, isExact: true },
  HNSW_PQ: {
    build: { kind: 'HNSW_PQ', ...graph, m: 8, nbits: 6, ...refine },
    recallMin: 0.95,
    isExact: true,
  },
  HNSW_PRQ: {
    build: { kind: 'HNSW_PRQ', ...graph, m: 8, nbits: 6, nrq: 2, ...refine },
    ...{ recallMin: 0.95, isExact: true },
  },
  QG: { build: { kind: 'QG', M: 16, efConstruction: 60, bits: 2 }, recallMin: 0.95, isExact: true },
  IVF_FLAT: { build: { kind: 'IVF_FLAT', nlist: 8 }, recallMin: 1, isExact: true },
  IVF_SQ8: { build: { kind: 'IVF_SQ8', nlist: 8 }, recallMin: 0.9, isExact: false },
  IVF_PQ: { build: { kind: 'IVF_PQ', nlist: 8, m: 8, nbits: 6 }, recallMin: 0.5, isExact: false },
  IVF_RABITQ: { build: { kind: 'IVF_RABITQ', nlist: 8, ...refine }, recallMin: 0.95, isExact: true },
  SCANN: { build: { kind: 'SCANN', nlist: 8, withRawData: true }, recallMin: 0.99, isExact: true },
} as const satisfies Record<string, Kind>;
const WIDE = { ef: 200, nprobe: 8, refineK: 10, reorderK: 200 };
const METRICS = ['L2', 'IP', 'COSINE'] as const;

const search = (fixture: Fixture, values: Float32Array, k: number, excluded?: Uint8Array): number[] => {
  const [query = new Uint8Array(0)] = queriesOf(fixture, values, 1);
  const passing = excluded === undefined ? {} : { passing: countClear(excluded, fixture.spec.rowCount) };
  return [...find(fixture, query, k, { params: WIDE, ...(excluded && { excluded }), ...passing }).rows];
};

describe.each(Object.entries(kinds))('vector index %s', (name, { build: params, recallMin, isExact }) => {
  const make = (values: Float32Array, metric: (typeof METRICS)[number] = 'L2'): Promise<Fixture> =>
    build(values, DIM, metric, { build: params, seed: 5, threads: 1 });

  test.each(METRICS)('finds the nearest (%s), with the scores of exact search', async (metric) => {
    const values = clustered(800, DIM, 11);
    const fixture = await make(values, metric);
    const queries = queriesOf(fixture, clustered(12, DIM, 11), 12);
    expect(recall(fixture, queries, 10, { params: WIDE })).toBeGreaterThanOrEqual(recallMin);
    if (!isExact) return;
    const [query = new Uint8Array(0)] = queries;
    const truth = exact(fixture, query, 800);
    const scoreOf = new Map([...truth.rows].map((row, i) => [row, truth.scores[i] ?? 0]));
    const found = find(fixture, query, 10, { params: WIDE });
    found.rows.forEach((row, i) => {
      expect(found.scores[i]).toBeCloseTo(scoreOf.get(row) ?? Number.NaN, 3);
    });
  });

  test('is the same block after reading and writing', async () => {
    const { block } = await make(clustered(300, DIM, 3));
    const { meta, sections } = decodeIndexBlock(block);
    expect(meta).toMatchObject({
      indexType: name,
      metric: 'L2',
      elementType: 'float32',
      dim: DIM,
      rowCount: 300,
    });
    expect(encodeIndexBlock(meta, sections)).toEqual(block);
  });

  test('keeps to filters that leave half, one row and none', async () => {
    const values = clustered(400, DIM, 7);
    const fixture = await make(values);
    const half = search(
      fixture,
      values,
      10,
      bits(400, (row) => row % 2 === 0),
    );
    expect(half.length).toBe(10);
    expect(half.filter((row) => row % 2 === 0)).toEqual([]);
    expect(
      search(
        fixture,
        values,
        10,
        bits(400, (row) => row !== 217),
      ),
    ).toEqual([217]);
    expect(
      search(
        fixture,
        values,
        10,
        bits(400, () => true),
      ),
    ).toEqual([]);
  });

  test.each([1, 2, 5])('takes %i rows and a k above them, each row once', async (rows) => {
    const values = clustered(rows, DIM, 9);
    const found = search(await make(values), values, rows + 20);
    expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, row) => row));
  });

  test('takes no rows', async () => {
    const fixture = await make(new Float32Array(0));
    expect(search(fixture, clustered(1, DIM, 1), 5)).toEqual([]);
  });

  test('takes copies of one vector', async () => {
    const values = Float32Array.from({ length: 200 * DIM }, (_, i) => (i % DIM) / 8);
    const found = search(await make(values), values, 10);
    expect(new Set(found).size).toBe(10);
  });

  test('refuses a damaged block', async () => {
    const { block } = await make(clustered(200, DIM, 13));
    for (const at of [0, 4, 7, 14, 40, block.length >> 1, block.length - 70]) {
      const damaged = Uint8Array.from(block, (byte, i) => (i === at ? byte ^ 0x40 : byte));
      expect(() => loadVectorIndex(workers, damaged, 'damaged'), `byte ${at}`).toThrow(/damaged/);
    }
    for (const length of [0, 15, 64, block.length - 64])
      expect(() => loadVectorIndex(workers, block.slice(0, length), 'cut'), `${length} bytes`).toThrow(/cut/);
  });
});
