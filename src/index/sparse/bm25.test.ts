// BM25 by the index, and by scans without one, against a slow reckoning; statistics of both; damaged lengths.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextBelow, nextFloat, seededRandom } from '#base/random.js';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import { DATA_OFFSET } from '#index/block/region-layout.js';
import { type Bm25, bm25Norm, bm25Weight } from './bm25.js';
import { bm25IndexStatistics, bm25RowStatistics } from './bm25-statistics.js';
import { loadSparseIndex, sparseBuild } from './sparse-index.js';
import { sparseScan } from './sparse-scan.js';
import { sparseSearch } from './sparse-search.js';

/** Words by number, and how often each comes. */
type Row = readonly (readonly [word: number, count: number])[];

const memoryOf = (bytes: number) =>
  new WebAssembly.Memory({ initial: Math.ceil(bytes / 65_536) + 1, maximum: 65_535, shared: true });
const workers = {
  parallelism: 1,
  allocate: (bytes: number) => ({ memory: memoryOf(bytes) }),
  release: () => {},
  run: () => Promise.reject(new Error('not in this test')),
};

/** Rows as an index is built of them. */
function columnOf(rows: readonly Row[]): { readonly data: Uint8Array; readonly offsets: Uint8Array } {
  const words = new Uint32Array(rows.reduce((sum, row) => sum + row.length * 2, 0));
  const floats = new Float32Array(words.buffer);
  const offsets = new Uint32Array(rows.length + 1);
  let at = 0;
  for (const [row, pairs] of rows.entries()) {
    for (const [word, count] of pairs) {
      words[at++] = word;
      floats[at++] = count;
    }
    offsets[row + 1] = at * 4;
  }
  return { data: bytesView(words), offsets: bytesView(offsets) };
}

/** A count before the pairs of each. */
function packed(rows: readonly Row[]): Uint8Array {
  const words = new Uint32Array(rows.reduce((sum, row) => sum + 1 + row.length * 2, 0));
  const floats = new Float32Array(words.buffer);
  let at = 0;
  for (const pairs of rows) {
    words[at++] = pairs.length;
    for (const [word, value] of pairs) {
      words[at++] = word;
      floats[at++] = value;
    }
  }
  return bytesView(words);
}

const blockOf = (rows: readonly Row[]) =>
  sparseBuild({ ...columnOf(rows), metric: 'BM25', algorithm: 'DAAT_WAND' });
const isSet = (bits: Uint8Array, row: number): boolean => (((bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;

const word = fc.integer({ min: 0, max: 12 }).map((at) => (at * 300_000_011) % 4_294_967_295);
const row = fc
  .uniqueArray(fc.tuple(word, fc.integer({ min: 1, max: 6 })), { maxLength: 8, selector: ([at]) => at })
  .map((pairs): Row => pairs.sort(([a], [b]) => a - b));
const cases = fc.record({
  rows: fc.array(row, { minLength: 1, maxLength: 150 }),
  query: row,
  hidden: fc.array(fc.boolean(), { maxLength: 150 }),
  k1: fc.double({ min: 0, max: 3, noNaN: true }),
  b: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('BM25', () => {
  it('finds and counts the same by the index, by scans, and by reckoning', () => {
    fc.assert(
      fc.property(cases, ({ rows, query, hidden, k1, b }) => {
        const excluded = new Uint8Array(Math.ceil(rows.length / 8));
        for (const at of rows.keys())
          if (hidden[at]) excluded[at >> 3] = (excluded[at >> 3] ?? 0) | (1 << (at & 7));
        const counted = rows.map((pairs, at) => ({ pairs, at })).filter(({ at }) => !isSet(excluded, at));
        const lengthOf = (pairs: Row): number => pairs.reduce((sum, [, count]) => sum + count, 0);
        const totalLength = counted.reduce((sum, { pairs }) => sum + lengthOf(pairs), 0);
        const terms = Uint32Array.from(query, ([at]) => at);
        const frequencies = Uint32Array.from(
          terms,
          (term) => counted.filter(({ pairs }) => pairs.some(([at]) => at === term)).length,
        );

        const { region, placement } = loadSparseIndex(workers, decodeIndexBlock(blockOf(rows)), 1);
        const scanned = packed(rows);
        const memory = memoryOf(DATA_OFFSET + scanned.length);
        new Uint8Array(memory.buffer, DATA_OFFSET).set(scanned);
        const range = { offset: DATA_OFFSET, rowBegin: 0, rowEnd: rows.length };
        const expected = { frequencies, totalLength };
        expect(
          bm25IndexStatistics({ index: placement, terms, excluded }, { memories: [region.memory] }),
        ).toEqual(expected);
        expect(bm25RowStatistics({ ...range, terms, excluded }, { memories: [memory] })).toEqual(expected);
        const bare = bm25RowStatistics({ ...range, terms }, { memories: [memory] });
        expect(bm25IndexStatistics({ index: placement, terms }, { memories: [region.memory] })).toEqual(bare);

        const bm25: Bm25 = { k1, b, meanLength: counted.length === 0 ? 0 : totalLength / counted.length };
        const weights = query.map(([at, count], place): [number, number] => [
          at,
          Math.fround(bm25Weight({ rows: counted.length, frequency: frequencies[place] ?? 0, count }, k1)),
        ]);
        const norm = bm25Norm(bm25);
        const hits = counted
          .map(({ pairs, at }) => {
            let score = 0;
            for (const [term, weight] of weights) {
              const count = pairs.find(([one]) => one === term)?.[1] ?? 0;
              if (count > 0) score += (weight * count) / (count + norm.base + norm.slope * lengthOf(pairs));
            }
            return { at, score };
          })
          .filter(({ score }) => score > 0)
          .sort((one, other) => other.score - one.score || one.at - other.at)
          .slice(0, 10);
        const search = { queries: packed([weights]), k: 10, excluded, bm25: norm };
        const byIndex = sparseSearch(
          { ...search, index: placement, dropRatio: 0.5 },
          { memories: [region.memory] },
        );
        const byScan = sparseScan({ ...search, ...range }, { memories: [memory] });
        expect(byScan).toEqual(byIndex);
        expect([...byIndex.scores]).toEqual(hits.map(({ score }) => expect.closeTo(score, 5)));
      }),
      { numRuns: 300 },
    );
  });

  it('crosses windows of rows', () => {
    const rows = Array.from(
      { length: 10_000 },
      (_, at): Row => [
        [at % 3, 1 + (at % 5)],
        [7, 1],
      ],
    );
    const { region, placement } = loadSparseIndex(workers, decodeIndexBlock(blockOf(rows)), 1);
    const bm25 = bm25Norm({ k1: 1.2, b: 0.75, meanLength: 4 });
    const queries = packed([
      [
        [1, 2],
        [7, 0.5],
      ],
    ]);
    const found = sparseSearch({ index: placement, queries, k: 10_000, bm25 }, { memories: [region.memory] });
    const memory = memoryOf(DATA_OFFSET + packed(rows).length);
    new Uint8Array(memory.buffer, DATA_OFFSET).set(packed(rows));
    const scan = { offset: DATA_OFFSET, rowBegin: 0, rowEnd: rows.length, queries, k: 10_000, bm25 };
    expect(found.counts[0]).toBe(10_000);
    expect(sparseScan(scan, { memories: [memory] })).toEqual(found);
  });

  it('finds the same whichever lists are left out or gone through by rows, with ties, filters and ranges', () => {
    const random = seededRandom(11);
    const shares = [0.6, 0.2, 0.05, 0.01, 0.0005];
    const rows = Array.from({ length: 20_000 }, (): Row => {
      const found = shares.flatMap((share, at) =>
        nextFloat(random) < share ? [[at, 1 + nextBelow(random, 2)] as const] : [],
      );
      return [...found, [90 + nextBelow(random, 3), 1 + nextBelow(random, 30)]];
    });
    const { region, placement } = loadSparseIndex(workers, decodeIndexBlock(blockOf(rows)), 1);
    const scanned = packed(rows);
    const memory = memoryOf(DATA_OFFSET + scanned.length);
    new Uint8Array(memory.buffer, DATA_OFFSET).set(scanned);
    const scan = { offset: DATA_OFFSET, rowBegin: 0, rowEnd: rows.length };
    const excluded = Uint8Array.from({ length: rows.length / 8 }, () => nextBelow(random, 256));
    const bm25 = bm25Norm({ k1: 1.2, b: 0.75, meanLength: 17.3 });
    for (let subset = 1; subset < 32; subset++) {
      const words = shares.flatMap((share, at): [number, number][] =>
        (subset >> at) & 1
          ? [[at, bm25Weight({ rows: rows.length, frequency: share * rows.length, count: 1 }, 1.2)]]
          : [],
      );
      for (const more of [{ k: 1 }, { k: 10, excluded }, { k: 3000 }, { k: 50, radius: 1, rangeFilter: 3 }]) {
        const search = { queries: packed([words]), bm25, ...more };
        const found = sparseSearch({ ...search, index: placement }, { memories: [region.memory] });
        expect(found, `words ${subset}, k ${more.k}`).toEqual(
          sparseScan({ ...search, ...scan }, { memories: [memory] }),
        );
      }
    }
  });

  it('weighs a word more the rarer it is, and never as nothing', () => {
    const weights = [0, 1, 50, 99, 100].map((frequency) =>
      bm25Weight({ rows: 100, frequency, count: 1 }, 1.2),
    );
    expect(weights).toEqual([...weights].sort((one, other) => other - one));
    expect(weights.at(-1)).toBeGreaterThan(0);
  });

  it('refuses lengths that are not those of the rows, and an index without them', () => {
    const { meta, sections } = decodeIndexBlock(
      blockOf([
        [
          [1, 2],
          [5, 1],
        ],
        [[5, 4]],
      ]),
    );
    const load = (change: Uint8Array, params = meta.params) =>
      loadSparseIndex(
        workers,
        decodeIndexBlock(encodeIndexBlock({ ...meta, params }, new Map([...sections, ['lengths', change]]))),
        1,
      );
    expect(() => load(bytesView(Uint32Array.of(3, 5)))).toThrow(/rows of a wrong length/);
    expect(() => load(bytesView(Uint32Array.of(3)))).toThrow(/lengths/);
    expect(() => load(bytesView(Uint32Array.of(3, 4)), { ...meta.params, tokens: 8 })).toThrow(
      /wrong number of words/,
    );
    const { region, placement } = loadSparseIndex(
      workers,
      decodeIndexBlock(sparseBuild({ ...columnOf([[[1, 2]]]), metric: 'IP', algorithm: 'DAAT_WAND' })),
      1,
    );
    const search = { index: placement, queries: packed([[[1, 1]]]), k: 1, bm25: { base: 1, slope: 1 } };
    expect(() => sparseSearch(search, { memories: [region.memory] })).toThrow(/without lengths/);
  });
});
