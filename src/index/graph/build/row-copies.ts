// Rows that are equal, value by value. In a graph a vector that many rows have is one node: lists full of copies of it would lead nowhere
// else. Its first row stands for the others, which a search adds to what it found.
import { must } from '#base/assert.js';
import type { CopiedRows, ExactVectors } from '#index/block/vector-index.js';
import { type MetRows, meetRows, NO_ROW, newMetRows, samenessOf } from './met-rows.js';

export interface RowCopies extends CopiedRows {
  /** Rows that are no copy of an earlier one, ascending. */
  readonly distinct: Uint32Array;
}

export interface RowCopiesInput {
  readonly place: ExactVectors;
  /** Ascending. */
  readonly rows: Uint32Array;
  /** Zeros of either sign differ: the first row is read in place of its copies. */
  readonly isToTheBit?: boolean;
}

/** Fewer copies than one in so many rows, none of them of one vector alone in more than GROUP_MAX, do a graph no harm. */
const COPIES_SHARE = 64;
const GROUP_MAX = 8;

/** A task: memory 0 has the vectors. @returns undefined when there are few copies */
export function rowCopies(
  { place, rows, isToTheBit = false }: RowCopiesInput,
  context: { readonly memories: readonly WebAssembly.Memory[] },
): RowCopies | undefined {
  const { buffer } = must(context.memories[0], 'memory of the vectors');
  const met = newMetRows(rows.length, (count) => new Uint32Array(count));
  meetRows(met, samenessOf(place, buffer, isToTheBit), {
    begin: 0,
    end: rows.length,
    rowAt: (i) => rows[i] as number,
  });
  const { counts, total, largest } = copyCounts(met.firstOf);
  const isFew = total * COPIES_SHARE < rows.length && largest <= GROUP_MAX;
  return isFew ? undefined : grouped(rows, met.firstOf, counts, total);
}

export interface MeetRowsInput {
  readonly place: ExactVectors;
  /** In shared memory, of the rows below `begin`. */
  readonly met: MetRows;
  readonly begin: number;
  readonly end: number;
}

export interface MeetRowsOutput {
  /** Rows in [begin, end) that are no copies, ascending. */
  readonly fresh: Uint32Array;
  /** All copies so far, however few, in shared memory; absent: there are none. */
  readonly copies?: CopiedRows;
}

/** A task: memory 0 has the vectors, of rows that become more. */
export function meetNewRows(
  { place, met, begin, end }: MeetRowsInput,
  context: { readonly memories: readonly WebAssembly.Memory[] },
): MeetRowsOutput {
  const { buffer } = must(context.memories[0], 'memory of the vectors');
  meetRows(met, samenessOf(place, buffer, false), { begin, end, rowAt: (row) => row });
  const firstOf = met.firstOf.subarray(0, end);
  const rows = Uint32Array.from(firstOf, (_, row) => row);
  const fresh = rows.subarray(begin).filter((row) => firstOf[row] === NO_ROW);
  const { counts, total } = copyCounts(firstOf);
  if (total === 0) return { fresh };
  const { firsts, ends, copies } = grouped(rows, firstOf, counts, total);
  return { fresh, copies: { firsts: inShared(firsts), ends: inShared(ends), copies: inShared(copies) } };
}

/** @returns the words where a message carries no copy of them */
function inShared(words: Uint32Array): Uint32Array {
  const shared = new Uint32Array(new SharedArrayBuffer(words.byteLength));
  shared.set(words);
  return shared;
}

/** How many copies of each first row there are, of all, and of one at most. */
function copyCounts(firstOf: Uint32Array) {
  const counts = new Map<number, number>();
  let [total, largest] = [0, 0];
  for (const first of firstOf) {
    if (first === NO_ROW) continue;
    const count = (counts.get(first) ?? 0) + 1;
    counts.set(first, count);
    largest = Math.max(largest, count);
    total++;
  }
  return { counts, total, largest };
}

function grouped(
  rows: Uint32Array,
  firstOf: Uint32Array,
  counts: ReadonlyMap<number, number>,
  total: number,
): RowCopies {
  const places = [...counts.keys()].sort((a, b) => a - b);
  const ends = new Uint32Array(places.length);
  const next = new Map<number, number>();
  let end = 0;
  for (const [group, place] of places.entries()) {
    next.set(place, end);
    end += counts.get(place) as number;
    ends[group] = end;
  }
  const copies = new Uint32Array(total);
  const distinct = new Uint32Array(rows.length - total);
  let kept = 0;
  for (let i = 0; i < rows.length; i++) {
    const first = firstOf[i] as number;
    if (first === NO_ROW) {
      distinct[kept++] = rows[i] as number;
      continue;
    }
    const at = next.get(first) as number;
    copies[at] = rows[i] as number;
    next.set(first, at + 1);
  }
  return { distinct, firsts: Uint32Array.from(places, (place) => rows[place] as number), ends, copies };
}
