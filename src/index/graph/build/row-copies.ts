// Rows that are equal, value by value. In a graph a vector that many rows have is one node: lists full of copies of it would lead nowhere
// else. Its first row stands for the others, which a search adds to what it found.
import { must } from '#base/assert.js';
import { vectorBytes } from '#index/block/element-type.js';
import { addressOfRow } from '#index/block/vector-floats.js';
import type { ExactVectors } from '#index/block/vector-index.js';

/** Groups in the order of their first rows: the copies of `firsts[i]` are `copies[ends[i - 1] .. ends[i])`, ascending. */
export interface RowCopies {
  /** Rows that are no copy of an earlier one, ascending. */
  readonly distinct: Uint32Array;
  readonly firsts: Uint32Array;
  readonly ends: Uint32Array;
  readonly copies: Uint32Array;
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
const NONE = 0xffffffff;
const SEED = 0x9e3779b9;
/** The bits of a negative zero. */
const SIGN = 0x80000000;

/** A task: memory 0 has the vectors. @returns undefined when there are few copies */
export function rowCopies(
  { place, rows, isToTheBit = false }: RowCopiesInput,
  context: { readonly memories: readonly WebAssembly.Memory[] },
): RowCopies | undefined {
  const { buffer } = must(context.memories[0], 'memory of the vectors');
  const bytes = vectorBytes(place.elementType ?? 'float32', place.dim);
  const isFloat = (place.elementType ?? 'float32') === 'float32';
  const same = isFloat ? floatRows(buffer, bytes, isToTheBit) : byteRows(buffer, bytes);
  const firstOf = firstRows(same, rows, (row) => addressOfRow(place, row, bytes));
  const counts = new Map<number, number>();
  let [total, largest] = [0, 0];
  for (const first of firstOf) {
    if (first === NONE) continue;
    const count = (counts.get(first) ?? 0) + 1;
    counts.set(first, count);
    largest = Math.max(largest, count);
    total++;
  }
  const isFew = total * COPIES_SHARE < rows.length && largest <= GROUP_MAX;
  return isFew ? undefined : grouped(rows, firstOf, counts, total);
}

/** For each row the place of the first that is equal to it, NONE: it is the first. */
function firstRows(
  { hashOf, isEqual }: Sameness,
  rows: Uint32Array,
  addressOf: (row: number) => number,
): Uint32Array {
  const mask = 2 ** Math.ceil(Math.log2(Math.max(2, rows.length * 2))) - 1;
  const table = new Uint32Array(mask + 1).fill(NONE);
  const hashes = new Uint32Array(rows.length);
  const firstOf = new Uint32Array(rows.length).fill(NONE);
  for (let i = 0; i < rows.length; i++) {
    const at = addressOf(rows[i] as number);
    const hash = hashOf(at);
    hashes[i] = hash;
    let slot = hash & mask;
    for (; table[slot] !== NONE; slot = (slot + 1) & mask) {
      const other = table[slot] as number;
      if (hashes[other] === hash && isEqual(addressOf(rows[other] as number), at)) {
        firstOf[i] = other;
        break;
      }
    }
    if (firstOf[i] === NONE) table[slot] = i;
  }
  return firstOf;
}

/** Whether rows at two addresses are the same. */
interface Sameness {
  hashOf(at: number): number;
  isEqual(a: number, b: number): boolean;
}

function floatRows(buffer: ArrayBufferLike, bytes: number, isToTheBit: boolean): Sameness {
  const words = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
  const count = bytes >> 2;
  const zero = isToTheBit ? 0 : SIGN;
  const wordAt = (i: number): number => {
    const word = words[i] as number;
    return word === zero ? 0 : word;
  };
  return {
    hashOf(at) {
      let hash = SEED;
      for (let i = at >>> 2, end = i + count; i < end; i++) hash = mixed(hash, wordAt(i));
      return hash >>> 0;
    },
    isEqual(a, b) {
      for (let i = 0; i < count; i++) if (wordAt((a >>> 2) + i) !== wordAt((b >>> 2) + i)) return false;
      return true;
    },
  };
}

function byteRows(buffer: ArrayBufferLike, bytes: number): Sameness {
  const all = new Uint8Array(buffer);
  return {
    hashOf(at) {
      let hash = SEED;
      for (let i = at; i < at + bytes; i++) hash = mixed(hash, all[i] as number);
      return hash >>> 0;
    },
    isEqual(a, b) {
      for (let i = 0; i < bytes; i++) if (all[a + i] !== all[b + i]) return false;
      return true;
    },
  };
}

function mixed(hash: number, word: number): number {
  const next = Math.imul(hash ^ word, 0x85ebca6b);
  return next ^ (next >>> 15);
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
    if (first === NONE) {
      distinct[kept++] = rows[i] as number;
      continue;
    }
    const at = next.get(first) as number;
    copies[at] = rows[i] as number;
    next.set(first, at + 1);
  }
  return { distinct, firsts: Uint32Array.from(places, (place) => rows[place] as number), ends, copies };
}
