// A column of fixed width as it lies in a file, so that its bytes are copied once, to where searches read them. Rows that are null have no
// bytes there, nor in what is read here.
import { column } from '#model/columns/column.js';
import type { Column } from '#proto/elanus/data.js';
import type { Page } from './parquet-page.js';
import type { ParquetField } from './parquet-type.js';

/** Rows [begin, end) of a page, which are all that a reader wants or a part of it. */
interface PagePart {
  readonly page: Page;
  readonly begin: number;
  readonly end: number;
}

export interface FixedColumnParts {
  /** The whole file. */
  readonly bytes: Uint8Array;
  readonly pages: readonly Page[];
  readonly field: Pick<ParquetField, 'fieldId' | 'dataType'>;
  /** Bytes of a row. */
  readonly width: number;
}

/** A fixed-width column inside the file's bytes. */
export class FixedColumn {
  readonly #parts: FixedColumnParts;
  #last = 0;

  constructor(parts: FixedColumnParts) {
    this.#parts = parts;
  }

  /** Where pages end, ascending: reading from one to the next copies nothing. */
  get pageEnds(): number[] {
    return this.#parts.pages.map((page) => page.rowBegin + page.rows);
  }

  /** Rows [begin, end): their bytes are a view within a page, else a copy. Packed where some are null. */
  rows(begin: number, end: number): Column {
    const { fieldId, dataType } = this.#parts.field;
    const parts = this.#pagesOf(begin, end);
    const [first] = parts;
    const data = parts.length === 1 && first ? this.#valuesOf(first) : this.#joined(parts);
    if (data.length === (end - begin) * this.#parts.width) return column(fieldId, dataType, data);
    return { ...column(fieldId, dataType, data, undefined, flagsOf(parts, begin, end)), packed: true };
  }

  #pagesOf(begin: number, end: number): PagePart[] {
    const { pages } = this.#parts;
    if (begin < (pages[this.#last]?.rowBegin ?? 0)) this.#last = 0;
    const parts: PagePart[] = [];
    for (let i = this.#last; i < pages.length; i++) {
      const page = pages[i] as Page;
      const pageEnd = page.rowBegin + page.rows;
      if (pageEnd <= begin) continue;
      if (page.rowBegin >= end) break;
      this.#last = i;
      parts.push({ page, begin: Math.max(begin, page.rowBegin), end: Math.min(end, pageEnd) });
    }
    return parts;
  }

  /** A view of the values of these rows. */
  #valuesOf({ page, begin, end }: PagePart): Uint8Array {
    const { bytes, width } = this.#parts;
    const from = presentBefore(page, begin) * width;
    const to = end === page.rowBegin + page.rows ? page.valuesBytes : presentBefore(page, end) * width;
    return bytes.subarray(page.valuesOffset + from, page.valuesOffset + to);
  }

  #joined(parts: readonly PagePart[]): Uint8Array {
    const values = parts.map((part) => this.#valuesOf(part));
    const data = new Uint8Array(values.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const one of values) {
      data.set(one, at);
      at += one.length;
    }
    return data;
  }
}

/** How many values of the page rows before this one have. */
function presentBefore({ valid, rowBegin }: Page, row: number): number {
  if (!valid) return row - rowBegin;
  let present = 0;
  for (let i = 0; i < row - rowBegin; i++) if (valid[i] !== 0) present++;
  return present;
}

/** A byte a row, 0 for null. */
function flagsOf(parts: readonly PagePart[], begin: number, end: number): Uint8Array {
  const flags = new Uint8Array(end - begin).fill(1);
  for (const { page, begin: from, end: to } of parts) {
    if (page.valid) flags.set(page.valid.subarray(from - page.rowBegin, to - page.rowBegin), from - begin);
  }
  return flags;
}
