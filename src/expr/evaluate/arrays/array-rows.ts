// The elements of an Array field as its column has them. Those of fixed width lie one behind the other, across rows: the whole column is one
// run of numbers, and a row is a part of it. Texts lie behind a table in each row: a count, then for each element where it ends, counted
// from behind the table, as uint32 at any address.
import type { FixedView, VariableView } from '#expr/evaluate/column-view.js';
import { fixedValues, formOf, widthOf } from '#expr/evaluate/column-view.js';
import { maskNulls, type RowBits, type Rows } from '#expr/evaluate/rows.js';

export interface ArrayRows {
  /** Elements of a row. */
  lengthOf(row: number): number;
  maskKnown(rows: Rows, known: RowBits): void;
}

export class FixedArrays implements ArrayRows {
  /** All elements of the column. */
  readonly elements: FixedView;
  readonly #offsets: Uint32Array;
  readonly #shift: number;
  readonly #valid: Uint8Array;

  constructor(view: VariableView, elements: FixedView) {
    this.elements = elements;
    this.#offsets = view.offsets;
    this.#shift = Math.log2(widthOf(elements.form));
    this.#valid = view.valid;
  }

  /** Elements of a row, on average. */
  get meanLength(): number {
    const rows = Math.max(1, this.#offsets.length - 1);
    return ((this.#offsets[this.#offsets.length - 1] as number) >>> this.#shift) / rows;
  }

  /** The number of the row's first element among all of the column; of the row behind the last: how many there are. */
  firstOf(row: number): number {
    return (this.#offsets[row] as number) >>> this.#shift;
  }

  lengthOf(row: number): number {
    return ((this.#offsets[row + 1] as number) - (this.#offsets[row] as number)) >>> this.#shift;
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#valid, rows, known);
  }
}

export class TextArrays implements ArrayRows {
  readonly bytes: Uint8Array;
  readonly #offsets: Uint32Array;
  readonly #valid: Uint8Array;

  constructor(view: VariableView) {
    this.bytes = view.data;
    this.#offsets = view.offsets;
    this.#valid = view.valid;
  }

  lengthOf(row: number): number {
    const begin = this.#offsets[row] as number;
    return begin === this.#offsets[row + 1] ? 0 : this.#uint32At(begin);
  }

  /** Where an element of a row that is not empty begins; that of index `lengthOf` is where the last ends. */
  beginOf(row: number, index: number): number {
    const begin = this.#offsets[row] as number;
    const table = begin + 4 + this.#uint32At(begin) * 4;
    return index === 0 ? table : table + this.#uint32At(begin + index * 4);
  }

  #uint32At(at: number): number {
    const { bytes } = this;
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    return (low | ((bytes[at + 3] as number) << 24)) >>> 0;
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#valid, rows, known);
  }
}

export function arrayRows(view: VariableView, elementType: number): FixedArrays | TextArrays {
  const form = formOf(elementType);
  if (form === undefined) return new TextArrays(view);
  return new FixedArrays(view, { kind: 'fixed', ...fixedValues(form, view.data), valid: new Uint8Array(0) });
}
