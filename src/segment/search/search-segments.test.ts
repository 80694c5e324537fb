// Several segments that hold copies of keys, against a plain model: a search answers the newest row of each key and no other, as many as were
// asked for; a query pages through the keys; a count counts rows.
import { afterAll, describe, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { batchOf, columnFromInt64, findColumn, int64At, int64Values, keyAt } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { Pace } from '#platform/pace.js';
import { ShardRetrieveRequest, ShardSearchRequest } from '#proto/elanus/roles.js';
import { mergeBatchesByKey } from '#segment/merge-keys.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { SegmentData } from '#segment/segment-data.js';
import { retrieveFromSegments } from '#segment/segment-reads.js';
import { DIM, KEY, testBatch, testSchema, VECTOR } from '../../../test/support/segments.js';
import { searchSegments } from './search-segments.js';
import { isLeftShort, isNewer, withoutHits } from './superseded-rows.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
afterAll(() => platform.close());
const schema = testSchema();
const call = (signal = new AbortController().signal, deadlineMs?: number) => ({
  signal,
  pace: new Pace(platform, { signal, ...(deadlineMs !== undefined && { deadlineMs }) }),
});

interface ModelRow {
  readonly key: bigint;
  readonly at: bigint;
  readonly segment: bigint;
  readonly place: number;
  readonly vector: Float32Array;
  deleted: bigint;
}

/** Segments with overlapping times and keys, one of them imported at a later time. */
function world(seed: number) {
  const random = seededRandom(seed);
  const segments: ReadableSegment[] = [];
  const model: ModelRow[] = [];
  for (let index = 0; index < 1 + nextBelow(random, 4); index++) {
    const id = BigInt(index + 1);
    const commitTimestamp = nextBelow(random, 3) === 0 ? BigInt(20 + nextBelow(random, 60)) : 0n;
    const data = new SegmentData(platform, {
      id,
      collectionId: 2n,
      partitionId: 3n,
      schema,
      commitTimestamp,
    });
    let now = BigInt(1 + nextBelow(random, 30));
    for (let write = nextBelow(random, 8); write > 0; write--) {
      const keys = Array.from({ length: 1 + nextBelow(random, 12) }, () => BigInt(nextBelow(random, 30) - 9));
      const before = data.rowCount;
      data.appendBatch(testBatch(keys, random), now);
      for (const [place, key] of keys.entries()) {
        const row = before + place;
        const at = commitTimestamp === 0n ? now : commitTimestamp;
        model.push({
          key,
          at,
          segment: id,
          place: row,
          vector: data.vectorAt(VECTOR, row),
          deleted: 1n << 60n,
        });
      }
      now += BigInt(nextBelow(random, 9));
    }
    segments.push({ id, data, commitTimestamp });
  }
  for (let deletes = nextBelow(random, 5); deletes > 0; deletes--) {
    const key = BigInt(nextBelow(random, 30) - 9);
    const at = BigInt(90 + nextBelow(random, 9));
    for (const { data } of segments) data.applyDelete(key, at);
    for (const row of model) if (row.key === key && row.at < at && at < row.deleted) row.deleted = at;
  }
  const readTs = 200n;
  const living = model.filter((row) => row.at <= readTs && row.deleted > readTs);
  const newest = new Map<bigint, ModelRow>();
  for (const row of living) {
    const known = newest.get(row.key);
    const isLater = known?.segment === row.segment && known.at === row.at;
    if (known === undefined || isLater || isNewer(row.at, row.segment, known.at, known.segment))
      newest.set(row.key, row);
  }
  const release = (): void => {
    for (const { data } of segments) data.release();
  };
  return { random, segments, living, newest, readTs, release };
}

describe('copies of keys in several segments', () => {
  it('a search answers the newest rows of k keys', async () => {
    for (let seed = 0; seed < 150; seed++) {
      const { random, segments, newest, readTs, release } = world(seed);
      const queryCount = 1 + nextBelow(random, 20);
      const topK = 1 + nextBelow(random, 40);
      const queries = Float32Array.from({ length: queryCount * DIM }, () => (nextBelow(random, 17) - 8) / 8);
      const range = nextBelow(random, 3) === 0 ? { radius: 8, rangeFilter: 1 } : {};
      const request = ShardSearchRequest.create({
        fieldId: VECTOR,
        metric: 'L2',
        queryCount,
        topK,
        ...range,
        queries: new Uint8Array(queries.buffer),
      });
      const hits = await searchSegments(segments, request, readTs, schema, call());
      let at = 0;
      for (let query = 0; query < queryCount; query++) {
        const wanted = [...newest.values()]
          .map((row) => ({
            key: row.key,
            score: square(row.vector, queries.subarray(query * DIM, (query + 1) * DIM)),
          }))
          .filter(({ score }) => range.radius === undefined || (score >= 1 && score < 8))
          .sort((a, b) => a.score - b.score);
        const count = hits.counts[query] ?? 0;
        expect(count).toBe(Math.min(topK, wanted.length));
        const keys = new Set<bigint>();
        for (let place = 0; place < count; place++, at++) {
          const key = int64At(hits.keys, at);
          keys.add(key);
          const row = newest.get(key);
          expect([hits.segmentIds[at], hits.rows[at]]).toEqual([row?.segment, row?.place]);
          expect(hits.scores[at]).toBeCloseTo(wanted[place]?.score ?? Number.NaN, 4);
        }
        expect(keys.size).toBe(count);
      }
      release();
    }
  });
  it('a query pages through keys, a count counts rows', async () => {
    for (let seed = 0; seed < 150; seed++) {
      const { random, segments, living, newest, readTs, release } = world(seed);
      const sorted = [...newest.keys()].sort((a, b) => (a < b ? -1 : 1));
      const named = Array.from({ length: nextBelow(random, 10) }, () => BigInt(nextBelow(random, 30) - 9));
      const keyFilter = { keys: columnFromInt64(KEY, named), keyCount: named.length };
      for (const filter of [undefined, { ...keyFilter, negated: false }, { ...keyFilter, negated: true }]) {
        const isIn = (key: bigint) => filter === undefined || named.includes(key) !== filter.negated;
        const wanted = sorted.filter(isIn);
        const request = ShardRetrieveRequest.create({ ...(filter && { filter }), fieldIds: [VECTOR] });
        const count = await retrieveFromSegments(
          segments,
          { ...request, countOnly: true },
          readTs,
          schema,
          call().pace,
        );
        expect(count.count).toBe(BigInt(living.filter(({ key }) => isIn(key)).length));
        for (const limit of [0, 1, 3, 7, 100]) {
          const { rows } = await retrieveFromSegments(
            segments,
            { ...request, limit: BigInt(limit) },
            readTs,
            schema,
            call().pace,
          );
          const keys = Array.from({ length: rows.rowCount }, (_, row) =>
            int64At(must(findColumn(rows, KEY)), row),
          );
          expect(keys).toEqual(limit === 0 ? wanted : wanted.slice(0, limit));
          const vectors =
            rows.rowCount === 0 ? new Float32Array(0) : floats(must(findColumn(rows, VECTOR)).data);
          for (const [row, key] of keys.entries())
            expect(vectors.subarray(row * DIM, (row + 1) * DIM)).toEqual(newest.get(key)?.vector);
        }
      }
      release();
    }
  });
  it('stops when its caller has gone or its time is over', async () => {
    const { segments, readTs, release } = world(3);
    const request = ShardSearchRequest.create({
      fieldId: VECTOR,
      metric: 'L2',
      queryCount: 64,
      topK: 16_384,
      queries: new Uint8Array(64 * DIM * 4),
    });
    const abort = new AbortController();
    const running = searchSegments(segments, request, readTs, schema, call(abort.signal));
    abort.abort();
    await expect(running).rejects.toMatchObject({ key: 'cancelled' });
    await expect(searchSegments(segments, request, readTs, schema, call(undefined, 1))).rejects.toMatchObject(
      { key: 'deadline_exceeded' },
    );
    release();
  });
});

describe('lists that lose hits', () => {
  const hits = {
    counts: Uint32Array.of(2, 0, 3),
    scores: Float32Array.of(1, 2, 3, 4, 5),
    segmentIds: BigInt64Array.of(1n, 1n, 1n, 1n, 1n),
    rows: Uint32Array.of(10, 11, 12, 13, 14),
    keys: columnFromInt64(KEY, [1n, 2n, 3n, 4n, 5n]),
    timestamps: BigUint64Array.of(1n, 1n, 1n, 1n, 1n),
  };
  it('keep the others in order', () => {
    const left = withoutHits(hits, [1, 2, 4]);
    expect([[...left.counts], [...left.rows]]).toEqual([
      [1, 0, 1],
      [10, 13],
    ]);
    expect(Array.from({ length: 2 }, (_, row) => keyAt(left.keys, row))).toEqual([1n, 4n]);
  });
  it('are short only where there may be more', () => {
    expect(isLeftShort(hits, [0], 3)).toBe(false);
    expect(isLeftShort(hits, [3], 3)).toBe(true);
    expect(isLeftShort(hits, [0, 1], 2)).toBe(true);
    expect(isLeftShort(hits, [], 2)).toBe(false);
  });
});

it('batches are merged in key order, of a key the newest, behind those left out', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = seededRandom(seed);
    const newest = new Map<bigint, bigint>();
    const batches = Array.from({ length: 1 + nextBelow(random, 4) }, () => {
      const keys = [
        ...new Set(
          Array.from({ length: nextBelow(random, 1500) }, () => BigInt(nextBelow(random, 2000) - 900)),
        ),
      ];
      keys.sort((a, b) => (a < b ? -1 : 1));
      const times = keys.map(() => BigInt(nextBelow(random, 1 << 20)));
      for (const [row, key] of keys.entries())
        if ((newest.get(key) ?? -1n) < (times[row] ?? 0n)) newest.set(key, times[row] ?? 0n);
      return batchOf(keys.length, [columnFromInt64(KEY, keys), columnFromInt64(1n, times, DataType.Int64)]);
    });
    const limit = nextBelow(random, 3000);
    const skip = nextBelow(random, 20);
    const merged = await mergeBatchesByKey(batches, limit, call().pace, skip);
    const wanted = [...newest]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .slice(skip);
    expect(merged.rowCount).toBe(wanted.length);
    if (merged.rowCount === 0) continue;
    const [keys, times] = merged.columns.map(int64Values);
    expect(Array.from(keys ?? [], (key, row) => [key, times?.[row]])).toEqual(wanted);
  }
});

function square(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return sum;
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('missing');
  return value;
}

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);
