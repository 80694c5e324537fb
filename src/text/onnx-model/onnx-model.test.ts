// Models in ONNX: what is run of a text, what is made of the answer, and what is refused. By a stand-in, and by `onnxruntime-web` where it is installed.
import { createRequire } from 'node:module';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { setTextPackages } from '#text/text-packages.js';
import { tinyTokenizer } from '../../../test/support/tiny-model.js';
import { onnxStandIn, tinyOnnx } from '../../../test/support/tiny-onnx.js';
import { type OnnxFiles, OnnxModel } from './onnx-model.js';
import { onnxModelTasks } from './tasks.js';

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** `[PAD]` stands before a text and `!` behind it. */
const template = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: 'A' } }, { Sequence: { id: 'A' } }, { SpecialToken: { id: 'B' } }],
  special_tokens: { A: { ids: [0] }, B: { ids: [9] } },
};
const modules = (...types: readonly string[]): Uint8Array => json(types.map((type) => ({ type })));
const plain = modules('sentence_transformers.models.Transformer');

function files(settings: Partial<OnnxFiles['settings']> = {}, tokenizer: object = {}): OnnxFiles {
  const none = {
    'config.json': undefined,
    'sentence_bert_config.json': undefined,
    '1_Pooling/config.json': undefined,
    'modules.json': plain,
  };
  return { tokenizer: tinyTokenizer(tokenizer), model: tinyOnnx(), settings: { ...none, ...settings } };
}

async function vectorOf(of: OnnxFiles, text: string): Promise<number[]> {
  const model = await OnnxModel.open(of);
  const vector = await model.vector(text);
  await model.close();
  return Array.from(vector, (value) => Math.round(value * 1e5) / 1e5);
}

const isInstalled = (() => {
  try {
    return createRequire(import.meta.url).resolve('onnxruntime-web') !== '';
  } catch {
    return false;
  }
})();

describe.each([...(isInstalled ? ['onnxruntime-web'] : []), 'a stand-in'])('a model in ONNX, by %s', (by) => {
  beforeEach(() => {
    if (by === 'a stand-in') setTextPackages(() => onnxStandIn());
    else provideTextPackages();
  });
  afterAll(() => provideTextPackages());

  it('has the mean of the vectors of pieces, those around the text and unknown ones among them', async () => {
    // Rows of the table: cat -2 0 2 4, [UNK] 2 4 -5 -3, [PAD] -5 -3 -1 1, ! 3 5 -4 -2.
    expect(await vectorOf(files(), 'cat')).toEqual([-2, 0, 2, 4]);
    expect(await vectorOf(files(), 'cat qqq')).toEqual([0, 2, -1.5, 0.5]);
    expect(await vectorOf(files({}, { post_processor: template }), 'cat')).toEqual([
      -1.33333, 0.66667, -1, 1,
    ]);
    const bert = { type: 'BertProcessing', sep: ['!', 9], cls: ['[PAD]', 0] };
    expect(await vectorOf(files({}, { post_processor: bert }), 'cat')).toEqual([-1.33333, 0.66667, -1, 1]);
  });

  it('has the first vector, and the length 1, where its files say so', async () => {
    const first = {
      '1_Pooling/config.json': json({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }),
    };
    expect(await vectorOf(files(first), 'cat qqq')).toEqual([-2, 0, 2, 4]);
    const unit = { 'modules.json': modules('sentence_transformers.models.Normalize') };
    for (const settings of [unit, { 'modules.json': undefined }])
      expect(await vectorOf(files(settings), 'cat')).toEqual([-0.40825, 0, 0.40825, 0.8165]);
  });

  it('counts as many pieces as its files say, and never more than 512', async () => {
    const short = { 'sentence_bert_config.json': json({ max_seq_length: 3 }) };
    expect(await vectorOf(files(short, { post_processor: template }), 'cat dog dog')).toEqual([
      -1.33333, 0.66667, -1, 1,
    ]);
    expect(await vectorOf(files({}, { truncation: { max_length: 1 } }), 'cat dog')).toEqual([-2, 0, 2, 4]);
    expect(await vectorOf(files({ 'config.json': json({ max_position_embeddings: 1 }) }), 'cat dog')).toEqual(
      [-2, 0, 2, 4],
    );
    const long = { 'sentence_bert_config.json': json({ max_seq_length: 100_000 }) };
    expect(await vectorOf(files(long), `${'cat '.repeat(512)}dog`)).toEqual([-2, 0, 2, 4]);
    await expect(
      vectorOf(
        files(short, {
          truncation: null,
          post_processor: { ...template, single: Array(3).fill(template.single[0]) },
        }),
        'a',
      ),
    ).rejects.toThrow(/no room for a text in 3 pieces/);
  });

  it('counts the last pieces where the tokenizer cuts texts at their beginning', async () => {
    const truncation = { max_length: 2, direction: 'Left' };
    expect(await vectorOf(files({}, { truncation }), 'dog dog cat qqq')).toEqual([0, 2, -1.5, 0.5]);
    expect(await vectorOf(files({}, { truncation }), 'cat qqq')).toEqual([0, 2, -1.5, 0.5]);
  });

  it('has the pieces around a text that processors in a row put there', async () => {
    const bert = { type: 'RobertaProcessing', sep: ['!', 9], cls: ['[PAD]', 0] };
    const processors = [{ type: 'ByteLevel' }, bert];
    const row = { post_processor: { type: 'Sequence', processors } };
    expect(await vectorOf(files({}, row), 'cat')).toEqual([-1.33333, 0.66667, -1, 1]);
  });

  it('is run by a task, which keeps it', async () => {
    const { run } = { run: onnxModelTasks.embedTextsByOnnx };
    for (const id of ['one', 'one', 'other']) {
      const made = await run({ id, files: files(), texts: ['cat', 'qqq'] }, {});
      expect([made.dim, ...made.vectors]).toEqual([4, -2, 0, 2, 4, 2, 4, -5, -3]);
    }
  });

  it('is refused where it cannot be opened, or takes what is not there', async () => {
    await expect(vectorOf({ ...files(), model: Uint8Array.of(1, 2, 3) }, 'cat')).rejects.toThrow(
      /model.onnx: cannot be opened \(.*protobuf parsing failed/,
    );
    if (by === 'a stand-in') setTextPackages(() => onnxStandIn({ inputNames: ['input_ids', 'pixels'] }));
    const of = by === 'a stand-in' ? files() : { ...files(), model: tinyOnnx(['input_ids', 'pixels']) };
    await expect(vectorOf(of, 'cat')).rejects.toThrow(/takes pixels, expected input_ids, attention_mask/);
  });

  it.each<[string, Partial<OnnxFiles['settings']>, object, RegExp]>([
    ['a tokenizer of another kind', {}, { model: { type: 'WordLevel' } }, /model of type WordLevel/],
    ['a strange processor', {}, { post_processor: { type: 'Roberta' } }, /post_processor Roberta, expected/],
    [
      'a piece without a number',
      {},
      { post_processor: { ...template, special_tokens: {} } },
      /no number for A/,
    ],
    [
      'pooling by the last',
      { '1_Pooling/config.json': json({ pooling_mode_lasttoken: true }) },
      {},
      /sets pooling_mode_lasttoken/,
    ],
    ['damaged settings', { 'modules.json': Uint8Array.of(123) }, {}, /modules.json: is no JSON/],
  ])('is refused with %s', async (_, settings, tokenizer, text) => {
    await expect(vectorOf(files(settings, tokenizer), 'cat')).rejects.toThrow(text);
  });
});

describe('without what runs a model', () => {
  afterAll(() => provideTextPackages());

  it('says what to install, and what to install anew', async () => {
    setTextPackages(() => {
      throw new Error('not found');
    });
    await expect(vectorOf(files(), 'cat')).rejects.toThrow(
      /a model in ONNX needs the package onnxruntime-web.*npm install onnxruntime-web/,
    );
    setTextPackages(() => ({ env: {} }));
    await expect(vectorOf(files(), 'cat')).rejects.toThrow(/has no InferenceSession.*another version/);
  });

  it('refuses answers in another shape', async () => {
    setTextPackages(() => onnxStandIn({ dims: [1, 4, 1] }));
    await expect(vectorOf(files(), 'cat')).rejects.toThrow(
      /in the shape 1 x 4 x 1 of 1 pieces, expected 1 x 1 x dim/,
    );
  });
});
