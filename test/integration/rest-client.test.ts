// A day of the Node client's HttpClient, unmodified: everything it can ask for that has something behind it, on the port of gRPC.
import { HttpClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Elanus, open } from '#server/open.js';
import { vectorOf } from './support.js';

/** One list for each vector. */
const hitLists = z.array(z.array(z.object({ distance: z.number(), id: z.string(), color: z.string() })));

const DIM = 4;
const collectionName = 'books';
const rows = Array.from({ length: 100 }, (_, at) => ({
  id: at,
  vector: vectorOf(at, DIM),
  color: at % 2 === 0 ? 'red' : 'blue',
  price: at / 4,
}));

describe.each([0, 1])('HttpClient, gRPC threads %i', (grpcThreads) => {
  let database: Elanus;
  let client: HttpClient;
  beforeAll(async () => {
    database = await open(undefined, { logLevel: 'error', grpcThreads });
    client = new HttpClient({ endpoint: `http://${database.address}`, username: 'root', password: 'Milvus' });
  });
  afterAll(() => database.close());

  it('makes a collection of a dimension, and shows it', async () => {
    expect(await client.hasCollection({ dbName: 'default', collectionName })).toMatchObject({
      code: 0,
      data: { has: false },
    });
    expect(await client.createCollection({ collectionName, dimension: DIM, metricType: 'L2' })).toEqual({
      code: 0,
      data: {},
    });
    expect(await client.listCollections({})).toEqual({ code: 0, data: [collectionName] });
    expect((await client.describeCollection({ collectionName })).data).toMatchObject({
      collectionName,
      load: 'LoadStateLoaded',
      shardsNum: 1,
      enableDynamicField: true,
      fields: [
        { name: 'id', type: 'Int64', primaryKey: true, autoId: false, id: 100 },
        { name: 'vector', type: 'FloatVector', primaryKey: false, params: [{ key: 'dim', value: '4' }] },
      ],
      indexes: [{ fieldName: 'vector', indexName: 'vector', metricType: 'L2' }],
    });
    expect((await client.getCollectionLoadState({ collectionName })).data).toEqual({
      loadState: 'LoadStateLoaded',
      loadProgress: 100,
    });
  });

  it('writes rows and reads them', async () => {
    const inserted = await client.insert({ collectionName, data: rows });
    expect(inserted).toMatchObject({ code: 0, data: { insertCount: 100 } });
    expect(inserted.data.insertIds).toEqual(rows.map(({ id }) => String(id)));
    const changed = { ...rows[1], color: 'green' };
    expect(await client.upsert({ collectionName, data: [changed] } as never)).toMatchObject({
      code: 0,
      data: { upsertCount: 1, upsertIds: ['1'] },
    });
    const { data } = await client.query({
      collectionName,
      filter: 'color == "green" or id == 2',
      outputFields: ['id', 'color', 'price'],
    });
    expect(data).toEqual([
      { id: '1', color: 'green', price: 0.25 },
      { id: '2', color: 'red', price: 0.5 },
    ]);
    // Vectors are written as the shortest numbers that are the same float32.
    const { data: got } = await client.get({ collectionName, id: [3, 2], outputFields: ['*'] });
    expect(got.map((row) => ({ ...row, vector: row.vector.map(Math.fround) }))).toEqual([
      { ...rows[2], id: '2' },
      { ...rows[3], id: '3' },
    ]);
    const counted = await client.query({ collectionName, filter: 'id >= 0', outputFields: ['count(*)'] });
    expect(counted.data).toEqual([{ 'count(*)': '100' }]);
    const stats = await client.getCollectionStatistics({ collectionName });
    expect(stats.data.rowCount).toBeGreaterThanOrEqual(100);
  });

  it('searches, for several vectors at once', async () => {
    const data = [rows[7]?.vector ?? [], rows[8]?.vector ?? []];
    const found = await client.search({
      collectionName,
      data,
      limit: 3,
      filter: 'id < 50',
      outputFields: ['color'],
    });
    expect(found).toMatchObject({ code: 0, topks: [3, 3] });
    // The client cuts the flat list by itself.
    const [first = [], second = []] = hitLists.parse(found.data);
    expect([first.length, second.length]).toEqual([3, 3]);
    expect(first[0]).toEqual({ distance: 0, id: '7', color: 'blue' });
    expect(second[0]).toEqual({ distance: 0, id: '8', color: 'red' });
    expect([...first, ...second].every(({ id }) => Number(id) < 50)).toBe(true);
  });

  it('gives int64 as numbers to who can read them', async () => {
    const exact = new HttpClient({ endpoint: `http://${database.address}`, acceptInt64: true });
    const { data } = await exact.query({ collectionName, filter: 'id == 5', outputFields: ['id'] });
    expect(data).toEqual([{ id: 5 }]);
  });

  it('deletes by filter, and flushes', async () => {
    expect(await client.delete({ collectionName, filter: 'id in [0, 1]' })).toMatchObject({
      code: 0,
      data: { deleteCount: 2 },
    });
    expect(await client.get({ collectionName, id: [0, 1], outputFields: ['id'] })).toMatchObject({
      data: [],
    });
    expect(await client.flushCollection({ collectionName })).toEqual({ code: 0, data: {} });
  });

  it('has partitions of their own', async () => {
    const partition = { collectionName, partitionName: 'new' };
    expect(await client.createPartition(partition)).toMatchObject({ code: 0 });
    expect(await client.hasPartition(partition)).toMatchObject({ data: { has: true } });
    expect(await client.listPartitions({ collectionName })).toMatchObject({ data: ['_default', 'new'] });
    const data = [{ id: 1000, vector: vectorOf(1000, DIM) }];
    expect(await client.insert({ ...partition, data } as never)).toMatchObject({ code: 0 });
    expect(await client.getPartitionStatistics(partition)).toMatchObject({ data: { rowCount: 1 } });
    const names = { collectionName, partitionNames: ['new'] };
    expect(await client.loadPartitions(names)).toMatchObject({ code: 0 });
    const { data: found } = await client.query({ ...names, filter: 'id >= 0', outputFields: ['id'] });
    expect(found).toEqual([{ id: '1000' }]);
    expect(await client.releasePartitions(names)).toMatchObject({ code: 0 });
    expect(await client.dropPartition(partition)).toMatchObject({ code: 0 });
  });

  it('has indexes of its own choice', async () => {
    expect(await client.listIndexes({ collectionName })).toMatchObject({ data: ['vector'] });
    expect((await client.describeIndex({ collectionName, indexName: 'vector' })).data).toMatchObject([
      {
        indexName: 'vector',
        fieldName: 'vector',
        indexType: 'AUTOINDEX',
        metricType: 'L2',
        indexState: 'Finished',
      },
    ]);
    expect(await client.releaseCollection({ collectionName })).toMatchObject({ code: 0 });
    expect(await client.dropIndex({ collectionName, indexName: 'vector' })).toMatchObject({ code: 0 });
    expect(await client.listIndexes({ collectionName })).toMatchObject({ code: 0, data: [] });
    const params = { index_type: 'HNSW', M: '8', efConstruction: '40' };
    const indexParams = [{ fieldName: 'vector', indexName: 'graph', metricType: 'L2', params }];
    expect(await client.createIndex({ collectionName, indexParams })).toMatchObject({ code: 0 });
    expect((await client.describeIndex({ collectionName, indexName: 'graph' })).data).toMatchObject([
      { indexType: 'HNSW', metricType: 'L2' },
    ]);
    expect(await client.loadCollection({ collectionName })).toMatchObject({ code: 0 });
    await expect
      .poll(async () => (await client.getCollectionLoadState({ collectionName })).data.loadState)
      .toBe('LoadStateLoaded');
  });

  it('makes a collection of a schema, in a database of its own', async () => {
    expect(await client.createDatabase({ dbName: 'other' })).toMatchObject({ code: 0 });
    expect(await client.listDatabases()).toMatchObject({ data: ['default', 'other'] });
    expect((await client.describeDatabase({ dbName: 'other' })).data).toMatchObject({ dbName: 'other' });
    const other = new HttpClient({ endpoint: `http://${database.address}`, database: 'other' });
    const schema = {
      autoID: true,
      enabledDynamicField: false,
      fields: [
        { fieldName: 'key', dataType: 'Int64', isPrimary: true },
        { fieldName: 'v', dataType: 'FloatVector', elementTypeParams: { dim: DIM } },
        { fieldName: 'word', dataType: 'VarChar', elementTypeParams: { max_length: 32 } },
        {
          fieldName: 'tags',
          dataType: 'Array',
          elementDataType: 'VarChar',
          elementTypeParams: { max_length: 9, max_capacity: 4 },
        },
        { fieldName: 'json', dataType: 'JSON' },
      ],
    };
    const indexParams = [{ fieldName: 'v', indexName: 'v', metricType: 'COSINE' }];
    expect(await other.createCollection({ collectionName: 'typed', schema, indexParams })).toMatchObject({
      code: 0,
    });
    const data = [{ v: [1, 0, 0, 0], word: 'é', tags: ['a', 'b'], json: { deep: [1, null] } }];
    const inserted = await other.insert({ collectionName: 'typed', data });
    expect(inserted).toMatchObject({ code: 0, data: { insertCount: 1 } });
    const found = await other.search({
      collectionName: 'typed',
      data: [[1, 0, 0, 0]],
      outputFields: ['*'],
      limit: 1,
    });
    const [key] = [inserted.data.insertIds].flat();
    expect(found.data).toMatchObject([
      { key, distance: 1, word: 'é', tags: ['a', 'b'], json: '{"deep":[1,null]}', v: [1, 0, 0, 0] },
    ]);
    expect(await client.listCollections({})).toMatchObject({ data: [collectionName] });
    expect(await other.listCollections({})).toMatchObject({ data: ['typed'] });
    expect(await other.dropCollection({ collectionName: 'typed' })).toMatchObject({ code: 0 });
    expect(await client.dropDatabase({ dbName: 'other' })).toMatchObject({ code: 0 });
  });

  it('answers what it does not like with a code and a text', async () => {
    expect(await client.describeCollection({ collectionName: 'absent' })).toMatchObject({
      code: 100,
      message: expect.stringContaining('collection not found'),
    });
    expect(await client.query({ collectionName, filter: 'nope >', outputFields: [] })).toMatchObject({
      code: 1100,
    });
    expect(await client.insert({ collectionName, data: [{ id: 1 }] })).toMatchObject({
      code: 1804,
      message: expect.stringContaining('"vector"'),
    });
    expect(await client.dropCollection({ collectionName })).toMatchObject({ code: 0 });
    expect(await client.hasCollection({ dbName: 'default', collectionName })).toMatchObject({
      data: { has: false },
    });
  });
});
