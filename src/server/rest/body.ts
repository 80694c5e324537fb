// The body of a REST call: bytes to a checked value. Members that may be large (rows, query vectors) stay text here, and become columns or
// vectors one element at a time where they are used; of everything else the number of values is bounded, for one call and for all together.
import { z } from 'zod';
import { ElanusError, messageOf } from '#base/errors.js';
import { parseExactJson } from '#model/json/exact-json.js';
import { forEachMember } from '#model/json/json-members.js';
import { missing, notJson, RestFailure } from './rest-failure.js';

/** A member that is kept as the text it came as. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const rawSchemas = new WeakSet<object>();

/** @param shape what OpenAPI says of the member */
export function rawJson(shape: Readonly<Record<string, unknown>>): z.ZodType<RawJson> {
  const schema = z.instanceof(RawJson).meta(shape);
  rawSchemas.add(schema);
  return schema;
}

/** An optional member is wrapped once more. */
const isRaw = (schema: unknown): boolean =>
  schema instanceof z.ZodOptional ? isRaw(schema.unwrap()) : rawSchemas.has(schema as object);

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

export interface ReadBody {
  readonly body: unknown;
  /** Number of values that it holds beside raw members. */
  readonly values: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws RestFailure not_json, missing_parameter */
export function readBody(bytes: Uint8Array, schema: z.ZodObject): ReadBody {
  return readObject(textOf(bytes), schema);
}

/** The same for an object inside a raw member. */
export function readObject(text: string, schema: z.ZodObject): ReadBody {
  const members = new Map<string, unknown>();
  let values = 0;
  const read = (key: string, raw: string): void => {
    if (members.has(key) || key === '__proto__')
      notJson(`the key ${shown(key)} is given twice or cannot be given at all; leave it out`);
    if (isRaw(schema.shape[key])) members.set(key, raw === 'null' ? undefined : new RawJson(raw));
    else {
      values += countValues(raw);
      if (values > VALUES_MAX) notJson(`the body has more than ${VALUES_MAX} values; send less at once`);
      // As in Milvus, null says the same as leaving the member out.
      members.set(key, parseExactJson(raw) ?? undefined);
    }
  };
  try {
    forEachMember(text, read);
  } catch (error) {
    if (!(error instanceof ElanusError)) throw error;
    notJson(error.message.replaceAll('the row', 'the body').replaceAll('each row', 'it'));
  }
  const given = Object.fromEntries([...members].filter(([, value]) => value !== undefined));
  const { data, error } = schema.safeParse(given);
  if (error !== undefined) refuse(error, given, schema);
  return { body: data, values };
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length === 0) notJson('the body is empty, send a JSON object');
  try {
    const text = utf8.decode(bytes);
    return text.startsWith('\ufeff') ? notJson('the body begins with a byte order mark, leave it out') : text;
  } catch (error) {
    return error instanceof RestFailure
      ? notThrown(error)
      : notJson(`the body is not UTF-8: ${messageOf(error)}`);
  }
}

const notThrown = (error: RestFailure): never => {
  throw error;
};

/** At least as many as the text has values, keys not counted. */
function countValues(text: string): number {
  let count = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2c || code === 0x5b || code === 0x7b) count++;
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
