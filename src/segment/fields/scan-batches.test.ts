import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { type Scan, ScanBatches, type SharedScan } from './scan-batches.js';

const K_MAX = 50;
/** A query of one byte v finds rows v, v + 1 … with their numbers as scores, v of them at most. */
function scanner() {
  const calls: { readonly queries: readonly number[]; readonly k: number; end(error?: Error): void }[] = [];
  const scan: Scan = async (queries, queryCount, k) => {
    const gate = deferred<void>();
    calls.push({ queries: [...queries], k, end: (error) => (error ? gate.reject(error) : gate.resolve()) });
    await gate.promise;
    const counts = new Uint32Array(queryCount);
    const rows = new Uint32Array(queryCount * k);
    for (const [query, value] of queries.entries()) {
      counts[query] = Math.min(k, value);
      for (let i = 0; i < Math.min(k, value); i++) rows[query * k + i] = value + i;
    }
    return { queryCount, k, counts, rows, scores: Float32Array.from(rows) };
  };
  return { calls, scan };
}

const asked = (queries: readonly number[], k = 3, rest: Partial<SharedScan> = {}): SharedScan => ({
  over: 'L2 100',
  excluded: undefined,
  queries: Uint8Array.from(queries),
  queryCount: queries.length,
  k,
  ...rest,
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who comes while scans run shares the next, each with its own hits', async () => {
  const { calls, scan } = scanner();
  const batches = new ScanBatches();
  const first = batches.run(asked([9]), scan, 1);
  const second = batches.run(asked([5, 2], 2), scan, 1);
  const third = batches.run(asked([7], 4), scan, 1);
  expect(calls.map(({ queries }) => queries)).toEqual([[9]]);
  calls[0]?.end();
  expect([...(await first).rows]).toEqual([9, 10, 11]);
  await turn();
  expect(calls.map(({ queries, k }) => [queries, k])).toEqual([
    [[9], 3],
    [[5, 2, 7], 4],
  ]);
  calls[1]?.end();
  const two = await second;
  expect({ counts: [...two.counts], rows: [...two.rows], k: two.k }).toEqual({
    counts: [2, 2],
    rows: [5, 6, 2, 3],
    k: 2,
  });
  expect([...(await third).scores]).toEqual([7, 8, 9, 10]);
});

test('other rows, other bits and too many queries are another scan; as many run as are allowed', async () => {
  const { calls, scan } = scanner();
  const batches = new ScanBatches();
  const bits = new Uint8Array(1);
  const all = [
    batches.run(asked([1]), scan, 2),
    batches.run(asked([2]), scan, 2),
    batches.run(asked([3]), scan, 2),
    batches.run(asked([4], 3, { over: 'IP 100' }), scan, 2),
    batches.run(asked([5], 3, { excluded: bits }), scan, 2),
    batches.run(asked([6], 3, { excluded: bits }), scan, 2),
    batches.run(asked(new Array(31).fill(7)), scan, 2),
    batches.run(asked([8]), scan, 2),
  ];
  expect(calls.map(({ queries }) => queries[0])).toEqual([1, 2]);
  for (let ended = 0; ended < calls.length; ended++) {
    calls[ended]?.end();
    await turn();
  }
  await Promise.all(all);
  expect(calls.map(({ queries }) => queries.length)).toEqual([1, 1, 32, 1, 2, 1]);
});

test('a failed scan fails all that shared it, and no other; a cancelled search leaves before its scan begins', async () => {
  const { calls, scan } = scanner();
  const batches = new ScanBatches();
  const stop = new AbortController();
  const first = batches.run(asked([1]), scan, 1);
  const cancelled = batches.run(asked([2]), scan, 1, stop.signal);
  const alone = batches.run(asked([3], 3, { over: 'IP 100' }), scan, 1, stop.signal);
  const failing = [batches.run(asked([4]), scan, 1), batches.run(asked([5]), scan, 1)];
  stop.abort();
  await expect(cancelled).rejects.toMatchObject({ key: 'cancelled' });
  await expect(alone).rejects.toMatchObject({ key: 'cancelled' });
  calls[0]?.end(new Error('no memory'));
  await expect(first).rejects.toThrow('no memory');
  await turn();
  expect(calls[1]?.queries).toEqual([4, 5]);
  const last = batches.run(asked([6]), scan, 1);
  calls[1]?.end(new Error('lost'));
  for (const one of failing) await expect(one).rejects.toThrow('lost');
  await turn();
  calls[2]?.end();
  expect([...(await last).counts]).toEqual([3]);
});

test('whatever is asked, everyone gets what a scan of their own would give', async () => {
  const search = fc.record({
    queries: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 4 }),
    k: fc.integer({ min: 1, max: K_MAX }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(search, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 3 }),
      async (searches, atOnce) => {
        const { calls, scan } = scanner();
        const batches = new ScanBatches();
        const found = searches.map(({ queries, k }) => batches.run(asked(queries, k), scan, atOnce));
        for (let ended = 0; ended < calls.length; ended++) {
          calls[ended]?.end();
          await turn();
        }
        for (const [i, { queries, k }] of searches.entries()) {
          const hits = await (found[i] as (typeof found)[number]);
          expect([...hits.counts]).toEqual(queries.map((value) => Math.min(k, value)));
          for (const [query, value] of queries.entries()) {
            const count = Math.min(k, value);
            expect([...hits.rows.subarray(query * k, query * k + count)]).toEqual(
              Array.from({ length: count }, (_, at) => value + at),
            );
          }
        }
      },
    ),
  );
});
