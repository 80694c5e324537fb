// Finds a run of texts and `_` of a `like` pattern in a text. Trying every place is quick on usual texts, but a run like `a_a_a…` in a text
// like `aaaa…` would cost its length at each byte. Such a text goes over to a steady way: a bit for each byte of the run says whether the
// bytes before it are just there, and all bits move on together, 32 to a word (the Shift-And algorithm).
import { standsAt } from './byte-strings.js';

/** Text, or undefined for one code point. */
export type Piece = Uint8Array | undefined;

/** Any byte of a code point but its first. */
export const isContinuation = (byte: number | undefined): boolean =>
  byte !== undefined && (byte & 0xc0) === 0x80;

/** Places tried without success, weighted by the pieces that matched there, before a text counts as one that needs the search with a steady cost. */
const TRIED_MIN = 256;

export class RunFinder {
  /** Nanoseconds that a byte of a text takes at most. */
  readonly byteCost: number;
  readonly #run: readonly Piece[];
  /** Bytes of the run, where a code point counts as one. */
  readonly #length: number;
  #steady: SteadyRun | undefined;

  constructor(run: readonly Piece[]) {
    this.#run = run;
    this.#length = run.reduce((length, piece) => length + (piece?.length ?? 1), 0);
    this.byteCost = 2 + 2 * Math.ceil(this.#length / 32);
  }

  /** Behind the first place of the run at or after `begin`, which is no byte within a code point; -1: there is none. */
  findEnd(bytes: Uint8Array, begin: number, end: number): number {
    const run = this.#run;
    let tried = 0;
    for (let at = begin; at <= end - this.#length; at++) {
      const [text] = run;
      if (text !== undefined && bytes[at] !== text[0]) continue;
      const behind = matchForward(bytes, at, end, run);
      if (behind >= 0) return behind;
      tried += -behind;
      if (tried <= TRIED_MIN + 4 * (at - begin)) continue;
      this.#steady ??= new SteadyRun(run, this.#length);
      // The places before this one were tried. One within a code point is passed over there, as nothing begins at it.
      return this.#steady.findEnd(bytes, at, end);
    }
    return run.length === 0 ? begin : -1;
  }
}

/** Where a run that is at `begin` ends; below 0: it is not there, and about so many bytes and pieces were looked at. */
export function matchForward(bytes: Uint8Array, begin: number, end: number, run: readonly Piece[]): number {
  let at = begin;
  for (let piece = 0; piece < run.length; piece++) {
    const text = run[piece];
    if (text !== undefined) {
      if (end - at < text.length || !standsAt(bytes, at, text)) return -1 - (at - begin) - text.length;
      at += text.length;
      continue;
    }
    if (at >= end) return -1 - (at - begin);
    at++;
    while (at < end && isContinuation(bytes[at])) at++;
  }
  return at;
}

class SteadyRun {
  readonly #words: number;
  /** By byte: the places in the run where it may be, as the first byte of a code point where the run has `_`. */
  readonly #fits: Uint32Array;
  /** Places of `_`: more bytes of the code point leave their bits as they are. */
  readonly #any: Uint32Array;
  readonly #lastBit: number;

  constructor(run: readonly Piece[], length: number) {
    this.#words = Math.ceil(length / 32);
    this.#fits = new Uint32Array(256 * this.#words);
    this.#any = new Uint32Array(this.#words);
    this.#lastBit = 1 << ((length - 1) & 31);
    let place = 0;
    for (const piece of run) {
      if (piece === undefined) this.#addAny(place++);
      else for (const byte of piece) this.#add(byte, place++);
    }
  }

  #add(byte: number, place: number): void {
    const at = byte * this.#words + (place >>> 5);
    this.#fits[at] = (this.#fits[at] as number) | (1 << (place & 31));
  }

  #addAny(place: number): void {
    for (let byte = 0; byte < 256; byte++) if (!isContinuation(byte)) this.#add(byte, place);
    this.#any[place >>> 5] = (this.#any[place >>> 5] as number) | (1 << (place & 31));
  }

  findEnd(bytes: Uint8Array, begin: number, end: number): number {
    const words = this.#words;
    const fits = this.#fits;
    const any = this.#any;
    const bits = new Uint32Array(words);
    for (let at = begin; at < end; at++) {
      const byte = bytes[at] as number;
      const stays = isContinuation(byte) ? -1 : 0;
      const row = byte * words;
      let carry = 1;
      for (let word = 0; word < words; word++) {
        const before = bits[word] as number;
        const moved = ((before << 1) | carry) & (fits[row + word] as number);
        bits[word] = moved | (before & (any[word] as number) & stays);
        carry = before >>> 31;
      }
      if (((bits[words - 1] as number) & this.#lastBit) === 0) continue;
      let behind = at + 1;
      while (behind < end && isContinuation(bytes[behind]) && this.#endsWithAny()) behind++;
      return behind;
    }
    return -1;
  }

  #endsWithAny(): boolean {
    return ((this.#any[this.#words - 1] as number) & this.#lastBit) !== 0;
  }
}
