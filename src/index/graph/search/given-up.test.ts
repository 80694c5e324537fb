// A walk that keeps what counts, where nothing near the query does: it ends early, says so, and the scan that follows finds rows that do.
import { expect, test } from 'vitest';
import { bits, build, clustered, exact, find, queriesOf } from '../../../../test/support/vector-index.js';

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
