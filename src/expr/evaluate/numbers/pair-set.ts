// A set of 64-bit patterns, int64 or doubles, that is asked with two words and makes no bigint: open addressing over words, at most a
// quarter full. It gives the place of a value in the list it was made from, so that "all of them" can be counted.
import { assert } from '#base/assert.js';
import { sharedBytes } from '#base/bytes.js';
import type { RowBits, Rows } from '#expr/evaluate/rows.js';
import { seedWithShortChains } from '#expr/table-seed.js';

const scratch = new Float64Array(1);
const scratchWords = new Int32Array(scratch.buffer);

/** The seed goes in before the first product: values that share places under one seed do not under another. */
function hashOf(low: number, high: number, seed: number): number {
  let hash = Math.imul(low ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ high, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return hash ^ (hash >>> 15);
}

/** Tables of longer lists are made once, whoever asks, and lie in shared memory. */
const KEPT_MIN = 4096;

/** A list and the memory of its set, as threads hand them to each other. */
export interface PairTable {
  readonly values: BigInt64Array | Float64Array;
  readonly words: Int32Array;
  readonly numbers: Int32Array;
  readonly seed: number;
}

/** By list: each segment that a filter meets needs the same set. */
const kept = new WeakMap<BigInt64Array | Float64Array, PairSet>();

export class PairSet {
  readonly size: number;
  readonly #mask: number;
  /** Two words a place. */
  readonly #words: Int32Array;
  /** By place: 1 more than the position in the list of the value there; 0: the place is free. */
  readonly #numbers: Int32Array;
  #seed: number;

  private constructor(size: number, { words, numbers, seed }: Pick<PairTable, 'words' | 'numbers' | 'seed'>) {
    this.size = size;
    this.#mask = numbers.length - 1;
    this.#words = words;
    this.#numbers = numbers;
    this.#seed = seed;
  }

  static ofInts(values: BigInt64Array): PairSet {
    return kept.get(values) ?? PairSet.#make(values, new Int32Array(values.slice().buffer));
  }

  /** Zeros are one value. */
  static ofDoubles(values: Float64Array): PairSet {
    return kept.get(values) ?? PairSet.#make(values, new Int32Array(values.map((value) => value + 0).buffer));
  }

  /** @param pairs the values as words, low first, without repetition */
  static #make(values: BigInt64Array | Float64Array, pairs: Int32Array): PairSet {
    const { length } = values;
    assert(length < 2 ** 28, `${length} values in a set, expected fewer than 2^28`);
    const places = 2 ** Math.ceil(Math.log2(Math.max(16, length * 4)));
    const isKept = length >= KEPT_MIN;
    const words = isKept ? new Int32Array(sharedBytes(places * 8).buffer) : new Int32Array(places * 2);
    const numbers = isKept ? new Int32Array(sharedBytes(places * 4).buffer) : new Int32Array(places);
    const set = new PairSet(length, { words, numbers, seed: 0 });
    set.#seed = seedWithShortChains((seed, chainMax) => set.#fill(pairs, seed, chainMax));
    if (isKept) kept.set(values, set);
    return set;
  }

  /** The table of a list as far as it has been made; undefined: nobody has needed it, or the list is short. */
  static tableOf(values: BigInt64Array | Float64Array): PairTable | undefined {
    const set = kept.get(values);
    return set && { values, words: set.#words, numbers: set.#numbers, seed: set.#seed };
  }

  /** Knows the table of a list that another thread has made. */
  static keep(table: PairTable): void {
    kept.set(table.values, new PairSet(table.values.length, table));
  }

  /** @returns false: more than `chainMax` places in a row are taken */
  #fill(pairs: Int32Array, seed: number, chainMax: number): boolean {
    const [mask, words, numbers] = [this.#mask, this.#words, this.#numbers];
    numbers.fill(0);
    for (let number = 0; number < this.size; number++) {
      const low = pairs[number * 2] as number;
      const high = pairs[number * 2 + 1] as number;
      let at = hashOf(low, high, seed) & mask;
      for (let chain = 0; numbers[at] !== 0; chain++, at = (at + 1) & mask)
        if (chain === chainMax) return false;
      words[at * 2] = low;
      words[at * 2 + 1] = high;
      numbers[at] = number + 1;
    }
    return true;
  }

  /** Where in the list the value is; -1: not in it. */
  indexOf(low: number, high: number): number {
    let at = hashOf(low, high, this.#seed) & this.#mask;
    for (;;) {
      const number = this.#numbers[at] as number;
      if (number === 0) return -1;
      if (this.#words[at * 2] === low && this.#words[at * 2 + 1] === high) return number - 1;
      at = (at + 1) & this.#mask;
    }
  }

  /** Which of a run of int64 are in the set, as words; in one loop, for that is what `in` costs. */
  testWords(words: Int32Array, { begin, count }: Rows, alive: RowBits, out: RowBits): void {
    const [mask, known, numbers, seed] = [this.#mask, this.#words, this.#numbers, this.#seed];
    const end = begin + count;
    for (let word = 0, row = begin; row < end; word++) {
      const stop = Math.min(row + 32, end);
      let bits = 0;
      if (alive[word] === 0) row = stop;
      for (let bit = 0; row < stop; row++, bit++) {
        const low = words[row * 2] as number;
        const high = words[row * 2 + 1] as number;
        for (let at = hashOf(low, high, seed) & mask; numbers[at] !== 0; at = (at + 1) & mask) {
          if (known[at * 2] !== low || known[at * 2 + 1] !== high) continue;
          bits |= 1 << bit;
          break;
        }
      }
      out[word] = bits;
    }
  }

  indexOfDouble(value: number): number {
    scratch[0] = value + 0;
    return this.indexOf(scratchWords[0] as number, scratchWords[1] as number);
  }

  /** @param value a whole number of at most 2^53 in size */
  indexOfWhole(value: number): number {
    return this.indexOf(value | 0, Math.floor(value / 4294967296) | 0);
  }

  indexOfInt(value: bigint): number {
    return this.indexOf(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }
}
