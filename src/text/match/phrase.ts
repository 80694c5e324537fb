// A phrase in a text: words in an order, moved by at most so many places in all. Whoever knows where the words of a text stand asks here
// whether the phrase is among them: those who analyze the text, and those who have read a run of words.
import { ElanusError } from '#base/errors.js';
import { OwnWords } from './own-words.js';

/** One place of a phrase; its words are alternatives. */
export interface PhrasePlace {
  readonly position: number;
  readonly words: readonly string[];
}

/** A word of the text that may stand at a place of the phrase. */
export interface Stand {
  readonly place: number;
  /** Where it stands in the text. */
  readonly at: number;
  /** Where the phrase would begin: equal for all places where nothing is moved. */
  readonly begin: number;
}

/**
 * Stands in one text: so many, and some more for each of its bytes. Where text and phrase are the same word again and again there would be
 * as many as the product of their lengths.
 */
const STANDS_MAX = 262_144;
const STANDS_PER_BYTE = 4;

/** The stands of one text after another. */
export class PhraseSearch {
  readonly #places: readonly PhrasePlace[];
  readonly #placesOf = new Map<string, number[]>();
  readonly #slop: number;
  #stands: Stand[] = [];
  #most = 0;

  constructor(places: readonly PhrasePlace[], slop: number) {
    this.#places = places;
    this.#slop = slop;
    for (const [place, { words }] of places.entries())
      for (const word of words) {
        const known = this.#placesOf.get(word);
        if (known === undefined) this.#placesOf.set(word, [place]);
        else if (known.at(-1) !== place) known.push(place);
      }
  }

  get words(): Iterable<string> {
    return this.#placesOf.keys();
  }

  /** @param bytes of the text */
  begin(bytes: number): void {
    this.#stands = [];
    this.#most = STANDS_MAX + STANDS_PER_BYTE * bytes;
  }

  /** @param at where the word stands in the text @throws invalid_parameter where there would be too many stands */
  add(word: string, at: number): void {
    const places = this.#placesOf.get(word);
    if (places === undefined) return;
    if (this.#stands.length + places.length > this.#most)
      throw new ElanusError(
        'invalid_parameter',
        `phrase_match has more than ${this.#most} places for its words in one text: the phrase has the word "${word.slice(0, 40)}" ${places.length} times, and so has the text many times; take a phrase that repeats fewer words: invalid parameter`,
      );
    for (const place of places)
      this.#stands.push({ place, at, begin: at - (this.#places[place]?.position ?? 0) });
  }

  isFound(): boolean {
    return this.#places.length > 0 && isPhraseIn(this.#stands, this.#places.length, this.#slop);
  }
}

/** Whether some stands, one for each place, begin within `slop` of each other. A window over them in the order of where they begin. */
export function isPhraseIn(stands: Stand[], placeCount: number, slop: number): boolean {
  if (stands.length < placeCount) return false;
  stands.sort((a, b) => a.begin - b.begin || a.at - b.at);
  const inWindow = new Uint32Array(placeCount);
  // Two places cannot be one word of the text: as many places as words have to be in the window.
  const words = new Map<number, number>();
  let places = 0;
  let first = 0;
  let tried = -1;
  let own: OwnWords | undefined;
  for (const stand of stands) {
    if (inWindow[stand.place] === 0) places++;
    inWindow[stand.place] = (inWindow[stand.place] as number) + 1;
    words.set(stand.at, (words.get(stand.at) ?? 0) + 1);
    for (
      let left = stands[first];
      left !== undefined && stand.begin - left.begin > slop;
      left = stands[++first]
    ) {
      inWindow[left.place] = (inWindow[left.place] as number) - 1;
      if (inWindow[left.place] === 0) places--;
      const count = (words.get(left.at) ?? 1) - 1;
      if (count === 0) words.delete(left.at);
      else words.set(left.at, count);
    }
    if (places < placeCount || words.size < placeCount || tried === first) continue;
    tried = first;
    own ??= new OwnWords(stands);
    if (own.fit(stands[first]?.begin ?? 0, slop)) return true;
  }
  return false;
}
