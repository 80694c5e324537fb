// Requests that no SDK would send, as bytes: each gets a code and a sentence, none an internal error, and the next good request works.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { PlaceholderType } from '#proto/milvus/common.js';
import {
  CreateCollectionRequest,
  CreateIndexRequest,
  DeleteRequest,
  InsertRequest,
  LoadCollectionRequest,
  QueryRequest,
  QueryResults,
  SearchRequest,
  UpsertRequest,
} from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, FieldData } from '#proto/milvus/schema.js';
import { connectRaw, placeholderGroup, type RawClient, searchRequest, unaryMethods } from './raw-client.js';
import { createLoaded, insertRange, openWorld, type World } from './support.js';

const keys = (...values: readonly bigint[]): FieldData =>
  FieldData.fromPartial({
    type: DataType.Int64,
    fieldName: 'id',
    field: {
      $case: 'scalars',
      value: {
        data: {
          $case: 'longData',
          value: { data: encodeInt64s(new Uint8Array(BigInt64Array.from(values).buffer)) },
        },
      },
    },
  });
const vectors = (values: readonly number[], dim = 8, fieldName = 'vector'): FieldData =>
  FieldData.fromPartial({
    type: DataType.FloatVector,
    fieldName,
    field: {
      $case: 'vectors',
      value: {
        dim: BigInt(dim),
        data: { $case: 'floatVector', value: { data: new Uint8Array(Float32Array.from(values).buffer) } },
      },
    },
  });
const eight = (value: number): number[] => Array.from({ length: 8 }, () => value);
const insert = (fieldsData: FieldData[], more: object = {}): Uint8Array =>
  InsertRequest.encode(
    InsertRequest.fromPartial({ collectionName: 'good', numRows: 1, fieldsData, ...more }),
  ).finish();
const upsert = (fieldsData: FieldData[]): Uint8Array =>
  UpsertRequest.encode(
    UpsertRequest.fromPartial({ collectionName: 'good', numRows: 1, fieldsData }),
  ).finish();
const search = (more: object, params: Record<string, string> = {}): Uint8Array => {
  const pairs = Object.entries(params).map(([key, value]) => ({ key, value }));
  return SearchRequest.encode(
    SearchRequest.fromPartial({ ...searchRequest('good', [1], pairs), ...more }),
  ).finish();
};

const searchFor = (value: Uint8Array): Uint8Array =>
  search({ searchInput: { $case: 'placeholderGroup', value } });
const query = (expr: string, more: object = {}): Uint8Array =>
  QueryRequest.encode(
    QueryRequest.fromPartial({ collectionName: 'good', expr, outputFields: ['id'], ...more }),
  ).finish();
const remove = (expr: string, more: object = {}): Uint8Array =>
  DeleteRequest.encode(DeleteRequest.fromPartial({ collectionName: 'good', expr, ...more })).finish();
const create = (fields: object[], more: object = {}): Uint8Array => {
  const schema = CollectionSchema.encode(CollectionSchema.fromPartial({ name: 'fresh', fields })).finish();
  return CreateCollectionRequest.encode(
    CreateCollectionRequest.fromPartial({ collectionName: 'fresh', schema, ...more }),
  ).finish();
};

const id = { name: 'id', dataType: DataType.Int64, isPrimaryKey: true };
const vector = (dim: string) => ({
  name: 'v',
  dataType: DataType.FloatVector,
  typeParams: [{ key: 'dim', value: dim }],
});

const index = (fieldName: string, params: Record<string, string>): Uint8Array => {
  const extraParams = Object.entries(params).map(([key, value]) => ({ key, value }));
  return CreateIndexRequest.encode(
    CreateIndexRequest.fromPartial({ collectionName: 'good', fieldName, extraParams }),
  ).finish();
};

const NaNs = [...eight(0).slice(1), Number.NaN];

const cases: [what: string, method: string, request: Uint8Array, codes: number[], text: string][] = [
  ['NaN in a row', 'Insert', insert([keys(9n), vectors(NaNs)]), [1100], 'vector'],
  [
    'infinity in a row',
    'Upsert',
    upsert([keys(9n), vectors(eight(Number.POSITIVE_INFINITY))]),
    [1100],
    'vector',
  ],
  [
    'a vector cut short',
    'Insert',
    insert([keys(9n), vectors([1, 2, 3])]),
    [1100, 65_535],
    'should divide the dim(8)',
  ],
  [
    'another dim',
    'Insert',
    insert([keys(9n), vectors([...eight(1), ...eight(2)], 16)]),
    [1100, 65_535],
    'vector',
  ],
  [
    'two vectors for one row',
    'Insert',
    insert([keys(9n), vectors([...eight(1), ...eight(2)])]),
    [1100, 65_535],
    'vector',
  ],
  ['no vectors', 'Insert', insert([keys(9n)]), [1100, 65_535], 'vector'],
  ['no keys', 'Insert', insert([vectors(eight(1))]), [1100, 65_535], 'id'],
  ['a column twice', 'Insert', insert([keys(9n), keys(9n), vectors(eight(1))]), [1100, 65_535], 'id'],
  [
    'a column there is not',
    'Insert',
    insert([keys(9n), vectors(eight(1)), vectors(eight(1), 8, 'ghost')]),
    [1100, 65_535],
    'ghost',
  ],
  [
    'more rows said than sent',
    'Insert',
    insert([keys(9n), vectors(eight(1))], { numRows: 1_000_000 }),
    [1100, 65_535],
    'id',
  ],
  [
    'an empty column',
    'Insert',
    insert([FieldData.fromPartial({ fieldName: 'id' }), vectors(eight(1))]),
    [1100, 65_535],
    'id',
  ],
  ['no rows', 'Insert', insert([], { numRows: 0 }), [1100, 65_535], 'num_rows'],
  [
    'insert into what is not there',
    'Insert',
    insert([keys(9n), vectors(eight(1))], { collectionName: 'ghost' }),
    [100],
    'ghost',
  ],
  [
    'insert into no partition',
    'Insert',
    insert([keys(9n), vectors(eight(1))], { partitionName: 'ghost' }),
    [200],
    'ghost',
  ],
  [
    'insert into no database',
    'Insert',
    insert([keys(9n), vectors(eight(1))], { dbName: 'ghost' }),
    [800],
    'ghost',
  ],
  ['a query vector that is NaN', 'Search', searchFor(placeholderGroup([NaNs])), [1100], 'vector'],
  ['no query vectors', 'Search', searchFor(placeholderGroup([])), [1100], 'nq [0] is invalid'],
  [
    'a placeholder that is none',
    'Search',
    searchFor(Uint8Array.of(255, 255, 255)),
    [1100],
    'placeholder_group',
  ],
  ['an empty placeholder', 'Search', searchFor(new Uint8Array(0)), [1100], 'placeholder_group'],
  [
    'vectors of another type',
    'Search',
    searchFor(placeholderGroup([eight(1)], PlaceholderType.BinaryVector)),
    [1100],
    'BinaryVector',
  ],
  [
    'bytes that are no floats',
    'Search',
    searchFor(placeholderGroup([[1, 2]])),
    [2000],
    'expected vector size(byte) 32, actual 8',
  ],
  ['topk that is no number', 'Search', search({}, { topk: 'many' }), [1100], 'topk'],
  ['params that are no JSON', 'Search', search({}, { params: '{' }), [1100], 'params'],
  ['radius that is no number', 'Search', search({}, { params: '{"radius": "far"}' }), [1100], 'radius'],
  [
    'radius the wrong way round',
    'Search',
    search({}, { params: '{"radius": 1, "range_filter": 2}' }),
    [1100],
    'range_filter',
  ],
  ['round_decimal too large', 'Search', search({}, { round_decimal: '7' }), [1100], 'round_decimal'],
  ['an anns field there is not', 'Search', search({}, { anns_field: 'ghost' }), [1100], 'ghost'],
  ['search in no partition', 'Search', search({ partitionNames: ['ghost'] }), [200], 'ghost'],
  ['a filter of garbage', 'Query', query('\u0000\u{1f600} )(][ =='), [1100], 'cannot parse expression'],
  ['a filter without an end', 'Query', query('id in ["'), [1100], 'cannot parse expression'],
  ['a very deep filter', 'Query', query(`${'('.repeat(100_000)}id == 1`), [1100, 3000], ''],
  ['a very long filter', 'Query', query(`id in [${'1,'.repeat(300_000)}`), [1100], 'cannot parse expression'],
  ['a number beyond 64 bits', 'Query', query('id in [99999999999999999999999]'), [1100], ''],
  ['text in a list of numbers', 'Query', query('id in ["a"]'), [1100], ''],
  ['a template without its value', 'Query', query('id in {missing}'), [1100], 'missing'],
  [
    'a limit that is no number',
    'Query',
    query('', { queryParams: [{ key: 'limit', value: '-' }] }),
    [1100],
    'limit',
  ],
  [
    'a field there is not',
    'Query',
    query('id in [1]', { outputFields: ['ghost'] }),
    [65_535],
    'field ghost not exist',
  ],
  ['delete by nothing', 'Delete', remove(''), [1100, 3000], ''],
  ['delete by garbage', 'Delete', remove('id inn [1]'), [1100], 'id inn [1]'],
  ['delete in no partition', 'Delete', remove('id in [1]', { partitionName: 'ghost' }), [200], 'ghost'],
  [
    'a schema that is none',
    'CreateCollection',
    CreateCollectionRequest.encode(
      CreateCollectionRequest.fromPartial({ collectionName: 'fresh', schema: Uint8Array.of(255, 1) }),
    ).finish(),
    [1100, 65_535],
    'schema',
  ],
  ['no fields', 'CreateCollection', create([]), [1100, 65_535], ''],
  ['no key', 'CreateCollection', create([vector('8')]), [1100, 65_535], 'primary'],
  [
    'two keys',
    'CreateCollection',
    create([id, { ...id, name: 'id2' }, vector('8')]),
    [1100, 65_535],
    'primary',
  ],
  ['no vector', 'CreateCollection', create([id]), [1100, 65_535], 'vector'],
  ['dim 0', 'CreateCollection', create([id, vector('0')]), [1100, 65_535], 'invalid dimension: 0'],
  ['dim below 0', 'CreateCollection', create([id, vector('-8')]), [1100, 65_535], 'invalid dimension: -8'],
  [
    'dim of a billion',
    'CreateCollection',
    create([id, vector('1000000000')]),
    [1100, 65_535],
    'invalid dimension',
  ],
  ['dim that is no number', 'CreateCollection', create([id, vector('eight')]), [1100, 65_535], 'eight'],
  ['no dim', 'CreateCollection', create([id, { ...vector('8'), typeParams: [] }]), [1100, 65_535], 'dim'],
  [
    'text without max_length',
    'CreateCollection',
    create([id, vector('8'), { name: 't', dataType: DataType.VarChar }]),
    [1100, 65_535],
    'type param(max_length) should be specified for the field(t) of collection fresh',
  ],
  [
    'a type there is not',
    'CreateCollection',
    create([id, vector('8'), { name: 't', dataType: 77 }]),
    [1100, 65_535],
    't',
  ],
  [
    'a million shards',
    'CreateCollection',
    create([id, vector('8')], { shardsNum: 1_000_000 }),
    [1100, 65_535],
    'shard',
  ],
  [
    'shards below 0',
    'CreateCollection',
    create([id, vector('8')], { shardsNum: -1 }),
    [1100, 65_535],
    'shard',
  ],
  [
    'an index on what is not there',
    'CreateIndex',
    index('ghost', { index_type: 'FLAT', metric_type: 'L2' }),
    [65_535],
    'ghost',
  ],
  [
    'an index of no type there is',
    'CreateIndex',
    index('vector', { index_type: 'ROPE', metric_type: 'L2' }),
    [1100],
    'ROPE',
  ],
  [
    'index params that are no JSON',
    'CreateIndex',
    index('vector', { params: '{{' }),
    [1100, 65_535],
    'params',
  ],
  [
    'load of what is not there',
    'LoadCollection',
    LoadCollectionRequest.encode(LoadCollectionRequest.fromPartial({ collectionName: 'ghost' })).finish(),
    [100],
    'ghost',
  ],
  [
    'more replicas than nodes',
    'LoadCollection',
    LoadCollectionRequest.encode(
      LoadCollectionRequest.fromPartial({ collectionName: 'good', replicaNumber: 3 }),
    ).finish(),
    [1100],
    'replica',
  ],
];

describe('wrong requests', () => {
  let world: World;
  let raw: RawClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    raw = connectRaw(world.database.address);
    await createLoaded(world.client, 'good');
    await insertRange(world.client, 'good', 0, 3);
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });
  test.each(cases)('%s (%s)', async (_what, method, request, codes, text) => {
    const status = unaryMethods
      .find(({ name }) => name === method)
      ?.statusOf(await raw.call(method, request));
    expect([status?.code, status?.reason]).toEqual([expect.toBeOneOf(codes), expect.stringContaining(text)]);
    expect(status?.reason).not.toBe('');
    expect(status?.reason).not.toMatch(/undefined|\[object|internal error/);
    const after = QueryResults.decode(await raw.call('Query', query('', { outputFields: ['count(*)'] })));
    expect(after.status).toMatchObject({ code: 0, reason: '' });
    const counted = after.fieldsData[0]?.field;
    const numbers =
      counted?.$case === 'scalars' && counted.value.data?.$case === 'longData'
        ? counted.value.data.value.data
        : [];
    expect([...numbers]).toEqual([3]);
  });
  test('a name that was refused was not made', async () => {
    expect((await world.client.hasCollection({ collection_name: 'fresh' })).value).toBe(false);
  });
});
