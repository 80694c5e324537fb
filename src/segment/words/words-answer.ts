// What runs of words say of `text_match`, `text_match_fuzzy` and `phrase_match`, exactly: the rows for which the leaf is true. How many it may be is known before
// a list is read; the rows are made in slices, so that long lists keep nobody waiting.
import { assert } from '#base/assert.js';
import type { VariableView } from '#expr/evaluate/column-view.js';
import { isBitSet, setBit } from '#expr/evaluate/rows.js';
import type { WantedWords } from '#expr/typed.js';
import type { LeafAnswer, Rests } from '#index/scalar/leaf-answer.js';
import { NearWords } from '#text/match/near-words.js';
import { PhraseSearch } from '#text/match/phrase.js';
import { forEachRow, RowCursor } from '#text/match/run-reader.js';
import { findWord, partOf, type WordRun } from '#text/match/word-run.js';
import { termHash } from '#text/term-hash.js';

interface AskedRuns {
  readonly words: WantedWords;
  /** They cover all rows. */
  readonly runs: readonly WordRun[];
  readonly view: VariableView;
  readonly rowCount: number;
}

/** Words that are looked up to say how many rows they have. */
const COUNTED_MAX = 256;
const encoder = new TextEncoder();
const utf8 = new TextDecoder();

/** A word as runs have it. */
interface Key {
  readonly hash: number;
  readonly bytes: Uint8Array;
}

const keyOf = (word: string): Key => ({ hash: termHash(word), bytes: encoder.encode(word) });

export class WordsAnswer implements LeafAnswer {
  readonly isExact = true;
  readonly rowsMax: number;
  readonly #asked: AskedRuns;
  readonly #near: NearWords | undefined;
  #bits: Uint32Array | undefined;

  constructor(asked: AskedRuns) {
    this.#asked = asked;
    const { words } = asked;
    this.#near = words.kind === 'near' ? new NearWords(words.words, words.distance) : undefined;
    this.rowsMax = Math.min(asked.rowCount, rowsOf(asked));
  }

  /** Makes the rows, once. @throws cancelled, deadline_exceeded; invalid_parameter for a phrase that stands in a text too often */
  async prepare(pace: Rests): Promise<void> {
    await this.bits(pace);
  }

  /** A bit a row. */
  async bits(pace: Rests): Promise<Uint32Array> {
    if (this.#bits !== undefined) return this.#bits;
    const { words, runs, rowCount } = this.#asked;
    const bits = new Uint32Array(Math.ceil(rowCount / 32));
    for (const run of runs) {
      if (run.begin >= rowCount) break;
      if (words.kind === 'phrase') await this.#addPhrase(run, bits, pace);
      else if (words.kind === 'near') await this.#addNear(run, bits, pace);
      else await this.#addAny(run, words, bits, pace);
    }
    this.#bits = bits;
    return bits;
  }

  addTo(bits: Uint32Array): void {
    assert(this.#bits !== undefined, 'rows of words are read before they are made');
    for (let at = 0; at < bits.length; at++) bits[at] = (bits[at] as number) | (this.#bits[at] as number);
  }

  async #addAny(
    run: WordRun,
    { words, least }: WantedWords & { readonly kind: 'any' },
    bits: Uint32Array,
    pace: Rests,
  ): Promise<void> {
    const { rowCount } = this.#asked;
    if (words.length < least) return;
    const counts = least > 1 ? new Uint16Array(run.end - run.begin) : undefined;
    for (const word of words) {
      const { hash, bytes } = keyOf(word);
      const at = findWord(run, hash, bytes);
      if (at >= 0)
        forEachRow(run, at, (row) => {
          if (row >= rowCount) return;
          const count = counts === undefined ? least : (counts[row - run.begin] as number) + 1;
          if (counts !== undefined) counts[row - run.begin] = count;
          if (count === least) setBit(bits, row);
        });
      if (pace.isDue) await pace.rest();
    }
  }

  /** All words of the run are looked at, each once. */
  async #addNear(run: WordRun, bits: Uint32Array, pace: Rests): Promise<void> {
    const { rowCount } = this.#asked;
    for (let word = 0; word < run.hashes.length; word++) {
      if (this.#near?.has(utf8.decode(partOf(run.words, run.wordEnds, word).slice())))
        forEachRow(run, word, (row) => {
          if (row < rowCount) setBit(bits, row);
        });
      if (pace.isDue) await pace.rest();
    }
  }

  async #addPhrase(run: WordRun, bits: Uint32Array, pace: Rests): Promise<void> {
    const { words, view, rowCount } = this.#asked;
    if (words.kind !== 'phrase' || words.places.length === 0) return;
    const among = await this.#rowsWithAll(run, pace);
    if (among.length === 0) return;
    const search = new PhraseSearch(words.places, words.slop);
    const cursors = [...search.words].flatMap((word) => {
      const { hash, bytes } = keyOf(word);
      const at = findWord(run, hash, bytes);
      return at < 0 ? [] : [{ word, cursor: new RowCursor(run, at) }];
    });
    for (const row of among) {
      if (row >= rowCount) break;
      search.begin((view.offsets[row + 1] as number) - (view.offsets[row] as number));
      for (const { word, cursor } of cursors) {
        cursor.seek(row);
        if (cursor.row === row) cursor.forEachPlace((place) => search.add(word, place));
      }
      if (search.isFound()) setBit(bits, row);
      if (pace.isDue) await pace.rest();
    }
  }

  /** The rows of the run that have a word for each place. Time is linear in the lists of the different words, which are read from the shortest on. */
  async #rowsWithAll(run: WordRun, pace: Rests): Promise<Uint32Array> {
    let all: Uint32Array | undefined;
    for (const { ats } of await this.#listsOfPlaces(run, pace)) {
      all = all === undefined ? rowsWithAny(run, ats) : keptRows(all, run, ats);
      if (all.length === 0) break;
      if (pace.isDue) await pace.rest();
    }
    return all ?? NO_ROWS;
  }

  /** The words of each place as the run has them, places of the same words once, by how many rows they have. None: a place has no word in it. */
  async #listsOfPlaces(run: WordRun, pace: Rests): Promise<readonly WordLists[]> {
    const { words } = this.#asked;
    const lists = new Map<string, WordLists>();
    for (const { words: ones } of words.kind === 'phrase' ? words.places : []) {
      const key = JSON.stringify(ones);
      if (lists.has(key)) continue;
      const ats = ones.map(keyOf).flatMap(({ hash, bytes }) => {
        const at = findWord(run, hash, bytes);
        return at < 0 ? [] : [at];
      });
      if (ats.length === 0) return [];
      lists.set(key, { ats, rows: ats.reduce((sum, at) => sum + (run.rowCounts[at] as number), 0) });
      if (pace.isDue) await pace.rest();
    }
    return [...lists.values()].sort((one, other) => one.rows - other.rows);
  }
}

const NO_ROWS = new Uint32Array(0);

/** Words of a run that are alternatives. */
interface WordLists {
  readonly ats: readonly number[];
  /** Rows of all, those with several of them several times. */
  readonly rows: number;
}

/** Ascending. */
function rowsWithAny(run: WordRun, ats: readonly number[]): Uint32Array {
  if (ats.length > 1) {
    const bits = bitsWithAny(run, ats);
    return Uint32Array.from({ length: run.end - run.begin }, (_, at) => run.begin + at).filter((row) =>
      isBitSet(bits, row - run.begin),
    );
  }
  const [only = 0] = ats;
  const rows = new Uint32Array(run.rowCounts[only] as number);
  let count = 0;
  forEachRow(run, only, (row) => {
    rows[count++] = row;
  });
  return rows;
}

/** Those of ascending rows that have one of the words. */
function keptRows(rows: Uint32Array, run: WordRun, ats: readonly number[]): Uint32Array {
  if (ats.length > 1) {
    const bits = bitsWithAny(run, ats);
    return rows.filter((row) => isBitSet(bits, row - run.begin));
  }
  let [at, count] = [0, 0];
  const kept = new Uint32Array(rows.length);
  forEachRow(run, ats[0] as number, (row) => {
    while (at < rows.length && (rows[at] as number) < row) at++;
    if (rows[at] === row) kept[count++] = row;
  });
  return kept.subarray(0, count);
}

function bitsWithAny(run: WordRun, ats: readonly number[]): Uint32Array {
  const bits = new Uint32Array(Math.ceil((run.end - run.begin) / 32));
  for (const at of ats) forEachRow(run, at, (row) => setBit(bits, row - run.begin));
  return bits;
}

/** At most so many rows, by how many each word has; all of them where the words are too many to look up. */
function rowsOf({ words, runs, rowCount }: AskedRuns): number {
  if (words.kind === 'near') return rowCount;
  const places = words.kind === 'phrase' ? words.places.map((place) => place.words) : [words.words];
  if (places.length === 0 || places.reduce((sum, { length }) => sum + length, 0) > COUNTED_MAX)
    return rowCount;
  let most = rowCount;
  for (const ones of places) {
    let rows = 0;
    for (const { hash, bytes } of ones.map(keyOf))
      for (const run of runs) {
        const at = findWord(run, hash, bytes);
        if (at >= 0) rows += run.rowCounts[at] as number;
      }
    // Each row that has enough words is in the lists of as many.
    most = Math.min(most, words.kind === 'any' ? Math.floor(rows / Math.max(1, words.least)) : rows);
  }
  return most;
}
