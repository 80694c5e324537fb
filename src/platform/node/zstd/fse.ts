// Tables of finite state entropy (RFC 8878, 4.1): a state has a symbol, and how the next state follows from it and some bits.
import { type BackwardBits, bitsAt, damaged } from './bits.js';

export interface FseTable {
  /** There are 2 to the power of it states. */
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

export interface FseLimits {
  readonly symbolMax: number;
  readonly logMax: number;
}

/** How likely symbols are, as it is written before a stream, and the table of that. */
export function readFseTable(
  bytes: Uint8Array,
  begin: number,
  { symbolMax, logMax }: FseLimits,
): { readonly table: FseTable; readonly end: number } {
  let at = begin * 8;
  const log = bitsAt(bytes, at, 4) + 5;
  at += 4;
  if (log > logMax) throw damaged(`a table of 2^${log} states, expected at most 2^${logMax}`);
  const counts: number[] = [];
  let left = (1 << log) + 1;
  let width = log + 1;
  while (left > 1) {
    if (counts.length > symbolMax) throw damaged(`a table has more than ${symbolMax + 1} symbols`);
    const half = 1 << (width - 1);
    const short = 2 * half - 1 - left;
    let value = bitsAt(bytes, at, width - 1);
    if (value < short) at += width - 1;
    else {
      value = bitsAt(bytes, at, width);
      if (value >= half) value -= short;
      at += width;
    }
    const count = value - 1;
    counts.push(count);
    left -= Math.abs(count);
    if (left < 1) throw damaged('a table has more states than it says');
    if (count === 0) at = skipZeros(bytes, at, counts, symbolMax);
    while (left < 1 << (width - 1)) width--;
  }
  const end = Math.ceil(at / 8);
  if (end > bytes.length) throw damaged('a table ends early');
  return { table: fseTable(counts, log), end };
}

/** Behind a symbol that does not occur it says how many more do not, three at a time. */
function skipZeros(bytes: Uint8Array, begin: number, counts: number[], symbolMax: number): number {
  for (let at = begin; ; ) {
    const more = bitsAt(bytes, at, 2);
    at += 2;
    for (let i = 0; i < more; i++) counts.push(0);
    if (more < 3) return at;
    if (counts.length > symbolMax) throw damaged(`a table has more than ${symbolMax + 1} symbols`);
  }
}

/** @param counts states of each symbol; -1: less than one */
export function fseTable(counts: readonly number[], log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(counts.length);
  let high = size - 1;
  for (const [symbol, count] of counts.entries()) {
    next[symbol] = Math.abs(count);
    if (count === -1) symbols[high--] = symbol;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let place = 0;
  for (const [symbol, count] of counts.entries())
    for (let i = 0; i < count; i++) {
      symbols[place] = symbol;
      do place = (place + step) & (size - 1);
      while (place > high);
    }
  if (place !== 0) throw damaged('a table has other states than it says');
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number;
    const number = next[symbol] as number;
    next[symbol] = number + 1;
    const width = log - (31 - Math.clz32(number));
    bits[state] = width;
    bases[state] = (number << width) - size;
  }
  return { log, symbols, bits, bases };
}

/** Every symbol is this one. */
export const oneSymbol = (symbol: number): FseTable => ({
  log: 0,
  symbols: Uint8Array.of(symbol),
  bits: Uint8Array.of(0),
  bases: Uint16Array.of(0),
});

/** One state over a stream that several share. */
export class FseState {
  readonly #table: FseTable;
  readonly #bits: BackwardBits;
  #state: number;

  constructor(table: FseTable, bits: BackwardBits) {
    this.#table = table;
    this.#bits = bits;
    this.#state = bits.read(table.log);
  }

  get symbol(): number {
    return this.#table.symbols[this.#state] as number;
  }

  /** @returns whether there were bits for it */
  next(): boolean {
    const width = this.#table.bits[this.#state] as number;
    if (width > this.#bits.left) return false;
    this.#state = (this.#table.bases[this.#state] as number) + this.#bits.read(width);
    return true;
  }
}
