// A column of fixed width without nulls as it lies in a file, so that its bytes are copied once, to where searches read them.
import type { Page } from './parquet-page.js';

/** A fixed-width column without nulls inside the file's bytes. */
export class FixedColumn {
  readonly #bytes: Uint8Array;
  readonly #pages: readonly Page[];
  readonly #width: number;
  #last = 0;

  constructor(bytes: Uint8Array, pages: readonly Page[], width: number) {
    this.#bytes = bytes;
    this.#pages = pages;
    this.#width = width;
  }

  /** Where pages end, ascending: reading from one to the next copies nothing. */
  get pageEnds(): number[] {
    return this.#pages.map((page) => page.rowBegin + page.rows);
  }

  /** Bytes of rows [begin, end): a view within a page, else a copy. */
  rows(begin: number, end: number): Uint8Array {
    if (begin < (this.#pages[this.#last]?.rowBegin ?? 0)) this.#last = 0;
    let out: Uint8Array | undefined;
    for (let i = this.#last; i < this.#pages.length; i++) {
      const page = this.#pages[i] as Page;
      const pageEnd = page.rowBegin + page.rows;
      if (pageEnd <= begin) continue;
      if (page.rowBegin >= end) break;
      this.#last = i;
      const from = Math.max(begin, page.rowBegin);
      const to = Math.min(end, pageEnd);
      const at = page.valuesOffset + (from - page.rowBegin) * this.#width;
      const part = this.#bytes.subarray(at, at + (to - from) * this.#width);
      if (from === begin && to === end) return part;
      out ??= new Uint8Array((end - begin) * this.#width);
      out.set(part, (from - begin) * this.#width);
    }
    return out ?? new Uint8Array(0);
  }
}
