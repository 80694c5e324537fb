// What was made of words, found by the characters of a text without making a string of them: most words of a text were there before. A table
// with open addressing; a word that finds no place near its own is not kept, so that words which were chosen to meet cost no more than others.

/** Where a search for a word ends. */
const STEPS_MAX = 16;
const FIRST_SLOTS = 1024;

/** The number of a word: begun with `HASH_BEGIN`, and taken on character by character. */
export const HASH_BEGIN = 0x811c9dc5 | 0;
export const hashOn = (hash: number, code: number): number => Math.imul(hash ^ code, 0x01000193);

export function hashOfWord(word: string): number {
  let hash = HASH_BEGIN;
  for (let at = 0; at < word.length; at++) hash = hashOn(hash, word.charCodeAt(at));
  return hash;
}

export class WordTable<Made> {
  readonly #sizeMax: number;
  #slots = new Int32Array(FIRST_SLOTS);
  #hashes: number[] = [];
  #words: string[] = [];
  #made: Made[] = [];

  /** @param sizeMax words that are kept; when they are as many, all are given up */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** @param hash of the characters [begin, end) of the text */
  find(text: string, begin: number, end: number, hash: number): Made | undefined {
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let step = 0; step < STEPS_MAX; step++) {
      const entry = (this.#slots[slot] as number) - 1;
      if (entry < 0) return undefined;
      if (this.#hashes[entry] === hash && isPart(text, begin, end, this.#words[entry] as string))
        return this.#made[entry];
      slot = (slot + 1) & mask;
    }
    return undefined;
  }

  /** @param word that is not there yet, and keeps nothing else alive */
  add(word: string, hash: number, made: Made): void {
    if (this.#words.length >= this.#sizeMax) this.#clear();
    if (this.#words.length * 2 >= this.#slots.length) this.#grow();
    if (!this.#place(hash, this.#words.length + 1)) return;
    this.#hashes.push(hash);
    this.#words.push(word);
    this.#made.push(made);
  }

  #place(hash: number, entry: number): boolean {
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let step = 0; step < STEPS_MAX; step++) {
      if (this.#slots[slot] === 0) {
        this.#slots[slot] = entry;
        return true;
      }
      slot = (slot + 1) & mask;
    }
    return false;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    // A word that finds no place any more is made again when it comes.
    for (const [entry, hash] of this.#hashes.entries()) this.#place(hash, entry + 1);
  }

  #clear(): void {
    this.#slots = new Int32Array(FIRST_SLOTS);
    [this.#hashes, this.#words, this.#made] = [[], [], []];
  }
}

function isPart(text: string, begin: number, end: number, word: string): boolean {
  if (word.length !== end - begin) return false;
  for (let at = 0; at < word.length; at++)
    if (text.charCodeAt(begin + at) !== word.charCodeAt(at)) return false;
  return true;
}
