// Whether words are in a text: its words are made by the analyzer of the field, row by row. Time is linear in the text, and for a phrase in
// the places where its words stand, of which there is a most.
import { ElanusError } from '#base/errors.js';
import type { PhrasePlace, WantedWords } from '#expr/typed.js';
import type { Analyzer } from '#text/analyzer.js';
import { analyzerOf } from '#text/analyzer-params.js';
import type { TextMatcher } from './matchers.js';

/** Analyzers of filters; what they keep of words is worth more than reading their parameters. */
const analyzers = new Map<string, Analyzer>();
const ANALYZERS_MAX = 32;

function keptAnalyzer(params: string): Analyzer {
  const known = analyzers.get(params);
  if (known !== undefined) return known;
  if (analyzers.size >= ANALYZERS_MAX) analyzers.clear();
  const made = analyzerOf(params);
  analyzers.set(params, made);
  return made;
}

export function wordsMatcher(params: string, wanted: WantedWords): TextMatcher {
  const analyzer = keptAnalyzer(params);
  return wanted.kind === 'any' ? new AnyWords(analyzer, wanted) : new Phrase(analyzer, wanted);
}

const utf8 = new TextDecoder();
/** A copy: not every engine decodes shared memory. */
const textOf = (bytes: Uint8Array, begin: number, end: number): string =>
  utf8.decode(bytes.slice(begin, end));

const CALL_NANOS = 500;
const BYTE_NANOS = 15;
/** A text of rare words, none of which is kept. */
const BYTE_NANOS_MAX = 200;

class AnyWords implements TextMatcher {
  readonly cost = CALL_NANOS;
  readonly byteCost = BYTE_NANOS;
  readonly byteNanosMax = BYTE_NANOS_MAX;
  readonly passShare = 0.05;
  readonly #analyzer: Analyzer;
  /** By word, the number of the text in which it was last. */
  readonly #seen: Map<string, number>;
  readonly #least: number;
  #text = 0;

  constructor(analyzer: Analyzer, { words, least }: WantedWords & { readonly kind: 'any' }) {
    this.#analyzer = analyzer;
    this.#seen = new Map(words.map((word) => [word, 0]));
    this.#least = least;
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    if (this.#seen.size < this.#least || this.#seen.size === 0) return false;
    const text = ++this.#text;
    let found = 0;
    this.#analyzer.terms(textOf(bytes, begin, end), ({ text: word }) => {
      const last = this.#seen.get(word);
      if (last === undefined || last === text) return;
      this.#seen.set(word, text);
      found++;
    });
    return found >= this.#least;
  }
}

/** A word of the text that may stand at a place of the phrase. */
interface Stand {
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

class Phrase implements TextMatcher {
  readonly cost = CALL_NANOS;
  readonly byteCost = BYTE_NANOS;
  readonly byteNanosMax = BYTE_NANOS_MAX;
  readonly passShare = 0.02;
  readonly #analyzer: Analyzer;
  readonly #places: readonly PhrasePlace[];
  readonly #placesOf = new Map<string, number[]>();
  readonly #slop: number;

  constructor(analyzer: Analyzer, { places, slop }: WantedWords & { readonly kind: 'phrase' }) {
    this.#analyzer = analyzer;
    this.#places = places;
    this.#slop = slop;
    for (const [place, { words }] of places.entries())
      for (const word of words) {
        const known = this.#placesOf.get(word);
        if (known === undefined) this.#placesOf.set(word, [place]);
        else known.push(place);
      }
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    if (this.#places.length === 0) return false;
    const stands: Stand[] = [];
    const most = STANDS_MAX + STANDS_PER_BYTE * (end - begin);
    this.#analyzer.terms(textOf(bytes, begin, end), ({ text }, at) => {
      const places = this.#placesOf.get(text) ?? [];
      if (stands.length + places.length > most)
        throw new ElanusError(
          'invalid_parameter',
          `phrase_match has more than ${most} places for its words in one text: the phrase has the word "${text.slice(0, 40)}" ${places.length} times, and so has the text many times; take a phrase that repeats fewer words: invalid parameter`,
        );
      for (const place of places)
        stands.push({ place, at, begin: at - (this.#places[place]?.position ?? 0) });
    });
    return isPhraseIn(stands, this.#places.length, this.#slop);
  }
}

/** Whether some stands, one for each place, begin within `slop` of each other. A window over them in the order of where they begin. */
function isPhraseIn(stands: Stand[], placeCount: number, slop: number): boolean {
  if (stands.length < placeCount) return false;
  stands.sort((a, b) => a.begin - b.begin || a.at - b.at);
  const inWindow = new Uint32Array(placeCount);
  // Two places cannot be one word of the text: as many places as words have to be in the window.
  const words = new Map<number, number>();
  let places = 0;
  let first = 0;
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
    if (places === placeCount && words.size >= placeCount) return true;
  }
  return false;
}
