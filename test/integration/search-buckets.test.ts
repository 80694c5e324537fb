// Searches in another order, and searches whose hits become buckets, through the real client and held against loops over all rows.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grouped, type Ranking, rankRows } from '../oracle/search-oracle.js';
import {
  COLLECTION,
  openSearchWorld,
  type SearchRow,
  type SearchWorld,
  scoreFor,
  vectorFor,
} from './search-world.js';
import { failureOf } from './support.js';

interface Bucket {
  readonly key: { readonly field_name: string; readonly value?: unknown }[];
  readonly count: number | string;
  readonly metrics: Record<string, unknown>;
  readonly hits: { readonly id: unknown; readonly score: number }[];
  readonly sub_groups: Bucket[];
}

describe('searches', () => {
  let world: SearchWorld;
  beforeAll(async () => {
    world = await openSearchWorld();
  }, 60_000);
  afterAll(() => world.close());

  const rowOf = (id: number): SearchRow => world.rows.get(id) as SearchRow;
  const rankingOf = (seed: number): Ranking[] => {
    const query = vectorFor('dense', seed);
    return rankRows(world.rows.values(), 'L2', (row) => scoreFor('dense', query, row));
  };
  const ask = (more: object) =>
    world.client.search({
      collection_name: COLLECTION,
      anns_field: 'dense',
      data: [vectorFor('dense', 9)],
      output_fields: ['id', 'n', 'price'],
      limit: 30,
      ...more,
    } as never);

  it('in the order of fields, page by page', async () => {
    const compare = (a: Ranking, b: Ranking): number =>
      rowOf(b.id).n - rowOf(a.id).n || rowOf(a.id).price - rowOf(b.id).price || 0;
    for (const offset of [0, 30]) {
      const { results, status } = await ask({ offset, params: { order_by_fields: 'n:desc,price:asc' } });
      expect(status.reason).toBe('');
      const wanted = rankingOf(9)
        .slice(offset, offset + 30)
        .sort(compare);
      expect(results.map(({ id }) => Number(id))).toEqual(wanted.map(({ id }) => id));
    }
    const nulls = await ask({ params: { order_by_fields: 'maybe:asc:nulls_first,id:desc' } });
    const keyOf = ({ id }: Ranking): number => rowOf(id).maybe ?? -1;
    expect(nulls.results.map(({ id }) => Number(id))).toEqual(
      rankingOf(9)
        .slice(0, 30)
        .sort((a, b) => keyOf(a) - keyOf(b) || b.id - a.id)
        .map(({ id }) => id),
    );
    for (const [order, text] of [
      ['$meta', 'field $meta not exist'],
      ['doc', 'unsupported data type'],
      ['n:up', 'invalid direction'],
    ])
      expect((await failureOf(() => ask({ params: { order_by_fields: order } }))).reason).toContain(text);
  });

  it('over REST, one search or several as one', async () => {
    const post = async (path: string, body: object) => {
      const url = `http://${world.database.address}/v2/vectordb/entities/${path}`;
      const init = {
        method: 'POST',
        body: JSON.stringify({ collectionName: COLLECTION, limit: 10, ...body }),
      };
      const { data } = (await (await fetch(url, init)).json()) as { data: { id: number }[] };
      return data.map(({ id }) => id);
    };
    const search = { data: [vectorFor('dense', 9)], annsField: 'dense' };
    const order = { orderByFields: [{ field: 'n', order: 'desc' }, 'id:desc'] };
    const wanted = rankingOf(9)
      .slice(0, 10)
      .map(({ id }) => id)
      .sort((a, b) => rowOf(b).n - rowOf(a).n || b - a);
    expect(await post('search', { ...search, ...order })).toEqual(wanted);
    expect(await post('hybrid_search', { search: [search, search], ...order })).toEqual(wanted);
  });

  const spec = {
    fields: ['n'],
    size: 4,
    metrics: {
      rows: { op: 'count', field_name: '*' },
      mean: { op: 'avg', field_name: 'price' },
      cheapest: { op: 'min', field_name: 'price' },
      all: { op: 'sum', field_name: 'maybe' },
      nearest: { op: 'min', field_name: '_score' },
    },
    order: [
      { key: 'mean', direction: 'desc' },
      { key: '_key', direction: 'asc' },
    ],
    top_hits: { size: 3, sort: [{ field_name: 'price', direction: 'desc' }] },
    sub_aggregation: {
      fields: ['flag'],
      size: 2,
      order: [
        { key: '_count', direction: 'desc' },
        { key: '_key', direction: 'asc' },
      ],
    },
  };

  it('as buckets, level by level', async () => {
    const answer = await ask({ search_aggregation: spec });
    expect(answer.status.reason).toBe('');
    const got = (answer as unknown as { agg_buckets: Bucket[][] | Bucket[] }).agg_buckets;
    const buckets = (Array.isArray(got[0]) ? got[0] : got) as Bucket[];
    // Candidates: of each pair of keys the three nearest, of the eight pairs that are nearest.
    const pairs = grouped(rankingOf(9), (id) => JSON.stringify([rowOf(id).n, rowOf(id).flag]), 3).slice(0, 8);
    const candidates = pairs.flatMap(({ hits }) => hits);
    const byN = new Map<number, Ranking[]>();
    for (const hit of candidates) byN.set(rowOf(hit.id).n, [...(byN.get(rowOf(hit.id).n) ?? []), hit]);
    const mean = (hits: readonly Ranking[]): number =>
      hits.reduce((sum, { id }) => sum + rowOf(id).price, 0) / hits.length;
    const wanted = [...byN].sort(([a, x], [b, y]) => mean(y) - mean(x) || a - b).slice(0, 4);
    expect(buckets.map(({ key }) => Number(key[0]?.value))).toEqual(wanted.map(([n]) => n));
    for (const [at, [, hits]] of wanted.entries()) {
      const bucket = buckets[at] as Bucket;
      expect(Number(bucket.count)).toBe(hits.length);
      expect(Number(bucket.metrics.rows)).toBe(hits.length);
      expect(bucket.metrics.mean).toBeCloseTo(mean(hits), 9);
      expect(bucket.metrics.cheapest).toBe(Math.min(...hits.map(({ id }) => rowOf(id).price)));
      expect(bucket.metrics.nearest).toBe(Math.min(...hits.map(({ score }) => score)));
      expect(Number(bucket.metrics.all ?? 0)).toBe(
        hits.reduce((sum, { id }) => sum + (rowOf(id).maybe ?? 0), 0),
      );
      const prices = hits.map(({ id }) => rowOf(id).price).sort((a, b) => b - a);
      expect(bucket.hits.map((hit) => rowOf(Number(hit.id)).price)).toEqual(prices.slice(0, 3));
      const flags = [true, false].map((flag) => hits.filter(({ id }) => rowOf(id).flag === flag).length);
      expect(bucket.sub_groups.map(({ count }) => Number(count))).toEqual(
        flags.filter((count) => count > 0).sort((a, b) => b - a),
      );
    }
  });

  it('as buckets are refused with the reason', async () => {
    const refusals: [object, object, string][] = [
      [{ ...spec, fields: ['price'] }, {}, 'unsupported data type for group by'],
      [{ ...spec, fields: ['doc'] }, {}, 'expected a scalar field'],
      [{ ...spec, size: 9000 }, {}, 'entries, expected at most 10000'],
      [{ ...spec, sub_aggregation: { fields: ['n'], size: 1 } }, {}, 'is a key twice'],
      [{ ...spec, metrics: { m: { op: 'sum', field_name: 'tag' } }, order: [] }, {}, 'sum of field tag'],
      [
        { ...spec, top_hits: { size: 1, sort: [{ field_name: 'doc', direction: 'asc' }] } },
        {},
        'cannot be sorted by field doc',
      ],
      [spec, { params: { order_by_fields: 'n' } }, 'not supported with order_by_fields'],
    ];
    for (const [search_aggregation, more, text] of refusals) {
      const failure = await failureOf(() => ask({ search_aggregation, ...more }));
      expect([search_aggregation, failure]).toEqual([
        search_aggregation,
        expect.objectContaining({ code: 1100, reason: expect.stringContaining(text) }),
      ]);
    }
  });
});
