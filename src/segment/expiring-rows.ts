// Rows of a segment that expire at a time of their own, by a field of times: null never, any other value once it is not after the time of the
// read. Values never change and time mostly goes on, so the bits of what has expired are kept and added to: of each block the next time at
// which one of its rows expires is known, and only blocks that have come to theirs are looked at.

import { assert } from '#base/assert.js';
import { bytesForBits } from '#base/bytes.js';
import type { ExpiringRows } from '#segment/fields/row-versions.js';
import { setBit } from '#segment/fields/row-versions.js';
import type { ScalarView } from '#segment/fields/scalar-view.js';

/** No value of a field of times is as large. */
const NEVER = (1n << 63n) - 1n;
const BLOCK_ROWS = 1024;

export class RowsWithExpiry implements ExpiringRows {
  readonly #scalars: (rowCount: number) => ScalarView | undefined;
  readonly #rowCount: () => number;
  #values: BigInt64Array = new BigInt64Array(0);
  #valid: Uint8Array | undefined;
  /** Rows that the views show. */
  #seen = 0;
  /** The next time at which a row of each block expires that has no bit yet. */
  #next: bigint[] = [];
  #first = NEVER;
  /** When the first row of all expires. */
  #earliest = NEVER;
  /** Bit set: expired at `#reached`. */
  #bits = new Uint8Array(0);
  #reached = -NEVER;

  /** @param scalars the field of the first rows of the segment; undefined: it has no such column, and no row expires */
  constructor(scalars: (rowCount: number) => ScalarView | undefined, rowCount: () => number) {
    this.#scalars = scalars;
    this.#rowCount = rowCount;
  }

  get bytes(): number {
    return this.#bits.length + this.#next.length * 16;
  }

  isExpired(row: number, micros: bigint): boolean {
    this.#follow();
    return this.#timeOf(row) <= micros;
  }

  hasExpired(micros: bigint): boolean {
    this.#follow();
    return this.#earliest <= micros;
  }

  hideExpired(bits: Uint8Array, micros: bigint): void {
    this.#follow();
    if (micros < this.#reached) {
      // A read of an earlier time, as a page of an iterator is.
      for (let row = 0; row < this.#seen; row++) if (this.#timeOf(row) <= micros) setBit(bits, row);
      return;
    }
    this.#reach(micros);
    for (let at = Math.min(bits.length, this.#bits.length) - 1; at >= 0; at--)
      bits[at] = (bits[at] as number) | (this.#bits[at] as number);
  }

  #timeOf(row: number): bigint {
    return row >= this.#seen || this.#valid?.[row] === 0 ? NEVER : (this.#values[row] as bigint);
  }

  /** Takes what came since. */
  #follow(): void {
    const rowCount = this.#rowCount();
    if (rowCount === this.#seen) return;
    const view = this.#scalars(rowCount);
    if (view === undefined) return;
    const { values } = view;
    assert(values instanceof BigInt64Array, 'rows expire by a field that is none of times');
    const from = this.#seen;
    this.#values = values;
    this.#valid = view.valid;
    this.#seen = rowCount;
    const bytes = bytesForBits(rowCount);
    if (bytes > this.#bits.length) {
      const grown = new Uint8Array(Math.max(bytes, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    for (let block = Math.floor(from / BLOCK_ROWS); block * BLOCK_ROWS < rowCount; block++) this.#look(block);
  }

  #reach(micros: bigint): void {
    this.#reached = micros;
    if (micros < this.#first) return;
    this.#first = NEVER;
    for (let block = 0; block < this.#next.length; block++) {
      if ((this.#next[block] as bigint) <= micros) this.#look(block);
      else if ((this.#next[block] as bigint) < this.#first) this.#first = this.#next[block] as bigint;
    }
  }

  /** Sets the bits of a block's rows, and notes when the next of them expires. */
  #look(block: number): void {
    let next = NEVER;
    const end = Math.min(this.#seen, (block + 1) * BLOCK_ROWS);
    for (let row = block * BLOCK_ROWS; row < end; row++) {
      const time = this.#timeOf(row);
      if (time < this.#earliest) this.#earliest = time;
      if (time <= this.#reached) setBit(this.#bits, row);
      else if (time < next) next = time;
    }
    this.#next[block] = next;
    if (next < this.#first) this.#first = next;
  }
}
