// Templates, columns, keys and limits that do not fit, as exact bytes over gRPC: each is refused with a code and a sentence or does what it says,
// nothing is half written, and what a request costs grows with its size and no faster.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { encodeTexts } from '#model/text-list.js';
import { ConsistencyLevel, type Status } from '#proto/milvus/common.js';
import {
  DeleteRequest,
  InsertRequest,
  MutationResult,
  QueryRequest,
  QueryResults,
  UpsertRequest,
} from '#proto/milvus/milvus.js';
import { DataType, type FieldData, type TemplateValue } from '#proto/milvus/schema.js';
import { floats, jsons, longs, texts } from '../support/field-data.js';
import { floatVector } from './bad-input-cases.js';
import { WorkCounter } from './counted-work.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { mustSucceed, openWorld, type World } from './support.js';

type Template = NonNullable<TemplateValue['val']>;
const long = (value: bigint): Template => ({ $case: 'int64Val', value });
const text = (value: string): Template => ({ $case: 'stringVal', value });
const longList = (values: readonly bigint[]): Template => ({
  $case: 'arrayVal',
  value: {
    data: {
      $case: 'longData',
      value: { data: encodeInt64s(new Uint8Array(BigInt64Array.from(values).buffer)) },
    },
  },
});
const textList = (data: string[]): Template => ({
  $case: 'arrayVal',
  value: { data: { $case: 'stringData', value: encodeTexts(data) } },
});
const upTo = (count: number): bigint[] => Array.from({ length: count }, (_, at) => BigInt(at));

/** The filter, its templates, and the text of the refusal, or how many of the rows 1, 2, 3 it finds. */
const templates: readonly [
  what: string,
  filter: string,
  values: Record<string, Template>,
  answer: string | number,
][] = [
  ['one', 'id == {x}', { x: long(1n) }, 1],
  ['one that the filter does not use', 'id == 1', { x: long(1n) }, 1],
  ['one used twice', 'id == {x} or n == {x}', { x: long(2n) }, 1],
  ['none of that name', 'id == {x}', { y: long(1n) }, 'template variable name {x} is not found'],
  ['a name of the prototype', 'id == {constructor}', {}, 'template variable name {constructor} is not found'],
  ['one without a value', 'id == {x}', { x: undefined as unknown as Template }, 'x'],
  ['a text for a number', 'id == {x}', { x: text('1') }, 'id'],
  ['a number for a text', 'name == {x}', { x: long(1n) }, 'name'],
  ['a number for a list', 'id in {x}', { x: long(1n) }, 'must be a list'],
  ['a list for a number', 'id == {x}', { x: longList([1n]) }, 'id'],
  ['a list of texts for one of numbers', 'id in {x}', { x: textList(['1']) }, 'Int64'],
  ['a list of numbers for one of texts', 'name in {x}', { x: longList([1n]) }, 'VarChar'],
  ['a list that is empty', 'id in {x}', { x: longList([]) }, 0],
  ['a boolean for a number', 'id == {x}', { x: { $case: 'boolVal', value: true } }, 'id'],
  ['NaN', 'real == {x}', { x: { $case: 'floatVal', value: Number.NaN } }, 0],
  ['an infinity', 'real < {x}', { x: { $case: 'floatVal', value: Number.POSITIVE_INFINITY } }, 3],
  ['bytes', 'name == {x}', { x: { $case: 'bytesVal', value: Uint8Array.of(1) } }, 'x'],
  ['one that is no filter', '{x}', { x: text('id == 1') }, 'not a boolean expression'],
  ['a filter in a text', 'name == {x}', { x: text('a" or id > 0 or name == "') }, 0],
  ['a pattern', 'name like {x}', { x: text('a%') }, 1],
  ['a pattern that is a number', 'name like {x}', { x: long(1n) }, 'string'],
  ['a name without an end', 'id == {x', { x: long(1n) }, 'cannot parse expression'],
  ['a name of nothing', 'id == {}', { '': long(1n) }, 'cannot parse expression'],
  ['a million numbers', 'id in {x}', { x: longList(upTo(1_000_000)) }, 3],
  ['a million numbers and one', 'id in {x}', { x: longList(upTo(1_000_001)) }, 'more than 1000000 keys'],
];

/** Filters with everything in the text. */
const lists: readonly [what: string, filter: () => string, answer: string | number][] = [
  ['keys that are named twice', () => 'id in [1, 2, 1, 1]', 2],
  ['not, keys that are named twice', () => 'id not in [1, 2, 1, 9, 9]', 1],
  ['a million numbers', () => `id in [${upTo(1_000_000).join(',')}]`, 3],
  ['a million numbers and one', () => `id in [${upTo(1_000_001).join(',')}]`, 'more than 1000000 elements'],
  ['a million texts', () => `name in [${upTo(1_000_000).map((n) => `"a${n}"`)}]`, 1],
  ['a million numbers in JSON', () => `doc["a"] in [${upTo(1_000_000).join(',')}]`, 3],
];

const limits: readonly [what: string, params: Record<string, string>, refusal: string | undefined][] = [
  ['limit 2^31', { limit: '2147483648' }, 'invalid max query result window'],
  ['limit 2^63 - 1', { limit: '9223372036854775807' }, 'expected an integer'],
  ['limit 2^64', { limit: '18446744073709551616' }, 'limit'],
  ['limit 1e400', { limit: '1e400' }, 'limit'],
  ['limit -1', { limit: '-1' }, 'limit'],
  ['limit 0', { limit: '0' }, 'limit'],
  ['offset 2^63 - 1', { limit: '1', offset: '9223372036854775807' }, 'offset'],
  ['offset -1', { limit: '1', offset: '-1' }, 'offset'],
  ['offset and limit beyond together', { limit: '16384', offset: '1' }, 'invalid max query result window'],
  ['limit 16384', { limit: '16384' }, undefined],
];

const keys = (...values: bigint[]): FieldData => longs('id', values);
const words = (...values: string[]): FieldData => texts('id', values);
const v = (rows: number): FieldData => floatVector(Array.from({ length: rows * 2 }, () => 1));
const n = (...values: bigint[]): FieldData => longs('n', values);

/** Columns of two rows that do not fit together, in inserts and upserts. */
const columns: readonly [what: string, fields: FieldData[], numRows: number, refusal: string][] = [
  ['a key too few', [keys(8n), v(2), n(1n, 2n)], 2, 'id'],
  ['a key too many', [keys(8n, 9n, 10n), v(2), n(1n, 2n)], 2, 'id'],
  ['a vector too few', [keys(8n, 9n), v(1), n(1n, 2n)], 2, 'v'],
  ['a vector too many', [keys(8n, 9n), v(3), n(1n, 2n)], 2, 'v'],
  ['a number too few', [keys(8n, 9n), v(2), n(1n)], 2, 'n'],
  ['a number too many', [keys(8n, 9n), v(2), n(1n, 2n, 3n)], 2, 'n'],
  ['a text too few', [keys(8n, 9n), v(2), n(1n, 2n), texts('name', ['a'])], 2, 'name'],
  ['JSON too few', [keys(8n, 9n), v(2), n(1n, 2n), jsons('doc', ['1'])], 2, 'doc'],
  ['a validity too few', [keys(8n, 9n), v(2), { ...n(1n, 2n), validData: [true] }], 2, 'n'],
  [
    'a null of a field that takes none',
    [keys(8n, 9n), { ...v(1), validData: [true, false] }, n(1n, 2n)],
    2,
    'v',
  ],
  ['no rows', [], 0, 'num_rows'],
  ['no rows, and columns of none', [keys(), v(0), n()], 0, 'num_rows'],
  ['4 Gi rows, and columns of one', [keys(8n), v(1), n(1n)], 2 ** 32 - 1, 'maxInsertSize'],
];

let world: World;
let raw: RawClient;
const longsOf = (field: FieldData | undefined): bigint[] => {
  const data = field?.field?.$case === 'scalars' ? field.field.value.data : undefined;
  return data?.$case === 'longData' ? [...data.value.data].map(BigInt) : [];
};

async function count(
  collectionName: string,
  expr: string,
  more: Parameters<typeof QueryRequest.fromPartial>[0] = {},
): Promise<{ code: number; reason: string; count: bigint | undefined }> {
  const request = {
    collectionName,
    expr,
    outputFields: ['count(*)'],
    consistencyLevel: ConsistencyLevel.Strong,
    ...more,
  };
  const { status, fieldsData } = QueryResults.decode(
    await raw.call('Query', QueryRequest.encode(QueryRequest.fromPartial(request)).finish()),
  );
  return { code: status?.code ?? 0, reason: status?.reason ?? '', count: longsOf(fieldsData[0])[0] };
}
async function write(
  method: 'Insert' | 'Upsert',
  collectionName: string,
  fieldsData: FieldData[],
  numRows: number,
): Promise<MutationResult> {
  const request = { collectionName, fieldsData, numRows };
  const bytes =
    method === 'Insert'
      ? InsertRequest.encode(InsertRequest.fromPartial(request)).finish()
      : UpsertRequest.encode(UpsertRequest.fromPartial(request)).finish();
  return MutationResult.decode(await raw.call(method, bytes));
}
function refuses(status: Pick<Status, 'code' | 'reason'> | undefined, refusal: string): void {
  expect(status?.reason).toContain(refusal);
  expect(status?.code).toBeOneOf([999, 1100, 1101, 1102, 65_535]);
  expect(status?.reason).not.toMatch(/undefined|\[object|internal error/);
}
function answers(found: Awaited<ReturnType<typeof count>>, answer: string | number): void {
  if (typeof answer === 'string') refuses(found, answer);
  else expect(found).toEqual({ code: 0, reason: '', count: BigInt(answer) });
}
const withValues = (values: Record<string, Template>) => ({
  exprTemplateValues: Object.fromEntries(Object.entries(values).map(([name, val]) => [name, { val }])),
});

beforeAll(async () => {
  world = await openWorld('memory');
  raw = connectRaw(world.database.address);
  const own = (key: object) => [
    { ...key, name: 'id', is_primary_key: true },
    { name: 'v', data_type: DataType.FloatVector, dim: 2 },
  ];
  const fields = [
    ...own({ data_type: DataType.Int64 }),
    { name: 'n', data_type: DataType.Int64 },
    { name: 'name', data_type: DataType.VarChar, max_length: 20, nullable: true },
    { name: 'real', data_type: DataType.Float, nullable: true },
    { name: 'doc', data_type: DataType.JSON, nullable: true },
  ];
  for (const [collection_name, all] of [
    ['numbers', fields],
    ['words', own({ data_type: DataType.VarChar, max_length: 20 })],
  ] as const) {
    await mustSucceed(world.client.createCollection({ collection_name, fields: all as never }));
    const index = { field_name: 'v', index_type: 'FLAT', metric_type: 'L2' };
    await mustSucceed(world.client.createIndex({ collection_name, ...index }));
    await mustSucceed(world.client.loadCollectionSync({ collection_name }));
  }
  const others = [
    texts('name', ['a1', 'b', 'c']),
    floats('real', [1, 2, 3]),
    jsons('doc', ['{"a":1}', '{"a":2}', '{"a":3}']),
  ];
  const { status } = await write('Insert', 'numbers', [keys(1n, 2n, 3n), v(3), n(1n, 2n, 3n), ...others], 3);
  expect(status?.reason).toBe('');
});
afterAll(async () => {
  raw.close();
  await world.close();
});

describe('templates', () => {
  it.each(templates)('%s', async (_what, filter, values, answer) => {
    answers(await count('numbers', filter, withValues(values)), answer);
    answers(await count('numbers', ''), 3);
  });

  it('of a delete', async () => {
    const remove = async (expr: string, values: Record<string, Template>) => {
      const request = { collectionName: 'numbers', expr, ...withValues(values) };
      const bytes = DeleteRequest.encode(DeleteRequest.fromPartial(request)).finish();
      return MutationResult.decode(await raw.call('Delete', bytes)).status;
    };
    refuses(await remove('id in {x}', { y: longList([1n]) }), 'template variable name {x} is not found');
    refuses(await remove('id in {x}', { x: textList(['1']) }), 'Int64');
    expect((await remove('name == {x}', { x: text('a" or id > 0 or name == "') }))?.code).toBe(0);
    answers(await count('numbers', ''), 3);
  });
});

describe('lists', () => {
  it.each(lists)('%s', async (_what, filter, answer) => answers(await count('numbers', filter()), answer));
});

describe('limits', () => {
  it.each(limits)('%s', async (_what, params, refusal) => {
    const queryParams = Object.entries(params).map(([key, value]) => ({ key, value }));
    const found = await count('numbers', 'id > 0', { queryParams, outputFields: ['id'] });
    if (refusal === undefined) expect(found.code).toBe(0);
    else refuses(found, refusal);
  });
});

describe.each(['Insert', 'Upsert'] as const)('%s', (method) => {
  it.each(columns)('%s', async (_what, fields, numRows, refusal) => {
    const { status } = await write(method, 'numbers', fields, numRows);
    refuses(status, refusal);
    answers(await count('numbers', ''), 3);
    answers(await count('numbers', 'id > 3'), 0);
  });

  it('takes NUL and odd characters in a key', async () => {
    const odd = ['a\0b', '\0', '', '"', "'\\", '{x}', '\u202e', '__proto__', '👩‍👩‍👧', 'a'];
    const { status } = await write(method, 'words', [words(...odd), v(odd.length)], odd.length);
    expect(status?.reason).toBe('');
    for (const key of odd) {
      const found = await count('words', 'id == {x}', withValues({ x: text(key) }));
      expect([key, found.count]).toEqual([key, 1n]);
      const listed = await count('words', `id in [${JSON.stringify(key)}]`);
      expect([key, listed.reason, listed.count]).toEqual([key, '', 1n]);
    }
  });

  it('takes keys at the ends of Int64', async () => {
    const ends = [-(2n ** 63n), 2n ** 63n - 1n];
    const { status } = await write(method, 'numbers', [keys(...ends), v(2), n(...ends)], 2);
    expect(status?.reason).toBe('');
    for (const end of ends)
      answers(await count('numbers', 'id == {x} and n == {x}', withValues({ x: long(end) })), 1);
    answers(await count('numbers', `id in [${ends}]`), 2);
    const remove = DeleteRequest.fromPartial({ collectionName: 'numbers', expr: `id in [${ends}]` });
    await raw.call('Delete', DeleteRequest.encode(remove).finish());
    answers(await count('numbers', ''), 3);
  });

  it('takes a key twice: its last row is the row', async () => {
    const before = (await count('numbers', '')).count ?? 0n;
    const { status } = await write(method, 'numbers', [keys(7n, 7n, 7n), v(3), n(1n, 2n, 3n)], 3);
    expect(status?.reason).toBe('');
    const request = {
      collectionName: 'numbers',
      expr: 'id == 7',
      outputFields: ['n'],
      consistencyLevel: ConsistencyLevel.Strong,
    };
    const bytes = QueryRequest.encode(QueryRequest.fromPartial(request)).finish();
    const { fieldsData } = QueryResults.decode(await raw.call('Query', bytes));
    expect(longsOf(fieldsData.find(({ fieldName }) => fieldName === 'n'))).toEqual([3n]);
    expect((await count('numbers', '')).count).toBe(before + (method === 'Insert' ? 3n : 1n));
    const remove = DeleteRequest.fromPartial({ collectionName: 'numbers', expr: 'id == 7' });
    await raw.call('Delete', DeleteRequest.encode(remove).finish());
    answers(await count('numbers', ''), 3);
  });
});

describe('what a request costs grows no faster than its size:', () => {
  const counter = new WorkCounter();
  beforeAll(() => counter.open());
  afterAll(() => counter.close());
  const small = 2000;
  const insertOf = (rows: number, from: bigint) => async (): Promise<void> => {
    const all = upTo(rows).map((key) => key + from);
    const others = [
      texts('name', all.map(String)),
      jsons(
        'doc',
        all.map(() => '{"a":{"b":[1,2]}}'),
      ),
    ];
    const { status } = await write('Insert', 'numbers', [keys(...all), v(rows), n(...all), ...others], rows);
    expect(status?.reason).toBe('');
  };
  const asks =
    (filter: string, values: Record<string, Template> = {}) =>
    async (): Promise<void> => {
      expect((await count('numbers', filter, withValues(values))).code).toBeOneOf([0, 1100]);
    };
  const sized: readonly [what: string, action: (size: number) => () => Promise<void>][] = [
    ['in, numbers', (size) => asks(`n in [${upTo(size)}]`)],
    ['in, keys', (size) => asks(`id in [${upTo(size)}]`)],
    ['in, texts', (size) => asks(`name in [${upTo(size).map((at) => `"${at}"`)}]`)],
    ['in, JSON', (size) => asks(`doc["a"] in [${upTo(size)}]`)],
    ['in, a template', (size) => asks('n in {x}', { x: longList(upTo(size)) })],
    ['in, a template of texts', (size) => asks('name in {x}', { x: textList(upTo(size).map(String)) })],
    [
      'or',
      (size) =>
        asks(
          upTo(size)
            .map((at) => `n == ${at}`)
            .join(' or '),
        ),
    ],
    ['a text', (size) => asks(`name == "${'x'.repeat(size)}"`)],
    ['escapes in a text', (size) => asks(`name == "${'\\u0041'.repeat(size)}"`)],
    ['a pattern', (size) => asks(`name like "${'%a'.repeat(size)}"`)],
    ['brackets without an end', (size) => asks('('.repeat(size))],
    ['quotes without an end', (size) => asks(`name in [${'"a" "'.repeat(size)}`)],
    ['not', (size) => asks(`${'not '.repeat(size)}n == 1`)],
    ['a path', (size) => asks(`doc${'["a"]'.repeat(size)} == 1`)],
    [
      'templates',
      (size) => asks('n == {x1}', Object.fromEntries(upTo(size).map((at) => [`x${at}`, long(at)]))),
    ],
    [
      'a polygon',
      (size) => asks(`st_within(doc, "POLYGON((${upTo(size).map((at) => `${at} ${at % 7n}`)},0 0))")`),
    ],
    ['rows', (size) => insertOf(size, BigInt(size) * 1000n)],
    [
      'a row of deep JSON',
      (size) => async () => {
        const depth = size / 20;
        const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
        await write('Insert', 'numbers', [keys(9n), v(1), n(1n), jsons('doc', [deep])], 1);
      },
    ],
    [
      'a row of many keys',
      (size) => async () => {
        const many = `{${upTo(size / 4).map((at) => `"k${at}":${at}`)}}`;
        await write('Insert', 'numbers', [keys(9n), v(1), n(1n), jsons('doc', [many])], 1);
      },
    ],
  ];
  it.each(sized)('%s', async (_what, action) => {
    await action(small / 2)(); // What is made once is made here.
    const one = await counter.count(action(small));
    const four = await counter.count(action(4 * small));
    // Four times the size costs at most four times as much, and a little for sorting; a square costs sixteen times.
    expect(four).toBeLessThan(6 * Math.max(one, 5000));
  });
});
