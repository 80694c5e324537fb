// Rows of which hundreds have one vector, as writes in batches leave them: each type of index over them, beside an exact search. Rows at
// equal distances count alike.
import { describe, expect, test } from 'vitest';
import { must } from '#base/assert.js';
import { crc32 } from '#base/crc32.js';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { loadDiskIndex } from '#index/disk/disk-index.js';
import { decodeDiskHead, pageOf, recordAt, SECTOR_BYTES } from '#index/disk/disk-layout.js';
import type { BuildParams } from '#model/params/index-types.js';
import { buildDisk, type DiskFixture, pagesOfFile, searchDisk } from '../../test/support/disk-index.js';
import { findByCodes } from '../../test/support/graph-codes.js';
import { findGrowing, growGraph } from '../../test/support/growing-graph.js';
import { shareNear } from '../../test/support/uneven-recall.js';
import {
  bits,
  build,
  clustered,
  countClear,
  exact,
  type Fixture,
  find,
  random,
  workers,
} from '../../test/support/vector-index.js';

const DIM = 16;
const VECTORS = 55;
const COPIES = 200;
const ROWS = VECTORS * COPIES;

type Rest = Pick<Partial<IndexSearchInput>, 'excluded' | 'passing' | 'radius' | 'rangeFilter'>;
interface Type {
  make(values: Float32Array): Promise<Fixture>;
  search(
    fixture: Fixture,
    query: Uint8Array,
    k: number,
    rest: Rest,
  ): IndexSearchOutput | Promise<IndexSearchOutput>;
}

const made = (params: BuildParams): Type => ({
  make: (values) => build(values, DIM, 'L2', { build: params }),
  search: (fixture, query, k, rest) => find(fixture, query, k, rest),
});
const graph = { M: 16, efConstruction: 80 } as const;
const refined = { refine: true, refineType: 'FP32' } as const;
const types: Readonly<Record<string, Type>> = {
  HNSW: made({ kind: 'HNSW', ...graph }),
  HNSW_SQ: made({ kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', ...refined }),
  'HNSW_SQ without refine': {
    make: (values) =>
      build(values, DIM, 'L2', {
        build: { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', refine: false, refineType: 'FP32' },
      }),
    search: (fixture, query, k, rest) => findByCodes(fixture, query, k, rest),
  },
  QG: made({ kind: 'QG', ...graph, bits: 2 }),
  HNSW_PQ: made({ kind: 'HNSW_PQ', ...graph, m: 8, nbits: 8, ...refined }),
  HNSW_PRQ: made({ kind: 'HNSW_PRQ', ...graph, m: 8, nbits: 8, nrq: 2, ...refined }),
  DISKANN: {
    make: (values) => buildDisk(values, DIM, 'L2', { maxDegree: 56, searchListSize: 100 }),
    search: (fixture, query, k, rest) => searchDisk(fixture as DiskFixture, query, k, rest),
  },
  growing: {
    make: (all) => growGraph(all, DIM, 'L2'),
    search: (fixture, query, k, rest) => findGrowing(fixture, query, k, rest),
  },
};

/** Batches one after the other, each of one vector. */
const values = ((): Float32Array => {
  const next = random(3);
  const out = new Float32Array(ROWS * DIM);
  for (let vector = 0; vector < VECTORS; vector++) {
    const one = Float32Array.from({ length: DIM }, () => next() * 2 - 1);
    for (let copy = 0; copy < COPIES; copy++) out.set(one, (vector * COPIES + copy) * DIM);
  }
  return out;
})();

const queries = ((): Uint8Array[] => {
  const next = random(7);
  return Array.from(
    { length: 16 },
    () => new Uint8Array(Float32Array.from({ length: DIM }, () => next() * 2 - 1).buffer),
  );
})();

/** Squared distances in float64, of each row to each query. */
const distances = queries.map((query) => {
  const asked = new Float32Array(query.buffer);
  return Float64Array.from({ length: ROWS }, (_, row) =>
    asked.reduce((sum, value, d) => sum + (value - (values[row * DIM + d] as number)) ** 2, 0),
  );
});

const isOut = (excluded: Uint8Array, row: number): boolean =>
  ((excluded[row >> 3] as number) & (1 << (row & 7))) !== 0;

describe('each type of graph over hundreds of copies of each vector', () => {
  for (const [name, type] of Object.entries(types)) {
    test(name, async () => {
      const fixture = await type.make(values);
      const recallOf = async (k: number, rest: Rest): Promise<number> => {
        let sum = 0;
        for (const [i, query] of queries.entries()) {
          const { rows } = await type.search(fixture, query, k, rest);
          expect(new Set(rows).size).toBe(rows.length);
          if (rest.excluded) for (const row of rows) expect(isOut(rest.excluded, row)).toBe(false);
          const all = distances[i] as Float64Array;
          const truth = exact(fixture, query, k, rest);
          const of = (found: Uint32Array): number[] => Array.from(found, (row) => all[row] as number);
          sum += shareNear(of(rows), of(truth.rows), false);
        }
        return sum / queries.length;
      };
      const found: Record<string, number> = { 10: await recallOf(10, {}), 500: await recallOf(500, {}) };
      // A few copies of each count, or none.
      for (const share of [0.002, 0.05, 0.5, 0.9]) {
        const next = random(Math.round(share * 1000));
        const excluded = bits(ROWS, () => next() >= share);
        found[`${share} count`] = await recallOf(10, { excluded, passing: countClear(excluded, ROWS) });
      }
      // No row of the first half counts, and not the first of the other vectors.
      const excluded = bits(ROWS, (row) => row < ROWS / 2 || row % COPIES === 0);
      found['not the first'] = await recallOf(300, { excluded, passing: countClear(excluded, ROWS) });
      const sorted = Float64Array.from(distances[0] as Float64Array).sort();
      // From the middle of two distances to the middle of two others: three vectors lie between.
      const between = (group: number): number =>
        ((sorted[group * COPIES - 1] as number) + (sorted[group * COPIES] as number)) / 2;
      const range = { radius: between(5), rangeFilter: between(2) };
      const within = await type.search(fixture, queries[0] as Uint8Array, ROWS, range);
      found.range = within.rows.length / (3 * COPIES);
      expect(Object.entries(found).filter(([, recall]) => !(recall >= 0.95 && recall <= 1))).toEqual([]);
    }, 120_000);
  }
});

describe('lists of which one holds half of all rows, equal ones', () => {
  const [rowCount, nlist] = [4000, 64];
  const half = clustered(rowCount, DIM, 5);
  const next = random(3);
  for (let row = 1; row < rowCount; row++) if (next() < 0.5) half.copyWithin(row * DIM, 0, DIM);
  const asked = Array.from({ length: 40 }, (_, i) =>
    half.slice(i * 97 * DIM, (i * 97 + 1) * DIM).map((v) => v + 0.1),
  );
  const lists: readonly BuildParams[] = [
    { kind: 'IVF_FLAT', nlist },
    { kind: 'IVF_SQ8', nlist },
    { kind: 'IVF_PQ', nlist, m: 8, nbits: 8 },
    { kind: 'IVF_RABITQ', nlist, ...refined },
    { kind: 'SCANN', nlist, withRawData: true },
  ];
  for (const params of lists)
    test(params.kind, async () => {
      const fixture = await build(half, DIM, 'L2', { build: params });
      let [sum, computed] = [0, 0];
      for (const query of asked) {
        const bytes = new Uint8Array(query.buffer);
        const hits = find(fixture, bytes, 10, { params: { nprobe: 8 } });
        sum += shareNear(hits.scores, exact(fixture, bytes, 10).scores, false);
        computed += hits.computed ?? 0;
      }
      expect(sum / asked.length).toBeGreaterThan(0.95);
      // Those that ask for the equal ones look at half of the rows, others at few.
      expect(computed / asked.length).toBeLessThan(rowCount);
    });
});

describe('records of a disk index over copies', () => {
  test('are one a vector, and zeros of either sign stay as they are', async () => {
    const signed = values.slice();
    // The second half of each batch has a zero of the other sign.
    for (let row = 0; row < ROWS; row++) signed[row * DIM] = row % COPIES < COPIES / 2 ? 0 : -0;
    const { disk, file } = await buildDisk(signed, DIM, 'L2');
    expect(disk.params.nodes).toBe(2 * VECTORS);
    expect(disk.nullBits).toBeUndefined();
    const pages = pagesOfFile(disk, file, () => false);
    for (let row = 0; row < ROWS; row += 7) {
      const node = must(disk.nodeOf, 'map')[row] as number;
      const page = pages.page(pageOf(disk.layout, node)) as Uint8Array;
      const at = page.byteOffset + recordAt(disk.layout, node) + disk.layout.links * 4;
      const vector = new Float32Array(page.buffer, at, DIM);
      expect([...vector]).toEqual([...signed.subarray(row * DIM, (row + 1) * DIM)]);
    }
  });
  test('rows without a vector have none', async () => {
    const without = bits(ROWS, (row) => row % 3 === 0);
    const { disk } = await buildDisk(values, DIM, 'L2', { without });
    expect(disk.params.nodes).toBe(VECTORS);
    expect(disk.nullBits).toEqual(without);
  });
  test('copies that do not hold together are refused', async () => {
    const { file } = await buildDisk(values, DIM, 'L2');
    // A program of before would take the copies for rows without a vector.
    const different = await buildDisk(
      values.slice(0, DIM * 3).map((value, at) => value + at),
      DIM,
      'L2',
    );
    expect(
      [file, different.file].map((one) => new DataView(one.buffer, one.byteOffset).getUint32(4, true)),
    ).toEqual([2, 1]);
    const head = decodeDiskHead(file.slice(0, SECTOR_BYTES), 'test', crc32);
    const { meta, sections } = decodeIndexBlock(file.slice(SECTOR_BYTES, SECTOR_BYTES + head.blockBytes));
    const [first, second] = [0, COPIES];
    const changes: [section: string, at: number, value: number][] = [
      ['copied', 0, ROWS],
      ['copied', 0, 1],
      ['copyEnds', 0, 0],
      ['copyEnds', 0, ROWS],
      ['copies', 0, ROWS],
      ['copies', 0, first],
      ['copies', 0, second],
      ['copies', 0, 2],
    ];
    for (const [section, at, value] of changes) {
      const damaged = must(sections.get(section), section).slice();
      new DataView(damaged.buffer).setUint32(at, value, true);
      const block = encodeIndexBlock(meta, new Map([...sections, [section, damaged]]));
      expect(() => loadDiskIndex(workers, head, block, 'test'), `${section} ${value}`).toThrow(
        expect.objectContaining({ key: 'data_corrupt' }),
      );
    }
  });
});
