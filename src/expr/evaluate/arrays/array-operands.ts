// What a leaf reads from an array field: how many elements there are, and one of them.
import { NumberBlock } from '#expr/evaluate/numbers/number-vector.js';
import { BLOCK_ROWS, newBits, type RowBits, type Rows, setBit, wordsOf } from '#expr/evaluate/rows.js';
import { TEXT_BYTES_MAX, type TextSpans } from '#expr/evaluate/text/text-spans.js';
import type { ArrayRows, FixedArrays, TextArrays } from './array-rows.js';

export class ArrayLengths extends NumberBlock {
  readonly cost = 3;
  readonly #arrays: ArrayRows;

  constructor(arrays: ArrayRows) {
    super();
    this.#arrays = arrays;
    this.max = 0xffffffff;
  }

  load({ begin, count }: Rows): void {
    for (let i = 0; i < count; i++) this.doubles[i] = this.#arrays.lengthOf(begin + i);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#arrays.maskKnown(rows, known);
  }
}

/** Rows whose array ends before some index. */
class ShortRows {
  readonly #bits = newBits();

  clear(): void {
    this.#bits.fill(0);
  }

  add(at: number): void {
    setBit(this.#bits, at);
  }

  takeFrom(known: RowBits, count: number): void {
    for (let word = wordsOf(count) - 1; word >= 0; word--)
      known[word] = (known[word] as number) & ~(this.#bits[word] as number);
  }
}

/** The element of one index in each row. */
export class ElementNumbers extends NumberBlock {
  readonly cost = 5;
  readonly #arrays: FixedArrays;
  readonly #index: number;
  readonly #short = new ShortRows();
  readonly #gathered: Float64Array;
  readonly #one = { begin: 0, count: 1 };

  constructor(arrays: FixedArrays, index: number) {
    super();
    this.#arrays = arrays;
    this.#index = index;
    this.#gathered = new Float64Array(BLOCK_ROWS);
  }

  load(rows: Rows): void {
    const arrays = this.#arrays;
    const { elements } = arrays;
    this.#short.clear();
    if (elements.form === 'int64') {
      this.#loadInt64s(rows, elements.values);
      return;
    }
    // Sets the bounds of the type.
    this.take(elements, this.#one);
    for (let i = 0; i < rows.count; i++) {
      const row = rows.begin + i;
      if (this.#index < arrays.lengthOf(row))
        this.doubles[i] = elements.values[arrays.firstOf(row) + this.#index] as number;
      else this.#markShort(i);
    }
  }

  #loadInt64s(rows: Rows, words: Int32Array): void {
    const arrays = this.#arrays;
    const gathered = new Int32Array(this.#gathered.buffer);
    for (let i = 0; i < rows.count; i++) {
      const row = rows.begin + i;
      const isThere = this.#index < arrays.lengthOf(row);
      const at = isThere ? (arrays.firstOf(row) + this.#index) * 2 : 0;
      gathered[i * 2] = isThere ? (words[at] as number) : 0;
      gathered[i * 2 + 1] = isThere ? (words[at + 1] as number) : 0;
      if (!isThere) this.#short.add(i);
    }
    const valid = new Uint8Array(0);
    this.take({ kind: 'fixed', form: 'int64', values: gathered, valid }, { begin: 0, count: rows.count });
  }

  #markShort(i: number): void {
    this.doubles[i] = 0;
    this.#short.add(i);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#arrays.maskKnown(rows, known);
    this.#short.takeFrom(known, rows.count);
  }
}

export class ElementTexts implements TextSpans {
  readonly cost = 8;
  readonly isContiguous = false;
  readonly meanBytes = 32;
  readonly bytes: Uint8Array;
  readonly begins = new Uint32Array(BLOCK_ROWS);
  readonly ends = new Uint32Array(BLOCK_ROWS);
  readonly first = 0;
  readonly #arrays: TextArrays;
  readonly #index: number;
  readonly #short = new ShortRows();

  constructor(arrays: TextArrays, index: number) {
    this.bytes = arrays.bytes;
    this.#arrays = arrays;
    this.#index = index;
  }

  longestBytes(): number {
    return TEXT_BYTES_MAX;
  }

  load({ begin, count }: Rows): void {
    const arrays = this.#arrays;
    this.#short.clear();
    for (let i = 0; i < count; i++) {
      const isThere = this.#index < arrays.lengthOf(begin + i);
      this.begins[i] = isThere ? arrays.beginOf(begin + i, this.#index) : 0;
      this.ends[i] = isThere ? arrays.beginOf(begin + i, this.#index + 1) : 0;
      if (!isThere) this.#short.add(i);
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#arrays.maskKnown(rows, known);
    this.#short.takeFrom(known, rows.count);
  }
}
