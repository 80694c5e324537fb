// Analyzers through clients: RunAnalyzer by parameters and by field, what CreateCollection refuses of them.
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureOf, openWorld, type World } from './support.js';

const text = (name: string, params: object = {}) => ({
  name,
  data_type: DataType.VarChar,
  max_length: 1000,
  enable_analyzer: true,
  ...params,
});
const others = [
  { name: 'id', data_type: DataType.Int64, is_primary_key: true },
  { name: 'v', data_type: DataType.FloatVector, dim: 2 },
];
const several = {
  analyzers: { default: { type: 'standard' }, english: { type: 'english' } },
  by_field: 'language',
  alias: { en: 'english' },
};

describe('analyzers', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
    await world.client.createCollection({
      collection_name: 'texts',
      fields: [
        ...others,
        { name: 'language', data_type: DataType.VarChar, max_length: 20 },
        text('english', { analyzer_params: { type: 'english' } }),
        text('several', { multi_analyzer_params: JSON.stringify(several) }),
      ],
    });
  });
  afterAll(() => world.close());

  test('RunAnalyzer takes no text that would hold everything else up, and answers no more than fits', async () => {
    const run = (texts: string[]) =>
      failureOf(() =>
        world.client.runAnalyzer({ analyzer_params: { tokenizer: 'whitespace' }, text: texts } as never),
      );
    expect(await run(['a', 'x'.repeat(1_048_577)])).toMatchObject({
      code: 1102,
      reason: expect.stringContaining('a text of 1048577 bytes at 1'),
    });
    const many = 'a '.repeat(524_288);
    expect(await run([many, many])).toMatchObject({
      code: 1102,
      reason: expect.stringContaining('more than 1000000 tokens'),
    });
  });

  test('RunAnalyzer by parameters, with places in UTF-8 and hashes', async () => {
    const { status, results } = await world.client.runAnalyzer({
      text: ['Über den Wolken', ''],
      analyzer_params: { tokenizer: 'standard', filter: ['lowercase'] },
      with_detail: true,
      with_hash: true,
    });
    expect(status.code).toBe(0);
    const tokens = results.map((one) =>
      one.tokens.map((token) => ({ ...token, hash: Number(token.hash) > 0 })),
    );
    expect(tokens).toEqual([
      [
        {
          token: 'über',
          start_offset: '0',
          end_offset: '5',
          position: '0',
          position_length: '1',
          hash: true,
        },
        { token: 'den', start_offset: '6', end_offset: '9', position: '1', position_length: '1', hash: true },
        {
          token: 'wolken',
          start_offset: '10',
          end_offset: '16',
          position: '2',
          position_length: '1',
          hash: true,
        },
      ],
      [],
    ]);
  });

  test('RunAnalyzer as a field has it, by names of analyzers and their aliases', async () => {
    const answer = (field_name: string, analyzer_names?: string[]) =>
      world.client.runAnalyzer({
        collection_name: 'texts',
        field_name,
        text: ['running dogs', 'running dogs'],
        ...(analyzer_names && { analyzer_names }),
      });
    const run = async (field_name: string, analyzer_names?: string[]) => {
      const { results } = await answer(field_name, analyzer_names);
      return results.map(({ tokens }) => tokens.map(({ token }) => token).join(' '));
    };
    expect(await run('english')).toEqual(['run dog', 'run dog']);
    expect(await run('several')).toEqual(['running dogs', 'running dogs']);
    expect(await run('several', ['en'])).toEqual(['run dog', 'run dog']);
    expect(await run('several', ['default', 'english'])).toEqual(['running dogs', 'run dog']);
    const failure = await failureOf(() => answer('several', ['klingon']));
    expect(failure.reason).toContain('expected one of default, english, en');
    expect((await failureOf(() => answer('language'))).reason).toContain('has no analyzer');
    expect((await failureOf(() => answer('none'))).reason).toContain('field none not exist');
  });

  test.each<[string, object, number, string]>([
    [
      'a tokenizer there is not',
      { analyzer_params: { tokenizer: 'x' } },
      1100,
      'field t: invalid analyzer params: tokenizer',
    ],
    [
      'a list of words there is not',
      { analyzer_params: { filter: [{ type: 'stop', stop_words: ['_x_'] }] } },
      1100,
      'filter[0].stop_words[0]',
    ],
    [
      'no default',
      { multi_analyzer_params: '{"analyzers": {}, "by_field": "id"}' },
      1100,
      'analyzers.default is missing',
    ],
    [
      'a field that names none',
      { multi_analyzer_params: '{"analyzers": {"default": {}}, "by_field": "id"}' },
      1100,
      'by_field is id',
    ],
    [
      'an alias of none',
      { multi_analyzer_params: '{"analyzers": {"default": {}}, "by_field": "id", "alias": {"a": "b"}}' },
      1100,
      'alias.a is "b"',
    ],
    [
      'both kinds',
      { analyzer_params: {}, multi_analyzer_params: '{"analyzers": {"default": {}}, "by_field": "id"}' },
      1100,
      'are both set',
    ],
    [
      'params without the flag',
      { enable_analyzer: false, analyzer_params: {} },
      1100,
      'needs enable_analyzer',
    ],
    ['a number', { data_type: DataType.Int64 }, 1100, 'can not enable analyzer on field t of type Int64'],
    [
      'a file',
      { analyzer_params: { filter: [{ type: 'stop', stop_words_file: {} }] } },
      1100,
      'resource name of remote file must be set',
    ],
  ])('%s is refused', async (_, params, code, reason) => {
    const failure = await failureOf(() =>
      world.client.createCollection({ collection_name: 'refused', fields: [...others, text('t', params)] }),
    );
    expect(failure).toMatchObject({ code, reason: expect.stringContaining(reason) });
  });
});
