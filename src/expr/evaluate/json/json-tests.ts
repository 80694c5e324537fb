// Tests of a JSON value: a value of another type than what it is compared with fails.

import { nextUp } from '#expr/evaluate/numbers/bounds.js';
import { PairSet } from '#expr/evaluate/numbers/pair-set.js';
import type { NumberRange } from '#expr/evaluate/numbers/range-kernels.js';
import { ExactText, type TextMatcher } from '#expr/evaluate/text/matchers.js';
import { TextSet } from '#expr/text-set.js';
import type { Literal, ValueSet } from '#expr/typed.js';
import { JsonNumber, readNumber } from './json-number.js';
import {
  firstElement,
  JsonKind,
  JsonPlace,
  nextElement,
  readPlace,
  unescaped,
  unescapedLength,
} from './json-scan.js';

export interface NumberTest {
  testNumber(number: JsonNumber): boolean;
}

export interface JsonTest extends NumberTest {
  readonly cost: number;
  readonly passShare: number;
  /** Values of any other type fail. */
  readonly only?: 'numbers' | 'texts';
  /** As of a `TextMatcher`. */
  readonly byteNanosMax?: number;
  /** Numbers that pass a test of numbers; none where a bound is no exact double. An int beyond 2^53 is always asked for itself. */
  readonly range?: NumberRange | undefined;
  /** A value at the place that a `JsonPlace` describes. */
  test(kind: number, bytes: Uint8Array, begin: number, end: number): boolean;
}

class BoolTest implements JsonTest {
  readonly cost = 1;
  readonly passShare = 0.4;
  readonly #kind: number;

  constructor(value: boolean) {
    this.#kind = value ? JsonKind.true : JsonKind.false;
  }

  test(kind: number): boolean {
    return kind === this.#kind;
  }

  testNumber(): boolean {
    return false;
  }
}

/** Passes values other than null. */
export class ExistsTest implements JsonTest {
  readonly cost = 1;
  readonly passShare = 0.7;

  test(kind: number): boolean {
    return kind > JsonKind.null;
  }

  testNumber(): boolean {
    return true;
  }
}

export interface NumberBounds {
  readonly low: number | bigint;
  readonly lowInclusive: boolean;
  readonly high: number | bigint;
  readonly highInclusive: boolean;
}

/** Bounds stay as they are written, for between two ints there are doubles. */
export class NumberBoundsTest implements JsonTest, NumberTest {
  readonly cost = 15;
  readonly only = 'numbers';
  readonly passShare: number;
  readonly range: NumberRange | undefined;
  readonly #bounds: NumberBounds;
  /** Exact, unless `#isBig`. */
  readonly #low: number;
  readonly #high: number;
  readonly #isBig: boolean;
  readonly #number = new JsonNumber();

  constructor(bounds: NumberBounds) {
    const { low, high } = bounds;
    this.#bounds = bounds;
    this.#low = Number(low);
    this.#high = Number(high);
    this.#isBig = isBig(low) || isBig(high);
    this.passShare = low === high ? 0.02 : 0.3;
    this.range = this.#isBig ? undefined : closedRange(bounds);
  }

  test(kind: number, bytes: Uint8Array, begin: number, end: number): boolean {
    if (kind !== JsonKind.number) return false;
    const number = this.#number;
    readNumber(bytes, begin, end, number, true);
    if (number.error > 0 && this.#isNear(number)) readNumber(bytes, begin, end, number);
    return this.testNumber(number);
  }

  /** So near to a bound that only the exact value decides on which side it is. */
  #isNear({ value, error }: JsonNumber): boolean {
    return Math.abs(value - this.#low) <= error || Math.abs(value - this.#high) <= error;
  }

  testNumber({ value, big }: JsonNumber): boolean {
    const { low, lowInclusive, high, highInclusive } = this.#bounds;
    if (big === undefined && !this.#isBig) {
      const isAbove = lowInclusive ? value >= this.#low : value > this.#low;
      return isAbove && (highInclusive ? value <= this.#high : value < this.#high);
    }
    // JavaScript compares an int of any size with a double by value.
    const exact = big ?? value;
    return (lowInclusive ? exact >= low : exact > low) && (highInclusive ? exact <= high : exact < high);
  }
}

/** The same bounds, both included. */
const closedRange = ({ low, lowInclusive, high, highInclusive }: NumberBounds): NumberRange => ({
  low: lowInclusive ? Number(low) : nextUp(Number(low)),
  high: highInclusive ? Number(high) : -nextUp(-Number(high)),
});

const isBig = (bound: number | bigint): boolean =>
  typeof bound === 'bigint' && !Number.isSafeInteger(Number(bound));

export class TextTest implements JsonTest {
  readonly only = 'texts';
  readonly cost: number;
  readonly passShare: number;
  readonly byteNanosMax?: number;
  readonly #matcher: TextMatcher;

  constructor(matcher: TextMatcher) {
    this.#matcher = matcher;
    // Strings in JSON are short as a rule.
    this.cost = matcher.cost + matcher.byteCost * 32;
    this.passShare = matcher.passShare;
    if (matcher.byteNanosMax !== undefined) this.byteNanosMax = matcher.byteNanosMax;
  }

  test(kind: number, bytes: Uint8Array, begin: number, end: number): boolean {
    if (kind === JsonKind.text) return this.#matcher.test(bytes, begin, end);
    if (kind !== JsonKind.escaped) return false;
    const text = unescaped(bytes, begin, end);
    return this.#matcher.test(text, 0, unescapedLength);
  }

  testNumber(): boolean {
    return false;
  }
}

/** Equal to a list: as long, and each element equal to its own. */
export class ListTest implements JsonTest {
  readonly cost = 100;
  readonly passShare = 0.05;
  readonly #elements: readonly JsonTest[];
  readonly #place = new JsonPlace();

  constructor(list: Literal & { readonly type: 'list' }) {
    this.#elements = list.values.map(equalityTest);
  }

  test(kind: number, bytes: Uint8Array, begin: number, end: number): boolean {
    if (kind !== JsonKind.array) return false;
    const place = this.#place;
    let at = firstElement(bytes, begin, end);
    for (const element of this.#elements) {
      if (at < 0) return false;
      readPlace(bytes, at, end, place);
      if (!element.test(place.kind, bytes, place.begin, place.end)) return false;
      at = nextElement(bytes, at, end);
    }
    return at < 0;
  }

  testNumber(): boolean {
    return false;
  }
}

export function equalityTest(value: Literal): JsonTest {
  switch (value.type) {
    case 'bool':
      return new BoolTest(value.value);
    case 'text':
      return new TextTest(new ExactText(value.value));
    case 'list':
      return new ListTest(value);
    default:
      return new NumberBoundsTest({
        low: value.value,
        lowInclusive: true,
        high: value.value,
        highInclusive: true,
      });
  }
}

const INT64_LIMIT = 2 ** 63;

/** Finds which of some constants a value is. */
export class JsonValueSet implements NumberTest {
  readonly size: number;
  readonly #false: number;
  readonly #true: number;
  readonly #ints: PairSet;
  readonly #doubles: PairSet;
  readonly #texts: TextSet;
  readonly #lists: readonly ListTest[];
  readonly #number = new JsonNumber();

  constructor({ bools, ints, doubles, texts, lists }: ValueSet) {
    this.#ints = PairSet.ofInts(ints);
    this.#doubles = PairSet.ofDoubles(doubles);
    this.#texts = new TextSet(texts);
    this.#lists = lists.map((list) => new ListTest(list));
    const behindLists = ints.length + doubles.length + texts.length + lists.length;
    this.size = behindLists + bools.length;
    this.#false = bools.includes(false) ? behindLists : -1;
    this.#true = bools.includes(true) ? this.size - 1 : -1;
  }

  /** The number of the constant, below `size`; -1: it is none of them. */
  indexOf(kind: number, bytes: Uint8Array, begin: number, end: number): number {
    switch (kind) {
      case JsonKind.false:
        return this.#false;
      case JsonKind.true:
        return this.#true;
      case JsonKind.number:
        readNumber(bytes, begin, end, this.#number);
        return this.#indexOfNumber(this.#number);
      case JsonKind.text:
        return this.#shifted(this.#texts.indexOf(bytes, begin, end), this.#ints.size + this.#doubles.size);
      case JsonKind.escaped: {
        const text = unescaped(bytes, begin, end);
        const index = this.#texts.indexOf(text, 0, unescapedLength);
        return this.#shifted(index, this.#ints.size + this.#doubles.size);
      }
      case JsonKind.array: {
        const list = this.#lists.findIndex((one) => one.test(kind, bytes, begin, end));
        return this.#shifted(list, this.#ints.size + this.#doubles.size + this.#texts.size);
      }
      default:
        return -1;
    }
  }

  testNumber(number: JsonNumber): boolean {
    return this.#indexOfNumber(number) >= 0;
  }

  #indexOfNumber({ value, big }: JsonNumber): number {
    if (big !== undefined) return this.#ints.indexOfInt(big);
    if (Number.isSafeInteger(value)) return this.#ints.indexOfWhole(value);
    if (Number.isInteger(value) && value >= -INT64_LIMIT && value < INT64_LIMIT)
      return this.#ints.indexOfInt(BigInt(value));
    return this.#shifted(this.#doubles.indexOfDouble(value), this.#ints.size);
  }

  #shifted(index: number, by: number): number {
    return index < 0 ? -1 : index + by;
  }
}

export class InTest implements JsonTest {
  readonly cost = 30;
  readonly passShare: number;
  readonly #set: JsonValueSet;

  constructor(values: ValueSet) {
    this.#set = new JsonValueSet(values);
    this.passShare = Math.min(0.5, this.#set.size * 0.02);
  }

  test(kind: number, bytes: Uint8Array, begin: number, end: number): boolean {
    return this.#set.indexOf(kind, bytes, begin, end) >= 0;
  }

  testNumber(number: JsonNumber): boolean {
    return this.#set.testNumber(number);
  }
}

/** An array that has any, or all, of some values. */
export class ContainsTest implements JsonTest {
  readonly cost = 100;
  readonly passShare = 0.1;
  readonly #set: JsonValueSet;
  readonly #wanted: number;
  /** By value: the last array in which it was found. */
  readonly #foundIn: Uint32Array;
  #array = 0;
  readonly #place = new JsonPlace();

  constructor(values: ValueSet, mode: 'all' | 'any') {
    this.#set = new JsonValueSet(values);
    this.#wanted = mode === 'any' ? 1 : this.#set.size;
    this.#foundIn = new Uint32Array(this.#set.size);
  }

  test(kind: number, bytes: Uint8Array, begin: number, end: number): boolean {
    if (kind !== JsonKind.array) return false;
    // All of no values are in every array.
    if (this.#wanted === 0) return true;
    const place = this.#place;
    this.#nextArray();
    let found = 0;
    for (let at = firstElement(bytes, begin, end); at >= 0; at = nextElement(bytes, at, end)) {
      readPlace(bytes, at, end, place);
      const index = this.#set.indexOf(place.kind, bytes, place.begin, place.end);
      if (index < 0 || this.#foundIn[index] === this.#array) continue;
      this.#foundIn[index] = this.#array;
      if (++found === this.#wanted) return true;
    }
    return false;
  }

  testNumber(): boolean {
    return false;
  }

  #nextArray(): void {
    if (this.#array === 0xffffffff) {
      this.#foundIn.fill(0);
      this.#array = 0;
    }
    this.#array++;
  }
}
