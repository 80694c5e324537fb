// Searches of the Node SDK beside brute force: metrics, ranges, pages, partitions, ties, several queries; growing rows, rows in files, both.
import { ConsistencyLevelEnum, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SearchRequest, SearchResults } from '#proto/milvus/milvus.js';
import { connectRaw, searchRequest } from './raw-client.js';
import {
  bruteForce,
  createLoaded,
  DIM,
  insertRange,
  type Metric,
  mustSucceed,
  openWorld,
  vectorOf,
  type World,
} from './support.js';

const ROWS = 600;
const places = ['growing', 'in files', 'both, with deletes'] as const;

describe('search', () => {
  let world: World;
  let client: MilvusClient;
  const rowsOf = new Map<string, Map<number, number[]>>();
  const nameOf = (metric: string, place: string): string => `${metric}_${place.replaceAll(/\W+/g, '_')}`;

  /** One collection per metric and place of the rows; two shards. */
  async function prepare(metric: Metric, place: (typeof places)[number]): Promise<void> {
    const name = nameOf(metric, place);
    await createLoaded(client, name, { metric, shards: 2 });
    const rows = new Map<number, number[]>();
    const add = async (begin: number, end: number): Promise<void> => {
      for (const [id, vector] of await insertRange(client, name, begin, end)) rows.set(id, vector);
    };
    await add(0, ROWS / 2);
    if (place !== 'growing') await mustSucceed(client.flushSync({ collection_names: [name] }));
    await add(ROWS / 2, ROWS);
    if (place === 'in files') await mustSucceed(client.flushSync({ collection_names: [name] }));
    if (place === 'both, with deletes') {
      const gone = Array.from({ length: ROWS / 5 }, (_, at) => at * 5);
      await mustSucceed(client.delete({ collection_name: name, ids: gone }));
      for (const id of gone) rows.delete(id);
      const changed = [1, 2, ROWS - 1];
      await mustSucceed(
        client.upsert({
          collection_name: name,
          data: changed.map((id) => ({ id, vector: vectorOf(id + 50_000) })),
        }),
      );
      for (const id of changed) rows.set(id, vectorOf(id + 50_000));
    }
    rowsOf.set(name, rows);
  }
  beforeAll(async () => {
    world = await openWorld('memory');
    client = world.client;
    const metrics: Metric[] = ['L2', 'IP', 'COSINE'];
    await Promise.all(metrics.flatMap((metric) => places.map((place) => prepare(metric, place))));
  });
  afterAll(() => world.close());
  const hitsOf = (results: readonly { id?: unknown; score: number }[]) =>
    results.map(({ id, score }) => ({ id: Number(id), score }));

  describe.each(['L2', 'IP', 'COSINE'] as const)('%s', (metric) => {
    test.each(places)('the best are those of brute force, rows %s', async (place) => {
      const name = nameOf(metric, place);
      const rows = rowsOf.get(name) ?? new Map();
      for (const seed of [1, 9001, 9002, 9003]) {
        const query = vectorOf(seed);
        const expected = bruteForce(metric, query, rows).slice(0, 50);
        const found = hitsOf(
          (await client.search({ collection_name: name, data: query, limit: 50, output_fields: ['id'] }))
            .results,
        );
        expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        for (const [at, { score }] of expected.entries()) expect(found[at]?.score).toBeCloseTo(score, 4);
      }
    });
    test('several queries, each with its own hits', async () => {
      const name = nameOf(metric, 'both, with deletes');
      const queries = [11, 12, 13, 14, 15].map((seed) => vectorOf(seed + 7000));
      const found = await client.search({
        collection_name: name,
        data: queries,
        limit: 7,
        output_fields: ['id'],
      });
      const lists = found.results as unknown as { id: string; score: number }[][];
      expect(lists.map((list) => list.map(({ id }) => Number(id)))).toEqual(
        queries.map((query) =>
          bruteForce(metric, query, rowsOf.get(name) ?? new Map())
            .slice(0, 7)
            .map(({ id }) => id),
        ),
      );
    });
    test('offset goes on where the page before ended', async () => {
      const name = nameOf(metric, 'both, with deletes');
      const query = vectorOf(8123);
      const expected = bruteForce(metric, query, rowsOf.get(name) ?? new Map()).map(({ id }) => id);
      const found: number[] = [];
      for (let offset = 0; offset < 60; offset += 20) {
        const page = await client.search({
          collection_name: name,
          data: query,
          limit: 20,
          offset,
          output_fields: ['id'],
        });
        found.push(...page.results.map(({ id }) => Number(id)));
      }
      expect(found).toEqual(expected.slice(0, 60));
    });
    test('range', async () => {
      const name = nameOf(metric, 'both, with deletes');
      const query = vectorOf(8200);
      const all = bruteForce(metric, query, rowsOf.get(name) ?? new Map());
      // Bounds between two scores, so that rounding plays no part.
      const between = (at: number): number => ((all[at]?.score ?? 0) + (all[at + 1]?.score ?? 0)) / 2;
      const params = { radius: between(39), range_filter: between(9) };
      const found = await client.search({
        collection_name: name,
        data: query,
        limit: 100,
        params,
        output_fields: ['id'],
      });
      expect(found.results.map(({ id }) => Number(id))).toEqual(all.slice(10, 40).map(({ id }) => id));
    });
  });

  test('equal scores come by key', async () => {
    await createLoaded(client, 'ties', { shards: 2 });
    const vector = vectorOf(1);
    const data = Array.from({ length: 40 }, (_, at) => ({ id: (at * 17) % 40, vector }));
    await mustSucceed(client.insert({ collection_name: 'ties', data: data.slice(0, 20) }));
    await mustSucceed(client.flushSync({ collection_names: ['ties'] }));
    await mustSucceed(client.insert({ collection_name: 'ties', data: data.slice(20) }));
    const found = await client.search({
      collection_name: 'ties',
      data: vector,
      limit: 25,
      output_fields: ['id'],
    });
    expect(found.results.map(({ id }) => Number(id))).toEqual(Array.from({ length: 25 }, (_, id) => id));
  });
  test('more asked for than there is, nothing there, and only some partitions', async () => {
    await createLoaded(client, 'few');
    const empty = await client.search({
      collection_name: 'few',
      data: [vectorOf(1), vectorOf(2)],
      limit: 5,
      output_fields: ['id'],
    });
    expect(empty.status.error_code).toBe('Success');
    // Both queries have their zero on the wire; of an answer without any hit the SDK makes one empty list.
    expect(empty.results).toEqual([]);
    const raw = connectRaw(world.database.address);
    const { results } = SearchResults.decode(
      await raw.call('Search', SearchRequest.encode(searchRequest('few', [1, 2])).finish()),
    );
    raw.close();
    expect(results).toMatchObject({ numQueries: 2n, topks: [0n, 0n], scores: new Uint8Array(0) });
    await mustSucceed(client.createPartition({ collection_name: 'few', partition_name: 'p' }));
    await insertRange(client, 'few', 0, 3);
    await insertRange(client, 'few', 3, 5, () => ({}), 'p');
    const all = await client.search({
      collection_name: 'few',
      data: vectorOf(1),
      limit: 100,
      output_fields: ['id'],
    });
    expect(all.results).toHaveLength(5);
    const some = await client.search({
      collection_name: 'few',
      data: vectorOf(1),
      limit: 100,
      partition_names: ['p'],
      output_fields: ['id'],
    });
    expect(some.results.map(({ id }) => Number(id)).sort()).toEqual([3, 4]);
  });
  test('filters by key', async () => {
    const name = nameOf('L2', 'growing');
    const query = vectorOf(5);
    const rows = rowsOf.get(name) ?? new Map<number, number[]>();
    const only = await client.search({
      collection_name: name,
      data: query,
      limit: 5,
      filter: 'id in [3, 400, 77]',
      output_fields: ['id'],
    });
    const expected = bruteForce('L2', query, new Map([3, 400, 77].map((id) => [id, rows.get(id) ?? []])));
    expect(only.results.map(({ id }) => Number(id))).toEqual(expected.map(({ id }) => id));
    const best = bruteForce('L2', query, rows)
      .slice(0, 3)
      .map(({ id }) => id);
    const without = await client.search({
      collection_name: name,
      data: query,
      limit: 1,
      filter: `id not in [${best.slice(0, 2)}]`,
      output_fields: ['id'],
    });
    expect(Number(without.results[0]?.id)).toBe(best[2]);
  });
  test('vectors come back bit by bit', async () => {
    const name = nameOf('IP', 'in files');
    const found = await client.search({
      collection_name: name,
      data: vectorOf(6),
      limit: 2,
      output_fields: ['vector', 'id'],
    });
    for (const hit of found.results) expect(hit.vector).toEqual(vectorOf(Number(hit.id)));
  });
  test('scores are rounded when asked', async () => {
    // As bytes of the wire: the SDK cuts the digits of what it gets once more, so that it would hide what the server does.
    const name = nameOf('IP', 'in files');
    const raw = connectRaw(world.database.address);
    const scoresOf = async (roundDecimal: number): Promise<number[]> => {
      const request = searchRequest(name, [6], [{ key: 'round_decimal', value: String(roundDecimal) }]);
      const answer = SearchResults.decode(await raw.call('Search', SearchRequest.encode(request).finish()));
      expect(answer.status?.reason).toBe('');
      return [...new Float32Array(new Uint8Array(answer.results?.scores ?? []).buffer)];
    };
    const exact = await scoresOf(-1);
    expect(exact.length).toBe(5);
    expect(exact).not.toEqual(exact.map((score) => Math.fround(Math.round(score * 100) / 100)));
    expect(await scoresOf(2)).toEqual(exact.map((score) => Math.fround(Math.round(score * 100) / 100)));
    raw.close();
  });
  test('every consistency level sees the writes acknowledged before', async () => {
    await createLoaded(client, 'levels');
    const levels = [
      ConsistencyLevelEnum.Strong,
      ConsistencyLevelEnum.Session,
      ConsistencyLevelEnum.Bounded,
      ConsistencyLevelEnum.Eventually,
    ];
    for (const [at, consistency_level] of levels.entries()) {
      await insertRange(client, 'levels', at, at + 1);
      const found = await client.search({
        collection_name: 'levels',
        data: vectorOf(at),
        limit: 1,
        output_fields: ['id'],
        consistency_level,
      });
      expect(Number(found.results[0]?.id)).toBe(at);
      const read = await client.query({
        collection_name: 'levels',
        filter: `id in [${at}]`,
        consistency_level,
      });
      expect(read.data).toHaveLength(1);
    }
  });
  test('many dimensions', async () => {
    for (const dim of [2, 3, 17, 768]) {
      const name = `wide_${dim}`;
      await mustSucceed(
        client.createCollection({
          collection_name: name,
          fields: [
            { name: 'id', data_type: 'Int64', is_primary_key: true },
            { name: 'v', data_type: 'FloatVector', dim },
          ],
        }),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'v',
          index_type: 'FLAT',
          metric_type: 'COSINE',
        }),
      );
      const rows = new Map(Array.from({ length: 40 }, (_, id) => [id, vectorOf(id, dim)]));
      await mustSucceed(
        client.insert({ collection_name: name, data: [...rows].map(([id, v]) => ({ id, v })) }),
      );
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      await mustSucceed(client.loadCollection({ collection_name: name }));
      const query = vectorOf(4242, dim);
      const found = await client.search({
        collection_name: name,
        data: query,
        limit: 10,
        output_fields: ['id'],
      });
      expect(found.results.map(({ id }) => Number(id))).toEqual(
        bruteForce('COSINE', query, rows)
          .slice(0, 10)
          .map(({ id }) => id),
      );
    }
    expect(DIM).toBe(8);
  });
});
