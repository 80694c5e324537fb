// JSON text to values without losing anything: an integer that a double cannot hold becomes a bigint, a key that is given twice is refused, and
// so is a number beyond all doubles and text that UTF-8 cannot hold. For what a request says in JSON; rows go their own way (json-members.ts).
import { ElanusError } from '#base/errors.js';
import { isSpace, parseJsonString } from './json-members.js';
import { JSON_DEPTH_MAX } from './json-text.js';

export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** @throws invalid_parameter, with the place */
export function parseExactJson(text: string): JsonValue {
  const reader = new ExactReader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const words: Readonly<Partial<Record<string, { readonly text: string; readonly value: boolean | null }>>> = {
  t: { text: 'true', value: true },
  f: { text: 'false', value: false },
  n: { text: 'null', value: null },
};

class ExactReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    if (depth > JSON_DEPTH_MAX) this.#fail(`is nested deeper than ${JSON_DEPTH_MAX} levels, flatten it`);
    this.#space();
    const sign = this.#text[this.#at];
    if (sign === '{') return this.#object(depth);
    if (sign === '[') return this.#list(depth);
    if (sign === '"') return this.#string();
    const word = sign === undefined ? undefined : words[sign];
    if (word === undefined || !this.#text.startsWith(word.text, this.#at)) return this.#number();
    this.#at += word.text.length;
    return word.value;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.#fail('follows the value, expected the end');
  }

  #object(depth: number): JsonObject {
    const object: { [key: string]: JsonValue } = {};
    this.#at++;
    if (this.#has('}')) return object;
    do {
      this.#space();
      const key = this.#string();
      // Assigning it would set the prototype.
      if (key === '__proto__') this.#fail('follows the key __proto__, which nothing is called');
      if (Object.hasOwn(object, key))
        this.#fail(`follows the key ${JSON.stringify(key.slice(0, 64))} for the second time, give it once`);
      if (!this.#has(':')) this.#fail('is not valid JSON, expected ":"');
      object[key] = this.value(depth + 1);
    } while (this.#has(','));
    if (!this.#has('}')) this.#fail('is not valid JSON, expected "," or "}"');
    return object;
  }

  #list(depth: number): JsonValue[] {
    const list: JsonValue[] = [];
    this.#at++;
    if (this.#has(']')) return list;
    do list.push(this.value(depth + 1));
    while (this.#has(','));
    if (!this.#has(']')) this.#fail('is not valid JSON, expected "," or "]"');
    return list;
  }

  #string(): string {
    const plain = this.#plainString();
    if (plain !== undefined) return plain;
    const text = parseJsonString(this.#token(STRING)?.[0] ?? '');
    return text ?? this.#fail('is not valid JSON, expected text of valid Unicode in double quotes');
  }

  /** Text without escapes, which most is. */
  #plainString(): string | undefined {
    if (this.#text.charCodeAt(this.#at) !== 0x22) return undefined;
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        const text = this.#text.slice(this.#at + 1, at);
        this.#at = at + 1;
        return text;
      }
      // Halves of pairs are looked at by the other reader, with escapes and what is not allowed.
      if (code === 0x5c || code < 0x20 || (code >= 0xd800 && code < 0xe000)) return undefined;
    }
    return undefined;
  }

  /** A whole number that a double holds, whatever its digits are. */
  #shortInteger(): number | undefined {
    let value = 0;
    let at = this.#at;
    for (; at < this.#text.length; at++) {
      const digit = this.#text.charCodeAt(at) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    const count = at - this.#at;
    const isZeroFirst = this.#text.charCodeAt(this.#at) === 0x30;
    if (count === 0 || count > 15 || (count > 1 && isZeroFirst)) return undefined;
    const next = this.#text[at];
    if (next === '.' || next === 'e' || next === 'E') return undefined;
    this.#at = at;
    return value;
  }

  #number(): number | bigint {
    const short = this.#shortInteger();
    if (short !== undefined) return short;
    const token = this.#token(NUMBER);
    if (token === undefined) return this.#fail('is not valid JSON, expected a value');
    const [raw, fraction, exponent] = token;
    const value = Number(raw);
    if (!Number.isFinite(value))
      this.#fail(`follows the number ${raw.slice(0, 32)}, which no double can hold`);
    const isInteger = fraction === undefined && exponent === undefined;
    return isInteger && !Number.isSafeInteger(value) ? BigInt(raw) : value;
  }

  /** The token that begins here; the reader is behind it then. */
  #token(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at = pattern.lastIndex;
    return found;
  }

  #space(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  /** Goes behind the sign when it is the next. */
  #has(sign: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #fail(fact: string): never {
    const found =
      this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 24)) : 'the end';
    throw new ElanusError('invalid_parameter', `character ${this.#at}: ${found} ${fact}`);
  }
}
