// Function chains over the wire: order and scores held against loops over all rows, growing and flushed, of two shards.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { ConsistencyLevel } from '#proto/milvus/common.js';
import { HybridSearchRequest, SearchRequest, SearchResults } from '#proto/milvus/milvus.js';
import { type FunctionChain, FunctionChainStage, FunctionScore } from '#proto/milvus/schema.js';
import { type Ranking, rankRows } from '../oracle/search-oracle.js';
import { connectRaw, placeholderGroup, type RawClient } from './raw-client.js';
import {
  COLLECTION,
  openSearchWorld,
  type SearchRow,
  type SearchWorld,
  scoreFor,
  vectorFor,
} from './search-world.js';

type PartialChain = Parameters<typeof FunctionChain.fromPartial>[0];
const column = (name: string) => ({ arg: { $case: 'column', value: { name } } }) as const;
const number = (value: number) => ({ value: { $case: 'doubleValue', value } }) as const;
const text = (value: string) => ({ value: { $case: 'stringValue', value } }) as const;
const whole = (value: number) => ({ value: { $case: 'int64Value', value: BigInt(value) } }) as const;
const combine = (output: string, ...names: string[]) => ({
  op: 'map',
  outputs: [output],
  expr: { name: 'num_combine', args: names.map(column), params: { mode: text('sum') } },
});
const sort = (name: string, desc: boolean, tie?: string) => ({
  op: 'sort',
  params: {
    column: text(name),
    desc: { value: { $case: 'boolValue', value: desc } } as const,
    ...(tie === undefined ? {} : { tie_break_col: text(tie) }),
  },
});
const chainOf = (...ops: NonNullable<NonNullable<PartialChain>['ops']>): PartialChain => ({
  stage: FunctionChainStage.FunctionChainStageL2Rerank,
  ops,
});

describe('function chains', () => {
  let world: SearchWorld;
  let raw: RawClient;
  beforeAll(async () => {
    world = await openSearchWorld();
    raw = connectRaw(world.database.address);
  }, 60_000);
  afterAll(async () => {
    raw.close();
    await world.close();
  });

  const SEEDS = [3, 4];
  const queries = () => SEEDS.map((seed) => vectorFor('dense', seed) as number[]);
  const requestOf = (
    chain: PartialChain,
    limit: number,
    more: Parameters<typeof SearchRequest.fromPartial>[0] = {},
    offset = 0,
  ) =>
    SearchRequest.fromPartial({
      collectionName: COLLECTION,
      nq: BigInt(SEEDS.length),
      searchInput: { $case: 'placeholderGroup', value: placeholderGroup(queries()) },
      consistencyLevel: ConsistencyLevel.Strong,
      searchParams: [
        { key: 'anns_field', value: 'dense' },
        { key: 'topk', value: `${limit}` },
        { key: 'offset', value: `${offset}` },
      ],
      functionChains: [chain],
      ...more,
    });
  const search = async (request: SearchRequest): Promise<SearchResults> =>
    SearchResults.decode(await raw.call('Search', SearchRequest.encode(request).finish()));
  /** The hits of each query, in the order of the answer. */
  const hitsOf = async (request: SearchRequest): Promise<Ranking[][]> => {
    const { status, results } = await search(request);
    expect(status?.reason).toBe('');
    const ids = results?.ids?.idField;
    const packed = ids?.$case === 'intId' ? ids.value.data : new Uint8Array();
    const keys = new BigInt64Array(decodeInt64s(packed, 'keys').buffer);
    const view = new DataView(new Uint8Array(results?.scores ?? []).buffer);
    let begin = 0;
    return (results?.topks ?? []).map((count) => {
      begin += Number(count);
      return Array.from({ length: Number(count) }, (_, at) => {
        const place = begin - Number(count) + at;
        return { id: Number(keys[place]), score: view.getFloat32(place * 4, true) };
      });
    });
  };
  const pages = (limit: number, offset = 0): Ranking[][] =>
    queries().map((query) =>
      rankRows([...world.rows.values()], 'L2', (row) => scoreFor('dense', query, row)).slice(
        offset,
        offset + limit,
      ),
    );
  const rowOf = (id: number): SearchRow => world.rows.get(id) as SearchRow;

  it('adds a field to the scores, and sorts by them', async () => {
    const found = await hitsOf(
      requestOf(chainOf(combine('$score', '$score', 'price'), sort('$score', true, '$id')), 15),
    );
    expect(found).toEqual(
      pages(15).map((page) =>
        page
          .map(({ id, score }) => ({ id, score: Math.fround(score + rowOf(id).price) }))
          .sort((a, b) => b.score - a.score || a.id - b.id),
      ),
    );
  });

  it('leaves the order of the search where nothing sorts, and a null makes 0', async () => {
    const found = await hitsOf(requestOf(chainOf(combine('$score', 'maybe', 'n')), 12, {}, 5));
    expect(found).toEqual(
      pages(12, 5).map((page) =>
        page.map(({ id }) => {
          const { maybe, n } = rowOf(id);
          return { id, score: maybe === null ? 0 : maybe + n };
        }),
      ),
    );
    expect(found.flat().some(({ score }) => score === 0)).toBe(true);
  });

  it('makes columns of its own, and leaves hits out by query', async () => {
    const near = {
      op: 'map',
      outputs: ['near'],
      expr: {
        name: 'decay',
        args: [column('n')],
        params: { function: text('linear'), origin: number(1), scale: whole(4), decay: number(0.5) },
      },
    };
    const rounded = {
      op: 'map',
      outputs: ['$score'],
      expr: { name: 'round_decimal', args: [column('near')], params: { decimal: whole(1) } },
    };
    const limit = { op: 'limit', params: { limit: whole(3), offset: whole(1) } };
    const found = await hitsOf(requestOf(chainOf(near, sort('near', true, '$id'), rounded, limit), 10));
    expect(found).toEqual(
      pages(10).map((page) =>
        page
          .map(({ id }) => ({ id, near: Math.max(0, 1 - (Math.abs(rowOf(id).n - 1) * 0.5) / 4) }))
          .sort((a, b) => b.near - a.near || a.id - b.id)
          .slice(1, 4)
          .map(({ id, near: share }) => ({ id, score: Math.fround(Math.round(share * 10) / 10) })),
      ),
    );
  });

  it('is the same over REST', async () => {
    const ask = async (
      functionChains: unknown,
    ): Promise<{ code: number; message?: string; data?: object[] }> => {
      const body = {
        collectionName: COLLECTION,
        annsField: 'dense',
        data: queries(),
        limit: 8,
        functionChains,
      };
      const url = `http://${world.database.address}/v2/vectordb/entities/search`;
      return (await (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).json()) as never;
    };
    const chain = chainOf(combine('sum', '$score', 'n'), sort('sum', false, '$id'), {
      op: 'map',
      outputs: ['$score'],
      expr: { name: 'round_decimal', args: [column('sum')], params: { decimal: whole(2) } },
    });
    const wanted = (await hitsOf(requestOf(chain, 8))).flat();
    const ops = [
      {
        op: 'map',
        outputs: ['sum'],
        expr: { name: 'num_combine', args: ['$score', { column: 'n' }], params: { mode: 'sum' } },
      },
      { op: 'sort', params: { column: 'sum', desc: false, tie_break_col: '$id' } },
      {
        op: 'map',
        outputs: ['$score'],
        expr: { name: 'round_decimal', args: ['sum'], params: { decimal: 2 } },
      },
    ];
    for (const more of [{}, { stage: 'L2_RERANK' }, { stage: 'FunctionChainStageL2Rerank' }]) {
      const { data } = await ask([{ ...more, ops }]);
      expect(data).toEqual(
        wanted.map(({ id, score }) => expect.objectContaining({ id, distance: expect.closeTo(score, 4) })),
      );
    }
    expect(await ask([{ stage: 'L3', ops }])).toMatchObject({
      code: 1801,
      message: expect.stringContaining('no stage L3'),
    });
    expect(await ask([{ ops: [{ op: 'limit', params: { limit: 0.5 } }] }])).toMatchObject({ code: 1100 });
  });

  it('sorts by texts and truths, and puts nulls last both ways', async () => {
    const ordered = async (name: 'tag' | 'flag' | 'maybe', desc: boolean) =>
      (await hitsOf(requestOf(chainOf(sort(name, desc, '$id')), 20))).map((page) => page.map(({ id }) => id));
    for (const name of ['tag', 'flag', 'maybe'] as const)
      for (const desc of [false, true]) {
        const rank = (id: number): string | number => {
          const value = rowOf(id)[name];
          return typeof value === 'boolean' ? Number(value) : (value ?? (desc ? -1 : 1000));
        };
        const wanted = pages(20).map((page) =>
          page
            .map(({ id }) => id)
            .sort((a, b) => {
              const order = rank(a) < rank(b) ? -1 : Number(rank(a) > rank(b));
              return (desc ? -order : order) || a - b;
            }),
        );
        expect(await ordered(name, desc), `${name} ${desc}`).toEqual(wanted);
      }
  });

  it('is refused beside what else orders or scores hits, and in a hybrid search', async () => {
    const chain = chainOf(sort('n', true));
    const param = (key: string, value: string) => [...requestOf(chain, 5).searchParams, { key, value }];
    for (const [name, more] of [
      ['function_score', { functionScore: FunctionScore.create() }],
      ['order_by_fields', { searchParams: param('order_by_fields', 'n') }],
      ['grouping', { searchParams: param('group_by_field', 'n') }],
    ] as const) {
      const { status } = await search(requestOf(chain, 5, more));
      expect(status).toMatchObject({ code: 1100 });
      expect(status?.reason).toContain(name);
    }
    const hybrid = HybridSearchRequest.fromPartial({
      collectionName: COLLECTION,
      requests: [requestOf(chain, 5)],
      rankParams: [{ key: 'limit', value: '5' }],
    });
    const answer = SearchResults.decode(
      await raw.call('HybridSearch', HybridSearchRequest.encode(hybrid).finish()),
    );
    expect(answer.status).toMatchObject({ code: 1100 });
    expect(answer.status?.reason).toContain('not supported for hybrid search yet');
    const whole = HybridSearchRequest.fromPartial({
      ...{ collectionName: COLLECTION, requests: [requestOf(chain, 5, { functionChains: [] })] },
      ...{ rankParams: hybrid.rankParams, functionChains: [chain] },
    });
    expect(
      SearchResults.decode(await raw.call('HybridSearch', HybridSearchRequest.encode(whole).finish())).status,
    ).toMatchObject({ code: 1100, reason: answer.status?.reason });
  });

  it('says which row makes no number', async () => {
    const { status } = await search(
      requestOf(
        chainOf({
          op: 'map',
          outputs: ['$score'],
          expr: {
            name: 'num_combine',
            args: [
              column('price'),
              { arg: { $case: 'literal', value: number(1e308) } },
              { arg: { $case: 'literal', value: number(1e308) } },
            ],
            params: { mode: text('sum') },
          },
        }),
        5,
      ),
    );
    expect(status).toMatchObject({ code: 1100 });
    expect(status?.reason).toContain('makes Infinity for "$score" of primary key');
  });
});
