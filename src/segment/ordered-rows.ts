// The rows of one segment in the order of their keys, as paging and merging read them: those with the smallest keys that a read sees.
import type { Timestamp } from '#base/timestamp.js';
import type { Key } from '#model/columns/column.js';
import type { Pace } from '#platform/pace.js';
import type { ColumnStore } from '#segment/fields/column-store.js';
import { hideOthers, type PassingBits } from '#segment/fields/excluded-rows.js';
import type { RowVersions } from '#segment/fields/row-versions.js';
import { byKey, selectFirstPaced, selectSmallest, sortPaced } from './key-order.js';

export class OrderedRows {
  readonly #keys: ColumnStore;
  readonly #versions: RowVersions;

  constructor(keys: ColumnStore, versions: RowVersions) {
    this.#keys = keys;
    this.#versions = versions;
  }

  /** At most `limit` visible rows with the smallest keys after `afterKey`, in key order; only of `filterRows` when given. */
  smallest(limit: number, readTs: Timestamp, afterKey?: Key, filterRows?: Uint32Array): Uint32Array {
    const { rowCount } = this.#versions;
    const hidden = this.#versions.hiddenBits(readTs);
    return selectSmallest(this.#keys, { limit, hidden, afterKey, filterRows, rowCount });
  }

  /** As `smallest`, in slices: the same rows, whatever is written or deleted meanwhile. @throws cancelled, deadline_exceeded */
  smallestPaced(limit: number, readTs: Timestamp, pace: Pace, passing?: PassingBits): Promise<Uint32Array> {
    const { rowCount } = this.#versions;
    const hidden = this.#versions.hiddenBits(readTs).slice();
    if (passing !== undefined) hideOthers(hidden, passing);
    return selectFirstPaced(byKey(this.#keys), { limit, hidden, rowCount }, pace);
  }

  /** The rows in the order of their keys. @throws cancelled, deadline_exceeded */
  sorted(rows: Uint32Array, pace: Pace): Promise<Uint32Array> {
    return sortPaced(rows.slice(), byKey(this.#keys), pace);
  }
}
