// What is at one path of one JSON field, kept for the rows that filters asked about: a column beside the text, filled as rows are asked and
// never wrong later, because rows never change. Numbers that a double holds exactly and texts that many rows share lie in arrays; of every
// other value its place in the text is kept, and it is read there.
//
// The bytes of the rows are not held here: who asks brings them. Places count from the beginning of the field's bytes, which grow at their
// end only. Nothing here is awaited, so what two filters fill in turns is always whole.
import { BLOCK_ROWS, BLOCK_WORDS, lowestBit, type RowBits, type Rows, wordsOf } from '#expr/evaluate/rows.js';
import { JsonNumber, readNumber } from './json-number.js';
import {
  findPath,
  JsonKind,
  JsonPlace,
  type JsonStep,
  jsonStep,
  unescaped,
  unescapedLength,
} from './json-scan.js';
import { TextDictionary } from './text-dictionary.js';

/** A row of a chunk has a `JsonKind`, whose numbers, texts and arrays are read at their places, or one of these, whose values are here. */
export const PathKind = {
  /** A number that is written as an int, in `numbers`. */
  int: 9,
  double: 10,
  /** A text, in the dictionary. */
  coded: 11,
} as const;

/** The rows of one block of a field. An array is made when the first of its rows has such a value. */
export class PathChunk {
  readonly kinds = new Uint8Array(BLOCK_ROWS);
  /** Rows that were looked through. */
  readonly done = new Uint32Array(BLOCK_WORDS);
  /** NaN where a row has no number here. */
  numbers: Float64Array | undefined;
  /** 0 where a row has no text here. */
  codes: Uint16Array | undefined;
  /** Where in the bytes of the field the value begins. */
  places: Uint32Array | undefined;
  /** Whether some numbers, or some texts, are only in the text. */
  hasPlacedNumbers = false;
  hasPlacedTexts = false;
}

const CHUNK_BYTES = BLOCK_ROWS + BLOCK_WORDS * 4;

/** The bytes and offsets of the field, of at least the rows that are asked about. */
export interface JsonRows {
  readonly data: Uint8Array;
  readonly offsets: Uint32Array;
}

export class PathColumn {
  readonly texts: TextDictionary;
  readonly #path: readonly JsonStep[];
  readonly #take: (bytes: number) => boolean;
  readonly #chunks: (PathChunk | undefined)[] = [];
  readonly #place = new JsonPlace();
  readonly #number = new JsonNumber();
  #doneCount = 0;

  /** @param take whether so many bytes more may be held; they are held then */
  constructor(path: readonly string[], take: (bytes: number) => boolean) {
    this.#path = path.map(jsonStep);
    this.#take = take;
    this.texts = new TextDictionary(take);
  }

  /** Rows that were looked through so far. */
  get doneCount(): number {
    return this.#doneCount;
  }

  /**
   * The chunk of some rows, those of `alive` in it. Row i of the block is row `(rows.begin + i) % BLOCK_ROWS` of the chunk.
   * @returns undefined when the rows are of two chunks, or there is no memory for what they have: their text has it all
   */
  chunk(rows: Rows, alive: RowBits, json: JsonRows): PathChunk | undefined {
    const first = rows.begin % BLOCK_ROWS;
    if (first + rows.count > BLOCK_ROWS) return undefined;
    const chunk = this.#chunkAt((rows.begin - first) / BLOCK_ROWS);
    if (chunk === undefined) return undefined;
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      const wanted = (alive[word] as number) & ~doneBits(chunk.done, first + word * 32);
      const beyond = rows.count - word * 32;
      for (let left = beyond < 32 ? wanted & (2 ** beyond - 1) : wanted; left !== 0; left &= left - 1) {
        const at = word * 32 + lowestBit(left);
        if (!this.#look(chunk, first + at, rows.begin + at, json)) return undefined;
      }
    }
    return chunk;
  }

  #chunkAt(index: number): PathChunk | undefined {
    const chunk = this.#chunks[index];
    if (chunk !== undefined || !this.#take(CHUNK_BYTES)) return chunk;
    // The array has no holes: its elements are read in the order of the rows.
    while (this.#chunks.length < index) this.#chunks.push(undefined);
    const made = new PathChunk();
    this.#chunks[index] = made;
    return made;
  }

  /** Notes what a row has. @returns false: there is no memory for it */
  #look(chunk: PathChunk, at: number, row: number, { data, offsets }: JsonRows): boolean {
    const place = this.#place;
    findPath(data, offsets[row] as number, offsets[row + 1] as number, this.#path, place);
    if (!this.#note(chunk, at, data)) return false;
    chunk.done[at >>> 5] = (chunk.done[at >>> 5] as number) | (1 << (at & 31));
    this.#doneCount++;
    return true;
  }

  #note(chunk: PathChunk, at: number, data: Uint8Array): boolean {
    const { kind, begin, end } = this.#place;
    switch (kind) {
      case JsonKind.number:
        return this.#noteNumber(chunk, at, data);
      case JsonKind.text:
        return this.#noteText(chunk, at, this.texts.codeOf(data, begin, end));
      case JsonKind.escaped: {
        const text = unescaped(data, begin, end);
        return this.#noteText(chunk, at, this.texts.codeOf(text, 0, unescapedLength));
      }
      case JsonKind.array:
        return this.#notePlace(chunk, at, begin);
      default:
        chunk.kinds[at] = kind;
        return true;
    }
  }

  #noteNumber(chunk: PathChunk, at: number, data: Uint8Array): boolean {
    const { begin, end } = this.#place;
    const number = this.#number;
    readNumber(data, begin, end, number);
    if (number.big !== undefined) {
      chunk.hasPlacedNumbers = true;
      return this.#notePlace(chunk, at, begin);
    }
    if (chunk.numbers === undefined) {
      if (!this.#take(BLOCK_ROWS * 8)) return false;
      chunk.numbers = new Float64Array(BLOCK_ROWS).fill(Number.NaN);
    }
    chunk.numbers[at] = number.value;
    chunk.kinds[at] = number.isInt ? PathKind.int : PathKind.double;
    return true;
  }

  /** @param code 0: the text is read at its place */
  #noteText(chunk: PathChunk, at: number, code: number): boolean {
    if (code === 0) {
      chunk.hasPlacedTexts = true;
      // The value begins with its quote.
      return this.#notePlace(chunk, at, this.#place.begin - 1);
    }
    if (chunk.codes === undefined) {
      if (!this.#take(BLOCK_ROWS * 2)) return false;
      chunk.codes = new Uint16Array(BLOCK_ROWS);
    }
    chunk.codes[at] = code;
    chunk.kinds[at] = PathKind.coded;
    return true;
  }

  #notePlace(chunk: PathChunk, at: number, begin: number): boolean {
    if (chunk.places === undefined) {
      if (!this.#take(BLOCK_ROWS * 4)) return false;
      chunk.places = new Uint32Array(BLOCK_ROWS);
    }
    chunk.places[at] = begin;
    chunk.kinds[at] = this.#place.kind;
    return true;
  }
}

/** The 32 bits from `at` on; those behind the last are clear. */
function doneBits(done: Uint32Array, at: number): number {
  const shift = at & 31;
  const low = (done[at >>> 5] as number) >>> shift;
  return shift === 0 ? low : low | ((done[(at >>> 5) + 1] ?? 0) << (32 - shift));
}
