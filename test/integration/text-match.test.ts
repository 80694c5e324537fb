// text_match, text_match_fuzzy and phrase_match through the client: in queries, searches and deletes, over growing and flushed rows.
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureOf, keyField, mustSucceed, openWorld, type World } from './support.js';

const text = (name: string, params: object) => ({
  name,
  data_type: DataType.VarChar,
  max_length: 1000,
  enable_analyzer: true,
  ...params,
});
const texts = [
  'Machine learning is fun',
  'learning about a machine',
  'deep LEARNING',
  '深度学习 machine',
  '',
  'machines learn',
];

describe('filters by words', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
    const { client } = world;
    const fields = [
      keyField,
      text('plain', { enable_match: true, nullable: true }),
      text('english', { enable_match: true, analyzer_params: { type: 'english' } }),
      text('unmatched', {}),
      { name: 'v', data_type: DataType.FloatVector, dim: 2 },
    ];
    await mustSucceed(client.createCollection({ collection_name: 'texts', fields } as never));
    await mustSucceed(
      client.createIndex({
        collection_name: 'texts',
        field_name: 'v',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: 'texts' }));
    const rowsFrom = (begin: number) =>
      texts.map((one, at) => ({
        id: begin + at,
        plain: one === '' ? null : one,
        english: one,
        unmatched: one,
        v: [begin + at, 0],
      }));
    await mustSucceed(client.insert({ collection_name: 'texts', data: rowsFrom(0) } as never));
    await mustSucceed(client.flushSync({ collection_names: ['texts'] }));
    await mustSucceed(client.insert({ collection_name: 'texts', data: rowsFrom(10) } as never));
  });
  afterAll(() => world.close());

  const query = async (filter: string): Promise<number[]> => {
    const { status, data } = await world.client.query({
      collection_name: 'texts',
      filter,
      output_fields: ['id'],
    });
    if (status.code !== 0) throw new Error(status.reason);
    return data.map(({ id }) => Number(id));
  };

  test.each<[string, number[]]>([
    ['text_match(plain, "learning")', [0, 1, 2]],
    ['text_match(plain, "fun deep")', [0, 2]],
    ['text_match(plain, "machine learning", minimum_should_match=2)', [0, 1]],
    ['text_match_fuzzy(plain, "laerning", max_edit_distance=1)', [0, 1, 2]],
    ['not text_match_fuzzy(plain, "machin", max_edit_distance=1)', [2, 5]],
    ['text_match(english, "machines")', [0, 1, 3, 5]],
    ['phrase_match(plain, "machine learning")', [0]],
    ['phrase_match(plain, "learning machine", 2)', [0, 1]],
    ['not text_match(plain, "machine")', [2, 5]],
    ['not text_match(english, "machine")', [2, 4]],
    ['TEXT_MATCH(plain, "learning") and text_match(english, "deep")', [2]],
    ['text_match(plain, "deep") or phrase_match(plain, "machines learn")', [2, 5]],
    ['text_match(plain, "nothing")', []],
  ])('%s', async (filter, expected) => {
    expect(await query(filter)).toEqual([...expected, ...expected.map((id) => id + 10)]);
  });

  test('in searches, and in deletes', async () => {
    const search = await world.client.search({
      collection_name: 'texts',
      data: [11, 0],
      limit: 3,
      filter: 'text_match(plain, "machine")',
    } as never);
    expect((search.results as unknown as { id: string }[]).map(({ id }) => Number(id))).toEqual([11, 10, 13]);
    await mustSucceed(
      world.client.delete({ collection_name: 'texts', filter: 'phrase_match(plain, "deep learning")' }),
    );
    expect(await query('text_match(plain, "learning")')).toEqual([0, 1, 10, 11]);
  });

  test('a field without enable_match is refused, and so are several analyzers with it', async () => {
    await expect(query('text_match(unmatched, "x")')).rejects.toThrow(
      'field "unmatched" does not enable match',
    );
    const multi = { analyzers: { default: {} }, by_field: 'other' };
    const failure = await failureOf(() =>
      world.client.createCollection({
        collection_name: 'several',
        fields: [
          keyField,
          { name: 'other', data_type: DataType.VarChar, max_length: 9 },
          text('t', { enable_match: true, multi_analyzer_params: JSON.stringify(multi) }),
          { name: 'v', data_type: DataType.FloatVector, dim: 2 },
        ],
      } as never),
    );
    expect(failure.reason).toContain(
      'multi analyzer now only support for bm25, but now field t enable match',
    );
  });
});
