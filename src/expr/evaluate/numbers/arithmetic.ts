// Arithmetic of two operands, a block at a time. Ints are computed in doubles while the result cannot leave what doubles hold exactly, which
// the smallest and the largest value of each side decide; else in 64-bit ints, which wrap.

import { computeInts } from '#expr/arithmetic.js';
import { newBits, type RowBits, type Rows, setBit, wordsOf } from '#expr/evaluate/rows.js';
import type { ArithmeticOp } from '#expr/typed.js';
import { EXACT_MAX, NumberBlock, type NumberVector } from './number-vector.js';

export class ArithmeticNumbers extends NumberBlock {
  readonly cost: number;
  readonly #type: 'int' | 'float' | 'double';
  readonly #op: ArithmeticOp;
  readonly #left: NumberVector;
  readonly #right: NumberVector;
  /** Rows whose divisor is 0. */
  readonly #undivided = newBits();

  constructor(type: 'int' | 'float' | 'double', op: ArithmeticOp, left: NumberVector, right: NumberVector) {
    super();
    this.#type = type;
    this.#op = op;
    this.#left = left;
    this.#right = right;
    this.cost = left.cost + right.cost + 2;
  }

  load(rows: Rows, alive: RowBits): void {
    const [left, right] = [this.#left, this.#right];
    left.load(rows, alive);
    right.load(rows, alive);
    this.isWide = false;
    if (this.#type !== 'int') {
      const { count } = rows;
      computeDoubles(this.#op, doublesOf(left, count), doublesOf(right, count), count, this.doubles);
      if (this.#type === 'float') roundToFloats(this.doubles, rows.count);
      return;
    }
    if (this.#op === '/' || this.#op === '%') this.#noteZeros(right, rows.count);
    const range = left.isWide || right.isWide ? undefined : resultRange(this.#op, left, right);
    if (range === undefined) {
      this.isWide = true;
      computeWide(this.#op, wideOf(left, rows.count), wideOf(right, rows.count), rows.count, this.wide);
      return;
    }
    [this.min, this.max] = range;
    if (this.#op === '%' && isInt32(left) && isInt32(right))
      remainders(left.doubles, right.doubles, rows.count, this.doubles);
    else computeDoubles(this.#op, left.doubles, right.doubles, rows.count, this.doubles);
    if (this.#op === '/' || this.#op === '%') cutToInts(this.doubles, rows.count);
  }

  #noteZeros(right: NumberVector, count: number): void {
    this.#undivided.fill(0);
    for (let i = 0; i < count; i++)
      if (right.isWide ? right.wide[i] === 0n : right.doubles[i] === 0) setBit(this.#undivided, i);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#left.maskKnown(rows, known);
    this.#right.maskKnown(rows, known);
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--)
      known[word] = (known[word] as number) & ~(this.#undivided[word] as number);
  }
}

type Range = readonly [min: number, max: number];

/** Between what the results lie; undefined: they may not be exact in doubles, or are not computed there. */
function resultRange(op: ArithmeticOp, left: NumberVector, right: NumberVector): Range | undefined {
  switch (op) {
    case '+':
      return exact(left.min + right.min, left.max + right.max);
    case '-':
      return exact(left.min - right.max, left.max - right.min);
    case '*': {
      const corners = [
        left.min * right.min,
        left.min * right.max,
        left.max * right.min,
        left.max * right.max,
      ];
      return exact(Math.min(...corners), Math.max(...corners));
    }
    case '/':
    case '%': {
      const most = Math.max(-left.min, left.max);
      return [-most, most];
    }
    case '&':
    case '|':
    case '^':
      // The operators of JavaScript work on 32 bits with a sign.
      return isInt32(left) && isInt32(right) ? [-0x80000000, 0x7fffffff] : undefined;
  }
}

const isInt32 = ({ min, max }: NumberVector): boolean => min >= -0x80000000 && max <= 0x7fffffff;

const exact = (min: number, max: number): Range | undefined =>
  min >= -EXACT_MAX && max <= EXACT_MAX ? [min, max] : undefined;

function wideOf(from: NumberVector, count: number): BigInt64Array {
  const { wide, doubles } = from;
  if (!from.isWide) for (let i = 0; i < count; i++) wide[i] = BigInt(doubles[i] as number);
  return wide;
}

/** Ints that meet floating-point numbers are rounded as these are. */
function doublesOf(from: NumberVector, count: number): Float64Array {
  const { doubles } = from;
  if (from.isWide) for (let i = 0; i < count; i++) doubles[i] = Number(from.wide[i] as bigint);
  return doubles;
}

function computeDoubles(
  op: ArithmeticOp,
  left: Float64Array,
  right: Float64Array,
  count: number,
  to: Float64Array,
): void {
  switch (op) {
    case '+':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) + (right[i] as number);
      return;
    case '-':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) - (right[i] as number);
      return;
    case '*':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) * (right[i] as number);
      return;
    case '/':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) / (right[i] as number);
      return;
    case '%':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) % (right[i] as number);
      return;
    case '&':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) & (right[i] as number);
      return;
    case '|':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) | (right[i] as number);
      return;
    case '^':
      for (let i = 0; i < count; i++) to[i] = (left[i] as number) ^ (right[i] as number);
      return;
  }
}

/** Remainders of 32-bit ints, by a division of the processor instead of a loop of subtractions. */
function remainders(left: Float64Array, right: Float64Array, count: number, to: Float64Array): void {
  for (let i = 0; i < count; i++) to[i] = ((left[i] as number) | 0) % ((right[i] as number) | 0);
}

/** What was divided by 0 becomes 0: it is unknown, and stays a number. */
function cutToInts(values: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    values[i] = Number.isFinite(value) ? Math.trunc(value) : 0;
  }
}

function roundToFloats(values: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) values[i] = Math.fround(values[i] as number);
}

/** Writing to the array wraps the result to 64 bits. */
function computeWide(
  op: ArithmeticOp,
  left: BigInt64Array,
  right: BigInt64Array,
  count: number,
  to: BigInt64Array,
): void {
  for (let i = 0; i < count; i++) to[i] = computeInts(op, left[i] as bigint, right[i] as bigint) ?? 0n;
}
