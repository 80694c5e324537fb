// Bits of rows while a filter is evaluated. A block is a run of rows that is evaluated at once, short enough that whatever is held about it
// stays in the processor's first cache; bit (i & 31) of word (i >> 5) belongs to row `begin + i`.

import { filterKernel, KERNEL_ROWS } from './filter-kernel.js';

/** Rows of a block. */
export const BLOCK_ROWS = KERNEL_ROWS;
export const BLOCK_WORDS = BLOCK_ROWS / 32;

/** A run of at most `BLOCK_ROWS` rows. */
export interface Rows {
  readonly begin: number;
  readonly count: number;
}

/** One bit a row of a block. Bits behind the last row mean nothing. */
export type RowBits = Uint32Array;

export const newBits = (): RowBits => new Uint32Array(BLOCK_WORDS);

export const wordsOf = (count: number): number => (count + 31) >>> 5;

/** The place of the lowest bit that is set. @param word not 0 */
export const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);

export function countBits(word: number): number {
  // As a signed number from the start: an engine would subtract unsigned ones as doubles.
  let x = (word | 0) - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Sets the bits of the first `count` rows and no others. */
export function setFirst(bits: RowBits, count: number): void {
  const full = count >>> 5;
  bits.fill(0xffffffff, 0, full);
  if ((count & 31) !== 0) bits[full] = 2 ** (count & 31) - 1;
}

/**
 * Whether rows are asked in a quarter of the words of a block or more: then a kernel that looks at each row is quicker than a loop that
 * leaves words out.
 */
export function isSpread(alive: RowBits, count: number): boolean {
  const words = wordsOf(count);
  let asked = 0;
  for (let word = 0; word < words; word++) asked += Number(alive[word] !== 0);
  return asked * 4 >= words;
}

export const isBitSet = (bits: Uint32Array, at: number): boolean =>
  (((bits[at >>> 5] as number) >>> (at & 31)) & 1) !== 0;

export function setBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
}

/** Sets `count` bits from `at` on. */
export function setRange(bits: Uint32Array, at: number, count: number): void {
  for (let next = at; next < at + count; ) {
    const shift = next & 31;
    const here = Math.min(32 - shift, at + count - next);
    const mask = here === 32 ? -1 : ((1 << here) - 1) << shift;
    bits[next >>> 5] = (bits[next >>> 5] as number) | mask;
    next += here;
  }
}

/** How many of `count` bits from `at` on are set. */
export function countRange(bits: Uint32Array, at: number, count: number): number {
  let total = 0;
  for (let next = at; next < at + count; ) {
    const shift = next & 31;
    const here = Math.min(32 - shift, at + count - next);
    const word = (bits[next >>> 5] as number) >>> shift;
    total += countBits(here === 32 ? word : word & ((1 << here) - 1));
    next += here;
  }
  return total;
}

/** Takes the rows whose byte is 0 out of `known`. @param valid one byte a row of the column; none when no row is null */
export function maskNulls(valid: Uint8Array, rows: Rows, known: RowBits): void {
  if (valid.length > 0) filterKernel().keepSet(valid, rows, known);
}
