// The merge of hits against a plain one: best first, ties by key, of one key the newest row.
import { expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { columnFromInt64, columnFromStrings, keyAt } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { ShardSearchResponse } from '#proto/elanus/roles.js';
import { decodeHits, encodeHits, type Hits } from './hits.js';
import { mergeHits } from './merge-hits.js';

const KEY_FIELD = 100n;
it.each([
  ['one part', DataType.Int64, 1],
  ['one part', DataType.VarChar, 1],
  ['parts', DataType.Int64, 3],
  ['parts', DataType.VarChar, 3],
] as const)('of %s, keys of type %d', (_name, dataType, partCount) => {
  for (let seed = 0; seed < 300; seed++) {
    const random = seededRandom(seed);
    const isLargerBetter = seed % 2 === 0;
    const queryCount = 1 + nextBelow(random, 3);
    const k = 1 + nextBelow(random, 60);
    const better = (a: number, b: number) => (isLargerBetter ? b - a : a - b);
    const lists = Array.from({ length: partCount }, () =>
      Array.from({ length: queryCount }, () => randomHits(nextBelow(random, k + 1))),
    );
    function randomHits(count: number) {
      const scores = Array.from({ length: count }, () => nextBelow(random, 50)).sort(better);
      // Large and small numbers that share their low or high halves.
      return scores.map((score) => ({
        score,
        key: BigInt(nextBelow(random, 40)) + (nextBelow(random, 2) === 0 ? 0n : -(1n << 33n)),
        timestamp: BigInt(nextBelow(random, 1 << 30)),
      }));
    }
    const parts: Hits[] = lists.map((queries, part) => {
      const all = queries.flat();
      const keys = all.map(({ key }) => key);
      return {
        counts: Uint32Array.from(queries, (hits) => hits.length),
        scores: Float32Array.from(all, ({ score }) => score),
        segmentIds: new BigInt64Array(all.length).fill(BigInt(part)),
        rows: Uint32Array.from(all.keys()),
        keys:
          dataType === DataType.Int64
            ? columnFromInt64(KEY_FIELD, keys)
            : columnFromStrings(KEY_FIELD, dataType, keys.map(String)),
        timestamps: BigUint64Array.from(all, ({ timestamp }) => timestamp),
      };
    });
    const merged = mergeHits(parts, queryCount, k, isLargerBetter, { fieldId: KEY_FIELD, dataType });
    const sent = ShardSearchResponse.encode(encodeHits(merged, 1n)).finish();
    const decoded = decodeHits(ShardSearchResponse.decode(sent));
    let at = 0;
    for (let query = 0; query < queryCount; query++) {
      const newest = new Map<bigint, { score: number; key: bigint; timestamp: bigint }>();
      for (const hit of lists.flatMap((queries) => queries[query] ?? []))
        if ((newest.get(hit.key)?.timestamp ?? -1n) < hit.timestamp) newest.set(hit.key, hit);
      const compare = (a: bigint | string, b: bigint | string) => (a < b ? -1 : a > b ? 1 : 0);
      const asKey = (key: bigint) => (dataType === DataType.Int64 ? key : String(key));
      const expected = [...newest.values()]
        .sort((a, b) => better(a.score, b.score) || compare(asKey(a.key), asKey(b.key)))
        .slice(0, k);
      expect(merged.counts[query]).toBe(expected.length);
      for (const hit of expected) {
        expect(keyAt(decoded.keys, at)).toBe(asKey(hit.key));
        expect([decoded.scores[at], decoded.timestamps[at]]).toEqual([hit.score, hit.timestamp]);
        at++;
      }
    }
  }
});
