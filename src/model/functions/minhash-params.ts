// Parameters of a MinHash function, read from its schema.
import { dimOf } from '#model/schema/field.js';
import type { FieldSchema, FunctionSchema } from '#proto/milvus/schema.js';
import { refuse } from './function-kind.js';

export interface MinHashParams {
  readonly hashCount: number;
  /** Tokens of a shingle. */
  readonly shingleSize: number;
  readonly hash: 'xxhash64' | 'sha1';
  /** Whether tokens are the words of the analyzer; else they are characters. */
  readonly isOfWords: boolean;
  readonly seed: bigint;
}

/** Bits of a number of a signature. */
const HASH_BITS = 32;
const SHINGLE_SIZE = 3;
/** Each token is in so many shingles. */
const SHINGLE_SIZE_MAX = 64;
const SEED = 1234n;

const keys = ['num_hashes', 'shingle_size', 'hash_function', 'token_level', 'seed'];

/** @throws invalid_parameter */
export function minHashParams(
  { name, params }: Pick<FunctionSchema, 'name' | 'params'>,
  output: FieldSchema,
): MinHashParams {
  const values = new Map(params.map(({ key, value }) => [key.toLowerCase(), value.trim()]));
  const other = [...values.keys()].find((key) => !keys.includes(key));
  if (other !== undefined)
    refuse(
      `function ${name}: MinHash has no parameter ${other.slice(0, 64)}; expected some of ${keys.join(', ')}`,
    );
  const asked = positive(values, 'num_hashes');
  const dim = dimOf(output);
  if (dim === 0 || dim % HASH_BITS !== 0)
    refuse(
      `minhash function output field '${output.name}' dim ${dim} is not multiple of 32 (one minhash signature size)`,
    );
  const hashCount = asked ?? dim / HASH_BITS;
  if (hashCount * HASH_BITS !== dim)
    refuse(
      `minhash function output field '${output.name}' dim ${dim} does not match expected dim ${hashCount * HASH_BITS} (numHashes ${hashCount} * one minhash signature size of 32bit)`,
    );
  const shingleSize = positive(values, 'shingle_size') ?? SHINGLE_SIZE;
  if (shingleSize > SHINGLE_SIZE_MAX)
    refuse(`param shingle_size:${shingleSize} is too large; expected 1 to ${SHINGLE_SIZE_MAX}`);
  return {
    hashCount,
    shingleSize,
    hash: hashOf(values),
    isOfWords: isOfWords(values),
    seed: seedOf(values.get('seed')),
  };
}

type Values = ReadonlyMap<string, string>;

function positive(values: Values, key: string): number | undefined {
  const text = values.get(key);
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,9}$/.test(text)) return refuse(`param ${key}:${text.slice(0, 64)} is not a number`);
  return Number(text) > 0 ? Number(text) : refuse(`param ${key}:${Number(text)} must be positive`);
}

function hashOf(values: Values): MinHashParams['hash'] {
  const name = values.get('hash_function')?.toLowerCase() ?? 'xxhash64';
  if (name === 'xxhash' || name === 'xxhash64') return 'xxhash64';
  if (name === 'sha1') return 'sha1';
  return refuse(`unknown hash function: ${name.slice(0, 64)} (expected 'xxhash64' or 'sha1')`);
}

function isOfWords(values: Values): boolean {
  const level = values.get('token_level')?.toLowerCase() ?? 'word';
  if (level === 'word') return true;
  if (level === 'char' || level === 'character') return false;
  return refuse(`unknown token_level: ${level.slice(0, 64)} (expected 'char' or 'word')`);
}

function seedOf(text: string | undefined): bigint {
  if (text === undefined) return SEED;
  if (!/^[+-]?\d{1,19}$/.test(text)) return refuse(`param seed:${text.slice(0, 64)} is not a number`);
  return BigInt.asUintN(64, BigInt(text));
}
