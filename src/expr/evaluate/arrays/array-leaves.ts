// Leaves over whole arrays: equality with a list, and whether any or all of some values are in them.

import type { FixedView } from '#expr/evaluate/column-view.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import { PairSet } from '#expr/evaluate/numbers/pair-set.js';
import { lowestBit, type RowBits, type Rows, wordsOf } from '#expr/evaluate/rows.js';
import { bytesOfText, isEqualTo } from '#expr/evaluate/text/byte-strings.js';
import { TextSet } from '#expr/text-set.js';
import type { Literal, ValueSet } from '#expr/typed.js';
import { FixedArrays, type TextArrays } from './array-rows.js';

/** A question to the array of one row. */
abstract class ArrayLeaf implements Leaf {
  abstract readonly cost: number;
  abstract readonly passShare: number;
  protected abstract readonly arrays: FixedArrays | TextArrays;

  protected abstract test(row: number): boolean;

  evaluate({ begin, count }: Rows, alive: RowBits, isTrue: RowBits): void {
    for (let word = wordsOf(count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const bit = lowestBit(left);
        bits |= Number(this.test(begin + word * 32 + bit)) << bit;
      }
      isTrue[word] = bits;
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.arrays.maskKnown(rows, known);
  }
}

/** Finds the place of an element in the list of constants. */
interface ElementSet {
  readonly size: number;
  indexOf(row: number, element: number): number;
}

class NumberElementSet implements ElementSet {
  readonly size: number;
  readonly #arrays: FixedArrays;
  readonly #set: PairSet;

  constructor(arrays: FixedArrays, { bools, ints, doubles }: ValueSet) {
    this.#arrays = arrays;
    const { form } = arrays.elements;
    if (form === 'float' || form === 'double') this.#set = PairSet.ofDoubles(doubles);
    else this.#set = PairSet.ofInts(bools.length > 0 ? BigInt64Array.from(bools, BigInt) : ints);
    this.size = this.#set.size;
  }

  indexOf(row: number, element: number): number {
    return indexOfElement(this.#set, this.#arrays.elements, this.#arrays.firstOf(row) + element);
  }
}

function indexOfElement(set: PairSet, elements: FixedView, at: number): number {
  switch (elements.form) {
    case 'int64':
      return set.indexOf(elements.values[at * 2] as number, elements.values[at * 2 + 1] as number);
    case 'float':
      return set.indexOfDouble(elements.values[at] as number);
    case 'double':
      return set.indexOfDouble(elements.values[at] as number);
    default: {
      const value = elements.values[at] as number;
      return set.indexOf(value, value >> 31);
    }
  }
}

class TextElementSet implements ElementSet {
  readonly size: number;
  readonly #arrays: TextArrays;
  readonly #set: TextSet;

  constructor(arrays: TextArrays, { texts }: ValueSet) {
    this.#arrays = arrays;
    this.#set = new TextSet(texts);
    this.size = texts.length;
  }

  indexOf(row: number, element: number): number {
    const arrays = this.#arrays;
    return this.#set.indexOf(arrays.bytes, arrays.beginOf(row, element), arrays.beginOf(row, element + 1));
  }
}

export class ArrayContains extends ArrayLeaf {
  readonly cost = 60;
  readonly passShare = 0.1;
  protected readonly arrays: FixedArrays | TextArrays;
  readonly #set: ElementSet;
  readonly #wanted: number;
  /** By value: the last row in which it was found, counted. */
  readonly #foundIn: Float64Array;
  #rowCount = 0;

  constructor(arrays: FixedArrays | TextArrays, values: ValueSet, mode: 'all' | 'any') {
    super();
    this.arrays = arrays;
    this.#set =
      arrays instanceof FixedArrays
        ? new NumberElementSet(arrays, values)
        : new TextElementSet(arrays, values);
    this.#wanted = mode === 'any' ? 1 : this.#set.size;
    this.#foundIn = new Float64Array(this.#set.size);
  }

  protected test(row: number): boolean {
    const set = this.#set;
    const length = this.arrays.lengthOf(row);
    const count = ++this.#rowCount;
    let found = 0;
    for (let element = 0; element < length; element++) {
      const index = set.indexOf(row, element);
      if (index < 0 || this.#foundIn[index] === count) continue;
      this.#foundIn[index] = count;
      if (++found === this.#wanted) return true;
    }
    return false;
  }
}

export class ArrayEquals extends ArrayLeaf {
  readonly cost = 15;
  readonly passShare = 0.02;
  protected readonly arrays: FixedArrays | TextArrays;
  readonly #length: number;
  readonly #isElement: (row: number, element: number) => boolean;

  constructor(arrays: FixedArrays | TextArrays, list: readonly Literal[]) {
    super();
    this.arrays = arrays;
    this.#length = list.length;
    this.#isElement =
      arrays instanceof FixedArrays ? numberElements(arrays, list) : textElements(arrays, list);
  }

  protected test(row: number): boolean {
    if (this.arrays.lengthOf(row) !== this.#length) return false;
    for (let element = 0; element < this.#length; element++) if (!this.#isElement(row, element)) return false;
    return true;
  }
}

type IsElement = (row: number, element: number) => boolean;

function numberElements(arrays: FixedArrays, list: readonly Literal[]): IsElement {
  const { elements } = arrays;
  const numbers = list.map(numberOf);
  if (elements.form !== 'int64') {
    const wanted = Float64Array.from(numbers, Number);
    return (row, element) => elements.values[arrays.firstOf(row) + element] === wanted[element];
  }
  const words = new Int32Array(BigInt64Array.from(numbers, BigInt).buffer);
  return (row, element) => {
    const at = (arrays.firstOf(row) + element) * 2;
    return elements.values[at] === words[element * 2] && elements.values[at + 1] === words[element * 2 + 1];
  };
}

function textElements(arrays: TextArrays, list: readonly Literal[]): IsElement {
  const wanted = list.map((one) => bytesOfText(one.type === 'text' ? one.value : ''));
  return (row, element) => {
    const end = arrays.beginOf(row, element + 1);
    return isEqualTo(arrays.bytes, arrays.beginOf(row, element), end, wanted[element] as Uint8Array);
  };
}

function numberOf(value: Literal): number | bigint {
  if (value.type === 'bool') return Number(value.value);
  if (value.type === 'text' || value.type === 'list')
    throw new TypeError(`a ${value.type} in a list of numbers`);
  return value.value;
}
