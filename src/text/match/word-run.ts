// Where words stand in the texts of consecutive rows of one field: a list of words, and behind each the rows that have it and its places in
// them. A run is made once, of rows that do not change, by any thread; it is typed arrays alone, so that it goes from one to another as it is.
//
// Words are in the order of their numbers (`term-hash.ts`), and of their bytes where two words have one number. Rows of a word are differences,
// the first from the first row of the run; places of a row are its only place doubled, or how often it comes doubled and one, and then
// differences. All of these are varints, low groups of seven bits first.
import { ElanusError } from '#base/errors.js';
import type { Term } from '#text/analyzer.js';
import { ByteWriter } from './byte-writer.js';

export interface WordRun {
  /** Rows [begin, end). */
  readonly begin: number;
  readonly end: number;
  readonly hashes: Uint32Array;
  /** The bytes of word w end at `wordEnds[w]`, where those of the next begin. */
  readonly wordEnds: Uint32Array;
  readonly words: Uint8Array;
  /** How many rows have the word. */
  readonly rowCounts: Uint32Array;
  readonly rowEnds: Uint32Array;
  readonly rows: Uint8Array;
  readonly placeEnds: Uint32Array;
  readonly places: Uint8Array;
}

/** What an analyzer makes of a text, word for word. */
export interface Words {
  terms(text: string, visit: (term: Term, position: number) => void): void;
}

export const runBytes = (run: WordRun): number =>
  run.words.length + run.rows.length + run.places.length + run.hashes.length * WORD_BYTES + RUN_BYTES;
/** What each word takes beside its bytes, and each run. */
const WORD_BYTES = 20;
const RUN_BYTES = 512;

/** Numbers of words of a run: with a hash they are a whole number that a double holds. */
const WORDS_MAX = 1 << 21;
const encoder = new TextEncoder();

/** Makes the run of rows that are added one after another. */
export class WordRunBuilder {
  readonly #begin: number;
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #hashes: number[] = [];
  /** Number, row and place of each word, in the order of the texts. */
  #seen = new Uint32Array(3 * 1024);
  #length = 0;

  constructor(begin: number) {
    this.#begin = begin;
  }

  /** Rows come in order. @throws what the analyzer throws; parameter_too_large for too many words */
  add(row: number, text: string, analyzer: Words): void {
    analyzer.terms(text, (term, place) => {
      if (this.#length === this.#seen.length) this.#grow();
      this.#seen[this.#length++] = this.#idOf(term);
      this.#seen[this.#length++] = row;
      this.#seen[this.#length++] = place;
    });
  }

  #grow(): void {
    const larger = new Uint32Array(this.#seen.length * 2);
    larger.set(this.#seen);
    this.#seen = larger;
  }

  #idOf({ text, hash }: Term): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#texts.length;
    if (id >= WORDS_MAX)
      throw new ElanusError('parameter_too_large', `rows have more than ${WORDS_MAX} words, expected fewer`);
    this.#ids.set(text, id);
    this.#texts.push(text);
    this.#hashes.push(hash);
    return id;
  }

  /** @param end behind the last row */
  finish(end: number): WordRun {
    const places = new Uint32Array(this.#texts.length + 1);
    for (let at = 0; at < this.#length; at += 3) {
      const id = this.#seen[at] as number;
      places[id + 1] = (places[id + 1] as number) + 1;
    }
    for (let id = 0; id < this.#texts.length; id++)
      places[id + 1] = (places[id + 1] as number) + (places[id] as number);
    const byWord = new Uint32Array(this.#length / 3);
    const next = places.slice();
    for (let at = 0; at < this.#length; at += 3) {
      const id = this.#seen[at] as number;
      byWord[next[id] as number] = at;
      next[id] = (next[id] as number) + 1;
    }
    const writer = new WordRunWriter(this.#begin, this.#texts.length);
    for (const id of this.#ordered()) {
      writer.begin(this.#hashes[id] as number, encoder.encode(this.#texts[id]));
      this.#write(writer, byWord.subarray(places[id], places[id + 1]));
      writer.finishWord();
    }
    return writer.finish(end);
  }

  #write(writer: WordRunWriter, seen: Uint32Array): void {
    for (let at = 0; at < seen.length; ) {
      const row = this.#seen[(seen[at] as number) + 1] as number;
      let count = 1;
      while (at + count < seen.length && this.#seen[(seen[at + count] as number) + 1] === row) count++;
      writer.row(row, count);
      for (const end = at + count; at < end; at++)
        writer.place(this.#seen[(seen[at] as number) + 2] as number);
    }
  }

  #ordered(): number[] {
    const keys = Float64Array.from(this.#hashes, (hash, id) => hash * WORDS_MAX + id).sort();
    const ids = Array.from(keys, (key) => key % WORDS_MAX);
    for (let at = 1; at < ids.length; at++) {
      // Two words of one number are rare: they are put in order one by one.
      for (let back = at; back > 0 && this.#isAbove(ids[back - 1] as number, ids[back] as number); back--)
        [ids[back - 1], ids[back]] = [ids[back] as number, ids[back - 1] as number];
    }
    return ids;
  }

  #isAbove(one: number, other: number): boolean {
    if (this.#hashes[one] !== this.#hashes[other]) return false;
    return compareBytes(encoder.encode(this.#texts[one]), encoder.encode(this.#texts[other])) > 0;
  }
}

interface CopiedRows {
  /** From the row before to the first one. */
  readonly firstStep: number;
  /** The other rows. */
  readonly rows: Uint8Array;
  readonly places: Uint8Array;
  readonly rowCount: number;
}

/** Writes a run word for word, in their order. */
export class WordRunWriter {
  readonly #begin: number;
  readonly #hashes: Uint32Array;
  readonly #ends: { readonly [Of in 'words' | 'rows' | 'places']: Uint32Array };
  readonly #rowCounts: Uint32Array;
  readonly #words = new ByteWriter();
  readonly #rows = new ByteWriter();
  readonly #places = new ByteWriter();
  #count = 0;
  #rowCount = 0;
  #lastRow = 0;
  #lastPlace = 0;
  #isOnly = false;

  /** @param wordCount at most so many words */
  constructor(begin: number, wordCount: number) {
    this.#begin = begin;
    this.#hashes = new Uint32Array(wordCount);
    this.#rowCounts = new Uint32Array(wordCount);
    const ends = (): Uint32Array => new Uint32Array(wordCount);
    this.#ends = { words: ends(), rows: ends(), places: ends() };
  }

  begin(hash: number, word: Uint8Array): void {
    this.#hashes[this.#count] = hash;
    this.#words.bytes(word);
    this.#rowCount = 0;
    this.#lastRow = this.#begin;
  }

  /** @param count how many places follow */
  row(row: number, count: number): void {
    this.#rows.varint(row - this.#lastRow);
    this.#lastRow = row;
    this.#rowCount++;
    this.#lastPlace = 0;
    this.#isOnly = count === 1;
    if (!this.#isOnly) this.#places.varint(count * 2 + 1);
  }

  place(place: number): void {
    this.#places.varint(this.#isOnly ? place * 2 : (place - this.#lastPlace) >>> 0);
    this.#lastPlace = place;
  }

  /** Rows of another run with their places, which stay as they are there behind the first row. */
  copied({ firstStep, rows, places, rowCount }: CopiedRows): void {
    this.#rows.varint(firstStep);
    this.#rows.bytes(rows);
    this.#places.bytes(places);
    this.#rowCount += rowCount;
  }

  finishWord(): void {
    const word = this.#count++;
    this.#rowCounts[word] = this.#rowCount;
    this.#ends.words[word] = this.#words.length;
    this.#ends.rows[word] = this.#rows.length;
    this.#ends.places[word] = this.#places.length;
  }

  finish(end: number): WordRun {
    const count = this.#count;
    return {
      begin: this.#begin,
      end,
      hashes: this.#hashes.slice(0, count),
      wordEnds: this.#ends.words.slice(0, count),
      words: this.#words.take(),
      rowCounts: this.#rowCounts.slice(0, count),
      rowEnds: this.#ends.rows.slice(0, count),
      rows: this.#rows.take(),
      placeEnds: this.#ends.places.slice(0, count),
      places: this.#places.take(),
    };
  }
}

export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const difference = (one[at] as number) - (other[at] as number);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** What stands of word w in an array of bytes whose ends are these. */
export const partOf = (bytes: Uint8Array, ends: Uint32Array, word: number): Uint8Array =>
  bytes.subarray(word === 0 ? 0 : ends[word - 1], ends[word]);

/** The number of the word in the run; -1 where no row has it. */
export function findWord(run: WordRun, hash: number, bytes: Uint8Array): number {
  let low = 0;
  for (let high = run.hashes.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((run.hashes[middle] as number) < hash) low = middle + 1;
    else high = middle;
  }
  for (let word = low; run.hashes[word] === hash; word++)
    if (compareBytes(partOf(run.words, run.wordEnds, word), bytes) === 0) return word;
  return -1;
}
