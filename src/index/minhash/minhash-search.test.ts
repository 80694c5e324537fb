// MinHash signatures: the index against what a slow reading of its definition finds, the scan against brute force, damaged blocks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import type { IndexSearchInput } from '#index/block/vector-index.js';
import {
  bandBytes,
  loadMinhashIndex,
  type MinhashShape,
  minhashBuild,
  shapeProblem,
} from './minhash-index.js';
import { minhashScan, minhashSearch } from './minhash-search.js';

const released: object[] = [];
const workers = {
  parallelism: 1,
  allocate: (bytes: number) => ({
    memory: new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536), maximum: 65535, shared: true }),
  }),
  release: (region: object) => void released.push(region),
  run: () => Promise.reject(new Error('not in this test')),
};

const load = (block: Uint8Array) => loadMinhashIndex(workers, decodeIndexBlock(block));
const hitsOf = ({
  counts,
  rows,
  scores,
}: {
  counts: Uint32Array;
  rows: Uint32Array;
  scores: Float32Array;
}) => {
  let at = 0;
  return Array.from(counts, (count) =>
    Array.from({ length: count }, () => ({ row: rows[at] as number, score: scores[at++] as number })),
  );
};

/** Few different values, so that elements and bands agree often. */
function signaturesOf(random: Random, { dim, elementBits }: MinhashShape, count: number): Uint8Array {
  const data = new Uint8Array((count * dim) / 8);
  const width = elementBits / 8;
  for (let at = 0; at < data.length; at += width) data[at + nextBelow(random, width)] = nextBelow(random, 3);
  return data;
}

/** Signatures from byte 64 on, in blocks of 64 rows with 16 bytes between. */
function place(data: Uint8Array, rowBytes: number) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
  const blocks = { rows: 64, bytes: 64 * rowBytes + 16 };
  for (let row = 0; row < data.length / rowBytes; row++) {
    const at = 64 + Math.floor(row / 64) * blocks.bytes + (row % 64) * rowBytes;
    new Uint8Array(memory.buffer).set(data.subarray(row * rowBytes, (row + 1) * rowBytes), at);
  }
  return { memory, vectorsOffset: 64, blocks };
}

function agreeing(a: Uint8Array, b: Uint8Array, width: number): number {
  let count = 0;
  for (let at = 0; at < a.length; at += width)
    if (a.subarray(at, at + width).every((byte, i) => byte === b[at + i])) count++;
  return count;
}

const shapes = fc
  .record({ elementBits: fc.constantFrom(8, 16, 32, 64), elements: fc.integer({ min: 1, max: 12 }) })
  .chain(({ elementBits, elements }) =>
    fc
      .integer({ min: 1, max: elements })
      .map((bands) => ({ dim: elementBits * elements, elementBits, bands })),
  );

describe('MinHash search', () => {
  it('finds what shares a band and scores it by its elements; the scan finds all', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.record({
          seed: fc.nat(),
          count: fc.integer({ min: 1, max: 200 }),
          k: fc.integer({ min: 0, max: 30 }),
          filter: fc.constantFrom(0, 0.3),
        }),
        fc.boolean(),
        (shape, { seed, count, k, filter }, isRange) => {
          const random = seededRandom(seed);
          const rowBytes = shape.dim / 8;
          const data = signaturesOf(random, shape, count);
          const queries = signaturesOf(random, shape, 2);
          const excluded = Uint8Array.from({ length: 25 }, () => (nextFloat(random) < filter ? 0x55 : 0));
          const { memory, ...where } = place(data, rowBytes);
          const { region, placement } = load(minhashBuild({ ...shape, data }));
          const range = isRange ? { radius: 0.2, rangeFilter: 0.8 } : {};
          const common = { ...where, queries, k, excluded, ...range };
          const expected = (score: (query: Uint8Array, row: Uint8Array) => number | undefined) =>
            [0, 1].map((q) =>
              Array.from({ length: count }, (_, row) => ({
                row,
                score: score(
                  queries.subarray(q * rowBytes, (q + 1) * rowBytes),
                  data.subarray(row * rowBytes, (row + 1) * rowBytes),
                ),
              }))
                .flatMap(({ row, score: one }) =>
                  one === undefined ? [] : [{ row, score: Math.fround(one) }],
                )
                .filter(({ row }) => ((excluded[row >> 3] as number) & (1 << (row & 7))) === 0)
                .filter(({ score: one }) => !isRange || (one > Math.fround(0.2) && one <= Math.fround(0.8)))
                .sort((a, b) => b.score - a.score || a.row - b.row)
                .slice(0, k),
            );
          const jaccard = (a: Uint8Array, b: Uint8Array) =>
            agreeing(a, b, shape.elementBits / 8) / (shape.dim / shape.elementBits);
          const sharesBand = (a: Uint8Array, b: Uint8Array) =>
            Array.from({ length: shape.bands }, (_, band) => bandBytes(shape, band)).some(({ begin, end }) =>
              a.subarray(begin, end).every((byte, i) => byte === b[begin + i]),
            );
          const { vectorsOffset, blocks } = where;
          const input: IndexSearchInput = {
            ...common,
            vectors: { dim: shape.dim, vectorsOffset, blocks },
            index: placement,
            params: {},
          };
          const found = hitsOf(minhashSearch(input, { memories: [memory, region.memory] }));
          expect(found).toEqual(expected((a, b) => (sharesBand(a, b) ? jaccard(a, b) : undefined)));
          const scan = {
            ...common,
            dim: shape.dim,
            elementBits: shape.elementBits,
            rowBegin: 0,
            rowEnd: count,
          };
          expect(hitsOf(minhashScan(scan, { memories: [memory] }))).toEqual(expected(jaccard));
        },
      ),
      { numRuns: 200 },
    );
  });
  it('deals out all elements to the bands', () => {
    const shape = { dim: 80, elementBits: 8, bands: 4 };
    expect([0, 1, 2, 3].map((band) => bandBytes(shape, band))).toEqual([
      { begin: 0, end: 2 },
      { begin: 2, end: 5 },
      { begin: 5, end: 7 },
      { begin: 7, end: 10 },
    ]);
  });
  it.each([
    [{ dim: 64, elementBits: 12, bands: 1 }, 'mh_element_bit_width is 12'],
    [{ dim: 72, elementBits: 16, bands: 1 }, 'dim is 72'],
    [{ dim: 64, elementBits: 16, bands: 5 }, 'mh_lsh_band is 5, expected 1 to 4'],
    [{ dim: 64, elementBits: 16, bands: 0 }, 'mh_lsh_band is 0'],
  ])('refuses %j', (shape, text) => {
    expect(shapeProblem(shape)).toContain(text);
    expect(() => minhashBuild({ ...shape, data: new Uint8Array(0) })).toThrow(text);
  });
});

describe('damaged index blocks', () => {
  const random = seededRandom(3);
  const shape = { dim: 64, elementBits: 16, bands: 2 };
  const data = signaturesOf(random, shape, 60);
  const good = minhashBuild({ ...shape, data });
  const { memory, ...where } = place(data, 8);
  const isCorrupt = (bytes: Uint8Array): boolean => {
    try {
      load(bytes);
      return false;
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'data_corrupt') return true;
      throw error;
    }
  };
  it('any changed byte and any cut is data_corrupt', () => {
    for (let at = 0; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ (1 << nextBelow(random, 8));
      if (!isCorrupt(bytes)) expect.unreachable(`byte ${at} may be changed`);
    }
    for (let length = 0; length < good.length; length += 7)
      expect(isCorrupt(good.subarray(0, length))).toBe(true);
  });
  it('forged sections with right checksums are refused, or searched without harm', () => {
    const { meta, sections } = decodeIndexBlock(good);
    let refused = 0;
    for (let run = 0; run < 1000; run++) {
      const forged = new Map([...sections].map(([name, bytes]) => [name, bytes.slice()]));
      const bytes = [...forged.values()][nextBelow(random, forged.size)] as Uint8Array;
      bytes[nextBelow(random, bytes.length)] = nextBelow(random, 256);
      const block = encodeIndexBlock(meta, forged);
      if (isCorrupt(block)) {
        refused++;
        continue;
      }
      const { region, placement } = load(block);
      minhashSearch(
        { vectors: { dim: 64, ...where }, index: placement, queries: data.subarray(0, 8), k: 5, params: {} },
        { memories: [memory, region.memory] },
      );
    }
    expect(refused).toBeGreaterThan(300);
    expect(released.length).toBeGreaterThan(0);
    expect(isCorrupt(encodeIndexBlock({ ...meta, rowCount: 59 }, sections))).toBe(true);
    expect(
      isCorrupt(
        encodeIndexBlock({ ...meta, params: { mh_element_bit_width: 16, mh_lsh_band: 3 } }, sections),
      ),
    ).toBe(true);
    expect(isCorrupt(encodeIndexBlock({ ...meta, indexType: 'FLAT' }, sections))).toBe(true);
  });
});
