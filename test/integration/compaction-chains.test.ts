// What was compacted is compacted again while readers still need its sources, and what is gone for a reader is refused, also after a restart.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { QueryRequest, QueryResults } from '#proto/milvus/milvus.js';
import { type Elanus, open } from '#server/open.js';
import { connectRaw } from './raw-client.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder, until } from './support.js';

const OPTIONS = { logLevel: 'error', autoCompaction: false, garbageIntervalMs: 30 } as const;
let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let client: MilvusClient;
let raw: ReturnType<typeof connectRaw>;

async function start(options: { readonly garbageIntervalMs?: number } = {}): Promise<void> {
  database = await open(folder.path, { ...OPTIONS, ...options });
  client = await connect(database.address);
  raw = connectRaw(database.address);
}

async function stop(): Promise<void> {
  raw.close();
  await client.closeConnection();
  await database.close();
}

beforeEach(async () => {
  folder = await tempFolder();
  await start();
});
afterEach(async () => {
  await stop();
  await folder.remove();
});

const flush = (name: string): Promise<void> => mustSucceed(client.flushSync({ collection_names: [name] }));

const countOf = async (collection_name: string): Promise<number> =>
  (await client.count({ collection_name })).data;

async function compact(collection_name: string): Promise<void> {
  const { compactionID } = await client.compact({ collection_name });
  await until('the compaction ends', async () =>
    String((await client.getCompactionState({ compactionID })).state) === 'Completed' ? true : undefined,
  );
}

async function page(collectionName: string, behind: number, guaranteeTimestamp: bigint) {
  const request = QueryRequest.fromPartial({
    ...{ collectionName, expr: `id > ${behind}`, outputFields: ['id'], guaranteeTimestamp },
    queryParams: Object.entries({ iterator: 'True', limit: '10' }).map(([key, value]) => ({ key, value })),
  });
  const answer = QueryResults.decode(await raw.call('Query', QueryRequest.encode(request).finish()));
  const field = answer.fieldsData[0]?.field;
  const data = field?.$case === 'scalars' ? field.value.data : undefined;
  const count = data?.$case === 'longData' ? decodeInt64s(data.value.data, 'test').length / 8 : 0;
  return { count, reason: answer.status?.reason ?? '', sessionTs: answer.sessionTs };
}

/** Looks for garbage come and go. */
const garbageLooks = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));

test('what was compacted is compacted again while an iterator holds its sources', async () => {
  const name = 'again';
  await createLoaded(client, name);
  await insertRange(client, name, 0, 60);
  await flush(name);
  const { sessionTs } = await page(name, -1, 0n);
  await mustSucceed(client.delete({ collection_name: name, filter: 'id >= 30' }));
  await flush(name);
  await compact(name);
  await garbageLooks();
  await mustSucceed(client.delete({ collection_name: name, filter: 'id >= 25' }));
  await flush(name);
  await compact(name);
  await garbageLooks();
  // Whatever went meanwhile, a target that comes now hands nothing over.
  await insertRange(client, name, 130, 131);
  await flush(name);
  await garbageLooks();
  expect(await countOf(name)).toBe(26);
  for (let behind = 9; behind < 59; behind += 10)
    expect(await page(name, behind, sessionTs)).toMatchObject({ count: 10, reason: '' });
});

test('what was compacted is deleted whole while an iterator holds its sources', async () => {
  const name = 'whole';
  await createLoaded(client, name);
  await insertRange(client, name, 0, 60);
  await flush(name);
  await insertRange(client, name, 60, 70);
  await flush(name);
  const { sessionTs } = await page(name, -1, 0n);
  await mustSucceed(client.delete({ collection_name: name, filter: 'id >= 30' }));
  await flush(name);
  await compact(name);
  await garbageLooks();
  await mustSucceed(client.delete({ collection_name: name, filter: 'id >= 0' }));
  await flush(name);
  await compact(name);
  await garbageLooks();
  await insertRange(client, name, 100, 101);
  await flush(name);
  await garbageLooks();
  expect(await countOf(name)).toBe(1);
  for (let behind = 9; behind < 69; behind += 10)
    expect(await page(name, behind, sessionTs)).toMatchObject({ count: 10, reason: '' });
});

test.each([
  { garbage: 'is still there', garbageIntervalMs: 60_000 },
  { garbage: 'is gone', garbageIntervalMs: 30 },
])(
  'after a restart a page is refused whose segment was deleted whole, its record $garbage',
  async ({ garbage: _, ...options }) => {
    const name = 'restarted';
    await stop();
    await start(options);
    await createLoaded(client, name);
    await insertRange(client, name, 0, 20);
    await flush(name);
    const { sessionTs } = await page(name, -1, 0n);
    await mustSucceed(client.delete({ collection_name: name, filter: 'id >= 0' }));
    await flush(name);
    // The lease ends with the owner.
    await stop();
    await start(options);
    await compact(name);
    await garbageLooks();
    await insertRange(client, name, 100, 110);
    await until('rows are read', async () => (await countOf(name)) === 10 || undefined);
    await stop();
    await start(options);
    await until('rows are read', async () => (await countOf(name)) === 10 || undefined);
    expect((await page(name, 9, sessionTs)).reason).toContain('begin a new one');
    // An iterator that begins now is as good as ever.
    const fresh = await page(name, -1, 0n);
    expect(fresh).toMatchObject({ count: 10, reason: '' });
    expect(await page(name, 104, fresh.sessionTs)).toMatchObject({ count: 5, reason: '' });
  },
);
