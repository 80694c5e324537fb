// Leaves that look at no value: whether a field is null, what is known of all rows, and questions to a field that these rows do not have.
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

/** What is known of every row beforehand. */
export class BitsLeaf implements Leaf {
  readonly cost = 0.1;
  readonly passShare = 0.05;
  readonly #bits: Uint32Array;
  readonly #valid: Uint8Array;

  /** @param bits of all rows @param valid as in a column view */
  constructor(bits: Uint32Array, valid: Uint8Array) {
    this.#bits = bits;
    this.#valid = valid;
  }

  evaluate({ begin, count }: Rows, _alive: RowBits, isTrue: RowBits): void {
    const [first, shift] = [begin >>> 5, begin & 31];
    for (let word = 0; word < wordsOf(count); word++) {
      const low = this.#bits[first + word] ?? 0;
      const high = this.#bits[first + word + 1] ?? 0;
      isTrue[word] = shift === 0 ? low : (low >>> shift) | (high << (32 - shift));
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#valid, rows, known);
  }
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
