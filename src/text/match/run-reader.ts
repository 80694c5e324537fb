// Reads what a run of words says of one word: the rows that have it, and where it stands in them.
import { ByteReader } from './byte-writer.js';
import { compareBytes, partOf, type WordRun, WordRunWriter } from './word-run.js';

const beginOf = (ends: Uint32Array, word: number): number => (word === 0 ? 0 : (ends[word - 1] as number));
const readerOf = (bytes: Uint8Array, ends: Uint32Array, word: number): ByteReader =>
  new ByteReader(bytes, beginOf(ends, word), ends[word] as number);

/** Visits the rows that have the word, in ascending order. */
export function forEachRow(
  { begin, rows, rowEnds }: WordRun,
  word: number,
  visit: (row: number) => void,
): void {
  const reader = readerOf(rows, rowEnds, word);
  for (let row = begin; !reader.isAtEnd; ) {
    row += reader.varint();
    visit(row);
  }
}

/** Goes from row to row of one word, and reads its places where they are asked for. */
export class RowCursor {
  readonly #rows: ByteReader;
  readonly #places: ByteReader;
  /** The row it stands at; beyond all others behind the last one. */
  row: number;
  #isRead = true;

  constructor(run: WordRun, word: number) {
    this.#rows = readerOf(run.rows, run.rowEnds, word);
    this.#places = readerOf(run.places, run.placeEnds, word);
    this.row = run.begin;
    this.#next();
  }

  /** Goes on to the first row that is not before this one. */
  seek(row: number): void {
    while (this.row < row) this.#next();
  }

  /** The places in the row that it stands at, asked for once. */
  forEachPlace(visit: (place: number) => void): void {
    this.#isRead = true;
    const first = this.#places.varint();
    if ((first & 1) === 0) {
      visit(first >>> 1);
      return;
    }
    let place = 0;
    for (let left = first >>> 1; left > 0; left--) {
      place = (place + this.#places.varint()) >>> 0;
      visit(place);
    }
  }

  #next(): void {
    if (!this.#isRead) this.#skipPlaces();
    if (this.#rows.isAtEnd) {
      this.row = Number.POSITIVE_INFINITY;
      return;
    }
    this.row += this.#rows.varint();
    this.#isRead = false;
  }

  #skipPlaces(): void {
    const first = this.#places.varint();
    if ((first & 1) === 0) return;
    for (let left = first >>> 1; left > 0; left--) this.#places.varint();
  }
}

/** One run of two that follow one another. Words are brought together, and what is behind them stays as it is, but for one difference each. */
export function mergedRuns(one: WordRun, other: WordRun): WordRun {
  const writer = new WordRunWriter(one.begin, one.hashes.length + other.hashes.length);
  for (let [a, b] = [0, 0]; a < one.hashes.length || b < other.hashes.length; ) {
    const order = compareWords(one, a, other, b);
    const from = order <= 0 ? one : other;
    const word = order <= 0 ? a : b;
    writer.begin(from.hashes[word] as number, partOf(from.words, from.wordEnds, word));
    let last = one.begin;
    if (order <= 0) last = copyRows(writer, one, a++, last);
    if (order >= 0) copyRows(writer, other, b++, last);
    writer.finishWord();
  }
  return writer.finish(other.end);
}

function compareWords(one: WordRun, a: number, other: WordRun, b: number): number {
  if (a >= one.hashes.length) return 1;
  if (b >= other.hashes.length) return -1;
  const difference = (one.hashes[a] as number) - (other.hashes[b] as number);
  if (difference !== 0) return difference;
  return compareBytes(partOf(one.words, one.wordEnds, a), partOf(other.words, other.wordEnds, b));
}

/** @param last the row before, or the first of the whole run @returns the last row */
function copyRows(writer: WordRunWriter, from: WordRun, word: number, last: number): number {
  const rows = partOf(from.rows, from.rowEnds, word);
  const reader = new ByteReader(rows, 0, rows.length);
  const first = from.begin + reader.varint();
  const behind = rows.subarray(reader.at);
  let end = first;
  while (!reader.isAtEnd) end += reader.varint();
  writer.copied({
    firstStep: first - last,
    rows: behind,
    places: partOf(from.places, from.placeEnds, word),
    rowCount: from.rowCounts[word] as number,
  });
  return end;
}
