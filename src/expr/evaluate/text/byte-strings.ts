// Texts as UTF-8 bytes: equality, order (that of code points), search, and a set of them. Nothing is decoded.
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

function hashOf(bytes: Uint8Array, begin: number, end: number): number {
  let hash = 0x811c9dc5 ^ (end - begin);
  for (let at = begin; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}

/** Which texts are among some, and which of them. They lie in one array, as a million of them would be slow as objects. */
export class TextSet {
  readonly size: number;
  readonly #bytes: Uint8Array;
  /** Where each text begins, and the end of the last. */
  readonly #begins: Uint32Array;
  readonly #mask: number;
  /** By place: 1 more than the position in the list of the text there; 0: the place is free. */
  readonly #numbers: Int32Array;

  constructor(texts: readonly string[]) {
    this.size = texts.length;
    const places = 2 ** Math.ceil(Math.log2(Math.max(4, texts.length * 2)));
    this.#mask = places - 1;
    this.#numbers = new Int32Array(places);
    this.#begins = new Uint32Array(texts.length + 1);
    // A UTF-16 unit takes up to three bytes.
    this.#bytes = new Uint8Array(texts.reduce((length, text) => length + text.length * 3, 0));
    let begin = 0;
    for (const [number, text] of texts.entries()) {
      const end = begin + writeText(text, this.#bytes, begin);
      this.#begins[number + 1] = end;
      let at = hashOf(this.#bytes, begin, end) & this.#mask;
      while (this.#numbers[at] !== 0) at = (at + 1) & this.#mask;
      this.#numbers[at] = number + 1;
      begin = end;
    }
  }

  /** Where in the list the text is; -1: not in it. */
  indexOf(bytes: Uint8Array, begin: number, end: number): number {
    for (let at = hashOf(bytes, begin, end) & this.#mask; ; at = (at + 1) & this.#mask) {
      const number = this.#numbers[at] as number;
      if (number === 0) return -1;
      if (this.#isText(number - 1, bytes, begin, end)) return number - 1;
    }
  }

  #isText(number: number, bytes: Uint8Array, begin: number, end: number): boolean {
    const from = this.#begins[number] as number;
    const length = (this.#begins[number + 1] as number) - from;
    if (length !== end - begin) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[from + i] !== bytes[begin + i]) return false;
    return true;
  }
}

/** Short texts of ASCII, which most keys are, without the encoder: a call of it takes longer than they do. @returns bytes written */
function writeText(text: string, bytes: Uint8Array, begin: number): number {
  const { length } = text;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f || at > SHORT_TEXT) return utf8.encodeInto(text, bytes.subarray(begin)).written;
    bytes[begin + at] = unit;
  }
  return length;
}

const SHORT_TEXT = 64;
