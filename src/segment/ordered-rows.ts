// The rows of one segment in the order of their keys, as paging and merging read them: those with the smallest keys that a read sees.
//
// A single page costs one pass over the rows. A program that pages through all of them would pay that for every page, so a segment that is
// paged again and again keeps its rows sorted: then a page costs the rows that it goes over.

import { type ReadTime, timestampOf } from '#base/read-time.js';
import type { Key } from '#model/columns/column.js';
import type { Pace } from '#platform/pace.js';
import { type ColumnStore, keyBytes } from '#segment/fields/column-store.js';
import { hideOthers, type PassingBits } from '#segment/fields/excluded-rows.js';
import { hasBitAt, type RowVersions } from '#segment/fields/row-versions.js';
import { byKey, selectFirstPaced, selectSmallest, sortPaced } from './key-order.js';

/** Keys from one to another, either of them open. */
export interface KeySpan {
  readonly lower: { readonly key: Key; readonly inclusive: boolean } | undefined;
  readonly upper: { readonly key: Key; readonly inclusive: boolean } | undefined;
}

/** A page of a span of keys. */
export interface SpanPage extends KeySpan {
  readonly limit: number;
  readonly readTs: ReadTime;
  readonly passing: PassingBits | undefined;
  /** Sort the rows now: more pages will follow. */
  readonly willPage: boolean;
}

/** Pages of a span before the rows are sorted: by then the passes cost about what sorting costs. */
const PASSES_MAX = 8;
/** Rows between two looks at the clock. */
const ROWS_BETWEEN_LOOKS = 8192;
/** Rows that are looked at in one call for whether their keys rise, well below a millisecond. */
const RISING_AT_ONCE = 16_384;

export class OrderedRows {
  readonly #keys: ColumnStore;
  readonly #versions: RowVersions;
  /** Rows [0, length) of the segment in key order; rows that came since are in none. */
  #sorted: Uint32Array | undefined;
  /** Ends with the sort that runs. */
  #sorting: Promise<void> | undefined;
  #passes = 0;
  /** The keys of the first so many rows rise, and whether all do as far as they were looked at. */
  #risingRows = 0;
  #isRising = true;

  constructor(keys: ColumnStore, versions: RowVersions) {
    this.#keys = keys;
    this.#versions = versions;
  }

  get bytes(): number {
    return this.#sorted?.byteLength ?? 0;
  }

  /**
   * Whether rows are known to be in the order of their keys. Of many rows that came at once some are looked at in each call, and until all
   * were they are not known to be.
   */
  get isRising(): boolean {
    const { rowCount } = this.#versions;
    const end = Math.min(rowCount, this.#risingRows + RISING_AT_ONCE);
    while (this.#isRising && this.#risingRows < end) {
      const row = this.#risingRows;
      if (row > 0 && this.#keys.compareRows(row - 1, row) > 0) this.#isRising = false;
      else this.#risingRows++;
    }
    return this.#isRising && this.#risingRows >= rowCount;
  }

  /** Rows of the segment in the order of their keys; those that come meanwhile are not among them. Not to be written to. @throws cancelled, deadline_exceeded */
  all(pace: Pace): Promise<Uint32Array> {
    return this.#sortedRows(this.#versions.rowCount, pace);
  }

  /** At most `limit` visible rows with the smallest keys after `afterKey`, in key order; only of `filterRows` when given. */
  smallest(limit: number, readTs: ReadTime, afterKey?: Key, filterRows?: Uint32Array): Uint32Array {
    const { rowCount } = this.#versions;
    const hidden = this.#versions.hiddenBits(readTs);
    return selectSmallest(this.#keys, { limit, hidden, afterKey, filterRows, rowCount });
  }

  /** As `smallest`, in slices: the same rows, whatever is written or deleted meanwhile. @throws cancelled, deadline_exceeded */
  smallestPaced(limit: number, readTs: ReadTime, pace: Pace, passing?: PassingBits): Promise<Uint32Array> {
    const { rowCount } = this.#versions;
    const hidden = this.#versions.hiddenBits(readTs).slice();
    if (passing !== undefined) hideOthers(hidden, passing);
    return selectFirstPaced(byKey(this.#keys), { limit, hidden, rowCount }, pace);
  }

  /** The rows in the order of their keys. @throws cancelled, deadline_exceeded */
  sorted(rows: Uint32Array, pace: Pace): Promise<Uint32Array> {
    return sortPaced(rows.slice(), byKey(this.#keys), pace);
  }

  /** Visible rows of a span that pass, those with the smallest keys. @throws cancelled, deadline_exceeded */
  async spanPage(page: SpanPage, pace: Pace): Promise<Uint32Array> {
    const { rowCount } = this.#versions;
    const covering = this.#covering(page.readTs);
    const isWorth = covering !== undefined || page.willPage || ++this.#passes > PASSES_MAX;
    const sorted = covering ?? (isWorth ? await this.#sortedRows(rowCount, pace) : undefined);
    const hidden = this.#versions.hiddenBits(page.readTs).slice();
    if (page.passing !== undefined) hideOthers(hidden, page.passing);
    return sorted === undefined
      ? this.#scan(page, { hidden, rowCount }, pace)
      : this.#walk(page, { hidden, sorted }, pace);
  }

  /** The sorted rows, if the read sees none of those that came since. */
  #covering(readTs: ReadTime): Uint32Array | undefined {
    const [sorted, versions] = [this.#sorted, this.#versions];
    if (sorted === undefined || sorted.length >= versions.rowCount) return sorted;
    return versions.isSorted && versions.writtenAt(sorted.length) > timestampOf(readTs) ? sorted : undefined;
  }

  /** One sort at a time: whoever comes meanwhile looks again when it has ended. */
  async #sortedRows(rowCount: number, pace: Pace): Promise<Uint32Array> {
    while (this.#sorting !== undefined) await this.#sorting;
    const before = this.#sorted ?? new Uint32Array(0);
    if (before.length >= rowCount) return before;
    const sorting = this.#sort(before, rowCount, pace).finally(() => {
      this.#sorting = undefined;
    });
    const ended = (): void => {};
    this.#sorting = sorting.then(ended, ended);
    return sorting;
  }

  /** New rows are merged with those that were sorted before. */
  async #sort(before: Uint32Array, rowCount: number, pace: Pace): Promise<Uint32Array> {
    const compare = byKey(this.#keys);
    const added = Uint32Array.from({ length: rowCount - before.length }, (_, at) => before.length + at);
    const fresh = await sortPaced(added, compare, pace);
    const merged = new Uint32Array(rowCount);
    let [left, right] = [0, 0];
    for (let at = 0; at < rowCount; at++) {
      const isOld =
        left < before.length &&
        (right === fresh.length || compare(before[left] as number, fresh[right] as number) <= 0);
      merged[at] = (isOld ? before[left++] : fresh[right++]) as number;
      if (at % ROWS_BETWEEN_LOOKS === ROWS_BETWEEN_LOOKS - 1 && pace.isDue) await pace.rest();
    }
    this.#passes = 0;
    this.#sorted = merged;
    return merged;
  }

  /** Rows that came while the others were sorted are beyond the bits, and were not there when the read began. */
  async #walk(
    page: SpanPage,
    { hidden, sorted }: { readonly hidden: Uint8Array; readonly sorted: Uint32Array },
    pace: Pace,
  ): Promise<Uint32Array> {
    const isBeyond = this.#beyond(page);
    const found: number[] = [];
    const known = hidden.length * 8;
    for (let at = this.#firstOf(page, sorted), walked = 1; at < sorted.length; at++, walked++) {
      const row = sorted[at] as number;
      if (found.length >= page.limit || isBeyond(row)) break;
      if (row < known && !hasBitAt(hidden, row)) found.push(row);
      if (walked % ROWS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
    }
    return Uint32Array.from(found);
  }

  /** Place of the first row that is not below the span. */
  #firstOf({ lower }: KeySpan, sorted: Uint32Array): number {
    if (lower === undefined) return 0;
    const key = keyBytes(lower.key);
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#keys.compareRowToKey(sorted[middle] as number, key);
      if (order < 0 || (order === 0 && !lower.inclusive)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #beyond({ upper }: KeySpan): (row: number) => boolean {
    if (upper === undefined) return () => false;
    const key = keyBytes(upper.key);
    return (row) => {
      const order = this.#keys.compareRowToKey(row, key);
      return order > 0 || (order === 0 && !upper.inclusive);
    };
  }

  /** One pass over all rows. */
  async #scan(
    page: SpanPage,
    { hidden, rowCount }: { readonly hidden: Uint8Array; readonly rowCount: number },
    pace: Pace,
  ): Promise<Uint32Array> {
    const isBeyond = this.#beyond(page);
    const lower = page.lower && keyBytes(page.lower.key);
    for (let row = 0; row < rowCount; row++) {
      if (row % ROWS_BETWEEN_LOOKS === ROWS_BETWEEN_LOOKS - 1 && pace.isDue) await pace.rest();
      if (hasBitAt(hidden, row)) continue;
      const order = lower === undefined ? 1 : this.#keys.compareRowToKey(row, lower);
      if (order < 0 || (order === 0 && page.lower?.inclusive !== true) || isBeyond(row))
        hidden[row >> 3] = (hidden[row >> 3] as number) | (1 << (row & 7));
    }
    return selectFirstPaced(byKey(this.#keys), { limit: page.limit, hidden, rowCount }, pace);
  }
}
