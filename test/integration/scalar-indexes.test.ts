// Indexes of scalar fields through the Milvus client: created, described, used, dropped, kept over a restart, and built again when damaged.
// Whatever filter is asked, the answer is that of the columns.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import { connect, keyField, mustSucceed, tempFolder, until, vectorOf } from './support.js';

const ROWS = 3000;
const colours = ['red', 'green', 'blue', 'grey', 'pale green'];
const rowOf = (id: number) => ({
  id,
  vector: vectorOf(id),
  age: id % 11 === 0 ? null : (id * 7919) % 1000,
  price: (id % 500) / 4,
  colour: colours[id % colours.length] as string,
  title: `title ${(id * 31) % 977} of ${colours[(id * 7) % 5]}`,
  ok: id % 50 === 0,
  tags: [`t${id % 100}`, `u${id % 3}`],
  scores: [id % 40, id % 41],
  doc: {
    kind: `k${id % 60}`,
    n: { deep: id % 300 },
    list: [id % 9, id % 10],
    size: id % 2 ? id % 50 : `${id % 50}`,
  },
  at: new Date(1_700_000_000_000 + id * 60_000).toISOString(),
  place: `POINT (${(id % 180) - 90} ${((id * 7) % 89) - 44})`,
  shade: `s${id % 70}`,
});

const varChar = { data_type: DataType.VarChar, max_length: 100 };
const fields = [
  keyField,
  { name: 'vector', data_type: DataType.FloatVector, dim: 8 },
  { name: 'age', data_type: DataType.Int32, nullable: true },
  { name: 'price', data_type: DataType.Double },
  { name: 'colour', ...varChar },
  { name: 'title', ...varChar },
  { name: 'ok', data_type: DataType.Bool },
  {
    name: 'tags',
    data_type: DataType.Array,
    element_type: DataType.VarChar,
    max_capacity: 8,
    max_length: 20,
  },
  { name: 'scores', data_type: DataType.Array, element_type: DataType.Int64, max_capacity: 8 },
  { name: 'doc', data_type: DataType.JSON },
  { name: 'at', data_type: DataType.Timestamptz },
  { name: 'place', data_type: DataType.Geometry },
];
const indexes: readonly {
  readonly field_name: string;
  readonly index_type: string;
  readonly index_name?: string;
  readonly params?: Record<string, string>;
}[] = [
  { field_name: 'id', index_type: 'STL_SORT' },
  { field_name: 'age', index_type: 'STL_SORT' },
  { field_name: 'price', index_type: 'INVERTED' },
  { field_name: 'colour', index_type: 'BITMAP' },
  { field_name: 'title', index_type: 'NGRAM', params: { min_gram: '2', max_gram: '3' } },
  { field_name: 'ok', index_type: 'AUTOINDEX' },
  { field_name: 'tags', index_type: 'INVERTED' },
  { field_name: 'scores', index_type: 'BITMAP' },
  {
    field_name: 'doc',
    index_type: 'INVERTED',
    index_name: 'kind',
    params: { json_path: 'doc["kind"]', json_cast_type: 'varchar' },
  },
  {
    field_name: 'doc',
    index_type: 'INVERTED',
    index_name: 'deep',
    params: { json_path: 'doc["n"]["deep"]', json_cast_type: 'double' },
  },
  {
    field_name: 'doc',
    index_type: 'AUTOINDEX',
    index_name: 'list',
    params: { json_path: 'doc["list"]', json_cast_type: 'array_double' },
  },
  {
    field_name: 'doc',
    index_type: 'AUTOINDEX',
    index_name: 'all',
    params: { json_path: 'doc', json_cast_type: 'JSON' },
  },
  { field_name: 'at', index_type: 'STL_SORT' },
  { field_name: 'place', index_type: 'RTREE' },
  { field_name: 'shade', index_type: 'INVERTED', index_name: 'shade', params: { json_cast_type: 'varchar' } },
];
const filters = [
  'id in [5, 700, 2999, 9999]',
  'id == 5 and age > 3',
  'age == 500',
  'age != 500',
  'not (age > 3)',
  '100 <= age < 120 and colour == "red"',
  'price in [1.25, 2.5] or age == 7',
  'colour like "%green"',
  'colour in ["red", "blue"] and title like "%77 of%"',
  'title like "%le 9_ of p%"',
  'ok',
  'not ok and id < 40',
  'array_contains(tags, "t5")',
  'array_contains_any(scores, [3, 39]) and not array_contains(tags, "u1")',
  'array_contains_all(scores, [3, 4])',
  'doc["kind"] == "k7"',
  'not (doc["kind"] == "k7") and id < 20',
  'doc["n"]["deep"] > 297.5',
  'doc["n"]["deep"] in [1, 2, "x"]',
  'json_contains(doc["list"], 3) and doc["kind"] like "k1%"',
  'doc["size"] == 7',
  'doc["size"] == "8" or doc["size"] in [9, 11]',
  'not (doc["size"] < 30) and id < 300',
  'at < ISO "2023-11-14T23:00:00Z"',
  'st_within(place, "POLYGON ((-10 -10, 10 -10, 10 10, -10 10, -10 -10))")',
  'st_dwithin(place, "POINT (3 3)", 200000)',
  'shade == "s11"',
];

interface Explained {
  readonly tree: unknown;
}

async function answers(client: MilvusClient): Promise<string[]> {
  const found: string[] = [];
  for (const filter of filters) {
    const { data, status } = await client.query({
      collection_name: 'rows',
      filter,
      output_fields: ['id'],
      limit: 5000,
    });
    if (status.error_code !== 'Success') throw new Error(`${filter}: ${status.reason}`);
    found.push(`${filter}: ${data.map(({ id }) => id).join(' ')}`);
  }
  return found;
}

const filesBelow = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((name) => name.endsWith('SCALAR'));

async function allBuilt(client: MilvusClient): Promise<true | undefined> {
  const { index_descriptions } = await client.describeIndex({ collection_name: 'rows' });
  return index_descriptions.every(({ state }) => String(state) === 'Finished') ? true : undefined;
}

const isLoaded = async (client: MilvusClient): Promise<true | undefined> =>
  (await client.getLoadState({ collection_name: 'rows' })).state === 'LoadStateLoaded' ? true : undefined;

describe('scalar indexes through the client', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let database: Awaited<ReturnType<typeof open>>;
  let client: MilvusClient;
  let scanned: string[];

  beforeAll(async () => {
    folder = await tempFolder();
    database = await open(folder.path, { logLevel: 'silent', indexCheckIntervalMs: 300 });
    client = await connect(database.address);
    await mustSucceed(
      client.createCollection({ collection_name: 'rows', fields, enable_dynamic_field: true }),
    );
    const data = Array.from({ length: ROWS }, (_, id) => rowOf(id));
    await mustSucceed(client.insert({ collection_name: 'rows', data }));
    await mustSucceed(
      client.createIndex({
        collection_name: 'rows',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollectionSync({ collection_name: 'rows' }));
    scanned = await answers(client);
    await mustSucceed(client.flushSync({ collection_names: ['rows'] }));
  }, 60_000);

  afterAll(async () => {
    await client.closeConnection();
    await database.close();
    await folder.remove();
  });

  test('are built for every type, described, and change no answer', async () => {
    expect(scanned.filter((line) => line.endsWith(': '))).toEqual([]);
    expect(await answers(client)).toEqual(scanned);
    for (const index of indexes) await mustSucceed(client.createIndex({ collection_name: 'rows', ...index }));
    await until('all are built', () => allBuilt(client));
    expect(await filesBelow(folder.path)).toHaveLength(indexes.length);
    expect(await answers(client)).toEqual(scanned);
    const found = await client.search({
      collection_name: 'rows',
      data: vectorOf(1),
      limit: 3,
      filter: 'colour == "red" and doc["kind"] == "k5" and title =~ "t"',
      params: { explain: true },
    });
    await mustSucceed(Promise.resolve(found));
    const plans = JSON.parse(found.status.extra_info?.['elanus.explain'] ?? '[]') as { filter: Explained }[];
    // `k5` has every id that is 5 modulo 60: 50 of them, all red.
    expect(plans.map(({ filter }) => filter)).toMatchObject([
      {
        rows: ROWS,
        passing: 50,
        scanned: 50,
        tree: {
          and: [
            {
              and: [
                { by: 'INVERTED', asks: 'doc["kind"] ==', estimated: 50, found: 50, exact: true },
                { by: 'BITMAP', asks: 'colour ==', estimated: 600, found: 600, exact: true },
              ],
              estimated: 10,
              found: 50,
            },
            { scan: 'title regex', rows: 50, passing: 50 },
          ],
        },
      },
    ]);
    // No index names this path; the one of the whole document has it, as every row has.
    const size = await client.search({
      ...{ collection_name: 'rows', data: vectorOf(1), limit: 3 },
      ...{ filter: 'doc["size"] == 7', params: { explain: true } },
    });
    expect(JSON.parse(size.status.extra_info?.['elanus.explain'] ?? '[]')).toMatchObject([
      { filter: { passing: 60, scanned: 0, tree: { by: 'AUTOINDEX', found: 60, exact: true } } },
    ]);
    const { index_descriptions } = await client.describeIndex({
      collection_name: 'rows',
      index_name: 'deep',
    });
    expect(index_descriptions).toHaveLength(1);
    expect(index_descriptions[0]).toMatchObject({
      field_name: 'doc',
      indexed_rows: String(ROWS),
      pending_index_rows: '0',
      state: 'Finished',
    });
    const params = Object.fromEntries(
      index_descriptions[0]?.params.map(({ key, value }) => [key, value]) ?? [],
    );
    expect(params).toMatchObject({
      index_type: 'INVERTED',
      'elanus.built_as': 'INVERTED doc["n"]["deep"] as DOUBLE',
    });
    expect(params).not.toHaveProperty('metric_type');
  }, 60_000);

  test('are there again after a restart, also when a file was damaged', async () => {
    await client.closeConnection();
    await database.close();
    for (const name of await filesBelow(folder.path)) {
      const bytes = await readFile(name);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      await writeFile(name, bytes);
    }
    const damaged = await filesBelow(folder.path);
    database = await open(folder.path, { logLevel: 'silent', indexCheckIntervalMs: 300 });
    client = await connect(database.address);
    await until('it serves', () => isLoaded(client));
    expect(await answers(client)).toEqual(scanned);
    await until('other files take the place of the damaged ones', async () => {
      const now = await filesBelow(folder.path);
      return now.length === indexes.length && now.every((name) => !damaged.includes(name)) ? true : undefined;
    });
    expect(await answers(client)).toEqual(scanned);
  }, 60_000);

  test('may be dropped while the collection is loaded', async () => {
    for (const { field_name, index_name } of indexes)
      await mustSucceed(
        client.dropIndex({ collection_name: 'rows', field_name, index_name: index_name ?? field_name }),
      );
    await until('the files are gone', async () =>
      (await filesBelow(folder.path)).length === 0 ? true : undefined,
    );
    expect(await answers(client)).toEqual(scanned);
  }, 60_000);
});
