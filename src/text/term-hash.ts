// The number that stands for a word in the vectors of BM25: CRC-32 of its UTF-8, below the largest, which is no index of a sparse vector.
import { crc32, crc32OfAscii } from '#base/crc32.js';

const encoder = new TextEncoder();
const LARGEST = 0xffffffff;

export function termHash(word: string): number {
  const hash = crc32OfAscii(word) ?? crc32(encoder.encode(word));
  return hash === LARGEST ? LARGEST - 1 : hash;
}
