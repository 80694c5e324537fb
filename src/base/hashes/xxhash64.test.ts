import fc from 'fast-check';
import { xxhash64 as slowHash } from 'hyparquet/src/xxhash.js';
import { describe, expect, it } from 'vitest';
import { xxhash64, xxhash64OfWords } from './xxhash64.js';

const numberOf = (words: Int32Array): bigint =>
  (BigInt.asUintN(32, BigInt(words[1] ?? 0)) << 32n) | BigInt.asUintN(32, BigInt(words[0] ?? 0));

function hashOf(bytes: Uint8Array, begin = 0, end = bytes.length): bigint {
  const out = new Int32Array(2);
  xxhash64(bytes, begin, end, out);
  return numberOf(out);
}

describe('xxhash64', () => {
  it('has the values that the specification gives', () => {
    const texts = ['', 'a', 'abc'].map((text) => hashOf(new TextEncoder().encode(text)));
    expect(texts).toEqual([0xef46db3751d8e999n, 0xd24ec4f1a98c6e5bn, 0x44bc2cf5ad770999n]);
  });

  it('is what a slow one with bigints says, of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5), (bytes, from) => {
        const begin = Math.min(from, bytes.length);
        expect(hashOf(bytes, begin)).toBe(slowHash(bytes.slice(begin)));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same of a number and of its bytes', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (low, high) => {
        const out = new Int32Array(2);
        xxhash64OfWords(low, high, out);
        expect(numberOf(out)).toBe(hashOf(new Uint8Array(Int32Array.of(low, high).buffer)));
      }),
      { numRuns: 500 },
    );
  });
});
