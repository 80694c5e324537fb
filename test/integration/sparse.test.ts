// Sparse vectors through the Node SDK: every form of row it sends, index, search with its parameters, filters, deletes, upserts, files,
// a restart, and rows read back.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import {
  connect,
  keyField,
  mustSucceed,
  randomOf,
  tempFolder,
  until,
  vectorField,
  vectorOf,
} from './support.js';

type Sparse = Record<string, number>;
const name = 'texts';
/** Multiples of 1/8: sums are exact in any order. */
function sparseOf(seed: number): Sparse {
  const next = randomOf(seed * 31 + 7);
  const below = (count: number): number => Math.floor(((next() + 1) / 2) * count);
  return Object.fromEntries(
    Array.from({ length: 1 + below(12) }, () => [below(300) ** 2 * 40_000, (1 + below(16)) / 8]),
  );
}

function bruteForce(query: Sparse, rows: ReadonlyMap<number, Sparse>, limit: number) {
  return [...rows]
    .map(([id, row]) => ({
      id,
      score: Object.entries(query).reduce((sum, [index, weight]) => sum + weight * (row[index] ?? 0), 0),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.id - b.id)
    .slice(0, limit);
}

async function searchOf(client: MilvusClient, query: Sparse, more: object = {}) {
  const answer = await client.search({
    collection_name: name,
    data: [query],
    anns_field: 'sparse',
    limit: 20,
    ...more,
  } as never);
  if (answer.status.code !== 0) throw new Error(answer.status.reason);
  const results = answer.results as unknown as readonly { id: string; score: number }[];
  return results.map(({ id, score }) => ({ id: Number(id), score }));
}

async function create(client: MilvusClient, indexParams: object): Promise<void> {
  const fields = [keyField, { name: 'sparse', data_type: DataType.SparseFloatVector }];
  await mustSucceed(client.createCollection({ collection_name: name, fields } as never));
  await mustSucceed(
    client.createIndex({ collection_name: name, field_name: 'sparse', ...indexParams } as never),
  );
  await mustSucceed(client.loadCollection({ collection_name: name }));
}

describe('sparse vectors', () => {
  test.each([
    {
      index_type: 'SPARSE_INVERTED_INDEX',
      metric_type: 'IP',
      params: { inverted_index_algo: 'DAAT_MAXSCORE' },
    },
    { index_type: 'SPARSE_WAND', metric_type: 'IP', params: { drop_ratio_build: 0.2 } },
    { index_type: 'SPARSE_INVERTED_INDEX', params: { inverted_index_algo: 'BLOCK_MAX_WAND' } },
    { index_type: 'AUTOINDEX' },
  ])('live through inserts, deletes, flush and a restart: $index_type $params', async (indexParams) => {
    const folder = await tempFolder();
    let database = await open(folder.path, { logLevel: 'error' });
    let client = await connect(database.address);
    const rows = new Map<number, Sparse>();
    const check = async (): Promise<void> => {
      for (let seed = 0; seed < 5; seed++) {
        const query = sparseOf(1_000_000 + seed);
        expect(await searchOf(client, query)).toEqual(bruteForce(query, rows, 20));
      }
      const query = sparseOf(1_000_009);
      const all = bruteForce(query, rows, 99_999);
      expect(await searchOf(client, query, { params: { radius: 1, range_filter: 4 } })).toEqual(
        all.filter(({ score }) => score > 1 && score <= 4).slice(0, 20),
      );
      const ids = all.slice(3, 30).map(({ id }) => id);
      expect(await searchOf(client, query, { filter: `id in [${ids.join()}]` })).toEqual(all.slice(3, 23));
      const dropped = await searchOf(client, query, { params: { drop_ratio_search: 0.3 } });
      const scores = new Map(all.map(({ id, score }) => [id, score]));
      expect(dropped.map(({ id }) => scores.get(id))).toEqual(dropped.map(({ score }) => score));
      const got = await client.query({
        collection_name: name,
        filter: `id in [1, 2, 1500]`,
        output_fields: ['id', 'sparse'],
      });
      expect(new Map(got.data.map((row) => [Number(row.id), row.sparse]))).toEqual(
        new Map(
          [1, 2, 1500].flatMap((id) => (rows.has(id) ? [[id, rows.get(id)]] : [])) as [number, Sparse][],
        ),
      );
    };
    /** Only an index uses drop_ratio_search, so hits that are missing show that it is searched. */
    const usesIndex = async (): Promise<void> => {
      if (indexParams.index_type === 'AUTOINDEX') return;
      const query = { ...sparseOf(1_000_009), 77: 9 };
      await until('a search through the index', async () => {
        const dropped = await searchOf(client, query, { params: { drop_ratio_search: 0.95 } });
        return dropped.length < bruteForce(query, rows, 20).length ? true : undefined;
      });
    };
    const insert = async (begin: number, end: number): Promise<void> => {
      const data = Array.from({ length: end - begin }, (_, at) => ({
        id: begin + at,
        sparse: sparseOf(begin + at),
      }));
      await mustSucceed(client.insert({ collection_name: name, data }));
      for (const { id, sparse } of data) rows.set(id, sparse);
    };
    try {
      await create(client, indexParams);
      await insert(0, 800);
      await check();
      await insert(800, 2000);
      await mustSucceed(client.delete({ collection_name: name, ids: [2, 5, 700] }));
      for (const id of [2, 5, 700]) rows.delete(id);
      await mustSucceed(client.upsert({ collection_name: name, data: [{ id: 1, sparse: { 7: 1.5 } }] }));
      rows.set(1, { 7: 1.5 });
      await check();
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      await until('index', async () => {
        const [index] = (await client.describeIndex({ collection_name: name })).index_descriptions;
        return index?.state === 'Finished' && Number(index.indexed_rows) === Number(index.total_rows)
          ? index
          : undefined;
      });
      await usesIndex();
      await check();
      await insert(2000, 2200);
      await mustSucceed(client.delete({ collection_name: name, ids: [9] }));
      rows.delete(9);
      await check();
      await client.closeConnection();
      await database.close();
      database = await open(folder.path, { logLevel: 'error' });
      client = await connect(database.address);
      await check();
      await usesIndex();
    } finally {
      await client.closeConnection();
      await database.close();
      await folder.remove();
    }
  });

  test('in all forms of rows, several queries at once, empty rows, and what is refused', async () => {
    const database = await open(undefined, { logLevel: 'error' });
    const client = await connect(database.address);
    try {
      await create(client, { index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'IP' });
      const data = [
        { id: 1, sparse: { 3: 1, 9: 0.5 } },
        { id: 2, sparse: { indices: [3, 4294967294], values: [2, 1] } },
        { id: 3, sparse: [{ index: 9, value: 4 }] },
        { id: 4, sparse: [undefined, 0.25, undefined, 3] },
        { id: 5, sparse: {} },
      ];
      await mustSucceed(client.insert({ collection_name: name, data } as never));
      expect(await searchOf(client, { 3: 2 })).toEqual([
        { id: 4, score: 6 },
        { id: 2, score: 4 },
        { id: 1, score: 2 },
      ]);
      const two = await client.search({
        collection_name: name,
        data: [{ 9: 1 }, { 4294967294: 1 }, { 55: 1 }],
        limit: 3,
      } as never);
      const lists = two.results as unknown as { id: string }[][];
      expect(lists.map((hits) => hits.map(({ id }) => id))).toEqual([['3', '1'], ['2'], []]);
      const all = await client.query({
        collection_name: name,
        filter: '',
        limit: 10,
        output_fields: ['sparse'],
      });
      expect(all.data.map((row) => row.sparse)).toEqual([
        { 3: 1, 9: 0.5 },
        { 3: 2, 4294967294: 1 },
        { 9: 4 },
        { 1: 0.25, 3: 3 },
        {},
      ]);

      const bad = async (sparse: object) =>
        (await client.insert({ collection_name: name, data: [{ id: 9, sparse }] } as never)).status;
      expect((await bad({ 3: -1 })).reason).toContain('negative value');
      expect((await bad({ indices: [5, 4], values: [1, 1] })).reason).toContain('unsorted');
      const refused = async (more: object) =>
        searchOf(client, { 3: 1 }, more).then(String, (error: Error) => error.message);
      expect(await refused({ metric_type: 'L2' })).toContain('metric type not match');
      expect(await refused({ params: { drop_ratio_search: 1 } })).toContain('drop_ratio_search');
      expect(await searchOf(client, { 3: 1 })).toHaveLength(3);
    } finally {
      await client.closeConnection();
      await database.close();
    }
  });

  test('beside a dense field, with nulls, from growing rows and files', async () => {
    const database = await open(undefined, { logLevel: 'error' });
    const client = await connect(database.address);
    try {
      const sparse = { name: 'sparse', data_type: DataType.SparseFloatVector, nullable: true };
      await mustSucceed(
        client.createCollection({ collection_name: name, fields: [keyField, vectorField, sparse] } as never),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'L2',
        }),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'sparse',
          index_type: 'SPARSE_INVERTED_INDEX',
        } as never),
      );
      await mustSucceed(client.loadCollection({ collection_name: name }));
      const rows = Array.from({ length: 1500 }, (_, id) => ({
        id,
        vector: vectorOf(id),
        sparse: id % 3 === 0 ? null : sparseOf(id),
      }));
      const known = new Map(
        rows.flatMap(({ id, sparse: row }) => (row === null ? [] : [[id, row] as const])),
      );
      await mustSucceed(client.insert({ collection_name: name, data: rows } as never));
      const check = async (): Promise<void> => {
        for (const seed of [5, 50, 500]) {
          expect(await searchOf(client, sparseOf(seed))).toEqual(bruteForce(sparseOf(seed), known, 20));
        }
        const near = await client.search({
          collection_name: name,
          data: [vectorOf(9)],
          anns_field: 'vector',
          limit: 1,
          output_fields: ['id', 'sparse'],
        });
        expect(near.results[0]).toMatchObject({ id: '9', sparse: null });
        const got = await client.query({
          collection_name: name,
          filter: 'id in [6, 7, 8]',
          output_fields: ['sparse'],
        });
        expect(got.data.map((row) => row.sparse)).toEqual([null, known.get(7), known.get(8)]);
      };
      await check();
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      await check();
      await mustSucceed(
        client.insert({ collection_name: name, data: [{ id: 5000, vector: vectorOf(1), sparse: { 1: 8 } }] }),
      );
      known.set(5000, { 1: 8 });
      await check();
      expect(await searchOf(client, { 1: 1 }, { limit: 1 })).toEqual([{ id: 5000, score: 8 }]);
    } finally {
      await client.closeConnection();
      await database.close();
    }
  });
});
