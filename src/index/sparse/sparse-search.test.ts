// Every algorithm of the sparse index, and the scan without one, against brute force; damaged blocks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import { DATA_OFFSET } from '#index/block/region-layout.js';
import { loadSparseIndex, SPARSE_TERMS_MAX, sparseBuild } from './sparse-index.js';
import { dropSmallest } from './sparse-query.js';
import { sparseScan } from './sparse-scan.js';
import { type SparseSearchInput, sparseAlgorithms, sparseSearch } from './sparse-search.js';

type Row = ReadonlyMap<number, number>;
interface Hit {
  readonly row: number;
  readonly score: number;
}

const bytesOfRow = (row: Row): Uint8Array => {
  const view = new DataView(new ArrayBuffer(row.size * 8));
  [...row]
    .sort(([a], [b]) => a - b)
    .forEach(([index, value], at) => {
      view.setUint32(at * 8, index, true);
      view.setFloat32(at * 8 + 4, value, true);
    });
  return new Uint8Array(view.buffer);
};

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const withCount = (row: Row): Uint8Array =>
  concat([new Uint8Array(Uint32Array.of(row.size).buffer), bytesOfRow(row)]);
const pack = (rows: readonly Row[]): Uint8Array => concat(rows.map(withCount));
function build(rows: readonly Row[]): Uint8Array {
  const parts = rows.map(bytesOfRow);
  const offsets = new Uint32Array(rows.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = (offsets[row] as number) + part.length;
  });
  return sparseBuild({
    data: concat(parts),
    offsets: new Uint8Array(offsets.buffer),
    metric: 'IP',
    algorithm: 'DAAT_MAXSCORE',
  });
}

const released: object[] = [];
const workers = {
  parallelism: 1,
  allocate: (bytes: number) => ({
    memory: new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536), maximum: 65535, shared: true }),
  }),
  release: (region: object) => void released.push(region),
  run: () => Promise.reject(new Error('not in this test')),
};

const load = (block: Uint8Array) => loadSparseIndex(workers, decodeIndexBlock(block), 2);
const hitsOf = ({
  counts,
  rows,
  scores,
}: {
  counts: Uint32Array;
  rows: Uint32Array;
  scores: Float32Array;
}): Hit[][] => {
  let at = 0;
  return Array.from(counts, (count) =>
    Array.from({ length: count }, () => ({ row: rows[at] as number, score: scores[at++] as number })),
  );
};

interface Options {
  readonly k: number;
  readonly excluded?: Uint8Array;
  readonly radius?: number;
  readonly rangeFilter?: number;
}

const isExcluded = (bits: Uint8Array | undefined, row: number): boolean =>
  ((bits?.[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
function oracle(rows: readonly Row[], queries: readonly Row[], options: Options): Hit[][] {
  return queries.map((query) => {
    const hits: Hit[] = [];
    for (const [row, values] of rows.entries()) {
      let sum = 0;
      for (const [index, weight] of query) sum += Math.fround(weight) * Math.fround(values.get(index) ?? 0);
      const score = Math.fround(sum);
      if (
        !(score > Math.max(0, Math.fround(options.radius ?? 0))) ||
        score > Math.fround(options.rangeFilter ?? Number.POSITIVE_INFINITY)
      )
        continue;
      if (!isExcluded(options.excluded, row)) hits.push({ row, score });
    }
    return hits.sort((a, b) => b.score - a.score || a.row - b.row).slice(0, options.k);
  });
}

/** Few indices are common, most are rare. Values on a grid: sums are exact and ties common. */
function randomRow(random: Random, dims: number, most: number, isGrid: boolean): Row {
  const row = new Map<number, number>();
  for (let i = nextBelow(random, most + 1); i > 0; i--) {
    const index = Math.floor(dims * nextFloat(random) ** 3);
    row.set(index * (dims > 50 ? 104_729 : 1), isGrid ? nextBelow(random, 9) / 8 : nextFloat(random));
  }
  return row;
}

function compare(rows: readonly Row[], queries: readonly Row[], options: Options): void {
  const expected = oracle(rows, queries, options);
  const { region, placement } = load(build(rows));
  const context = { memories: [region.memory], thread: 1 };
  for (const algorithm of sparseAlgorithms) {
    const input: SparseSearchInput = { index: placement, queries: pack(queries), algorithm, ...options };
    expect({ algorithm, hits: hitsOf(sparseSearch(input, context)) }).toEqual({ algorithm, hits: expected });
  }
  const packed = pack(rows);
  const offset = DATA_OFFSET;
  const memory = new WebAssembly.Memory({
    initial: Math.ceil((offset + packed.length) / 65536) + 1,
    maximum: 65535,
    shared: true,
  });
  new Uint8Array(memory.buffer, offset).set(packed);
  const scanned = sparseScan(
    { offset, rowBegin: 0, rowEnd: rows.length, queries: pack(queries), ...options },
    { memories: [memory] },
  );
  expect(hitsOf(scanned)).toEqual(expected);
  const counting = [...rows.keys()].filter(
    (row) => !((options.excluded?.[row >> 3] ?? 0) & (1 << (row & 7))),
  );
  const ends = rows.map(withCount).map(({ length }) => length);
  const offsets = ends.map((_, row) => offset + ends.slice(0, row).reduce((sum, bytes) => sum + bytes, 0));
  const places = {
    rows: Uint32Array.from(counting),
    offsets: Uint32Array.from(counting, (row) => offsets[row] as number),
  };
  const { excluded: _, ...rest } = options;
  const byRow = sparseScan(
    { offset: 0, rowBegin: 0, rowEnd: 0, queries: pack(queries), ...rest, places },
    { memories: [memory] },
  );
  expect(hitsOf(byRow)).toEqual(expected);
}

describe('sparse search', () => {
  it('by every algorithm and by scan is brute force: small sets, ties, filters, ranges', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(),
          rows: fc.integer({ min: 0, max: 300 }),
          dims: fc.constantFrom(3, 12, 200),
          most: fc.integer({ min: 0, max: 20 }),
        }),
        fc.record({
          k: fc.integer({ min: 0, max: 40 }),
          filter: fc.constantFrom(0, 0.1, 0.9),
          isGrid: fc.boolean(),
          isRange: fc.boolean(),
        }),
        ({ seed, rows: count, dims, most }, { k, filter, isGrid, isRange }) => {
          const random = seededRandom(seed);
          const rows = Array.from({ length: count }, () => randomRow(random, dims, most, isGrid));
          const queries = Array.from({ length: 3 }, () => randomRow(random, dims, most, isGrid));
          const excluded = new Uint8Array(Math.ceil(count / 8));
          for (let row = 0; row < count; row++)
            if (nextFloat(random) < filter)
              excluded[row >> 3] = (excluded[row >> 3] as number) | (1 << (row & 7));
          compare(rows, queries, {
            k,
            ...(filter > 0 && { excluded }),
            ...(isRange && { radius: nextFloat(random) * 2 - 0.5, rangeFilter: 0.5 + nextFloat(random) * 3 }),
          });
        },
      ),
      { numRuns: 150 },
    );
  });
  it.each([1, 2, 3])('over many windows and blocks, seed %i', (seed) => {
    const random = seededRandom(seed);
    const rows = Array.from({ length: 15_000 }, () => randomRow(random, 2000, 25, seed === 3));
    const queries = Array.from({ length: 8 }, () => randomRow(random, 2000, 25, seed === 3));
    const excluded = Uint8Array.from({ length: 1000 }, () =>
      nextFloat(random) < 0.5 ? nextBelow(random, 256) : 0,
    );
    compare(rows, queries, { k: 10 });
    compare(rows, queries, { k: 500, excluded });
    compare(rows, queries, { k: 10, radius: 0.8, rangeFilter: 1.2 });
  });
  it('finds rare rows far apart, and the last row', () => {
    const rows: Row[] = Array.from({ length: 20_001 }, () => new Map());
    rows[0] = new Map([[5, 1]]);
    rows[12_288] = new Map([
      [5, 2],
      [9, 1],
    ]);
    rows[20_000] = new Map([[4_294_967_294, 3]]);
    compare(
      rows,
      [
        new Map([
          [5, 1],
          [4_294_967_294, 1],
        ]),
        new Map(),
        new Map([[77, 1]]),
      ],
      { k: 5 },
    );
  });
  it('copes with the largest values', () => {
    const big = 3e38;
    compare(
      [
        new Map([[1, big]]),
        new Map([
          [1, big],
          [2, big],
        ]),
        new Map([[1, 1e-38]]),
      ],
      [
        new Map([
          [1, big],
          [2, big],
        ]),
        new Map([[1, 1e-38]]),
      ],
      { k: 3 },
    );
  });
  it('answers from many threads at once alike', () => {
    const random = seededRandom(9);
    const rows = Array.from({ length: 500 }, () => randomRow(random, 30, 10, false));
    const { region, placement } = load(build(rows));
    const query = randomRow(random, 30, 10, false);
    const run = (thread: number) =>
      hitsOf(
        sparseSearch(
          { index: placement, queries: pack([query]), k: 7 },
          { memories: [region.memory], thread },
        ),
      );
    expect(run(1)).toEqual(run(0));
  });
  it('takes the algorithm of the index, and refuses wrong parameters', () => {
    const { region, placement } = load(build([new Map([[1, 1]])]));
    const run = (more: Partial<SparseSearchInput>) =>
      sparseSearch(
        { index: placement, queries: pack([new Map([[1, 2]])]), k: 1, ...more },
        { memories: [region.memory] },
      );
    expect(hitsOf(run({}))).toEqual([[{ row: 0, score: 2 }]]);
    expect(() => run({ dropRatio: 1 })).toThrow('drop_ratio_search is 1');
    expect(() => run({ dropRatio: -0.1 })).toThrow('drop_ratio_search');
    expect(() => run({ k: 16_385 })).toThrow('k is 16385');
    expect(() => run({ radius: Number.NaN })).toThrow('not a number');
    expect(() => run({ queries: Uint8Array.of(2, 0, 0, 0, 1) })).toThrow('sparse queries end');
  });
  it('refuses a query of more indices than work memory has room for', () => {
    const many: Row = new Map(Array.from({ length: SPARSE_TERMS_MAX + 1 }, (_, index) => [index, 1]));
    const { region, placement } = load(build([many]));
    const run = (query: Row) =>
      sparseSearch({ index: placement, queries: pack([query]), k: 1 }, { memories: [region.memory] });
    expect(() => run(many)).toThrow('expected at most 65536');
    expect(hitsOf(run(new Map([...many].slice(1))))[0]?.[0]?.score).toBe(SPARSE_TERMS_MAX);
  });
});

describe('drop_ratio_search', () => {
  const query = { indices: Uint32Array.of(1, 2, 3, 4), values: Float32Array.of(4, 1, 2, 1) };
  it.each([
    [0, [1, 2, 3, 4]],
    [0.24, [1, 2, 3, 4]],
    [0.25, [1, 2, 3, 4]],
    [0.5, [1, 3]],
    [0.99, [1]],
  ])('%f keeps indices %j', (ratio, kept) => {
    expect([...dropSmallest(query, ratio).indices]).toEqual(kept);
  });
  it('scores hits by the whole query', () => {
    const random = seededRandom(4);
    const rows = Array.from({ length: 2000 }, () => randomRow(random, 100, 20, false));
    const queries = Array.from({ length: 5 }, () => randomRow(random, 100, 20, false));
    const { region, placement } = load(build(rows));
    const all = oracle(rows, queries, { k: rows.length }).map(
      (hits) => new Map(hits.map(({ row, score }) => [row, score])),
    );
    for (const algorithm of sparseAlgorithms) {
      const input = { index: placement, queries: pack(queries), k: 10, algorithm, dropRatio: 0.5 };
      hitsOf(sparseSearch(input, { memories: [region.memory] })).forEach((hits, q) => {
        expect(hits.map(({ row }) => all[q]?.get(row))).toEqual(hits.map(({ score }) => score));
        expect(hits).toEqual([...hits].sort((a, b) => b.score - a.score || a.row - b.row));
      });
    }
  });
});

describe('damaged index blocks', () => {
  const random = seededRandom(7);
  const rows = Array.from({ length: 200 }, () => randomRow(random, 20, 8, false));
  const good = build(rows);
  const isCorrupt = (bytes: Uint8Array): boolean => {
    try {
      load(bytes);
      return false;
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'data_corrupt') return true;
      throw error;
    }
  };
  it('any changed byte is data_corrupt', () => {
    for (let at = 0; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ (1 << nextBelow(random, 8));
      if (!isCorrupt(bytes)) expect.unreachable(`byte ${at} may be changed`);
    }
  });
  it('any cut is data_corrupt', () => {
    for (let length = 0; length < good.length; length += 13)
      expect(isCorrupt(good.subarray(0, length))).toBe(true);
  });
  it('forged sections with right checksums are refused, or searched without harm', () => {
    const { meta, sections } = decodeIndexBlock(good);
    let refused = 0;
    for (let run = 0; run < 2000; run++) {
      const forged = new Map([...sections].map(([name, bytes]) => [name, bytes.slice()]));
      const bytes = [...forged.values()][nextBelow(random, forged.size)] as Uint8Array;
      bytes[nextBelow(random, bytes.length)] = nextBelow(random, 256);
      const block = encodeIndexBlock(meta, forged);
      if (isCorrupt(block)) {
        refused++;
        continue;
      }
      const { region, placement } = load(block);
      for (const algorithm of sparseAlgorithms) {
        sparseSearch(
          { index: placement, queries: pack([rows[run % 200] as Row]), k: 5, algorithm },
          { memories: [region.memory] },
        );
      }
    }
    expect(refused).toBeGreaterThan(500);
    expect(released.length).toBeGreaterThan(0);
  });
  it.each([{ dims: 19.5 }, { dims: -1 }, { postings: '7' }, { blocks: 1e9 }, { dims: 3 }])(
    'params %j are refused',
    (params) => {
      const { meta, sections } = decodeIndexBlock(good);
      expect(isCorrupt(encodeIndexBlock({ ...meta, params: { ...meta.params, ...params } }, sections))).toBe(
        true,
      );
      expect(isCorrupt(encodeIndexBlock({ ...meta, rowCount: 3 }, sections))).toBe(true);
      expect(isCorrupt(encodeIndexBlock({ ...meta, indexType: 'HNSW' }, sections))).toBe(true);
    },
  );
});
