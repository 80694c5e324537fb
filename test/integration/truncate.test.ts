// TruncateCollection through the SDK: rows in files and in memory go at once, everything else stays, and what is written later is there.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import {
  connect,
  createLoaded,
  insertRange,
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

async function start(): Promise<void> {
  database = await open(folder.path, { logLevel: 'silent' });
  client = await connect(database.address);
}

async function stop(): Promise<void> {
  await client.closeConnection();
  await database.close();
}

async function keysOf(collection_name: string, partition_names: string[] = []): Promise<readonly number[]> {
  const read = await client.query({
    ...{ collection_name, partition_names, filter: 'id >= 0', output_fields: ['id'], consistency_level: 0 },
  });
  expect(read.status).toMatchObject({ code: 0, reason: '' });
  return read.data.map(({ id }) => Number(id));
}

const rowCount = async (collection_name: string): Promise<number> =>
  Number((await client.getCollectionStatistics({ collection_name })).data.row_count);

beforeEach(async () => {
  folder = await tempFolder();
  await start();
});
afterEach(async () => {
  await stop();
  await folder.remove();
});

test('rows go, schema, index, alias, partitions, properties and load stay, also over a restart', async () => {
  const collection_name = 'c';
  await createLoaded(client, collection_name, { shards: 2 });
  await mustSucceed(client.createPartition({ collection_name, partition_name: 'p' }));
  await mustSucceed(client.createAlias({ collection_name, alias: 'live' }));
  await insertRange(client, collection_name, 0, 50);
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await insertRange(client, collection_name, 50, 60);
  await mustSucceed(client.delete({ collection_name, ids: [3, 55] }));
  const before = await client.describeCollection({ collection_name });
  await mustSucceed(client.truncateCollection({ collection_name: 'live' }));
  expect(await keysOf(collection_name)).toEqual([]);
  expect(await rowCount(collection_name)).toBe(0);
  const hits = await client.search({ collection_name, data: [vectorOf(1)], limit: 5 });
  expect(hits).toMatchObject({ status: { code: 0 }, results: [] });
  await insertRange(client, collection_name, 3, 5);
  expect(await keysOf(collection_name)).toEqual([3, 4]);
  expect(await client.describeCollection({ collection_name })).toEqual(before);
  expect((await client.showPartitions({ collection_name })).partition_names).toEqual(['_default', 'p']);
  expect((await client.getLoadState({ collection_name })).state).toBe('LoadStateLoaded');
  expect((await client.describeIndex({ collection_name })).index_descriptions).toHaveLength(1);
  await stop();
  await start();
  expect(await keysOf('live')).toEqual([3, 4]);
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  await mustSucceed(client.truncateCollection({ collection_name }));
  await stop();
  await start();
  expect(await keysOf(collection_name)).toEqual([]);
  expect(await client.truncateCollection({ collection_name: 'absent' })).toMatchObject({
    status: { code: 100 },
  });
});

test('where one partition is loaded, it stays the one that is', async () => {
  const collection_name = 'c';
  await createLoaded(client, collection_name);
  for (const partition_name of ['a', 'b'])
    await mustSucceed(client.createPartition({ collection_name, partition_name }));
  await mustSucceed(client.releaseCollection({ collection_name }));
  await mustSucceed(client.loadPartitionsSync({ collection_name, partition_names: ['a'] }));
  const rows = (ids: readonly number[]) => ids.map((id) => ({ id, vector: vectorOf(id) }));
  for (const partition_name of ['a', 'b'])
    await mustSucceed(client.insert({ collection_name, partition_name, data: rows([1, 2]) }));
  await mustSucceed(client.truncateCollection({ collection_name }));
  for (const partition_name of ['a', 'b'])
    await mustSucceed(client.insert({ collection_name, partition_name, data: rows([3]) }));
  expect(await keysOf(collection_name)).toEqual([3]);
  expect(await keysOf(collection_name, ['a'])).toEqual([3]);
  const unloaded = { collection_name, partition_names: ['b'], filter: 'id > 0', output_fields: ['id'] };
  expect((await client.query(unloaded)).status.code).toBe(101);
  await mustSucceed(client.releasePartitions({ collection_name, partition_names: ['a'] }));
  expect((await client.getLoadState({ collection_name })).state).toBe('LoadStateNotLoad');
});

test('with a partition key, all partitions of it', async () => {
  const collection_name = 'keyed';
  const tenant = { name: 't', data_type: DataType.Int64, is_partition_key: true };
  await mustSucceed(
    client.createCollection({ collection_name, fields: [keyField, vectorField, tenant], num_partitions: 4 }),
  );
  await mustSucceed(
    client.createIndex({ collection_name, field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' }),
  );
  await mustSucceed(client.loadCollectionSync({ collection_name }));
  const data = Array.from({ length: 40 }, (_, id) => ({ id, vector: vectorOf(id), t: id }));
  await mustSucceed(client.insert({ collection_name, data }));
  await mustSucceed(client.truncateCollection({ collection_name }));
  expect(await keysOf(collection_name)).toEqual([]);
  await mustSucceed(client.upsert({ collection_name, data: data.slice(0, 8) }));
  expect(await keysOf(collection_name)).toHaveLength(8);
});

test('writers that go on meanwhile lose nothing that they begin afterwards', async () => {
  const collection_name = 'busy';
  await createLoaded(client, collection_name, { shards: 2 });
  let next = 0;
  let isDone = false;
  const begun: { readonly id: number; readonly after: number }[] = [];
  let truncates = 0;
  const writer = async (): Promise<void> => {
    while (!isDone) {
      const id = next++;
      const after = truncates;
      await mustSucceed(client.insert({ collection_name, data: [{ id, vector: vectorOf(id) }] }));
      begun.push({ id, after });
    }
  };
  const writers = Array.from({ length: 6 }, writer);
  for (let round = 0; round < 5; round++) {
    const floor = next;
    await mustSucceed(client.truncateCollection({ collection_name }));
    truncates++;
    const found = await keysOf(collection_name);
    // Those that were acknowledged before it are gone; up to six may have been on their way.
    const old = found.filter((id) => id < floor);
    expect(old.length).toBeLessThanOrEqual(6);
  }
  await until('a write after the last truncate', async () =>
    begun.some(({ after }) => after === truncates) ? true : undefined,
  );
  isDone = true;
  await Promise.all(writers);
  const found = new Set(await keysOf(collection_name));
  const sure = begun.filter(({ after }) => after === truncates);
  expect(sure.length).toBeGreaterThan(0);
  expect(sure.filter(({ id }) => !found.has(id))).toEqual([]);
});

test('an import that is under way fails and leaves nothing', async () => {
  const collection_name = 'c';
  await createLoaded(client, collection_name);
  const path = join(folder.path, 'objects', 'in', 'rows.json');
  await mkdir(dirname(path), { recursive: true });
  const rows = Array.from({ length: 3000 }, (_, id) => ({ id, vector: vectorOf(id) }));
  await writeFile(path, JSON.stringify({ rows }));
  const tasks: number[] = [];
  for (let job = 0; job < 3; job++)
    tasks.push(Number((await client.bulkInsert({ collection_name, files: ['in/rows.json'] })).tasks[0]));
  await mustSucceed(client.truncateCollection({ collection_name }));
  const states: string[] = [];
  for (const task of tasks) {
    const ended = await until('the end of the import', async () => {
      const { state } = await client.getImportState({ task });
      return state === 'ImportCompleted' || state === 'ImportFailed' ? state : undefined;
    });
    states.push(ended);
  }
  expect(states.at(-1)).toBe('ImportFailed');
  const last = await client.getImportState({ task: tasks.at(-1) ?? 0 });
  expect(JSON.stringify(last.infos)).toContain('dropped or truncated');
  expect(await keysOf(collection_name)).toEqual([]);
  await insertRange(client, collection_name, 0, 2);
  expect(await keysOf(collection_name)).toEqual([0, 1]);
});
