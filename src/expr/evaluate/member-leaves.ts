// Leaves that ask whether a value is in a set that a client made: numbers by their words, texts by their bytes, JSON by what stands there.
import { SplitBlockBloom } from '#base/hashes/split-block-bloom.js';
import { xxhash64, xxhash64OfWords } from '#base/hashes/xxhash64.js';
import { JsonNumber, readNumber } from '#expr/evaluate/json/json-number.js';
import { JsonKind, unescaped, unescapedLength } from '#expr/evaluate/json/json-scan.js';
import type { JsonTest } from '#expr/evaluate/json/json-tests.js';
import type { NumberVector } from '#expr/evaluate/numbers/number-vector.js';
import type { TextMatcher } from '#expr/evaluate/text/matchers.js';
import { RoaringLookup } from '#expr/members/roaring-members.js';
import type { Members } from '#expr/typed.js';
import type { Leaf } from './leaf.js';
import { lowestBit, type RowBits, type Rows, wordsOf } from './rows.js';

/** Nobody knows how many rows a set passes. */
const PASS_SHARE = 0.2;
const NUMBER_NANOS = 30;
const TEXT_NANOS = 60;
const INT64_LIMIT = 2 ** 63;

/** By the words of a number of 64 bits. */
type HasWords = (low: number, high: number) => boolean;

function hasWords(members: Members): HasWords {
  if (members.kind === 'roaring') {
    const lookup = new RoaringLookup(members);
    return (low, high) => lookup.has(low, high);
  }
  const bloom = new SplitBlockBloom(members.words);
  const hash = new Int32Array(2);
  return (low, high) => {
    xxhash64OfWords(low, high, hash);
    return bloom.mayHold(hash);
  };
}

/** The upper word of a whole number within 2^53. */
const highWord = (value: number): number => Math.floor(value / 4294967296);

/** Fields of integers. */
export class NumbersMember implements Leaf {
  readonly cost: number;
  readonly passShare = PASS_SHARE;
  readonly #vector: NumberVector;
  readonly #has: HasWords;

  constructor(vector: NumberVector, members: Members) {
    this.#vector = vector;
    this.#has = hasWords(members);
    this.cost = vector.cost + NUMBER_NANOS;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const vector = this.#vector;
    vector.load(rows, alive);
    const wide = vector.isWide ? vector.wide : undefined;
    const words = wide && new Int32Array(wide.buffer, wide.byteOffset, wide.length * 2);
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const bit = lowestBit(left);
        const row = word * 32 + bit;
        bits |= Number(words === undefined ? this.#hasNumber(row) : this.#hasWide(words, row)) << bit;
      }
      isTrue[word] = bits;
    }
  }

  #hasNumber(row: number): boolean {
    const value = this.#vector.doubles[row] as number;
    return this.#has(value | 0, highWord(value));
  }

  #hasWide(words: Int32Array, row: number): boolean {
    return this.#has(words[row * 2] as number, words[row * 2 + 1] as number);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#vector.maskKnown(rows, known);
  }
}

/** Texts by their UTF-8, in a Bloom filter. */
export class MemberText implements TextMatcher {
  readonly cost = TEXT_NANOS;
  readonly byteCost = 1;
  readonly passShare = PASS_SHARE;
  readonly #bloom: SplitBlockBloom;
  readonly #hash = new Int32Array(2);

  constructor(words: Uint32Array) {
    this.#bloom = new SplitBlockBloom(words);
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    xxhash64(bytes, begin, end, this.#hash);
    return this.#bloom.mayHold(this.#hash);
  }
}

/** What stands at a path: whole numbers and strings, each if the set has such. */
export class MemberTest implements JsonTest {
  readonly cost = TEXT_NANOS * 2;
  readonly passShare = PASS_SHARE;
  readonly #hasWords: HasWords | undefined;
  readonly #texts: MemberText | undefined;
  readonly #number = new JsonNumber();

  constructor(members: Members) {
    const isBloom = members.kind === 'bloom';
    this.#hasWords = !isBloom || members.hasInts ? hasWords(members) : undefined;
    this.#texts = isBloom && members.hasTexts ? new MemberText(members.words) : undefined;
  }

  test(kind: number, bytes: Uint8Array, begin: number, end: number): boolean {
    if (kind === JsonKind.number) {
      readNumber(bytes, begin, end, this.#number);
      return this.testNumber(this.#number);
    }
    if (this.#texts === undefined) return false;
    if (kind === JsonKind.text) return this.#texts.test(bytes, begin, end);
    if (kind !== JsonKind.escaped) return false;
    const text = unescaped(bytes, begin, end);
    return this.#texts.test(text, 0, unescapedLength);
  }

  /** `1.0` equals 1, as everywhere in JSON. */
  testNumber({ value, big }: JsonNumber): boolean {
    const has = this.#hasWords;
    if (has === undefined) return false;
    if (big === undefined && Number.isSafeInteger(value)) return has(value | 0, highWord(value));
    const isWhole = Number.isInteger(value) && value >= -INT64_LIMIT && value < INT64_LIMIT;
    const whole = big ?? (isWhole ? BigInt(value) : undefined);
    if (whole === undefined) return false;
    return has(Number(BigInt.asIntN(32, whole)), Number(BigInt.asIntN(32, whole >> 32n)));
  }
}
