// The texts of an operand for a block of rows: where they lie in memory. Those of a field are taken as its column has them.
import type { VariableView } from '#expr/evaluate/column-view.js';
import { maskNulls, type RowBits, type Rows } from '#expr/evaluate/rows.js';

/** Bytes of the longest text that a field or an element may have. */
export const TEXT_BYTES_MAX = 65_535;

export interface TextSpans {
  readonly cost: number;
  /** Bytes of a text, on average. */
  readonly meanBytes: number;
  /** Bytes of the longest text, or a bound on them; looks at each row. */
  longestBytes(): number;
  readonly bytes: Uint8Array;
  /** Row i of the block is [begins[first + i], ends[first + i]) of `bytes`. */
  readonly begins: Uint32Array;
  readonly ends: Uint32Array;
  readonly first: number;
  /** Texts lie one behind the other in the order of the rows. */
  readonly isContiguous: boolean;
  load(rows: Rows, alive: RowBits): void;
  maskKnown(rows: Rows, known: RowBits): void;
}

/** @param offsets where values begin, and the end of the last */
export function longestOf(offsets: Uint32Array): number {
  let longest = 0;
  for (let row = 1; row < offsets.length; row++)
    longest = Math.max(longest, (offsets[row] as number) - (offsets[row - 1] as number));
  return longest;
}

export class FieldTexts implements TextSpans {
  readonly cost = 1;
  readonly isContiguous = true;
  readonly bytes: Uint8Array;
  readonly begins: Uint32Array;
  readonly ends: Uint32Array;
  first = 0;
  readonly #valid: Uint8Array;

  constructor({ data, offsets, valid }: VariableView) {
    this.bytes = data;
    this.begins = offsets;
    this.ends = offsets.subarray(1);
    this.#valid = valid;
  }

  get meanBytes(): number {
    return this.bytes.length / Math.max(1, this.ends.length);
  }

  longestBytes(): number {
    return longestOf(this.begins);
  }

  load(rows: Rows): void {
    this.first = rows.begin;
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#valid, rows, known);
  }
}
