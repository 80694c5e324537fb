// Searches that ask for what cannot be, as exact bytes over gRPC: each is refused with a code and a sentence, the server lives, and a good search
// finds what it found before.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import { HybridSearchRequest, SearchRequest, SearchResults } from '#proto/milvus/milvus.js';
import { FunctionScore, FunctionType, IDs } from '#proto/milvus/schema.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { COLLECTION, openSearchWorld, type SearchWorld } from './search-world.js';

type Params = Record<string, string>;
const pairs = (params: Params) => Object.entries(params).map(([key, value]) => ({ key, value }));
const vectors = (count: number, bytes = bytesView(Float32Array.of(1, 0, 2, 1))): Uint8Array[] =>
  Array.from({ length: count }, () => bytes);
const group = (
  values: Uint8Array[],
  type: PlaceholderType = PlaceholderType.FloatVector,
  count = 1,
): Uint8Array =>
  PlaceholderGroup.encode({
    placeholders: Array.from({ length: count }, () => ({ tag: '$0', type, values, elementLevel: false })),
  }).finish();

const search = (params: Params, more: object = {}, placeholders = group(vectors(1))): SearchRequest =>
  SearchRequest.fromPartial({
    collectionName: COLLECTION,
    searchInput: { $case: 'placeholderGroup', value: placeholders },
    searchParams: pairs({ anns_field: 'dense', topk: '3', ...params }),
    ...more,
  });
const cut = group(vectors(2)).subarray(0, 9);
const rerank = (params: Params, inputs: string[] = []) =>
  FunctionScore.fromPartial({
    functions: [{ type: FunctionType.Rerank, params: pairs(params), inputFieldNames: inputs }],
  });
const ids = (value: object) => ({ searchInput: { $case: 'ids' as const, value: IDs.fromPartial(value) } });

const searches: readonly [what: string, request: SearchRequest, code: number, text: string][] = [
  ['no vectors', search({}, {}, group([])), 1100, 'nq [0] is invalid'],
  [
    'no placeholders',
    search({}, {}, group([], PlaceholderType.FloatVector, 0)),
    1100,
    'placeholder_group is empty',
  ],
  ['two placeholders', search({}, {}, group(vectors(1), PlaceholderType.FloatVector, 2)), 1100, 'expected 1'],
  ['too many vectors', search({}, {}, group(vectors(16_385))), 1100, 'nq [16385] is invalid'],
  ['a group cut off', search({}, {}, cut), 1100, 'placeholder_group cannot be decoded'],
  ['garbage for a group', search({}, {}, Uint8Array.of(255, 255, 255, 255)), 1100, 'placeholder_group'],
  [
    'another type',
    search({}, {}, group(vectors(1), PlaceholderType.BinaryVector)),
    1100,
    'vector type must be the same',
  ],
  ['a short vector', search({}, {}, group([Uint8Array.of(1, 2, 3)])), 2000, 'vector dimension mismatch'],
  [
    'no number',
    search({}, {}, group(vectors(1, bytesView(Float32Array.of(1, NaN, 1, 1))))),
    1100,
    'is not a number',
  ],
  ['topk 0', search({ topk: '0' }), 1100, 'topk [0] is invalid'],
  ['topk -1', search({ topk: '-1' }), 1100, 'topk [-1] is invalid'],
  ['topk 16385', search({ topk: '16385' }), 1100, 'topk [16385] is invalid'],
  ['topk in words', search({ topk: 'many' }), 1100, 'expected an integer'],
  ['offset -1', search({ offset: '-1' }), 1100, 'offset [-1] is invalid'],
  ['a window too large', search({ topk: '16000', offset: '400' }), 1100, 'invalid max query result window'],
  [
    'results too many',
    search({ topk: '16384' }, {}, group(vectors(100))),
    1100,
    'number of result entries is too large',
  ],
  ['ef -1', search({ params: '{"ef":-1}' }), 1100, 'ef'],
  ['nprobe 1e9', search({ params: '{"nprobe":1000000000}' }), 1100, 'nprobe'],
  [
    'a range turned round',
    search({ params: '{"radius":1,"range_filter":5}' }),
    1100,
    'must be less than radius',
  ],
  ['a radius in words', search({ params: '{"radius":"far"}' }), 1100, 'expected a number'],
  ['params that are no object', search({ params: '[]' }), 1100, 'should be a JSON object'],
  ['another metric', search({ metric_type: 'IP' }), 1100, 'metric type not match'],
  ['no such metric', search({ metric_type: 'NEAR' }), 1100, 'metric type not match'],
  ['no such field', search({ anns_field: 'nope' }), 1100, 'fieldName(nope) not found'],
  ['a scalar field', search({ anns_field: 'n' }), 1100, 'not of vector type'],
  ['no such partition', search({}, { partitionNames: ['nope'] }), 200, 'partition not found'],
  ['round_decimal 7', search({ round_decimal: '7' }), 1100, 'round_decimal [7] is invalid'],
  ['group_size 0', search({ group_by_field: 'n', group_size: '0' }), 1100, 'input group size:0'],
  ['groups of vectors', search({ group_by_field: 'dense' }), 1100, 'unsupported data type for group by'],
  ['groups of what is nothing', search({ group_by_field: 'doc["a' }), 1100, 'json path'],
  ['an order of JSON', search({ order_by_fields: 'doc' }), 1100, 'unsupported data type'],
  [
    'an iterator of another collection',
    search({ iterator: 'true', collection_id: '1' }),
    1100,
    'is not consistent',
  ],
  [
    'ids and no field of theirs',
    search({}, ids({ idField: { $case: 'strId', value: { data: ['a'] } } })),
    1100,
    'IDs type mismatch',
  ],
  ['no ids', search({}, ids({})), 1100, 'nq [0] is invalid'],
  [
    'a ranker of nobody',
    search({}, { functionScore: rerank({ reranker: 'best' }) }),
    1100,
    'Unsupported rerank function',
  ],
  [
    'a weight that is no number',
    search({}, { functionScore: rerank({ reranker: 'boost', weight: 'NaN' }) }),
    1100,
    'expected a number',
  ],
  [
    'a decay without end',
    search(
      {},
      { functionScore: rerank({ reranker: 'decay', function: 'exp', origin: '0', scale: '-1' }, ['n']) },
    ),
    1100,
    'scale must > 0',
  ],
  [
    'buckets of nothing',
    search({}, { searchAggregation: { fields: [], size: 1n } }),
    1100,
    'a level has no fields',
  ],
  ['buckets of no size', search({}, { searchAggregation: { fields: ['n'], size: 0n } }), 1100, 'size is 0'],
  [
    'levels without end',
    search(
      {},
      {
        searchAggregation: [1, 2, 3, 4].reduce<object>(
          (inner, at) => ({ fields: [`f${at}`, 'n'].slice(1), size: 1n, subAggregation: inner }),
          { fields: ['n'], size: 1n },
        ),
      },
    ),
    1100,
    'more than 4 levels',
  ],
];

const hybrid = (rankParams: Params, requests: SearchRequest[], more: object = {}): HybridSearchRequest =>
  HybridSearchRequest.fromPartial({
    collectionName: COLLECTION,
    requests,
    rankParams: pairs({ limit: '3', ...rankParams }),
    ...more,
  });
const two = [search({}), search({ anns_field: 'other' })];
const weighted = (weights: string): Params => ({ strategy: 'weighted', params: `{"weights":${weights}}` });

const hybrids: readonly [what: string, request: HybridSearchRequest, text: string][] = [
  ['no searches', hybrid({}, []), 'expected 1 to 1024'],
  [
    'too many searches',
    hybrid(
      {},
      Array.from({ length: 1025 }, () => search({})),
    ),
    'expected 1 to 1024',
  ],
  ['no limit', hybrid({ limit: '' }, two), 'limit not found in rank_params'],
  [
    'searches of other sizes',
    hybrid({}, [search({}), search({}, {}, group(vectors(2)))]),
    'expected the same nq',
  ],
  [
    'a search of another collection',
    hybrid({}, [search({}, { collectionName: 'other' })]),
    'expected the same collection',
  ],
  ['a ranker of nobody', hybrid({ strategy: 'best' }, two), 'unsupported rank type'],
  ['no weights', hybrid({ strategy: 'weighted' }, two), 'weights not found'],
  ['one weight', hybrid(weighted('[1]'), two), 'length of weights param mismatch'],
  ['a negative weight', hybrid(weighted('[1,-1]'), two), 'should be in range [0, 1]'],
  ['a weight that is no number', hybrid(weighted('[1,"NaN"]'), two), 'expected a list of numbers'],
  ['k that is no number', hybrid({ strategy: 'rrf', params: '{"k":"NaN"}' }, two), 'expected a number'],
  ['k 0', hybrid({ strategy: 'rrf', params: '{"k":0}' }, two), 'should be in range (0, 16384)'],
  [
    'a boost of the whole',
    hybrid({}, two, { functionScore: rerank({ reranker: 'boost', weight: '1' }) }),
    'boost is a function of a single search',
  ],
  ['a bad search among good ones', hybrid({}, [search({}), search({ topk: '0' })]), 'topk [0] is invalid'],
];

describe('bad searches', () => {
  let world: SearchWorld;
  let raw: RawClient;
  let before: SearchResults;
  const ask = async (request: SearchRequest): Promise<SearchResults> =>
    SearchResults.decode(await raw.call('Search', SearchRequest.encode(request).finish()));
  beforeAll(async () => {
    world = await openSearchWorld();
    raw = connectRaw(world.database.address);
    before = await ask(search({}));
  }, 60_000);
  afterAll(async () => {
    raw.close();
    await world.close();
  });
  const expectGood = async (): Promise<void> => {
    const { results } = await ask(search({}));
    expect(results?.ids).toEqual(before.results?.ids);
  };

  it.each(searches)('%s', async (_what, request, code, text) => {
    const { status } = await ask(request);
    expect(status).toMatchObject({ code, reason: expect.stringContaining(text) });
    expect(status?.reason).not.toMatch(/undefined|\[object|internal error/);
    await expectGood();
  });

  it.each(hybrids)('hybrid: %s', async (_what, request, text) => {
    const { status } = SearchResults.decode(
      await raw.call('HybridSearch', HybridSearchRequest.encode(request).finish()),
    );
    expect(status).toMatchObject({ code: 1100, reason: expect.stringContaining(text) });
    expect(status?.reason).not.toMatch(/undefined|\[object|internal error/);
    await expectGood();
  });

  it('as many vectors as a search may have', { timeout: 60_000 }, async () => {
    const { status, results } = await ask(search({ topk: '2' }, {}, group(vectors(16_384))));
    expect(status?.reason).toBe('');
    expect(results?.topks.length).toBe(16_384);
    expect(new Set(results?.topks)).toEqual(new Set([2n]));
  });
});
