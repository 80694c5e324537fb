// Functions that come together with the field that they make, to collections with rows: rows that are there get what the function makes, in files
// and growing, written before the change, during it and after it; until all have it a search of the field says so. Killed at any step, it goes on.
import { DataType, FunctionType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { open } from '#server/open.js';
import {
  EMBEDDING_DIM,
  type FakeProviders,
  letterVector,
  openFakeProviders,
} from '../support/fake-providers.js';
import { connect, failureOf, mustSucceed, tempFolder, until } from './support.js';

const OPTIONS = {
  logLevel: 'silent',
  compactionDelayMs: 20,
  garbageIntervalMs: 40,
  indexRowsMin: 8,
} as const;
const WORDS = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'heath'];
/** A few words for each row, so that some rows have a word more often than others. */
const textOf = (id: number): string =>
  Array.from({ length: 3 + (id % 5) }, (_, at) => WORDS[(id * 7 + at * at) % WORDS.length]).join(' ');
const rowsFrom = (begin: number, end: number, round = 0) =>
  Array.from({ length: end - begin }, (_, at) => ({
    id: begin + at,
    text: textOf(begin + at + round),
    vector: [1, begin + at],
  }));
const fields = [
  { name: 'id', data_type: DataType.Int64, is_primary_key: true },
  { name: 'text', data_type: DataType.VarChar, max_length: 1000, enable_analyzer: true },
  { name: 'vector', data_type: DataType.FloatVector, dim: 2 },
];
const sparse = { name: 'sparse', data_type: DataType.SparseFloatVector };
const bm25 = {
  ...{ name: 'words', description: '', type: FunctionType.BM25, params: {} },
  ...{ input_field_names: ['text'], output_field_names: ['sparse'] },
};
const index = { index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'BM25' };

let folder: Awaited<ReturnType<typeof tempFolder>>;
let providers: FakeProviders;
let database: Awaited<ReturnType<typeof open>>;
let client: MilvusClient;

const start = async (): Promise<void> => {
  database = await open(folder.path, {
    ...OPTIONS,
    functions: {
      credential: { key: { apikey: 'sk' } },
      function: {
        textEmbedding: { providers: { openai: { url: `${providers.url}/openai`, credential: 'key' } } },
      },
      origins: [providers.url],
    },
  });
  client = await connect(database.address);
};
const stop = async (): Promise<void> => {
  await client.closeConnection();
  await database.close();
};
beforeAll(async () => {
  providers = await openFakeProviders();
});
afterAll(() => providers.close());
beforeEach(async () => {
  folder = await tempFolder();
  await start();
});
afterEach(async () => {
  await stop();
  await folder.remove();
});

const create = async (name: string, withFunction: boolean): Promise<void> => {
  await mustSucceed(
    client.createCollection({
      collection_name: name,
      ...{ fields: withFunction ? [...fields, sparse] : fields, functions: withFunction ? [bm25] : [] },
      shards_num: 2,
    }),
  );
  const indexes = [{ field_name: 'vector', metric_type: 'L2' }];
  await mustSucceed(
    client.createIndex(
      (withFunction ? [...indexes, { field_name: 'sparse', ...index }] : indexes).map((one) => ({
        collection_name: name,
        ...one,
      })),
    ),
  );
  await mustSucceed(client.loadCollection({ collection_name: name }));
};
const add = async (name: string, func: object = bm25, field: object = sparse, params: object = index) => {
  const { alter_status: status } = (await client.alterCollectionSchema({
    ...{ collection_name: name, field, function: func, index_name: 'made', extra_params: params },
  } as never)) as never as { alter_status: { code: number; reason: string } };
  return status;
};
const search = (name: string, text: string, field = 'sparse') =>
  client.search({
    ...{ collection_name: name, data: text, anns_field: field, limit: 200 },
    consistency_level: 'Strong' as never,
  });
const scores = async (name: string, text: string): Promise<unknown> => {
  const { status, results } = await search(name, text);
  return status.code === 0
    ? results
        .map(({ id, score }) => [Number(id), Math.fround(score)])
        .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
    : status.code;
};
const filled = (name: string, text = 'amber', field = 'sparse'): Promise<boolean> =>
  until(`the backfill of ${name}`, async () =>
    (await search(name, text, field)).status.code === 0 ? true : undefined,
  );
const stats = async (name: string): Promise<readonly (string | undefined)[]> => {
  const { stats: all } = await client.getCollectionStatistics({ collection_name: name });
  return ['consistent', 'total'].map(
    (word) => all.find(({ key }) => key === `schema_version_${word}_segments`)?.value as string | undefined,
  );
};

const explained = async (): Promise<readonly { readonly waitsFor: string }[]> => {
  const response = await fetch(`http://${database.address}/v2/vectordb/operations/explain`, {
    method: 'POST',
    body: JSON.stringify({ kind: 'compaction', collectionName: 'late' }),
  });
  return ((await response.json()) as { data: { operations: { waitsFor: string }[] } }).data.operations;
};

/** What a collection with and one without the function get. */
const both = async (call: (name: string) => Promise<unknown>): Promise<void> => {
  for (const name of ['late', 'early']) await mustSucceed(call(name) as never);
};
const insert = (begin: number, end: number, round = 0) =>
  both((collection_name) => client.insert({ collection_name, data: rowsFrom(begin, end, round) }));
const same = async (): Promise<void> => {
  for (const text of ['amber', 'birch cedar', 'heath grove delta'])
    expect(await scores('late', text)).toEqual(await scores('early', text));
};

it('rows of all kinds have the scores of a collection that had the function from the beginning', async () => {
  for (const name of ['late', 'early']) await create(name, name === 'early');
  await insert(0, 60);
  await both((collection_name) => client.delete({ collection_name, filter: 'id in [3, 5, 7]' }));
  await mustSucceed(client.flushSync({ collection_names: ['late', 'early'] }));
  await insert(60, 90);
  await both((collection_name) => client.delete({ collection_name, filter: 'id in [11, 61]' }));
  expect(await stats('late')).toEqual([undefined, undefined]);
  expect(await add('late')).toMatchObject({ code: 0 });
  // Writes go on: those that come now carry what the function makes, whether rows before them have it or not.
  await insert(90, 120);
  await both((collection_name) => client.upsert({ collection_name, data: rowsFrom(10, 20, 3) }));
  await filled('late');
  await same();
  await both((collection_name) => client.upsert({ collection_name, data: rowsFrom(62, 66, 5) }));
  await same();
  const [consistent, total] = await stats('late');
  expect(Number(total)).toBeGreaterThan(0);
  expect(consistent).toBe(total);
  const { schema } = await client.describeCollection({ collection_name: 'late' });
  expect(schema.fields.find(({ name }) => name === 'sparse')).toMatchObject({ is_function_output: true });
  // Compacted with what came later, and opened again.
  await mustSucceed(client.flushSync({ collection_names: ['late', 'early'] }));
  await mustSucceed(client.compact({ collection_name: 'late' }));
  await same();
  await stop();
  await start();
  await filled('late');
  await filled('early');
  await same();
});

describe('a function whose service fails', () => {
  const dense = { name: 'dense', data_type: DataType.FloatVector, dim: EMBEDDING_DIM };
  const embed = {
    ...{ name: 'embed', description: '', type: FunctionType.TEXTEMBEDDING },
    ...{ input_field_names: ['text'], output_field_names: ['dense'] },
    params: { provider: 'openai', model_name: 'small' },
  };
  const read = async (): Promise<unknown[]> => {
    const { data } = await client.query({
      ...{ collection_name: 'late', filter: 'id < 100', output_fields: ['id', 'dense'] },
      consistency_level: 'Strong' as never,
    });
    return data.sort((a, b) => Number(a.id) - Number(b.id)).map(({ dense: vector }) => vector ?? null);
  };

  it('is said by searches of its field and by nothing else; what came since is whole', async () => {
    await create('late', false);
    await mustSucceed(client.insert({ collection_name: 'late', data: rowsFrom(0, 20) }));
    await mustSucceed(client.flushSync({ collection_names: ['late'] }));
    await mustSucceed(client.insert({ collection_name: 'late', data: rowsFrom(20, 30) }));
    const params = { index_type: 'FLAT', metric_type: 'L2' };
    const wrong = { ...embed, params: { provider: 'none' } };
    expect((await add('late', wrong, dense, params)).code).toBe(1100);
    // The model is tried, and answers; then the service refuses the texts of rows that are there.
    const refused = new Set(Array.from({ length: 30 }, (_, id) => textOf(id)));
    refused.delete(textOf(4));
    providers.refuses = ({ input }) => input.some((text: string) => refused.has(text));
    expect(await add('late', embed, dense, params)).toMatchObject({ code: 0 });
    await mustSucceed(client.insert({ collection_name: 'late', data: rowsFrom(30, 31) }));
    await mustSucceed(
      client.upsert({
        collection_name: 'late',
        data: [{ id: 4, vector: [9, 9] }],
        partial_update: true,
      } as never),
    );
    const isWhole = (id: number): boolean => id === 30 || id === 4;
    const expected = (all: boolean) =>
      Array.from({ length: 31 }, (_, id) => (all || isWhole(id) ? letterVector(textOf(id)) : null));
    expect(await read()).toEqual(expected(false));
    expect((await search('late', 'amber', 'dense')).status.code).toBe(103);
    expect((await search('late', [[1, 4]] as never, 'vector')).status.code).toBe(0);
    const [consistent, total] = await stats('late');
    expect(Number(consistent)).toBeLessThan(Number(total));
    // Its field would have no values that anybody could give it.
    const drop = { collection_name: 'late', function_name: 'embed' };
    expect((await failureOf(() => client.dropCollectionFunction(drop as never))).code).toBe(1100);
    await stop();
    providers.refuses = undefined;
    await start();
    await filled('late', 'amber', 'dense');
    expect(await read()).toEqual(expected(true));
  });

  it('of one text names its row and fills the others; the row goes, or comes anew with another text', async () => {
    await create('late', false);
    const rude = (id: number) => ({ id, text: `amber rude ${id}`, vector: [1, id] });
    await mustSucceed(
      client.insert({ collection_name: 'late', data: [...rowsFrom(0, 20), rude(20), rude(21)] }),
    );
    await mustSucceed(client.flushSync({ collection_names: ['late'] }));
    providers.refuses = ({ input }) => input.some((text: string) => text.includes('rude'));
    expect(await add('late', embed, dense, { index_type: 'FLAT', metric_type: 'L2' })).toMatchObject({
      code: 0,
    });
    const others = Array.from({ length: 20 }, (_, id) => letterVector(textOf(id)));
    await until('the others are filled', async () =>
      JSON.stringify(await read()) === JSON.stringify([...others, null, null]) ? true : undefined,
    );
    const reasons = await until('the rows are named', async () => {
      const found = (await explained()).filter(({ waitsFor }) => /refuses the rows? with key/.test(waitsFor));
      return [20, 21].every((id) => found.some(({ waitsFor }) => waitsFor.includes(String(id))))
        ? found.map(({ waitsFor }) => waitsFor)
        : undefined;
    });
    expect(reasons.join()).toMatch(/function embed refuses .*errs:\[4.*delete/);
    expect((await search('late', 'amber', 'dense')).status.code).toBe(103);
    await mustSucceed(client.delete({ collection_name: 'late', filter: 'id == 20' }));
    await mustSucceed(
      client.upsert({ collection_name: 'late', data: [{ ...rude(21), text: 'amber kind' }] }),
    );
    await mustSucceed(client.flushSync({ collection_names: ['late'] }));
    await filled('late', 'amber', 'dense');
    expect(await read()).toEqual([...others, letterVector('amber kind')]);
    providers.refuses = undefined;
  });
});

it('what a change must be', async () => {
  await create('late', false);
  const code = async (...args: Parameters<typeof add>) => (await add(...args)).code;
  expect(await code('late', { ...bm25, input_field_names: ['none'] })).toBe(1100);
  expect(await code('late', bm25, { ...sparse, name: 'other' })).toBe(1100);
  expect(await code('late', bm25, { ...sparse, nullable: true })).toBe(1100);
  expect(await code('late', bm25, { ...sparse, name: 'text' })).toBe(1100);
  expect(await code('late', { ...bm25, input_field_names: ['sparse'] })).toBe(1100);
  expect(await code('late')).toBe(0);
  expect(await code('late')).toBe(1100);
});
