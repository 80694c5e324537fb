// A phrase in a text: words in an order, moved by at most so many places in all. Whoever knows where the words of a text stand asks here
// whether the phrase is among them: those who analyze the text, and those who have read a run of words.
import { ElanusError } from '#base/errors.js';
import { OwnWords } from './own-words.js';
import { NumberByWord, orderByBegin, Stands } from './stands.js';

/** One place of a phrase; its words are alternatives. */
export interface PhrasePlace {
  readonly position: number;
  readonly words: readonly string[];
}

/**
 * Stands in one text: so many, and some more for each of its bytes. Where text and phrase are the same word again and again there would be
 * as many as the product of their lengths.
 */
const STANDS_MAX = 262_144;
const STANDS_PER_BYTE = 4;

/** A word of the phrase. */
interface PhraseWord {
  readonly word: string;
  readonly number: number;
  /** Ascending. */
  readonly places: number[];
  /** Places that have no other word: a text needs the word as many times. */
  own: number;
}

/**
 * One text after another. Where its words stand is noted first, and becomes stands only if there are enough for all places: most texts lack a
 * word, and the stands of a phrase that repeats words are the product of how often they come in both.
 */
export class PhraseSearch {
  readonly #positions: Int32Array;
  readonly #wordOf = new Map<string, PhraseWord>();
  readonly #words: PhraseWord[] = [];
  readonly #slop: number;
  /** In place of a place the number of the word. */
  readonly #met = new Stands();
  readonly #stands = new Stands();
  #most = 0;

  constructor(places: readonly PhrasePlace[], slop: number) {
    this.#positions = Int32Array.from(places, ({ position }) => position);
    this.#slop = slop;
    for (const [place, { words }] of places.entries())
      for (const word of words) {
        const known = this.#known(word);
        if (known.places.at(-1) !== place) known.places.push(place);
        if (words.length === 1) known.own++;
      }
  }

  #known(word: string): PhraseWord {
    const known = this.#wordOf.get(word);
    if (known !== undefined) return known;
    const fresh = { word, number: this.#words.length, places: [], own: 0 };
    this.#words.push(fresh);
    this.#wordOf.set(word, fresh);
    return fresh;
  }

  get words(): Iterable<string> {
    return this.#wordOf.keys();
  }

  /** @param bytes of the text */
  begin(bytes: number): void {
    this.#met.clear();
    this.#most = STANDS_MAX + STANDS_PER_BYTE * bytes;
  }

  /** @param at where the word stands in the text */
  add(word: string, at: number): void {
    const known = this.#wordOf.get(word);
    if (known !== undefined) this.#met.add(known.number, at);
  }

  /** @throws invalid_parameter where there would be too many stands */
  isFound(): boolean {
    const { length } = this.#positions;
    // Two places cannot be one word of the text.
    if (length === 0 || this.#met.count < length) return false;
    const counts = new Uint32Array(this.#words.length);
    for (let met = 0; met < this.#met.count; met++) {
      const number = this.#met.places[met] as number;
      counts[number] = (counts[number] as number) + 1;
    }
    if (this.#words.some(({ own, number }) => (counts[number] as number) < own)) return false;
    this.#checkCount(counts);
    this.#stands.clear();
    for (let met = 0; met < this.#met.count; met++) {
      const { places } = this.#words[this.#met.places[met] as number] as PhraseWord;
      for (const place of places) this.#stands.add(place, this.#met.ats[met] as number);
    }
    return isPhraseIn(this.#stands, this.#positions, this.#slop);
  }

  #checkCount(counts: Uint32Array): void {
    const standsOf = ({ number, places }: PhraseWord): number => (counts[number] as number) * places.length;
    const total = this.#words.reduce((sum, word) => sum + standsOf(word), 0);
    if (total <= this.#most) return;
    const { word, places } = this.#words.reduce((one, other) =>
      standsOf(other) > standsOf(one) ? other : one,
    );
    throw new ElanusError(
      'invalid_parameter',
      `phrase_match has more than ${this.#most} places for its words in one text: the phrase has the word "${word.slice(0, 40)}" ${places.length} times, and so has the text many times; take a phrase that repeats fewer words: invalid parameter`,
    );
  }
}

/**
 * Whether some stands, one for each place, begin within `slop` of each other. A window over them in the order of where they begin.
 * @param positions of the places
 */
export function isPhraseIn(stands: Stands, positions: ArrayLike<number>, slop: number): boolean {
  const placeCount = positions.length;
  if (stands.count < placeCount) return false;
  const { order, begins } = orderByBegin(stands, positions);
  const inWindow = new Uint32Array(placeCount);
  let places = 0;
  // Two places cannot be one word of the text: as many places as words have to be in the window.
  const counts = new NumberByWord(stands);
  let words = 0;
  let first = 0;
  // How the places fit depends on where the phrase begins alone, so each beginning is tried once.
  let tried = Number.NaN;
  let own: OwnWords | undefined;
  for (const stand of order) {
    const [place, at] = [stands.places[stand] as number, stands.ats[stand] as number];
    if (inWindow[place] === 0) places++;
    inWindow[place] = (inWindow[place] as number) + 1;
    const before = counts.get(at);
    if (before === 0) words++;
    counts.set(at, before + 1);
    const least = (begins[stand] as number) - slop;
    for (; (begins[order[first] as number] as number) < least; first++) {
      const left = order[first] as number;
      const leftPlace = stands.places[left] as number;
      inWindow[leftPlace] = (inWindow[leftPlace] as number) - 1;
      if (inWindow[leftPlace] === 0) places--;
      const count = counts.get(stands.ats[left] as number) - 1;
      if (count === 0) words--;
      counts.set(stands.ats[left] as number, count);
    }
    const begin = begins[order[first] as number] as number;
    if (places < placeCount || words < placeCount || tried === begin) continue;
    tried = begin;
    own ??= new OwnWords(stands, positions);
    if (own.fit(begin, slop)) return true;
  }
  return false;
}
