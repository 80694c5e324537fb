// The rows of each value of an ordered index where few values have many rows: in containers of 65,536 rows each, and each container in the
// form that takes least: the rows as 16 bits each, a bit for each row, or runs of rows. The three forms are those of Roaring bitmaps (Lemire
// et al., "Roaring Bitmaps: Implementation of an Optimized Software Library", 2018); which one it is goes by size alone.
import { countBits, setRange } from '#expr/evaluate/rows.js';
import { checkAscending, damaged } from './block-bytes.js';

const CHUNK_BITS = 16;
const CHUNK_ROWS = 1 << CHUNK_BITS;
const BITMAP_WORDS = CHUNK_ROWS / 32;
/** What stands for a container beside its words, in bytes: head, place and form. */
const CONTAINER_BYTES = 9;

/** Forms of a container, as files have them. */
const [LISTED, BITMAP, RUNS] = [0, 1, 2] as const;

export interface PackedParts {
  /** The containers of value v are [firsts[v], firsts[v + 1]), by chunk ascending. */
  readonly firsts: Uint32Array;
  /** By container: its chunk in the upper 16 bits, its rows less one in the lower. */
  readonly heads: Uint32Array;
  /** By container: where its words begin, and behind the last where they end. */
  readonly places: Uint32Array;
  readonly forms: Uint8Array;
  /** Listed: two rows a word, the first one low. Bitmap: 2,048 words. Runs: a word each, the first row low, what follows it high. */
  readonly words: Uint32Array;
}

/** Rows of each value, ascending: those of value v are `rows[starts[v], starts[v + 1])`. */
export interface ListedRows {
  readonly starts: Uint32Array;
  readonly rows: Uint32Array;
}

/** A part of a list whose rows are in one chunk. */
interface Piece {
  readonly begin: number;
  readonly end: number;
  readonly runs: number;
}

function* piecesOf({ starts, rows }: ListedRows, value: number): Generator<Piece> {
  const last = starts[value + 1] as number;
  for (let begin = starts[value] as number, end = begin; begin < last; begin = end) {
    const chunk = (rows[begin] as number) >>> CHUNK_BITS;
    let runs = 1;
    for (end = begin + 1; end < last && (rows[end] as number) >>> CHUNK_BITS === chunk; end++)
      runs += Number((rows[end] as number) !== (rows[end - 1] as number) + 1);
    yield { begin, end, runs };
  }
}

const listedWords = ({ begin, end }: Piece): number => (end - begin + 1) >>> 1;

function formOf(piece: Piece): typeof LISTED | typeof BITMAP | typeof RUNS {
  const listed = listedWords(piece);
  if (piece.runs < Math.min(listed, BITMAP_WORDS)) return RUNS;
  return listed <= BITMAP_WORDS ? LISTED : BITMAP;
}

const wordsIn = (piece: Piece): number => Math.min(piece.runs, listedWords(piece), BITMAP_WORDS);

/** Rows of a value, on average, from which on containers may take less than a list. */
const ROWS_PER_VALUE_MIN = 64;
/** The share of the bytes of a list that they may take at most: a list needs no look at its containers. */
const SHARE_MAX = 0.75;

/** Undefined where containers would not take clearly less than the list. */
export function packRows(list: ListedRows): PackedRows | undefined {
  const values = list.starts.length - 1;
  if (list.rows.length < values * ROWS_PER_VALUE_MIN || values === 0) return undefined;
  let [containers, words] = [0, 0];
  for (let value = 0; value < values; value++) {
    for (const piece of piecesOf(list, value)) {
      containers++;
      words += wordsIn(piece);
    }
  }
  if (words * 4 + containers * CONTAINER_BYTES > list.rows.length * 4 * SHARE_MAX) return undefined;
  return filled(list, containers, words);
}

function filled(list: ListedRows, containers: number, wordCount: number): PackedRows {
  const values = list.starts.length - 1;
  const parts: PackedParts = {
    firsts: new Uint32Array(values + 1),
    heads: new Uint32Array(containers),
    places: new Uint32Array(containers + 1),
    forms: new Uint8Array(containers),
    words: new Uint32Array(wordCount),
  };
  let container = 0;
  for (let value = 0; value < values; value++) {
    for (const piece of piecesOf(list, value)) {
      const place = parts.places[container] as number;
      parts.heads[container] =
        (((list.rows[piece.begin] as number) & ~(CHUNK_ROWS - 1)) | (piece.end - piece.begin - 1)) >>> 0;
      parts.forms[container] = formOf(piece);
      put(list.rows, piece, formOf(piece), parts.words.subarray(place));
      parts.places[++container] = place + wordsIn(piece);
    }
    parts.firsts[value + 1] = container;
  }
  return new PackedRows(parts);
}

function put(rows: Uint32Array, { begin, end }: Piece, form: number, words: Uint32Array): void {
  const rowAt = (at: number): number => (rows[at] as number) & (CHUNK_ROWS - 1);
  for (let at = begin, run = -1; at < end; at++) {
    const row = rowAt(at);
    if (form === BITMAP) words[row >>> 5] = (words[row >>> 5] as number) | (1 << (row & 31));
    else if (form === LISTED) {
      const word = (at - begin) >>> 1;
      words[word] = (words[word] as number) | (row << (((at - begin) & 1) * 16));
    } else if (at > begin && row === rowAt(at - 1) + 1) words[run] = (words[run] as number) + CHUNK_ROWS;
    else words[++run] = row;
  }
}

export class PackedRows {
  readonly parts: PackedParts;

  constructor(parts: PackedParts) {
    this.parts = parts;
  }

  /** Sets the bits of rows that values [begin, end) have. */
  addTo(begin: number, end: number, bits: Uint32Array): void {
    const { firsts, heads, forms } = this.parts;
    const last = firsts[end] as number;
    for (let container = firsts[begin] as number; container < last; container++) {
      const base = ((heads[container] as number) >>> CHUNK_BITS) * CHUNK_ROWS;
      const words = this.#wordsOf(container);
      if (forms[container] === BITMAP) addBitmap(words, base, bits);
      else if (forms[container] === LISTED) this.#addListed(container, words, base, bits);
      else for (const run of words) setRange(bits, base + (run & 0xffff), (run >>> CHUNK_BITS) + 1);
    }
  }

  #wordsOf(container: number): Uint32Array {
    const { places, words } = this.parts;
    return words.subarray(places[container], places[container + 1]);
  }

  #addListed(container: number, words: Uint32Array, base: number, bits: Uint32Array): void {
    const count = ((this.parts.heads[container] as number) & 0xffff) + 1;
    const rows = new Uint16Array(words.buffer, words.byteOffset, count);
    for (let at = 0; at < count; at++) {
      const row = base + (rows[at] as number);
      bits[row >>> 5] = (bits[row >>> 5] as number) | (1 << (row & 31));
    }
  }

  /** Refuses what leads out of the arrays or names a row that there is not. @param starts as in `ListedRows` @throws data_corrupt */
  check(starts: Uint32Array, rowCount: number): void {
    const { firsts, heads, places, words } = this.parts;
    checkAscending(firsts, heads.length, 'containers');
    checkAscending(places, words.length, 'words of containers');
    for (let value = 0; value + 1 < firsts.length; value++) {
      let rows = 0;
      for (let at = firsts[value] as number; at < (firsts[value + 1] as number); at++)
        rows += this.#checked(at, at > (firsts[value] as number), rowCount);
      if (rows !== (starts[value + 1] as number) - (starts[value] as number))
        throw damaged(`has containers of ${rows} rows for value ${value}, which has another number`);
    }
  }

  /** @returns the rows of a container */
  #checked(container: number, isLater: boolean, rowCount: number): number {
    const { heads, forms } = this.parts;
    const head = heads[container] as number;
    const chunk = head >>> CHUNK_BITS;
    if (isLater && chunk <= (heads[container - 1] as number) >>> CHUNK_BITS)
      throw damaged(`has containers of chunk ${chunk} out of order`);
    const found = rowsIn(this.#wordsOf(container), forms[container] as number, (head & 0xffff) + 1);
    if (found === undefined || found.count !== (head & 0xffff) + 1)
      throw damaged(`has container ${container} with other rows than it says`);
    if (chunk * CHUNK_ROWS + found.last >= rowCount)
      throw damaged(`names row ${chunk * CHUNK_ROWS + found.last} of ${rowCount}`);
    return found.count;
  }
}

function addBitmap(words: Uint32Array, base: number, bits: Uint32Array): void {
  const from = base >>> 5;
  const end = Math.min(BITMAP_WORDS, bits.length - from);
  for (let at = 0; at < end; at++) bits[from + at] = (bits[from + at] as number) | (words[at] as number);
}

/** How many rows a container has and which is the last; undefined: it is none. */
function rowsIn(
  words: Uint32Array,
  form: number,
  count: number,
): { readonly count: number; readonly last: number } | undefined {
  switch (form) {
    case LISTED: {
      if (words.length !== (count + 1) >>> 1) return undefined;
      const rows = new Uint16Array(words.buffer, words.byteOffset, count);
      for (let at = 1; at < count; at++)
        if ((rows[at] as number) <= (rows[at - 1] as number)) return undefined;
      return { count, last: rows[count - 1] as number };
    }
    case BITMAP: {
      if (words.length !== BITMAP_WORDS) return undefined;
      let [rows, last] = [0, 0];
      for (const [at, word] of words.entries()) {
        rows += countBits(word);
        if (word !== 0) last = at * 32 + 31 - Math.clz32(word);
      }
      return { count: rows, last };
    }
    case RUNS: {
      let [rows, next] = [0, 0];
      for (const run of words) {
        if ((run & 0xffff) < next) return undefined;
        next = (run & 0xffff) + (run >>> CHUNK_BITS) + 1;
        rows += (run >>> CHUNK_BITS) + 1;
      }
      return next > CHUNK_ROWS ? undefined : { count: rows, last: next - 1 };
    }
    default:
      return undefined;
  }
}
