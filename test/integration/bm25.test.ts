// BM25 through the client: its scores against a slow reckoning over all rows, whatever was inserted, replaced, deleted, flushed, merged or
// opened again before; and every form of search by text.
import { DataType, FunctionType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import {
  connect,
  failureOf,
  keyField,
  mustSucceed,
  openWorld,
  randomOf,
  tempFolder,
  until,
  type World,
} from './support.js';

const name = 'texts';
const K1 = 1.4;
const B = 0.6;

/** Words of a small language; the first ones come often. */
const word = (at: number): string => `w${at}`;
function textOf(seed: number): string {
  const next = randomOf(seed * 131 + 17);
  const below = (count: number): number => Math.floor(((next() + 1) / 2) * count);
  return Array.from({ length: below(20) }, () => word(Math.floor(below(40) ** 2 / 40))).join(' ');
}

interface Row {
  readonly text: string;
  readonly kind: number;
}

/** What a search for the text must find, reckoned from every row, however slow. */
function reckoned(
  rows: ReadonlyMap<number, Row>,
  query: string,
  limit: number,
  passes: (row: Row) => boolean,
) {
  const wordsOf = (text: string): string[] => text.split(' ').filter((one) => one !== '');
  const all = [...rows].map(([id, row]) => ({ id, row, words: wordsOf(row.text) }));
  const mean = all.reduce((sum, { words }) => sum + words.length, 0) / all.length;
  const scored = all.map(({ id, row, words }) => {
    let score = 0;
    for (const asked of wordsOf(query)) {
      const frequency = all.filter((one) => one.words.includes(asked)).length;
      const idf = Math.log(1 + (all.length - frequency + 0.5) / (frequency + 0.5));
      const count = words.filter((one) => one === asked).length;
      score += (idf * count * (K1 + 1)) / (count + K1 * (1 - B + (B * words.length) / mean));
    }
    return { id, row, score };
  });
  return scored
    .filter(({ row, score }) => score > 0 && passes(row))
    .sort((a, b) => b.score - a.score || a.id - b.id)
    .slice(0, limit)
    .map(({ id, score }) => ({ id, score }));
}

async function found(client: MilvusClient, text: string, more: object = {}) {
  const answer = await client.search({
    collection_name: name,
    data: text,
    anns_field: 'sparse',
    limit: 10,
    ...more,
  } as never);
  if (answer.status.code !== 0) throw new Error(answer.status.reason);
  return (answer.results as unknown as { id: string; score: number }[]).map(({ id, score }) => ({
    id: Number(id),
    score,
  }));
}

async function expectScores(
  client: MilvusClient,
  rows: ReadonlyMap<number, Row>,
  seed: number,
): Promise<void> {
  const queries = ['w0', 'w1 w2 w3', 'w5 w5 w9 w30', textOf(seed), 'nothing', '!'];
  for (const query of queries) {
    for (const [filter, passes] of [
      [undefined, () => true],
      ['kind == 1', (row: Row) => row.kind === 1],
    ] as const) {
      const expected = reckoned(rows, query, 10, passes);
      const hits = await found(client, query, filter === undefined ? {} : { filter });
      expect(hits.map(({ score }) => score)).toEqual(expected.map(({ score }) => expect.closeTo(score, 5)));
      // Hits of equal scores may come in any order, but each has its own score.
      const all = new Map(reckoned(rows, query, rows.size, passes).map(({ id, score }) => [id, score]));
      for (const { id, score } of hits) expect(score).toBeCloseTo(all.get(id) ?? -1, 5);
    }
  }
}

const fields = [
  keyField,
  { name: 'text', data_type: DataType.VarChar, max_length: 1000, enable_analyzer: true },
  { name: 'kind', data_type: DataType.Int64 },
  { name: 'sparse', data_type: DataType.SparseFloatVector },
];
const functions = [
  {
    name: 'bm25',
    type: FunctionType.BM25,
    input_field_names: ['text'],
    output_field_names: ['sparse'],
    params: {},
  },
];

async function create(client: MilvusClient, shards: number, more: object[] = []): Promise<void> {
  await mustSucceed(
    client.createCollection({
      collection_name: name,
      fields: [...fields, ...more],
      functions,
      shards_num: shards,
    } as never),
  );
  const index = {
    index_type: 'SPARSE_INVERTED_INDEX',
    metric_type: 'BM25',
    params: { bm25_k1: K1, bm25_b: B, inverted_index_algo: 'DAAT_MAXSCORE' },
  };
  await mustSucceed(client.createIndex({ collection_name: name, field_name: 'sparse', ...index } as never));
}

describe.each([1, 2])('scores over %i shards', (shards) => {
  test('equal a slow reckoning after every change, flush, merge and restart', {
    timeout: 240_000,
  }, async () => {
    const folder = await tempFolder();
    const options = { logLevel: 'error', port: 0 } as const;
    let database: Elanus = await open(folder.path, options);
    let client = await connect(database.address);
    const rows = new Map<number, Row>();
    const put = async (call: 'insert' | 'upsert', ids: readonly number[], seed: number): Promise<void> => {
      const data = ids.map((id) => ({ id, text: textOf(seed + id), kind: id % 3 }));
      await mustSucceed(client[call]({ collection_name: name, data } as never));
      for (const { id, ...row } of data) rows.set(id, row);
    };
    const remove = async (filter: string, gone: (id: number, row: Row) => boolean): Promise<void> => {
      await mustSucceed(client.delete({ collection_name: name, filter }));
      for (const [id, row] of rows) if (gone(id, row)) rows.delete(id);
    };
    const range = (begin: number, end: number): number[] =>
      Array.from({ length: end - begin }, (_, at) => begin + at);
    try {
      await create(client, shards);
      await mustSucceed(client.loadCollection({ collection_name: name }));
      expect(await found(client, 'w1')).toEqual([]);
      await put('insert', range(0, 150), 1);
      await expectScores(client, rows, 1);
      await put('upsert', range(100, 200), 1000);
      await remove('id in [3, 4, 5, 150]', (id) => [3, 4, 5, 150].includes(id));
      await expectScores(client, rows, 2);
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      await expectScores(client, rows, 3);
      await put('upsert', range(50, 120), 2000);
      await put('insert', range(300, 330), 3000);
      await remove('kind == 2 and id < 100', (id, row) => row.kind === 2 && id < 100);
      await expectScores(client, rows, 4);
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      await put('upsert', range(190, 195), 4000);
      await expectScores(client, rows, 5);
      const changed = { collection_name: name, data: [{ id: 7, text: 'w1 w1 rare' }], partial_update: true };
      await mustSucceed(client.upsert(changed as never));
      rows.set(7, { text: 'w1 w1 rare', kind: rows.get(7)?.kind ?? 0 });
      expect(await found(client, 'rare')).toHaveLength(1);
      await expectScores(client, rows, 6);
      await client.closeConnection();
      await database.close();
      database = await open(folder.path, options);
      client = await connect(database.address);
      await mustSucceed(client.loadCollection({ collection_name: name }));
      await until('texts are served', async () => {
        const hits = await found(client, 'rare');
        return hits.length === 1 ? hits : undefined;
      });
      await expectScores(client, rows, 7);
      const { compactionID } = (await client.compact({ collection_name: name })) as unknown as {
        compactionID: string;
      };
      await until('the compaction ends', async () => {
        const { state } = await client.getCompactionState({ compactionID });
        return String(state) === 'Completed' || String(state) === '2' ? state : undefined;
      });
      await expectScores(client, rows, 8);
    } finally {
      await client.closeConnection();
      await database.close();
      await folder.remove();
    }
  });
});

describe('searches by text', () => {
  let world: World;
  const rows = new Map<number, Row & { readonly v: number[] }>();
  beforeAll(async () => {
    world = await openWorld('memory');
    await create(world.client, 2, [{ name: 'v', data_type: DataType.FloatVector, dim: 2 }]);
    await mustSucceed(
      world.client.createIndex({
        collection_name: name,
        field_name: 'v',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(world.client.loadCollection({ collection_name: name }));
    const data = Array.from({ length: 200 }, (_, id) => ({ id, text: textOf(id), kind: id % 4, v: [id, 1] }));
    await mustSucceed(world.client.insert({ collection_name: name, data }));
    for (const { id, ...row } of data) rows.set(id, row);
  });
  afterAll(() => world.close());
  const all = (query: string) => reckoned(rows, query, 200, () => true);

  test('several texts, offsets, ranges', async () => {
    const answer = await world.client.search({
      collection_name: name,
      data: ['w3', 'w4 w7'],
      anns_field: 'sparse',
      limit: 5,
    } as never);
    const lists = answer.results as unknown as { id: string; score: number }[][];
    expect(lists.map((list) => list.map(({ score }) => score))).toEqual(
      ['w3', 'w4 w7'].map((query) =>
        all(query)
          .slice(0, 5)
          .map(({ score }) => expect.closeTo(score, 5)),
      ),
    );
    const expected = all('w3 w4');
    const page = await found(world.client, 'w3 w4', { limit: 7, offset: 4 });
    expect(page.map(({ score }) => score)).toEqual(
      expected.slice(4, 11).map(({ score }) => expect.closeTo(score, 5)),
    );
    const [low, high] = [expected[20]?.score ?? 0, expected[3]?.score ?? 0];
    const inRange = await found(world.client, 'w3 w4', {
      limit: 100,
      params: { radius: low + 1e-4, range_filter: high + 1e-4 },
    });
    expect(inRange).toHaveLength(
      expected.filter(({ score }) => score > low + 1e-4 && score <= high + 1e-4).length,
    );
  });

  test('groups, and pages of an iterator', async () => {
    const groups = await found(world.client, 'w2', { group_by_field: 'kind', limit: 4 });
    const best = [0, 1, 2, 3].map(
      (kind) => reckoned(rows, 'w2', 1, (row) => row.kind === kind)[0]?.score ?? 0,
    );
    expect(groups.map(({ score }) => score)).toEqual(
      best.sort((a, b) => b - a).map((score) => expect.closeTo(score, 5)),
    );
    const iterator = await world.client.searchIterator({
      collection_name: name,
      data: 'w2 w6',
      anns_field: 'sparse',
      batchSize: 9,
      limit: 200,
    } as never);
    const scores: number[] = [];
    for await (const page of iterator as AsyncIterable<{ score: number }[]>)
      for (const { score } of page) scores.push(score);
    expect(scores).toEqual(all('w2 w6').map(({ score }) => expect.closeTo(score, 5)));
  });

  test('hybrid with a dense vector', async () => {
    const answer = await world.client.hybridSearch({
      collection_name: name,
      data: [
        { anns_field: 'sparse', data: 'w3 w8', params: {} },
        { anns_field: 'v', data: [50, 1], params: {} },
      ],
      limit: 5,
      rerank: { strategy: 'rrf', params: { k: 60 } },
      output_fields: ['id', 'text'],
    } as never);
    expect(answer.status.code).toBe(0);
    const ids = (answer.results as unknown as { id: string; text: string }[]).map(({ id }) => Number(id));
    expect(ids).toHaveLength(5);
    expect(ids).toContain(all('w3 w8')[0]?.id);
    expect(ids).toContain(50);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['another metric', () => found(world.client, 'w1', { metric_type: 'IP' }), 'metric type not match'],
    [
      'a name of an analyzer there is not',
      () => found(world.client, 'w1', { params: { analyzer_name: 'x' } }),
      'analyzer "x" is not known',
    ],
    [
      'the raw output',
      () => found(world.client, 'w1', { output_fields: ['sparse'] }),
      'not allowed to retrieve raw data of field sparse',
    ],
    [
      'a text that would hold everything else up',
      () => found(world.client, 'w'.padEnd(1_048_577)),
      'a text of the search has 1048577 characters, expected at most 1048576',
    ],
  ])('%s is refused', async (_, call, reason) => {
    await expect(call()).rejects.toThrow(reason);
  });

  test('an index of another metric is refused, one without a metric is of BM25', async () => {
    await mustSucceed(
      world.client.createCollection({ collection_name: 'other', fields, functions } as never),
    );
    const index = (metric: object) =>
      world.client.createIndex({
        collection_name: 'other',
        field_name: 'sparse',
        index_type: 'SPARSE_INVERTED_INDEX',
        ...metric,
      } as never);
    expect((await failureOf(() => index({ metric_type: 'IP' }))).reason).toContain('only supports BM25');
    await mustSucceed(index({}));
    const { index_descriptions } = await world.client.describeIndex({ collection_name: 'other' });
    expect(index_descriptions[0]?.params).toContainEqual({ key: 'metric_type', value: 'BM25' });
  });
});
