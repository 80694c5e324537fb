// A walk that keeps what counts, where nothing near the query does: it ends early, says so, and the scan that follows finds rows that do.
import { expect, test } from 'vitest';
import {
  bits,
  build,
  clustered,
  exact,
  find,
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
    expect(find(fixture, query, 10, { ...far, skipsWalk: true })).toEqual(hits);
    const near = askedFor(order.subarray(0, 600));
    expect(find(fixture, query, 10, near).givenUp).toBeUndefined();
    expect(find(fixture, query, 10, { ...near, skipsWalk: true })).toMatchObject({ givenUp: 1, scanned: 1 });
  }
});

test('a walk over two hops that misses rows is followed by a scan of those that count', async () => {
  const [rows, dim, parts] = [12_000, 128, 150];
  const next = random(9);
  const centres = Float32Array.from({ length: parts * dim }, () => next() * 20);
  const place = (at: number): number => centres[(at % (parts * dim)) as number] as number;
  // Few rows of each part count: fewer than are asked for.
  const values = Float32Array.from({ length: rows * dim }, (_, at) => place(at) + next());
  const fixture = await build(values, dim, 'L2');
  const counts = Uint8Array.from({ length: rows }, () => (next() < 0.11 ? 1 : 0));
  const asked = {
    excluded: bits(rows, (row) => counts[row] === 0),
    passing: counts.reduce((sum, one) => sum + one, 0),
    params: { ef: 10 },
  };
  let [scanned, found] = [0, 0];
  for (const query of queriesOf(fixture, values, 40)) {
    const hits = find(fixture, query, 10, asked);
    const { rows: order } = exact(fixture, query, rows);
    const best = [...order].filter((row) => counts[row] === 1).slice(0, 10);
    best.forEach((row) => {
      if (hits.rows.includes(row)) found++;
    });
    scanned += hits.scanned ?? 0;
  }
  // Most of them: the walk itself is given up for a scan by few of the queries.
  expect(scanned).toBeGreaterThan(20);
  expect(found / 400).toBeGreaterThan(0.9);
});
