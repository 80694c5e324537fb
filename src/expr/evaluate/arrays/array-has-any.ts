// Whether an array of numbers has an element of some kind. The elements of all rows are one run of numbers, so a leaf over a column looks at
// them, whichever row they are of; only for those that it finds is the row looked for.
import type { Leaf } from '#expr/evaluate/leaf.js';
import {
  BLOCK_ROWS,
  lowestBit,
  newBits,
  type RowBits,
  type Rows,
  setBit,
  wordsOf,
} from '#expr/evaluate/rows.js';
import type { FixedArrays } from './array-rows.js';

export class ArrayHasAny implements Leaf {
  readonly cost: number;
  readonly passShare: number;
  readonly #arrays: FixedArrays;
  /** Looks at elements as at rows of a column. */
  readonly #leaf: Leaf;
  readonly #all = newBits().fill(0xffffffff);
  readonly #hits = newBits();

  constructor(arrays: FixedArrays, leaf: Leaf) {
    this.#arrays = arrays;
    this.#leaf = leaf;
    this.cost = 2 + arrays.meanLength * leaf.cost;
    this.passShare = Math.min(0.5, leaf.passShare * 5);
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    isTrue.fill(0);
    const words = wordsOf(rows.count);
    // Rows of words that nobody asks about may have many elements.
    for (let word = 0; word < words; ) {
      const begin = word;
      while (word < words && alive[word] !== 0) word++;
      if (word === begin) word++;
      else this.#find(rows, begin * 32, Math.min(rows.count, word * 32), isTrue);
    }
  }

  /** Sets the bits of rows [from, to) of the block that have such an element. */
  #find({ begin }: Rows, from: number, to: number, isTrue: RowBits): void {
    const arrays = this.#arrays;
    const end = arrays.firstOf(begin + to);
    let row = begin + from;
    for (let first = arrays.firstOf(row); first < end; first += BLOCK_ROWS) {
      const elements = { begin: first, count: Math.min(BLOCK_ROWS, end - first) };
      this.#leaf.evaluate(elements, this.#all, this.#hits);
      row = this.#addRows(elements, row, begin, isTrue);
    }
  }

  /** @param row the first that may have one of the elements @returns the row of the last one that was found */
  #addRows({ begin: first, count }: Rows, row: number, begin: number, isTrue: RowBits): number {
    const arrays = this.#arrays;
    const words = wordsOf(count);
    let at = row;
    for (let word = 0; word < words; word++) {
      for (let left = this.#hits[word] as number; left !== 0; left &= left - 1) {
        const element = first + word * 32 + lowestBit(left);
        // Bits behind the last element mean nothing.
        if (element >= first + count) return at;
        while (arrays.firstOf(at + 1) <= element) at++;
        setBit(isTrue, at - begin);
      }
    }
    return at;
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#arrays.maskKnown(rows, known);
  }
}
