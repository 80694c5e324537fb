// Which rows are equal to an earlier one, value by value: a table of the rows that were met, by hashes of their vectors. Its arrays may lie
// in shared memory, so that a task goes on where another has left it.
import { vectorBytes } from '#index/block/element-type.js';
import { addressOfRow } from '#index/block/vector-floats.js';
import type { ExactVectors } from '#index/block/vector-index.js';

export interface MetRows {
  /** Places of rows that are no copies, open addressing; NO_ROW: free. A power of two, at least twice the places. */
  readonly table: Uint32Array;
  /** The hash of each place. */
  readonly hashes: Uint32Array;
  /** For each place that of the first row that is equal to it; NO_ROW: it is the first. */
  readonly firstOf: Uint32Array;
}

export const NO_ROW = 0xffffffff;
const SEED = 0x9e3779b9;
/** The bits of a negative zero. */
const SIGN = 0x80000000;

const slotsFor = (places: number): number => 2 ** Math.ceil(Math.log2(Math.max(2, places * 2)));

/** Bytes of all three for so many places. */
export const metRowsBytes = (places: number): number => (slotsFor(places) + 2 * places) * 4;

/** @param wordsOf makes each of the arrays */
export function newMetRows(places: number, wordsOf: (count: number) => Uint32Array): MetRows {
  return {
    table: wordsOf(slotsFor(places)).fill(NO_ROW),
    hashes: wordsOf(places),
    firstOf: wordsOf(places).fill(NO_ROW),
  };
}

/** Looks up the places [begin, end) and adds those that are new. @param rowAt the row at a place; places before `begin` were met */
export function meetRows(
  met: MetRows,
  { hashOf, isEqual, addressOf }: Sameness,
  { begin, end, rowAt }: { readonly begin: number; readonly end: number; rowAt(place: number): number },
): void {
  const { table, hashes, firstOf } = met;
  const mask = table.length - 1;
  for (let i = begin; i < end; i++) {
    const at = addressOf(rowAt(i));
    const hash = hashOf(at);
    hashes[i] = hash;
    let slot = hash & mask;
    for (; table[slot] !== NO_ROW; slot = (slot + 1) & mask) {
      const other = table[slot] as number;
      if (hashes[other] === hash && isEqual(addressOf(rowAt(other)), at)) {
        firstOf[i] = other;
        break;
      }
    }
    if (firstOf[i] === NO_ROW) table[slot] = i;
  }
}

/** Copies the first `count` places into a larger table. No vector is read. */
export function widenMetRows(from: MetRows, to: MetRows, count: number): void {
  to.hashes.set(from.hashes.subarray(0, count));
  to.firstOf.set(from.firstOf.subarray(0, count));
  const mask = to.table.length - 1;
  for (let i = 0; i < count; i++) {
    if (to.firstOf[i] !== NO_ROW) continue;
    let slot = (to.hashes[i] as number) & mask;
    while (to.table[slot] !== NO_ROW) slot = (slot + 1) & mask;
    to.table[slot] = i;
  }
}

/** Whether rows at two addresses are the same. */
export interface Sameness {
  addressOf(row: number): number;
  hashOf(at: number): number;
  isEqual(a: number, b: number): boolean;
}

/** @param isToTheBit zeros of either sign differ */
export function samenessOf(place: ExactVectors, buffer: ArrayBufferLike, isToTheBit: boolean): Sameness {
  const elementType = place.elementType ?? 'float32';
  const bytes = vectorBytes(elementType, place.dim);
  const same = elementType === 'float32' ? floatRows(buffer, bytes, isToTheBit) : byteRows(buffer, bytes);
  return { addressOf: (row) => addressOfRow(place, row, bytes), ...same };
}

type SameBytes = Omit<Sameness, 'addressOf'>;

function floatRows(buffer: ArrayBufferLike, bytes: number, isToTheBit: boolean): SameBytes {
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

function byteRows(buffer: ArrayBufferLike, bytes: number): SameBytes {
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
