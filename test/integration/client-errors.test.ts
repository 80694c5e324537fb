// What clients see when a request is wrong: codes and texts that the suites of Milvus compare, and answers for what is not built yet.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import {
  connect,
  createLoaded,
  failureOf,
  insertRange,
  keyField,
  mustSucceed,
  openWorld,
  tempFolder,
  vectorField,
  vectorOf,
  type World,
} from './support.js';

describe('errors', () => {
  let world: World;
  let client: MilvusClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    client = world.client;
    await createLoaded(client, 'good', {
      fields: [{ name: 'title', data_type: DataType.VarChar, max_length: 5 }],
    });
    await insertRange(client, 'good', 0, 3, () => ({ title: 'x' }));
  });
  afterAll(() => world.close());
  const create = (collection_name: string, fields: object[] = [keyField, vectorField]) =>
    client.createCollection({ collection_name, fields: fields as (typeof keyField)[] });
  const query = (more: object) =>
    client.query({ collection_name: 'good', ...more } as Parameters<MilvusClient['query']>[0]);
  const search = (more: object) =>
    client.search({ collection_name: 'good', data: vectorOf(1), limit: 3, ...more } as Parameters<
      MilvusClient['search']
    >[0]);

  const cases: [what: string, call: () => Promise<unknown>, codes: number[], text: string][] = [
    [
      'bad collection name',
      () => create('9x'),
      [1100],
      'Invalid collection name: 9x. the first character of a collection name must be an underscore or letter',
    ],
    [
      'long collection name',
      () => create('a'.repeat(256)),
      [1100],
      'the length of a collection name must be less than 255 characters',
    ],
    [
      'create a database with a bad name',
      () => client.createDatabase({ db_name: '9x' }),
      [802],
      'Invalid database name: 9x. the first character of a database name must be an underscore or letter',
    ],
    [
      'drop a database with a bad name',
      () => client.dropDatabase({ db_name: '9x' }),
      [802],
      'Invalid database name: 9x. the first character of a database name must be an underscore or letter',
    ],
    [
      'unknown collection',
      () => client.query({ collection_name: 'ghost', filter: 'id in [1]' }),
      [100],
      'collection not found[database=default][collection=ghost]',
    ],
    [
      'dimension 1',
      () => create('dim1', [keyField, { ...vectorField, dim: 1 }]),
      [1100, 65_535],
      'invalid dimension: 1 of field vector. float vector dimension should be in range 2 ~ 32768',
    ],
    [
      'dimension 32769',
      () => create('dimbig', [keyField, { ...vectorField, dim: 32_769 }]),
      [1100, 65_535],
      'invalid dimension',
    ],
    [
      'duplicate field',
      () => create('dup', [keyField, vectorField, vectorField]),
      [1100],
      'duplicated field name',
    ],
    [
      'index on missing field',
      () =>
        client.createIndex({
          collection_name: 'good',
          field_name: 'ghost',
          index_type: 'FLAT',
          metric_type: 'L2',
        }),
      [65_535],
      'ghost',
    ],
    [
      'bad metric',
      () =>
        client.createIndex({
          collection_name: 'good',
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'HAMMING',
        }),
      [1100],
      'float vector index does not support metric type: HAMMING',
    ],
    [
      'other metric in search',
      () => search({ metric_type: 'IP' }),
      [1100],
      'metric type not match: invalid parameter[expected=L2][actual=IP]',
    ],
    [
      'bad partition name',
      () => client.createPartition({ collection_name: 'good', partition_name: '1-2' }),
      [65_535],
      'Invalid partition name: 1-2',
    ],
    [
      'missing partition',
      () => query({ filter: 'id in [1]', partition_names: ['ghost'] }),
      [200],
      'partition not found[partition=ghost]',
    ],
    [
      'row too long',
      () =>
        client.insert({ collection_name: 'good', data: [{ id: 1, vector: vectorOf(1), title: 'sixsix' }] }),
      [1100],
      'length of varchar field title exceeds max length, row number: 0, length: 6, max length: 5',
    ],
    [
      'vector of another length in insert',
      () => client.insert({ collection_name: 'good', data: [{ id: 1, vector: [1, 2, 3], title: 'x' }] }),
      [1100, 65_535],
      'the length(3) of float data should divide the dim(8)',
    ],
    [
      'vector of another length in search',
      () => search({ data: [1, 2, 3] }),
      [2000],
      'vector dimension mismatch, expected vector size(byte) 32, actual 12',
    ],
    [
      'topk 0',
      () => search({ limit: 0 }),
      [1100, 65_535],
      'topk [0] is invalid, it should be in range [1, 16384]',
    ],
    [
      'topk too large',
      () => search({ limit: 16_385 }),
      [1100, 65_535],
      'topk [16385] is invalid, it should be in range [1, 16384]',
    ],
    [
      'offset too large',
      () => search({ limit: 1, offset: 16_385 }),
      [1100, 65_535],
      'offset [16385] is invalid, it should be in range [1, 16384]',
    ],
    [
      'query window',
      () => query({ filter: 'id in [1]', limit: 16_000, offset: 1000 }),
      [1100, 65_535],
      'invalid max query result window, (offset+limit) should be in range [1, 16384]',
    ],
    [
      'negative offset',
      () => query({ filter: 'id in [1]', limit: 1, offset: -1 }),
      [1100, 65_535],
      'offset [-1] is invalid, should be gte than 0',
    ],
    [
      'count with limit',
      () => query({ filter: 'id in [1]', output_fields: ['count(*)'], limit: 1 }),
      [1100],
      'count entities with pagination is not allowed',
    ],
    [
      'empty filter without limit',
      () => query({ filter: '' }),
      [1100],
      'empty expression should be used with limit',
    ],
    [
      'filter that is none',
      () => query({ filter: 'id in [1' }),
      [1100],
      'failed to create query plan: cannot parse expression: id in [1',
    ],
    ['filter on a missing field', () => query({ filter: 'ghost == 1' }), [1100], 'field ghost not exist'],
    [
      'in without list',
      () => query({ filter: 'id in 5' }),
      [1100],
      "the right-hand side of 'in' must be a list",
    ],
    ['float in an int list', () => query({ filter: 'id in [1.5]' }), [1100], 'cannot be casted to Int64'],
    ['output field unknown', () => search({ output_fields: ['ghost'] }), [65_535], 'field ghost not exist'],
    [
      'drop of a loaded index',
      () => client.dropIndex({ collection_name: 'good', index_name: 'vector' }),
      [65_535],
      'index cannot be dropped, collection is loaded, please release it first',
    ],
    [
      'match of a text that has no analyzer',
      () => query({ filter: 'text_match(title, "x")' }),
      [1100],
      'does not enable match',
    ],
    [
      'index type for graphics cards',
      () =>
        client.createIndex({
          collection_name: 'good',
          field_name: 'vector',
          index_type: 'GPU_CAGRA',
          metric_type: 'L2',
        }),
      [3000],
      'GPU_CAGRA',
    ],
    [
      'missing database',
      () => client.describeCollection({ db_name: 'ghost', collection_name: 'good' }),
      [800],
      'database not found[database=ghost]',
    ],
    [
      'invalid index type',
      () =>
        client.createIndex({
          collection_name: 'good',
          field_name: 'vector',
          index_type: 'TREE',
          metric_type: 'L2',
        }),
      [1100],
      'invalid index type: TREE',
    ],
  ];
  test.each(cases)('%s', async (_what, call, codes, text) => {
    const failure = await failureOf(call);
    expect(failure.reason).toContain(text);
    expect(codes).toContain(failure.code);
    // It stays usable after each mistake.
    expect((await client.count({ collection_name: 'good' })).data).toBe(3);
  });
  test('a collection that is not there has the legacy code that clients before 2.3 know', async () => {
    const reason = expect.stringContaining("can't find collection[database=default][collection=ghost]");
    const { status } = await client.describeCollection({ collection_name: 'ghost' });
    expect(status).toMatchObject({ code: 100, error_code: 'UnexpectedError', reason });
    const statistics = await client.getCollectionStatistics({ collection_name: 'ghost' });
    expect(statistics.status).toMatchObject({ code: 100, error_code: 'CollectionNotExists', reason });
  });

  test('a refused batch leaves no row behind', async () => {
    await createLoaded(client, 'whole', {
      fields: [{ name: 'title', data_type: DataType.VarChar, max_length: 5 }],
    });
    const failure = await failureOf(() =>
      client.insert({
        collection_name: 'whole',
        data: [
          { id: 1, vector: vectorOf(1), title: 'fine' },
          { id: 2, vector: vectorOf(2), title: 'far too long' },
        ],
      }),
    );
    expect(failure.code).toBe(1100);
    expect((await client.count({ collection_name: 'whole' })).data).toBe(0);
  });
  test('a schema the client remembers from before a drop is code 109, and the SDK recovers by itself', async () => {
    const describeAgain = async () =>
      (await client.describeCollection({ collection_name: 'reborn', cache: true })).update_timestamp;
    await createLoaded(client, 'reborn');
    await insertRange(client, 'reborn', 0, 2);
    const before = await describeAgain();
    const other = await connect(world.database.address);
    await mustSucceed(other.dropCollection({ collection_name: 'reborn' }));
    await createLoaded(other, 'reborn');
    await other.closeConnection();
    await insertRange(client, 'reborn', 0, 2);
    expect((await client.count({ collection_name: 'reborn' })).data).toBe(2);
    expect(await describeAgain()).not.toBe(before);
  });

  test('a second opener of a folder gets an error that says so', async () => {
    const folder = await tempFolder();
    const first = await open(folder.path, { logLevel: 'error' });
    await expect(open(folder.path, { logLevel: 'error' })).rejects.toMatchObject({
      name: 'ElanusError',
      code: 'folder_in_use',
      message: expect.stringContaining(folder.path),
    });
    await first.close();
    const again = await open(folder.path, { logLevel: 'error' });
    await again.close();
    await folder.remove();
  });
});
