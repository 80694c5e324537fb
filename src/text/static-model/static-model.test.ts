// Vectors of texts are those that Model2Vec makes of the same files, and files that are no such model are refused.
import { describe, expect, it } from 'vitest';
import {
  safetensors,
  TINY_DIM,
  tinyModel,
  tinyTokenizer,
  tinyVectors,
} from '../../../test/support/tiny-model.js';
import { type ModelFiles, StaticModel } from './static-model.js';

const vectorOf = (files: ModelFiles, text: string): number[] => {
  const model = new StaticModel(files);
  const vector = new Float32Array(model.dim);
  model.write(text, vector, 0);
  return Array.from(vector, (value) => Math.round(value * 1e6) / 1e6);
};

describe('static embeddings', () => {
  // Answers of model2vec 0.10.0 and tokenizers 0.23.3.
  it.each([
    ['Cats purr!', [2.5, -1, -1.75, 0.25]],
    ['doggy, DOGS', [0.6, 0.4, 2.4, 0]],
    ['Café 日本 ÜBER', [-1, 1, 0.25, -0.5]],
    ['unknown words cat', [-2, 0, 2, 4]],
    ['', [0, 0, 0, 0]],
    ['!!! a!!! a!!! a', [1.5, 3.5, -2.75, -0.75]],
    ['abbc singing\u200bcat', [-1.75, 0.25, 2.25, -1.25]],
    [`${'cat '.repeat(600)}dog`, [-2, 0, 2, 4]],
    [`${'x'.repeat(101)} cat`, [-2, 0, 2, 4]],
  ])('of %j', (text, vector) => expect(vectorOf(tinyModel(), text)).toEqual(vector));

  it('have the length 1 where the model says so, and count as many pieces as it says', () => {
    const [a = 0, , c = 0, d = 0] = vectorOf(tinyModel({ normalize: true }), 'cat');
    expect(a * a + c * c + d * d).toBeCloseTo(1, 5);
    expect(vectorOf(tinyModel({ max_length: 1 }), 'cat dog dog')).toEqual([-2, 0, 2, 4]);
  });

  it.each<[string, (values: Float32Array) => ArrayBufferView]>([
    ['F16', (values) => Uint16Array.from(values, half)],
    ['BF16', (values) => Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16)],
    ['F64', (values) => Float64Array.from(values)],
    ['I8', (values) => Int8Array.from(values)],
  ])('are read from %s', (dtype, convert) => {
    const shape = [tinyVectors.length / TINY_DIM, TINY_DIM];
    const weights = safetensors({ embeddings: { dtype, shape, data: convert(tinyVectors) } });
    expect(vectorOf({ ...tinyModel(), weights }, 'Cats purr!')).toEqual([2.5, -1, -1.75, 0.25]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 3e38])(
    'are refused where they come to no number: %d',
    (value) => {
      const shape = [tinyVectors.length / TINY_DIM, TINY_DIM];
      const data = new Float32Array(tinyVectors.length).fill(value);
      const weights = safetensors({ embeddings: { dtype: 'F32', shape, data } });
      expect(() => vectorOf({ ...tinyModel(), weights }, 'cat cat')).toThrowError(
        /vectors that are no numbers/,
      );
      expect(vectorOf({ ...tinyModel(), weights }, '')).toEqual([0, 0, 0, 0]);
    },
  );

  it('have weights and a mapping of pieces where the file has them', () => {
    const rows = tinyVectors.length / TINY_DIM;
    const weights = safetensors({
      embeddings: { dtype: 'F32', shape: [rows, TINY_DIM], data: tinyVectors },
      weights: { dtype: 'F32', shape: [rows], data: new Float32Array(rows).fill(0.5) },
      // Every piece has the vector of `cat`.
      mapping: { dtype: 'I64', shape: [rows], data: new BigInt64Array(rows).fill(2n) },
    });
    expect(vectorOf({ ...tinyModel(), weights }, 'dog purr')).toEqual([-1, 0, 1, 2]);
  });

  const file = tinyModel().weights;
  const short = (length: number) => ({ weights: file.slice(0, length) });
  const header = (text: string): Uint8Array => {
    const bytes = new Uint8Array(8 + text.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(new TextEncoder().encode(text), 8);
    return bytes;
  };
  it.each<[string, Partial<ModelFiles>, RegExp]>([
    ['an empty file', short(0), /has 0 bytes/],
    ['a header that is cut', short(20), /which is more than there are/],
    ['tensors that are cut', short(file.length - 1), /has its bytes from 0 to 320/],
    ['a header that is no JSON', { weights: header('{]') }, /no JSON/],
    ['a header that is a list', { weights: header('[]') }, /no object/],
    ['a tensor without a place', { weights: header('{"embeddings":{}}') }, /no type, shape and place/],
    [
      'a tensor whose size overflows',
      { weights: header('{"e":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}') },
      /has its bytes from 0 to 0/,
    ],
    ['another model', { weights: header('{}') }, /has no tensor embeddings/],
    ['a tokenizer that is no JSON', { tokenizer: new Uint8Array(3) }, /no JSON object/],
    [
      'another tokenizer',
      { tokenizer: tinyTokenizer({ model: { type: 'WordLevel' } }) },
      /of type WordLevel/,
    ],
    [
      'another cut',
      { tokenizer: tinyTokenizer({ pre_tokenizer: { type: 'Metaspace' } }) },
      /WordPiece with other parts than BERT/,
    ],
    [
      'another normalizer',
      { tokenizer: tinyTokenizer({ normalizer: { type: 'Precompiled' } }) },
      /WordPiece with other parts than BERT/,
    ],
    ['a config that is none', { config: new Uint8Array(1) }, /config.json: is no JSON/],
  ])('%s is refused', (_, change, reason) => {
    expect(() => new StaticModel({ ...tinyModel(), ...change })).toThrowError(reason);
  });
});

/** Whole numbers from -5 to 5 as half floats. */
function half(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.abs(value) / 2 ** exponent - 1;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | (fraction * 1024);
}
