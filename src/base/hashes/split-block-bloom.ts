// A split-block Bloom filter of Parquet's specification: which keys are certainly not among those that were added. A block has eight words;
// the high word of a key's hash chooses the block, the low word one bit in each of its words. A false "perhaps" costs a look, a "no" is true.
import { assert } from '#base/assert.js';
import type { Words64 } from './xxhash64.js';

const BLOCK_WORDS = 8;
export const BLOCK_BYTES = 32;
/** Bits a key at least: one of a hundred other keys gets a false "perhaps" at most. */
const BITS_A_KEY = 9.7;
const SALT = Int32Array.of(
  ...[0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31],
);

export class SplitBlockBloom {
  /** Words of the blocks, as the file has them on a machine that is little-endian. */
  readonly words: Uint32Array;
  readonly #blocks: number;

  /** @param words of whole blocks, one at least */
  constructor(words: Uint32Array) {
    assert(words.length > 0 && words.length % BLOCK_WORDS === 0, `${words.length} words of a bloom filter`);
    this.words = words;
    this.#blocks = words.length / BLOCK_WORDS;
  }

  /** Empty, for so many keys. A power of two in bytes: some readers take no other. */
  static ofKeys(keys: number): SplitBlockBloom {
    const bytes = Math.max(BLOCK_BYTES, Math.ceil((keys * BITS_A_KEY) / 8));
    return new SplitBlockBloom(new Uint32Array(2 ** Math.ceil(Math.log2(bytes)) / 4));
  }

  get bytes(): number {
    return this.words.byteLength;
  }

  add(hash: Words64): void {
    const { words } = this;
    const at = this.#block(hash);
    const low = hash[0] as number;
    for (let i = 0; i < BLOCK_WORDS; i++)
      words[at + i] = (words[at + i] as number) | (1 << (Math.imul(low, SALT[i] as number) >>> 27));
  }

  mayHold(hash: Words64): boolean {
    const at = this.#block(hash);
    const low = hash[0] as number;
    for (let i = 0; i < BLOCK_WORDS; i++) {
      const bit = 1 << (Math.imul(low, SALT[i] as number) >>> 27);
      if (((this.words[at + i] as number) & bit) === 0) return false;
    }
    return true;
  }

  /** The first word of a key's block. */
  #block(hash: Words64): number {
    return Math.floor((((hash[1] as number) >>> 0) * this.#blocks) / 4294967296) * BLOCK_WORDS;
  }
}
