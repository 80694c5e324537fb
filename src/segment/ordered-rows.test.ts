// Pages of a span of keys, by a pass over the rows and from sorted rows: both are the plain sort, also while rows come and go.
import { afterAll, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import type { Key } from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { Pace } from '#platform/pace.js';
import { testBatch, testSchema } from '../../test/support/segments.js';
import type { SpanPage } from './ordered-rows.js';
import { SegmentData } from './segment-data.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const paceOf = () => new Pace(platform, { signal: new AbortController().signal });

it.each([DataType.Int64, DataType.VarChar] as const)('keys of type %i', async (keyType) => {
  const keyOf = (n: number): Key =>
    keyType === DataType.Int64 ? BigInt(n) - 50n : `k${['', 'é', '\u{1f600}'][n % 3]}${n}`;
  for (let seed = 0; seed < 60; seed++) {
    const random = seededRandom(seed);
    const data = new SegmentData(platform, {
      id: 1n,
      collectionId: 2n,
      partitionId: 3n,
      schema: testSchema(keyType),
    });
    const rows: { readonly key: Key; readonly at: bigint; deleted: bigint }[] = [];
    for (let step = 1; step <= 12; step++) {
      const keys = Array.from({ length: 1 + nextBelow(random, 40) }, () => keyOf(nextBelow(random, 200)));
      data.appendBatch(testBatch(keys, random), BigInt(step * 10));
      for (const key of keys) rows.push({ key, at: BigInt(step * 10), deleted: 1n << 60n });
      const gone = keyOf(nextBelow(random, 200));
      data.applyDelete(gone, BigInt(step * 10 + 5));
      for (const row of rows)
        if (row.key === gone && row.deleted > 1000n) row.deleted = BigInt(step * 10 + 5);
      const boundOf = () =>
        nextBelow(random, 3) === 0
          ? undefined
          : { key: keyOf(nextBelow(random, 200)), inclusive: nextBelow(random, 2) === 0 };
      const readTs = BigInt(1 + nextBelow(random, step * 10 + 20));
      const page: SpanPage = {
        lower: boundOf(),
        upper: boundOf(),
        limit: 1 + nextBelow(random, 30),
        readTs,
        passing: undefined,
        willPage: seed % 2 === 0 && nextBelow(random, 2) === 0,
      };
      const { lower, upper } = page;
      const isWithin = (key: Key): boolean => {
        const [low, high] = [
          lower ? compareKeys(key, lower.key) : 1,
          upper ? compareKeys(key, upper.key) : -1,
        ];
        return (
          (low > 0 || (low === 0 && lower?.inclusive === true)) &&
          (high < 0 || (high === 0 && upper?.inclusive === true))
        );
      };
      const wanted = [
        ...new Set(rows.filter(({ at, deleted }) => at <= readTs && deleted > readTs).map(({ key }) => key)),
      ]
        .filter(isWithin)
        .sort(compareKeys)
        .slice(0, page.limit);
      const found = await data.ordered.spanPage(page, paceOf());
      expect([...found].map((row) => data.keyOf(row))).toEqual(wanted);
    }
    data.release();
  }
});

it('callers that come at once wait for one sort', async () => {
  const place = { id: 1n, collectionId: 2n, partitionId: 3n };
  const data = new SegmentData(platform, { ...place, schema: testSchema(DataType.Int64) });
  const keys = Array.from({ length: 500 }, (_, at) => BigInt((at * 7) % 500));
  data.appendBatch(testBatch(keys, seededRandom(1)), 10n);
  const [one, other] = await Promise.all([data.ordered.all(paceOf()), data.ordered.all(paceOf())]);
  expect(other).toBe(one);
  expect([...one].map((row) => data.keyOf(row))).toEqual([...keys].sort(compareKeys));
  data.release();
});
