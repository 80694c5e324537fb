// Signatures of texts: hashes as their specifications have them, the same signature for the same text always, and agreement that grows with the
// shingles that texts share.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { neverAborted } from '#base/on-abort.js';
import { batchOf, columnFromStrings, findColumn } from '#model/columns/column.js';
import { withFunctions } from '#model/functions/schema-functions.js';
import { CollectionSchema, DataType, FunctionType } from '#proto/milvus/schema.js';
import { noEmbedder } from '../../../test/support/no-embedder.js';
import { withFunctionOutputs } from './function-outputs.js';
import { querySignatures } from './minhash-output.js';
import { sha1Word } from './sha1.js';
import { xxHash32 } from './xxhash32.js';

const utf8 = new TextEncoder();
const pace = { isDue: false, rest: () => Promise.resolve() };
const HASHES = 256;

const schemaOf = (params: Record<string, string>, isAnalyzed = true) =>
  withFunctions(
    CollectionSchema.fromPartial({
      fields: [
        {
          fieldID: 101n,
          name: 'text',
          dataType: DataType.VarChar,
          nullable: true,
          typeParams: [{ key: 'enable_analyzer', value: String(isAnalyzed) }],
        },
        {
          fieldID: 102n,
          name: 'bits',
          dataType: DataType.BinaryVector,
          typeParams: [{ key: 'dim', value: String(HASHES * 32) }],
        },
      ],
      functions: [
        {
          name: 'f',
          type: FunctionType.MinHash,
          inputFieldNames: ['text'],
          outputFieldNames: ['bits'],
          params: Object.entries(params).map(([key, value]) => ({ key, value })),
        },
      ],
    }),
  );

async function signaturesOf(
  params: Record<string, string>,
  texts: readonly string[],
): Promise<Uint32Array[]> {
  const batch = batchOf(texts.length, [columnFromStrings(101n, DataType.VarChar, texts)]);
  const makers = { pace, embedder: noEmbedder, caller: { signal: neverAborted } };
  const made = await withFunctionOutputs(schemaOf(params), batch, makers);
  const bytes = must(findColumn(made, 102n), 'signatures').data;
  return texts.map((_, row) => new Uint32Array(bytes.slice(row * HASHES * 4, (row + 1) * HASHES * 4).buffer));
}

const agreement = (a: Uint32Array, b: Uint32Array): number =>
  a.reduce((count, value, at) => count + (value === b[at] ? 1 : 0), 0) / a.length;
const words = (begin: number, end: number): string =>
  Array.from({ length: end - begin }, (_, at) => `word${begin + at}`).join(' ');

describe('signatures', () => {
  it.each([
    ['', 0x02cc_5d05],
    ['a', 0x550d_7456],
    ['abc', 0x32d1_53ff],
    ['Nobody inspects the spammish repetition', 0xe229_3b2f],
  ])('XXH32 of %j', (text, hash) => expect(xxHash32(utf8.encode(text))).toBe(hash));

  it('the first word of SHA-1, at every length of a block', () => {
    for (let length = 0; length < 140; length++) {
      const bytes = utf8.encode('x'.repeat(length));
      expect(sha1Word(bytes)).toBe(createHash('sha1').update(bytes).digest().readUInt32LE(0));
    }
  });

  it('never change: rows of any time agree', async () => {
    const [one] = await signaturesOf({}, ['the quick brown fox jumps']);
    expect(Array.from(one?.subarray(0, 3) ?? [])).toEqual([965_556_623, 1_546_910_157, 683_068_963]);
  });

  it.each([{}, { hash_function: 'sha1' }, { token_level: 'char', shingle_size: '5' }, { SEED: '7' }])(
    'agree about as often as shingles do, with %j',
    async (params) => {
      const [whole, half, other, same] = await signaturesOf(params, [
        words(0, 300),
        words(100, 400),
        words(1000, 1300),
        words(0, 300),
      ]);
      const [a, b, c] = [must(whole, 'one'), must(half, 'half'), must(other, 'other')];
      expect(agreement(a, must(same, 'same'))).toBe(1);
      // 200 of 400 words are in both.
      expect(agreement(a, b)).toBeGreaterThan(0.35);
      expect(agreement(a, b)).toBeLessThan(0.65);
      if (params.token_level === undefined) expect(agreement(a, c)).toBeLessThan(0.05);
    },
  );

  it('of short texts, and of none', async () => {
    const [short, none, blank] = await signaturesOf({ shingle_size: '3' }, ['two words', '', ' ... ']);
    expect(none).toEqual(blank);
    expect(new Set(none)).toEqual(new Set([0xffff_ffff]));
    expect(agreement(must(short, 'short'), must(none, 'none'))).toBe(0);
  });

  it('of what is searched for are those of rows', async () => {
    const schema = schemaOf({});
    const [input, output] = schema.fields;
    const made = must(schema.functions[0], 'function');
    const parts = { made, input: must(input, 'input'), output: must(output, 'output'), analyzer: undefined };
    const sought = await querySignatures(['Milvus is vector db', 'x'], parts, pace);
    const rows = await signaturesOf({}, ['milvus is VECTOR db', 'x']);
    expect(new Uint32Array(sought.buffer, 0, HASHES)).toEqual(rows[0]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['another number of hashes', { num_hashes: '128' }, /does not match expected dim 4096/],
    ['no hashes', { num_hashes: '0' }, /param num_hashes:0 must be positive/],
    ['a size that is none', { shingle_size: 'x' }, /param shingle_size:x is not a number/],
    ['a size that is too large', { shingle_size: '65' }, /shingle_size:65 is too large/],
    ['an unknown hash', { hash_function: 'md5' }, /unknown hash function: md5/],
    ['an unknown level', { token_level: 'line' }, /unknown token_level: line/],
    ['a seed that is none', { seed: '1.5' }, /param seed:1.5 is not a number/],
    ['an unknown parameter', { hashes: '1' }, /MinHash has no parameter hashes/],
  ])('%s is refused', (_, params, reason) => expect(() => schemaOf(params)).toThrowError(reason));

  it('words need an analyzer, characters do not', () => {
    expect(() => schemaOf({}, false)).toThrowError(/must set enable_analyzer/);
    expect(() => schemaOf({ token_level: 'char' }, false)).not.toThrow();
  });

  it('a text that is null has the signature of the empty one', async () => {
    const makers = { pace, embedder: noEmbedder, caller: { signal: neverAborted } };
    const made = await withFunctionOutputs(schemaOf({}), batchOf(1, []), makers);
    expect(new Set(must(findColumn(made, 102n), 'bits').data)).toEqual(new Set([0xff]));
  });

  it('rests while it makes the shingles of a long text, however many are the same', async () => {
    let rests = 0;
    const due = { isDue: true, rest: async () => void rests++ };
    const schema = schemaOf({ shingle_size: '64', token_level: 'char' });
    const [input, output] = schema.fields;
    const made = must(schema.functions[0], 'the function');
    const parts = { made, input: must(input, 'text'), output: must(output, 'bits'), analyzer: undefined };
    await querySignatures(['a'.repeat(20_000)], parts, due);
    expect(rests).toBeGreaterThan(100);
  });
});
