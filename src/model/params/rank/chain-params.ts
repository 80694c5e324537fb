// Parameters of a step of a function chain, each read once; those that nobody read are refused.
import { refuse } from '#model/params/request-params.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { FunctionParamValue } from '#proto/milvus/schema.js';

export class ChainParams {
  readonly #where: string;
  readonly #sent: Map<string, FunctionParamValue>;

  constructor(where: string, sent: Readonly<Record<string, FunctionParamValue>>) {
    this.#where = where;
    this.#sent = new Map(Object.entries(sent));
  }

  /** @throws invalid_parameter for the first one that was not read */
  finish(): void {
    const [name] = this.#sent.keys();
    if (name !== undefined) this.refuse(`has no parameter ${name.slice(0, 64)}`);
  }

  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (value.$case !== 'stringValue' || value.value === '')
      return this.refuse(`${name} must be a non-empty string`);
    return value.value;
  }

  flag(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    return value.$case === 'boolValue' ? value.value : this.refuse(`${name} must be a boolean`);
  }

  whole(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const number = value.$case === 'int64Value' ? Number(value.value) : Number.NaN;
    return Number.isSafeInteger(number) ? number : this.refuse(`${name} must be an integer`);
  }

  number(name: string): number | undefined {
    const value = this.#take(name);
    return value === undefined ? undefined : this.#finite(name, value);
  }

  numbers(name: string): number[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (value.$case !== 'arrayValue') return this.refuse(`${name} must be a list of numbers`);
    return value.value.values.map((one) => this.#finite(name, one.value));
  }

  texts(name: string): string[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (value.$case !== 'arrayValue') return this.refuse(`${name} must be a list of strings`);
    return value.value.values.map(({ value: one }) =>
      one?.$case === 'stringValue' ? one.value : this.refuse(`${name} must be a list of strings`),
    );
  }

  /** Those that nobody read, as the pairs of texts that functions of schemas and searches have. */
  rest(): KeyValuePair[] {
    const names = [...this.#sent.keys()];
    return names.map((name) => {
      const value = this.#take(name);
      switch (value?.$case) {
        case 'boolValue':
        case 'int64Value':
        case 'doubleValue':
        case 'stringValue':
          return { key: name, value: String(value.value) };
        default:
          return this.refuse(`${name.slice(0, 64)} must be a text, a number or a boolean`);
      }
    });
  }

  refuse(why: string): never {
    return refuse(`${this.#where}: ${why}`);
  }

  #finite(name: string, value: FunctionParamValue['value']): number {
    const isNumber = value?.$case === 'int64Value' || value?.$case === 'doubleValue';
    const number = isNumber ? Number(value.value) : Number.NaN;
    return Number.isFinite(number) ? number : this.refuse(`${name} must be numeric and finite`);
  }

  #take(name: string): FunctionParamValue['value'] {
    const value = this.#sent.get(name)?.value;
    this.#sent.delete(name);
    return value;
  }
}
