// An analyzer: a tokenizer and filters behind it. Words come again and again, so what the filters make of a word is kept.
import { termHash } from './term-hash.js';
import type { Emit, Token, TokenFilter, Tokenizer } from './token.js';

/** A word as filters leave it, and the number that stands for it. */
export interface Term {
  readonly text: string;
  readonly hash: number;
}

/** Words of which answers are kept, and the longest of them in characters. */
const KEPT_MAX = 65_536;
const KEPT_LENGTH_MAX = 64;
/** Engines keep the whole text alive through a part of this length or more. */
const SLICE_LENGTH = 13;

export class Analyzer implements Tokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #filters: readonly TokenFilter[];
  readonly #kept = new Map<string, readonly Term[]>();

  constructor(tokenizer: Tokenizer, filters: readonly TokenFilter[]) {
    this.#tokenizer = tokenizer;
    this.#filters = filters;
  }

  /** Every token of the text; its time is linear in the text. */
  tokens(text: string): Token[] {
    const tokens: Token[] = [];
    this.words(text, (word, begin, end, position) => tokens.push({ text: word, begin, end, position }));
    return tokens;
  }

  words(text: string, emit: Emit): void {
    this.#tokenizer.words(text, (word, begin, end, position) => {
      for (const term of this.#termsOf(word)) emit(term.text, begin, end, position);
    });
  }

  terms(text: string, visit: (term: Term, position: number) => void): void {
    this.#tokenizer.words(text, (word, _begin, _end, position) => {
      for (const term of this.#termsOf(word)) visit(term, position);
    });
  }

  #termsOf(word: string): readonly Term[] {
    const known = this.#kept.get(word);
    if (known !== undefined) return known;
    let words: readonly string[] = [word];
    for (const filter of this.#filters) words = filtered(words, filter);
    const terms = words.map((text) => ({ text: owned(text), hash: termHash(text) }));
    if (word.length > KEPT_LENGTH_MAX) return terms;
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    this.#kept.set(owned(word), terms);
    return terms;
  }
}

function filtered(words: readonly string[], filter: TokenFilter): readonly string[] {
  const kept: string[] = [];
  for (const word of words) {
    const made = filter(word);
    if (made === undefined) continue;
    if (typeof made === 'string') kept.push(made);
    else kept.push(...made);
  }
  return kept;
}

/** A string that keeps nothing else alive. */
const owned = (text: string): string => (text.length < SLICE_LENGTH ? text : text.split('').join(''));
