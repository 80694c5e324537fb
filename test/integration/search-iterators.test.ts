// Search iterators through the real client and over the wire: every hit once, best first, whatever the batch, the metric and what is written
// meanwhile; equal scores among them. An index would leave hits out, so the collection has one that is asked by other searches.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSucceed, openWorld, randomOf, type World } from './support.js';

const ROWS = 20_000;
const DIM = 4;
const METRICS = ['L2', 'IP', 'COSINE'] as const;
type Metric = (typeof METRICS)[number];

/** Whole numbers: many rows have the same vector, and more of them the same score. */
function vectorOf(id: number): number[] {
  const next = randomOf(id);
  return Array.from({ length: DIM }, () => 1 + Math.floor((next() + 1) * 4));
}

describe('search iterators', () => {
  let world: World;
  let client: MilvusClient;
  const query = [3, 1, 4, 2];
  beforeAll(async () => {
    world = await openWorld('memory');
    ({ client } = world);
    for (const metric of METRICS) {
      await mustSucceed(
        client.createCollection({
          collection_name: metric,
          fields: [
            { name: 'id', data_type: 'Int64', is_primary_key: true },
            { name: 'vector', data_type: 'FloatVector', dim: DIM },
            { name: 'tag', data_type: 'Int8' },
          ] as never,
          shards_num: metric === 'L2' ? 2 : 1,
        }),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: metric,
          field_name: 'vector',
          index_type: 'HNSW',
          metric_type: metric,
        }),
      );
      await mustSucceed(client.loadCollection({ collection_name: metric }));
      for (let begin = 0; begin < ROWS; begin += 5000) {
        const data = Array.from({ length: 5000 }, (_, at) => ({
          id: begin + at,
          vector: vectorOf(begin + at),
          tag: (begin + at) % 10,
        }));
        await mustSucceed(client.insert({ collection_name: metric, data }));
        if (begin === 5000) await client.flushSync({ collection_names: [metric] });
      }
    }
  }, 120_000);
  afterAll(() => world.close());

  const iterate = async (metric: Metric, batchSize: number, more: object = {}) => {
    const hits: { id: number; score: number }[] = [];
    const sizes: number[] = [];
    const iterator = await client.searchIterator({
      collection_name: metric,
      data: query,
      batchSize,
      output_fields: ['id'],
      ...more,
    } as never);
    for await (const batch of iterator) {
      sizes.push(batch.length);
      for (const { id, score } of batch) hits.push({ id: Number(id), score });
    }
    return { hits, sizes };
  };
  const expectWhole = (
    hits: readonly { id: number; score: number }[],
    metric: Metric,
    count: number,
  ): void => {
    expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length);
    expect(hits.length).toBe(count);
    const sign = metric === 'L2' ? 1 : -1;
    for (let at = 1; at < hits.length; at++)
      expect(sign * ((hits[at]?.score ?? 0) - (hits[at - 1]?.score ?? 0))).toBeGreaterThanOrEqual(0);
  };

  it.each([
    ['L2', 1000],
    ['IP', 777],
    ['COSINE', 16_384],
    ['COSINE', 2500],
  ] as const)('all rows by %s in batches of %i', { timeout: 60_000 }, async (metric, batchSize) => {
    const { hits, sizes } = await iterate(metric, batchSize);
    expectWhole(hits, metric, ROWS);
    // Pages end between scores, so that some have less than was asked for; none has more, as no score has so many rows.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(batchSize);
  });

  it('the best hits of a limit, in batches smaller than the hits of one score', {
    timeout: 60_000,
  }, async () => {
    const { hits } = await iterate('L2', 3, { limit: 200 });
    const scores = Array.from({ length: ROWS }, (_, id) =>
      vectorOf(id).reduce((sum, value, at) => sum + (value - (query[at] ?? 0)) ** 2, 0),
    ).sort((a, b) => a - b);
    expect(hits.map(({ score }) => score)).toEqual(scores.slice(0, 200));
    expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length);
  });

  it('with a filter, in a range', async () => {
    const { hits } = await iterate('L2', 100, { expr: 'tag == 3', params: { radius: 20, range_filter: 4 } });
    const wanted = Array.from({ length: ROWS }, (_, id) => id).filter((id) => {
      const score = vectorOf(id).reduce((sum, value, at) => sum + (value - (query[at] ?? 0)) ** 2, 0);
      return id % 10 === 3 && score >= 4 && score < 20;
    });
    expect(hits.map(({ id }) => id).sort((a, b) => a - b)).toEqual(wanted);
  });

  it('a time that is held, whatever is written and deleted meanwhile', async () => {
    const page = (more: Record<string, unknown>) =>
      client.search({
        collection_name: 'IP',
        data: query,
        limit: 5000,
        output_fields: ['id'],
        params: { iterator: true, search_iter_v2: true, search_iter_batch_size: 5000, ...more },
      } as never);
    const hits: number[] = [];
    let more: Record<string, unknown> = { guarantee_timestamp: 0 };
    for (let round = 0; ; round++) {
      const answer = await page(more);
      expect(answer.status.reason).toBe('');
      const results = answer.results as unknown as { id: string }[];
      if (results.length === 0) break;
      for (const { id } of results) hits.push(Number(id));
      const { token, last_bound } = answer.search_iterator_v2_results ?? {};
      more = {
        search_iter_id: token,
        search_iter_last_bound: last_bound,
        guarantee_timestamp: answer.session_ts,
      };
      if (round > 0) continue;
      await mustSucceed(client.delete({ collection_name: 'IP', filter: 'id in [1, 2, 3]' }));
      await mustSucceed(
        client.upsert({
          collection_name: 'IP',
          data: [
            { id: 4, vector: [9, 9, 9, 9], tag: 1 },
            { id: 77_777, vector: [1, 1, 1, 1], tag: 1 },
          ],
        }),
      );
      await client.flushSync({ collection_names: ['IP'] });
    }
    expect(hits.sort((a, b) => a - b)).toEqual(Array.from({ length: ROWS }, (_, id) => id));
  });

  it('one score with more rows than a search may find', { timeout: 60_000 }, async () => {
    const name = 'same';
    await mustSucceed(
      client.createCollection({
        collection_name: name,
        fields: [
          { name: 'id', data_type: 'Int64', is_primary_key: true },
          { name: 'vector', data_type: 'FloatVector', dim: 2 },
        ] as never,
      }),
    );
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: name }));
    for (let begin = 0; begin < ROWS; begin += 10_000)
      await mustSucceed(
        client.insert({
          collection_name: name,
          data: Array.from({ length: 10_000 }, (_, at) => ({
            id: begin + at,
            vector: [1, begin + at === 7 ? 2 : 1],
          })),
        }),
      );
    const ids: number[] = [];
    const iterator = await client.searchIterator({
      collection_name: name,
      data: [1, 1],
      batchSize: 3000,
      output_fields: ['id'],
    } as never);
    for await (const batch of iterator) for (const { id } of batch) ids.push(Number(id));
    expect(ids.length).toBe(ROWS);
    expect(new Set(ids).size).toBe(ROWS);
    expect(ids.at(-1)).toBe(7);
    // A client that keeps its first token has the rest of the score on its third page.
    const kept: number[] = [];
    const sizes: number[] = [];
    let params: Record<string, unknown> = { guarantee_timestamp: 0 };
    for (;;) {
      const answer = await client.search({
        collection_name: name,
        data: [1, 1],
        limit: 1000,
        output_fields: ['id'],
        params: { iterator: true, search_iter_v2: true, search_iter_batch_size: 1000, ...params },
      } as never);
      expect(answer.status.reason).toBe('');
      const results = answer.results as unknown as { id: string }[];
      if (results.length === 0) break;
      sizes.push(results.length);
      for (const { id } of results) kept.push(Number(id));
      const { token, last_bound } = answer.search_iterator_v2_results ?? {};
      params = {
        search_iter_id: token,
        guarantee_timestamp: answer.session_ts,
        ...params,
        search_iter_last_bound: last_bound,
      };
      if (sizes.length === 1) params = { ...params, guarantee_timestamp: answer.session_ts };
    }
    expect(sizes).toEqual([1000, 1000, 17_999, 1]);
    expect(kept).toEqual(ids);
  });

  it('elements of rows, each once', async () => {
    const name = 'elements';
    const chunks = (id: number) => Array.from({ length: id % 4 }, (_, at) => ({ emb: [id % 9, at] }));
    await mustSucceed(
      client.createCollection({
        collection_name: name,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'vector', data_type: DataType.FloatVector, dim: 2 },
          {
            name: 'chunks',
            data_type: DataType.Array,
            element_type: DataType.Struct,
            max_capacity: 4,
            fields: [{ name: 'emb', data_type: DataType.FloatVector, dim: 2 }],
          },
        ],
      }),
    );
    for (const field_name of ['vector', 'chunks[emb]'])
      await mustSucceed(
        client.createIndex({ collection_name: name, field_name, index_type: 'HNSW', metric_type: 'L2' }),
      );
    await mustSucceed(client.loadCollection({ collection_name: name }));
    const data = Array.from({ length: 600 }, (_, id) => ({ id, vector: [0, 0], chunks: chunks(id) }));
    await mustSucceed(client.insert({ collection_name: name, data: data.slice(0, 400) }));
    await client.flushSync({ collection_names: [name] });
    await mustSucceed(client.insert({ collection_name: name, data: data.slice(400) }));
    const found: string[] = [];
    let params: Record<string, unknown> = { guarantee_timestamp: 0 };
    for (;;) {
      const answer = await client.search({
        collection_name: name,
        anns_field: 'chunks[emb]',
        data: [1, 1],
        limit: 100,
        output_fields: ['id'],
        params: { iterator: true, search_iter_v2: true, search_iter_batch_size: 100, ...params },
      } as never);
      expect(answer.status.reason).toBe('');
      const results = answer.results as unknown as { id: string; offset: string }[];
      if (results.length === 0) break;
      for (const { id, offset } of results) found.push(`${id} ${offset}`);
      const { token, last_bound } = answer.search_iterator_v2_results ?? {};
      params = {
        search_iter_id: token,
        search_iter_last_bound: last_bound,
        guarantee_timestamp: answer.session_ts,
      };
    }
    const wanted = data.flatMap(({ id }) => chunks(id).map((_, at) => `${id} ${at}`));
    expect(found.sort()).toEqual(wanted.sort());
  });

  it('are refused with the reason', async () => {
    const refusals: [object, object, string][] = [
      [{ iterator: true, search_iter_v2: true }, {}, 'batch size is required'],
      [
        { search_iter_v2: true, search_iter_batch_size: 5 },
        {},
        'both iterator and search_iter_v2 must be set',
      ],
      [{ iterator: true, search_iter_v2: true, search_iter_batch_size: 0 }, {}, 'batch size is invalid'],
      [{ iterator: true, search_iter_v2: true, search_iter_batch_size: 16385 }, {}, 'batch size is invalid'],
      [
        { iterator: true, search_iter_v2: true, search_iter_batch_size: 5, search_iter_id: 'x' },
        {},
        'invalid token format',
      ],
      [
        { iterator: true, search_iter_v2: true, search_iter_batch_size: 5 },
        { offset: 3 },
        'Setting an offset is not permitted',
      ],
      [
        { iterator: true, search_iter_v2: true, search_iter_batch_size: 5 },
        { data: [query, query] },
        'a search iterator pages the hits of one vector',
      ],
      [
        { iterator: true, search_iter_v2: true, search_iter_batch_size: 5, collection_id: 12345 },
        {},
        'is not consistent to that in the search context',
      ],
      [
        { iterator: true, search_iter_v2: true, search_iter_batch_size: 5, search_iter_last_bound: 'near' },
        {},
        'expected a number',
      ],
    ];
    for (const [params, more, text] of refusals) {
      const answer = await client.search({
        collection_name: 'L2',
        data: query,
        limit: 5,
        params,
        ...more,
      } as never);
      expect([params, answer.status]).toEqual([
        params,
        expect.objectContaining({ code: 1100, reason: expect.stringContaining(text) }),
      ]);
    }
  });
});
