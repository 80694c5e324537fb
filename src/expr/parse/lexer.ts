// Tokens of the filter language. One pass over the text, one token at a time: a list of a million keys never becomes a list of tokens.
// Literals follow the public grammar: ints decimal, 0x, 0b and 0-octal; strings with ' or ", escapes, raw r"…", prefixes u8 u U L.
// Every scan is a loop over characters that goes on where the last one ended, so reading is linear whatever the text is; regular
// expressions are not used on the text itself, for a greedy one keeps a way back per character and overflows on a long literal.

import type { Span } from '#expr/ast.js';
import { FilterSyntaxError } from './syntax-error.js';

export type Token = Span &
  (
    | { readonly kind: 'end' }
    | { readonly kind: 'word'; readonly text: string }
    | { readonly kind: 'int'; readonly value: bigint }
    | { readonly kind: 'float'; readonly value: number }
    | { readonly kind: 'string'; readonly value: string }
    | { readonly kind: 'template'; readonly name: string }
    | { readonly kind: 'op'; readonly text: string }
  );

/** A place to read from again. */
export interface Mark {
  readonly at: number;
  readonly backslash: number;
}

/** Characters of a number: enough to write every double in full, few enough that turning digits into a bigint costs nothing. */
export const NUMBER_LENGTH_MAX = 1100;
/** Characters of a string between its quotes: more than any VarChar or JSON value can hold, escapes included. */
export const STRING_LENGTH_MAX = 1 << 20;
/** Characters of a name, of a field or a template variable. */
export const WORD_LENGTH_MAX = 4096;

const operators: ReadonlySet<string> = new Set([
  '**',
  '<<',
  '>>',
  '<=',
  '>=',
  '==',
  '!=',
  '&&',
  '||',
  '=~',
  '!~',
  '-',
  '+',
  '*',
  '/',
  '%',
  '<',
  '>',
  '&',
  '|',
  '^',
  '~',
  '!',
  '(',
  ')',
  '[',
  ']',
  ',',
  '=',
  '.',
]);

const stringPrefixes: ReadonlySet<string> = new Set(['r', 'R', 'u8', 'u', 'U', 'L']);
const simpleEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
  '`': '`',
  '%': '\\%',
  _: '\\_',
};

const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isBinaryDigit = (code: number): boolean => code === 0x30 || code === 0x31;
const isHexDigit = (code: number): boolean =>
  isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
const isWordStart = (code: number): boolean =>
  ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0x5f || code === 0x24;
const isWordPart = (code: number): boolean => isWordStart(code) || isDigit(code);

export class Lexer {
  readonly text: string;
  /** Where the next token starts, white space before it included. */
  at = 0;
  /** Characters looked at so far: what tests hold against the length of the text. */
  steps = 0;
  /** The first backslash at or after the place where it was last searched; the length of the text when there is none. */
  #backslash = -1;
  /** What `peek` read, so that it is not read again. */
  #peeked: { readonly token: Token; readonly begin: number } | undefined;

  constructor(text: string) {
    this.text = text;
  }

  skipSpace(): void {
    this.at = this.#endOf(this.at, isSpace);
  }

  /** @throws FilterSyntaxError */
  next(): Token {
    const peeked = this.#peeked;
    if (peeked?.begin === this.at) {
      this.at = peeked.token.end;
      return peeked.token;
    }
    return this.#read();
  }

  /** The next token without taking it. @throws FilterSyntaxError */
  peek(): Token {
    const begin = this.at;
    const token = this.next();
    this.#peeked = { token, begin };
    this.at = begin;
    return token;
  }

  /** The current position, to come back to by `rewind`. */
  mark(): Mark {
    return { at: this.at, backslash: this.#backslash };
  }

  rewind(mark: Mark): void {
    this.at = mark.at;
    this.#backslash = mark.backslash;
  }

  #read(): Token {
    this.skipSpace();
    const { text, at } = this;
    if (at >= text.length) return { kind: 'end', begin: at, end: at };
    const code = text.charCodeAt(at);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const value = this.readString(false);
      return { kind: 'string', value, begin: at, end: this.at };
    }
    if (isDigit(code) || (code === 0x2e && isDigit(text.charCodeAt(at + 1)))) return this.#numberToken();
    if (isWordStart(code)) return this.#wordToken();
    if (code === 0x7b) return this.#templateToken();
    const op = this.#operatorAt(at);
    if (op !== undefined) {
      this.at += op.length;
      this.steps += op.length;
      return { kind: 'op', text: op, begin: at, end: this.at };
    }
    throw new FilterSyntaxError(
      `unexpected character '${String.fromCodePoint(text.codePointAt(at) ?? 0)}'`,
      at,
    );
  }

  /** The place of the first character from `begin` that does not belong. */
  #endOf(begin: number, belongs: (code: number) => boolean): number {
    const { text } = this;
    let at = begin;
    while (at < text.length && belongs(text.charCodeAt(at))) at++;
    this.steps += at - begin + 1;
    return at;
  }

  #operatorAt(at: number): string | undefined {
    const two = this.text.slice(at, at + 2);
    if (operators.has(two)) return two;
    const one = two.slice(0, 1);
    return operators.has(one) ? one : undefined;
  }

  #numberToken(): Token {
    const begin = this.at;
    const { end, kind } = this.#numberEnd(begin);
    if (isWordPart(this.text.charCodeAt(end))) throw new FilterSyntaxError('invalid number', begin);
    if (end - begin > NUMBER_LENGTH_MAX) {
      throw new FilterSyntaxError(
        `the number has ${end - begin} characters, expected at most ${NUMBER_LENGTH_MAX}`,
        begin,
      );
    }
    const digits = this.text.slice(begin, end);
    this.at = end;
    if (kind === 'radix') return { kind: 'int', value: BigInt(digits.toLowerCase()), begin, end };
    if (kind === 'hex float') return { kind: 'float', value: hexFloat(digits), begin, end };
    if (/^0[0-7]+$/.test(digits)) return { kind: 'int', value: BigInt(`0o${digits.slice(1)}`), begin, end };
    if (/^\d+$/.test(digits)) return { kind: 'int', value: BigInt(digits), begin, end };
    return { kind: 'float', value: Number(digits), begin, end };
  }

  #numberEnd(begin: number): { readonly end: number; readonly kind: 'radix' | 'decimal' | 'hex float' } {
    const { text } = this;
    const mark = text.charCodeAt(begin) === 0x30 ? text.charCodeAt(begin + 1) | 0x20 : 0;
    if (mark === 0x78) {
      const hex = this.#hexEnd(begin + 2);
      if (hex !== undefined) return hex;
    }
    if (mark === 0x62 && isBinaryDigit(text.charCodeAt(begin + 2))) {
      return { end: this.#endOf(begin + 2, isBinaryDigit), kind: 'radix' };
    }
    let end = this.#endOf(begin, isDigit);
    if (text.charCodeAt(end) === 0x2e) end = this.#endOf(end + 1, isDigit);
    if ((text.charCodeAt(end) | 0x20) !== 0x65) return { end, kind: 'decimal' };
    return { end: this.#exponentEnd(end), kind: 'decimal' };
  }

  /** Behind the digits of a hexadecimal number; with a binary exponent it is a float. Undefined: there are none. */
  #hexEnd(begin: number): { readonly end: number; readonly kind: 'radix' | 'hex float' } | undefined {
    const whole = this.#endOf(begin, isHexDigit);
    const hasPoint = this.text.charCodeAt(whole) === 0x2e;
    const digits = hasPoint ? this.#endOf(whole + 1, isHexDigit) : whole;
    if (digits - begin - (hasPoint ? 1 : 0) === 0) return undefined;
    const exponent = (this.text.charCodeAt(digits) | 0x20) === 0x70 ? this.#exponentEnd(digits) : digits;
    if (exponent > digits) return { end: exponent, kind: 'hex float' };
    return hasPoint ? undefined : { end: whole, kind: 'radix' };
  }

  /** Behind the exponent whose letter is at `begin`; there itself when no digit follows. */
  #exponentEnd(begin: number): number {
    const sign = this.text.charCodeAt(begin + 1);
    const digits = begin + (sign === 0x2b || sign === 0x2d ? 2 : 1);
    return isDigit(this.text.charCodeAt(digits)) ? this.#endOf(digits, isDigit) : begin;
  }

  #wordToken(): Token {
    const begin = this.at;
    const end = this.#endOf(begin, isWordPart);
    if (end - begin > WORD_LENGTH_MAX) {
      throw new FilterSyntaxError(
        `the name has ${end - begin} characters, expected at most ${WORD_LENGTH_MAX}`,
        begin,
      );
    }
    const word = this.text.slice(begin, end);
    this.at = end;
    const following = this.text.charCodeAt(end);
    if ((following === DOUBLE_QUOTE || following === SINGLE_QUOTE) && stringPrefixes.has(word)) {
      const value = this.readString(word === 'r' || word === 'R');
      return { kind: 'string', value, begin, end: this.at };
    }
    return { kind: 'word', text: word, begin, end };
  }

  /** `{name}`, with white space around the name if any. */
  #templateToken(): Token {
    const begin = this.at;
    const nameBegin = this.#endOf(begin + 1, isSpace);
    const nameEnd = this.#endOf(nameBegin, isWordPart);
    const close = this.#endOf(nameEnd, isSpace);
    const isName = isWordStart(this.text.charCodeAt(nameBegin)) && nameEnd - nameBegin <= WORD_LENGTH_MAX;
    const name = isName ? this.text.slice(nameBegin, nameEnd) : '';
    if (name === '' || name.includes('$') || this.text.charCodeAt(close) !== 0x7d) {
      throw new FilterSyntaxError("unexpected '{', expected a template variable like {name}", begin);
    }
    this.at = close + 1;
    return { kind: 'template', name, begin, end: this.at };
  }

  /** Reads from the opening quote, which is at `at`, to behind the closing one. @throws FilterSyntaxError */
  readString(isRaw: boolean): string {
    const begin = this.at;
    const { text } = this;
    const quote = text.charAt(begin);
    const parts: string[] = [];
    let from = begin + 1;
    let closing = -1;
    for (;;) {
      // As with backslashes: a quote that has not been passed is still the next one.
      if (closing < from) {
        closing = text.indexOf(quote, from);
        this.steps += (closing < 0 ? text.length : closing) - from;
      }
      if (closing < 0) throw new FilterSyntaxError(`the string has no closing ${quote}`, begin);
      const backslash = this.#backslashFrom(from);
      const end = Math.min(closing, backslash);
      this.steps += end - from + 1;
      this.#checkStringLength(begin, end);
      parts.push(text.slice(from, end));
      if (backslash > closing) {
        this.at = closing + 1;
        return parts.length === 1 ? (parts[0] ?? '') : parts.join('');
      }
      if (isRaw) {
        parts.push(text.slice(backslash, backslash + 2));
        from = backslash + 2;
      } else {
        this.at = backslash + 1;
        parts.push(this.#readEscape());
        from = this.at;
      }
    }
  }

  #checkStringLength(begin: number, end: number): void {
    if (end - begin - 1 <= STRING_LENGTH_MAX) return;
    throw new FilterSyntaxError(
      `the string has more than ${STRING_LENGTH_MAX} characters, expected at most so many`,
      begin,
    );
  }

  /** Where the next backslash is. It is searched again only once it has been passed: a list of strings must not search the rest per string. */
  #backslashFrom(from: number): number {
    if (this.#backslash < from) {
      const found = this.text.indexOf('\\', from);
      this.#backslash = found < 0 ? this.text.length : found;
      this.steps += this.#backslash - from;
    }
    return this.#backslash;
  }

  #readEscape(): string {
    const char = this.text[this.at++] ?? '';
    const simple = Object.hasOwn(simpleEscapes, char) ? simpleEscapes[char] : undefined;
    if (simple !== undefined) return simple;
    const lengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
    const length = lengths[char];
    if (length !== undefined) {
      const digits = this.text.slice(this.at, this.at + length);
      const code =
        /^[\da-fA-F]+$/.test(digits) && digits.length === length ? Number.parseInt(digits, 16) : Number.NaN;
      this.at += length;
      if (code <= 0x10ffff) return String.fromCodePoint(code);
    }
    const octal = /^[0-3][0-7]{2}/.exec(this.text.slice(this.at - 1, this.at + 2))?.[0];
    if (octal !== undefined) {
      this.at += 2;
      return String.fromCodePoint(Number.parseInt(octal, 8));
    }
    throw new FilterSyntaxError(
      `invalid escape '\\${char}', expected one of a string; write r"…" to leave backslashes alone`,
      this.at - 2,
    );
  }
}

/** `0x1.8p3`, whose form has been checked. */
function hexFloat(text: string): number {
  const [mantissa = '', exponent = ''] = text.slice(2).toLowerCase().split('p');
  const [whole = '', fraction = ''] = mantissa.split('.');
  // More than 14 significant digits do not fit a double; what is rounded here is beyond its last bit or one.
  return Number(BigInt(`0x0${whole}${fraction}`)) * 2 ** (Number(exponent) - fraction.length * 4);
}
