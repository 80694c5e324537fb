// The rows of a segment by key and time: which row a key has, when rows were written and deleted, and which of them a read sees.

import type { ReadTime } from '#base/read-time.js';
import type { Timestamp } from '#base/timestamp.js';
import { type Key, keyAt } from '#model/columns/column.js';
import type { Column } from '#proto/elanus/data.js';
import type { ColumnStore } from './column-store.js';
import { KeyIndex } from './key-index.js';
import { hasBitAt, RowVersions } from './row-versions.js';

export class KeyedRows {
  readonly versions: RowVersions;
  readonly #keys: ColumnStore;
  readonly #index: KeyIndex;

  constructor(keys: ColumnStore, rowsHint: number) {
    this.versions = new RowVersions(rowsHint);
    this.#keys = keys;
    this.#index = new KeyIndex(keys, rowsHint);
  }

  /** Memory of the key index. */
  get indexBytes(): number {
    return this.#index.bytes;
  }

  /** Takes memory for so many more rows. */
  reserve(rows: number): void {
    this.versions.reserve(rows);
    this.#index.reserve(this.versions.rowCount, rows);
  }

  /** Rows whose keys are in the key column already. @param at when all of them were written, or each */
  append(rows: number, at: Timestamp | BigInt64Array): void {
    const first = this.versions.rowCount;
    this.versions.append(rows, at);
    for (let row = first; row < first + rows; row++) {
      const older = this.#index.insert(row);
      if (older >= 0) this.#supersede(row, older);
    }
  }

  /** Notes which of the rows of the row's key is not the newest any more; of equal times the later row is. */
  #supersede(row: number, firstOlder: number): void {
    const { versions } = this;
    const timestamp = versions.writtenAt(row);
    for (let older = firstOlder; older >= 0; older = this.#index.older(older)) {
      if (versions.writtenAt(older) > timestamp) versions.supersede(row, older, versions.writtenAt(older));
      else versions.supersede(older, row, timestamp);
      // In the order of a log, those before it are superseded already.
      if (versions.isSorted) return;
    }
  }

  /** Deletes the rows of that key written before (not at) the timestamp. @returns how many it deleted. */
  delete(key: Key, timestamp: Timestamp): number {
    return this.#deleteFrom(this.#index.newest(key), timestamp);
  }

  /** As `delete`, by the key of that row in a key column of the same type: no key is decoded. */
  deleteKeyOf(keys: Column, row: number, timestamp: Timestamp): number {
    return this.#deleteFrom(this.#index.newestOf(keys, row), timestamp);
  }

  #deleteFrom(newest: number, timestamp: Timestamp): number {
    let deleted = 0;
    for (let row = newest; row >= 0; row = this.#index.older(row)) {
      const outcome = this.versions.delete(row, timestamp);
      if (outcome === 'deleted') deleted++;
      // In the order of a log, whatever deleted this row deleted the older ones too; a key written a million times stays cheap.
      if (outcome === 'earlier' && this.versions.isSorted) break;
    }
    return deleted;
  }

  /** The visible row of that key: the newest, if the key was inserted twice. */
  find(key: Key, readTs: ReadTime): number | undefined {
    return this.#visibleFrom(this.#index.newest(key), readTs);
  }

  /** As `find`, by the key of that row in a key column of the same type. */
  findKeyOf(keys: Column, row: number, readTs: ReadTime): number | undefined {
    return this.#visibleFrom(this.#index.newestOf(keys, row), readTs);
  }

  #visibleFrom(newest: number, readTs: ReadTime): number | undefined {
    for (let row = newest; row >= 0; row = this.#index.older(row))
      if (this.versions.isVisible(row, readTs)) return row;
    return undefined;
  }

  /** How many rows of that key live, the newest and its older copies. */
  countOf(key: Key, readTs: ReadTime): number {
    let count = 0;
    for (let row = this.#index.newest(key); row >= 0; row = this.#index.older(row))
      if (this.versions.lives(row, readTs)) count++;
    return count;
  }

  /** All rows of the keys, whatever is seen of them. */
  *rowsOf(keys: Iterable<Key>): Generator<number> {
    for (const key of keys)
      for (let row = this.#index.newest(key); row >= 0; row = this.#index.older(row)) yield row;
  }

  keyOf(row: number): Key {
    return keyAt(this.#keys.view(), row);
  }

  visibleRows(readTs: ReadTime): Uint32Array {
    const hidden = this.versions.hiddenBits(readTs);
    const rows = new Uint32Array(this.versions.rowCount);
    let count = 0;
    for (let row = 0; row < rows.length; row++) if (!hasBitAt(hidden, row)) rows[count++] = row;
    return rows.slice(0, count);
  }
}
