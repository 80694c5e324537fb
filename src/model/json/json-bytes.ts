// JSON as the bytes it came as. Walks them once, without making text of what is only passed over, and says where values end; what is not
// well-formed is left to the readers of text (json-members.ts), which say what is wrong with it.
import { isSpace, parseJsonString } from './json-members.js';
import { JSON_DEPTH_MAX } from './json-text.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** Larger bodies are decoded piece by piece: their text beside their bytes would be a second copy of them. */
const WHOLE_TEXT_BYTES_MAX = 64 * 1024;
const PIECE_BYTES = 64 * 1024;
/** For so few bytes a call of the decoder takes longer than they do. */
const SHORT_BYTES = 24;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Bytes that end or nest something: 1 a quote, 2 an opening bracket, 3 a closing one. */
const signs = new Uint8Array(256);
signs[QUOTE] = 1;
signs[0x5b] = signs[0x7b] = 2;
signs[0x5d] = signs[0x7d] = 3;
/** What cannot be in a string as it is: its end, an escape, control characters. */
const special = new Uint8Array(256).fill(1, 0, 0x20);
special[QUOTE] = special[BACKSLASH] = 1;

/** Bytes that are valid UTF-8, and the text of any part of them. */
export class JsonBytes {
  readonly bytes: Uint8Array;
  readonly #ascii: string | undefined;

  /** @param ascii all of it as text, where a character is a byte, so that places in both are the same */
  constructor(bytes: Uint8Array, ascii?: string) {
    this.bytes = bytes;
    this.#ascii = ascii;
  }

  text(begin = 0, end = this.bytes.length): string {
    if (this.#ascii !== undefined) return this.#ascii.slice(begin, end);
    if (end - begin > SHORT_BYTES) return utf8.decode(this.bytes.subarray(begin, end));
    let text = '';
    for (let at = begin; at < end; at++) {
      const byte = this.bytes[at] as number;
      if (byte >= 0x80) return utf8.decode(this.bytes.subarray(begin, end));
      text += String.fromCharCode(byte);
    }
    return text;
  }
}

export const jsonBytesOfText = (text: string): JsonBytes => new JsonBytes(encoder.encode(text));

/** @throws TypeError when the bytes are no UTF-8 */
export function jsonBytesOf(bytes: Uint8Array): JsonBytes {
  if (bytes.length <= WHOLE_TEXT_BYTES_MAX) {
    const text = utf8.decode(bytes);
    return new JsonBytes(bytes, text.length === bytes.length ? text : undefined);
  }
  for (let begin = 0; begin < bytes.length; ) {
    const end = characterEnd(bytes, Math.min(bytes.length, begin + PIECE_BYTES));
    utf8.decode(bytes.subarray(begin, end));
    begin = end;
  }
  return new JsonBytes(bytes);
}

/** The first place from `at` on where a character begins; four bytes on at the latest. */
function characterEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end < bytes.length && end < at + 4 && ((bytes[end] as number) & 0xc0) === 0x80) end++;
  return end;
}

/** The place of the next byte that is no white space. */
export function spaceEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

/** The place after the closing quote. @param begin that of the opening one @returns -1: it has no end */
function stringEnd(bytes: Uint8Array, begin: number): number {
  for (let at = begin + 1; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  return -1;
}

/** The place of the closing quote of a string that is in UTF-8 what it stands for. @returns -1 for any other */
export function plainStringEnd(bytes: Uint8Array, begin: number): number {
  let at = begin + 1;
  while (special[bytes[at] as number] === 0) at++;
  return bytes[at] === QUOTE ? at : -1;
}

/** The text that a string stands for. @param begin that of its opening quote @returns undefined when it is no valid one */
export function stringText(source: JsonBytes, begin: number, end: number): string | undefined {
  const isPlain = plainStringEnd(source.bytes, begin) === end - 1;
  return isPlain ? source.text(begin + 1, end - 1) : parseJsonString(source.text(begin, end));
}

/** The place after the value that begins at `begin`. @returns -1: there is none, it has no end, or is nested too deep */
export function valueEnd(bytes: Uint8Array, begin: number): number {
  const first = bytes[begin];
  if (first === undefined) return -1;
  if (first === QUOTE) return stringEnd(bytes, begin);
  let at = begin;
  if (signs[first] !== 2) {
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === COMMA || signs[byte] === 3 || isSpace(byte)) break;
    }
    return at === begin ? -1 : at;
  }
  for (let depth = 0; at < bytes.length; ) {
    const sign = signs[bytes[at] as number];
    if (sign === 0) at = valuesEnd(bytes, at + 1);
    else if (sign === 1) {
      at = stringEnd(bytes, at);
      if (at < 0) return -1;
    } else {
      at++;
      depth += sign === 2 ? 1 : -1;
      if (depth === 0) return at;
      if (depth > JSON_DEPTH_MAX) return -1;
    }
  }
  return -1;
}

/** So many bytes are looked at one by one before a view for words is made: most values are short. */
const ONE_BY_ONE = 24;

/** A place up to which nothing ends or nests: numbers, words and what is between them. */
function valuesEnd(bytes: Uint8Array, begin: number): number {
  const near = Math.min(bytes.length, begin + ONE_BY_ONE);
  let at = begin;
  while (at < near) {
    if (signs[bytes[at] as number] !== 0) return at;
    at++;
  }
  const last = bytes.length - 8;
  if (at > last) return at;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  while (at <= last && isPlain(view.getInt32(at, true)) && isPlain(view.getInt32(at + 4, true))) at += 8;
  return at;
}

/** Whether none of four bytes is a quote, nor has the bit that brackets have and digits have not. */
function isPlain(word: number): boolean {
  const other = word ^ 0x22222222;
  return ((word & 0x40404040) | ((other - 0x01010101) & ~other & 0x80808080)) === 0;
}

/** The place of the next element or member, behind a comma; that of the closing bracket. @returns -1 for anything else */
function afterValue(bytes: Uint8Array, end: number, closer: number): number {
  const at = spaceEnd(bytes, end);
  if (bytes[at] === closer) return at;
  if (bytes[at] !== COMMA) return -1;
  const next = spaceEnd(bytes, at + 1);
  return bytes[next] === closer ? -1 : next;
}

/**
 * Walks the members of the object that begins at `begin`.
 * @param visit gets the places of the key, quotes included, and of its value; says where the value ends, -1 to stop
 * @returns the place after the object; -1: it is none, is not well-formed, or `visit` stopped
 */
export function walkMembers(
  bytes: Uint8Array,
  begin: number,
  visit: (keyBegin: number, keyEnd: number, valueBegin: number) => number,
): number {
  let at = spaceEnd(bytes, begin);
  if (bytes[at] !== 0x7b) return -1;
  at = spaceEnd(bytes, at + 1);
  while (bytes[at] !== 0x7d) {
    if (bytes[at] !== QUOTE) return -1;
    const keyEnd = stringEnd(bytes, at);
    if (keyEnd < 0) return -1;
    const colon = spaceEnd(bytes, keyEnd);
    if (bytes[colon] !== COLON) return -1;
    const end = visit(at, keyEnd, spaceEnd(bytes, colon + 1));
    if (end < 0) return -1;
    at = afterValue(bytes, end, 0x7d);
    if (at < 0) return -1;
  }
  return at + 1;
}

/** The same for the elements of a list. @param visit gets the place of an element and says where it ends, -1 to stop */
export function walkElements(bytes: Uint8Array, begin: number, visit: (begin: number) => number): number {
  let at = spaceEnd(bytes, begin);
  if (bytes[at] !== 0x5b) return -1;
  at = spaceEnd(bytes, at + 1);
  while (bytes[at] !== 0x5d) {
    const end = visit(at);
    if (end < 0) return -1;
    at = afterValue(bytes, end, 0x5d);
    if (at < 0) return -1;
  }
  return at + 1;
}
