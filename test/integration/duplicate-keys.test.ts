// One rule for rows of one key, however they came: the newest written is the row, the last of one request or import; the others are rows that reads
// do not answer, whatever is asked, and that counts count until an upsert or a delete takes them. It holds growing, in files, compacted, restarted.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InsertRequest } from '#proto/milvus/milvus.js';
import { DataType as ProtoType } from '#proto/milvus/schema.js';
import { type Elanus, open } from '#server/open.js';
import { ints, longs, vectors } from '../support/field-data.js';
import { connect, createLoaded, mustSucceed, tempFolder, until, vectorOf } from './support.js';

const KEYS = 30;
const newest = 9;
let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let client: MilvusClient;
const start = async (): Promise<void> => {
  database = await open(folder.path, { logLevel: 'error', autoCompaction: false });
  client = await connect(database.address);
};
const stop = async (): Promise<void> => {
  await client.closeConnection();
  await database.close();
};

const collection_name = 'c';
const rowOf = (id: number, copy: number) => ({ id, copy, vector: vectorOf(id * 10 + copy) });
/** Keys of one way to write them: those behind its `base`. */
const copies = (base: number, all: readonly number[]) =>
  all.flatMap((copy) => Array.from({ length: KEYS }, (_, at) => rowOf(base + at, copy)));
const insert = (base: number, ...all: number[]) =>
  mustSucceed(client.insert({ collection_name, data: copies(base, all) }));
const upsert = (base: number, ...all: number[]) =>
  mustSucceed(client.upsert({ collection_name, data: copies(base, all) }));
/** Over REST v2, one request. */
async function post(call: 'insert' | 'upsert', base: number, ...all: number[]): Promise<void> {
  const answer = await fetch(`http://${database.address}/v2/vectordb/entities/${call}`, {
    method: 'POST',
    body: JSON.stringify({ collectionName: collection_name, data: copies(base, all) }),
  });
  expect(await answer.json()).toMatchObject({ code: 0 });
}
/** In the process, one request. */
async function insertHere(base: number, ...all: number[]): Promise<void> {
  const rows = copies(base, all);
  const transport = database.transport({});
  const { status } = await transport.call(
    'insert',
    InsertRequest.fromPartial({
      ...{ collectionName: collection_name, numRows: rows.length },
      fieldsData: [
        longs(
          'id',
          rows.map(({ id }) => BigInt(id)),
        ),
        ints(
          'copy',
          ProtoType.Int32,
          rows.map(({ copy }) => copy),
        ),
        {
          ...vectors(
            rows.flatMap(({ vector }) => vector),
            8n,
          ),
          fieldName: 'vector',
        },
      ],
    }),
    {},
  );
  expect(status?.reason ?? '').toBe('');
  await transport.close();
}
const flush = () => mustSucceed(client.flushSync({ collection_names: [collection_name] }));
async function importFiles(base: number, ...files: number[][]): Promise<void> {
  const keys: string[] = [];
  for (const [at, all] of files.entries()) {
    const key = `in/${base}-${at}-${all.join('-')}.json`;
    await mkdir(join(folder.path, 'objects/in'), { recursive: true });
    await writeFile(join(folder.path, 'objects', key), JSON.stringify(copies(base, all)));
    keys.push(key);
  }
  const { tasks, status } = await client.bulkInsert({ collection_name, files: keys });
  expect(status.reason).toBe('');
  await until('the import ends', async () => {
    const { state, infos } = await client.getImportState({ task: Number(tasks[0]) });
    if (state === 'ImportFailed') throw new Error(JSON.stringify(infos));
    return state === 'ImportCompleted' ? true : undefined;
  });
}

/** What writes the copies, the last of them copy 9; and how many rows count then. */
const ways: Readonly<Record<string, readonly [write: (base: number) => Promise<unknown>, counted: number]>> =
  {
    inserted_at_once: [(base) => insert(base, 1, 2, newest), 3],
    inserted_apart: [(base) => insert(base, 1).then(() => insert(base, newest)), 2],
    inserted_into_files: [
      async (base) => {
        for (const copy of [1, 2, newest]) {
          await insert(base, copy);
          await flush();
        }
      },
      3,
    ],
    inserted_over_files: [
      async (base) => {
        await insert(base, 1, 2);
        await flush();
        await insert(base, newest);
      },
      3,
    ],
    upserted_at_once: [(base) => upsert(base, 1, 2, newest), 1],
    upserted_over: [
      async (base) => {
        await insert(base, 1, 2);
        await flush();
        await upsert(base, 3, newest);
      },
      1,
    ],
    inserted_over_rest: [(base) => post('insert', base, 1, 2, newest), 3],
    upserted_over_rest: [(base) => post('insert', base, 1).then(() => post('upsert', base, 2, newest)), 1],
    inserted_in_process: [(base) => insertHere(base, 1, 2, newest), 3],
    imported_in_one_file: [(base) => importFiles(base, [1, 2, newest]), 1],
    imported_in_files: [(base) => importFiles(base, [1], [2], [newest]), 1],
    imported_over: [
      async (base) => {
        await insert(base, 1);
        await flush();
        await insert(base, 2);
        await importFiles(base, [newest]);
      },
      3,
    ],
    inserted_over_an_import: [
      async (base) => {
        await importFiles(base, [1]);
        await insert(base, newest);
      },
      2,
    ],
    upserted_over_an_import: [
      async (base) => {
        await importFiles(base, [1], [2]);
        await upsert(base, newest);
      },
      1,
    ],
  };

const each = Object.entries(ways).map(([name, [write, counted]], at) => ({
  name,
  write,
  counted,
  base: at * 100,
}));
const all = each.flatMap(({ base }) => Array.from({ length: KEYS }, (_, at) => [base + at, newest]));

async function expectNewest(): Promise<void> {
  const shown = (rows: readonly object[]) =>
    (rows as { id: string; copy: number }[]).map(({ id, copy }) => [Number(id), copy]);
  const sorted = (rows: number[][]) => rows.sort(([a = 0], [b = 0]) => a - b);
  const output = { collection_name, output_fields: ['id', 'copy'] };
  const query = async (filter: string) => {
    const { data, status } = await client.query({ ...output, filter, limit: 1000 });
    expect(status.reason).toBe('');
    return shown(data);
  };
  expect(await query('id >= 0'), 'query').toEqual(all);
  expect(await query('copy == 1'), 'query for what was replaced').toEqual([]);
  expect(await query('id in [3, 3, 4]'), 'query by keys').toEqual(all.slice(3, 5));
  expect(shown((await client.get({ ...output, ids: [5] })).data), 'get').toEqual([[5, newest]]);
  const data = vectorOf(51);
  const search = async (more: object) => {
    const { results, status } = await client.search({ ...output, data, limit: 1000, ...more });
    expect(status.reason).toBe('');
    return sorted(shown(results as object[]));
  };
  expect(await search({}), 'search').toEqual(all);
  expect(await search({ filter: 'copy == 1' }), 'search for what was replaced').toEqual([]);
  const pages: number[][] = [];
  for await (const page of await client.queryIterator({ ...output, batchSize: 50, expr: 'id >= 0' } as never))
    pages.push(...shown(page));
  expect(pages, 'query iterator').toEqual(all);
  const hits: number[][] = [];
  const asked = { ...output, data, batchSize: 50, limit: 1000 };
  for await (const page of await client.searchIterator(asked as never)) hits.push(...shown(page as object[]));
  expect(sorted(hits), 'search iterator').toEqual(all);
  for (const { name, base, counted } of each) {
    const { data: count } = await client.count({
      collection_name,
      expr: `id >= ${base} and id < ${base + KEYS}`,
    });
    expect([name, count]).toEqual([name, KEYS * counted]);
    const keys = `id in [${base + 3}, ${base + 3}, ${base + 4}]`;
    expect([name, (await client.count({ collection_name, expr: keys })).data]).toEqual([name, 2 * counted]);
  }
}

describe('PK semantics: rows of one key', () => {
  beforeAll(async () => {
    folder = await tempFolder();
    await start();
    await createLoaded(client, collection_name, {
      ...{ shards: 2, fields: [{ name: 'copy', data_type: DataType.Int32 }] },
    });
    for (const { write, base } of each) await write(base);
  }, 60_000);
  afterAll(async () => {
    await stop();
    await folder.remove();
  });

  test('are one, the newest, in memory and in files', expectNewest);

  test('after a restart', async () => {
    await stop();
    await start();
    await expectNewest();
  });

  test('in files, and compacted', async () => {
    await flush();
    await expectNewest();
    const { compactionID } = await client.compact({ collection_name });
    await until('the compaction ends', async () => {
      const { state } = await client.getCompactionState({ compactionID });
      return String(state) === 'Completed' ? true : undefined;
    });
    await expectNewest();
  });

  test('go with one delete, and are one row after one upsert', async () => {
    const keys = each.map(({ base }) => base);
    await mustSucceed(client.delete({ collection_name, ids: keys.map((base) => base + 3) }));
    await mustSucceed(client.upsert({ collection_name, data: keys.map((base) => rowOf(base + 4, 50)) }));
    const named = `id in [${keys.flatMap((base) => [base + 3, base + 4])}]`;
    const { data } = await client.query({ collection_name, filter: named, output_fields: ['id', 'copy'] });
    expect(data).toMatchObject(keys.map((base) => ({ id: String(base + 4), copy: 50 })));
    expect((await client.count({ collection_name, expr: named })).data).toBe(keys.length);
  });
});
