// Rows of a segment by primary key: an open-addressing hash table whose slot names the newest row of a key, and per row a link to the
// row before it with the same key. Typed arrays only: 20 bytes a row at most, nothing for the garbage collector to follow.
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
  /** The older row of the same key, by row, or -1. */
  #older: Int32Array;
  #rowCount = 0;
  /** Rows with the smallest and the largest key, of the first `#boundedRows`. */
  #lowest = 0;
  #highest = 0;
  #boundedRows = 0;

  constructor(keys: ColumnStore, rowsHint = 0) {
    this.#keys = keys;
    this.#isString = isStringType(keys.dataType);
    const slots = Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2(rowsHint * 1.5 + 1)));
    this.#slots = new Uint32Array(slots);
    this.#hashes = new Uint32Array(slots);
    this.#older = new Int32Array(Math.max(rowsHint, 8));
  }

  get bytes(): number {
    return this.#slots.byteLength + this.#hashes.byteLength + this.#older.byteLength;
  }

  /** Takes memory for so many more rows behind the first `rowCount`, of keys that are all new. */
  reserve(rowCount: number, rows: number): void {
    if (rowCount + rows > this.#older.length) {
      const grown = new Int32Array(Math.max(rowCount + rows, this.#older.length * 2));
      grown.set(this.#older);
      this.#older = grown;
    }
    let slots = this.#slots.length;
    while ((this.#keyCount + rows) * 4 > slots * 3) slots *= 2;
    if (slots > this.#slots.length) this.#grow(slots);
  }

  /** Adds a row whose key is in the column. Rows come in ascending order. @returns the row before it with the same key, or -1. */
  insert(row: number): number {
    this.reserve(row, 1);
    this.#rowCount = row + 1;
    const hash = this.#keys.hashAt(row);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let entry = this.#slots[slot] as number; entry !== 0; entry = this.#slots[slot] as number) {
      if (this.#hashes[slot] === hash && this.#keys.compareRows(entry - 1, row) === 0) {
        this.#older[row] = entry - 1;
        this.#slots[slot] = row + 1;
        return entry - 1;
      }
      slot = (slot + 1) & mask;
    }
    this.#older[row] = NONE;
    this.#slots[slot] = row + 1;
    this.#hashes[slot] = hash;
    this.#keyCount++;
    return NONE;
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
      if (entry === 0) return NONE;
      if (this.#hashes[slot] === hash && this.#keys.isKeyAt(entry - 1, bytes)) return entry - 1;
    }
  }

  /** The row before this one with the same key, or -1. */
  older(row: number): number {
    return this.#older[row] as number;
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
