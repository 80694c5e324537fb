// Whether words are in a text: its words are made by the analyzer of the field, row by row. Time is linear in the text, and for a phrase in
// the places where its words stand, of which there is a most.
import { assertNever } from '#base/assert.js';
import type { WantedWords } from '#expr/typed.js';
import type { Analyzer } from '#text/analyzer.js';
import { keptAnalyzer } from '#text/match/kept-analyzer.js';
import { NearWords } from '#text/match/near-words.js';
import { PhraseSearch } from '#text/match/phrase.js';
import type { TextMatcher } from './matchers.js';

export function wordsMatcher(params: string, wanted: WantedWords): TextMatcher {
  const analyzer = keptAnalyzer(params);
  switch (wanted.kind) {
    case 'any':
      return new AnyWords(analyzer, wanted);
    case 'near':
      return new AnyNear(analyzer, wanted);
    case 'phrase':
      return new Phrase(analyzer, wanted);
    default:
      return assertNever(wanted);
  }
}

const utf8 = new TextDecoder();
/** A copy: not every engine decodes shared memory. */
const textOf = (bytes: Uint8Array, begin: number, end: number): string =>
  utf8.decode(bytes.slice(begin, end));

const CALL_NANOS = 500;
const BYTE_NANOS = 15;
/** A text of rare words, none of which is kept. */
const BYTE_NANOS_MAX = 200;
/** A word of the text beside one of those that are looked for, for each byte. */
const NEAR_NANOS = 40;

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

class AnyNear implements TextMatcher {
  readonly cost = CALL_NANOS;
  readonly byteCost = 2 * BYTE_NANOS;
  readonly byteNanosMax: number;
  readonly passShare = 0.05;
  readonly #analyzer: Analyzer;
  readonly #near: NearWords;

  constructor(analyzer: Analyzer, { words, distance }: WantedWords & { readonly kind: 'near' }) {
    this.#analyzer = analyzer;
    this.#near = new NearWords(words, distance);
    this.byteNanosMax = BYTE_NANOS_MAX + NEAR_NANOS * words.length;
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    let isFound = false;
    this.#analyzer.terms(textOf(bytes, begin, end), ({ text: word }) => {
      isFound ||= this.#near.has(word);
    });
    return isFound;
  }
}

class Phrase implements TextMatcher {
  readonly cost = CALL_NANOS;
  readonly byteCost = BYTE_NANOS;
  readonly byteNanosMax = BYTE_NANOS_MAX;
  readonly passShare = 0.02;
  readonly #analyzer: Analyzer;
  readonly #search: PhraseSearch;

  constructor(analyzer: Analyzer, { places, slop }: WantedWords & { readonly kind: 'phrase' }) {
    this.#analyzer = analyzer;
    this.#search = new PhraseSearch(places, slop);
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    const search = this.#search;
    search.begin(end - begin);
    this.#analyzer.terms(textOf(bytes, begin, end), ({ text }, at) => search.add(text, at));
    return search.isFound();
  }
}
