// Rows that expire, through the SDK: not found, counted, changed or deleted once their time is over, in files and in memory alike. The time to
// live is a second at least, so this waits for rows to expire.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { connect, createLoaded, mustSucceed, tempFolder, until, vectorOf } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let client: MilvusClient;
const collection_name = 'short';

beforeAll(async () => {
  folder = await tempFolder();
  database = await open(folder.path, { logLevel: 'silent' });
  client = await connect(database.address);
  await createLoaded(client, collection_name, {
    fields: [{ name: 'n', data_type: DataType.Int64, nullable: true }],
  });
  // A compaction takes what has expired for good, and this asks for rows that are there again.
  await mustSucceed(
    client.alterCollectionProperties({
      collection_name,
      properties: { 'collection.autocompaction.enabled': false },
    }),
  );
});
afterAll(async () => {
  await client.closeConnection();
  await database.close();
  await folder.remove();
});

const rows = (...ids: readonly number[]) => ids.map((id) => ({ id, vector: vectorOf(id), n: id }));
const alter = (properties: Record<string, number>) =>
  mustSucceed(client.alterCollectionProperties({ collection_name, properties }));

async function keysOf(filter = 'id >= 0'): Promise<readonly number[]> {
  const read = await client.query({ collection_name, filter, output_fields: ['id'], consistency_level: 0 });
  expect(read.status).toMatchObject({ code: 0, reason: '' });
  return read.data.map(({ id }) => Number(id));
}

/** What every form of read sees. */
async function expectSeen(ids: readonly number[]): Promise<void> {
  expect(await keysOf()).toEqual(ids);
  expect(await keysOf(`id in [${Array.from({ length: 40 }, (_, id) => id).join()}]`)).toEqual(ids);
  expect(await keysOf('n >= 0')).toEqual(ids);
  expect(Number((await client.count({ collection_name })).data)).toBe(ids.length);
  expect(Number((await client.count({ collection_name, expr: 'n >= 0' })).data)).toBe(ids.length);
  expect(Number((await client.count({ collection_name, expr: 'id in [1, 2, 11, 12]' })).data)).toBe(
    ids.filter((id) => [1, 2, 11, 12].includes(id)).length,
  );
  for (const filter of ['', 'n >= 0', 'id < 1000']) {
    const { results } = await client.search({ collection_name, data: [vectorOf(1)], limit: 40, filter });
    expect(results.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(ids);
  }
  const got = await client.get({ collection_name, ids: [1, 2, 11, 12], output_fields: ['id'] });
  expect(got.data).toHaveLength(ids.filter((id) => [1, 2, 11, 12].includes(id)).length);
  const sums = await client.query({ collection_name, filter: '', output_fields: ['count(*)', 'sum(n)'] });
  expect(Number(sums.data[0]?.['count(*)'])).toBe(ids.length);
}

test('resurrection: rows in files and in memory are there until their time is over', async () => {
  await mustSucceed(client.insert({ collection_name, data: rows(1, 2, 3) }));
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await mustSucceed(client.insert({ collection_name, data: rows(4, 5) }));
  await expectSeen([1, 2, 3, 4, 5]);
  await alter({ 'collection.ttl.seconds': 3600 });
  await expectSeen([1, 2, 3, 4, 5]);
  await alter({ 'collection.ttl.seconds': 1 });
  // Nothing is written meanwhile: it is the time that passes.
  await until('all rows to expire', async () => ((await keysOf()).length === 0 ? true : undefined));
  await expectSeen([]);
});

test('a partial update finds no expired row, a delete by a filter neither, and a new row of the key is there', async () => {
  const partial = { collection_name, partial_update: true, data: [{ id: 1, n: 7 }] };
  expect((await client.upsert(partial)).status.code).not.toBe(0);
  const deleted = await client.delete({ collection_name, filter: 'n >= 0' });
  expect(Number(deleted.delete_cnt)).toBe(0);
  await alter({ 'collection.ttl.seconds': 3600 });
  await expectSeen([1, 2, 3, 4, 5]);
  await alter({ 'collection.ttl.seconds': 2 });
  await until('the old rows to expire', async () => ((await keysOf()).length === 0 ? true : undefined));
  await mustSucceed(client.upsert({ collection_name, data: rows(1, 11, 12) }));
  await expectSeen([1, 11, 12]);
});

test('without the property, or with 0, all are there again that nobody deleted', async () => {
  await until('all rows to expire', async () => ((await keysOf()).length === 0 ? true : undefined));
  await alter({ 'collection.ttl.seconds': 0 });
  await expectSeen([1, 2, 3, 4, 5, 11, 12]);
  await alter({ 'collection.ttl.seconds': 1 });
  await expectSeen([]);
  await mustSucceed(
    client.dropCollectionProperties({ collection_name, properties: ['collection.ttl.seconds'] }),
  );
  await expectSeen([1, 2, 3, 4, 5, 11, 12]);
});
