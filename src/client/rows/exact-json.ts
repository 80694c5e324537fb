// JSON of rows both ways without losing an integer: what a double cannot hold is a bigint.
import { ClientError } from '#client/errors.js';
import { parseExactJson } from '#model/json/exact-json.js';

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** As long as the digits are fewer than these, a double holds the integer. */
const LONG_NUMBER = /\d{16}/;

export function jsonValue(bytes: Uint8Array): unknown {
  const json = text.decode(bytes);
  if (!LONG_NUMBER.test(json)) return JSON.parse(json);
  try {
    return parseExactJson(json);
  } catch {
    return JSON.parse(json); // A key given twice, for example: read as everybody reads it.
  }
}

/** @param where the field and row, for the error. @throws InvalidRequestError for what JSON has no form for */
export function jsonBytes(value: unknown, where: string): Uint8Array {
  const json = hasBigints(value, 0) ? exactText(value) : JSON.stringify(value);
  if (typeof json === 'string') return utf8.encode(json);
  throw ClientError.ofInput(`${where} is ${typeof value}, expected a value that JSON has`);
}

const DEPTH_MAX = 512;

function hasBigints(value: unknown, depth: number): boolean {
  if (typeof value === 'bigint') return true;
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return false;
  const values: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return values.some((one) => hasBigints(one, depth + 1));
}

/** As JSON.stringify does it, with bigints as numbers. Undefined: JSON has no form for it. */
function exactText(value: unknown): string | undefined {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if ('toJSON' in value && typeof value.toJSON === 'function') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one: unknown) => exactText(one) ?? 'null').join(',')}]`;
  const members = Object.entries(value).flatMap(([key, one]) => {
    const json = exactText(one);
    return json === undefined ? [] : [`${JSON.stringify(key)}:${json}`];
  });
  return `{${members.join(',')}}`;
}
