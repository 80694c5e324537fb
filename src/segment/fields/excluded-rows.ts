// Which rows of a segment do not count in a search: not visible, without a vector, or kept out by a filter. A search of the newest state
// without a filter shares one snapshot of bits with those before it until a row is deleted, superseded or added, and threads read it in place.
// Searches with one filter share theirs the same way, for as long as the bits that the filter let pass are kept.

import { bytesForBits, bytesView } from '#base/bytes.js';
import type { ReadTime } from '#base/read-time.js';
import { countingRows } from '#index/block/counting-rows.js';
import { LISTED_NODES_PART } from '#index/graph/nodes/node-bits.js';
import { clearBit, countBits, hasBitAt, type RowVersions, setBit } from './row-versions.js';

export interface ExcludedRows {
  /** Bit set: the row does not count. Undefined: all rows count. Never written to. */
  readonly bits: Uint8Array | undefined;
  /** Rows that count. */
  readonly passing: number;
  /** Those rows in ascending order, where a filter named them or lets few pass. */
  readonly rows?: Uint32Array | undefined;
  /** Where a filter is kept. */
  readonly keeper?: KeepsOfSearches;
}

/** Keeps words of an index beside rows that count, as long as it keeps these. */
export interface KeepsOfSearches {
  /** @param owner whose words they are: another gets new ones @returns shared, zero at first */
  wordsFor(owner: object, bytes: number): Uint32Array;
}

/** What one state of a segment excludes: right until a row is added, deleted or superseded. */
interface Snapshot {
  readonly excluded: ExcludedRows;
  readonly rowCount: number;
  readonly changeCount: number;
}

/** Rows that a predicate lets pass: they are listed when a search asks for them by number, and then once. */
class FilteredRows implements ExcludedRows, KeepsOfSearches {
  readonly bits: Uint8Array | undefined;
  readonly passing: number;
  readonly #rowCount: number;
  #rows: Uint32Array | undefined;
  #words: { readonly owner: object; readonly words: Uint32Array } | undefined;

  constructor({ bits, passing }: ExcludedRows, rowCount: number) {
    this.bits = bits;
    this.passing = passing;
    this.#rowCount = rowCount;
  }

  get bytes(): number {
    const ofNodes = this.passing > this.#rowCount / LISTED_NODES_PART ? 0 : this.passing * 4;
    const kept = (this.#rows?.byteLength ?? 0) + (this.#words?.words.byteLength ?? 0);
    return (this.bits?.length ?? 0) * COPIES_OF_BITS + ofNodes + kept;
  }

  get keeper(): KeepsOfSearches {
    return this;
  }

  wordsFor(owner: object, bytes: number): Uint32Array {
    if (this.#words?.owner !== owner)
      this.#words = { owner, words: new Uint32Array(new SharedArrayBuffer(bytes)) };
    return this.#words.words;
  }

  get rows(): Uint32Array | undefined {
    if (this.bits === undefined || this.passing > this.#rowCount / LISTED_PART) return undefined;
    this.#rows ??= countingRows(this.bits, this.#rowCount, this.passing);
    return this.#rows;
  }
}

/** Filters whose rows a field keeps: as many as a segment keeps bits for. */
const FILTERS_MAX = 8;
/** Bits by row, and at most as many by node of a graph that is searched by them. */
const COPIES_OF_BITS = 2;

interface FilteredSnapshot extends Snapshot {
  readonly excluded: FilteredRows;
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
  /** Ascending: of the rows that count, only these are looked at. */
  readonly among?: Uint32Array;
}

interface NullRows {
  /** Bit set: the row has no vector. */
  readonly nullBits: Uint8Array | undefined;
}

/** Excluded rows of one vector field. */
export class ExcludedRowsOf {
  readonly vectors: NullRows;
  readonly #versions: RowVersions;
  #snapshot: Snapshot | undefined;
  /** Bits that passed are never written to again, so each has one snapshot at a time; the latest are last. */
  readonly #filtered = new Map<PassingBits, FilteredSnapshot>();

  constructor(versions: RowVersions, vectors: NullRows) {
    this.#versions = versions;
    this.vectors = vectors;
  }

  /** What is kept for the next search, with the bits that the filters let pass. */
  get bytes(): number {
    let bytes = (this.#snapshot?.excluded.bits?.length ?? 0) * COPIES_OF_BITS;
    for (const [{ bits }, { excluded }] of this.#filtered) bytes += bits.byteLength + excluded.bytes;
    return bytes;
  }

  at(readTs: ReadTime, filter: RowFilter): ExcludedRows {
    const { supersededRows, among } = filter;
    const excluded = this.#at(readTs, filter);
    const left = supersededRows === undefined ? excluded : this.#without(excluded, supersededRows);
    return among === undefined ? left : this.#among(left, among);
  }

  #at(readTs: ReadTime, { filterRows, negated = false, passing }: RowFilter): ExcludedRows {
    if (passing !== undefined) return this.#passing(passing, readTs);
    if (filterRows !== undefined && !negated) return this.#only(filterRows, readTs);
    if (filterRows !== undefined) return this.#allBut(filterRows, readTs);
    return this.#versions.seesAll(readTs) ? this.#newest() : this.#count(this.#copy(readTs));
  }

  #newest(): ExcludedRows {
    const { rowCount, changeCount } = this.#versions;
    if (changeCount === 0 && this.vectors.nullBits === undefined)
      return { bits: undefined, passing: rowCount };
    if (this.#isCurrent(this.#snapshot)) return this.#snapshot.excluded;
    const bits = this.#copy(this.#versions.newest);
    this.#snapshot = { excluded: this.#count(bits), rowCount, changeCount };
    return this.#snapshot.excluded;
  }

  #isCurrent<Kept extends Snapshot>(snapshot: Kept | undefined): snapshot is Kept {
    const { rowCount, changeCount } = this.#versions;
    return snapshot?.rowCount === rowCount && snapshot.changeCount === changeCount;
  }

  #only(filterRows: Uint32Array, readTs: ReadTime): ExcludedRows {
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

  /** A read of the newest state shares what the one before it with the same filter computed. */
  #passing(passing: PassingBits, readTs: ReadTime): ExcludedRows {
    const { rowCount, changeCount } = this.#versions;
    if (!this.#versions.seesAll(readTs)) return this.#filter(passing, readTs);
    const last = this.#filtered.get(passing);
    if (this.#isCurrent(last)) return last.excluded;
    const excluded = this.#filter(passing, readTs);
    this.#keep(passing, { excluded, rowCount, changeCount });
    return excluded;
  }

  /** What another state of the segment excluded is of no use any more. */
  #keep(passing: PassingBits, snapshot: FilteredSnapshot): void {
    for (const [other, kept] of this.#filtered) if (!this.#isCurrent(kept)) this.#filtered.delete(other);
    this.#filtered.set(passing, snapshot);
    for (const first of this.#filtered.keys()) {
      if (this.#filtered.size <= FILTERS_MAX) break;
      this.#filtered.delete(first);
    }
  }

  #filter(passing: PassingBits, readTs: ReadTime): FilteredRows {
    const bits = this.#copy(readTs);
    hideOthers(bits, passing);
    const all = this.#versions.rowCount;
    // The bits behind the last row stay clear, as everywhere.
    for (let row = all; row < bits.length * 8; row++) clearBit(bits, row);
    return new FilteredRows(this.#count(bits), all);
  }

  #allBut(filterRows: Uint32Array, readTs: ReadTime): ExcludedRows {
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

  #among({ bits: before }: ExcludedRows, among: Uint32Array): ExcludedRows {
    const { rowCount } = this.#versions;
    const rows = among.filter((row) => row < rowCount && (before === undefined || !hasBitAt(before, row)));
    const bits = new Uint8Array(bytesForBits(rowCount)).fill(0xff);
    for (const row of rows) clearBit(bits, row);
    return { bits, passing: rows.length, rows };
  }

  /** In shared memory: threads get it as it is, not a copy each. */
  #copy(readTs: ReadTime): Uint8Array {
    const bits = new Uint8Array(new SharedArrayBuffer(bytesForBits(this.#versions.rowCount)));
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

/** Up to one row in so many may be listed: a list of more would be larger than what it saves a search. */
const LISTED_PART = 8;
