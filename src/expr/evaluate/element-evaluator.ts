// Which elements of a row's array, or of its struct array, satisfy the predicate of an `element_filter`.

import type { ElementPredicate } from '#expr/typed.js';
import type { ColumnSource } from './column-view.js';
import { type ElementParts, elementParts } from './filter-evaluator.js';
import { BLOCK_ROWS, isBitSet, newBits, setBit, setFirst } from './rows.js';

export class ElementEvaluator {
  /** Undefined: no row has elements. */
  readonly #parts: ElementParts | undefined;
  readonly #alive = newBits();
  readonly #out = newBits();

  constructor(elements: ElementPredicate, source: ColumnSource) {
    this.#parts = elementParts(elements, source);
  }

  /** How many elements a row has. */
  lengthOf(row: number): number {
    return this.#parts?.over.lengthOf(row) ?? 0;
  }

  /** The places of the row's elements that pass, ascending. */
  ofRow(row: number): number[] {
    const places: number[] = [];
    this.#each(row, row + 1, this.lengthOf(row), (element) => places.push(element));
    return places;
  }

  /**
   * Sets the bits of the elements of rows [begin, end) that pass; bit `first` is that of the first of them.
   * @param count of these elements
   */
  evaluate(begin: number, end: number, count: number, passing: Uint32Array, first: number): void {
    this.#each(begin, end, count, (element) => setBit(passing, first + element));
  }

  #each(begin: number, end: number, count: number, visit: (element: number) => void): void {
    if (this.#parts === undefined || count === 0) return;
    const { current, node } = this.#parts;
    for (const elements of current) elements.moveTo(begin, end, count);
    for (let at = 0; at < count; at += BLOCK_ROWS) {
      const rows = { begin: at, count: Math.min(BLOCK_ROWS, count - at) };
      this.#alive.fill(0);
      setFirst(this.#alive, rows.count);
      node.evaluate(rows, this.#alive, this.#out);
      for (let i = 0; i < rows.count; i++) if (isBitSet(this.#out, i)) visit(at + i);
    }
  }
}
