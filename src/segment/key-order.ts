// The first rows in key order, for paging through a collection by primary key: a bounded heap over all candidates, so that a page costs
// one pass and memory for the page only.
import type { Key } from '#model/column.js';
import { type ColumnStore, keyBytes } from './column-store.js';
import { hasBitAt } from './row-versions.js';

export interface KeySelection {
  readonly limit: number;
  /** Bit set: the row does not count. */
  readonly hidden: Uint8Array;
  readonly rowCount: number;
  readonly afterKey: Key | undefined;
  readonly filterRows: Uint32Array | undefined;
}
/** Rows in ascending key order, equal keys by row. */
export function selectSmallest(keys: ColumnStore, selection: KeySelection): Uint32Array {
  const { hidden, rowCount, filterRows } = selection;
  const after = selection.afterKey === undefined ? undefined : keyBytes(selection.afterKey);
  const limit = Math.min(selection.limit, rowCount);
  if (!(limit > 0)) return new Uint32Array(0);
  const compare = (a: number, b: number): number => keys.compareRows(a, b) || a - b;
  const heap: number[] = []; // The largest chosen row is at 0.
  const offer = (row: number): void => {
    if (row >= rowCount || hasBitAt(hidden, row)) return;
    if (after && keys.compareRowToKey(row, after) <= 0) return;
    if (heap.length < limit) {
      heap.push(row);
      siftUp(heap, compare);
    } else if (compare(row, heap[0] as number) < 0) {
      heap[0] = row;
      siftDown(heap, compare);
    }
  };
  if (filterRows) for (const row of filterRows) offer(row);
  else for (let row = 0; row < rowCount; row++) offer(row);
  return Uint32Array.from(heap.sort(compare));
}
type Compare = (a: number, b: number) => number;
function siftUp(heap: number[], compare: Compare): void {
  let i = heap.length - 1;
  const row = heap[i] as number;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (compare(heap[parent] as number, row) >= 0) break;
    heap[i] = heap[parent] as number;
    i = parent;
  }
  heap[i] = row;
}
function siftDown(heap: number[], compare: Compare): void {
  const row = heap[0] as number;
  let i = 0;
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
