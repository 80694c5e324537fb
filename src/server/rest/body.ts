// The body of a REST call: bytes to a checked value. Members that may be large (rows, query vectors) stay text here, and become columns or
// vectors one element at a time where they are used; of everything else the number of values is bounded, for one call and for all together.
import type { z } from 'zod';
import { ElanusError, messageOf } from '#base/errors.js';
import { parseExactJson } from '#model/json/exact-json.js';
import {
  type JsonBytes,
  jsonBytesOf,
  spaceEnd,
  stringText,
  valueEnd,
  walkMembers,
} from '#model/json/json-bytes.js';
import { forEachMember } from '#model/json/json-members.js';
import { LastBodies, type ReadBody } from './last-bodies.js';
import { quickCheckOf } from './quick-check.js';
import { RawJson, rawMembers } from './raw-json.js';
import { missing, notJson, RestFailure } from './rest-failure.js';

/** Values of one body beside its rows and vectors; each is an object of some 40 bytes at most. */
const VALUES_MAX = 2 ** 21;
const ALL_VALUES_MAX = 4 * VALUES_MAX;
/** So few are not counted among those of all. */
const FEW_VALUES = 1024;

/** What all bodies that are worked on hold, in values. */
export class BodyAccount {
  #values = 0;

  /** @returns what gives the room back @throws RestFailure when there is none */
  take(values: number): () => void {
    if (values <= FEW_VALUES) return () => {};
    if (this.#values + values > ALL_VALUES_MAX)
      throw new RestFailure(
        4,
        `requests that are worked on hold ${this.#values} values of JSON, at most ${ALL_VALUES_MAX} fit: try again in a moment`,
        429,
      );
    this.#values += values;
    return () => {
      this.#values -= values;
    };
  }
}

const lastBodies = new WeakMap<z.ZodObject, LastBodies>();

/** @throws RestFailure not_json, missing_parameter */
export function readBody(bytes: Uint8Array, schema: z.ZodObject): ReadBody {
  const source = sourceOf(bytes);
  const last = lastBodies.get(schema) ?? new LastBodies();
  lastBodies.set(schema, last);
  const known = last.like(source);
  if (known !== undefined) return known;
  const read = readObject(source, 0, bytes.length, schema);
  last.keep(source, read);
  return read;
}

/** What a GET says in its query, every value as text. @throws RestFailure */
export function readQuery(target: string, schema: z.ZodObject): ReadBody {
  const at = target.indexOf('?');
  const given: Record<string, unknown> = {};
  for (const [key, value] of new URLSearchParams(at < 0 ? '' : target.slice(at + 1))) {
    if (Object.hasOwn(given, key) || key === '__proto__')
      notJson(`the parameter ${shown(key)} is given twice or cannot be given at all; leave it out`);
    given[key] = value;
  }
  return { body: checked(given, schema), values: 0 };
}

/** The same for an object inside a raw member. */
export function readObject(source: JsonBytes, begin: number, end: number, schema: z.ZodObject): ReadBody {
  const { bytes } = source;
  const given: Record<string, unknown> = {};
  const keys = new Set<string>();
  const raw = rawMembers(schema);
  let values = 0;
  const read = (keyBegin: number, keyEnd: number, at: number): number => {
    const key = stringText(source, keyBegin, keyEnd);
    const valueAt = valueEnd(bytes, at);
    if (key === undefined || valueAt < 0) return -1;
    if (keys.has(key) || key === '__proto__')
      notJson(`the key ${shown(key)} is given twice or cannot be given at all; leave it out`);
    keys.add(key);
    const isNull = bytes[at] === 0x6e && source.text(at, valueAt) === 'null';
    // As in Milvus, null says the same as leaving the member out.
    if (isNull) return valueAt;
    if (raw.has(key)) given[key] = new RawJson(source, at, valueAt);
    else {
      values += countValues(bytes, at, valueAt);
      if (values > VALUES_MAX) notJson(`the body has more than ${VALUES_MAX} values; send less at once`);
      given[key] = parseValue(source.text(at, valueAt));
    }
    return valueAt;
  };
  const behind = walkMembers(bytes, begin, read);
  if (behind < 0 || spaceEnd(bytes, behind) < end) malformed(source.text(begin, end));
  return { body: checked(given, schema), values };
}

function parseValue(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch (error) {
    return notJson(messageOf(error));
  }
}

/** The reader of text says what is wrong with it. */
function malformed(text: string): never {
  try {
    forEachMember(text, () => {});
  } catch (error) {
    if (!(error instanceof ElanusError)) throw error;
    return notJson(error.message.replaceAll('the row', 'the body').replaceAll('each row', 'it'));
  }
  return notJson('the body is no JSON object');
}

function checked(given: Readonly<Record<string, unknown>>, schema: z.ZodObject): unknown {
  const quick = quickCheckOf(schema)(given);
  if (quick !== undefined) return quick;
  const { data, error } = schema.safeParse(given);
  return error === undefined ? data : refuse(error, given, schema);
}

function sourceOf(bytes: Uint8Array): JsonBytes {
  if (bytes.length === 0) notJson('the body is empty, send a JSON object');
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    notJson('the body begins with a byte order mark, leave it out');
  try {
    return jsonBytesOf(bytes);
  } catch (error) {
    return notJson(`the body is not UTF-8: ${messageOf(error)}`);
  }
}

/** At least as many as the bytes have values, keys not counted. */
function countValues(bytes: Uint8Array, begin: number, end: number): number {
  let count = 1;
  for (let at = begin; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count++;
  }
  return count;
}

const shown = (key: string): string => JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);

/** The first thing that is wrong, as the caller has to mend it. */
function refuse(error: z.ZodError, given: object, schema: z.ZodObject): never {
  const [issue] = error.issues;
  if (issue === undefined) return notJson('the body does not fit');
  const place = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = issue.path.length === 0 ? Object.keys(schema.shape).sort().join(', ') : undefined;
    return notJson(
      `${shown(place === '' ? key : `${place}.${key}`)} is no parameter of this call and would be ignored; leave it out${known === undefined ? '' : `, or use one of: ${known}`}`,
    );
  }
  const value = valueAt(given, issue.path);
  if (value === undefined) return missing(`${place} is required`);
  if (value === '') return missing(`${place} is required, and empty`);
  return notJson(`${place}: ${issue.message}`);
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  let value = given;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
