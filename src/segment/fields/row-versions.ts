// When each row of a segment was written, deleted and superseded, and from that which rows a read at some timestamp sees.
// A row lives at T when it was written at or before T and not deleted at or before T. It is visible when it lives and no newer row of its
// key in the segment was written by then: a read answers one row a key, while `count(*)` counts every row that lives. Who deletes the newest
// row of a key deletes the older ones too, so a superseded row never comes back. What is superseded follows from the rows; no file names it.
import { briefUint64s } from '#base/brief-arrays.js';
import { bytesForBits } from '#base/bytes.js';
import {
  type ExpiringTime,
  expiredUntil,
  type OwnExpiry,
  type ReadTime,
  timestampOf,
} from '#base/read-time.js';
import type { Timestamp } from '#base/timestamp.js';

const TIMESTAMP_MAX = (1n << 64n) - 1n;

/** Rows that expire at a time that a field of theirs says, in microseconds since 1970. */
export interface ExpiringRows {
  isExpired(row: number, micros: bigint): boolean;
  /** Whether any has. */
  hasExpired(micros: bigint): boolean;
  /** Sets the bits of those that have. */
  hideExpired(bits: Uint8Array, micros: bigint): void;
}

export class RowVersions {
  rowCount = 0;
  // Few: a segment may have a single row, and there may be many such.
  #written = new BigUint64Array(8);
  #from: Timestamp = TIMESTAMP_MAX;
  #to: Timestamp = 0n;
  /** Rows lie in the order of their timestamps, as those of a log do; a compacted segment's may not. */
  #isSorted = true;
  #commit: Timestamp = 0n;
  /** Few rows are deleted before compaction takes them out, so a map by row. */
  readonly #deletedAt = new Map<number, Timestamp>();
  #lastDelete: Timestamp = 0n;
  /** By row: when the next row of its key was written. Without the rows that were deleted by then, which is all that an upsert leaves. */
  readonly #supersededAt = new Map<number, Timestamp>();
  /** By row: the next row of its key. What expired at its own time supersedes nothing, as it may be gone from the files. */
  readonly #supersededBy = new Map<number, number>();
  #lastSuperseded: Timestamp = 0n;
  #expiring: ((fieldId: bigint) => ExpiringRows) | undefined;
  #changeCount = 0;
  /** Bit set: deleted or superseded at any time. */
  #hiddenBits = new Uint8Array(8);

  constructor(rowsHint = 0) {
    if (rowsHint > 8) this.#written = new BigUint64Array(rowsHint);
  }

  get bytes(): number {
    return (
      this.#written.byteLength +
      this.#hiddenBits.length +
      (this.#deletedAt.size + this.#supersededAt.size + this.#supersededBy.size) * 48
    );
  }

  get deletedCount(): number {
    return this.#deletedAt.size;
  }

  /** Rises with every change of what is hidden; 0: every row is visible. */
  get changeCount(): number {
    return this.#changeCount;
  }

  get from(): Timestamp {
    if (this.rowCount === 0) return 0n;
    return this.#commit !== 0n ? this.#commit : this.#from;
  }

  get to(): Timestamp {
    if (this.rowCount === 0) return 0n;
    return this.#commit !== 0n ? this.#commit : this.#to;
  }

  get isSorted(): boolean {
    return this.#isSorted || this.#commit !== 0n;
  }

  /** Where rows that expire at times of their own are asked for. */
  setExpiring(expiring: (fieldId: bigint) => ExpiringRows): void {
    this.#expiring = expiring;
  }

  /** Not 0: every row counts as written then. */
  setCommit(timestamp: Timestamp): void {
    this.#commit = timestamp;
  }

  writtenAt(row: number): Timestamp {
    return this.#commit !== 0n ? this.#commit : (this.#written[row] as Timestamp);
  }

  /** When each of the rows was written, as words of 64 bits: no bigint is made for a row. */
  writtenTimes(rows: Uint32Array): BigUint64Array {
    const times = briefUint64s(rows.length);
    if (this.#commit !== 0n) return times.fill(this.#commit);
    const from = new Uint32Array(this.#written.buffer);
    const to = new Uint32Array(times.buffer, times.byteOffset, 2 * rows.length);
    for (let i = 0; i < rows.length; i++) {
      const at = (rows[i] as number) * 2;
      to[i * 2] = from[at] as number;
      to[i * 2 + 1] = from[at + 1] as number;
    }
    return times;
  }

  deletedAt(row: number): Timestamp | undefined {
    return this.#deletedAt.get(row);
  }

  /** Takes memory for so many more rows. */
  reserve(rows: number): void {
    const total = this.rowCount + rows;
    if (total > this.#written.length) {
      const grown = new BigUint64Array(Math.max(total, this.#written.length * 2));
      grown.set(this.#written);
      this.#written = grown;
    }
    const bitBytes = bytesForBits(total);
    if (bitBytes > this.#hiddenBits.length) {
      const grown = new Uint8Array(Math.max(bitBytes, this.#hiddenBits.length * 2));
      grown.set(this.#hiddenBits);
      this.#hiddenBits = grown;
    }
  }

  append(rows: number, at: Timestamp | BigInt64Array): void {
    if (rows === 0) return;
    this.reserve(rows);
    const total = this.rowCount + rows;
    if (typeof at === 'bigint') {
      this.#note(at);
      this.#written.fill(at, this.rowCount, total);
    } else {
      this.#written.set(new BigUint64Array(at.buffer, at.byteOffset, rows), this.rowCount);
      // Rows of one batch share their time: a number is made for the first of them only.
      const words = new Int32Array(at.buffer, at.byteOffset, rows * 2);
      for (let i = 0; i < rows; i++)
        if (i === 0 || words[i * 2] !== words[i * 2 - 2] || words[i * 2 + 1] !== words[i * 2 - 1])
          this.#note(this.#written[this.rowCount + i] as Timestamp);
    }
    this.rowCount = total;
  }

  #note(timestamp: Timestamp): void {
    if (timestamp < this.#to) this.#isSorted = false;
    if (timestamp > this.#to) this.#to = timestamp;
    if (timestamp < this.#from) this.#from = timestamp;
  }

  /**
   * Deletes the row when it was written before `timestamp`. Strictly before: an upsert's insert has the timestamp of its delete.
   * @returns 'deleted' now, 'earlier' when it was deleted at or before then already, 'kept' otherwise.
   */
  delete(row: number, timestamp: Timestamp): 'deleted' | 'earlier' | 'kept' {
    if (this.writtenAt(row) >= timestamp) return 'kept';
    const known = this.#deletedAt.get(row);
    if (known !== undefined && known <= timestamp) return 'earlier';
    this.#deletedAt.set(row, timestamp);
    this.#changeCount++;
    if (timestamp > this.#lastDelete) this.#lastDelete = timestamp;
    if (timestamp <= (this.#supersededAt.get(row) ?? 0n)) {
      this.#supersededAt.delete(row);
      this.#supersededBy.delete(row);
    }
    if (known !== undefined) return 'kept';
    setBit(this.#hiddenBits, row);
    return 'deleted';
  }

  /** The row `by` of the same key was written at `timestamp`, at or after this one. */
  supersede(row: number, by: number, timestamp: Timestamp): void {
    const deleted = this.#deletedAt.get(row);
    if (deleted !== undefined && deleted <= timestamp) return;
    const known = this.#supersededAt.get(row);
    if (known !== undefined && known <= timestamp) return;
    this.#supersededAt.set(row, timestamp);
    this.#supersededBy.set(row, by);
    this.#changeCount++;
    if (timestamp > this.#lastSuperseded) this.#lastSuperseded = timestamp;
    setBit(this.#hiddenBits, row);
  }

  /** Written and not deleted by then. */
  lives(row: number, time: ReadTime): boolean {
    const written = this.writtenAt(row);
    const readTs = timestampOf(time);
    if (written > readTs || (typeof time !== 'bigint' && this.#isExpired(row, written, time))) return false;
    const deleted = this.#deletedAt.get(row);
    return deleted === undefined || deleted > readTs;
  }

  #isExpired(row: number, written: Timestamp, { expiredUntil: until, own }: ExpiringTime): boolean {
    return written <= until || this.#isExpiredOwn(row, own);
  }

  #isExpiredOwn(row: number, own: OwnExpiry | undefined): boolean {
    return own !== undefined && this.#expiring?.(own.fieldId).isExpired(row, own.micros) === true;
  }

  isVisible(row: number, time: ReadTime): boolean {
    return this.lives(row, time) && !this.#isHiddenByNewer(row, time);
  }

  #isHiddenByNewer(row: number, time: ReadTime): boolean {
    const readTs = timestampOf(time);
    const own = typeof time === 'bigint' ? undefined : time.own;
    for (let older = row; this.#isSuperseded(older, readTs); ) {
      const newer = this.#supersededBy.get(older);
      if (newer === undefined || !this.#isExpiredOwn(newer, own)) return true;
      older = newer;
    }
    return false;
  }

  /** Rows that share a commit timestamp were written at once: of one key the last is the newest from then on. */
  #isSuperseded(row: number, readTs: Timestamp): boolean {
    const superseded = this.#supersededAt.get(row);
    return superseded !== undefined && (this.#commit !== 0n || superseded <= readTs);
  }

  /** The read sees every row and every delete. */
  seesAll(time: ReadTime): boolean {
    const readTs = timestampOf(time);
    return readTs >= this.to && readTs >= this.#lastDelete && !this.#hasExpired(time);
  }

  #hasExpired(time: ReadTime): boolean {
    if (typeof time === 'bigint' || this.rowCount === 0) return false;
    return this.#hasOutlived(time.expiredUntil) || this.#ownExpired(time) !== undefined;
  }

  #hasOutlived(until: Timestamp): boolean {
    return until > 0n && this.from <= until;
  }

  /** Undefined: no row has come to its own time. */
  #ownExpired(time: ReadTime): ExpiringRows | undefined {
    if (typeof time === 'bigint' || time.own === undefined) return undefined;
    const expiring = this.#expiring?.(time.own.fieldId);
    return expiring?.hasExpired(time.own.micros) === true ? expiring : undefined;
  }

  /** A time that sees all. */
  get newest(): Timestamp {
    return this.to > this.#lastDelete ? this.to : this.#lastDelete;
  }

  /** Bit set: not visible. The live bits themselves when the read sees everything: not to be written to or kept. */
  hiddenBits(time: ReadTime): Uint8Array {
    const bytes = bytesForBits(this.rowCount);
    if (this.seesAll(time)) return this.#hiddenBits.subarray(0, bytes);
    const readTs = timestampOf(time);
    const bits = this.#hiddenBits.slice(0, bytes);
    if (readTs < this.#lastDelete) {
      for (const [row, at] of this.#deletedAt)
        if (at > readTs && !this.#isSuperseded(row, readTs)) clearBit(bits, row);
    }
    if (readTs < this.#lastSuperseded) {
      for (const row of this.#supersededAt.keys()) if (this.isVisible(row, readTs)) clearBit(bits, row);
    }
    for (let row = this.#firstAfter(readTs); row < this.rowCount; row++)
      if (this.writtenAt(row) > readTs) setBit(bits, row);
    if (this.#hasOutlived(expiredUntil(time))) this.#hideExpired(bits, expiredUntil(time));
    if (typeof time !== 'bigint' && time.own !== undefined) this.#hideOwnExpired(bits, time, time.own);
    return bits;
  }

  #hideOwnExpired(bits: Uint8Array, time: ReadTime, { micros }: OwnExpiry): void {
    const expiring = this.#ownExpired(time);
    if (expiring === undefined) return;
    expiring.hideExpired(bits, micros);
    for (const row of this.#supersededAt.keys()) if (this.isVisible(row, time)) clearBit(bits, row);
  }

  #hideExpired(bits: Uint8Array, until: Timestamp): void {
    const end = this.isSorted ? this.#firstAfter(until) : this.rowCount;
    for (let row = 0; row < end; row++) if (this.writtenAt(row) <= until) setBit(bits, row);
  }

  /** Bit set: does not live. Older rows of a key that live have none, unlike in `hiddenBits`. A copy, unless the read sees everything. */
  deadBits(time: ReadTime): Uint8Array {
    const hidden = this.hiddenBits(time);
    if (this.#supersededAt.size === 0) return hidden;
    const bits = hidden.slice();
    for (const row of this.#supersededAt.keys()) if (this.lives(row, time)) clearBit(bits, row);
    return bits;
  }

  /** Rows that live, each row of a key. */
  liveCount(time: ReadTime): number {
    if (this.seesAll(time)) return this.rowCount - this.#deletedAt.size;
    if (this.#hasExpired(time)) return this.rowCount - countBits(this.deadBits(time));
    const readTs = timestampOf(time);
    const first = this.#firstAfter(readTs);
    let count = first;
    for (let row = first; row < this.rowCount; row++) if (this.writtenAt(row) <= readTs) count++;
    for (const [row, at] of this.#deletedAt) if (at <= readTs && this.writtenAt(row) <= readTs) count--;
    return count;
  }

  /** A row before which all were written at or before `readTs`. */
  #firstAfter(readTs: Timestamp): number {
    if (readTs >= this.to) return this.rowCount;
    if (this.#commit !== 0n || !this.#isSorted) return 0;
    let [low, high] = [0, this.rowCount];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#written[middle] as Timestamp) <= readTs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  deletes(): { rows: Uint32Array; timestamps: BigUint64Array } {
    return {
      rows: Uint32Array.from(this.#deletedAt.keys()),
      timestamps: BigUint64Array.from(this.#deletedAt.values()),
    };
  }
}

/** Whole 64-bit words, so that bitsets can be read as such. */
export const hasBitAt = (bits: Uint8Array, i: number): boolean =>
  ((bits[i >> 3] as number) & (1 << (i & 7))) !== 0;
export function setBit(bits: Uint8Array, i: number): void {
  bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
}

export function clearBit(bits: Uint8Array, i: number): void {
  bits[i >> 3] = (bits[i >> 3] as number) & ~(1 << (i & 7));
}

/** Bits that are set. @param bits at a multiple of 4 where they are counted in words */
export function countBits(bits: Uint8Array): number {
  const wordCount = bits.byteOffset % 4 === 0 ? bits.length >>> 2 : 0;
  let count = 0;
  for (const word of new Uint32Array(bits.buffer, wordCount === 0 ? 0 : bits.byteOffset, wordCount))
    count += bitsOf(word);
  for (let at = wordCount * 4; at < bits.length; at++) count += bitsOf(bits[at] as number);
  return count;
}

function bitsOf(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
