// Leaves that ask whether a number lies between bounds: straight over a column where its type allows it, else over the numbers of an operand.
import type { FixedView } from '#expr/evaluate/column-view.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import { BLOCK_ROWS, isSpread, maskNulls, type RowBits, type Rows } from '#expr/evaluate/rows.js';
import { type Bounds, exactRange, int32Range, wideRange } from './bounds.js';
import type { NumberVector } from './number-vector.js';
import {
  doublesWithin,
  floatsWithin,
  int32sWithin,
  int64sWithin,
  type NumberRange,
  type WideRange,
  wideInt64sWithin,
} from './range-kernels.js';

/** Guesses of the share of rows that pass a comparison, as planners of databases make them. */
const POINT_SHARE = 0.02;
const RANGE_SHARE = 0.3;

const shareOf = (bounds: Bounds): number => (bounds.low === bounds.high ? POINT_SHARE : RANGE_SHARE);

/** A field of 32 or 64 bits: no copy is made. */
export class FieldRange implements Leaf {
  readonly cost = 0.7;
  readonly passShare: number;
  readonly #view: FixedView;
  readonly #range: NumberRange | undefined;
  readonly #wide: WideRange | undefined;

  constructor(view: FixedView, bounds: Bounds) {
    this.#view = view;
    this.passShare = shareOf(bounds);
    const range = exactRange(bounds);
    this.#range = range && view.form === 'int32' ? int32Range(range) : range;
    this.#wide = bounds.kind === 'ints' && view.form === 'int64' ? wideRange(bounds) : undefined;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const view = this.#view;
    const range = this.#range;
    // Bounds of 64 bits are what the kernel takes, doubles what the loop over a few words is quicker with.
    const wide = range === undefined || isSpread(alive, rows.count) ? this.#wide : undefined;
    if (view.form === 'int64' && wide !== undefined) {
      wideInt64sWithin(view.values, rows, wide, alive, isTrue);
      return;
    }
    if (range !== undefined) {
      switch (view.form) {
        case 'int32':
          int32sWithin(view.values, rows, range, alive, isTrue);
          return;
        case 'int64':
          int64sWithin(view.values, rows, range, alive, isTrue);
          return;
        case 'float':
          floatsWithin(view.values, rows, range, alive, isTrue);
          return;
        case 'double':
          doublesWithin(view.values, rows, range, alive, isTrue);
          return;
      }
    }
    isTrue.fill(0);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#view.valid, rows, known);
  }
}

/** The numbers of any operand. */
export class VectorRange implements Leaf {
  readonly cost: number;
  readonly passShare: number;
  readonly #vector: NumberVector;
  readonly #range: NumberRange;
  readonly #wide: WideRange | undefined;
  #words: Int32Array | undefined;

  constructor(vector: NumberVector, bounds: Bounds) {
    this.#vector = vector;
    this.cost = vector.cost + 1;
    this.passShare = shareOf(bounds);
    // Bounds beyond 2^53 and values within it: rounding a bound moves it past none of them.
    this.#range = exactRange(bounds) ?? { low: Number(bounds.low), high: Number(bounds.high) };
    this.#wide = bounds.kind === 'ints' ? wideRange(bounds) : undefined;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const vector = this.#vector;
    vector.load(rows, alive);
    const loaded = { begin: 0, count: rows.count };
    if (!vector.isWide) doublesWithin(vector.doubles, loaded, this.#range, alive, isTrue);
    else if (this.#wide === undefined) isTrue.fill(0);
    else {
      this.#words ??= new Int32Array(vector.wide.buffer, vector.wide.byteOffset, BLOCK_ROWS * 2);
      wideInt64sWithin(this.#words, loaded, this.#wide, alive, isTrue);
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#vector.maskKnown(rows, known);
  }
}
