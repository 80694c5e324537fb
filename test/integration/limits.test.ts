// Limits that properties set, through the SDK: the number of collections of a database, databases that are closed, rates.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { connect, insertRange, keyField, mustSucceed, vectorField, vectorOf } from './support.js';

let database: Elanus;
let client: MilvusClient;
beforeAll(async () => {
  database = await open(undefined, { logLevel: 'silent' });
  client = await connect(database.address);
});
afterAll(async () => {
  await client.closeConnection();
  await database.close();
});

const create = (collection_name: string, db_name: string) =>
  client
    .createCollection({ collection_name, db_name, fields: [keyField, vectorField] })
    .catch((error: object) => error);
const alter = (properties: Record<string, string | number | boolean>) =>
  mustSucceed(client.alterDatabase({ db_name: 'd', properties }));

test('a database holds as many collections as its property says', async () => {
  await mustSucceed(client.createDatabase({ db_name: 'd', properties: { 'database.max.collections': 2 } }));
  // As the Rust SDK takes its number of replicas back.
  await mustSucceed(
    client.alterDatabaseProperties({ db_name: 'd', properties: { 'database.replica.number': 0 } }),
  );
  const made = await Promise.all(['a', 'b', 'c'].map((name) => create(name, 'd')));
  expect(made.map((answer) => (answer as { code: number }).code).toSorted((a, b) => a - b)).toEqual([
    0, 0, 102,
  ]);
  await alter({ 'database.max.collections': 3 });
  const names = (await client.showCollections({ db_name: 'd' })).data.map(({ name }) => name);
  const missing = ['a', 'b', 'c'].find((name) => !names.includes(name)) ?? '';
  expect(await create(missing, 'd')).toMatchObject({ code: 0 });
  await mustSucceed(client.dropCollection({ collection_name: missing, db_name: 'd' }));
});

test('a closed database takes no rows, and takes them again', async () => {
  const [{ name: collection_name } = { name: '' }] = (await client.showCollections({ db_name: 'd' })).data;
  const data = [{ id: 1, vector: vectorOf(1) }];
  await alter({ 'database.force.deny.writing': true });
  expect((await client.insert({ collection_name, db_name: 'd', data })).status).toMatchObject({
    ...{ code: 9, error_code: 'ForceDeny' },
    reason: expect.stringContaining('access has been disabled by the administrator'),
  });
  await mustSucceed(
    client.dropDatabaseProperties({ db_name: 'd', properties: ['database.force.deny.writing'] }),
  );
  await mustSucceed(client.insert({ collection_name, db_name: 'd', data }));
});

test('inserts beyond a rate are refused for a moment', async () => {
  const collection_name = 'slow';
  await mustSucceed(create(collection_name, 'default'));
  const properties = { 'collection.insertRate.max.mb': 0.0001 };
  await mustSucceed(client.alterCollectionProperties({ collection_name, properties }));
  await insertRange(client, collection_name, 0, 20);
  const again = await client.insert({ collection_name, data: [{ id: 30, vector: vectorOf(1) }] });
  expect(again.status).toMatchObject({ code: 8, error_code: 'RateLimit', retriable: true });
  const keys = ['collection.insertRate.max.mb'];
  await mustSucceed(client.dropCollectionProperties({ collection_name, properties: keys }));
  await insertRange(client, collection_name, 20, 40);
});
