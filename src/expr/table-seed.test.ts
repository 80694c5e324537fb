// Values that a client has chosen so that they share a place of a table.
import { expect, test } from 'vitest';
import { PairSet } from './evaluate/numbers/pair-set.js';
import { seedWithShortChains } from './table-seed.js';
import { packTexts, TextSet } from './text-set.js';

test('seeds are tried until chains are short, and the last is taken as it is', () => {
  const tried: [number, number][] = [];
  const seed = seedWithShortChains((...asked) => tried.push(asked) > 2);
  expect(tried).toHaveLength(3);
  expect(seed).toBe(tried[2]?.[0]);
  expect(new Set(tried.map(([one]) => one)).size).toBe(3);
  const limits: number[] = [];
  seedWithShortChains((_, chainMax) => limits.push(chainMax) < 0);
  expect(limits).toEqual([...new Array(7).fill(512), Number.POSITIVE_INFINITY]);
});

/** The inverse of an odd number modulo 2^32. */
function inverse(odd: number): number {
  let found = odd;
  for (let step = 0; step < 5; step++) found = Math.imul(found, 2 - Math.imul(odd, found));
  return found;
}

const spread = (low: number): number => {
  const product = Math.imul(low, 0x9e3779b1);
  return product ^ (product >>> 15);
};

test('int64 whose hash is the same under the first seed are found, in a table of another', () => {
  const target = Math.imul(77, inverse(0x85ebca6b));
  const values = BigInt64Array.from({ length: 5000 }, (_, low) => {
    const high = spread(low) ^ target;
    return (BigInt(high) << 32n) | BigInt(low);
  });
  const set = PairSet.ofInts(values);
  expect(PairSet.tableOf(values)?.seed).not.toBe(0);
  values.forEach((value, number) => {
    expect(set.indexOfInt(value)).toBe(number);
  });
  expect(set.indexOfInt(5001n)).toBe(-1);
  expect(PairSet.tableOf(BigInt64Array.from([1n]))).toBeUndefined();
});

/** Pairs of letters after which the hash of a text is what it was; a text of ten of them is one of 2^10 with one hash. */
function collidingTexts(): string[] {
  const state = (text: string, from: number): number => {
    let hash = from;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    return hash | 0;
  };
  const rounds = 10;
  const block = 6;
  let texts = [''];
  let hash = 0x811c9dc5 ^ (rounds * block);
  for (let round = 0; round < rounds; round++) {
    const seen = new Map<number, string>();
    for (let number = 0; ; number++) {
      const text = number.toString(36).padStart(block, '0');
      const next = state(text, hash);
      const other = seen.get(next);
      seen.set(next, text);
      if (other === undefined) continue;
      texts = texts.flatMap((one) => [one + other, one + text]);
      hash = next;
      break;
    }
  }
  return texts;
}

test('texts whose hash is the same under the first seed are found', () => {
  const texts = collidingTexts();
  expect(packTexts(texts).seed).not.toBe(0);
  const set = new TextSet(texts);
  const encoder = new TextEncoder();
  texts.forEach((text, number) => {
    const bytes = encoder.encode(text);
    expect(set.indexOf(bytes, 0, bytes.length)).toBe(number);
  });
  expect(texts).toHaveLength(1024);
});
