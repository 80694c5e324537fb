// The sequences of a block (RFC 8878, 3.1.1.3.2): so many literals, then so many bytes from so far back, again and again.
import { BackwardBits, damaged } from './bits.js';
import { FseState, type FseTable, fseTable, oneSymbol, readFseTable } from './fse.js';

/** What a code stands for: its base, and how many bits are added to it. */
interface Codes {
  readonly symbolMax: number;
  readonly logMax: number;
  readonly usual: FseTable;
  readonly bases: readonly number[];
  readonly widths: readonly number[];
}

const repeated = (value: number, count: number): number[] => Array.from({ length: count }, () => value);

/** Each base is behind all that the one before stands for. */
function basesOf(first: number, widths: readonly number[]): number[] {
  let base = first;
  return widths.map((width) => {
    const own = base;
    base += 2 ** width;
    return own;
  });
}

const literalWidths = [...repeated(0, 16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const literals: Codes = {
  ...{ symbolMax: 35, logMax: 9, widths: literalWidths, bases: basesOf(0, literalWidths) },
  usual: fseTable(
    [4, 3, ...repeated(2, 11), 1, 1, 1, ...repeated(2, 9), 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
    6,
  ),
};
const matchWidths = [
  ...repeated(0, 32),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
];
const matches: Codes = {
  ...{ symbolMax: 52, logMax: 9, widths: matchWidths, bases: basesOf(3, matchWidths) },
  usual: fseTable([1, 4, 3, ...repeated(2, 6), ...repeated(1, 37), ...repeated(-1, 7)], 6),
};
/** Longer ones are beyond every window that is taken. */
const OFFSET_CODE_MAX = 28;
const offsetWidths = Array.from({ length: 32 }, (_, code) => code);
const offsets: Codes = {
  ...{ symbolMax: 31, logMax: 8, widths: offsetWidths, bases: basesOf(1, offsetWidths) },
  usual: fseTable([...repeated(1, 6), 2, 2, 2, ...repeated(1, 15), ...repeated(-1, 5)], 5),
};

/** Tables that a later block may use again. */
export interface SequenceTables {
  readonly literals: FseTable | undefined;
  readonly offsets: FseTable | undefined;
  readonly matches: FseTable | undefined;
}

export interface Sequences {
  readonly count: number;
  readonly tables: SequenceTables;
  /** Gives the lengths of literals and match, and the offset as it is written: 1 to 3 are offsets of before. */
  readonly each: (take: (literals: number, match: number, offset: number) => void) => void;
}

export function readSequences(section: Uint8Array, before: SequenceTables): Sequences {
  const [count, begin] = countOf(section);
  if (count === 0) {
    if (begin !== section.length) throw damaged('a block goes on behind its end');
    return { count, tables: before, each: () => {} };
  }
  const modes = section[begin];
  if (modes === undefined || (modes & 3) !== 0) throw damaged('sequences have unknown modes');
  let at = begin + 1;
  const next = (codes: Codes, mode: number, earlier: FseTable | undefined): FseTable => {
    const found = tableOf(section, at, { codes, mode, earlier });
    at = found.end;
    return found.table;
  };
  const tables = {
    literals: next(literals, modes >> 6, before.literals),
    offsets: next(offsets, (modes >> 4) & 3, before.offsets),
    matches: next(matches, (modes >> 2) & 3, before.matches),
  };
  return { count, tables, each: (take) => decode(section.subarray(at), count, tables, take) };
}

function countOf(section: Uint8Array): readonly [count: number, begin: number] {
  const [first, second, third] = section;
  if (first === undefined) throw damaged('a block has no sequences');
  if (first < 128) return [first, 1];
  if (second === undefined || (first === 255 && third === undefined)) throw damaged('sequences end early');
  if (first < 255) return [(first - 128) * 256 + second, 2];
  return [second + (third ?? 0) * 256 + 0x7f00, 3];
}

function tableOf(
  section: Uint8Array,
  at: number,
  {
    codes,
    mode,
    earlier,
  }: { readonly codes: Codes; readonly mode: number; readonly earlier: FseTable | undefined },
): { readonly table: FseTable; readonly end: number } {
  switch (mode) {
    case 0:
      return { table: codes.usual, end: at };
    case 1: {
      const symbol = section[at];
      if (symbol === undefined || symbol > codes.symbolMax) throw damaged('a sequence has an unknown code');
      return { table: oneSymbol(symbol), end: at + 1 };
    }
    case 2:
      return readFseTable(section, at, codes);
    default:
      if (earlier === undefined)
        throw damaged('sequences use a table of an earlier block, and there is none');
      return { table: earlier, end: at };
  }
}

function decode(
  stream: Uint8Array,
  count: number,
  tables: { readonly literals: FseTable; readonly offsets: FseTable; readonly matches: FseTable },
  take: (literals: number, match: number, offset: number) => void,
): void {
  const bits = new BackwardBits(stream);
  const ofLiterals = new FseState(tables.literals, bits);
  const ofOffsets = new FseState(tables.offsets, bits);
  const ofMatches = new FseState(tables.matches, bits);
  const value = ({ bases, widths }: Codes, symbol: number): number =>
    (bases[symbol] as number) + bits.read(widths[symbol] as number);
  for (let left = count; left > 0; left--) {
    if (ofOffsets.symbol > OFFSET_CODE_MAX) throw damaged('a sequence goes back beyond every window');
    const offset = value(offsets, ofOffsets.symbol);
    const match = value(matches, ofMatches.symbol);
    take(value(literals, ofLiterals.symbol), match, offset);
    if (left > 1 && !(ofLiterals.next() && ofMatches.next() && ofOffsets.next()))
      throw damaged('sequences end early');
  }
  if (bits.left !== 0) throw damaged('sequences go on behind their end');
}
