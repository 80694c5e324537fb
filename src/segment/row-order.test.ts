// Rows in an order by values, over segments that hold copies of keys, against a plain sort of the newest rows.
import { afterAll, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextBelow, seededRandom } from '#base/random.js';
import {
  batchOf,
  column,
  columnFromInt64,
  columnFromStrings,
  findColumn,
  int64Values,
} from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { Pace } from '#platform/pace.js';
import { OrderKey, ShardRetrieveRequest } from '#proto/elanus/roles.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import type { ReadableSegment } from './readable-segment.js';
import { mergeBatchesInOrder, queryOrder } from './row-order.js';
import { SegmentData } from './segment-data.js';
import { retrieveFromSegments } from './segment-reads.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());

const [KEY, NUMBER, TEXT, LONG] = [100n, 101n, 102n, 103n];
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: NUMBER, name: 'number', dataType: DataType.Double, nullable: true },
    { fieldID: TEXT, name: 'text', dataType: DataType.VarChar, nullable: true },
    { fieldID: LONG, name: 'long', dataType: DataType.Int64 },
  ],
});

interface Row {
  readonly key: bigint;
  readonly number: number | null;
  readonly text: string | null;
  readonly long: bigint;
}

const numbers = [null, Number.NaN, -0, 0, 1.5, -1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const texts = [null, '', 'a', 'ab', 'b', '\u{1f600}', '\uffee'];
const longs = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 2n ** 53n + 1n];

const batchFor = (rows: readonly Row[]) =>
  batchOf(rows.length, [
    columnFromInt64(
      KEY,
      rows.map(({ key }) => key),
    ),
    column(
      NUMBER,
      DataType.Double,
      bytesView(Float64Array.from(rows, ({ number }) => number ?? 0)),
      undefined,
      Uint8Array.from(rows, ({ number }) => (number === null ? 0 : 1)),
    ),
    columnFromStrings(
      TEXT,
      DataType.VarChar,
      rows.map(({ text }) => text),
    ),
    columnFromInt64(
      LONG,
      rows.map(({ long }) => long),
    ),
  ]);

const numberOrder = (a: number, b: number): number => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
};
const textOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const longOrder = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function orderOf(fieldId: bigint, a: Row, b: Row): number | 'left null' | 'right null' {
  const [x, y] =
    fieldId === NUMBER ? [a.number, b.number] : fieldId === TEXT ? [a.text, b.text] : [a.long, b.long];
  if (x === null || y === null) return x === y ? 0 : x === null ? 'left null' : 'right null';
  if (typeof x === 'number' && typeof y === 'number') return numberOrder(x, y);
  if (typeof x === 'string' && typeof y === 'string') return textOrder(x, y);
  return typeof x === 'bigint' && typeof y === 'bigint' ? longOrder(x, y) : 0;
}

const wantedOrder =
  (keys: readonly OrderKey[]) =>
  (a: Row, b: Row): number => {
    for (const { fieldId, descending, nullsFirst } of keys) {
      const order = orderOf(fieldId, a, b);
      if (order === 'left null') return nullsFirst ? -1 : 1;
      if (order === 'right null') return nullsFirst ? 1 : -1;
      if (order !== 0) return descending ? -order : order;
    }
    return longOrder(a.key, b.key);
  };

function world(seed: number) {
  const random = seededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[nextBelow(random, from.length)] as T;
  const newest = new Map<bigint, Row>();
  const segments: ReadableSegment[] = [];
  let now = 10n;
  for (let index = 0; index < 1 + nextBelow(random, 4); index++) {
    const data = new SegmentData(platform, {
      id: BigInt(index + 1),
      collectionId: 2n,
      partitionId: 3n,
      schema,
    });
    const rows = Array.from({ length: nextBelow(random, 30) }, () => ({
      key: BigInt(nextBelow(random, 40)),
      number: pick(numbers),
      text: pick(texts),
      long: pick(longs),
    }));
    if (rows.length > 0) data.appendBatch(batchFor(rows), now);
    for (const row of rows) newest.set(row.key, row);
    segments.push({ id: data.id, data, commitTimestamp: 0n });
    now += 10n;
  }
  for (let deletes = nextBelow(random, 4); deletes > 0; deletes--) {
    const key = BigInt(nextBelow(random, 40));
    for (const { data } of segments) data.applyDelete(key, now);
    newest.delete(key);
  }
  const keys = [NUMBER, TEXT, LONG]
    .sort(() => nextBelow(random, 3) - 1)
    .slice(0, 1 + nextBelow(random, 3))
    .map((fieldId) =>
      OrderKey.create({
        fieldId,
        descending: nextBelow(random, 2) === 0,
        nullsFirst: nextBelow(random, 2) === 0,
      }),
    );
  const wanted = [...newest.values()].sort(wantedOrder(keys));
  return { random, segments, keys, wanted };
}

it('the first rows are those of a full sort, whatever segments they lie in', async () => {
  for (let seed = 0; seed < 400; seed++) {
    const { random, segments, keys, wanted } = world(seed);
    const pace = new Pace(platform, { signal: new AbortController().signal });
    const named = Array.from({ length: 8 }, () => BigInt(nextBelow(random, 40)));
    const list = { keys: columnFromInt64(KEY, named), keyCount: named.length };
    const filters = [
      { passes: () => true, sent: {} },
      {
        passes: ({ key }: Row) => named.includes(key),
        sent: { filter: { ...list, negated: false } },
      },
      {
        passes: ({ key }: Row) => !named.includes(key),
        sent: { filter: { ...list, negated: true } },
      },
      {
        passes: ({ long }: Row) => long >= 0n,
        sent: { textFilter: { text: 'long >= 0', templates: {}, zone: '' } },
      },
    ];
    for (const { passes, sent } of filters) {
      const limit = nextBelow(random, 45);
      const request = ShardRetrieveRequest.fromPartial({ ...sent, orderBy: keys, limit: BigInt(limit) });
      const { rows } = await retrieveFromSegments(segments, request, 1000n, schema, pace);
      const passing = wanted.filter(passes).map(({ key }) => key);
      const found = findColumn(rows, KEY);
      expect(found === undefined ? [] : [...int64Values(found)]).toEqual(
        limit === 0 ? passing : passing.slice(0, limit),
      );
    }
    for (const { data } of segments) data.release();
  }
});

it('batches of several shards become one page', async () => {
  const order = queryOrder([OrderKey.create({ fieldId: LONG, descending: true })], KEY);
  if (order === undefined) throw new Error('an order');
  const rows = (keys: readonly bigint[]) =>
    batchFor(keys.map((key) => ({ key, number: 1, text: 'x', long: key / 2n })));
  const pace = new Pace(platform, { signal: new AbortController().signal });
  const merged = await mergeBatchesInOrder(
    [rows([8n, 6n, 2n]), rows([]), rows([9n, 7n, 3n, 1n])],
    order,
    { limit: 5, skip: 1 },
    pace,
  );
  expect([...int64Values(must(findColumn(merged, KEY)))]).toEqual([9n, 6n, 7n, 2n]);
});

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a value');
  return value;
}
