// What an analyzer makes of a text, and the two kinds of parts that it is made from. Offsets are places in the JavaScript string.

export interface Token {
  readonly text: string;
  /** Where the word begins and ends (exclusive) in the text, whatever filters made of it. */
  readonly begin: number;
  readonly end: number;
  /** Number of the word that the tokenizer found; words that a filter drops leave a gap, words that it adds share one. */
  readonly position: number;
}

/** Called for each word, by ascending begin. */
export type Emit = (word: string, begin: number, end: number, position: number) => void;

/** Called for each word, by ascending begin. @param hash of its characters, as `word-table.ts` has it */
export type VisitSpan = (begin: number, end: number, hash: number, position: number) => void;

/** Cuts a text into words, in time linear in its length. */
export interface Tokenizer {
  words(text: string, emit: Emit): void;
  /** Where words are parts of the text as they stand there: the same words, without strings of them. */
  spans?(text: string, visit: VisitSpan): void;
}

/** What becomes of one word: another, several, or nothing. It depends on nothing but the word, so analyzers keep answers. */
export type TokenFilter = (word: string) => string | readonly string[] | undefined;
