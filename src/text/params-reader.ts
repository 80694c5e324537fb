// Reads the JSON of analyzers. Every refusal names the place, as `filter[1].stop_words[0]`, and what is expected there.
import { ElanusError } from '#base/errors.js';

/** Entries of a list of words, and characters of one. */
const WORDS_MAX = 65_536;
const WORD_LENGTH_MAX = 1024;

/** An object of the parameters. Keys that nobody asked for are refused at the end. */
export class ParamsReader {
  readonly place: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(value: unknown, place: string) {
    this.place = place;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalid(place, `is ${kindOf(value)}, expected an object`);
    this.#values = { ...value };
  }

  has(key: string): boolean {
    this.#asked.add(key);
    return this.#values[key] !== undefined;
  }

  value(key: string): unknown {
    this.#asked.add(key);
    return this.#values[key];
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  at(key: string): string {
    return this.place === '' ? key : `${this.place}.${key}`;
  }

  text(key: string, fallback?: string): string {
    const value = this.value(key) ?? fallback;
    return typeof value === 'string' ? value : this.refuse(key, `is ${kindOf(value)}, expected a string`);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    return typeof value === 'boolean'
      ? value
      : this.refuse(key, `is ${kindOf(value)}, expected true or false`);
  }

  count(key: string, max: number, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
    return this.refuse(
      key,
      `is ${JSON.stringify(value)?.slice(0, 64)}, expected an integer from 1 to ${max}`,
    );
  }

  oneOf<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
    const text = this.text(key, fallback);
    const found = allowed.find((one) => one === text);
    return found ?? this.refuse(key, `is "${text.slice(0, 64)}", expected one of ${allowed.join(', ')}`);
  }

  /** Absent: an empty list. */
  texts(key: string): string[] {
    const value = this.value(key) ?? [];
    if (!Array.isArray(value)) return this.refuse(key, `is ${kindOf(value)}, expected a list of strings`);
    if (value.length > WORDS_MAX)
      this.refuse(key, `has ${value.length} entries, expected at most ${WORDS_MAX}`);
    return value.map((word: unknown, at) => {
      const isRight = typeof word === 'string' && word !== '' && word.length <= WORD_LENGTH_MAX;
      if (isRight) return word;
      throw invalid(
        `${this.at(key)}[${at}]`,
        `is ${typeof word === 'string' ? `a string of ${word.length} characters` : kindOf(word)}, expected a string of 1 to ${WORD_LENGTH_MAX} characters`,
      );
    });
  }

  refuse(key: string, fact: string): never {
    throw invalid(this.at(key), fact);
  }

  /** @throws unsupported for a key that is known and not built, invalid_parameter for one that is not known */
  finish(...later: readonly string[]): void {
    for (const key of this.keys()) {
      if (this.#asked.has(key)) continue;
      if (later.includes(key))
        throw new ElanusError(
          'unsupported',
          `${key} of ${named(this.place)} is not supported in this version: leave it out`,
        );
      throw invalid(this.at(key), `is not known; expected ${[...this.#asked].join(', ')}`);
    }
  }
}

export const kindOf = (value: unknown): string =>
  value === undefined
    ? 'missing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : `a ${typeof value}`;

const named = (place: string): string => (place === '' ? 'analyzer params' : place);

export const invalid = (place: string, fact: string): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `invalid analyzer params: ${place === '' ? 'the text' : place} ${fact}`,
  );
