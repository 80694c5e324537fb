// Leaves over JSON: a test of what is at a path, and a test of what was computed from numbers at paths.

import { computeDoubles, computeInts } from '#expr/arithmetic.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import { NumberBlock, type NumberVector } from '#expr/evaluate/numbers/number-vector.js';
import {
  BLOCK_ROWS,
  lowestBit,
  newBits,
  type RowBits,
  type Rows,
  setBit,
  wordsOf,
} from '#expr/evaluate/rows.js';
import { longestOf } from '#expr/evaluate/text/text-spans.js';
import type { ArithmeticOp } from '#expr/typed.js';
import type { JsonLocator } from './json-locator.js';
import { JsonNumber, readNumber } from './json-number.js';
import { firstElement, JsonKind, JsonPlace, nextElement, readPlace } from './json-scan.js';
import type { JsonTest, NumberTest } from './json-tests.js';
import { type JsonRows, type PathChunk, PathKind } from './path-column.js';
import { PathTest } from './path-test.js';

export class JsonLeaf implements Leaf {
  readonly cost: number;
  readonly rowNanosMax: number;
  readonly passShare: number;
  readonly #locator: JsonLocator;
  readonly #test: JsonTest;
  readonly #pathTest: PathTest | undefined;
  /** A field that is null is something that does not exist, and not unknown. */
  readonly #isNullKnown: boolean;
  readonly #notNull = newBits();

  constructor(locator: JsonLocator, test: JsonTest, isNullKnown = false) {
    this.#locator = locator;
    this.#test = test;
    this.#pathTest = locator.column && new PathTest(locator.column, test);
    this.#isNullKnown = isNullKnown;
    this.cost = locator.cost + test.cost;
    const { byteNanosMax } = test;
    this.rowNanosMax = byteNanosMax === undefined ? 0 : byteNanosMax * longestOf(locator.json.offsets);
    this.passShare = test.passShare;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const locator = this.#locator;
    const chunk = locator.chunk(rows, alive);
    if (chunk === undefined) this.#testTexts(rows, alive, isTrue);
    else this.#pathTest?.evaluate({ chunk, json: locator.json, rows }, alive, isTrue);
    if (this.#isNullKnown) this.#clearNulls(rows, isTrue);
  }

  #testTexts(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const [locator, test] = [this.#locator, this.#test];
    locator.load(rows, alive);
    const { kinds, bytes, begins, ends } = locator;
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const bit = lowestBit(left);
        const at = word * 32 + bit;
        const passes = test.test(kinds[at] as number, bytes, begins[at] as number, ends[at] as number);
        bits |= Number(passes) << bit;
      }
      isTrue[word] = bits;
    }
  }

  #clearNulls(rows: Rows, isTrue: RowBits): void {
    this.#notNull.fill(0xffffffff);
    this.#locator.maskKnown(rows, this.#notNull);
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--)
      isTrue[word] = (isTrue[word] as number) & (this.#notNull[word] as number);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    if (!this.#isNullKnown) this.#locator.maskKnown(rows, known);
  }
}

/** Elements of the array at a path; 0 where there is none. */
export class JsonLengths extends NumberBlock {
  readonly cost: number;
  readonly #locator: JsonLocator;

  constructor(locator: JsonLocator) {
    super();
    this.#locator = locator;
    this.cost = locator.cost + 50;
    // A JSON text has fewer elements than bytes.
    this.max = 0xffffffff;
  }

  load(rows: Rows, alive: RowBits): void {
    const locator = this.#locator;
    const chunk = locator.chunk(rows, alive);
    this.doubles.fill(0, 0, rows.count);
    if (chunk === undefined) locator.load(rows, alive);
    const { kinds, begins, ends } = chunk === undefined ? locator : arraysOf(chunk, locator.json, rows);
    for (let row = 0; row < rows.count; row++) {
      const isAlive = (((alive[row >>> 5] as number) >>> (row & 31)) & 1) === 1;
      if (isAlive && kinds[row] === JsonKind.array)
        this.doubles[row] = lengthOf(locator.bytes, begins[row] as number, ends[row] as number);
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#locator.maskKnown(rows, known);
  }
}

interface Places {
  readonly kinds: Uint8Array;
  readonly begins: Uint32Array;
  readonly ends: Uint32Array;
}

const NO_PLACES = new Uint32Array(0);

/** Places of the arrays of a chunk, counted from the first of some rows. */
function arraysOf({ kinds, places = NO_PLACES }: PathChunk, { offsets }: JsonRows, rows: Rows): Places {
  const first = rows.begin % BLOCK_ROWS;
  return {
    kinds: kinds.subarray(first),
    begins: places.subarray(first),
    ends: offsets.subarray(rows.begin + 1),
  };
}

function lengthOf(bytes: Uint8Array, begin: number, end: number): number {
  let length = 0;
  for (let at = firstElement(bytes, begin, end); at >= 0; length++) at = nextElement(bytes, at, end);
  return length;
}

/** A number a row, or none; -1 in `read`: unknown, for it was divided by 0. */
export interface JsonNumbers {
  readonly cost: number;
  load(rows: Rows, alive: RowBits): void;
  /** @returns 1: a number, which is in `into`; 0: none; -1: unknown */
  read(at: number, into: JsonNumber): number;
  maskKnown(rows: Rows, known: RowBits): void;
}

export class PathNumbers implements JsonNumbers {
  readonly cost: number;
  readonly #locator: JsonLocator;
  readonly #place = new JsonPlace();
  #chunk: PathChunk | undefined;
  #begin = 0;

  constructor(locator: JsonLocator) {
    this.#locator = locator;
    this.cost = locator.cost + 15;
  }

  load(rows: Rows, alive: RowBits): void {
    this.#begin = rows.begin;
    this.#chunk = this.#locator.chunk(rows, alive);
    if (this.#chunk === undefined) this.#locator.load(rows, alive);
  }

  read(at: number, into: JsonNumber): number {
    if (this.#chunk !== undefined) return this.#readKept(this.#chunk, at, into);
    const { kinds, bytes, begins, ends } = this.#locator;
    if (kinds[at] !== JsonKind.number) return 0;
    readNumber(bytes, begins[at] as number, ends[at] as number, into);
    return 1;
  }

  #readKept({ kinds, numbers, places }: PathChunk, at: number, into: JsonNumber): number {
    const row = this.#begin + at;
    const kept = row % BLOCK_ROWS;
    switch (kinds[kept]) {
      case PathKind.int:
        into.setSafeInt(numbers?.[kept] as number);
        return 1;
      case PathKind.double:
        into.setDouble(numbers?.[kept] as number);
        return 1;
      case JsonKind.number: {
        const { data, offsets } = this.#locator.json;
        readPlace(data, places?.[kept] as number, offsets[row + 1] as number, this.#place);
        readNumber(data, this.#place.begin, this.#place.end, into);
        return 1;
      }
      default:
        return 0;
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#locator.maskKnown(rows, known);
  }
}

/** Numbers that are no JSON: a constant, a field, a length. */
export class PlainNumbers implements JsonNumbers {
  readonly cost: number;
  readonly #vector: NumberVector;
  readonly #isInt: boolean;

  constructor(vector: NumberVector, isInt: boolean) {
    this.#vector = vector;
    this.#isInt = isInt;
    this.cost = vector.cost;
  }

  load(rows: Rows, alive: RowBits): void {
    this.#vector.load(rows, alive);
  }

  read(at: number, into: JsonNumber): number {
    const { isWide, wide, doubles } = this.#vector;
    if (isWide) into.setInt(wide[at] as bigint);
    else if (this.#isInt) into.setSafeInt(doubles[at] as number);
    else into.setDouble(doubles[at] as number);
    return 1;
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#vector.maskKnown(rows, known);
  }
}

export class JsonArithmetic implements JsonNumbers {
  readonly cost: number;
  readonly #op: ArithmeticOp;
  readonly #left: JsonNumbers;
  readonly #right: JsonNumbers;
  readonly #number = new JsonNumber();

  constructor(op: ArithmeticOp, left: JsonNumbers, right: JsonNumbers) {
    this.#op = op;
    this.#left = left;
    this.#right = right;
    this.cost = left.cost + right.cost + 20;
  }

  load(rows: Rows, alive: RowBits): void {
    this.#left.load(rows, alive);
    this.#right.load(rows, alive);
  }

  read(at: number, into: JsonNumber): number {
    const other = this.#number;
    const left = this.#left.read(at, into);
    const right = this.#right.read(at, other);
    if (left !== 1 || right !== 1) return Math.min(left, right);
    if (into.isInt && other.isInt) {
      const result = computeInts(this.#op, into.int, other.int);
      if (result === undefined) return -1;
      into.setInt(result);
      return 1;
    }
    const result = computeDoubles(this.#op, into.value, other.value);
    if (result === undefined) return 0;
    into.setDouble(result);
    return 1;
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#left.maskKnown(rows, known);
    this.#right.maskKnown(rows, known);
  }
}

export class JsonNumbersLeaf implements Leaf {
  readonly cost: number;
  readonly passShare = 0.2;
  readonly #numbers: JsonNumbers;
  readonly #test: NumberTest;
  readonly #number = new JsonNumber();
  readonly #unknown = newBits();

  constructor(numbers: JsonNumbers, test: NumberTest) {
    this.#numbers = numbers;
    this.#test = test;
    this.cost = numbers.cost + 5;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    this.#numbers.load(rows, alive);
    isTrue.fill(0);
    this.#unknown.fill(0);
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const at = word * 32 + lowestBit(left);
        const outcome = this.#numbers.read(at, this.#number);
        if (outcome < 0) setBit(this.#unknown, at);
        else if (outcome > 0 && this.#test.testNumber(this.#number)) setBit(isTrue, at);
      }
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#numbers.maskKnown(rows, known);
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--)
      known[word] = (known[word] as number) & ~(this.#unknown[word] as number);
  }
}
