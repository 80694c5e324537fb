// Search iterators over hits of equal scores, more of them than a batch holds: every hit once for each kind of client. The real client sends the
// token of each page and stops at its limit, and throws a page away that goes beyond it; pymilvus and the Java client keep the token of the first page.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSucceed, openWorld, type World } from './support.js';

const float = (bits: number): number => new Float32Array(Int32Array.of(bits).buffer)[0] ?? 0;
const ONE = 0x3f800000;
/** Neighbours of 1 among the floats; larger is better. */
const [UP2, UP1, DOWN1, DOWN2] = [float(ONE + 2), float(ONE + 1), float(ONE - 1), float(ONE - 2)];
/** Scores of the rows of a case, and how many have each. */
const CASES: readonly (readonly (readonly [number, number])[])[] = [
  [[1, 40]],
  [
    [2, 1],
    [1, 30],
    [0.5, 3],
  ],
  [
    [3, 5],
    [2, 17],
    [1, 23],
    [0, 11],
    [-1, 1],
  ],
  [
    [UP2, 9],
    [UP1, 11],
    [1, 13],
    [DOWN1, 8],
    [DOWN2, 2],
  ],
  [
    [UP1, 2],
    [1, 12],
    [DOWN1, 12],
    [0, 12],
    [-0.25, 12],
  ],
  // Times a query of 10 these are infinite.
  [
    [2 ** 127, 12],
    [1, 3],
    [-(2 ** 127), 14],
  ],
];
const rowsOf = (at: number): { id: string; group: number; vector: number[] }[] => {
  const rows = (CASES[at] ?? []).flatMap(([score, count]) => Array.from({ length: count }, () => score));
  // Keys in an order of their own, some of them with characters that a token has to escape.
  return rows.map((score, row) => ({
    id: `${(row * 37) % 101}~${at}${row % 3 === 0 ? 'ü %' : ''}`,
    group: at,
    vector: [score, 0],
  }));
};

describe('search iterators over equal scores', () => {
  let world: World;
  let client: MilvusClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    ({ client } = world);
    await mustSucceed(
      client.createCollection({
        collection_name: 'ties',
        fields: [
          { name: 'id', data_type: DataType.VarChar, max_length: 64, is_primary_key: true },
          { name: 'group', data_type: DataType.Int64 },
          { name: 'vector', data_type: DataType.FloatVector, dim: 2 },
        ],
        shards_num: 2,
      }),
    );
    const index = { field_name: 'vector', index_type: 'FLAT', metric_type: 'IP' };
    await mustSucceed(client.createIndex({ collection_name: 'ties', ...index }));
    await mustSucceed(client.loadCollection({ collection_name: 'ties' }));
    const rows = [...CASES.keys()].flatMap(rowsOf);
    await mustSucceed(client.insert({ collection_name: 'ties', data: rows.filter((_, at) => at % 3 === 0) }));
    await client.flushSync({ collection_names: ['ties'] });
    await mustSucceed(client.insert({ collection_name: 'ties', data: rows.filter((_, at) => at % 3 !== 0) }));
  }, 60_000);
  afterAll(() => world.close());

  /** Ids, best scores first, equal ones by key. */
  const wantedOf = (at: number): string[] =>
    rowsOf(at)
      .sort(
        (a, b) =>
          (b.vector[0] ?? 0) - (a.vector[0] ?? 0) || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)),
      )
      .map(({ id }) => id);

  it.each([
    [0, 7, 25],
    [0, 40, 40],
    [1, 2, 5],
    [1, 4, 33],
    [2, 3, 50],
    [3, 1, 43],
    [4, 5, 1000],
  ])('the real client, case %i in batches of %i, limit %i', async (at, batchSize, limit) => {
    const ids: string[] = [];
    const iterator = await client.searchIterator({
      collection_name: 'ties',
      filter: `group == ${at}`,
      data: [1, 0],
      batchSize,
      limit,
      output_fields: ['id'],
    } as never);
    for await (const batch of iterator) {
      expect(batch.length).toBeLessThanOrEqual(batchSize);
      for (const { id } of batch) ids.push(id);
    }
    expect(ids).toEqual(wantedOf(at).slice(0, limit));
  });

  /** All pages, by a client of the kind. @param again asks for each page twice, as after an answer that was lost */
  const pages = async (
    at: number,
    batchSize: number,
    keepsToken: boolean,
    again: boolean,
    query: readonly number[] = [1, 0],
  ): Promise<string[][]> => {
    const found: string[][] = [];
    let params: Record<string, unknown> = { guarantee_timestamp: 0 };
    for (;;) {
      const ask = () =>
        client.search({
          collection_name: 'ties',
          filter: `group == ${at}`,
          data: query,
          limit: batchSize,
          output_fields: ['id'],
          params: { iterator: true, search_iter_v2: true, search_iter_batch_size: batchSize, ...params },
        } as never);
      const answer = await ask();
      expect(answer.status.reason).toBe('');
      const results = answer.results as unknown as { id: string }[];
      if (again && found.length > 0) {
        const other = await ask();
        expect(other.results).toEqual(answer.results);
        expect(other.search_iterator_v2_results).toEqual(answer.search_iterator_v2_results);
      }
      if (results.length === 0) return found;
      found.push(results.map(({ id }) => id));
      expect(found.length).toBeLessThan(100);
      const { token, last_bound } = answer.search_iterator_v2_results ?? {};
      const kept = keepsToken ? params.search_iter_id : undefined;
      params = {
        search_iter_id: kept ?? token,
        search_iter_last_bound: last_bound,
        guarantee_timestamp: answer.session_ts,
      };
    }
  };

  it.each([...CASES.keys()])('clients that keep their first token, and others, case %i', async (at) => {
    for (const batchSize of [2, 5, 12, 30]) {
      for (const keepsToken of [true, false]) {
        const found = await pages(at, batchSize, keepsToken, batchSize === 5);
        expect([batchSize, keepsToken, found.flat()]).toEqual([batchSize, keepsToken, wantedOf(at)]);
        if (!keepsToken)
          expect(Math.max(...found.map(({ length }) => length))).toBeLessThanOrEqual(batchSize);
      }
    }
  });

  it.each([
    ['nothing but spaces', ' \n'],
    ['as many brackets as a filter may have', `${'('.repeat(1000)}group >= 0${')'.repeat(1000)}`],
  ])('a filter of %s lets all rows pass on every page', async (_name, filter) => {
    const ids: string[] = [];
    const iterator = await client.searchIterator({
      collection_name: 'ties',
      filter,
      data: [1, 0],
      batchSize: 50,
      output_fields: ['id'],
    } as never);
    for await (const batch of iterator) for (const { id } of batch) ids.push(id);
    const count = CASES.flat().reduce((sum, [, rows]) => sum + rows, 0);
    expect([ids.length, new Set(ids).size]).toEqual([count, count]);
  });

  it('variables of the filter keep their values, whatever they are called', async () => {
    const page = async (more: object) => {
      const answer = await client.search({
        collection_name: 'ties',
        filter: 'group == {elanus_behind} and group == {elanus_key}',
        exprValues: { elanus_behind: 0, elanus_key: 0 },
        data: [1, 0],
        limit: 20,
        output_fields: ['id'],
        params: { iterator: true, search_iter_v2: true, search_iter_batch_size: 20, ...more },
      } as never);
      expect(answer.status.reason).toBe('');
      const { token, last_bound } = answer.search_iterator_v2_results ?? {};
      return { ids: answer.results.map(({ id }) => id), next: { token, last_bound } };
    };
    const first = await page({});
    const { token, last_bound } = first.next;
    const second = await page({ search_iter_id: token, search_iter_last_bound: last_bound });
    expect([...first.ids, ...second.ids]).toEqual(wantedOf(0));
  });

  it.each([5, 13, 100])('infinite scores, the real client in batches of %i', async (batchSize) => {
    const ids: string[] = [];
    const iterator = await client.searchIterator({
      collection_name: 'ties',
      filter: 'group == 5',
      data: [10, 0],
      batchSize,
      output_fields: ['id'],
    } as never);
    for await (const batch of iterator) for (const { id } of batch) ids.push(id);
    expect(ids).toEqual(wantedOf(5));
  });

  it.each([5, 13, 100])(
    'infinite scores, a client that keeps its first token, batches of %i',
    async (batchSize) => {
      const found = await pages(5, batchSize, true, false, [10, 0]);
      expect(found.flat()).toEqual(wantedOf(5));
    },
  );

  it('a token that no answer had, and a bound without its token, are refused', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const bad = [
      `${id}~f~1~1`,
      `${id}~x~1~1~`,
      `${id}~n~one~1~`,
      `${id}~n~1~1~s%`,
      `${id}~n~1~1~i5`,
      `${id}~n~1~1~i9223372036854775808`,
      `${id}~n~1~1~5`,
    ];
    for (const token of [...bad, undefined]) {
      const params = {
        iterator: true,
        search_iter_v2: true,
        search_iter_batch_size: 2,
        search_iter_last_bound: 1,
      };
      const answer = await client.search({
        collection_name: 'ties',
        data: [1, 0],
        limit: 2,
        params: token === undefined ? params : { ...params, search_iter_id: token },
      } as never);
      expect([token, answer.status]).toEqual([token, expect.objectContaining({ code: 1100 })]);
      expect(answer.status.reason).toContain('parse iterator v2 info failed');
    }
  });
});
