// What was made of words, found by the characters of a text without making a string of them: most words of a text were there before. A table
// with open addressing; a word that finds no place near its own is not kept, so that words which were chosen to meet cost no more than others.
// A slot has all that most look-ups need, in one line of the cache: the characters of a short word, and the number that stands for it.

/** Where a search for a word ends. */
const STEPS_MAX = 16;
const FIRST_SLOTS = 1024;
/** A word of so many ASCII characters at most is in its slot; the characters of others are in the pool. */
const SHORT = 8;
const FIRST_POOL = 4096;

/**
 * A slot is four numbers: what the word is known by (two), its number, and its entry with what it has. A short word is known by its bytes, none
 * of which is 0; any other by its hash and the place of its characters in the pool, complemented, which is below 0 as no bytes of ASCII are.
 */
const SLOT = 4;
const NUMBER = 2;
const ENTRY = 3;
/** In the low bits of an entry, above which is its place and 1: the word has its number alone, or nothing, or what was made has to be asked. */
const HAS_NUMBER = 1;
const HAS_NOTHING = 2;
const ENTRY_SHIFT = 2;

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
  #slots = new Int32Array(FIRST_SLOTS * SLOT);
  #pool = new Uint16Array(FIRST_POOL);
  #poolEnd = 0;
  #made: Made[] = [];

  /** @param sizeMax words that are kept; when they are as many, all are given up */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** @param hash of the characters [begin, end) of the text @returns where the word is, until the next is added; -1 where it is not there */
  find(text: string, begin: number, end: number, hash: number): number {
    const packed = end - begin <= SHORT ? isShort(text, begin, end) : false;
    const low = packed ? bytesOf(text, begin, Math.min(end, begin + 4)) : hash;
    const high = packed ? bytesOf(text, begin + 4, end) : -1;
    const slots = this.#slots;
    const mask = slots.length - SLOT;
    let slot = firstSlot(hash) & mask;
    for (let step = 0; step < STEPS_MAX; step++) {
      if (slots[slot + ENTRY] === 0) return -1;
      if (slots[slot] === low) {
        const known = slots[slot + 1] as number;
        if (packed ? known === high : known < 0 && this.#isAt(~known, text, begin, end)) return slot;
      }
      slot = (slot + SLOT) & mask;
    }
    return -1;
  }

  /** @param found of `find` @returns the number that was given with the word; -1 where it was said to stand for nothing; else undefined */
  numberAt(found: number): number | undefined {
    const entry = this.#slots[found + ENTRY] as number;
    if ((entry & HAS_NUMBER) !== 0) return (this.#slots[found + NUMBER] as number) >>> 0;
    return (entry & HAS_NOTHING) !== 0 ? -1 : undefined;
  }

  /** @param found of `find` */
  madeAt(found: number): Made {
    return this.#made[((this.#slots[found + ENTRY] as number) >>> ENTRY_SHIFT) - 1] as Made;
  }

  /**
   * @param word that is not there yet
   * @param number uint32 that says all of what was made, or -1 where nothing was
   */
  add(word: string, hash: number, made: Made, number?: number): void {
    if (this.#made.length >= this.#sizeMax) this.#clear();
    if ((this.#made.length + 1) * 2 * SLOT > this.#slots.length) this.#grow();
    const slot = this.#freeSlot(hash);
    if (slot < 0) return;
    const { length } = word;
    const packed = length <= SHORT && isShort(word, 0, length);
    this.#slots[slot] = packed ? bytesOf(word, 0, Math.min(length, 4)) : hash;
    this.#slots[slot + 1] = packed ? bytesOf(word, 4, length) : ~this.#put(word);
    this.#slots[slot + NUMBER] = number ?? 0;
    const kind = number === undefined ? 0 : number < 0 ? HAS_NOTHING : HAS_NUMBER;
    this.#slots[slot + ENTRY] = (this.#made.push(made) << ENTRY_SHIFT) | kind;
  }

  #freeSlot(hash: number): number {
    const mask = this.#slots.length - SLOT;
    let slot = firstSlot(hash) & mask;
    for (let step = 0; step < STEPS_MAX; step++) {
      if (this.#slots[slot + ENTRY] === 0) return slot;
      slot = (slot + SLOT) & mask;
    }
    return -1;
  }

  /** Behind its length, the characters of a word. @returns where */
  #put(word: string): number {
    const begin = this.#poolEnd;
    this.#poolEnd += 1 + word.length;
    if (this.#poolEnd > this.#pool.length) {
      const larger = new Uint16Array(Math.max(this.#poolEnd, this.#pool.length * 2));
      larger.set(this.#pool);
      this.#pool = larger;
    }
    this.#pool[begin] = word.length;
    for (let at = 0; at < word.length; at++) this.#pool[begin + 1 + at] = word.charCodeAt(at);
    return begin;
  }

  #isAt(place: number, text: string, begin: number, end: number): boolean {
    const pool = this.#pool;
    if (pool[place] !== end - begin) return false;
    const first = place + 1 - begin;
    for (let at = begin; at < end; at++) if (text.charCodeAt(at) !== pool[first + at]) return false;
    return true;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2);
    for (let from = 0; from < before.length; from += SLOT) {
      if (before[from + ENTRY] === 0) continue;
      const [low, high] = [before[from] as number, before[from + 1] as number];
      const slot = this.#freeSlot(high < 0 ? low : hashOfBytes(low, high));
      // A word that finds no place any more is made again when it comes.
      if (slot >= 0) this.#slots.set(before.subarray(from, from + SLOT), slot);
    }
  }

  #clear(): void {
    this.#slots = new Int32Array(FIRST_SLOTS * SLOT);
    this.#poolEnd = 0;
    this.#made = [];
  }
}

const firstSlot = (hash: number): number => (hash ^ (hash >>> 15)) << 2;

/** Whether all characters are of ASCII, and none is 0. */
function isShort(text: string, begin: number, end: number): boolean {
  for (let at = begin; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 0 || code > 0x7f) return false;
  }
  return true;
}

/** Up to four characters as bytes of one number, the first lowest; nothing where they end before they begin. */
function bytesOf(text: string, begin: number, end: number): number {
  let bytes = 0;
  for (let at = begin, shift = 0; at < end; at++, shift += 8) bytes |= text.charCodeAt(at) << shift;
  return bytes;
}

function hashOfBytes(low: number, high: number): number {
  let hash = HASH_BEGIN;
  for (const bytes of [low, high])
    for (let left = bytes; left !== 0; left >>>= 8) hash = hashOn(hash, left & 0x7f);
  return hash;
}
