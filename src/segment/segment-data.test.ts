// Rows in memory against plain models: what a read at any timestamp sees after inserts, upserts and deletes, search against a slow scan, key order.
import { afterAll, describe, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { isInRange, isLargerBetter, metricTypes } from '#index/block/metric.js';
import {
  batchOf,
  column,
  columnFromInt64,
  findColumn,
  isNull,
  type Key,
  stringAt,
} from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { searchSegment } from '#segment/search/segment-search.js';
import { DIM, KEY, NAME, testBatch, testSchema, VECTOR } from '../../test/support/segments.js';
import { SegmentData } from './segment-data.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
afterAll(() => platform.close());
const LATEST = 1n << 62n;
const segment = (schema = testSchema(), options: { commitTimestamp?: bigint; rowsHint?: number } = {}) =>
  new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema, ...options });
const isHidden = (bits: Uint8Array, row: number) => ((bits[row >> 3] as number) & (1 << (row & 7))) !== 0;

describe('deletes', () => {
  it('spares an insert of the same timestamp, as an upsert needs', () => {
    const data = segment();
    data.appendBatch(testBatch([7n], seededRandom(1)), 10n);
    expect(data.applyDelete(7n, 20n)).toBe(1);
    data.appendBatch(testBatch([7n], seededRandom(2)), 20n);
    expect(data.applyDelete(7n, 20n)).toBe(0);
    expect(data.find(7n, 20n)).toBe(1);
    expect(data.find(7n, 19n)).toBe(0);
    expect(data.find(7n, 9n)).toBeUndefined();
    data.release();
  });
  it('keeps the earliest delete, in whatever order they come', () => {
    const data = segment();
    data.appendBatch(testBatch([7n], seededRandom(1)), 10n);
    expect([data.applyDelete(7n, 30n), data.applyDelete(7n, 20n), data.applyDelete(7n, 40n)]).toEqual([
      1, 0, 0,
    ]);
    expect([data.isVisible(0, 19n), data.isVisible(0, 20n)]).toEqual([true, false]);
    expect(data.deletes()).toEqual({ rows: Uint32Array.of(0), timestamps: BigUint64Array.of(20n) });
    data.release();
  });
  it('counts every row as written at the commit timestamp', () => {
    const data = segment(testSchema(), { commitTimestamp: 50n });
    data.appendBatch(testBatch([1n, 2n], seededRandom(1)), 10n);
    expect([
      data.liveCount(49n),
      data.liveCount(50n),
      data.applyDelete(1n, 50n),
      data.applyDelete(1n, 51n),
    ]).toEqual([0, 2, 0, 1]);
    data.release();
  });
  it('finds by vector the last of several rows of one key, however often the key was written', async () => {
    for (const commitTimestamp of [0n, 50n]) {
      const data = segment(testSchema(), { commitTimestamp });
      const rows = 5 * 20;
      data.appendBatch(
        testBatch(
          Array.from({ length: rows }, (_, i) => BigInt(i % 20)),
          seededRandom(3),
        ),
        10n,
      );
      data.appendBatch(testBatch([3n], seededRandom(4)), 20n);
      const request = { fieldId: VECTOR, metric: 'L2', queries: new Float32Array(DIM), k: 100 } as const;
      const keysAt = async (readTs: bigint) => {
        const { counts, rows: found } = await searchSegment(data, { ...request, readTs });
        return [...found.subarray(0, counts[0])].sort((a, b) => a - b);
      };
      const last = Array.from({ length: 20 }, (_, i) => 80 + i);
      if (commitTimestamp === 0n) expect(await keysAt(19n)).toEqual(last);
      expect(await keysAt(LATEST)).toEqual([...last.filter((row) => row !== 83), 100]);
      expect(data.liveCount(LATEST)).toBe(101);
      expect([data.applyDelete(3n, 60n), data.liveCount(LATEST)]).toEqual([6, 95]);
      expect(await keysAt(LATEST)).toEqual(last.filter((row) => row !== 83));
      data.release();
    }
  });
  it.each([DataType.Int64, DataType.VarChar])('agrees with a model, key type %i', (keyType) => {
    for (let seed = 0; seed < 30; seed++) {
      const random = seededRandom(seed);
      const isSorted = seed % 3 !== 0;
      const data = segment(testSchema(keyType));
      const model: { key: Key; at: bigint; deleted: bigint }[] = [];
      const keyOf = () => {
        const n = nextBelow(random, 12);
        return keyType === DataType.Int64 ? BigInt(n - 6) * (1n << 60n) : `k${n}`;
      };
      let now = 5n;
      for (let step = 0; step < 40; step++) {
        now = isSorted ? now + BigInt(nextBelow(random, 3)) : BigInt(nextBelow(random, 60));
        // Rows out of order come from files: all of them, and then the deletes.
        if (isSorted ? nextBelow(random, 2) === 0 : step < 20) {
          const keys = Array.from({ length: nextBelow(random, 6) + 1 }, keyOf);
          data.appendBatch(testBatch(keys, random), now);
          for (const key of keys) model.push({ key, at: now, deleted: LATEST });
        } else {
          const key = keyOf();
          let deleted = 0;
          for (const row of model) {
            if (row.key !== key || row.at >= now) continue;
            if (row.deleted === LATEST) deleted++;
            if (now < row.deleted) row.deleted = now;
          }
          expect(data.applyDelete(key, now)).toBe(deleted);
        }
      }
      for (let at = 0n; at < 90n; at += 3n) {
        const living = model.flatMap((row, i) => (row.at <= at && row.deleted > at ? [i] : []));
        // The newest row of a key lives; among equal times the last.
        const isNewest = (i: number): boolean =>
          living.every((j) => {
            const [a, b] = [model[i], model[j]];
            return a?.key !== b?.key || (b?.at ?? 0n) < (a?.at ?? 0n) || (b?.at === a?.at && j <= i);
          });
        const visible = living.filter(isNewest);
        expect([...data.visibleRows(at)]).toEqual(visible);
        expect(visible.map((i) => data.isVisible(i, at))).toEqual(visible.map(() => true));
        expect(data.liveCount(at)).toBe(living.length);
        const bits = data.liveBitset(at);
        for (let i = 0; i < model.length; i++) expect(isHidden(bits, i)).toBe(!visible.includes(i));
        const order = (a: number, b: number) =>
          compareKeys(model[a]?.key as Key, model[b]?.key as Key) || a - b;
        const after = keyOf();
        const wanted = visible.filter((i) => compareKeys(model[i]?.key as Key, after) > 0).sort(order);
        expect([...data.ordered.smallest(4, at, after)]).toEqual(wanted.slice(0, 4));
        expect([...data.ordered.smallest(1000, at)]).toEqual([...visible].sort(order));
        expect(data.find(after, at)).toBe(visible.find((i) => model[i]?.key === after));
        expect(data.countOf(after, at)).toBe(living.filter((i) => model[i]?.key === after).length);
      }
      data.release();
    }
  });
});

describe('search', () => {
  it('agrees with a slow scan, with deletes, filters, ranges and several tasks', async () => {
    const random = seededRandom(9);
    for (const rows of [0, 1, 70, 3000, 150_000]) {
      const data = segment();
      for (let begin = 0; begin < rows; begin += 50_000) {
        const keys = Array.from({ length: Math.min(50_000, rows - begin) }, (_, i) => BigInt(begin + i));
        data.appendBatch(testBatch(keys, random), BigInt(begin + 1));
      }
      for (let i = 0; i < rows; i += 7) data.applyDelete(BigInt(i), 200_000n);
      const queryCount = 9;
      const queries = Float32Array.from({ length: queryCount * DIM }, () => (nextBelow(random, 17) - 8) / 8);
      for (const metric of metricTypes) {
        for (const [readTs, filter, negated] of [
          [LATEST, false, false],
          [50_002n, true, false],
          [199_999n, true, true],
        ] as const) {
          const filterRows = Uint32Array.from({ length: Math.ceil(rows / 3) }, (_, i) => i * 3);
          const chosen = new Set(filterRows);
          const range = metric === 'L2' ? { radius: 9, rangeFilter: 0.5 } : { radius: -0.25, rangeFilter: 2 };
          const hits = await searchSegment(data, {
            fieldId: VECTOR,
            metric,
            queries,
            k: 20,
            readTs,
            ...range,
            ...(filter && { filterRows, negated }),
          });
          expect(hits.queryCount).toBe(queryCount);
          for (let q = 0; q < queryCount; q += rows > 10_000 ? 4 : 1) {
            const wanted: number[] = [];
            for (let row = 0; row < rows; row++) {
              if (!data.isVisible(row, readTs) || (filter && chosen.has(row) === negated)) continue;
              const score = scoreOf(
                metric,
                queries.subarray(q * DIM, (q + 1) * DIM),
                data.vectorAt(VECTOR, row),
              );
              if (isInRange(metric, score, range.radius, range.rangeFilter)) wanted.push(score);
            }
            wanted.sort((a, b) => (isLargerBetter(metric) ? b - a : a - b));
            const count = hits.counts[q] as number;
            const found = Array.from(hits.scores.subarray(q * hits.k, q * hits.k + count));
            expect(count).toBe(Math.min(20, wanted.length));
            for (const [i, score] of found.entries()) expect(score).toBeCloseTo(wanted[i] as number, 4);
            const ids = new Set(hits.rows.subarray(q * hits.k, q * hits.k + count));
            expect(ids.size).toBe(count);
            for (const row of ids)
              expect(data.isVisible(row, readTs) && !(filter && chosen.has(row) === negated)).toBe(true);
          }
        }
      }
      data.release();
    }
  });
  it('ends a running search before its memory goes', async () => {
    const data = segment();
    data.appendBatch(testBatch([1n, 2n], seededRandom(1)), 1n);
    const running = searchSegment(data, {
      fieldId: VECTOR,
      metric: 'L2',
      queries: new Float32Array(DIM),
      k: 2,
      readTs: LATEST,
    });
    data.release();
    expect((await running).counts).toEqual(Uint32Array.of(2));
  });
  it('refuses a field without vectors', async () => {
    const data = segment();
    await expect(
      searchSegment(data, { fieldId: NAME, metric: 'L2', queries: new Float32Array(DIM), k: 1, readTs: 1n }),
    ).rejects.toMatchObject({
      key: 'invalid_parameter',
    });
    data.release();
  });
});

function scoreOf(metric: string, a: Float32Array, b: Float32Array): number {
  let [dot, square, aa, bb] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    square += (x - y) ** 2;
    aa += x * x;
    bb += y * y;
  }
  if (metric === 'L2') return square;
  return metric === 'IP' ? dot : aa === 0 || bb === 0 ? 0 : Math.fround(dot / Math.sqrt(aa * bb));
}

describe('fields', () => {
  it('gives rows written before a field its default or null', () => {
    const data = segment();
    data.appendBatch(testBatch([1n, 2n], seededRandom(1)), 1n);
    const { fields } = testSchema();
    const added = CollectionSchema.fromPartial({
      name: 'books',
      fields: [
        ...fields,
        {
          fieldID: 103n,
          name: 'pages',
          dataType: DataType.Int16,
          nullable: true,
          defaultValue: { data: { $case: 'intData', value: -3 } },
        },
        { fieldID: 104n, name: 'text', dataType: DataType.VarChar, nullable: true },
        {
          fieldID: 105n,
          name: 'more',
          dataType: DataType.FloatVector,
          nullable: true,
          typeParams: [{ key: 'dim', value: '2' }],
        },
      ],
    });
    data.updateSchema(added);
    data.appendBatch(testBatch([3n], seededRandom(1)), 2n);
    const batch = data.fetch(Uint32Array.of(2, 0), [103n, 104n, 105n, 1n, 0n, 999n]);
    expect([...(findColumn(batch, 103n)?.data ?? [])]).toEqual([253, 255, 253, 255]);
    for (const id of [104n, 105n, 999n])
      expect([0, 1].map((row) => isNull(findColumn(batch, id) as never, row))).toEqual([true, true]);
    expect(findColumn(batch, 1n)).toEqual(columnFromInt64(1n, [2n, 1n]));
    data.release();
  });
  it('refuses a batch that does not fit, and keeps none of it', () => {
    const data = segment();
    const good = testBatch([1n, 2n], seededRandom(1));
    const bad = [
      batchOf(3, good.columns),
      batchOf(2, good.columns.slice(2)),
      batchOf(2, [...good.columns, column(999n, DataType.Bool, new Uint8Array(2))]),
      batchOf(2, [...good.columns, good.columns[0] as never]),
      batchOf(
        2,
        good.columns.map((c) =>
          c.fieldId === NAME ? { ...c, offsets: Uint8Array.from([0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0]) } : c,
        ),
      ),
      batchOf(
        2,
        good.columns.map((c) => (c.fieldId === NAME ? { ...c, valid: new Uint8Array(1) } : c)),
      ),
      batchOf(
        2,
        good.columns.map((c) => (c.fieldId === KEY ? { ...c, dataType: DataType.VarChar } : c)),
      ),
    ];
    for (const batch of bad)
      expect(() => data.appendBatch(batch, 1n)).toThrow(expect.objectContaining({ key: 'data_corrupt' }));
    expect(() => data.appendBatch(good)).toThrow(expect.objectContaining({ key: 'data_corrupt' }));
    expect([data.rowCount, data.find(1n, LATEST)]).toEqual([0, undefined]);
    data.appendBatch(good, 1n);
    expect(stringAt(data.fetch(Uint32Array.of(0), [NAME]).columns[0] as never, 0)).toBe(
      stringAt(good.columns[3] as never, 0),
    );
    data.release();
  });
});
