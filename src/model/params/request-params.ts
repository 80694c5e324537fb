// Key/value parameters of Search and Query. All values are text; numbers and booleans arrive as `10` or `true`, sometimes JSON-quoted.
// Readers return undefined for what is absent or empty, and refuse what is there but not of the type.
import { ElanusError } from '#base/errors.js';
import { doubledKey } from '#model/json/json-members.js';
import type { KeyValuePair } from '#proto/milvus/common.js';

export const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

export class RequestParams {
  readonly #values: ReadonlyMap<string, string>;

  constructor(pairs: readonly KeyValuePair[]) {
    const values = new Map<string, string>();
    for (const { key, value } of pairs) {
      const before = values.get(key);
      if (before !== undefined && before !== value) {
        refuse(
          `${key.slice(0, 200)} is sent twice, with the values ${before.slice(0, 64)} and ${value.slice(0, 64)}; send it once`,
        );
      }
      values.set(key, value);
    }
    this.#values = values;
  }

  text(key: string): string | undefined {
    const value = this.#values.get(key)?.trim();
    if (value === undefined || value === '' || value === 'null' || value === 'undefined') return undefined;
    return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }

  /** With the blanks around it: what stands before another text. */
  exact(key: string): string | undefined {
    return this.#values.get(key);
  }

  integer(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    if (!/^[+-]?\d{1,15}(\.0+)?$/.test(text))
      return refuse(`${key} [${text}] is invalid; expected an integer`);
    return Number(text);
  }

  bigint(key: string): bigint | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    return /^\d{1,20}$/.test(text)
      ? BigInt(text)
      : refuse(`${key} [${text}] is invalid; expected an integer from 0`);
  }

  number(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    return Number.isFinite(value) ? value : refuse(`${key} [${text}] is invalid; expected a number`);
  }

  /** A JSON list of texts. */
  texts(key: string): string[] | undefined {
    const value = this.#list(key);
    if (value === undefined || value.every((one): one is string => typeof one === 'string')) return value;
    return refuse(`${key} is invalid; expected a list of texts`);
  }

  /** A JSON list of finite numbers. */
  numbers(key: string): number[] | undefined {
    const value = this.#list(key);
    if (value === undefined || value.every((one): one is number => typeof one === 'number')) return value;
    return refuse(`${key} is invalid; expected a list of numbers`);
  }

  #list(key: string): unknown[] | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    return Array.isArray(value)
      ? (value as unknown[])
      : refuse(`${key} [${text.slice(0, 200)}] is invalid; expected a list of numbers or texts`);
  }

  boolean(key: string): boolean {
    const text = this.text(key);
    if (text === undefined) return false;
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
    return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)
      ? false
      : refuse(`${key} [${text}] is invalid; expected true or false`);
  }

  /** A JSON object; empty when absent. */
  object(key: string): Record<string, unknown> {
    const text = this.#values.get(key)?.trim() ?? '';
    if (text === '' || text === 'null') return {};
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new ElanusError('invalid_parameter', `${key} is not JSON: ${text.slice(0, 200)}`, { cause });
    }
    const doubled = doubledKey(text);
    if (doubled !== undefined)
      refuse(`${key} has the key ${doubled.slice(0, 200)} twice in one object; send it once`);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return refuse(`${key} should be a JSON object, got ${text.slice(0, 200)}`);
    return value as Record<string, unknown>;
  }

  /** An empty list and `false` say the same as leaving the key out. */
  refuseLater(keys: readonly string[]): void {
    for (const key of keys) {
      const text = this.text(key);
      if (text !== undefined && text !== '[]' && text.toLowerCase() !== 'false') {
        throw new ElanusError(
          'unsupported',
          `${key} is not supported in this version; leave it out of the request`,
        );
      }
    }
  }
}
