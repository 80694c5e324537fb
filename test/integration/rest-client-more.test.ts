// More of the Node client's HttpClient, unmodified: several searches at once, other names, new fields, structs, imports, users.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HttpClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { tempFolder, vectorOf } from './support.js';

const DIM = 4;
const collectionName = 'books';
const rows = Array.from({ length: 10 }, (_, id) => ({
  id,
  vector: vectorOf(id, DIM),
  color: id % 2 === 0 ? 'red' : 'blue',
}));

describe('HttpClient, further calls', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let database: Elanus;
  let client: HttpClient;
  beforeAll(async () => {
    folder = await tempFolder();
    database = await open(folder.path, { logLevel: 'error' });
    client = new HttpClient({ endpoint: `http://${database.address}`, acceptInt64: true });
    await client.createCollection({ collectionName, dimension: DIM, metricType: 'L2' });
    await client.insert({ collectionName, data: rows });
  });
  afterAll(async () => {
    await database.close();
    await folder.remove();
  });

  it('joins the hits of several searches', async () => {
    const found = await client.hybridSearch({
      collectionName,
      search: [
        { data: [rows[3]?.vector ?? []], annsField: 'vector', limit: 5 },
        { data: [rows[3]?.vector ?? []], annsField: 'vector', limit: 5, filter: 'id > 3' },
      ],
      rerank: { strategy: 'rrf', params: { k: 10 } },
      limit: 3,
      outputFields: ['color'],
    });
    expect(found).toMatchObject({ code: 0, topks: [3] });
    expect(found.data).toHaveLength(3);
  });

  it('gives collections other names', async () => {
    const aliasName = 'novels';
    expect(await client.createAlias({ collectionName, aliasName })).toMatchObject({ code: 0 });
    expect(await client.listAliases({})).toMatchObject({ data: [aliasName] });
    expect((await client.describeAlias({ aliasName })).data).toEqual({
      dbName: 'default',
      collectionName,
      aliasName,
    });
    expect((await client.get({ collectionName: aliasName, id: [1], outputFields: ['id'] })).data).toEqual([
      { id: 1 },
    ]);
    expect(await client.alterAlias({ collectionName, aliasName })).toMatchObject({ code: 0 });
    expect(await client.dropAlias({ collectionName, aliasName })).toMatchObject({ code: 0 });
    expect(await client.renameCollection({ collectionName, newCollectionName: 'volumes' })).toMatchObject({
      code: 0,
    });
    expect((await client.get({ collectionName: 'volumes', id: [1], outputFields: ['id'] })).data).toEqual([
      { id: 1 },
    ]);
    expect(
      await client.renameCollection({ collectionName: 'volumes', newCollectionName: collectionName }),
    ).toMatchObject({
      code: 0,
    });
  });

  it('adds a field', async () => {
    const schema = { fieldName: 'pages', dataType: 'Int64', nullable: true };
    expect(await client.addCollectionField({ collectionName, schema })).toMatchObject({ code: 0 });
    const { data } = await client.get({ collectionName, id: [1], outputFields: ['id', 'pages'] });
    expect(data).toEqual([{ id: 1, pages: null }]);
  });

  it('keeps structs, vectors in them and other types', async () => {
    const typed = 'typed';
    const schema = {
      fields: [
        { fieldName: 'id', dataType: 'Int64', isPrimary: true },
        { fieldName: 'bits', dataType: 'BinaryVector', elementTypeParams: { dim: 16 } },
      ],
      structFields: [
        {
          fieldName: 'parts',
          elementTypeParams: { max_capacity: 8 },
          fields: [
            {
              fieldName: 'word',
              dataType: 'Array',
              elementDataType: 'VarChar',
              elementTypeParams: { max_length: 9, max_capacity: 8 },
            },
            {
              fieldName: 'v',
              dataType: 'ArrayOfVector',
              elementDataType: 'FloatVector',
              elementTypeParams: { dim: 2, max_capacity: 8 },
            },
          ],
        },
      ],
    };
    const indexParams = [
      { fieldName: 'bits', indexName: 'bits', metricType: 'HAMMING' },
      { fieldName: 'parts[v]', indexName: 'v', metricType: 'MAX_SIM_IP', params: { index_type: 'HNSW' } },
    ];
    expect(await client.createCollection({ collectionName: typed, schema, indexParams })).toEqual({
      code: 0,
      data: {},
    });
    const data = [
      {
        id: 1,
        bits: 'AQI=',
        parts: [
          { word: 'a', v: [1, 0.5] },
          { word: 'é', v: [0, 1] },
        ],
      },
      { id: 2, bits: 'AwQ=', parts: [] },
    ];
    expect(await client.insert({ collectionName: typed, data })).toMatchObject({ code: 0 });
    expect((await client.get({ collectionName: typed, id: [1, 2], outputFields: ['*'] })).data).toEqual(data);
    const found = await client.search({
      collectionName: typed,
      annsField: 'bits',
      data: ['AQI='] as never,
      limit: 1,
      outputFields: [],
    });
    expect(found.data).toEqual([{ distance: 0, id: 1 }]);
    expect(await client.dropCollection({ collectionName: typed })).toMatchObject({ code: 0 });
  });

  it('imports a file', async () => {
    const folderOfFiles = join(folder.path, 'objects');
    await mkdir(folderOfFiles, { recursive: true });
    await writeFile(join(folderOfFiles, 'more.json'), JSON.stringify([{ id: 5000, vector: [1, 2, 3, 4] }]));
    const { data } = await client.createImportJobs({ collectionName, files: [['more.json']] });
    expect(data.jobId).toMatch(/^\d+$/);
    const progress = async () => (await client.getImportJobProgress({ jobId: data.jobId })).data;
    await expect.poll(async () => (await progress()).state, { timeout: 20_000 }).toBe('Completed');
    expect(await progress()).toMatchObject({
      jobId: data.jobId,
      progress: 100,
      importedRows: 1,
      collectionName,
    });
    expect((await client.listImportJobs({ collectionName })).data.records).toMatchObject([
      { jobId: data.jobId, state: 'Completed', progress: 100 },
    ]);
  });
});

describe('HttpClient, with users', () => {
  let database: Elanus;
  const clientOf = (username: string, password: string): HttpClient =>
    new HttpClient({ endpoint: `http://${database.address}`, username, password });
  beforeAll(async () => {
    database = await open(undefined, { logLevel: 'error', auth: true });
  });
  afterAll(() => database.close());

  it('lets in who is known, and lets them do what they may', async () => {
    const root = clientOf('root', 'Milvus');
    await expect(clientOf('root', 'wrong').listCollections({})).rejects.toMatchObject({ status: 401 });
    expect(await root.createUser({ userName: 'ann', password: 'secret1' })).toMatchObject({ code: 0 });
    expect(await root.listUsers()).toMatchObject({ data: expect.arrayContaining(['root', 'ann']) });
    const ann = clientOf('ann', 'secret1');
    await expect(ann.createCollection({ collectionName, dimension: DIM })).rejects.toMatchObject({
      status: 403,
    });
    expect(await root.createRole({ roleName: 'writer' })).toMatchObject({ code: 0 });
    const privilege = {
      roleName: 'writer',
      objectType: 'Global',
      objectName: '*',
      privilege: 'CreateCollection',
    };
    expect(await root.grantPrivilegeToRole(privilege)).toMatchObject({ code: 0 });
    expect((await root.describeRole({ roleName: 'writer' })).data).toMatchObject([
      { objectType: 'Global', objectName: '*', privilege: 'CreateCollection' },
    ]);
    expect(await root.grantRoleToUser({ userName: 'ann', roleName: 'writer' })).toMatchObject({ code: 0 });
    expect(await root.describeUser({ userName: 'ann' })).toMatchObject({ data: ['writer'] });
    const schema = {
      fields: [
        { fieldName: 'id', dataType: 'Int64', isPrimary: true },
        { fieldName: 'v', dataType: 'FloatVector', elementTypeParams: { dim: 2 } },
      ],
    };
    expect(await ann.createCollection({ collectionName, schema })).toMatchObject({ code: 0 });
    expect(await root.revokeRoleFromUser({ userName: 'ann', roleName: 'writer' })).toMatchObject({ code: 0 });
    expect(await root.revokePrivilegeFromRole(privilege)).toMatchObject({ code: 0 });
    expect(await root.dropRole({ roleName: 'writer' })).toMatchObject({ code: 0 });
    const changed = { userName: 'ann', password: 'secret1', newPassword: 'secret2' };
    expect(await root.updateUserPassword(changed)).toMatchObject({ code: 0 });
    await expect(ann.listCollections({})).rejects.toMatchObject({ status: 401 });
    expect(await clientOf('ann', 'secret2').listCollections({})).toMatchObject({ code: 0 });
    expect(await root.dropUser({ userName: 'ann' })).toMatchObject({ code: 0 });
  });
});
