// Grouped searches through the real client, held against loops over all rows: by one field or several, JSON paths, dynamic keys, with nulls, strict and
// not, in pages, in hybrid searches; and where one group has most of the near rows.
import { DataType } from '@zilliz/milvus2-sdk-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grouped, type Ranking, rankRows, rrf } from '../oracle/search-oracle.js';
import {
  COLLECTION,
  isFound,
  openSearchWorld,
  type SearchRow,
  type SearchWorld,
  scoreFor,
  type VectorName,
  vectorFor,
  vectorMetrics,
} from './search-world.js';
import { extraOf, failureOf, mustSucceed, until } from './support.js';

interface Way {
  readonly params: Record<string, unknown>;
  /** What a row is grouped by, as the client shows it. */
  readonly valuesOf: (row: SearchRow) => readonly unknown[];
}

const at = (row: SearchRow): Record<string, unknown> => row.doc as Record<string, unknown>;
const ways: Record<string, Way> = {
  integers: { params: { group_by_field: 'n' }, valuesOf: ({ n }) => [n] },
  texts: { params: { group_by_field: 'tag' }, valuesOf: ({ tag }) => [tag] },
  booleans: { params: { group_by_field: 'flag' }, valuesOf: ({ flag }) => [flag] },
  'values and nulls': {
    params: { group_by_field: 'maybe' },
    valuesOf: ({ maybe }) => [maybe === null ? null : String(maybe)],
  },
  keys: { params: { group_by_field: 'id' }, valuesOf: ({ id }) => [String(id)] },
  'several fields': {
    params: { group_by_fields: 'n, flag,maybe' },
    valuesOf: ({ n, flag, maybe }) => [n, flag, maybe === null ? null : String(maybe)],
  },
  'a path': {
    params: { group_by_field: 'doc', json_path: 'doc["a"]["b"]', json_type: 'Int64' },
    valuesOf: (row) => [String((at(row).a as { b: number }).b)],
  },
  'a path as a name': {
    params: { group_by_field: 'doc["s"]' },
    valuesOf: (row) => [at(row).s],
  },
  'a path that some rows lack': {
    params: { group_by_field: 'doc["o"]', json_type: 'Bool' },
    valuesOf: (row) => [at(row).o ?? null],
  },
  'a dynamic key of two types': {
    params: { group_by_field: 'kind' },
    valuesOf: ({ kind }) => [kind === undefined ? null : String(kind)],
  },
  'a dynamic key, strictly': {
    params: { group_by_field: '$meta["kind"]', json_type: 'VarChar', strict_cast: true },
    valuesOf: ({ kind }) => [typeof kind === 'string' ? kind : null],
  },
};

interface Hit {
  readonly id: string;
  readonly score: number;
  readonly group_by_field_values: Record<string, unknown>;
}

describe('grouped searches', () => {
  let world: SearchWorld;
  beforeAll(async () => {
    world = await openSearchWorld();
  }, 60_000);
  afterAll(() => world.close());

  const rankingOf = (field: VectorName, seed: number, passes: (row: SearchRow) => boolean): Ranking[] => {
    const query = vectorFor(field, seed);
    const rows = [...world.rows.values()].filter((row) => isFound(field, query, row) && passes(row));
    return rankRows(rows, vectorMetrics[field], (row) => scoreFor(field, query, row));
  };
  const textOf =
    ({ valuesOf }: Way) =>
    (id: number): string =>
      JSON.stringify(valuesOf(world.rows.get(id) as SearchRow));
  const search = (field: VectorName, seeds: readonly number[], way: Way, more: object = {}) =>
    world.client.search({
      collection_name: COLLECTION,
      anns_field: field,
      data: seeds.map((seed) => vectorFor(field, seed)),
      output_fields: ['id'],
      ...more,
      params: way.params,
    } as never);
  /** Groups as they came, one after another. */
  const groupsOf = (hits: readonly Hit[]): { group: string; hits: Ranking[] }[] => {
    const groups: { group: string; hits: Ranking[] }[] = [];
    for (const { id, score, group_by_field_values: values } of hits) {
      const group = JSON.stringify(Object.values(values));
      const hit = { id: Number(id), score };
      if (groups.at(-1)?.group === group) groups.at(-1)?.hits.push(hit);
      else groups.push({ group, hits: [hit] });
    }
    return groups;
  };

  it.each(Object.keys(ways))('by %s, as a loop over all rows does', { timeout: 60_000 }, async (name) => {
    const way = ways[name] as Way;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<VectorName>('dense', 'other', 'sparse', 'bits'),
        fc.array(fc.nat(500), { minLength: 1, maxLength: 3 }),
        fc.record({
          limit: fc.integer({ min: 1, max: 20 }),
          offset: fc.integer({ min: 0, max: 3 }),
          size: fc.integer({ min: 1, max: 10 }),
          isStrict: fc.boolean(),
          below: fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
        }),
        async (field, seeds, { limit, offset, size, isStrict, below }) => {
          const answer = await search(
            field,
            seeds,
            { ...way, params: { ...way.params, group_size: size, strict_group_size: isStrict } },
            { limit, offset, ...(below !== undefined && { expr: `n < ${below}` }) },
          );
          expect(answer.status.reason).toBe('');
          const lists = (seeds.length === 1 ? [answer.results] : answer.results) as unknown as Hit[][];
          for (const [query, seed] of seeds.entries()) {
            const ranking = rankingOf(field, seed, ({ n }) => below === undefined || n < below);
            const wanted = grouped(ranking, textOf(way), size).slice(offset, offset + limit);
            const got = groupsOf(lists[query] ?? []);
            expect(got.map(({ group }) => group)).toEqual(wanted.map(({ group }) => group));
            for (const [number, { hits }] of wanted.entries()) {
              const own = got[number]?.hits ?? [];
              expect(own).toEqual(isStrict ? hits : hits.slice(0, Math.max(1, own.length)));
            }
          }
        },
      ),
      { numRuns: 12, seed: 5 },
    );
  });

  it('hybrid searches by the groups of their searches', async () => {
    const legs = [
      ['dense', 3],
      ['other', 4],
    ] as const;
    for (const rank_group_scorer of ['max', 'sum', 'avg']) {
      const answer = await world.client.search({
        collection_name: COLLECTION,
        data: legs.map(([anns_field, seed]) => ({ anns_field, data: vectorFor(anns_field, seed) })),
        limit: 5,
        output_fields: ['id'],
        rerank: {
          strategy: 'rrf',
          params: { k: 60 },
          group_by_field: 'n',
          group_size: 3,
          strict_group_size: true,
          rank_group_scorer,
        },
      } as never);
      expect(answer.status.reason).toBe('');
      const nOf = (id: number): string => JSON.stringify([world.rows.get(id)?.n]);
      const fused = rrf(
        legs.map(([field, seed]) => {
          const found = grouped(
            rankingOf(field, seed, () => true),
            nOf,
            3,
          ).slice(0, 5);
          const ids = new Set(found.flatMap(({ hits }) => hits.map(({ id }) => id)));
          return {
            metric: vectorMetrics[field],
            hits: rankingOf(field, seed, () => true).filter(({ id }) => ids.has(id)),
          };
        }),
        60,
      );
      const scoreOf = (hits: readonly Ranking[]): number => {
        const sum = hits.reduce((total, { score }) => total + score, 0);
        if (rank_group_scorer === 'max') return hits[0]?.score ?? 0;
        return rank_group_scorer === 'sum' ? sum : sum / hits.length;
      };
      const wanted = grouped(fused, nOf, 3)
        .map((group, order) => ({ ...group, order }))
        .sort((a, b) => scoreOf(b.hits) - scoreOf(a.hits) || a.order - b.order)
        .slice(0, 5);
      const got = groupsOf(answer.results as unknown as Hit[]);
      expect(got.map(({ group, hits }) => [group, hits.map(({ id }) => id)])).toEqual(
        wanted.map(({ group, hits }) => [group, hits.map(({ id }) => id)]),
      );
    }
  });

  it('are refused with the reason', async () => {
    const refusals: [Record<string, unknown>, object, string][] = [
      [{ group_by_field: 'absent["x"]', json_type: 'Float' }, {}, 'json_type'],
      [{ group_by_field: 'price' }, {}, 'unsupported data type for group by'],
      [{ group_by_field: 'dense' }, {}, 'unsupported data type for group by'],
      [{ group_by_field: 'bits' }, {}, 'based on binary vector column'],
      [{ group_by_field: 'n', group_size: 0 }, {}, 'input group size:0 is negative'],
      [{ group_by_field: 'n', group_size: 11 }, {}, 'exceeds configured max group size'],
      [{ group_by_field: 'n', group_size: 1.5 }, {}, 'expected an integer'],
      [{ group_by_fields: 'doc["a"],doc["s"]' }, {}, 'at most one JSON field'],
      [{ group_by_field: 'n', iterator: true }, {}, 'Not allowed to do groupBy when doing iteration'],
      [{ group_by_field: 'n', rank_group_scorer: 'min' }, {}, 'input group scorer type'],
    ];
    for (const [params, more, text] of refusals) {
      const failure = await failureOf(() =>
        search('dense', [1], { params, valuesOf: () => [] }, { limit: 3, ...more }),
      );
      expect([params, failure]).toEqual([
        params,
        expect.objectContaining({ code: 1100, reason: expect.stringContaining(text) }),
      ]);
    }
  });

  it.each([
    ['HNSW', { group_by_field: 'g' }],
    ['HNSW', { group_by_field: 'name' }],
    ['HNSW', { group_by_field: 'doc["g"]', json_type: 'Int64' }],
    ['FLAT', { group_by_field: 'doc["g"]', json_type: 'Int64' }],
    ['IVF_FLAT', { group_by_field: 'g', nprobe: 1 }],
    ['IVF_FLAT', { group_by_field: 'doc["g"]', json_type: 'Int64', nprobe: 1 }],
  ] as const)(
    'go deeper where one group has most of the near rows: %s, %o',
    { timeout: 60_000 },
    async (index_type, params) => {
      const collection_name = `hog_${index_type}_${params.group_by_field.replaceAll(/\W/g, '')}`;
      await mustSucceed(
        world.client.createCollection({
          collection_name,
          fields: [
            { name: 'id', data_type: DataType.Int64, is_primary_key: true },
            { name: 'v', data_type: DataType.FloatVector, dim: 2 },
            { name: 'g', data_type: DataType.Int64 },
            { name: 'name', data_type: DataType.VarChar, max_length: 8 },
            { name: 'doc', data_type: DataType.JSON },
          ],
        }),
      );
      await mustSucceed(
        world.client.createIndex({
          collection_name,
          field_name: 'v',
          index_type,
          metric_type: 'L2',
          params:
            index_type === 'IVF_FLAT'
              ? { nlist: 64 }
              : index_type === 'HNSW'
                ? { M: 16, efConstruction: 100 }
                : {},
        }),
      );
      await mustSucceed(world.client.loadCollection({ collection_name }));
      // 4,000 rows of group 0 around the query, a hundred rows of twenty others behind them.
      const rows = Array.from({ length: 4100 }, (_, id) => {
        const g = id < 4000 ? 0 : 1 + ((id - 4000) % 20);
        const far = id < 4000 ? (id % 997) / 1000 : 2 + (id - 4000) / 10;
        return { id, v: [far, id < 4000 ? (id % 13) / 100 : 0], g, name: `g${g}`, doc: { g } };
      });
      await mustSucceed(world.client.insert({ collection_name, data: rows.slice(0, 4050) }));
      await world.client.flushSync({ collection_names: [collection_name] });
      await mustSucceed(world.client.insert({ collection_name, data: rows.slice(4050) }));
      if (index_type !== 'FLAT')
        await until('the index of the flushed rows', async () => {
          const answer = await world.client.search({
            collection_name,
            data: [0, 0],
            limit: 1,
            params: { explain: true },
          } as never);
          const plans = JSON.parse(extraOf(answer.status)['elanus.explain'] ?? '[]') as { index: string }[];
          return plans.some(({ index }) => index === index_type) ? true : undefined;
        });
      const { results, status } = await world.client.search({
        collection_name,
        data: [0, 0],
        limit: 12,
        output_fields: ['id', 'g'],
        params: { ...params, group_size: 3, strict_group_size: true },
      } as never);
      expect(status.reason).toBe('');
      const found = (results as unknown as { id: string; g: string }[]).map(({ id, g }) => [
        Number(id),
        Number(g),
      ]);
      const groups = [...new Set(found.map(([, g]) => g))];
      expect(groups).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
      // The nearest of each other group are its first rows.
      for (const [number, g] of groups.slice(1).entries())
        expect(found.filter(([, of]) => of === g).map(([id]) => id)).toEqual(
          [0, 20, 40].map((step) => 4000 + number + step),
        );
    },
  );
});
