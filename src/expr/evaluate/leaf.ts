// What the parts of a prepared filter have in common. A leaf answers a block of rows at a time with two sets of bits; what is above the
// leaves combines bits and knows no values.
import type { RowBits, Rows } from './rows.js';

export interface Leaf {
  /** Nanoseconds that a row costs, roughly: only the order of parts depends on it. */
  readonly cost: number;
  /** Nanoseconds a row where rows take much more than `cost`; left out: they do not. */
  readonly costMax?: number;
  /** Nanoseconds that a single row may take at worst; left out: no row takes long. */
  readonly rowNanosMax?: number;
  /** The share of rows that pass, as far as can be guessed without data. */
  readonly passShare: number;
  /**
   * Sets the bits of rows for which the leaf is true and clears the others. Both only matter where `alive` has the row and where
   * `maskKnown` leaves it.
   */
  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void;
  /** Takes out of `known` the rows that read something unknown. Called after `evaluate` of the same rows. */
  maskKnown(rows: Rows, known: RowBits): void;
}
