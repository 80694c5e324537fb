import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '#base/crc32.js';
import { DATA_OFFSET } from '#index/block/region-layout.js';
import {
  buildDisk,
  type DiskFixture,
  type DiskOverrides,
  loadFile,
  pagesOfFile,
  searchDisk,
} from '../../../test/support/disk-index.js';
import {
  bits,
  clustered,
  countClear,
  exact,
  queriesOf,
  random,
  workers,
} from '../../../test/support/vector-index.js';
import { diskLayout, SECTOR_BYTES, sealPage } from './disk-layout.js';
import { type DiskSearchInput, diskSearch } from './disk-search.js';

async function recall(
  fixture: DiskFixture,
  queries: readonly Uint8Array[],
  k: number,
  rest: Partial<DiskSearchInput> = {},
): Promise<number> {
  let [found, wanted] = [0, 0];
  for (const query of queries) {
    const truth = new Set(exact(fixture, query, k, rest).rows);
    wanted += truth.size;
    for (const row of (await searchDisk(fixture, query, k, rest)).rows) if (truth.has(row)) found++;
  }
  return wanted === 0 ? 1 : found / wanted;
}

describe('recall and scores', () => {
  for (const metric of ['L2', 'IP', 'COSINE'] as const) {
    for (const pqCodeBudgetRatio of [0.125, 0.25]) {
      test(`${metric}, codes ${pqCodeBudgetRatio} of the vectors`, async () => {
        const fixture = await buildDisk(clustered(3000, 40, 1), 40, metric, { pqCodeBudgetRatio });
        expect(fixture.disk.params.form).toBe(pqCodeBudgetRatio === 0.125 ? 'SQ4' : 'SQ8');
        const queries = queriesOf(fixture, clustered(30, 40, 1), 30);
        expect(await recall(fixture, queries, 10)).toBeGreaterThan(0.95);
        const [query] = queries as [Uint8Array];
        const hits = await searchDisk(fixture, query, 10, { params: { searchList: 1000 } });
        const truth = exact(fixture, query, 10);
        expect([...hits.rows]).toEqual([...truth.rows]);
        expect([...hits.scores]).toEqual([...truth.scores]); // To the last bit: both score the vectors themselves.
      });
    }
  }
  test('vectors of bfloat16', async () => {
    const fixture = await buildDisk(clustered(2000, 32, 2), 32, 'COSINE', { elementType: 'bfloat16' });
    expect(await recall(fixture, queriesOf(fixture, clustered(20, 32, 2), 20), 10)).toBeGreaterThan(0.95);
  });
  test('records of every size, up to several sectors, and nodes in the order of a walk', async () => {
    const cases: [rows: number, dim: number, more: DiskOverrides][] = [
      [300, 1, {}],
      [300, 3, { maxDegree: 1 }],
      [400, 960, { maxDegree: 56 }],
      [300, 1100, {}],
      [21_000, 8, { searchListSize: 20 }],
    ];
    for (const [rows, dim, more] of cases) {
      const values = clustered(rows, dim, dim);
      const fixture = await buildDisk(values, dim, 'L2', more);
      expect(fixture.disk.params.hasRows).toBe(rows > 20_000);
      expect(await recall(fixture, queriesOf(fixture, values, 20), 5), `dim ${dim}`).toBeGreaterThan(
        dim < 3 ? 0.8 : 0.95,
      );
    }
  }, 60_000);
  test('several queries at once answer as each alone; pages in memory as pages that are read', async () => {
    const values = clustered(2000, 24, 5);
    const fixture = await buildDisk(values, 24, 'L2');
    const queries = queriesOf(fixture, values, 20);
    const joined = new Uint8Array(values.slice(0, 20 * 24).buffer);
    const together = await searchDisk(fixture, joined, 7);
    let at = 0;
    for (const [i, query] of queries.entries()) {
      const alone = await diskSearch(
        fixture.disk,
        pagesOfFile(fixture.disk, fixture.file, () => false),
        workers,
        {
          queries: query,
          k: 7,
          params: { searchList: 200 },
        },
      );
      expect(together.counts[i]).toBe(7);
      const part = [...together.rows.subarray(at, at + 7)];
      expect(part.filter((row) => alone.rows.includes(row)).length).toBeGreaterThanOrEqual(6);
      at += 7;
    }
  });
});

describe('rows that do not count', () => {
  test('never come back, whatever share they are, and recall holds', async () => {
    const rows = 6000;
    const fixture = await buildDisk(clustered(rows, 24, 3), 24, 'L2');
    const queries = queriesOf(fixture, clustered(25, 24, 3), 25);
    for (const share of [0, 0.001, 0.02, 0.1, 0.2, 0.5, 0.9, 0.999]) {
      const next = random(share * 1e6);
      const excluded = bits(rows, () => next() >= share);
      const passing = countClear(excluded, rows);
      const rest = { excluded, passing };
      for (const query of queries) {
        const { rows: found } = await searchDisk(fixture, query, 10, rest);
        expect(found.length).toBe(Math.min(10, passing));
        for (const row of found) expect((excluded[row >> 3] as number) & (1 << (row & 7))).toBe(0);
      }
      expect(await recall(fixture, queries, 10, rest), `share ${share}`).toBeGreaterThan(0.93);
    }
  });
  test('rows without a vector have no node', async () => {
    const rows = 500;
    const without = bits(rows, (row) => row % 3 === 0);
    const fixture = await buildDisk(clustered(rows, 16, 4), 16, 'L2', { without });
    expect(fixture.disk.params.nodes).toBe(countClear(without, rows));
    expect(fixture.disk.nullBits).toEqual(without);
    for (const query of queriesOf(fixture, clustered(10, 16, 4), 10)) {
      for (const row of (await searchDisk(fixture, query, 100)).rows) expect(row % 3).not.toBe(0);
    }
  });
  test('no row at all has a vector', async () => {
    const fixture = await buildDisk(clustered(70, 16, 4), 16, 'L2', { without: bits(70, () => true) });
    expect((await searchDisk(fixture, new Uint8Array(64), 10)).counts).toEqual(Uint32Array.of(0));
  });
});

test('a range gives what lies in it, near or far', async () => {
  const values = clustered(1500, 16, 6);
  for (const metric of ['L2', 'COSINE'] as const) {
    const fixture = await buildDisk(values, 16, metric);
    let [found, wanted] = [0, 0];
    for (const query of queriesOf(fixture, values, 10)) {
      const all = exact(fixture, query, 1500).scores;
      const ranges = [
        { radius: all[30] as number },
        { radius: all[400] as number, rangeFilter: all[350] as number },
      ];
      for (const range of ranges) {
        const truth = exact(fixture, query, 40, range);
        const hits = await searchDisk(fixture, query, 40, range);
        wanted += truth.rows.length;
        found += hits.rows.filter((row) => truth.rows.includes(row)).length;
        const wide = new Set(exact(fixture, query, 60, range).rows);
        for (const row of hits.rows) expect(wide.has(row)).toBe(true);
      }
    }
    expect(found / wanted).toBeGreaterThan(0.9);
  }
});

test('memory is a small part of the vectors, and a walk reads few pages', async () => {
  const [rows, dim] = [4000, 256];
  const fixture = await buildDisk(clustered(rows, dim, 7), dim, 'L2');
  const { disk } = fixture;
  const codes = disk.placement.workOffset - DATA_OFFSET;
  expect(codes).toBeLessThan(rows * dim * 4 * 0.15);
  const pages = pagesOfFile(disk, fixture.file);
  await diskSearch(disk, pages, workers, {
    queries: queriesOf(fixture, clustered(1, dim, 8), 1)[0] as Uint8Array,
    k: 10,
    params: { searchList: 40 },
  });
  expect(pages.reads).toBeLessThan(120);
});

test('records fill pages and never cross one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e6 }),
      fc.integer({ min: 4, max: 4096 }),
      fc.integer({ min: 2, max: 40_000 }),
      (nodes, links, width) => {
        const layout = diskLayout(nodes, links, width);
        expect(layout.pageBytes % SECTOR_BYTES).toBe(0);
        expect(layout.recordsPerPage).toBeGreaterThan(0);
        expect(layout.recordsPerPage * layout.recordBytes + 4).toBeLessThanOrEqual(layout.pageBytes);
        expect(layout.pageBytes - layout.recordsPerPage * layout.recordBytes - 4).toBeLessThan(
          Math.max(SECTOR_BYTES, layout.recordBytes),
        );
      },
    ),
  );
});

test('a flipped bit anywhere in the file is found: at loading, or when its page is read', async () => {
  const { file } = await buildDisk(clustered(200, 12, 9), 12, 'COSINE');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: file.length * 8 - 1 }), (bit) => {
      const broken = file.slice();
      broken[bit >> 3] = (broken[bit >> 3] as number) ^ (1 << (bit & 7));
      let error: unknown;
      try {
        const disk = loadFile(broken);
        const { pagesOffset, pageBytes } = disk.head;
        const blockEnd = SECTOR_BYTES + disk.head.blockBytes;
        // Zeros between block and pages mean nothing.
        if (bit >> 3 >= blockEnd && bit >> 3 < pagesOffset) return;
        pagesOfFile(disk, broken, () => false).page(Math.floor(((bit >> 3) - pagesOffset) / pageBytes));
      } catch (caught) {
        error = caught;
      }
      expect(error).toMatchObject({ key: 'data_corrupt' });
    }),
    { numRuns: 500 },
  );
});

test('heads and pages with right checksums and any content are refused or searched, nothing else', async () => {
  const fixture = await buildDisk(clustered(400, 12, 9), 12, 'L2');
  const { file, disk } = fixture;
  const { pagesOffset, pageBytes, pages } = disk.head;
  const word = fc.oneof(
    fc.nat(4),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.constantFrom(pages, pageBytes, 0xffffffff),
  );
  const [query] = queriesOf(fixture, clustered(1, 12, 10), 1) as [Uint8Array];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(), word), { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      async (changes, isHead) => {
        const changed = file.slice();
        const view = new DataView(changed.buffer);
        for (const [place, value] of changes) {
          if (isHead) view.setUint32((place % 6) * 4, value, true);
          else view.setUint32(pagesOffset + (place % ((pages * pageBytes) / 4)) * 4, value, true);
        }
        sealPage(changed.subarray(0, SECTOR_BYTES), 0, crc32);
        for (let page = 0; page < pages; page++) {
          sealPage(
            changed.subarray(pagesOffset + page * pageBytes, pagesOffset + (page + 1) * pageBytes),
            page,
            crc32,
          );
        }
        try {
          const { rows } = await searchDisk(
            { ...fixture, file: changed, disk: loadFile(changed) },
            query,
            10,
            {
              params: { searchList: 200 },
            },
          );
          expect(new Set(rows).size).toBe(rows.length);
        } catch (error) {
          expect(error).toMatchObject({ key: 'data_corrupt' });
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('a page in the place of another is found', async () => {
  const { file, disk } = await buildDisk(clustered(300, 12, 9), 12, 'L2');
  const { pagesOffset, pageBytes } = disk.head;
  const swapped = file.slice();
  swapped.copyWithin(pagesOffset + pageBytes, pagesOffset, pagesOffset + pageBytes);
  expect(() => pagesOfFile(disk, swapped, () => false).page(1)).toThrow(
    expect.objectContaining({ key: 'data_corrupt' }),
  );
});
