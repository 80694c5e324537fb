// Leaves that ask whether a number is one of many.

import type { FixedView } from '#expr/evaluate/column-view.js';
import { filterKernel } from '#expr/evaluate/filter-kernel.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import {
  isSpread,
  lowestBit,
  maskNulls,
  type RowBits,
  type Rows,
  setBit,
  wordsOf,
} from '#expr/evaluate/rows.js';
import type { ValueSet } from '#expr/typed.js';
import { MAP_SPAN_MAX, type NumberTable, numberTableOf } from './number-table.js';
import type { NumberVector } from './number-vector.js';
import { PairSet } from './pair-set.js';

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
  return Number.isSafeInteger(first) && Number.isSafeInteger(last) && last - first < MAP_SPAN_MAX;
}

const shareOf = (count: number): number => Math.min(0.5, count * 0.01);

type IntView = FixedView & { readonly form: 'int32' | 'int64' };

/** A field of 32 or 64 bits: a kernel says which rows may be among the values, and where it is not exact these are looked up. */
export class IntFieldIn implements Leaf {
  readonly cost: number;
  readonly passShare: number;
  readonly #view: IntView;
  readonly #values: BigInt64Array;
  readonly #table: NumberTable | undefined;
  /** Made when something is to be looked up. */
  #made: PairSet | undefined;

  /** @param values ascending */
  constructor(view: IntView, values: BigInt64Array) {
    this.#view = view;
    this.#values = values;
    this.#table = values.length === 0 ? undefined : numberTableOf(values);
    this.cost = this.#table === undefined ? 8 : 2;
    this.passShare = shareOf(values.length);
  }

  get #set(): PairSet {
    this.#made ??= PairSet.ofInts(this.#values);
    return this.#made;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const { form, values } = this.#view;
    const table = this.#table;
    const isWide = form === 'int64';
    if (table === undefined || !isSpread(alive, rows.count)) {
      if (isWide) this.#set.testWords(values, rows, alive, isTrue);
      else {
        isTrue.set(alive);
        this.#keepKnown(rows, isTrue);
      }
      return;
    }
    if (table.kind === 'map') {
      filterKernel().onMap({ values, isWide }, rows, table, isTrue);
      return;
    }
    filterKernel().maybeIn({ values, isWide }, rows, table, isTrue);
    this.#keepKnown(rows, isTrue);
  }

  /** Looks up the rows whose bit is set. */
  #keepKnown({ begin, count }: Rows, bits: RowBits): void {
    const { form, values } = this.#view;
    for (let word = wordsOf(count) - 1; word >= 0; word--) {
      let kept = 0;
      for (let left = bits[word] as number; left !== 0; left &= left - 1) {
        const bit = lowestBit(left);
        const row = begin + word * 32 + bit;
        if (row >= begin + count) break;
        const low = values[form === 'int64' ? row * 2 : row] as number;
        const high = form === 'int64' ? (values[row * 2 + 1] as number) : low >> 31;
        kept |= Number(this.#set.indexOf(low, high) >= 0) << bit;
      }
      bits[word] = kept;
    }
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
