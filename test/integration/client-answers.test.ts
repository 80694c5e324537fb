// Answers are whole and in range, through the Node SDK: several rows of a key, the edges of a range, bounds on the size of an answer, and what a
// search sees right after a release or a drop.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import {
  connect,
  createLoaded,
  failureOf,
  insertRange,
  keyField,
  mustSucceed,
  openWorld,
  tempFolder,
  until,
  vectorField,
  vectorOf,
  type World,
} from './support.js';

const KEYS = 40;
const COPIES = 5;
const copyField = { name: 'copy', data_type: DataType.Int32 } as const;
/** The later a copy, the farther from the origin; copies of one key lie apart. */
const placeOf = (id: number, copy: number): number[] => [id + copy * 100, 0, 0, 0, 0, 0, 0, 0];
const copiesOf = (copy: number) =>
  Array.from({ length: KEYS }, (_, id) => ({ id, copy, vector: placeOf(id, copy) }));
const idsOf = (rows: readonly object[]): number[] => rows.map((row) => Number((row as { id?: unknown }).id));

describe('several rows of one key', () => {
  const ways: Record<string, (client: MilvusClient, name: string) => Promise<void>> = {
    one_insert: (client, name) =>
      insert(client, name, Array.from({ length: COPIES }, (_, copy) => copiesOf(copy)).flat()),
    inserts: async (client, name) => {
      for (let copy = 0; copy < COPIES; copy++) await insert(client, name, copiesOf(copy));
    },
    flushed_between: async (client, name) => {
      for (let copy = 0; copy < COPIES; copy++) {
        await insert(client, name, copiesOf(copy));
        if (copy < COPIES - 1) await mustSucceed(client.flushSync({ collection_names: [name] }));
      }
    },
    in_files: async (client, name) => {
      for (let copy = 0; copy < COPIES; copy++) {
        await insert(client, name, copiesOf(copy));
        await mustSucceed(client.flushSync({ collection_names: [name] }));
      }
    },
    partitions: async (client, name) => {
      // The newest copies are in files of another partition than the older ones, which still grow.
      await mustSucceed(client.createPartition({ collection_name: name, partition_name: 'other' }));
      await mustSucceed(client.loadPartitions({ collection_name: name, partition_names: ['other'] }));
      for (let copy = 0; copy < COPIES - 1; copy++) await insert(client, name, copiesOf(copy));
      await insert(client, name, copiesOf(COPIES - 1), 'other');
    },
  };
  async function insert(
    client: MilvusClient,
    name: string,
    data: object[],
    partition?: string,
  ): Promise<void> {
    await mustSucceed(
      client.insert({
        collection_name: name,
        data: data as { id: number; vector: number[] }[],
        ...(partition !== undefined && { partition_name: partition }),
      }),
    );
  }
  async function check(client: MilvusClient, name: string): Promise<void> {
    const newest = COPIES - 1;
    // Copies before the newest lie nearer to this query than all but the newest of the first keys.
    const query = placeOf(0, 0);
    const search = async (more: object) => {
      const found = await client.search({
        collection_name: name,
        data: [query],
        limit: 10,
        output_fields: ['id', 'copy'],
        ...more,
      });
      await mustSucceed(Promise.resolve(found));
      return found.results as unknown as { id: string; copy: number }[];
    };
    const pages: number[] = [];
    for (let offset = 0; offset <= KEYS; offset += 15) {
      const page = await client.query({
        collection_name: name,
        limit: 15,
        offset,
        output_fields: ['id', 'copy'],
      });
      pages.push(...idsOf(page.data));
      expect(page.data.every((row) => row.copy === newest)).toBe(true);
    }
    expect(pages).toEqual(Array.from({ length: KEYS }, (_, id) => id));
    const found: number[] = [];
    for (let offset = 0; offset < KEYS; offset += 10) {
      const page = await search({ offset });
      expect(page.map(({ copy }) => copy)).toEqual(page.map(() => newest));
      found.push(...idsOf(page));
    }
    expect(found).toEqual(Array.from({ length: KEYS }, (_, id) => id));
    // Nothing but old copies lies in this ring.
    expect(await search({ params: { radius: 150 ** 2, range_filter: 0 } })).toEqual([]);
    const many = await client.search({
      collection_name: name,
      data: [query, placeOf(7, newest)],
      limit: KEYS,
    });
    expect((many.results as unknown as object[][]).map((hits) => new Set(idsOf(hits)).size)).toEqual([
      KEYS,
      KEYS,
    ]);
    const got = await client.get({ collection_name: name, ids: [3, 8], output_fields: ['copy'] });
    expect(got.data.map(({ copy }) => copy)).toEqual([newest, newest]);
    const count = async (filter?: string) => {
      const answer = await client.query({
        collection_name: name,
        output_fields: ['count(*)'],
        ...(filter !== undefined && { filter }),
      });
      return Number(answer.data[0]?.['count(*)']);
    };
    expect([await count(), await count('id in [3, 8]'), await count('id not in [3]')]).toEqual([
      KEYS * COPIES,
      2 * COPIES,
      (KEYS - 1) * COPIES,
    ]);
  }
  test('are one, the newest, on every path; an upsert or delete takes all', async () => {
    const folder = await tempFolder();
    let database = await open(folder.path, { logLevel: 'error' });
    let client = await connect(database.address);
    for (const [name, write] of Object.entries(ways)) {
      await createLoaded(client, name, { shards: 2, fields: [copyField] });
      await write(client, name);
      await check(client, name);
    }
    await client.closeConnection();
    await database.close();
    database = await open(folder.path, { logLevel: 'error' });
    client = await connect(database.address);
    for (const name of Object.keys(ways)) await check(client, name);
    for (const name of Object.keys(ways)) {
      await mustSucceed(client.delete({ collection_name: name, ids: [0] }));
      await mustSucceed(
        client.upsert({
          collection_name: name,
          data: [1, 1, 2].map((id, at) => ({ id, copy: 50 + at, vector: placeOf(id, 0) })),
        }),
      );
      const { data } = await client.query({
        collection_name: name,
        filter: 'id in [0, 1, 2]',
        output_fields: ['copy'],
      });
      expect(new Map(data.map((row) => [Number(row.id), row.copy]))).toEqual(
        new Map([
          [1, 51],
          [2, 52],
        ]),
      );
    }
    await client.closeConnection();
    await database.close();
    await folder.remove();
  });
});

describe('answers', () => {
  let world: World;
  let client: MilvusClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    client = world.client;
  });
  afterAll(() => world.close());

  test('of a deep page hold its own rows: those before it may be too large for an answer', async () => {
    const name = 'wide';
    await createLoaded(client, name, {
      shards: 1,
      fields: [{ name: 'text', data_type: DataType.VarChar, max_length: 65_535 }],
    });
    for (let part = 0; part < 4; part++) {
      const rows = Array.from({ length: 450 }, (_, at) => {
        const id = at * 4 + part;
        return { id, text: `${id} `.padEnd(61_000, '.'), vector: placeOf(id, 0) };
      });
      await mustSucceed(client.insert({ collection_name: name, data: rows }));
      if (part === 3) await mustSucceed(client.flushSync({ collection_names: [name] }));
    }
    const page = await client.query({
      collection_name: name,
      limit: 3,
      offset: 1790,
      output_fields: ['text'],
    });
    expect([page.status.reason, page.data.map(({ text }) => Number.parseInt(String(text), 10))]).toEqual([
      '',
      [1790, 1791, 1792],
    ]);
    const whole = await client.query({
      collection_name: name,
      limit: 1780,
      offset: 10,
      output_fields: ['text'],
    });
    expect(whole.status.reason).toContain('query results exceed the maxOutputSize');
  });
  test('of a cosine up to 1 have the row itself, growing and in files', async () => {
    for (const [data_type, index_type] of [
      [DataType.FloatVector, 'FLAT'],
      [DataType.FloatVector, 'IVF_FLAT'],
      [DataType.Float16Vector, 'HNSW'],
      [DataType.BFloat16Vector, 'FLAT'],
    ] as const) {
      const name = `cosine_${data_type}_${index_type}`;
      const vector = { name: 'vector', data_type, dim: 100 };
      await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vector] }));
      const params = { nlist: 8, M: 8, efConstruction: 64 };
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type,
          metric_type: 'COSINE',
          params,
        }),
      );
      await mustSucceed(client.loadCollection({ collection_name: name }));
      const vectors = Array.from({ length: 1200 }, (_, id) =>
        vectorOf(id, 100).map((value) => Math.fround(value * (id % 3 ? 1 : 1000))),
      );
      await mustSucceed(
        client.insert({ collection_name: name, data: vectors.map((vector, id) => ({ id, vector })) }),
      );
      for (const place of ['growing', 'in files']) {
        if (place === 'in files') await mustSucceed(client.flushSync({ collection_names: [name] }));
        const data = vectors.slice(0, 300);
        const search = async (more: object) =>
          (
            await client.search({
              collection_name: name,
              data,
              limit: 1,
              params: { nprobe: 8, ef: 64, ...more },
            })
          ).results as unknown as {
            score: number;
          }[][];
        const scores = (await search({})).flat().map(({ score }) => score);
        expect([scores.length, Math.max(...scores) <= 1]).toEqual([300, true]);
        expect((await search({ radius: 0.6, range_filter: 1 })).filter((hits) => hits.length === 0)).toEqual(
          [],
        );
      }
    }
  });
  test('have bounds on their entries and on their bytes', async () => {
    const name = 'bounds';
    const vector = { ...vectorField, dim: 16_384 };
    await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vector] }));
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: name }));
    const large = new Array<number>(16_384).fill(0);
    await mustSucceed(
      client.insert({
        collection_name: name,
        data: Array.from({ length: 60 }, (_, id) => ({ id, vector: [id, ...large.slice(1)] })),
      }),
    );
    const small = { ...vectorField, name: 'vector' };
    await mustSucceed(client.createCollection({ collection_name: 'small', fields: [keyField, small] }));
    await mustSucceed(
      client.createIndex({
        collection_name: 'small',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: 'small' }));
    const many = Array.from({ length: 65 }, () => vectorOf(1));
    expect(
      await failureOf(() => client.search({ collection_name: 'small', data: many, limit: 16_384 })),
    ).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('number of result entries is too large'),
    });
    const ask = (nq: number) =>
      client.search({
        collection_name: name,
        data: Array.from({ length: nq }, () => large),
        limit: 60,
        output_fields: ['vector'],
      });
    expect((await ask(2)).results).toHaveLength(2);
    expect(await failureOf(() => ask(30))).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('search results exceed the maxOutputSize Limit 104857600'),
    });
  });
  test('have nothing of a partition that was released or dropped', async () => {
    const name = 'partitions';
    await createLoaded(client, name, { shards: 2 });
    for (const partition of ['a', 'b', 'c']) {
      await mustSucceed(client.createPartition({ collection_name: name, partition_name: partition }));
      await mustSucceed(client.loadPartitions({ collection_name: name, partition_names: [partition] }));
    }
    const first = { a: 0, b: 100, c: 200 };
    for (const [partition, begin] of Object.entries(first))
      await insertRange(client, name, begin, begin + 50, undefined, partition);
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    for (const [partition, begin] of Object.entries(first))
      await insertRange(client, name, begin + 50, begin + 100, undefined, partition);
    const seen = async () => {
      const [found, queried] = await Promise.all([
        client.search({ collection_name: name, data: [vectorOf(1)], limit: 1000 }),
        client.query({ collection_name: name, limit: 1000, output_fields: ['id'] }),
      ]);
      await mustSucceed(Promise.resolve(found));
      await mustSucceed(Promise.resolve(queried));
      const hundreds = (rows: readonly object[]) =>
        [...new Set(idsOf(rows).map((id) => Math.floor(id / 100)))].sort();
      expect(hundreds(found.results)).toEqual(hundreds(queried.data));
      return hundreds(queried.data);
    };
    for (let round = 0; round < 8; round++) {
      expect(await seen()).toEqual([0, 1, 2]);
      await mustSucceed(client.releasePartitions({ collection_name: name, partition_names: ['b'] }));
      expect(await seen()).toEqual([0, 2]);
      const named = () =>
        client.search({ collection_name: name, data: [vectorOf(1)], limit: 5, partition_names: ['b'] });
      expect(await failureOf(named)).toMatchObject({
        code: 101,
        reason: expect.stringContaining('partition not loaded'),
      });
      await mustSucceed(client.loadPartitions({ collection_name: name, partition_names: ['b'] }));
    }
    await mustSucceed(client.releasePartitions({ collection_name: name, partition_names: ['c'] }));
    await mustSucceed(client.dropPartition({ collection_name: name, partition_name: 'c' }));
    expect(await seen()).toEqual([0, 1]);
    await until('all are loaded again', async () => ((await seen()).length === 2 ? true : undefined));
  });
});
