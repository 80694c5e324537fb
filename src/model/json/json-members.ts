// Walks the members of one JSON object given as text and hands out each key with the raw text of its value. Raw, because numbers
// above 2^53 must stay exact and JSON fields keep what was written; whoever takes a value checks that it is the JSON it should be.
import { ElanusError } from '#base/errors.js';
import { JSON_DEPTH_MAX } from './json-text.js';

const failed = (text: string): ElanusError => new ElanusError('import_failed', text);
export const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
const clip = (text: string): string => JSON.stringify(text.length > 24 ? `${text.slice(0, 24)}…` : text);

/** @throws import_failed when the text is not one object */
export function forEachMember(text: string, visit: (key: string, raw: string) => void): void {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== 0x7b)
    throw failed(`the row begins with ${clip(text)}, expected "{": write each row as an object`);
  at = skipSpace(text, at + 1);
  let isFirst = true;
  while (text.charCodeAt(at) !== 0x7d || !isFirst) {
    if (text.charCodeAt(at) !== 0x22) throw expected(text, at, 'a key in double quotes');
    const keyEnd = stringEnd(text, at);
    const key = parseKey(text, at, keyEnd);
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== 0x3a) throw expected(text, at, '":"');
    at = skipSpace(text, at + 1);
    const end = valueEnd(text, at);
    if (end === at) throw expected(text, at, 'a value');
    visit(key, text.slice(at, end));
    at = skipSpace(text, end);
    isFirst = false;
    if (text.charCodeAt(at) === 0x7d) break;
    if (text.charCodeAt(at) !== 0x2c) throw expected(text, at, '"," or "}"');
    at = skipSpace(text, at + 1);
  }
  at = skipSpace(text, at + 1);
  if (at < text.length) throw expected(text, at, 'the end of the row');
}

/**
 * Walks the elements of one JSON list given as text, each as its raw text.
 * @returns false when the text is no list
 * @throws import_failed when the list is broken
 */
export function forEachElement(text: string, visit: (raw: string) => void): boolean {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== 0x5b) return false;
  at = skipSpace(text, at + 1);
  for (let isFirst = true; text.charCodeAt(at) !== 0x5d || !isFirst; isFirst = false) {
    const end = valueEnd(text, at);
    if (end === at) throw expected(text, at, 'a value');
    visit(text.slice(at, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === 0x5d) break;
    if (text.charCodeAt(at) !== 0x2c) throw expected(text, at, '"," or "]"');
    at = skipSpace(text, at + 1);
  }
  at = skipSpace(text, at + 1);
  if (at < text.length) throw expected(text, at, 'the end of the list');
  return true;
}

/** The first key that one object of the text, at any depth, has twice, however it is escaped. @param text valid JSON */
export function doubledKey(text: string): string | undefined {
  // Keys seen so far of each open object; undefined stands for a list.
  const opened: (Set<string> | undefined)[] = [];
  let isKeyNext = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = stringEnd(text, at);
        if (isKeyNext) {
          const key = parseKey(text, at, end);
          const seen = opened.at(-1);
          if (seen?.has(key)) return key;
          seen?.add(key);
          isKeyNext = false;
        }
        at = end - 1;
        break;
      }
      case 0x7b:
        opened.push(new Set());
        isKeyNext = true;
        break;
      case 0x5b:
        opened.push(undefined);
        isKeyNext = false;
        break;
      case 0x7d:
      case 0x5d:
        opened.pop();
        isKeyNext = false;
        break;
      case 0x2c:
        isKeyNext = opened.at(-1) !== undefined;
        break;
      default:
    }
  }
  return undefined;
}

function expected(text: string, at: number, what: string): ElanusError {
  const found = at < text.length ? clip(text.slice(at, at + 32)) : 'the end';
  return failed(`character ${at} of the row is ${found}, expected ${what}: write valid JSON`);
}

function parseKey(text: string, begin: number, end: number): string {
  const key = parseJsonString(text.slice(begin, end));
  if (key === undefined) throw expected(text, begin, 'a key in double quotes');
  return key;
}

/** The string a JSON string text stands for; undefined when it is not one, or has half of a surrogate pair, which UTF-8 cannot hold. */
export function parseJsonString(raw: string): string | undefined {
  if (raw.charCodeAt(0) !== 0x22) return undefined;
  try {
    const value: unknown = JSON.parse(raw);
    if (typeof value !== 'string') return undefined;
    return raw.includes('\\') && /\p{Surrogate}/u.test(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** The place after the closing quote. */
function stringEnd(text: string, begin: number): number {
  for (let at = begin + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) at++;
  }
  throw failed(
    `the string at character ${begin} of the row has no end, expected a double quote: write valid JSON`,
  );
}

function valueEnd(text: string, begin: number): number {
  const first = text.charCodeAt(begin);
  if (first === 0x22) return stringEnd(text, begin);
  let at = begin;
  if (first !== 0x7b && first !== 0x5b) {
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x2c || code === 0x7d || code === 0x5d || isSpace(code)) break;
    }
    return at;
  }
  let depth = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = stringEnd(text, at);
      continue;
    }
    at++;
    if (code === 0x7b || code === 0x5b) {
      if (++depth > JSON_DEPTH_MAX) {
        throw failed(
          `the value at character ${begin} of the row is nested deeper than ${JSON_DEPTH_MAX} levels, expected at most so many: flatten it`,
        );
      }
    } else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at;
  }
  throw failed(
    `the value at character ${begin} of the row has no end, expected its closing bracket: write valid JSON`,
  );
}
