// Functions of type TextEmbedding through the client, over a service that speaks the shape of each provider: rows come as texts and are found by
// texts; what the service is asked, and what becomes of its failures.
import { DataType, FunctionType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import {
  EMBEDDING_DIM,
  type FakeProviders,
  letterVector,
  openFakeProviders,
} from '../support/fake-providers.js';
import { connect, extraOf, failureOf, mustSucceed, type World } from './support.js';

const KEY = 'sk-very-secret';

interface Params {
  readonly [key: string]: string | number | boolean;
}

const definition = (name: string, params: Params, type: DataType = DataType.FloatVector) => ({
  collection_name: name,
  fields: [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true },
    { name: 'text', data_type: DataType.VarChar, max_length: 1000 },
    { name: 'n', data_type: DataType.Int64, nullable: true },
    { name: 'dense', data_type: type, dim: EMBEDDING_DIM },
  ],
  functions: [
    {
      name: 'embed',
      description: '',
      type: FunctionType.TEXTEMBEDDING,
      input_field_names: ['text'],
      output_field_names: ['dense'],
      params,
    },
  ],
});

describe('functions that ask services outside', () => {
  let providers: FakeProviders;
  let world: World;

  beforeAll(async () => {
    providers = await openFakeProviders();
    const { url } = providers;
    const at = (path: string) => ({ url: `${url}${path}`, credential: 'key' });
    const database = await open(undefined, {
      logLevel: 'error',
      functions: {
        credential: { key: { apikey: KEY }, other: { apikey: 'sk-other' } },
        function: {
          textEmbedding: {
            providers: {
              openai: at('/openai'),
              azure_openai: at('/azure'),
              cohere: at('/cohere'),
              voyageai: at('/voyage'),
              siliconflow: at('/silicon'),
              dashscope: at('/dash'),
              gemini: at('/gemini'),
              huggingface: at('/hf'),
            },
          },
        },
        origins: [url],
      },
    });
    const client = await connect(database.address);
    world = {
      database,
      client,
      async close() {
        await client.closeConnection();
        await database.close();
      },
    };
  });
  afterAll(async () => {
    await world.close();
    await providers.close();
  });
  beforeEach(() => {
    providers.asked.length = 0;
  });

  const create = async (name: string, params: Params, type?: DataType): Promise<void> => {
    await mustSucceed(world.client.createCollection(definition(name, params, type)));
    await mustSucceed(
      world.client.createIndex({ collection_name: name, field_name: 'dense', metric_type: 'COSINE' }),
    );
    await mustSucceed(world.client.loadCollection({ collection_name: name }));
    providers.asked.length = 0;
  };
  const insert = (name: string, ...texts: string[]) =>
    world.client.insert({ collection_name: name, data: texts.map((text, id) => ({ id, text })) });
  const found = async (name: string, text: string): Promise<unknown> => {
    const { results, status } = await world.client.search({
      collection_name: name,
      data: text,
      anns_field: 'dense',
      limit: 1,
      output_fields: ['text'],
    });
    return status.code === 0 ? results[0]?.text : status.reason;
  };

  test.each<
    [string, Params, DataType, (body: { readonly [key: string]: unknown }) => unknown, unknown[], string]
  >([
    [
      'openai',
      { model_name: 'small', dim: EMBEDDING_DIM, user: 'u' },
      DataType.FloatVector,
      ({ model, dimensions, user }) => [model, dimensions, user],
      [
        ['small', 8, 'u'],
        ['small', 8, 'u'],
      ],
      'authorization',
    ],
    [
      'azure_openai',
      { model_name: 'small' },
      DataType.FloatVector,
      ({ model }) => model,
      ['small', 'small'],
      'api-key',
    ],
    [
      'cohere',
      { model_name: 'm', truncate: 'START' },
      DataType.Int8Vector,
      ({ input_type, embedding_types, truncate }) => [input_type, embedding_types, truncate],
      [
        ['search_document', ['int8'], 'START'],
        ['search_query', ['int8'], 'START'],
      ],
      'authorization',
    ],
    [
      'voyageai',
      { model_name: 'm', truncation: true },
      DataType.Int8Vector,
      ({ input_type, output_dtype, truncation }) => [input_type, output_dtype, truncation],
      [
        ['document', 'int8', true],
        ['query', 'int8', true],
      ],
      'authorization',
    ],
    [
      'siliconflow',
      { model_name: 'm' },
      DataType.FloatVector,
      (body) => body.encoding_format,
      ['float', 'float'],
      'authorization',
    ],
    [
      'dashscope',
      { model_name: 'm' },
      DataType.FloatVector,
      ({ parameters }) => parameters,
      [
        { output_type: 'dense', text_type: 'document' },
        { output_type: 'dense', text_type: 'query' },
      ],
      'authorization',
    ],
    [
      'gemini',
      { model_name: 'models/small' },
      DataType.FloatVector,
      ({ requests }) => (requests as { taskType: string }[])[0]?.taskType,
      ['RETRIEVAL_DOCUMENT', 'RETRIEVAL_QUERY'],
      'x-goog-api-key',
    ],
    [
      'huggingface',
      { model_name: 'org/small', normalize: true },
      DataType.FloatVector,
      ({ normalize, truncate }) => [normalize, truncate],
      [
        [true, undefined],
        [true, undefined],
      ],
      'authorization',
    ],
    [
      'tei',
      { search_prompt: 'query: ', truncate: true, truncation_direction: 'Left', credential: 'key' },
      DataType.FloatVector,
      ({ truncate, inputs }) => [truncate, inputs],
      [
        [true, ['cats purr', 'dogs bark']],
        [true, ['query: bark dogs']],
      ],
      'authorization',
    ],
  ])(
    '%s makes vectors of rows and of what is searched for',
    async (provider, params, type, shown, asked, header) => {
      const name = `with_${provider}`;
      const endpoint = provider === 'tei' ? { endpoint: `${providers.url}/tei` } : {};
      await create(name, { ...params, ...endpoint, provider }, type);
      expect((await insert(name, 'cats purr', 'dogs bark')).status.code).toBe(0);
      expect(await found(name, 'bark dogs')).toBe('dogs bark');
      expect(providers.asked.map(({ body }) => shown(body))).toEqual(asked);
      const keys = providers.asked.map(({ headers }) => String(headers[header]).replace('Bearer ', ''));
      expect(keys).toEqual([KEY, KEY]);
      const { data } = await world.client.query({
        collection_name: name,
        filter: 'id == 0',
        output_fields: ['dense'],
      });
      expect(Array.from((data[0]?.dense ?? []) as number[])).toEqual(letterVector('cats purr'));
    },
  );

  test('texts go in batches of what a provider takes, each text once, and no more than it takes five times', async () => {
    await create('batches', { provider: 'cohere', model_name: 'm' });
    const texts = Array.from({ length: 200 }, (_, at) => `text ${'abcdefgh'.repeat((at % 100) + 1)}`);
    expect((await insert('batches', ...texts)).status.code).toBe(0);
    expect(providers.asked.map(({ body }) => body.texts.length)).toEqual([96, 4]);
    const many = Array.from({ length: 481 }, (_, at) => `${at}`);
    const { status } = await insert('batches', ...many);
    expect(status.reason).toContain('embedding supports up to [480] pieces of data at a time, got [481]');
  });

  test('a partial update asks only where the text is sent', async () => {
    await create('partial', { provider: 'openai', model_name: 'm' });
    await insert('partial', 'one', 'two');
    providers.asked.length = 0;
    const upsert = (row: object) =>
      world.client.upsert({ collection_name: 'partial', data: [row as never], partial_update: true });
    expect((await upsert({ id: 0, n: 7 })).status.code).toBe(0);
    expect(providers.asked).toEqual([]);
    expect((await upsert({ id: 1, text: 'three' })).status.code).toBe(0);
    expect(providers.asked.map(({ body }) => body.input)).toEqual([['three']]);
    const { data } = await world.client.query({
      collection_name: 'partial',
      filter: 'id >= 0',
      output_fields: ['n', 'dense'],
    });
    const rows = data.map(({ id, n, dense }) => [id, n, Array.from(dense as number[])]);
    expect(rows).toEqual([
      ['0', '7', letterVector('one')],
      ['1', null, letterVector('three')],
    ]);
  });

  test('a service that fails fails the write, and nothing of it is written', async () => {
    await create('failing', { provider: 'openai', model_name: 'm' });
    providers.failures.push({ status: 401, body: `{"error":"wrong key ${KEY}"}` });
    const { status: wrong } = await insert('failing', 'a', 'b');
    expect(wrong).toMatchObject({ code: 2400, retriable: false });
    expect(wrong.reason).toContain('errs:[401, {"error":"wrong key ***"}]');
    const busy = { status: 429, body: 'slow down', headers: { 'retry-after': '60' } };
    providers.failures.push(busy);
    const { status: limited } = await insert('failing', 'a', 'b');
    expect(limited).toMatchObject({ code: 2, retriable: true });
    expect(extraOf(limited).elanus_error_key).toBe('provider_unavailable');
    const { data } = await world.client.query({
      collection_name: 'failing',
      filter: 'id >= 0',
      output_fields: ['count(*)'],
    });
    expect(data).toEqual([{ 'count(*)': '0' }]);
    expect((await insert('failing', 'a', '')).status.reason).toContain(
      'there is an empty string in the input data, TextEmbedding function does not support empty text',
    );
    expect((await insert('failing', 'a', 'b')).status.code).toBe(0);
    const { status } = await world.client.search({
      collection_name: 'failing',
      data: ['a', ''],
      anns_field: 'dense',
    });
    expect(status.reason).toContain('there is an empty string in the queries');
  });

  test.each<[string, Params, string]>([
    [
      'an address that is not listed',
      { endpoint: 'http://169.254.169.254/latest' },
      'is not among the addresses',
    ],
    ['an address that is none', { url: 'file:///etc/passwd' }, 'is not a valid http/https link'],
    ['a key in place of its name', { credential: 'sk-123' }, 'credential [sk-123] is not known'],
    ['another dimension', { dim: 9 }, "'s dimension [8] does not match the dimension [9]"],
    ['an unknown provider', { provider: 'nobody' }, 'unsupported text embedding service provider: [nobody]'],
    ['an unknown parameter', { dimension: 8 }, 'provider openai has no parameter dimension'],
    ['no model', { model_name: '' }, 'model_name is required'],
  ])('%s is refused before anything is asked', async (_, change, reason) => {
    const refused = definition('refused', { provider: 'openai', model_name: 'm', ...change });
    const failure = await failureOf(() => world.client.createCollection(refused));
    expect(failure.code).toBe(1100);
    expect(failure.reason).toContain(reason);
    expect(providers.asked).toEqual([]);
  });

  test('a model of another dimension shows when the collection is created', async () => {
    const { fields, ...other } = definition('wide', { provider: 'openai', model_name: 'm' });
    const wide = fields.map((field) => (field.name === 'dense' ? { ...field, dim: 16 } : field));
    const failure = await failureOf(() => world.client.createCollection({ ...other, fields: wide }));
    expect(failure).toMatchObject({
      code: 2400,
      reason: 'the required embedding dim is [16], but the embedding obtained from the model is [8]',
    });
  });

  test('the key of a provider does not go to another address that is listed', async () => {
    const other = providers.url.replace('127.0.0.1', 'localhost');
    const failure = await failureOf(() =>
      world.client.createCollection(
        definition('elsewhere', { provider: 'openai', model_name: 'm', url: `${other}/openai` }),
      ),
    );
    expect(failure.reason).toContain('is not among the addresses');
    await create('named', { provider: 'tei', endpoint: `${providers.url}/tei` });
    await insert('named', 'a');
    expect(providers.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('a function comes, changes and goes over a field that has vectors', async () => {
    const { functions, ...plain } = definition('later', { provider: 'openai', model_name: 'm' });
    await mustSucceed(world.client.createCollection(plain));
    const name = { collection_name: 'later' };
    await mustSucceed(world.client.createIndex({ ...name, field_name: 'dense', metric_type: 'COSINE' }));
    await mustSucceed(world.client.loadCollection(name));
    const sent = { id: 7, text: 'old', dense: letterVector('bark dogs') };
    await mustSucceed(world.client.insert({ ...name, data: [sent] }));
    const [embed] = functions;
    if (embed === undefined) throw new Error('no function');
    const wrong = { ...embed, params: { provider: 'openai', model_name: '' } };
    expect((await world.client.addCollectionFunction({ ...name, function: wrong })).reason).toContain(
      'model_name is required',
    );
    await mustSucceed(world.client.addCollectionFunction({ ...name, function: embed }));
    await mustSucceed(insert('later', 'cats purr'));
    expect(await found('later', 'dogs bark')).toBe('old');
    expect(await found('later', 'cats purr')).toBe('cats purr');
    const altered = { ...embed, params: { provider: 'cohere', model_name: 'm' } };
    await mustSucceed(
      world.client.alterCollectionFunction({ ...name, function_name: 'embed', function: altered }),
    );
    providers.asked.length = 0;
    await mustSucceed(insert('later', 'others'));
    expect(providers.asked.map(({ path }) => path)).toEqual(['/cohere']);
    await mustSucceed(world.client.dropCollectionFunction({ ...name, function_name: 'embed' }));
    const { status } = await insert('later', 'no vector');
    expect(status.code).toBe(1100);
    expect(await found('later', 'cats purr')).toMatch(/no function makes its vectors of texts/);
    await mustSucceed(world.client.insert({ ...name, data: [sent] }));
    const { schema } = await world.client.describeCollection(name);
    expect(schema.functions).toEqual([]);
  });

  test('hybrid searches take texts', async () => {
    await create('hybrid', { provider: 'openai', model_name: 'm' });
    await insert('hybrid', 'cats purr', 'dogs bark');
    providers.asked.length = 0;
    const { results, status } = await world.client.hybridSearch({
      collection_name: 'hybrid',
      data: [
        { anns_field: 'dense', data: 'dogs' },
        { anns_field: 'dense', data: 'bark dogs' },
      ],
      limit: 1,
      output_fields: ['text'],
    });
    expect(status.reason).toBe('');
    expect(results.map(({ text }) => text)).toEqual(['dogs bark']);
    expect(providers.asked).toHaveLength(2);
  });
});
