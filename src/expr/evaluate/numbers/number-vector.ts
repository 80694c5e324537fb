// The numbers of an operand for a block of rows. Ints are exact in doubles as long as all of the block are below 2^53 in size, which is
// looked at block by block; else the block is `wide` and its values are 64-bit ints.
import type { FixedView } from '#expr/evaluate/column-view.js';
import { BLOCK_ROWS, maskNulls, type RowBits, type Rows } from '#expr/evaluate/rows.js';

/** Whole numbers up to this, in size, are exact in doubles, and a double so large that was rounded is larger. */
export const EXACT_MAX = Number.MAX_SAFE_INTEGER;

export interface NumberVector {
  readonly cost: number;
  /** The values are in `wide`, not in `doubles`. */
  readonly isWide: boolean;
  readonly doubles: Float64Array;
  readonly wide: BigInt64Array;
  /** Where it is not wide and of type int: no value is smaller or larger. */
  readonly min: number;
  readonly max: number;
  /** Reads the values of a block; the values of unknown rows are arbitrary. */
  load(rows: Rows, alive: RowBits): void;
  /** Takes unknown rows out, as in a `Leaf`. */
  maskKnown(rows: Rows, known: RowBits): void;
}

/** Room for the numbers of a block. */
export abstract class NumberBlock implements NumberVector {
  abstract readonly cost: number;
  readonly doubles = new Float64Array(BLOCK_ROWS);
  isWide = false;
  min = 0;
  max = 0;
  #wide: BigInt64Array | undefined;
  #words: Int32Array | undefined;

  /** Made when the first block needs it: most never do. */
  get wide(): BigInt64Array {
    this.#wide ??= new BigInt64Array(BLOCK_ROWS);
    return this.#wide;
  }

  /** The memory of `wide`. */
  get words(): Int32Array {
    this.#words ??= new Int32Array(this.wide.buffer);
    return this.#words;
  }

  abstract load(rows: Rows, alive: RowBits): void;
  abstract maskKnown(rows: Rows, known: RowBits): void;

  /** Takes values [begin, begin + count) of a typed array. */
  protected take(from: FixedView, { begin, count }: Rows): void {
    this.isWide = false;
    switch (from.form) {
      case 'int8':
        this.#bound(-128, 127);
        copyInt8s(from.values, begin, count, this.doubles);
        return;
      case 'int16':
        this.#bound(-32768, 32767);
        copyInt16s(from.values, begin, count, this.doubles);
        return;
      case 'int32':
        this.#bound(-2147483648, 2147483647);
        copyInt32s(from.values, begin, count, this.doubles);
        return;
      case 'int64':
        this.#takeInt64s(from.values, begin, count);
        return;
      case 'float':
        copyFloats(from.values, begin, count, this.doubles);
        return;
      case 'double':
        copyDoubles(from.values, begin, count, this.doubles);
        return;
    }
  }

  #bound(min: number, max: number): void {
    this.min = min;
    this.max = max;
  }

  #takeInt64s(words: Int32Array, begin: number, count: number): void {
    const { doubles } = this;
    let min = 0;
    let max = 0;
    for (let i = 0, at = begin * 2; i < count; i++, at += 2) {
      const value = (words[at + 1] as number) * 4294967296 + ((words[at] as number) >>> 0);
      doubles[i] = value;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    this.#bound(min, max);
    if (min >= -EXACT_MAX && max <= EXACT_MAX) return;
    this.isWide = true;
    const to = this.words;
    for (let i = 0; i < count * 2; i++) to[i] = words[begin * 2 + i] as number;
  }
}

function copyInt8s(values: Int8Array, begin: number, count: number, to: Float64Array): void {
  for (let i = 0; i < count; i++) to[i] = values[begin + i] as number;
}

function copyInt16s(values: Int16Array, begin: number, count: number, to: Float64Array): void {
  for (let i = 0; i < count; i++) to[i] = values[begin + i] as number;
}

function copyInt32s(values: Int32Array, begin: number, count: number, to: Float64Array): void {
  for (let i = 0; i < count; i++) to[i] = values[begin + i] as number;
}

function copyFloats(values: Float32Array, begin: number, count: number, to: Float64Array): void {
  for (let i = 0; i < count; i++) to[i] = values[begin + i] as number;
}

function copyDoubles(values: Float64Array, begin: number, count: number, to: Float64Array): void {
  for (let i = 0; i < count; i++) to[i] = values[begin + i] as number;
}

/** A field of numbers, bools or times. */
export class FieldNumbers extends NumberBlock {
  readonly cost = 1.5;
  readonly #view: FixedView;

  constructor(view: FixedView) {
    super();
    this.#view = view;
  }

  load(rows: Rows): void {
    this.take(this.#view, rows);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#view.valid, rows, known);
  }
}

/** One number for all rows, a side of arithmetic. */
export class ConstantNumbers extends NumberBlock {
  readonly cost = 0;

  constructor(value: bigint | number) {
    super();
    const number = Number(value);
    this.isWide = typeof value === 'bigint' && !Number.isSafeInteger(number);
    if (this.isWide) this.wide.fill(BigInt(value));
    this.doubles.fill(number);
    this.min = number;
    this.max = number;
  }

  load(): void {}

  maskKnown(): void {}
}
