// Groups over several segments, put together in two steps, against a plain model: exact sums, nulls, copies of keys, and the bound.
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
  isNull,
  stringAt,
} from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { Pace } from '#platform/pace.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { Aggregation, ShardRetrieveRequest } from '#proto/elanus/roles.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { SegmentData } from '#segment/segment-data.js';
import { retrieveFromSegments } from '#segment/segment-reads.js';
import { mergeGroups } from './aggregate-segments.js';
import { GROUPS_MAX } from './aggregation.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const paceOf = () => new Pace(platform, { signal: new AbortController().signal });

const [KEY, LONG, TEXT, SMALL] = [100n, 101n, 102n, 103n];
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: LONG, name: 'long', dataType: DataType.Int64, nullable: true },
    { fieldID: TEXT, name: 'text', dataType: DataType.VarChar, nullable: true },
    { fieldID: SMALL, name: 'small', dataType: DataType.Int8 },
  ],
});
interface Row {
  readonly key: bigint;
  readonly long: bigint | null;
  readonly text: string | null;
  readonly small: number;
}
const longs = [null, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, -(2n ** 53n) - 1n];
const texts = [null, '', 'a', 'a\0b', '\u{1f600}'];

const batchFor = (rows: readonly Row[]): ColumnBatch =>
  batchOf(rows.length, [
    columnFromInt64(
      KEY,
      rows.map(({ key }) => key),
    ),
    column(
      LONG,
      DataType.Int64,
      bytesView(BigInt64Array.from(rows, ({ long }) => long ?? 0n)),
      undefined,
      Uint8Array.from(rows, ({ long }) => (long === null ? 0 : 1)),
    ),
    columnFromStrings(
      TEXT,
      DataType.VarChar,
      rows.map(({ text }) => text),
    ),
    column(SMALL, DataType.Int8, bytesView(Int8Array.from(rows, ({ small }) => small))),
  ]);

function segmentOf(id: bigint, writes: readonly (readonly Row[])[]): ReadableSegment {
  const data = new SegmentData(platform, { id, collectionId: 2n, partitionId: 3n, schema });
  for (const [at, rows] of writes.entries()) data.appendBatch(batchFor(rows), BigInt(10 + at));
  return { id, data, commitTimestamp: 0n };
}

const aggregation = Aggregation.create({
  groupBy: [TEXT, SMALL],
  calls: [
    { op: 'rows', fieldId: 0n },
    { op: 'count', fieldId: LONG },
    { op: 'sum', fieldId: LONG },
    { op: 'min', fieldId: LONG },
    { op: 'max', fieldId: TEXT },
  ],
});

/** A line a group: its values, then its results. */
function linesOf(groups: ColumnBatch): string[] {
  const cell = (id: bigint, row: number): string => {
    const from = findColumn(groups, id);
    if (from === undefined) throw new Error(`no column ${id}`);
    if (isNull(from, row)) return 'null';
    if (from.offsets.length > 0) return JSON.stringify(stringAt(from, row));
    return String(from.dataType === DataType.Int8 ? (from.data[row] ?? 0) : int64Values(from)[row]);
  };
  return Array.from({ length: groups.rowCount }, (_, row) =>
    [TEXT, SMALL, -10n, -11n, -12n, -13n, -14n].map((id) => cell(id, row)).join(' '),
  ).sort();
}

function wantedLines(rows: readonly Row[]): string[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.text === null ? 'null' : JSON.stringify(row.text)} ${row.small}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups]
    .map(([key, members]) => {
      const values = members.flatMap(({ long }) => (long === null ? [] : [long]));
      const sum = values.reduce((total, value) => total + value, 0n);
      const least = values.reduce((low, value) => (value < low ? value : low), 2n ** 63n);
      const text = members[0]?.text ?? null;
      const some = values.length > 0;
      return [
        key,
        members.length,
        values.length,
        some ? `"${sum}"` : 'null',
        some ? least : 'null',
        text === null ? 'null' : JSON.stringify(text),
      ].join(' ');
    })
    .sort();
}

it('every row that lives counts once, sums are exact beyond 64 bits', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(from: readonly T[]): T => from[nextBelow(random, from.length)] as T;
    const makeRows = (): Row[] =>
      Array.from({ length: 1 + nextBelow(random, 20) }, () => ({
        key: BigInt(nextBelow(random, 30)),
        long: pick(longs),
        text: pick(texts),
        small: nextBelow(random, 2),
      }));
    const writes = Array.from({ length: 1 + nextBelow(random, 3) }, () =>
      Array.from({ length: 1 + nextBelow(random, 3) }, makeRows),
    );
    const segments = writes.map((batches, at) => segmentOf(BigInt(at + 1), batches));
    const deleted = BigInt(nextBelow(random, 30));
    for (const { data } of segments) data.applyDelete(deleted, 50n);
    const all = writes.flat(2).filter(({ key }) => key !== deleted);
    const named = [1n, 2n, 3n, deleted, 99n];
    const list = { keys: columnFromInt64(KEY, named), keyCount: named.length };
    const filters = [
      { passes: () => true, sent: {} },
      { passes: ({ key }: Row) => named.includes(key), sent: { filter: { ...list, negated: false } } },
      { passes: ({ key }: Row) => !named.includes(key), sent: { filter: { ...list, negated: true } } },
      {
        passes: ({ small }: Row) => small === 1,
        sent: { textFilter: { text: 'small == 1', templates: {}, zone: '' } },
      },
    ];
    for (const { passes, sent } of filters) {
      const request = ShardRetrieveRequest.fromPartial({ ...sent, aggregation });
      // As two shards answer, each of some of the segments.
      const parts = [segments.slice(0, 1), segments.slice(1)];
      const answers = await Promise.all(
        parts.map((part) => retrieveFromSegments(part, request, 1000n, schema, paceOf())),
      );
      const groups = await mergeGroups(
        answers.flatMap((answer) => (answer.groups === undefined ? [] : [answer.groups])),
        aggregation,
        paceOf(),
      );
      expect(linesOf(groups)).toEqual(wantedLines(all.filter(passes)));
      const counting = ShardRetrieveRequest.fromPartial({ ...sent, countOnly: true });
      const { count } = await retrieveFromSegments(segments, counting, 1000n, schema, paceOf());
      expect(Number(count)).toBe(all.filter(passes).length);
    }
    for (const { data } of segments) data.release();
  }
});

it('groups of long texts are bounded in bytes', async () => {
  const long = 'x'.repeat(65_000);
  const rows = Array.from({ length: 1700 }, (_, at) => ({
    key: BigInt(at),
    long: 1n,
    text: `${at} ${long}`,
    small: 0,
  }));
  const segments = [segmentOf(1n, [rows])];
  const ask = (of: Partial<Aggregation>) =>
    retrieveFromSegments(
      segments,
      ShardRetrieveRequest.fromPartial({ aggregation: { ...aggregation, ...of } }),
      1000n,
      schema,
      paceOf(),
    );
  const tooLarge = { key: 'invalid_parameter', message: expect.stringContaining('query results exceed') };
  await expect(ask({ groupBy: [TEXT] })).rejects.toMatchObject(tooLarge);
  await expect(ask({ groupBy: [KEY] })).rejects.toMatchObject(tooLarge);
  expect((await ask({ groupBy: [] })).groups?.rowCount).toBe(1);
});

it('more groups than the bound are refused, not kept', async () => {
  const rows = Array.from({ length: GROUPS_MAX + 1 }, (_, at) => ({
    key: BigInt(at),
    long: BigInt(at),
    text: null,
    small: 0,
  }));
  const segments = [segmentOf(1n, [rows])];
  const byLong = { ...aggregation, groupBy: [LONG] };
  const ask = (deleted: bigint) => {
    for (const { data } of segments) data.applyDelete(deleted, 20n);
    return retrieveFromSegments(
      segments,
      ShardRetrieveRequest.fromPartial({ aggregation: byLong }),
      1000n,
      schema,
      paceOf(),
    );
  };
  await expect(ask(-1n)).rejects.toMatchObject({ key: 'parameter_too_large' });
  expect((await ask(7n)).groups?.rowCount).toBe(GROUPS_MAX);
});
