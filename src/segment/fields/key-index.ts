// Rows of a segment by primary key. The first rows whose numbers rise, often all of them, are found in the key column itself. For those from the
// first on whose key does not rise there is an open-addressing hash table whose slot names the newest row of a key, and per row a link to the row before
// it with the same key. Typed arrays only: 20 bytes a row at most, nothing for the garbage collector to follow.
import { bytesAt, type Key, keyAt } from '#model/columns/column.js';
import { isStringType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { type ColumnStore, hashOfKeyBytes, keyBytes } from './column-store.js';

const NONE = -1;
/** Bytes of the number that is looked for; no look-up waits for anything. */
const wanted = new Uint8Array(8);
const wantedNumber = new DataView(wanted.buffer);
const SLOTS_MIN = 8;

export class KeyIndex {
  readonly #keys: ColumnStore;
  readonly #isString: boolean;
  /** Row + 1 of the newest row of a key; 0: free. */
  #slots: Uint32Array;
  /** By slot: the key's hash, so that growing and most misses need not look at keys. */
  #hashes: Uint32Array;
  #keyCount = 0;
  /** The older row of the same key, or -1, of the rows behind those that rise. */
  #older: Int32Array;
  #rowCount = 0;
  /** So many rows at the beginning have keys that rise: each once, and none of them in the table. */
  #risingCount = 0;
  #isRising: boolean;
  readonly #rowsHint: number;
  /** Rows with the smallest and the largest key, of the first `#boundedRows`. */
  #lowest = 0;
  #highest = 0;
  #boundedRows = 0;

  constructor(keys: ColumnStore, rowsHint = 0) {
    this.#keys = keys;
    this.#isString = isStringType(keys.dataType);
    this.#rowsHint = rowsHint;
    this.#isRising = !this.#isString;
    this.#slots = new Uint32Array(SLOTS_MIN);
    this.#hashes = new Uint32Array(SLOTS_MIN);
    this.#older = new Int32Array(SLOTS_MIN);
  }

  get bytes(): number {
    return this.#slots.byteLength + this.#hashes.byteLength + this.#older.byteLength;
  }

  /** Takes memory for so many more rows behind the first `rowCount`, of keys that are all new and need not rise. */
  reserve(rowCount: number, rows: number): void {
    const linked = (this.#isRising ? 0 : rowCount - this.#risingCount) + rows;
    if (linked > this.#older.length) {
      const grown = new Int32Array(Math.max(linked, this.#older.length * 2));
      grown.set(this.#older);
      this.#older = grown;
    }
    let slots = this.#slots.length;
    while ((this.#keyCount + rows) * 4 > slots * 3) slots *= 2;
    if (slots > this.#slots.length) this.#grow(slots);
  }

  /** Adds a row whose key is in the column. Rows come in ascending order. @returns the row before it with the same key, or -1. */
  insert(row: number): number {
    this.#rowCount = row + 1;
    if (this.#isRising) {
      if (row === 0 || this.#keys.compareRows(row - 1, row) < 0) {
        this.#risingCount = row + 1;
        return NONE;
      }
      this.#isRising = false;
    }
    this.reserve(row, row === this.#risingCount ? Math.max(1, this.#rowsHint - row) : 1);
    return this.#insertBehind(row);
  }

  #insertBehind(row: number): number {
    const link = row - this.#risingCount;
    const hash = this.#keys.hashAt(row);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let entry = this.#slots[slot] as number; entry !== 0; entry = this.#slots[slot] as number) {
      if (this.#hashes[slot] === hash && this.#keys.compareRows(entry - 1, row) === 0) {
        this.#older[link] = entry - 1;
        this.#slots[slot] = row + 1;
        return entry - 1;
      }
      slot = (slot + 1) & mask;
    }
    const older =
      this.#risingCount === 0 ? NONE : this.#keys.risingRowOf(this.#keys.keyBytesAt(row), this.#risingCount);
    this.#older[link] = older;
    this.#slots[slot] = row + 1;
    this.#hashes[slot] = hash;
    this.#keyCount++;
    return older;
  }

  /** The newest row of a key, or -1; `older` leads on. */
  newest(key: Key): number {
    if ((typeof key === 'string') !== this.#isString) return NONE;
    if (typeof key === 'string') return this.#newest(keyBytes(key));
    if (BigInt.asIntN(64, key) !== key) return NONE;
    wantedNumber.setBigInt64(0, key, true);
    return this.#newest(wanted);
  }

  /** As `newest`, by the key of that row in another column. */
  newestOf(column: Column, row: number): number {
    if (isStringType(column.dataType) !== this.#isString) return NONE;
    const bytes = this.#isString ? bytesAt(column, row) : column.data.subarray(row * 8, row * 8 + 8);
    this.#findBounds();
    // Keys that rise from segment to segment, as most do, cost a comparison.
    if (this.#boundedRows === 0 || this.#keys.compareRowToKey(this.#lowest, bytes) > 0) return NONE;
    return this.#keys.compareRowToKey(this.#highest, bytes) < 0 ? NONE : this.#newest(bytes);
  }

  /** Looks at the rows that came since it last did. */
  #findBounds(): void {
    if (this.#boundedRows < this.#risingCount)
      [this.#lowest, this.#highest, this.#boundedRows] = [0, this.#risingCount - 1, this.#risingCount];
    for (; this.#boundedRows < this.#rowCount; this.#boundedRows++) {
      const row = this.#boundedRows;
      if (row === 0 || this.#keys.compareRows(row, this.#lowest) < 0) this.#lowest = row;
      if (row === 0 || this.#keys.compareRows(row, this.#highest) > 0) this.#highest = row;
    }
  }

  #newest(bytes: Uint8Array): number {
    const hash = hashOfKeyBytes(bytes, this.#isString);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot] as number;
      if (entry === 0) break;
      if (this.#hashes[slot] === hash && this.#keys.isKeyAt(entry - 1, bytes)) return entry - 1;
    }
    return this.#isString ? NONE : this.#keys.risingRowOf(bytes, this.#risingCount);
  }

  /** The row before this one with the same key, or -1. */
  older(row: number): number {
    return row < this.#risingCount ? NONE : (this.#older[row - this.#risingCount] as number);
  }

  /** All rows of a key, newest first. */
  find(key: Key): number[] {
    const rows: number[] = [];
    for (let row = this.newest(key); row !== NONE; row = this.older(row)) rows.push(row);
    return rows;
  }

  /** All rows with the key in that row of another column. */
  rowsOf(column: Column, row: number): number[] {
    return this.find(keyAt(column, row));
  }

  #grow(wanted: number): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    this.#slots = new Uint32Array(wanted);
    this.#hashes = new Uint32Array(wanted);
    const mask = this.#slots.length - 1;
    for (let i = 0; i < slots.length; i++) {
      const entry = slots[i] as number;
      if (entry === 0) continue;
      const hash = hashes[i] as number;
      let slot = hash & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry;
      this.#hashes[slot] = hash;
    }
  }
}
