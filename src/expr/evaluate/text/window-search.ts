// Searches the bytes of a column for a text with the kernel, a window after the other. A text that is long, or texts in which too much is
// compared in vain, are searched by the needle itself.
import { filterKernel, GIVEN_UP, NEEDLE_BYTES_MAX, WINDOW_BYTES } from '#expr/evaluate/filter-kernel.js';
import type { Needle } from './byte-strings.js';

/** Good for the turn in which it was made: its window lies in the memory of the kernel. */
export class WindowSearch {
  readonly #needle: Needle;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #isForKernel: boolean;
  #windowBegin = 0;
  #windowEnd = 0;

  /** @param end where the bytes to search end */
  constructor(needle: Needle, bytes: Uint8Array, end: number) {
    this.#needle = needle;
    this.#bytes = bytes;
    this.#end = end;
    this.#isForKernel = needle.bytes.length <= NEEDLE_BYTES_MAX;
    if (this.#isForKernel) filterKernel().takeNeedle(needle.bytes);
  }

  /** Where the text begins at or behind `begin`, which never goes back; -1: nowhere. */
  find(begin: number): number {
    const { length } = this.#needle.bytes;
    if (!this.#isForKernel) return this.#needle.find(this.#bytes, begin, this.#end);
    const kernel = filterKernel();
    for (let at = begin; at + length <= this.#end; ) {
      if (at >= this.#windowEnd) this.#move(at);
      const found = kernel.find(at - this.#windowBegin, this.#windowEnd - this.#windowBegin, length);
      if (found >= 0) return this.#windowBegin + found;
      if (found === GIVEN_UP) return this.#needle.find(this.#bytes, at, this.#end);
      if (this.#windowEnd === this.#end) return -1;
      at = Math.max(at, this.#windowEnd - length + 1);
      this.#move(at);
    }
    return -1;
  }

  #move(to: number): void {
    this.#windowBegin = to;
    this.#windowEnd = Math.min(this.#end, to + WINDOW_BYTES);
    filterKernel().takeWindow(this.#bytes, this.#windowBegin, this.#windowEnd);
  }
}
