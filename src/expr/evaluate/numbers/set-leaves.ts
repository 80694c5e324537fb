// Leaves that ask whether a number is one of many.

import type { FixedView } from '#expr/evaluate/column-view.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import { lowestBit, maskNulls, type RowBits, type Rows, setBit, wordsOf } from '#expr/evaluate/rows.js';
import type { ValueSet } from '#expr/typed.js';
import type { NumberVector } from './number-vector.js';
import { PairSet } from './pair-set.js';

/** The widest run of whole numbers that is kept as one bit each: 128 KiB. */
const BITMAP_SPAN_MAX = 1 << 20;

/** Whole numbers close to each other, a bit each. */
class SmallInts {
  readonly low: number;
  readonly span: number;
  readonly bits: Uint32Array;

  constructor(values: BigInt64Array) {
    this.low = Number(values[0]);
    this.span = Number(values.at(-1)) - this.low + 1;
    this.bits = new Uint32Array((this.span >>> 5) + 1);
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    for (let at = 0; at < words.length; at += 2)
      setBit(this.bits, (words[at + 1] as number) * 2 ** 32 + ((words[at] as number) >>> 0) - this.low);
  }
}

/** Whether they are kept as bits. @param values ascending */
export function areSmallInts(values: BigInt64Array): boolean {
  const [first, last] = [Number(values[0]), Number(values.at(-1))];
  return Number.isSafeInteger(first) && Number.isSafeInteger(last) && last - first < BITMAP_SPAN_MAX;
}

const shareOf = (count: number): number => Math.min(0.5, count * 0.01);

/** An Int64 or Timestamptz field: its words are looked up as they lie. */
export class Int64FieldIn implements Leaf {
  readonly cost = 5;
  readonly passShare: number;
  readonly #view: FixedView & { readonly form: 'int64' };
  readonly #set: PairSet;

  constructor(view: FixedView & { readonly form: 'int64' }, values: BigInt64Array) {
    this.#view = view;
    this.#set = PairSet.ofInts(values);
    this.passShare = shareOf(values.length);
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    this.#set.testWords(this.#view.values, rows, alive, isTrue);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#view.valid, rows, known);
  }
}

/** The numbers of any operand. */
export class NumbersIn implements Leaf {
  readonly cost: number;
  readonly passShare: number;
  readonly #vector: NumberVector;
  readonly #small: SmallInts | undefined;
  readonly #values: BigInt64Array | Float64Array;
  /** Made when the first value is not among the small ones: most filters never need both. */
  #made: PairSet | undefined;

  /** @param isInt what the operand has, and so in which list the values are */
  constructor(vector: NumberVector, values: ValueSet, isInt: boolean) {
    this.#vector = vector;
    this.#values = isInt ? values.ints : values.doubles;
    this.#small = isInt && areSmallInts(values.ints) ? new SmallInts(values.ints) : undefined;
    this.passShare = shareOf(this.#values.length);
    this.cost = vector.cost + (this.#small ? 1.5 : 6);
  }

  get #set(): PairSet {
    const values = this.#values;
    this.#made ??= values instanceof BigInt64Array ? PairSet.ofInts(values) : PairSet.ofDoubles(values);
    return this.#made;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const vector = this.#vector;
    vector.load(rows, alive);
    if (this.#small !== undefined && !vector.isWide) {
      smallIntsIn(vector.doubles, rows.count, this.#small, isTrue);
      return;
    }
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const bit = lowestBit(left);
        bits |= Number(this.#has(vector, word * 32 + bit)) << bit;
      }
      isTrue[word] = bits;
    }
  }

  #has(vector: NumberVector, row: number): boolean {
    if (vector.isWide) return this.#set.indexOfInt(vector.wide[row] as bigint) >= 0;
    const value = vector.doubles[row] as number;
    return (
      (this.#values instanceof BigInt64Array
        ? this.#set.indexOfWhole(value)
        : this.#set.indexOfDouble(value)) >= 0
    );
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#vector.maskKnown(rows, known);
  }
}

function smallIntsIn(
  values: Float64Array,
  count: number,
  { low, span, bits }: SmallInts,
  out: RowBits,
): void {
  for (let word = 0, row = 0; row < count; word++) {
    const stop = Math.min(row + 32, count);
    let found = 0;
    for (let bit = 0; row < stop; row++, bit++) {
      const at = (values[row] as number) - low;
      if (at >= 0 && at < span) found |= (((bits[at >>> 5] as number) >>> (at & 31)) & 1) << bit;
    }
    out[word] = found;
  }
}
