// Nothing that a request says is passed over in silence: each field and each key works, changes no answer, or is refused with a code and
// a text, and a refused request leaves nothing behind.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DataType } from '@zilliz/milvus2-sdk-node';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeInt64s } from '#model/columns/packed-array.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import {
  CreateCollectionRequest,
  MilvusServiceDefinition,
  QueryResults,
  SearchResults,
} from '#proto/milvus/milvus.js';
import { CollectionSchema, FieldData } from '#proto/milvus/schema.js';
import {
  type FieldDecision,
  requestFields,
  type ServedMethod,
  wireName,
} from '#roles/proxy/request-fields.js';
import { connectRaw, type RawClient, searchRequest, unaryMethods } from './raw-client.js';
import {
  createLoaded,
  DIM,
  failureOf,
  insertRange,
  keyField,
  mustSucceed,
  openWorld,
  vectorField,
  vectorOf,
  type World,
} from './support.js';

interface Codec {
  fromPartial(partial: object): object;
  encode(message: object): { finish(): Uint8Array };
}

const codecOf = (method: ServedMethod): Codec => MilvusServiceDefinition.methods[method].requestType as Codec;
const refusedFields = Object.entries(requestFields).flatMap(([method, fields]) =>
  Object.entries<FieldDecision>(fields).flatMap(([field, decision]): [ServedMethod, string][] =>
    typeof decision === 'object' && 'refused' in decision ? [[method as ServedMethod, field]] : [],
  ),
);
/** A value that is not the one of a request that leaves the field out. */
function sampleOf(method: ServedMethod, field: string): unknown {
  const usual: unknown = Reflect.get(codecOf(method).fromPartial({}), field);
  if (typeof usual === 'bigint') return 5n;
  if (typeof usual === 'boolean') return true;
  if (usual instanceof Uint8Array) return Uint8Array.of(1);
  if (Array.isArray(usual)) return [{}];
  return field === 'namespace' ? 'tenant' : {};
}

const pairs = (record: object): KeyValuePair[] =>
  Object.entries(record).map(([key, value]) => ({ key, value: String(value) }));

describe('nothing is accepted and ignored', () => {
  let world: World;
  let raw: RawClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    raw = connectRaw(world.database.address);
    await createLoaded(world.client, 'good', {
      dynamic: true,
      fields: [{ name: 'age', data_type: DataType.Int64, nullable: true }],
    });
    await insertRange(world.client, 'good', 0, 10);
    await createLoaded(world.client, 'keyed', {
      fields: [{ name: 'tenant', data_type: DataType.Int64, is_partition_key: true }],
    });
    await insertRange(world.client, 'keyed', 0, 10, (id) => ({ tenant: id }));
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });
  async function statusOf(method: ServedMethod, request: object) {
    const name = MilvusServiceDefinition.methods[method].name;
    const answer = await raw.call(
      name,
      codecOf(method).encode(codecOf(method).fromPartial(request)).finish(),
    );
    return unaryMethods.find((one) => one.name === name)?.statusOf(answer);
  }
  const nothingChanged = async (): Promise<void> => {
    for (const name of ['good', 'keyed'])
      expect((await world.client.count({ collection_name: name })).data).toBe(10);
    expect((await world.client.hasCollection({ collection_name: 'fresh' })).value).toBe(false);
  };

  test('every field of the protocol has its line, and lines name fields that are there', () => {
    const folder = fileURLToPath(new URL('../../proto/', import.meta.url));
    const root = new protobuf.Root();
    root.resolvePath = (_origin, target) => (target.startsWith(folder) ? target : folder + target);
    root.loadSync(
      readdirSync(`${folder}milvus`).map((file) => `milvus/${file}`),
      { keepCase: true },
    );
    root.resolveAll();
    for (const [method, fields] of Object.entries(requestFields)) {
      const { name } = MilvusServiceDefinition.methods[method as ServedMethod];
      const type = root.lookupService('milvus.proto.milvus.MilvusService').methods[name]?.resolvedRequestType;
      // The two ways to say what is searched for are one field of our messages.
      const names = new Set(
        type?.fieldsArray.map((field) =>
          ['placeholder_group', 'ids'].includes(field.name) ? 'searchInput' : field.name,
        ),
      );
      const known = Object.keys(fields).map((field) =>
        field === 'searchInput' || names.has(field) ? field : wireName(field),
      );
      expect([name, ...known.sort()]).toEqual([name, ...[...names].sort()]);
    }
    const fieldsOf = (type: string): string[] =>
      root
        .lookupType(type)
        .fieldsArray.map(({ name }) => name)
        .sort();
    // Checked in model/schema/schema-check.ts: what is new there must be used or refused before it is added here.
    expect(fieldsOf('milvus.proto.schema.CollectionSchema')).toEqual(
      [
        'name',
        'description',
        'autoID',
        'fields',
        'enable_dynamic_field',
        'properties',
        'functions',
        'dbName',
        'struct_array_fields',
        'version',
        'external_source',
        'external_spec',
        'do_physical_backfill',
        'file_resource_ids',
        'enable_namespace',
      ].sort(),
    );
    expect(fieldsOf('milvus.proto.schema.FieldSchema')).toEqual(
      [
        'fieldID',
        'name',
        'is_primary_key',
        'description',
        'data_type',
        'type_params',
        'index_params',
        'autoID',
        'state',
        'element_type',
        'default_value',
        'is_dynamic',
        'is_partition_key',
        'is_clustering_key',
        'nullable',
        'is_function_output',
        'external_field',
      ].sort(),
    );
  });

  test.each(refusedFields)('%s refuses %s', async (method, field) => {
    const status = await statusOf(method, { collectionName: 'good', [field]: sampleOf(method, field) });
    expect(status).toMatchObject({
      code: 3000,
      reason: expect.stringContaining(`${wireName(field)} is not supported in this version: `),
    });
    await nothingChanged();
  });

  const keyMode = 'partition key mode is used';
  const load = { collectionName: 'good' };
  test.each<[what: string, method: ServedMethod, request: object, code: number, text: string]>([
    [
      'partitions of a search',
      'search',
      { ...searchRequest('keyed', [1]), partitionNames: ['_default_0'] },
      1100,
      `not support manually specifying the partition names if ${keyMode}`,
    ],
    [
      'partitions of a query',
      'query',
      { collectionName: 'keyed', expr: 'id in [1]', partitionNames: ['_default_0'] },
      1100,
      `not support manually specifying the partition names if ${keyMode}`,
    ],
    [
      'the partition of an insert',
      'insert',
      { collectionName: 'keyed', numRows: 1, partitionName: '_default_0' },
      1100,
      '',
    ],
    [
      'the partition of a delete',
      'delete',
      { collectionName: 'keyed', expr: 'id in [1]', partitionName: '_default_0' },
      1100,
      `not support manually specifying the partition names if ${keyMode}`,
    ],
    [
      'partitions of a load',
      'loadPartitions',
      { collectionName: 'keyed', partitionNames: ['_default_0'] },
      1100,
      `disable load partitions if ${keyMode}`,
    ],
    [
      'partitions of a release',
      'releasePartitions',
      { collectionName: 'keyed', partitionNames: ['_default_0'] },
      1100,
      `disable release partitions if ${keyMode}`,
    ],
    [
      'a new partition',
      'createPartition',
      { collectionName: 'keyed', partitionName: 'p' },
      1100,
      `disable create partition if ${keyMode}`,
    ],
    [
      'a partition to drop',
      'dropPartition',
      { collectionName: 'keyed', partitionName: '_default_0' },
      1100,
      `disable drop partition if ${keyMode}`,
    ],
    [
      'fewer than no replicas',
      'loadCollection',
      { ...load, replicaNumber: -1 },
      1100,
      'replica number should be greater than 0, but got -1',
    ],
    ['two replicas', 'loadCollection', { ...load, replicaNumber: 2 }, 1100, 'replica number 2'],
    [
      'another resource group',
      'loadCollection',
      { ...load, resourceGroups: ['rg1'] },
      300,
      'resource group not found[rg=rg1]',
    ],
    [
      'a field to load that is not there',
      'loadCollection',
      { ...load, loadFields: ['ghost'] },
      65_535,
      'field ghost not exist',
    ],
    [
      'a load without the key',
      'loadCollection',
      { ...load, loadFields: ['vector'] },
      1100,
      'load field list [vector] does not contain primary key field id',
    ],
    [
      'a load without vectors',
      'loadCollection',
      { ...load, loadFields: ['id'] },
      1100,
      'load field list [id] does not contain vector field',
    ],
    [
      'a load without the partition key',
      'loadCollection',
      { collectionName: 'keyed', loadFields: ['id', 'vector'] },
      1100,
      'does not contain partition key field tenant',
    ],
    [
      'a load of some fields',
      'loadCollection',
      { ...load, loadFields: ['id', 'vector'] },
      3000,
      'load_fields without age',
    ],
    [
      'a load without dynamic fields',
      'loadCollection',
      { ...load, skipLoadDynamicField: true },
      3000,
      'skip_load_dynamic_field',
    ],
    ['a load param', 'loadCollection', { ...load, loadParams: { speed: '9' } }, 3000, 'load param speed'],
    [
      'a priority',
      'loadCollection',
      { ...load, loadParams: { load_priority: 'urgent' } },
      1100,
      'load_priority should be high or low',
    ],
    [
      'an option of an import',
      'import',
      { ...load, files: ['a.json'], options: [{ key: 'timeout', value: '1s' }] },
      3000,
      'import option timeout',
    ],
    ['a limit below zero', 'listImportTasks', { ...load, limit: -1n }, 1100, 'limit should be 0 or greater'],
    [
      'partitions that are not there',
      'showPartitions',
      { ...load, partitionNames: ['ghost'] },
      200,
      'partition not found[partition=ghost]',
    ],
    [
      'a search param of two values',
      'search',
      searchRequest('good', [1], [{ key: 'topk', value: '6' }]),
      1100,
      'topk is sent twice, with the values 5 and 6',
    ],
    [
      'topk and another limit',
      'search',
      searchRequest('good', [1], [{ key: 'limit', value: '6' }]),
      1100,
      'topk is 5 and limit is 6',
    ],
    [
      'a key twice in params',
      'search',
      searchRequest('good', [1], [{ key: 'params', value: '{"ef":5,"ef":6}' }]),
      1100,
      'params has the key ef twice',
    ],
    [
      'strict groups',
      'search',
      searchRequest('good', [1], [{ key: 'strict_group_size', value: 'true' }]),
      3000,
      'strict_group_size',
    ],
    [
      'groups of a path',
      'query',
      { collectionName: 'good', expr: 'id in [1]', queryParams: [{ key: 'json_path', value: 'a' }] },
      3000,
      'json_path',
    ],
    ['metrics of no JSON', 'getMetrics', { request: 'cpu' }, 1100, 'failed to decode the request'],
    ['metrics of no kind', 'getMetrics', { request: '{}' }, 1100, 'metric_type not found in request'],
    [
      'other metrics',
      'getMetrics',
      { request: '{"metric_type":"cpu"}' },
      1200,
      'metric not found[metric=cpu]',
    ],
    [
      'a property of a database',
      'createDatabase',
      { dbName: 'd', properties: pairs({ 'database.max.collections': 5 }) },
      3000,
      'database.max.collections',
    ],
    [
      'a forbidding database',
      'createDatabase',
      { dbName: 'd', properties: pairs({ 'database.force.deny.writing': true }) },
      3000,
      'database.force.deny.writing',
    ],
  ])('refuses %s', async (_what, method, request, code, text) => {
    expect(await statusOf(method, request)).toMatchObject({ code, reason: expect.stringContaining(text) });
    await nothingChanged();
  });

  const fields: object[] = [
    { name: 'id', dataType: 5, isPrimaryKey: true },
    { name: 'v', dataType: 101, typeParams: pairs({ dim: 8 }) },
    { name: 't', dataType: 21, typeParams: pairs({ max_length: 9 }) },
  ];
  const create = (properties: object, schema: object = {}) => {
    const encoded = CollectionSchema.encode(
      CollectionSchema.fromPartial({ name: 'fresh', fields, ...schema } as object),
    ).finish();
    return statusOf(
      'createCollection',
      CreateCollectionRequest.fromPartial({
        collectionName: 'fresh',
        schema: encoded,
        properties: pairs(properties),
      }),
    );
  };
  const withText = (params: object) => ({
    fields: [...fields.slice(0, 2), { ...fields[2], typeParams: pairs({ max_length: 9, ...params }) }],
  });
  const withField = (more: object) => ({ fields: [...fields.slice(0, 2), { ...fields[2], ...more }] });
  test.each<[what: string, properties: object, schema: object, code: number, text: string]>([
    [
      'a time to live',
      { 'collection.ttl.seconds': 60 },
      {},
      3000,
      'collection.ttl.seconds = 60 is not supported',
    ],
    [
      'a time to live in the schema',
      {},
      { properties: pairs({ 'collection.ttl.seconds': 60 }) },
      3000,
      'collection.ttl.seconds',
    ],
    [
      'a time to live that is none',
      { 'collection.ttl.seconds': 'abc' },
      {},
      1100,
      'collection TTL is not a valid positive integer',
    ],
    [
      'a time to live out of range',
      { 'collection.ttl.seconds': -2 },
      {},
      1100,
      'collection TTL is out of range, expect [-1, 3155760000], got -2',
    ],
    ['a field of times', { ttl_field: 't' }, {}, 3000, 'ttl_field'],
    [
      'a timezone',
      { timezone: 'Mars/Phobos' },
      {},
      1100,
      'invalid timezone, should be a IANA timezone name: Mars/Phobos',
    ],
    [
      'isolation without a key',
      { 'partitionkey.isolation': true },
      { fields },
      3000,
      'partitionkey.isolation',
    ],
    ['a flag that is none', { allow_insert_auto_id: 'maybe' }, {}, 1100, 'expected true or false'],
    ['a rate', { 'collection.insertRate.max.mb': 5 }, {}, 3000, 'rates are not limited'],
    ['replicas', { 'collection.replica.number': 2 }, {}, 3000, 'there is one replica'],
    ['a name that maps lose', JSON.parse('{"__proto__":"1"}') as object, {}, 1100, 'property key __proto__'],
    [
      'a match without an analyzer',
      {},
      withText({ enable_match: true }),
      1100,
      'field t which has enable_match or is input of BM25 function must also enable_analyzer',
    ],
    [
      'an analyzer',
      {},
      withText({ enable_analyzer: true, enable_match: true }),
      3000,
      'texts are not analyzed',
    ],
    ['params of an analyzer', {}, withText({ analyzer_params: '{}' }), 3000, 'analyzer_params of field t'],
    ['a type param that is no flag', {}, withText({ 'mmap.enabled': 7 }), 1100, 'type param mmap.enabled'],
    ['the output of a function', {}, withField({ isFunctionOutput: true }), 3000, 'output of a function'],
    ['index params of a field', {}, withField({ indexParams: pairs({ M: 1 }) }), 3000, 'index_params'],
    ['elements of no array', {}, withField({ elementType: 5 }), 1100, 'element_type'],
    ['an external field', {}, withField({ externalField: 'x' }), 3000, 'external_field'],
    ['a backfill', {}, { doPhysicalBackfill: true }, 3000, 'do_physical_backfill'],
    ['files of words', {}, { fileResourceIds: [1n] }, 3000, 'file_resource_ids'],
  ])('a collection refuses %s', async (_what, properties, schema, code, text) => {
    expect(await create(properties, schema)).toMatchObject({ code, reason: expect.stringContaining(text) });
    await nothingChanged();
  });

  test('what is a hint, or says what is so anyway, is taken and shown', async () => {
    const { client } = world;
    const properties = {
      'collection.ttl.seconds': -1,
      timezone: 'Asia/Shanghai',
      'mmap.enabled': true,
      'my.note': 'x',
    };
    await mustSucceed(
      client.createCollection({ collection_name: 'hints', fields: [keyField, vectorField], properties }),
    );
    const shown = (await client.describeCollection({ collection_name: 'hints' })).properties;
    for (const [key, value] of Object.entries(properties))
      expect(shown).toContainEqual({ key, value: String(value) });
    await mustSucceed(
      client.createIndex({
        collection_name: 'hints',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    expect(await statusOf('loadCollection', { collectionName: 'hints', refresh: true })).toMatchObject({
      code: 101,
    });
    const wishes = {
      resourceGroups: ['__default_resource_group'],
      loadFields: ['id', 'vector'],
      loadParams: { load_priority: 'low' },
    };
    expect(await statusOf('loadCollection', { collectionName: 'hints', ...wishes })).toMatchObject({
      code: 0,
    });
    expect(await statusOf('loadCollection', { collectionName: 'hints', refresh: true })).toMatchObject({
      code: 0,
    });
    await mustSucceed(client.dropCollection({ collection_name: 'hints' }));
  });

  const jsonOf = (text: string) =>
    FieldData.fromPartial({
      type: DataType.JSON,
      fieldName: '$meta',
      isDynamic: true,
      field: {
        $case: 'scalars',
        value: { data: { $case: 'jsonData', value: { data: [new TextEncoder().encode(text)] } } },
      },
    });
  const longOf = (fieldName: string, ...values: bigint[]) =>
    FieldData.fromPartial({
      type: DataType.Int64,
      fieldName,
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
  const vectorData = FieldData.fromPartial({
    type: DataType.FloatVector,
    fieldName: 'vector',
    field: {
      $case: 'vectors',
      value: {
        dim: 8n,
        data: {
          $case: 'floatVector',
          value: { data: new Uint8Array(Float32Array.from(vectorOf(77)).buffer) },
        },
      },
    },
  });
  test.each([
    [
      'the name of a field',
      '{"s":"shadow","id":78}',
      'dynamic field name cannot include the static field name: id',
    ],
    ['the field itself', '{"$meta":1}', 'cannot set json key to: $meta'],
    ['a key twice', '{"s":1,"s":2}', 'the dynamic key "s" is given twice'],
    ['a key that is a column', '{"k":1}', 'the dynamic key "k" is given twice'],
  ])('a dynamic object with %s is not written', async (_what, text, reason) => {
    for (const method of ['insert', 'upsert'] as const) {
      const fieldsData = [longOf('id', 77n), vectorData, longOf('k', 5n), jsonOf(text)];
      const status = await statusOf(method, { collectionName: 'good', numRows: 1, fieldsData });
      expect(status).toMatchObject({ code: 1100, reason: expect.stringContaining(reason) });
    }
    await nothingChanged();
  });
  test('of the dynamic field a read answers the keys that were asked for', async () => {
    const { client } = world;
    const row = { id: 50, vector: vectorOf(50), age: 1, x: 1, y: { z: 2 }, big: '9' };
    await mustSucceed(client.insert({ collection_name: 'good', data: [row] }));
    const metaOf = async (outputFields: string[]): Promise<(string | undefined)[]> => {
      const query = { collectionName: 'good', expr: 'id == 50', outputFields };
      const search = { ...searchRequest('good', [50]), outputFields };
      const queried = await raw.call(
        'Query',
        codecOf('query').encode(codecOf('query').fromPartial(query)).finish(),
      );
      const searched = await raw.call(
        'Search',
        codecOf('search').encode(codecOf('search').fromPartial(search)).finish(),
      );
      return [
        QueryResults.decode(queried).fieldsData,
        SearchResults.decode(searched).results?.fieldsData ?? [],
      ].map((columns) => {
        const column = columns.find(({ fieldName }) => fieldName === '$meta')?.field;
        if (column?.$case !== 'scalars' || column.value.data?.$case !== 'jsonData') return undefined;
        return new TextDecoder().decode(column.value.data.value.data[0]);
      });
    };
    expect(await metaOf(['x'])).toEqual(['{"x":1}', '{"x":1}']);
    expect(await metaOf(['age', '$meta["y"]', 'ghost'])).toEqual(['{"y":{"z":2}}', '{"y":{"z":2}}']);
    expect(await metaOf(['ghost'])).toEqual(['{}', '{}']);
    expect(await metaOf(['age'])).toEqual([undefined, undefined]);
    for (const all of [['*'], ['$meta', 'x']]) {
      for (const text of await metaOf(all))
        expect(JSON.parse(text ?? '')).toEqual({ x: 1, y: { z: 2 }, big: '9' });
    }
    const read = await client.query({
      collection_name: 'good',
      filter: 'id == 50',
      output_fields: ['x', 'y'],
    });
    expect(read.data).toEqual([{ id: '50', $meta: { x: 1, y: { z: 2 } } }]);
    const subkey = { collectionName: 'good', expr: 'id == 50', outputFields: ['y["z"]'] };
    expect(await statusOf('query', subkey)).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('multiple level of dynamic field'),
    });
    await mustSucceed(client.delete({ collection_name: 'good', ids: [50] }));
    await nothingChanged();
  });

  test('creating again with other properties is no repetition', async () => {
    const { client } = world;
    const again = (more: object = {}) =>
      client.createCollection({ collection_name: 'again', fields: [keyField, vectorField], ...more });
    await mustSucceed(again());
    await mustSucceed(again());
    for (const more of [
      { properties: { 'mmap.enabled': true } },
      { consistency_level: 'Strong' },
      { shards_num: 2 },
    ]) {
      const reason = expect.stringContaining(
        'create duplicate collection with different parameters, collection: again',
      );
      expect(await failureOf(() => again(more))).toMatchObject({ code: 1, reason });
    }
    await mustSucceed(client.dropCollection({ collection_name: 'again' }));
  });

  test('GetMetrics names the nodes', async () => {
    const { response } = await world.client.getMetric({ request: { metric_type: 'system_info' } });
    const types = (response.nodes_info as { infos: { type: string; has_error: boolean } }[]).map(
      ({ infos }) => infos.type,
    );
    expect(types).toEqual(['proxy', 'rootcoord', 'datacoord', 'querynode']);
  });

  test('an insert whose partition is named writes nothing', async () => {
    const row = { id: 99, vector: vectorOf(99, DIM), tenant: 1 };
    for (const write of ['insert', 'upsert'] as const) {
      const failure = await failureOf(() =>
        world.client[write]({ collection_name: 'keyed', partition_name: '_default_0', data: [row] }),
      );
      expect(failure).toMatchObject({ code: 1100, reason: expect.stringContaining(keyMode) });
    }
    await nothingChanged();
  });
});
