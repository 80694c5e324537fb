// Reads a list of plain integers or of plain strings without a token or a node an element: lists of primary keys have hundreds of
// thousands. A list that holds anything else is left where it was, for the parser.
import type { ListNode } from '#expr/ast.js';
import { Int64List, isInt64 } from './int64-list.js';
import type { Lexer, Token } from './lexer.js';
import { FilterSyntaxError } from './syntax-error.js';

/** Elements of one list. */
export const LIST_LENGTH_MAX = 1_000_000;

const COMMA = 0x2c;
const CLOSE = 0x5d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

/** With the lexer behind `[`, which began at `begin`. Undefined: not such a list, and the lexer is where it was. @throws FilterSyntaxError */
export function readPlainList(lexer: Lexer, begin: number): ListNode | undefined {
  const mark = lexer.mark();
  lexer.skipSpace();
  const code = lexer.text.charCodeAt(lexer.at);
  const list =
    code === DOUBLE_QUOTE || code === SINGLE_QUOTE ? readStrings(lexer, begin) : readInts(lexer, begin);
  if (list === undefined) lexer.rewind(mark);
  return list;
}

/** Behind an element: whether the list goes on, ends, or is none of ours. A comma may come before the end. */
function readSeparator(lexer: Lexer): 'more' | 'end' | 'other' {
  lexer.skipSpace();
  const code = lexer.text.charCodeAt(lexer.at);
  if (code !== COMMA && code !== CLOSE) return 'other';
  lexer.at++;
  if (code === CLOSE) return 'end';
  lexer.skipSpace();
  if (lexer.text.charCodeAt(lexer.at) !== CLOSE) return 'more';
  lexer.at++;
  return 'end';
}

function checkLength(count: number, begin: number): void {
  if (count > LIST_LENGTH_MAX) {
    throw new FilterSyntaxError(
      `the list has more than ${LIST_LENGTH_MAX} elements; split the request`,
      begin,
    );
  }
}

function readStrings(lexer: Lexer, begin: number): ListNode | undefined {
  const values: string[] = [];
  for (;;) {
    const code = lexer.text.charCodeAt(lexer.at);
    if (code !== DOUBLE_QUOTE && code !== SINGLE_QUOTE) return undefined;
    values.push(lexer.readString(false));
    checkLength(values.length, begin);
    const separator = readSeparator(lexer);
    if (separator === 'other') return undefined;
    if (separator === 'end') return { kind: 'strings', values, begin, end: lexer.at };
  }
}

function readInts(lexer: Lexer, begin: number): ListNode | undefined {
  const list = new Int64List();
  for (;;) {
    if (!takeDecimal(lexer, list) && !takeInteger(lexer, list)) return undefined;
    checkLength(list.count, begin);
    const separator = readSeparator(lexer);
    if (separator === 'other') return undefined;
    if (separator === 'end') return { kind: 'ints', values: list.values(), begin, end: lexer.at };
  }
}

/** Digits of a number that a double holds exactly, and of any number of 64 bits. */
const SAFE_DIGITS = 15;
const INT64_DIGITS = 19;

/** One decimal integer of at most 19 digits, without a bigint; anything else is left in place. */
function takeDecimal(lexer: Lexer, list: Int64List): boolean {
  lexer.skipSpace();
  const { text } = lexer;
  let at = lexer.at;
  const isNegative = text.charCodeAt(at) === 0x2d;
  if (isNegative) at++;
  const begin = at;
  let value = 0;
  for (;;) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
    at++;
  }
  const following = text.charCodeAt(at);
  const isPlain = following === COMMA || following === 0x20 || following === CLOSE || following === 0x0a;
  const digits = at - begin;
  if (!isPlain || digits === 0 || digits > INT64_DIGITS || (digits > 1 && text.charCodeAt(begin) === 0x30))
    return false;
  if (digits <= SAFE_DIGITS) list.addNumber(isNegative ? -value : value);
  else if (!list.addParts(digitsAt(text, begin, at - 9), digitsAt(text, at - 9, at), isNegative))
    return false;
  lexer.at = at;
  return true;
}

function digitsAt(text: string, begin: number, end: number): number {
  let value = 0;
  for (let at = begin; at < end; at++) value = value * 10 + text.charCodeAt(at) - 0x30;
  return value;
}

/** Any way to write an integer of 64 bits. */
function takeInteger(lexer: Lexer, list: Int64List): boolean {
  let token: Token = lexer.next();
  const isNegative = token.kind === 'op' && token.text === '-';
  if (isNegative || (token.kind === 'op' && token.text === '+')) token = lexer.next();
  if (token.kind !== 'int') return false;
  const value = isNegative ? -token.value : token.value;
  if (!isInt64(value)) return false;
  list.add(value);
  return true;
}
