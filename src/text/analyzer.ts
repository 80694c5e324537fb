// An analyzer: a tokenizer and filters behind it. Words come again and again, so what the filters make of a word is kept.
import { ElanusError } from '#base/errors.js';
import { termHash } from './term-hash.js';
import type { Emit, Token, TokenFilter, Tokenizer } from './token.js';
import { hashOfWord, WordTable } from './word-table.js';

/** A word as filters leave it, and the number that stands for it. */
export interface Term {
  readonly text: string;
  readonly hash: number;
}

/** What filters make of one word, and how many characters they wrote for it. */
interface Made {
  readonly terms: readonly Term[];
  readonly characters: number;
}

/** Words of which answers are kept, and the longest of them in characters. */
const KEPT_MAX = 65_536;
const KEPT_LENGTH_MAX = 64;
/** Engines keep the whole text alive through a part of this length or more. */
const SLICE_LENGTH = 13;
/** Characters that filters may add for each of the text, and those of any text. */
const ADDED_PER_CHARACTER = 16;
const ADDED_MAX = 1_048_576;

export class Analyzer implements Tokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #filters: readonly TokenFilter[];
  readonly #kept = new WordTable<Made>(KEPT_MAX);

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
    const room = new Room(text.length);
    this.#tokenizer.words(text, (word, begin, end, position) => {
      for (const term of this.#termsOf(word, room)) emit(term.text, begin, end, position);
    });
  }

  terms(text: string, visit: (term: Term, position: number) => void): void {
    const room = new Room(text.length);
    if (this.#tokenizer.spans === undefined) {
      this.#tokenizer.words(text, (word, _begin, _end, position) => {
        for (const term of this.#termsOf(word, room)) visit(term, position);
      });
      return;
    }
    this.#tokenizer.spans(text, (begin, end, hash, position) => {
      const known = this.#kept.find(text, begin, end, hash);
      const terms =
        known < 0 ? this.#made(text.slice(begin, end), hash, room) : termsIn(this.#kept.madeAt(known), room);
      for (let at = 0; at < terms.length; at++) visit(terms[at] as Term, position);
    });
  }

  /** The numbers of the terms, of most words without a look at what else was made of them. */
  hashes(text: string, visit: (hash: number) => void): void {
    const tokenizer = this.#tokenizer;
    if (tokenizer.spans === undefined) {
      this.terms(text, ({ hash }) => visit(hash));
      return;
    }
    const room = new Room(text.length);
    const kept = this.#kept;
    tokenizer.spans(text, (begin, end, hash) => {
      const known = kept.find(text, begin, end, hash);
      const number = known < 0 ? undefined : kept.numberAt(known);
      if (number !== undefined) {
        if (number >= 0) visit(number);
        return;
      }
      const terms =
        known < 0 ? this.#made(text.slice(begin, end), hash, room) : termsIn(kept.madeAt(known), room);
      for (const term of terms) visit(term.hash);
    });
  }

  #termsOf(word: string, room: Room): readonly Term[] {
    const hash = hashOfWord(word);
    const known = this.#kept.find(word, 0, word.length, hash);
    return known < 0 ? this.#made(word, hash, room) : termsIn(this.#kept.madeAt(known), room);
  }

  #made(word: string, hash: number, room: Room): readonly Term[] {
    const before = room.taken;
    let words: readonly string[] = [word];
    for (const filter of this.#filters) words = filtered(words, filter, room);
    const terms = words.map((text) => ({ text: owned(text), hash: termHash(text) }));
    if (word.length > KEPT_LENGTH_MAX) return terms;
    const characters = room.taken - before;
    // What takes room has to be asked for it each time.
    const number = characters > 0 || terms.length > 1 ? undefined : (terms[0]?.hash ?? -1);
    this.#kept.add(word, hash, { terms, characters }, number);
    return terms;
  }
}

/** Takes the same room as what was made anew: a text passes always or never. */
function termsIn({ terms, characters }: Made, room: Room): readonly Term[] {
  if (characters > 0) room.take(characters);
  return terms;
}

/** What filters may add to one text: each that adds words multiplies those of the filters before it, so that few of them would fill any memory. */
class Room {
  readonly #length: number;
  #taken = 0;

  constructor(length: number) {
    this.#length = length;
  }

  get taken(): number {
    return this.#taken;
  }

  /** @throws invalid_parameter where too much was taken */
  take(characters: number): void {
    this.#taken += characters;
    const most = ADDED_MAX + ADDED_PER_CHARACTER * this.#length;
    if (this.#taken > most)
      throw new ElanusError(
        'invalid_parameter',
        `the filters of the analyzer add more than ${most} characters to a text of ${this.#length}; give it fewer synonyms or fewer filters that add words: invalid parameter`,
      );
  }
}

function filtered(words: readonly string[], filter: TokenFilter, room: Room): readonly string[] {
  const kept: string[] = [];
  for (const word of words) {
    const made = filter(word);
    if (made === undefined) continue;
    if (typeof made === 'string') {
      kept.push(made);
      continue;
    }
    for (const one of made) {
      room.take(one.length + 1);
      kept.push(one);
    }
  }
  return kept;
}

/** A string that keeps nothing else alive. */
const owned = (text: string): string => (text.length < SLICE_LENGTH ? text : text.split('').join(''));
