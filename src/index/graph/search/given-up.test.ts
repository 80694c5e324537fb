// A walk that keeps what counts, where nothing near the query does: it ends early, says so, and the scan that follows finds rows that do.
import { expect, test } from 'vitest';
import {
  bits,
  build,
  clustered,
  exact,
  find,
  hnsw,
  queriesOf,
  random,
} from '../../../../test/support/vector-index.js';

test('a filter against the vectors ends the walk, one with them does not', async () => {
  const [rows, dim] = [2000, 512];
  const fixture = await build(clustered(rows, dim, 3), dim, 'L2');
  for (const query of queriesOf(fixture, clustered(6, dim, 3), 6)) {
    const { rows: order } = exact(fixture, query, rows);
    const askedFor = (counting: Uint32Array) => {
      const counts = new Set(counting);
      return {
        excluded: bits(rows, (row) => !counts.has(row)),
        passing: counting.length,
        params: { ef: 10 },
      };
    };
    const far = askedFor(order.subarray(1400));
    const hits = find(fixture, query, 10, far);
    expect(hits.givenUp).toBe(1);
    const counting = new Set(order.subarray(1400));
    expect(hits.rows).toHaveLength(10);
    expect([...hits.rows].every((row) => counting.has(row))).toBe(true);
    // Without a walk the same scan gives the same rows.
    expect(find(fixture, query, 10, { ...far, insteadOfWalk: 'scan' })).toEqual(hits);
    const near = askedFor(order.subarray(0, 600));
    expect(find(fixture, query, 10, near).givenUp).toBeUndefined();
    expect(find(fixture, query, 10, { ...near, insteadOfWalk: 'scan' })).toMatchObject({
      givenUp: 1,
      scanned: 1,
    });
  }
});

/** Rows around places that are far from each other, as many around each. */
function inParts(rows: number, dim: number, parts: number): Float32Array {
  const next = random(9);
  const centres = Float32Array.from({ length: parts * dim }, () => next() * 20);
  const place = (at: number): number => centres[(at % (parts * dim)) as number] as number;
  return Float32Array.from({ length: rows * dim }, (_, at) => place(at) + next());
}

test('a walk over two hops that misses rows is followed by a scan of those that count', async () => {
  const [rows, dim, parts] = [12_000, 128, 150];
  const values = inParts(rows, dim, parts);
  const fixture = await build(values, dim, 'L2', { build: { ...hnsw, M: 4 } });
  // Some parts count and most do not: from these no two hops lead to a row that counts.
  const counts = (row: number): boolean => (row % parts) % 9 === 0;
  const passing = Array.from({ length: rows }, (_, row) => row).filter(counts).length;
  const excluded = bits(rows, (row) => !counts(row));
  let [scanned, found] = [0, 0];
  for (const query of queriesOf(fixture, values, 40)) {
    const hits = find(fixture, query, 10, {
      ...{ excluded, passing, params: { ef: 10 }, insteadOfWalk: 'two-hop' },
    });
    const best = new Set(exact(fixture, query, 10, { excluded }).rows);
    found += [...hits.rows].filter((row) => best.has(row)).length;
    scanned += hits.scanned ?? 0;
  }
  expect(scanned).toBeGreaterThan(20);
  expect(found / 400).toBeGreaterThan(0.9);
});

test('a node that the walk over two hops enters by takes no place of one that counts', async () => {
  const [rows, dim] = [12_000, 128];
  const next = random(9);
  const values = inParts(rows, dim, 150);
  const fixture = await build(values, dim, 'L2');
  const counting = Uint8Array.from({ length: rows }, () => (next() < 0.11 ? 1 : 0));
  const excluded = bits(rows, (row) => counting[row] === 0);
  const passing = counting.reduce((sum, one) => sum + one, 0);
  let [scanned, found] = [0, 0];
  for (const query of queriesOf(fixture, values, 40)) {
    const hits = find(fixture, query, 10, { excluded, passing, params: { ef: 10 } });
    const best = new Set(exact(fixture, query, 10, { excluded }).rows);
    found += [...hits.rows].filter((row) => best.has(row)).length;
    scanned += hits.scanned ?? 0;
  }
  // Before, most walks of as many places as hits are asked for found one too few, and a scan followed.
  expect(scanned).toBeLessThan(10);
  expect(found / 400).toBeGreaterThan(0.95);
});
