// The reranker `model` through the client, over a service that speaks the shape of each provider and scores texts by the letters that they share
// with the query.
import { DataType, FunctionType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { SearchRequest, SearchResults } from '#proto/milvus/milvus.js';
import { FunctionChainStage } from '#proto/milvus/schema.js';
import { open } from '#server/open.js';
import { type FakeProviders, openFakeProviders } from '../support/fake-providers.js';
import { connectRaw, placeholderGroup } from './raw-client.js';
import { connect, mustSucceed, type World } from './support.js';

const TEXTS = ['zzzz', 'abcdef', 'abc', 'ab'];

describe('hits that a model ranks', () => {
  let providers: FakeProviders;
  let world: World;

  beforeAll(async () => {
    providers = await openFakeProviders();
    const { url } = providers;
    const at = (path: string) => ({ url: `${url}/rerank-${path}`, credential: 'key' });
    const database = await open(undefined, {
      logLevel: 'error',
      functions: {
        credential: { key: { apikey: 'sk-rerank' } },
        function: {
          rerank: {
            model: {
              providers: {
                tei: at('tei'),
                vllm: at('vllm'),
                cohere: at('cohere'),
                siliconflow: at('silicon'),
                voyageai: at('voyage'),
                ali: at('ali'),
                huggingface: at('hf'),
                dashscope: { ...at('ali'), enable: false },
              },
            },
          },
        },
      },
    });
    const client = await connect(database.address);
    world = {
      database,
      client,
      close: async () => {
        await client.closeConnection();
        await database.close();
      },
    };
    await mustSucceed(
      client.createCollection({
        collection_name: 'c',
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'text', data_type: DataType.VarChar, max_length: 100 },
          { name: 'maybe', data_type: DataType.VarChar, max_length: 100, nullable: true },
          { name: 'v', data_type: DataType.FloatVector, dim: 2 },
        ],
      }),
    );
    await mustSucceed(client.createIndex({ collection_name: 'c', field_name: 'v', metric_type: 'L2' }));
    await mustSucceed(client.loadCollection({ collection_name: 'c' }));
    const data = TEXTS.map((text, id) => ({ id, text, v: [id, 0] }));
    await mustSucceed(client.insert({ collection_name: 'c', data }));
  });
  afterAll(async () => {
    await world.close();
    await providers.close();
  });
  beforeEach(() => {
    providers.asked.length = 0;
  });

  const model = (params: object, input_field_names: string[] = ['text']) => ({
    name: 'm',
    description: '',
    type: FunctionType.RERANK,
    input_field_names,
    output_field_names: [],
    params: { reranker: 'model', queries: ['abcdef'], ...params },
  });
  test('scores hits in a step of a function chain', async () => {
    const text = (value: string) => ({ value: { $case: 'stringValue', value } }) as const;
    const listOf = (texts: readonly string[]) =>
      ({ value: { $case: 'arrayValue', value: { values: texts.map(text) } } }) as const;
    const request = (args: string, queries: readonly string[]) =>
      SearchRequest.fromPartial({
        collectionName: 'c',
        nq: 2n,
        searchInput: {
          $case: 'placeholderGroup',
          value: placeholderGroup([
            [0, 0],
            [0, 0],
          ]),
        },
        searchParams: [{ key: 'topk', value: '4' }],
        functionChains: [
          {
            stage: FunctionChainStage.FunctionChainStageL2Rerank,
            ops: [
              {
                op: 'map',
                outputs: ['$score'],
                expr: {
                  name: 'rerank_model',
                  args: [{ arg: { $case: 'column', value: { name: args } } }],
                  params: { queries: listOf(queries), provider: text('tei') },
                },
              },
              { op: 'sort', params: { column: text('$score') } },
            ],
          },
        ],
      });
    const raw = connectRaw(world.database.address);
    const ask = async (asked: SearchRequest) =>
      SearchResults.decode(await raw.call('Search', SearchRequest.encode(asked).finish()));
    try {
      const { results, status } = await ask(request('text', ['abcdef', 'zz']));
      expect(status?.reason).toBe('');
      const ids = results?.ids?.idField;
      const packed = ids?.$case === 'intId' ? ids.value.data : new Uint8Array();
      const keys = new BigInt64Array(decodeInt64s(packed, 'keys').buffer);
      const found = Array.from(keys, (id) => TEXTS[Number(id)]);
      expect(found).toEqual(['abcdef', 'abc', 'ab', 'zzzz', 'zzzz', 'abcdef', 'abc', 'ab']);
      expect(providers.asked).toHaveLength(2);
      // Rows without a text are not sent, and have no score.
      expect((await ask(request('maybe', ['a', 'b']))).status?.reason).toBe('');
      expect(providers.asked).toHaveLength(2);
      expect((await ask(request('text', ['a']))).status).toMatchObject({
        code: 1100,
        reason: expect.stringContaining('nq must equal to queries size'),
      });
    } finally {
      raw.close();
    }
  });

  const search = async (rerank: object, more: object = {}) => {
    const { results, status } = await world.client.search({
      collection_name: 'c',
      data: [0, 0],
      limit: 3,
      output_fields: ['text'],
      rerank,
      ...more,
    } as never);
    return {
      reason: status.reason,
      code: status.code,
      results: results as unknown as { text: string; score: number }[],
    };
  };

  test.each<[string, object]>([
    ['tei', { truncate: true, truncation_direction: 'Left' }],
    ['vllm', { truncate_prompt_tokens: 100 }],
    ['cohere', { model_name: 'm', max_tokens_per_doc: 10 }],
    ['siliconflow', { model_name: 'm', max_chunks_per_doc: 10, overlap_tokens: 1 }],
    ['voyageai', { model_name: 'm', truncation: false }],
    ['ali', { model_name: 'm' }],
    ['huggingface', { model_name: 'org/small' }],
  ])('%s', async (provider, params) => {
    const { results, reason } = await search(model({ provider, ...params }));
    expect(reason).toBe('');
    expect(results.map(({ text }) => text)).toEqual(['abcdef', 'abc', 'zzzz']);
    expect(results.map(({ score }) => score * 32)).toEqual([6, 3, 0]);
    expect(providers.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer sk-rerank']);
    const { body } = providers.asked[0] ?? {};
    for (const [key, value] of Object.entries(params))
      if (provider !== 'huggingface') expect(body[key === 'model_name' ? 'model' : key]).toEqual(value);
  });

  test('texts go in batches, and each query has its own', async () => {
    const rerank = model({ provider: 'tei', max_client_batch_size: 2, queries: ['abcdef', 'zzzz'] });
    const { results, status } = await world.client.search({
      collection_name: 'c',
      data: [
        [0, 0],
        [3, 0],
      ],
      limit: 4,
      output_fields: ['text'],
      rerank,
    } as never);
    expect(status.reason).toBe('');
    const found = results as unknown as { text: string }[][];
    expect(found.map((hits) => hits[0]?.text)).toEqual(['abcdef', 'zzzz']);
    expect(providers.asked.map(({ body }) => [body.query, body.texts.length])).toEqual([
      ['abcdef', 2],
      ['abcdef', 2],
      ['zzzz', 2],
      ['zzzz', 2],
    ]);
  });

  test('a page of them, and those of a hybrid search', async () => {
    const { results } = await search(model({ provider: 'tei' }), { offset: 1, limit: 2 });
    expect(results.map(({ text }) => text)).toEqual(['abc', 'zzzz']);
    const hybrid = await world.client.hybridSearch({
      collection_name: 'c',
      data: [
        { anns_field: 'v', data: [0, 0] },
        { anns_field: 'v', data: [3, 0] },
      ],
      limit: 2,
      output_fields: ['text'],
      rerank: model({ provider: 'tei' }),
    } as never);
    expect(hybrid.status.reason).toBe('');
    expect((hybrid.results as unknown as { text: string }[]).map(({ text }) => text)).toEqual([
      'abcdef',
      'abc',
    ]);
  });

  test('a service that fails fails the search', async () => {
    providers.failures.push({ status: 400, body: 'no such model' });
    expect(await search(model({ provider: 'tei' }))).toMatchObject({
      code: 2400,
      reason: expect.stringContaining('errs:[400, no such model]'),
    });
  });

  test.each<[object, string]>([
    [
      model({ provider: 'tei', queries: ['a', 'b'] }),
      'nq must equal to queries size, but got nq [1], queries size [2]',
    ],
    [model({ provider: 'tei', queries: [] }), 'Rerank function lost params queries'],
    [model({ provider: 'tei' }, []), 'only supports single input'],
    [model({ provider: 'tei' }, ['id']), 'only support varchar, bug got [Int64]'],
    [model({ provider: 'tei' }, ['maybe']), 'cannot be nullable'],
    [model({ provider: 'nobody' }), 'unknown rerank model provider:nobody'],
    [model({ provider: 'dashscope', model_name: 'm' }), 'rerank provider: [dashscope] is disabled'],
    [model({ provider: 'cohere' }), 'cohere rerank model name is required'],
    [model({ provider: 'tei', endpoint: 'http://169.254.169.254' }), 'is not among the addresses'],
    [model({ provider: 'tei', top_n: 1 }), 'rerank provider tei has no parameter top_n'],
    [model({}), 'lost rerank params:provider'],
  ])('%j is refused before anything is asked: %s', async (rerank, reason) => {
    const failure = await search(rerank);
    expect(failure.code).toBe(1100);
    expect(failure.reason).toContain(reason);
    expect(providers.asked).toEqual([]);
  });
});
