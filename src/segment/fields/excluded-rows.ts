// Which rows of a segment do not count in a search: not visible, without a vector, or kept out by a filter. A search of the newest state
// without a filter shares one snapshot of bits with those before it until a row is deleted, superseded or added, and threads read it in place.
import { bytesForBits, bytesView } from '#base/bytes.js';
import { clearBit, countBits, hasBitAt, type RowVersions, setBit } from './row-versions.js';

export interface ExcludedRows {
  /** Bit set: the row does not count. Undefined: all rows count. Never written to. */
  readonly bits: Uint8Array | undefined;
  /** Rows that count. */
  readonly passing: number;
  /** Those rows in ascending order, where a filter named them. */
  readonly rows?: Uint32Array;
}

/** Bits of rows [0, rowCount): bit (row & 31) of word (row >> 5) is set where the row passes, and no bit behind the last row. */
export interface PassingBits {
  readonly bits: Uint32Array;
  readonly rowCount: number;
  readonly passing: number;
}

export interface RowFilter {
  readonly filterRows?: Uint32Array;
  readonly negated?: boolean;
  /** Instead of `filterRows`: rows that a predicate lets pass. Rows behind them do not count. */
  readonly passing?: PassingBits;
  /** Rows that do not count whatever the filter says: their key has a newer row elsewhere. */
  readonly supersededRows?: Uint32Array;
}

interface NullRows {
  /** Bit set: the row has no vector. */
  readonly nullBits: Uint8Array | undefined;
}

/** Excluded rows of one vector field. */
export class ExcludedRowsOf {
  readonly vectors: NullRows;
  readonly #versions: RowVersions;
  #snapshot: (ExcludedRows & { readonly rowCount: number; readonly changeCount: number }) | undefined;

  constructor(versions: RowVersions, vectors: NullRows) {
    this.#versions = versions;
    this.vectors = vectors;
  }

  at(readTs: bigint, filter: RowFilter): ExcludedRows {
    const excluded = this.#at(readTs, filter);
    return filter.supersededRows === undefined ? excluded : this.#without(excluded, filter.supersededRows);
  }

  #at(readTs: bigint, { filterRows, negated = false, passing }: RowFilter): ExcludedRows {
    if (passing !== undefined) return this.#passing(passing, readTs);
    if (filterRows !== undefined && !negated) return this.#only(filterRows, readTs);
    if (filterRows !== undefined) return this.#allBut(filterRows, readTs);
    return this.#versions.seesAll(readTs) ? this.#newest() : this.#count(this.#copy(readTs));
  }

  #newest(): ExcludedRows {
    const { rowCount, changeCount } = this.#versions;
    if (changeCount === 0 && this.vectors.nullBits === undefined)
      return { bits: undefined, passing: rowCount };
    const last = this.#snapshot;
    if (last !== undefined && last.rowCount === rowCount && last.changeCount === changeCount) return last;
    // Shared memory: threads get it as it is, not a copy each.
    const bits = new Uint8Array(new SharedArrayBuffer(bytesForBits(rowCount)));
    this.#put(bits, this.#versions.hiddenBits(this.#versions.newest));
    this.#snapshot = { ...this.#count(bits), rowCount, changeCount };
    return this.#snapshot;
  }

  #only(filterRows: Uint32Array, readTs: bigint): ExcludedRows {
    const { rowCount } = this.#versions;
    const bits = new Uint8Array(bytesForBits(rowCount)).fill(0xff);
    const { nullBits } = this.vectors;
    const rows = new Uint32Array(filterRows.length);
    let passing = 0;
    for (const row of filterRows) {
      if (row >= rowCount || !this.#versions.isVisible(row, readTs)) continue;
      if (nullBits !== undefined && row >> 3 < nullBits.length && hasBitAt(nullBits, row)) continue;
      clearBit(bits, row);
      rows[passing++] = row;
    }
    return { bits, passing, rows: rows.subarray(0, passing) };
  }

  #passing(passing: PassingBits, readTs: bigint): ExcludedRows {
    const bits = this.#copy(readTs);
    hideOthers(bits, passing);
    const all = this.#versions.rowCount;
    // The bits behind the last row stay clear, as everywhere.
    for (let row = all; row < bits.length * 8; row++) clearBit(bits, row);
    const counted = this.#count(bits);
    if (counted.passing > all / LISTED_PART) return counted;
    return { ...counted, bits, rows: listClear(bits, all, counted.passing) };
  }

  #allBut(filterRows: Uint32Array, readTs: bigint): ExcludedRows {
    const bits = this.#copy(readTs);
    for (const row of filterRows) if (row < this.#versions.rowCount) setBit(bits, row);
    return this.#count(bits);
  }

  #without({ bits: before, rows }: ExcludedRows, superseded: Uint32Array): ExcludedRows {
    const bits = new Uint8Array(bytesForBits(this.#versions.rowCount));
    if (before !== undefined) bits.set(before.subarray(0, bits.length));
    for (const row of superseded) if (row < this.#versions.rowCount) setBit(bits, row);
    const left = rows?.filter((row) => !hasBitAt(bits, row));
    return left === undefined ? this.#count(bits) : { bits, passing: left.length, rows: left };
  }

  #copy(readTs: bigint): Uint8Array {
    const bits = new Uint8Array(bytesForBits(this.#versions.rowCount));
    this.#put(bits, this.#versions.hiddenBits(readTs));
    return bits;
  }

  #put(bits: Uint8Array, hidden: Uint8Array): void {
    bits.set(hidden.subarray(0, bits.length));
    const { nullBits } = this.vectors;
    if (nullBits === undefined) return;
    for (let i = Math.min(nullBits.length, bits.length) - 1; i >= 0; i--)
      bits[i] = (bits[i] as number) | (nullBits[i] as number);
  }

  /** Bits behind the last row are not set by anyone. */
  #count(bits: Uint8Array): ExcludedRows {
    const { rowCount } = this.#versions;
    const passing = rowCount - countBits(bits);
    return { bits: passing === rowCount ? undefined : bits, passing };
  }
}

/** Sets the bit of every row that does not pass, and those behind the last row. */
export function hideOthers(hidden: Uint8Array, { bits }: PassingBits): void {
  const bytes = bytesView(bits);
  if (hidden.byteOffset % 4 === 0 && hidden.length % 4 === 0) {
    const words = new Uint32Array(hidden.buffer, hidden.byteOffset, hidden.length / 4);
    for (let at = 0; at < words.length; at++) words[at] = (words[at] as number) | ~(bits[at] ?? 0);
    return;
  }
  for (let at = 0; at < hidden.length; at++) hidden[at] = (hidden[at] as number) | (~(bytes[at] ?? 0) & 0xff);
}

/** Up to one row in so many is listed: to find them costs a look at each byte of the bits, and a search that has the list needs no bits. */
const LISTED_PART = 16;

/** Rows whose bit is clear, ascending. @param count how many there are */
function listClear(bits: Uint8Array, rowCount: number, count: number): Uint32Array {
  const rows = new Uint32Array(count);
  let found = 0;
  for (let at = 0; at < bits.length && found < count; at++) {
    if (bits[at] === 0xff) continue;
    const end = Math.min(rowCount, at * 8 + 8);
    for (let row = at * 8; row < end; row++) if (!hasBitAt(bits, row)) rows[found++] = row;
  }
  return rows;
}
