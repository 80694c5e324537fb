// Huffman codes of literals (RFC 8878, 4.2): which symbol the next bits are, and how many of them.
import { BackwardBits, bitsAt, damaged } from './bits.js';
import { FseState, readFseTable } from './fse.js';

export interface HuffmanTable {
  /** The longest code has so many bits, and the tables an entry for each value of as many. */
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly lengths: Uint8Array;
}

const LOG_MAX = 11;
const SYMBOLS_MAX = 256;
const WEIGHTS = { symbolMax: 12, logMax: 6 };

/** The description of a tree that lies before its streams. */
export function readHuffmanTable(
  bytes: Uint8Array,
  begin: number,
): { readonly table: HuffmanTable; readonly end: number } {
  const header = bytes[begin];
  if (header === undefined) throw damaged('a tree ends early');
  const count = header - 127;
  const end = begin + 1 + (header < 128 ? header : (count + 1) >> 1);
  if (end > bytes.length) throw damaged('a tree ends early');
  const weights =
    header < 128
      ? codedWeights(bytes.subarray(begin + 1, end))
      : Array.from({ length: count }, (_, i) => {
          const byte = bytes[begin + 1 + (i >> 1)] as number;
          return i % 2 === 0 ? byte >> 4 : byte & 15;
        });
  return { table: tableOf(weights), end };
}

/** Two states take turns until the bits are used up. */
function codedWeights(bytes: Uint8Array): number[] {
  const { table, end } = readFseTable(bytes, 0, WEIGHTS);
  const bits = new BackwardBits(bytes.subarray(end));
  const weights: number[] = [];
  let [one, other] = [new FseState(table, bits), new FseState(table, bits)];
  for (;;) {
    weights.push(one.symbol);
    if (weights.length >= SYMBOLS_MAX) throw damaged(`a tree has more than ${SYMBOLS_MAX} symbols`);
    if (!one.next()) break;
    [one, other] = [other, one];
  }
  weights.push(other.symbol);
  return weights;
}

/** @param given the weight of the last symbol follows from the others */
function tableOf(given: readonly number[]): HuffmanTable {
  const sum = given.reduce((total, weight) => total + (weight === 0 ? 0 : 2 ** (weight - 1)), 0);
  if (sum === 0 || sum >= 1 << LOG_MAX) throw damaged('a tree has no codes, or too long ones');
  const log = 32 - Math.clz32(sum);
  const rest = (1 << log) - sum;
  if ((rest & (rest - 1)) !== 0) throw damaged('a tree is not whole');
  const weights = [...given, 32 - Math.clz32(rest)];
  if (weights.length > SYMBOLS_MAX) throw damaged(`a tree has more than ${SYMBOLS_MAX} symbols`);
  const symbols = new Uint8Array(1 << log);
  const lengths = new Uint8Array(1 << log);
  let at = 0;
  for (let weight = 1; weight <= log; weight++)
    for (const [symbol, own] of weights.entries()) {
      if (own !== weight) continue;
      const end = at + (1 << (weight - 1));
      symbols.fill(symbol, at, end);
      lengths.fill(log + 1 - weight, at, end);
      at = end;
    }
  return { log, symbols, lengths };
}

/** Fills `out` with the symbols of a stream, which must end with the last. */
export function decodeHuffman(table: HuffmanTable, stream: Uint8Array, out: Uint8Array): void {
  const { log, symbols, lengths } = table;
  let { left } = new BackwardBits(stream);
  for (let at = 0; at < out.length; at++) {
    const entry = left >= log ? bitsAt(stream, left - log, log) : bitsAt(stream, 0, left) << (log - left);
    left -= lengths[entry] as number;
    if (left < 0) throw damaged('a stream of literals ends early');
    out[at] = symbols[entry] as number;
  }
  if (left !== 0) throw damaged('a stream of literals goes on behind its end');
}
