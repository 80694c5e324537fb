// The first rows of a segment in an order, that of the keys or another: a bounded heap over all candidates, so that a page costs one pass
// and memory for the page only.
import type { Key } from '#model/columns/column.js';
import type { Pace } from '#platform/pace.js';
import { type ColumnStore, keyBytes } from '#segment/fields/column-store.js';
import { hasBitAt } from '#segment/fields/row-versions.js';

export interface RowSelection {
  readonly limit: number;
  /** Bit set: the row does not count. */
  readonly hidden: Uint8Array;
  readonly rowCount: number;
}

export interface KeySelection extends RowSelection {
  readonly afterKey: Key | undefined;
  readonly filterRows: Uint32Array | undefined;
}

/** Order of two rows of one segment; two rows are never equal. */
export type Compare = (a: number, b: number) => number;

/** Rows looked at, and rows sorted at once, between two looks at the clock. */
const ROWS_AT_ONCE = 8192;

/** Rows in ascending key order, equal keys by row. */
export function selectSmallest(keys: ColumnStore, selection: KeySelection): Uint32Array {
  const smallest = new FirstRows(byKey(keys), selection, keys);
  smallest.offer(0, smallest.candidates);
  return sortRows(smallest.chosen, smallest.compare);
}

/** Rows that come first in the order, in slices. @throws cancelled, deadline_exceeded */
export async function selectFirstPaced(
  compare: Compare,
  selection: RowSelection,
  pace: Pace,
): Promise<Uint32Array> {
  const first = new FirstRows(compare, selection);
  for (let begin = 0; begin < first.candidates; begin += ROWS_AT_ONCE) {
    if (begin > 0 && pace.isDue) await pace.rest();
    first.offer(begin, Math.min(first.candidates, begin + ROWS_AT_ONCE));
  }
  return sortPaced(Uint32Array.from(first.chosen), compare, pace);
}

/** Ascending, equal keys by row. */
export const byKey =
  (keys: ColumnStore): Compare =>
  (a, b) =>
    keys.compareRows(a, b) || a - b;

class FirstRows {
  /** In no order. Once there are `limit` of them a heap: the largest is at 0. */
  readonly chosen: number[] = [];
  readonly compare: Compare;
  readonly candidates: number;
  readonly #keys: ColumnStore | undefined;
  readonly #selection: RowSelection & Partial<KeySelection>;
  readonly #after: Uint8Array | undefined;
  readonly #limit: number;

  /** @param keys what `afterKey` is compared with */
  constructor(compare: Compare, selection: RowSelection & Partial<KeySelection>, keys?: ColumnStore) {
    this.#keys = keys;
    this.#selection = selection;
    this.#after = selection.afterKey === undefined ? undefined : keyBytes(selection.afterKey);
    this.#limit = Math.min(selection.limit, selection.rowCount);
    this.candidates = this.#limit > 0 ? (selection.filterRows?.length ?? selection.rowCount) : 0;
    this.compare = compare;
  }

  /** Looks at candidates [begin, end). */
  offer(begin: number, end: number): void {
    const { filterRows, hidden } = this.#selection;
    for (let at = begin; at < end; at++) {
      if (filterRows !== undefined) this.#offer(filterRows[at] as number);
      // Eight rows that do not count take one look: a filter may leave a few of a million.
      else if ((at & 7) === 0 && hidden[at >>> 3] === 0xff) at += 7;
      else this.#offer(at);
    }
  }

  #offer(row: number): void {
    const { hidden, rowCount } = this.#selection;
    if (row >= rowCount || hasBitAt(hidden, row)) return;
    if (this.#after && this.#keys && this.#keys.compareRowToKey(row, this.#after) <= 0) return;
    const { chosen, compare } = this;
    if (chosen.length < this.#limit) {
      chosen.push(row);
      if (chosen.length === this.#limit)
        for (let at = (chosen.length >> 1) - 1; at >= 0; at--) siftDown(chosen, compare, at);
    } else if (compare(row, chosen[0] as number) < 0) {
      chosen[0] = row;
      siftDown(chosen, compare, 0);
    }
  }
}

function siftDown(heap: number[], compare: Compare, from: number): void {
  const row = heap[from] as number;
  let i = from;
  for (;;) {
    let child = i * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compare(heap[child + 1] as number, heap[child] as number) > 0) child++;
    if (compare(heap[child] as number, row) <= 0) break;
    heap[i] = heap[child] as number;
    i = child;
  }
  heap[i] = row;
}

const sortRows = (rows: readonly number[], compare: Compare): Uint32Array =>
  Uint32Array.from(rows).sort(compare);

/** In place or not: sorts runs, then merges them two by two; what is in order already costs one look. @throws cancelled, deadline_exceeded */
export async function sortPaced(rows: Uint32Array, compare: Compare, pace: Pace): Promise<Uint32Array> {
  for (let begin = 0; begin < rows.length; begin += ROWS_AT_ONCE) {
    const run = rows.subarray(begin, begin + ROWS_AT_ONCE);
    if (!isSorted(run, compare)) run.sort(compare);
    if (pace.isDue) await pace.rest();
  }
  let from = rows;
  let to: Uint32Array = new Uint32Array(rows.length);
  for (let width = ROWS_AT_ONCE; width < rows.length; width *= 2) {
    for (let begin = 0; begin < rows.length; begin += width * 2)
      await mergeRuns(from, to, begin, width, compare, pace);
    [from, to] = [to, from];
  }
  return from;
}

function isSorted(rows: Uint32Array, compare: Compare): boolean {
  for (let at = 1; at < rows.length; at++)
    if (compare(rows[at - 1] as number, rows[at] as number) > 0) return false;
  return true;
}

async function mergeRuns(
  from: Uint32Array,
  to: Uint32Array,
  begin: number,
  width: number,
  compare: Compare,
  pace: Pace,
): Promise<void> {
  const middle = Math.min(from.length, begin + width);
  const end = Math.min(from.length, middle + width);
  let [left, right] = [begin, middle];
  for (let at = begin; at < end; at++) {
    const isLeft =
      left < middle && (right === end || compare(from[left] as number, from[right] as number) <= 0);
    to[at] = from[isLeft ? left++ : right++] as number;
    if (at % ROWS_AT_ONCE === 0 && pace.isDue) await pace.rest();
  }
}
