// Leaves that look at no value: whether a field is null, and questions to a field that these rows do not have.
import type { Leaf } from './leaf.js';
import { maskNulls, type RowBits, type Rows, wordsOf } from './rows.js';

/** @param valid as in a column view */
export class NullLeaf implements Leaf {
  readonly cost = 1;
  readonly passShare: number;
  readonly #valid: Uint8Array;
  readonly #isNegated: boolean;

  constructor(valid: Uint8Array, isNegated: boolean) {
    this.#valid = valid;
    this.#isNegated = isNegated;
    this.passShare = isNegated ? 0.9 : 0.1;
  }

  evaluate(rows: Rows, _alive: RowBits, isTrue: RowBits): void {
    isTrue.fill(0xffffffff);
    maskNulls(this.#valid, rows, isTrue);
    if (this.#isNegated) return;
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) isTrue[word] = ~(isTrue[word] as number);
  }

  maskKnown(): void {}
}

/** The same answer for every row. */
export class SameLeaf implements Leaf {
  readonly cost = 0;
  readonly passShare: number;
  readonly #answer: boolean | undefined;

  /** @param answer undefined: unknown */
  constructor(answer: boolean | undefined) {
    this.#answer = answer;
    this.passShare = answer === true ? 1 : 0;
  }

  evaluate(_rows: Rows, _alive: RowBits, isTrue: RowBits): void {
    isTrue.fill(this.#answer === true ? 0xffffffff : 0);
  }

  maskKnown(_rows: Rows, known: RowBits): void {
    if (this.#answer === undefined) known.fill(0);
  }
}
