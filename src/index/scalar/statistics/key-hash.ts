// The hash of a key as the Bloom filters of files have it.
import { type Words64, xxhash64, xxhash64OfWords } from '#base/hashes/xxhash64.js';
import type { Key } from '#model/columns/column.js';

const encoder = new TextEncoder();

/** The hash of a key's bytes as a file has them: eight of an integer, those of a text without its length. */
export function hashOfKey(key: Key): Words64 {
  const out = new Int32Array(2);
  if (typeof key === 'string') {
    const bytes = encoder.encode(key);
    xxhash64(bytes, 0, bytes.length, out);
  } else xxhash64OfWords(Number(BigInt.asIntN(32, key)), Number(BigInt.asIntN(32, key >> 32n)), out);
  return out;
}
