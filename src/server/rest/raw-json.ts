// Members of bodies that may be large (rows, query vectors) stay the bytes that they came as, and are read where they are used.
import { z } from 'zod';
import type { JsonBytes } from '#model/json/json-bytes.js';

/** A member that is kept as the bytes it came as. */
export class RawJson {
  readonly source: JsonBytes;
  readonly begin: number;
  readonly end: number;

  constructor(source: JsonBytes, begin = 0, end = source.bytes.length) {
    this.source = source;
    this.begin = begin;
    this.end = end;
  }

  get text(): string {
    return this.source.text(this.begin, this.end);
  }
}

const rawSchemas = new WeakSet<object>();

/** @param shape what OpenAPI says of the member */
export function rawJson(shape: Readonly<Record<string, unknown>>): z.ZodType<RawJson> {
  const schema = z.instanceof(RawJson).meta(shape);
  rawSchemas.add(schema);
  return schema;
}

/** @param schema of a member; one that may be left out is wrapped once more */
export const isRawJson = (schema: unknown): boolean =>
  schema instanceof z.ZodOptional ? isRawJson(schema.unwrap()) : rawSchemas.has(schema as object);

const known = new WeakMap<z.ZodObject, ReadonlySet<string>>();

/** Names of the members that are kept as they came. */
export function rawMembers(schema: z.ZodObject): ReadonlySet<string> {
  const members = known.get(schema);
  if (members !== undefined) return members;
  const raw = new Set(Object.keys(schema.shape).filter((key) => isRawJson(schema.shape[key])));
  known.set(schema, raw);
  return raw;
}
