// A model of static embeddings of twenty pieces, as Model2Vec writes its files.
import type { ModelFiles } from '#text/static-model/static-model.js';

export const TINY_DIM = 4;
// biome-ignore format: one table
const VOCABULARY = [
  '[PAD]', '[UNK]', 'cat', '##s', 'dog', '##gy', 'purr', 'sing', '##ing', '!',
  ',', 'cafe', '日', '本', 'über', 'uber', 'a', 'b', '##b', '##c',
];

const utf8 = new TextEncoder();
const json = (value: unknown): Uint8Array => utf8.encode(JSON.stringify(value));

interface SentTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/** A file of tensors, one after another. */
export function safetensors(tensors: Readonly<Record<string, SentTensor>>): Uint8Array {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
      const begin = end;
      end += data.byteLength;
      return [name, { dtype, shape, data_offsets: [begin, end] }];
    }),
  );
  const text = JSON.stringify(header);
  const head = utf8.encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const file = new Uint8Array(8 + head.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  let at = 8 + head.length;
  for (const { data } of Object.values(tensors)) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

export const tinyVectors = Float32Array.from(
  { length: VOCABULARY.length * TINY_DIM },
  (_, at) => ((Math.floor(at / TINY_DIM) * 7 + (at % TINY_DIM) * 13) % 11) - 5,
);

export const tinyTokenizer = (change: object = {}): Uint8Array =>
  json({
    version: '1.0',
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(VOCABULARY.map((piece, id) => [piece, id])),
    },
    ...change,
  });

export const tinyModel = (config: object = { normalize: false }): ModelFiles => ({
  tokenizer: tinyTokenizer(),
  weights: safetensors({
    embeddings: { dtype: 'F32', shape: [VOCABULARY.length, TINY_DIM], data: tinyVectors },
  }),
  config: json(config),
});
