// Which shard a row belongs to, and the order of keys. The hashes are Milvus's, so that shard numbers mean the same to its tools:
// murmur3-32 (seed 0) of an int64's eight little-endian bytes without the sign bit, CRC-32 of a string's first 100 bytes.
import { crc32 } from '#base/crc32.js';
import { isStringType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { bytesAt, type Key, uint32At } from './column.js';

const STRING_BYTES_MAX = 100;
const encoder = new TextEncoder();

function mixWord(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** murmur3-32 with seed 0 of eight bytes given as two words. */
function hashWords(low: number, high: number): number {
  let h = mixWord(mixWord(0, low), high) ^ 8;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) & 0x7fffffff;
}

const hashBytes = (bytes: Uint8Array): number =>
  crc32(bytes.length > STRING_BYTES_MAX ? bytes.subarray(0, STRING_BYTES_MAX) : bytes);

/** uint31 for an int64, uint32 for a string. */
export function hashKey(key: Key): number {
  if (typeof key === 'string') return hashBytes(encoder.encode(key));
  return hashWords(Number(BigInt.asUintN(32, key)), Number(BigInt.asUintN(32, key >> 32n)));
}

export const shardOfKey = (key: Key, shards: number): number => hashKey(key) % shards;
/** The shard of one row of a key column. */
export function shardOfRow(column: Column, row: number, shards: number): number {
  if (shards === 1) return 0;
  if (isStringType(column.dataType)) return hashBytes(bytesAt(column, row)) % shards;
  return hashWords(uint32At(column.data, row * 2), uint32At(column.data, row * 2 + 1)) % shards;
}

/** Numbers by value; strings by their UTF-8 bytes, which is by code point and differs from `<` above U+FFFF. */
export function compareKeys(a: Key, b: Key): number {
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others of 16 bits. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
