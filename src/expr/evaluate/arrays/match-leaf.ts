// How many elements of a row's array, or of its struct array, pass a predicate. Elements of some rows are numbered in a row and then are what
// rows are elsewhere: the same nodes and leaves evaluate them, a block at a time.

import type { FixedView } from '#expr/evaluate/column-view.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import type { Node } from '#expr/evaluate/nodes.js';
import {
  BLOCK_ROWS,
  BLOCK_WORDS,
  countRange,
  isBitSet,
  newBits,
  type RowBits,
  type Rows,
  setBit,
  setRange,
} from '#expr/evaluate/rows.js';
import { TEXT_BYTES_MAX, type TextSpans } from '#expr/evaluate/text/text-spans.js';
import type { Quantifier } from '#expr/typed.js';
import type { ArrayRows, FixedArrays, TextArrays } from './array-rows.js';

/** Elements that are numbered together, or those of one row if it has more. */
const ELEMENTS_MAX = 8 * BLOCK_ROWS;

/** What leaves over elements read; filled anew for each run of rows. */
export interface CurrentElements {
  /** Elements are those of rows [begin, end) from now on. */
  moveTo(begin: number, end: number, elementCount: number): void;
}

export class CurrentNumbers implements CurrentElements {
  /** Leaves hold it; its values move. */
  readonly view: FixedView;
  readonly #moving: { -readonly [Key in keyof FixedView]: FixedView[Key] };
  readonly #arrays: FixedArrays;

  constructor(arrays: FixedArrays) {
    this.#arrays = arrays;
    this.#moving = { ...arrays.elements };
    this.view = this.#moving as FixedView;
  }

  moveTo(begin: number): void {
    const { elements } = this.#arrays;
    const first = this.#arrays.firstOf(begin);
    this.#moving.values = elements.values.subarray(elements.form === 'int64' ? first * 2 : first);
  }
}

export class CurrentTexts implements CurrentElements, TextSpans {
  readonly cost = 5;
  readonly isContiguous = false;
  readonly meanBytes = 32;
  readonly bytes: Uint8Array;
  begins = new Uint32Array(BLOCK_ROWS);
  ends = new Uint32Array(BLOCK_ROWS);
  first = 0;
  readonly #arrays: TextArrays;

  constructor(arrays: TextArrays) {
    this.bytes = arrays.bytes;
    this.#arrays = arrays;
  }

  longestBytes(): number {
    return TEXT_BYTES_MAX;
  }

  moveTo(begin: number, end: number, elementCount: number): void {
    if (this.begins.length < elementCount) {
      this.begins = new Uint32Array(elementCount);
      this.ends = new Uint32Array(elementCount);
    }
    const arrays = this.#arrays;
    let at = 0;
    for (let row = begin; row < end; row++) {
      const length = arrays.lengthOf(row);
      for (let element = 0; element < length; element++, at++) {
        this.begins[at] = arrays.beginOf(row, element);
        this.ends[at] = arrays.beginOf(row, element + 1);
      }
    }
  }

  load(rows: Rows): void {
    this.first = rows.begin;
  }

  maskKnown(): void {}
}

export interface MatchParts {
  /** Has as many elements as there are to ask. */
  readonly over: ArrayRows;
  readonly current: readonly CurrentElements[];
  /** The predicate over elements. */
  readonly node: Node;
  readonly quantifier: Quantifier;
  readonly threshold: number;
}

export class MatchLeaf implements Leaf {
  readonly cost: number;
  readonly rowNanosMax: number;
  readonly passShare = 0.3;
  readonly #parts: MatchParts;
  /** A bit an element of the run. */
  #passed = new Uint32Array(ELEMENTS_MAX / 32);
  #asked = new Uint32Array(ELEMENTS_MAX / 32);
  readonly #alive = newBits();
  readonly #out = newBits();

  constructor(parts: MatchParts) {
    this.#parts = parts;
    this.cost = 20 + parts.node.cost * 8;
    this.rowNanosMax = parts.node.rowNanosMax;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const { over } = this.#parts;
    isTrue.fill(0);
    for (let at = 0; at < rows.count; ) {
      const begin = at;
      let elementCount = 0;
      do elementCount += over.lengthOf(rows.begin + at++);
      while (at < rows.count && elementCount + over.lengthOf(rows.begin + at) <= ELEMENTS_MAX);
      this.#evaluateRun({ first: rows.begin, begin, end: at, elementCount }, alive, isTrue);
    }
  }

  /** Rows `first + begin` to `first + end`. */
  #evaluateRun(
    { first, begin, end, elementCount }: { first: number; begin: number; end: number; elementCount: number },
    alive: RowBits,
    isTrue: RowBits,
  ): void {
    if (!this.#ask({ first, begin, end, elementCount }, alive)) return;
    for (const current of this.#parts.current) current.moveTo(first + begin, first + end, elementCount);
    for (let element = 0; element < elementCount; element += BLOCK_ROWS)
      this.#evaluateElements(element, elementCount);
    let element = 0;
    for (let at = begin; at < end; at++) {
      const length = this.#parts.over.lengthOf(first + at);
      if (isBitSet(alive, at) && this.#holds(countRange(this.#passed, element, length), length))
        setBit(isTrue, at);
      element += length;
    }
  }

  /** Notes the elements of rows that are alive. @returns whether any row is */
  #ask(
    { first, begin, end, elementCount }: { first: number; begin: number; end: number; elementCount: number },
    alive: RowBits,
  ): boolean {
    const words = Math.ceil(elementCount / BLOCK_ROWS) * BLOCK_WORDS;
    if (this.#asked.length < words) {
      this.#asked = new Uint32Array(words);
      this.#passed = new Uint32Array(words);
    }
    const asked = this.#asked;
    asked.fill(0, 0, words);
    let isAny = false;
    let element = 0;
    for (let at = begin; at < end; at++) {
      const stop = element + this.#parts.over.lengthOf(first + at);
      if (isBitSet(alive, at)) {
        isAny = true;
        setRange(asked, element, stop - element);
      }
      element = stop;
    }
    return isAny;
  }

  #evaluateElements(begin: number, elementCount: number): void {
    const word = begin / 32;
    const alive = this.#alive;
    for (let i = 0; i < BLOCK_WORDS; i++) alive[i] = this.#asked[word + i] as number;
    const rows = { begin, count: Math.min(BLOCK_ROWS, elementCount - begin) };
    this.#parts.node.evaluate(rows, alive, this.#out);
    this.#passed.set(this.#out, word);
  }

  #holds(count: number, length: number): boolean {
    const { quantifier, threshold } = this.#parts;
    switch (quantifier) {
      case 'all':
        return count === length;
      case 'any':
        return count > 0;
      case 'least':
        return count >= threshold;
      case 'most':
        return count <= threshold;
      case 'exact':
        return count === threshold;
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#parts.over.maskKnown(rows, known);
  }
}
