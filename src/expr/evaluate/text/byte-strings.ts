// Texts as UTF-8 bytes: equality, order (that of code points) and search. Nothing is decoded.
const utf8 = new TextEncoder();

export const bytesOfText = (text: string): Uint8Array => utf8.encode(text);

/** Whether the bytes of `needle` are at `at`, which may be anywhere. */
export function standsAt(bytes: Uint8Array, at: number, needle: Uint8Array): boolean {
  for (let i = 0; i < needle.length; i++) if (bytes[at + i] !== needle[i]) return false;
  return true;
}

export const isEqualTo = (bytes: Uint8Array, begin: number, end: number, text: Uint8Array): boolean =>
  end - begin === text.length && standsAt(bytes, begin, text);

/** Order of two byte strings; below 0: [begin, end) comes before the text. */
export function compareTo(bytes: Uint8Array, begin: number, end: number, text: Uint8Array): number {
  const length = Math.min(end - begin, text.length);
  for (let i = 0; i < length; i++) {
    const difference = (bytes[begin + i] as number) - (text[i] as number);
    if (difference !== 0) return difference;
  }
  return end - begin - text.length;
}

/** Finds one text in others, with steps as long as the text where it can (Horspool). */
export class Needle {
  readonly bytes: Uint8Array;
  /** By the byte under the end of the text: how far the text moves on. */
  readonly #steps: Uint32Array;
  /** By length of what matched: how much of it still matches when the next byte does not. Made when it is needed. */
  #borders: Int32Array | undefined;

  /** @param bytes at least one */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#steps = new Uint32Array(256).fill(bytes.length);
    for (let i = 0; i < bytes.length - 1; i++) this.#steps[bytes[i] as number] = bytes.length - 1 - i;
  }

  /** Where it begins at or behind `begin` and ends by `end`; -1: nowhere. */
  find(bytes: Uint8Array, begin: number, end: number): number {
    const needle = this.bytes;
    const steps = this.#steps;
    const last = needle.length - 1;
    const lastByte = needle[last] as number;
    // Texts like `aaaa` in `aaaa…` make short steps and long comparisons.
    let compared = 0;
    for (let at = begin + last; at < end; ) {
      const byte = bytes[at] as number;
      if (byte === lastByte) {
        const from = at - last;
        let matched = 0;
        while (matched < last && bytes[from + matched] === needle[matched]) matched++;
        if (matched === last) return from;
        compared += matched;
        if (compared > COMPARED_MIN + 4 * (at - begin)) return this.#findSteadily(bytes, from, end);
      }
      at += steps[byte] as number;
    }
    return -1;
  }

  /** Each byte of the text is looked at twice at most, whatever it is (Knuth, Morris, Pratt). */
  #findSteadily(bytes: Uint8Array, begin: number, end: number): number {
    const needle = this.bytes;
    this.#borders ??= bordersOf(needle);
    const borders = this.#borders;
    let matched = 0;
    for (let at = begin; at < end; at++) {
      while (matched > 0 && bytes[at] !== needle[matched]) matched = borders[matched] as number;
      if (bytes[at] === needle[matched]) matched++;
      if (matched === needle.length) return at - matched + 1;
    }
    return -1;
  }
}

/** Bytes compared without success before a text counts as one that needs the search with a steady cost. */
const COMPARED_MIN = 256;

function bordersOf(needle: Uint8Array): Int32Array {
  const borders = new Int32Array(needle.length + 1);
  let matched = 0;
  for (let at = 1; at < needle.length; at++) {
    while (matched > 0 && needle[at] !== needle[matched]) matched = borders[matched] as number;
    if (needle[at] === needle[matched]) matched++;
    borders[at + 1] = matched;
  }
  return borders;
}
