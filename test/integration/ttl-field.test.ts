// Rows that expire at a time of their own, through the SDK: not found, counted, changed or deleted by a filter once it has come, in files and in
// memory alike, after a restart and after a compaction; and what may not be said of the field.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { QueryRequest, QueryResults } from '#proto/milvus/milvus.js';
import { type Elanus, open } from '#server/open.js';
import { connectRaw } from './raw-client.js';
import {
  connect,
  createLoaded,
  failureOf,
  keyField,
  mustSucceed,
  tempFolder,
  until,
  vectorField,
  vectorOf,
} from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let client: MilvusClient;
const collection_name = 'dated';
const HOUR = 3_600_000;

async function start(): Promise<void> {
  database = await open(folder.path, { logLevel: 'silent', autoCompaction: false });
  client = await connect(database.address);
}

async function stop(): Promise<void> {
  await client.closeConnection();
  await database.close();
}

beforeAll(async () => {
  folder = await tempFolder();
  await start();
  await createLoaded(client, collection_name, {
    fields: [
      { name: 'n', data_type: DataType.Int64, nullable: true },
      { name: 'until', data_type: DataType.Timestamptz, nullable: true },
    ],
    properties: { ttl_field: 'until' },
  });
});
afterAll(async () => {
  await stop();
  await folder.remove();
});

const dated = (ms: number | undefined, ...ids: readonly number[]) =>
  ids.map((id) => ({
    id,
    vector: vectorOf(id),
    n: id,
    until: ms === undefined ? null : new Date(ms).toISOString(),
  }));
const alter = (properties: Record<string, string | number>) =>
  client.alterCollectionProperties({ collection_name, properties });

async function keysOf(filter = 'id >= 0', more: object = {}): Promise<readonly number[]> {
  const read = await client.query({
    ...{ collection_name, filter, output_fields: ['id'], consistency_level: 0, ...more },
  });
  expect(read.status).toMatchObject({ code: 0, reason: '' });
  return read.data.map(({ id }) => Number(id));
}

/** What every form of read sees. */
async function expectSeen(ids: readonly number[]): Promise<void> {
  expect(await keysOf()).toEqual(ids);
  expect(await keysOf(`id in [${Array.from({ length: 40 }, (_, id) => id).join()}]`)).toEqual(ids);
  expect(await keysOf('n >= 0')).toEqual(ids);
  expect(await keysOf('', { limit: 100, order_by_fields: ['n:desc'] })).toEqual([...ids].reverse());
  for (const expr of ['', 'n >= 0', 'id in [1, 2, 3, 4, 5, 6, 11, 12]', 'not (id in [1])'])
    expect(Number((await client.count({ collection_name, expr })).data)).toBe(
      expr.startsWith('not') ? ids.filter((id) => id !== 1).length : ids.length,
    );
  for (const filter of ['', 'n >= 0', 'id < 1000', 'id in [1, 2, 3, 4, 5, 6, 11, 12]']) {
    const { results } = await client.search({ collection_name, data: [vectorOf(1)], limit: 40, filter });
    expect(results.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(ids);
  }
  const got = await client.get({ collection_name, ids: [1, 2, 11, 12], output_fields: ['id'] });
  expect(got.data).toHaveLength(ids.filter((id) => [1, 2, 11, 12].includes(id)).length);
  const sums = await client.query({ collection_name, filter: '', output_fields: ['count(*)', 'sum(n)'] });
  expect(Number(sums.data[0]?.['count(*)'])).toBe(ids.length);
}

test('rows in files and in memory are there until their own time has come', async () => {
  const soon = Date.now() + 3000;
  await mustSucceed(
    client.insert({
      collection_name,
      data: [...dated(soon, 1), ...dated(undefined, 2), ...dated(Date.now() + HOUR, 3)],
    }),
  );
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await mustSucceed(
    client.insert({
      collection_name,
      data: [...dated(soon, 4), ...dated(undefined, 5), ...dated(Date.now() - 1, 6)],
    }),
  );
  if (Date.now() < soon - 1000) await expectSeen([1, 2, 3, 4, 5]);
  const raw = connectRaw(database.address);
  const page = async (expr: string, guaranteeTimestamp: bigint): Promise<QueryResults> => {
    const queryParams = Object.entries({ iterator: 'True', limit: '1' });
    const request = QueryRequest.fromPartial({
      ...{ collectionName: collection_name, expr, outputFields: ['id'], guaranteeTimestamp },
      queryParams: queryParams.map(([key, value]) => ({ key, value })),
    });
    return QueryResults.decode(await raw.call('Query', QueryRequest.encode(request).finish()));
  };
  const first = await page('id >= 0', 0n);
  const begun = (await keysOf()).length;
  await until('the rows to expire', async () => ((await keysOf()).length === 3 ? true : undefined));
  // Pages see what had not expired when the iterator began.
  let count = 0;
  for (let id = 0; id < 7; id++) {
    const { fieldsData } = await page(`id == ${id}`, first.sessionTs);
    const data = fieldsData[0]?.field?.$case === 'scalars' ? fieldsData[0].field.value.data : undefined;
    count += data?.$case === 'longData' && data.value.data.length > 0 ? 1 : 0;
  }
  raw.close();
  if (begun === 5) expect(count).toBe(5);
  await expectSeen([2, 3, 5]);
});

test('a partial update finds no expired row, a delete by a filter neither, and a new row of the key is there', async () => {
  // The client keeps what it makes of an object in it, so each call has its own.
  const update = (row: object) =>
    client.upsert({ collection_name, partial_update: true, data: [{ id: 1, ...row }] });
  expect((await update({ n: 7 })).status.code).not.toBe(0);
  const deleted = await client.delete({ collection_name, filter: 'n in [1, 4, 6]' });
  expect(Number(deleted.delete_cnt)).toBe(0);
  await mustSucceed(client.upsert({ collection_name, data: dated(undefined, 1) }));
  await expectSeen([1, 2, 3, 5]);
  // A row whose time is taken back or brought forward by a partial update.
  const past = new Date(Date.now() - 5).toISOString();
  await mustSucceed(update({ until: past }));
  await expectSeen([2, 3, 5]);
});

test('the same rows are there after a restart, and a compaction takes the others out for good', async () => {
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await stop();
  await start();
  await expectSeen([2, 3, 5]);
  await mustSucceed(client.dropCollectionProperties({ collection_name, properties: ['ttl_field'] }));
  await expectSeen([1, 2, 3, 4, 5, 6]);
  await mustSucceed(alter({ ttl_field: 'until' }));
  await expectSeen([2, 3, 5]);
  const { compactionID } = await client.compact({ collection_name });
  await until('the compaction ends', async () =>
    String((await client.getCompactionState({ compactionID })).state) === 'Completed' ? true : undefined,
  );
  await expectSeen([2, 3, 5]);
  await mustSucceed(client.dropCollectionProperties({ collection_name, properties: ['ttl_field'] }));
  await until('the merged segment is read', async () => ((await keysOf()).length === 3 ? true : undefined));
  await expectSeen([2, 3, 5]);
});

test('an older row of a key is there again once the newer has expired, wherever the two are', async () => {
  const twice = { collection_name: 'twice' };
  await createLoaded(client, 'twice', {
    fields: [{ name: 'until', data_type: DataType.Timestamptz, nullable: true }],
    properties: { ttl_field: 'until' },
  });
  const row = (id: number, ms: number | undefined) => ({
    ...{ id, vector: vectorOf(id), until: ms === undefined ? null : new Date(ms).toISOString() },
  });
  const found = async () =>
    (await client.query({ ...twice, filter: 'id >= 0', consistency_level: 0 })).data.length;
  await mustSucceed(client.insert({ ...twice, data: [row(1, undefined)] }));
  await mustSucceed(client.insert({ ...twice, data: [row(1, Date.now() - 5)] }));
  expect(await found()).toBe(1);
  await mustSucceed(client.flushSync({ collection_names: ['twice'] }));
  expect(await found()).toBe(1);
  await mustSucceed(client.insert({ ...twice, data: [row(1, Date.now() - 5)] }));
  expect(await found()).toBe(1);
});

test('what may not be said of the field', async () => {
  await mustSucceed(alter({ ttl_field: 'until' }));
  const { properties } = await client.describeCollection({ collection_name });
  expect(properties).toContainEqual({ key: 'ttl_field', value: 'until' });
  const refused = async (properties: Record<string, string | number>) =>
    (await failureOf(() => alter(properties))).reason;
  expect(await refused({ ttl_field: 'n' })).toContain('ttl field must be timestamptz, field name = n');
  expect(await refused({ ttl_field: 'x' })).toContain('ttl field name x not found in schema');
  const both = 'collection TTL and ttl field cannot be set at the same time';
  expect(await refused({ 'collection.ttl.seconds': 9 })).toContain(both);
  const created = await failureOf(() =>
    client.createCollection({
      collection_name: 'both',
      fields: [keyField, vectorField, { name: 'until', data_type: DataType.Timestamptz }],
      properties: { ttl_field: 'until', 'collection.ttl.seconds': 9 },
    }),
  );
  expect(created.reason).toContain(both);
  const dropped = await failureOf(() => client.dropCollectionField({ collection_name, field_name: 'until' }));
  expect(dropped.reason).toContain('cannot drop ttl field: until');
  await mustSucceed(client.releaseCollection({ collection_name }));
  const partial = { collection_name, load_fields: ['id', 'vector', 'n'] };
  expect((await failureOf(() => client.loadCollectionSync(partial))).reason).toContain('ttl field until');
  // Fields may be left out before the property is set.
  await mustSucceed(client.dropCollectionProperties({ collection_name, properties: ['ttl_field'] }));
  await mustSucceed(client.loadCollectionSync(partial));
  await mustSucceed(alter({ ttl_field: 'until' }));
  const read = await failureOf(() => client.query({ collection_name, filter: 'id >= 0' }));
  expect(read.reason).toContain('it is not loaded');
});
