// The keys of a column, to ask which of other columns are among them.
import { type Key, keyAt, rowCountOf } from '#model/columns/column.js';
import type { Column } from '#proto/elanus/data.js';

export class KeySet implements Iterable<Key> {
  readonly #keys: ReadonlySet<Key>;

  constructor(keys: Column) {
    this.#keys = new Set(Array.from({ length: rowCountOf(keys, 0) }, (_, row) => keyAt(keys, row)));
  }

  [Symbol.iterator](): Iterator<Key> {
    return this.#keys[Symbol.iterator]();
  }

  hasAnyOf(keys: Column): boolean {
    const count = rowCountOf(keys, 0);
    for (let row = 0; row < count; row++) if (this.#keys.has(keyAt(keys, row))) return true;
    return false;
  }
}
