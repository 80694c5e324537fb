// Walks under filters that go with the vectors, against them, or have nothing to do with them: what they find, and that their work is bounded
// by that of scoring the rows that count. Work is counted, not time.
import { expect, test } from 'vitest';
import { WORK_MICROS, walkCosts } from '#index/block/walk-plan.js';
import { graphKernel } from '#index/graph/codes/graph-kernel.js';
import { graphParams, workLayout } from '#index/graph/nodes/graph-layout.js';
import { entriesBytes } from '#index/graph/nodes/known-entries.js';
import {
  bits,
  build,
  clustered,
  exact,
  type Fixture,
  find,
  hnsw,
  queriesOf,
  random,
} from '../../../../test/support/vector-index.js';

const K = 10;
/** What one expansion may do beyond a budget, in nodes that are scored. */
const OVER = 200;

/** Rows around places that are far from each other, as many around each. */
function inParts(rows: number, dim: number, parts: number): Float32Array {
  const next = random(9);
  const centres = Float32Array.from({ length: parts * dim }, () => next() * 20);
  const place = (at: number): number => centres[(at % (parts * dim)) as number] as number;
  return Float32Array.from({ length: rows * dim }, (_, at) => place(at) + next());
}

type Filter = (order: Uint32Array, count: number) => Uint32Array;
const filters: Readonly<Record<string, Filter>> = {
  nearest: (order, count) => order.subarray(0, count),
  farthest: (order, count) => order.subarray(order.length - count),
  any: (order, count) => {
    const next = random(count);
    const rows = order.slice();
    for (let i = 0; i < count; i++) {
      const other = i + Math.floor(next() * (rows.length - i));
      [rows[i], rows[other]] = [rows[other] as number, rows[i] as number];
    }
    return rows.subarray(0, count);
  },
};

function questionOf({ index, spec }: Fixture, ef: number, passing: number) {
  const { rowCount: nodes, dim } = spec;
  const readsRecords = index.task === 'qgSearch';
  const codeBytes = Math.min(Number(index.placement.params.codeStride ?? dim), dim * 1.25 + 16);
  return { nodes, passing, ef, k: K, vectorBytes: dim * 4, codeBytes, readsRecords };
}

/** How they are built, `ef`, and how many of the searches at least are walks that take less than scoring. */
const kinds = {
  HNSW: [{ build: { ...hnsw, M: 16 } }, 40, 36],
  QG: [{ build: { kind: 'QG', M: 16, efConstruction: 60, bits: 2 } }, 24, 10],
} as const;

for (const [kind, [how, ef, walks]] of Object.entries(kinds)) {
  test(`${kind}: whatever a filter lets pass, rows are found, and no search does more than scoring them and 30 %`, async () => {
    const [rows, dim] = [4000, 64];
    const values = clustered(rows, dim, 3);
    const fixture = await build(values, dim, 'L2', how);
    let [walked, found, wanted] = [0, 0, 0];
    for (const query of queriesOf(fixture, values, 6)) {
      const { rows: order } = exact(fixture, query, rows);
      for (const [name, filter] of Object.entries(filters)) {
        for (const share of [0.01, 0.06, 0.1, 0.2, 0.5, 0.9, 0.99]) {
          const counting = new Set(filter(order, Math.round(rows * share)));
          const excluded = bits(rows, (row) => !counting.has(row));
          const hits = find(fixture, query, K, { excluded, passing: counting.size, params: { ef } });
          const costs = walkCosts(questionOf(fixture, ef, counting.size));
          const spent = hits.spentMicros ?? 0;
          expect(spent, `${name}, ${share}`).toBeLessThanOrEqual(1.3 * costs.exact + OVER * WORK_MICROS);
          expect(hits.rows).toHaveLength(K);
          const best = new Set(exact(fixture, query, K, { excluded }).rows);
          for (const row of hits.rows) {
            expect(counting.has(row)).toBe(true);
            if (best.has(row)) found++;
          }
          wanted += K;
          if (hits.givenUp === undefined && spent < costs.exact) walked++;
        }
      }
    }
    expect(found / wanted).toBeGreaterThan(0.95);
    expect(walked).toBeGreaterThan(walks);
  });
}

test.each(Object.entries(kinds))('%s: a walk ends where its budget does', async (kind, [how, ef]) => {
  const [rows, dim] = [4000, 64];
  const values = clustered(rows, dim, 3);
  const fixture = await build(values, dim, 'L2', how);
  const excluded = bits(rows, (row) => row % 2 === 0);
  const [query = new Uint8Array(0)] = queriesOf(fixture, values, 1);
  // Leaves the query and the bits where a walk reads them.
  expect(find(fixture, query, K, { excluded, passing: rows / 2, params: { ef } }).givenUp).toBeUndefined();
  const { placement, region } = fixture.index;
  const { nodes, degree } = graphParams(placement);
  const work = workLayout(nodes, dim, degree);
  const kernel = graphKernel.on(region.memory);
  const at = placement.workOffset;
  const walkWithin = (budget: number): number => {
    const asked = [at + work.query, ef, ef, ef, at + work.excluded, 0, 0, budget] as const;
    return kind === 'QG' ? kernel.searchRecordsCounting(...asked) : kernel.searchCounting(...asked, 0);
  };
  expect(walkWithin(1 << 30)).toBeGreaterThanOrEqual(K);
  const whole = kernel.workDone();
  expect(walkWithin(whole)).toBeGreaterThanOrEqual(K);
  for (const budget of [whole >> 1, whole >> 2]) {
    expect(walkWithin(budget)).toBe(-1);
    expect(kernel.workDone()).toBeGreaterThan(budget);
    expect(kernel.workDone()).toBeLessThan(budget + OVER);
  }
});

/** Sixty parts, far from each other. */
const apart = { rows: 12_000, dim: 64, parts: 60 };
let builtApart: Promise<{ values: Float32Array; fixture: Fixture }> | undefined;
async function buildApart(): Promise<{ values: Float32Array; fixture: Fixture }> {
  const values = inParts(apart.rows, apart.dim, apart.parts);
  return { values, fixture: await build(values, apart.dim, 'L2', { build: { ...hnsw, M: 8 } }) };
}

test('where what counts lies behind much that does not, a sample of it is where the walk begins', async () => {
  const { rows, parts } = apart;
  builtApart ??= buildApart();
  const { values, fixture } = await builtApart;
  let [givenUp, found] = [0, 0];
  const queries = queriesOf(fixture, values, 20);
  for (const [at, query] of queries.entries()) {
    // The part of the query does not count, nor do most others: no link of what is near leads to what does.
    const counts = (row: number): boolean => row % parts !== at % parts && (row % parts) % 3 === 0;
    const excluded = bits(rows, (row) => !counts(row));
    const passing = Array.from({ length: rows }, (_, row) => row).filter(counts).length;
    const hits = find(fixture, query, K, { excluded, passing, params: { ef: 20 } });
    const best = new Set(exact(fixture, query, K, { excluded }).rows);
    found += [...hits.rows].filter((row) => best.has(row)).length;
    givenUp += hits.givenUp ?? 0;
  }
  expect(givenUp).toBeLessThan(4);
  expect(found / (queries.length * K)).toBeGreaterThan(0.9);
});

test('walks that have to begin far from their queries begin where earlier ones nearby ended', async () => {
  const { rows, dim, parts } = apart;
  builtApart ??= buildApart();
  const { values, fixture } = await builtApart;
  const counts = (row: number): boolean => (row % parts) % 3 === 0;
  const excluded = bits(rows, (row) => !counts(row));
  const passing = Array.from({ length: rows }, (_, row) => row).filter(counts).length;
  const asked = { excluded, passing, params: { ef: 20 } };
  const knownEntries = new Uint32Array(new SharedArrayBuffer(entriesBytes(rows)));
  let [before, since, found, count] = [0, 0, 0, 0];
  // Rows of two parts that do not count.
  for (let at = 0; at < 170; at++) {
    const row = at * parts + (at % 2 === 0 ? 1 : 22);
    const query = new Uint8Array(values.slice(row * dim, (row + 1) * dim).buffer);
    const looked = find(fixture, query, K, asked);
    expect(looked.wentFar).toBe(1);
    const hits = find(fixture, query, K, { ...asked, knownEntries });
    expect([...hits.rows].every(counts)).toBe(true);
    if (at < 110) continue;
    const best = new Set(exact(fixture, query, K, { excluded }).rows);
    found += [...hits.rows].filter((of) => best.has(of)).length;
    before += looked.spentMicros ?? 0;
    since += hits.spentMicros ?? 0;
    count++;
  }
  expect(found / (count * K)).toBeGreaterThan(0.9);
  expect(since).toBeLessThan(before * 0.7);
});

test('a walk that ends before a hole goes on behind it', async () => {
  const [rows, dim, length] = [8000, 32, 20];
  const next = random(11);
  // Along a line; what counts ends on one side of the query, and nearer to it on the other.
  const places = Float32Array.from({ length: rows }, () => next() * length);
  const values = Float32Array.from({ length: rows * dim }, (_, at) =>
    at % dim === 0 ? (places[at / dim] as number) : next() * 0.4,
  );
  const counts = (row: number): boolean => Math.abs((places[row] as number) - 10.5) > 1;
  const fixture = await build(values, dim, 'L2', { build: { ...hnsw, M: 16 } });
  const { placement, region } = fixture.index;
  // The way down the layers ended at the beginning of the line.
  const header = new Int32Array(region.memory.buffer, placement.sections.header?.offset, 2);
  header.set([places.findIndex((place) => place < 1), 0]);
  const excluded = bits(rows, (row) => !counts(row));
  const passing = places.filter((_, row) => counts(row)).length;
  let found = 0;
  for (let at = 0; at < 20; at++) {
    const query = Float32Array.from({ length: dim }, (_, d) => (d === 0 ? 11 : next() * 0.4));
    const bytes = new Uint8Array(query.buffer);
    const hits = find(fixture, bytes, K, { excluded, passing, params: { ef: 16 } });
    expect(hits.givenUp).toBeUndefined();
    const best = new Set(exact(fixture, bytes, K, { excluded }).rows);
    found += [...hits.rows].filter((row) => best.has(row)).length;
  }
  expect(found / (20 * K)).toBeGreaterThan(0.9);
});

test('a walk whose nearest still change goes on, and where it does not settle a scan takes its place', async () => {
  // Without clusters in all dims: links lead nowhere, and what a narrow walk finds depends on where it began.
  const [rows, dim] = [8000, 96];
  const next = random(12);
  const normal = (): number => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
  const values = Float32Array.from({ length: rows * dim }, normal);
  const fixture = await build(values, dim, 'L2', { build: { ...hnsw, M: 8 } });
  // Half of the rows, on one side of a plane: next to all neighbours of most of them count.
  const excluded = bits(rows, (row) => (values[row * dim] as number) < 0);
  const passing = Array.from({ length: rows }, (_, row) => row).filter(
    (row) => (values[row * dim] as number) >= 0,
  ).length;
  const { placement, region } = fixture.index;
  const { nodes, degree } = graphParams(placement);
  const work = workLayout(nodes, dim, degree);
  const kernel = graphKernel.on(region.memory);
  const at = placement.workOffset;
  const walk = (settledWithin: number): number =>
    kernel.searchCounting(at + work.query, 16, 16, 16, at + work.excluded, 0, 0, 1 << 30, settledWithin);
  let [found, givenUp, wider, endedEarly, wanted] = [0, 0, 0, 0, 0];
  for (let i = 0; i < 20; i++) {
    const query = Float32Array.from({ length: dim }, (_, d) => (d === 0 ? 1 : normal()));
    const bytes = new Uint8Array(query.buffer);
    const hits = find(fixture, bytes, K, { excluded, passing, params: { ef: 16 } });
    const best = new Set(exact(fixture, bytes, K, { excluded }).rows);
    found += [...hits.rows].filter((row) => best.has(row)).length;
    givenUp += hits.givenUp ?? 0;
    wanted += K;
    const asWide = walk(0);
    const settled = walk(1 << 29);
    expect(asWide).toBe(16);
    if (settled > asWide) wider++;
    const short = walk(1);
    if (short < 0) endedEarly++;
    expect(short).toBeLessThanOrEqual(settled);
  }
  expect(wider).toBeGreaterThan(10);
  expect(endedEarly).toBeGreaterThan(3);
  expect(givenUp).toBeGreaterThan(0);
  expect(found / wanted).toBeGreaterThan(0.8);
});

test('a walk goes on out of a pocket of the graph, however well it knows that', async () => {
  // Parts of 60 rows that lie close together, far from others: links of most nodes lead to their own part.
  const [rows, dim, parts] = [12_000, 32, 200];
  const values = inParts(rows, dim, parts);
  const fixture = await build(values, dim, 'L2', { build: { ...hnsw, M: 16 } });
  const excluded = bits(rows, (row) => row % 10 === 0);
  const { placement, region } = fixture.index;
  const { nodes, degree } = graphParams(placement);
  const work = workLayout(nodes, dim, degree);
  const kernel = graphKernel.on(region.memory);
  const at = placement.workOffset;
  const walk = (settledWithin: number): number =>
    kernel.searchCounting(at + work.query, 25, 25, 25, at + work.excluded, 0, 0, 1 << 30, settledWithin);
  let wider = 0;
  for (let part = 0; part < 20; part++) {
    const query = new Uint8Array(values.slice(part * dim, (part + 1) * dim).buffer);
    find(fixture, query, K, { excluded, passing: rows * 0.9, params: { ef: 25 } });
    if (walk(1 << 29) > walk(0)) wider++;
  }
  expect(wider).toBe(20);
});

test('marks of hundreds of walks, filtered and not, are not taken for those of another', async () => {
  const [rows, dim] = [2000, 24];
  const values = clustered(rows, dim, 3);
  const fixture = await build(values, dim, 'L2', { build: { ...hnsw, M: 8 } });
  const excluded = bits(rows, (row) => row % 2 === 0);
  const queries = queriesOf(fixture, values, 3);
  const found = (at: number) => {
    const query = queries[at % 3] ?? new Uint8Array(0);
    const { rows: counting, spentMicros } = find(fixture, query, K, {
      ...{ excluded, passing: rows / 2, params: { ef: 12 } },
    });
    const { rows: all } = find(fixture, query, K, { params: { ef: 12 } });
    return { counting: [...counting], all: [...all], spentMicros };
  };
  const first = [found(0), found(1), found(2)];
  expect(first[0]?.spentMicros).toBeGreaterThan(0);
  for (let at = 0; at < 210; at++) expect(found(at)).toEqual(first[at % 3]);
});

test('a search without a walk finds what counts by a scan', async () => {
  const [rows, dim] = [2000, 512];
  const values = clustered(rows, dim, 3);
  const fixture = await build(values, dim, 'L2');
  for (const query of queriesOf(fixture, values, 3)) {
    const { rows: order } = exact(fixture, query, rows);
    const counting = new Set(order.subarray(1400));
    const excluded = bits(rows, (row) => !counting.has(row));
    const asked = { excluded, passing: counting.size, params: { ef: 10 }, isWalkSkipped: true };
    const hits = find(fixture, query, K, asked);
    expect(hits.givenUp).toBe(1);
    expect(hits.rows).toHaveLength(K);
    expect([...hits.rows].every((row) => counting.has(row))).toBe(true);
  }
});
