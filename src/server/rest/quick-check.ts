// Checks of bodies that are as they should be, member by member: a schema with thirty members takes its time for each that is not given. What
// does not pass is left to the schema as a whole, which says what is wrong.
import { z } from 'zod';
import { isRawJson, RawJson } from './raw-json.js';

type Given = Readonly<Record<string, unknown>>;

interface Member {
  readonly schema: z.ZodType;
  /** Whether a value stays as it is; what does not may fit all the same. */
  readonly isPlain: (value: unknown) => boolean;
  /** What stands in the body when the member is not given; undefined: nothing. */
  readonly absent: unknown;
  readonly isRequired: boolean;
}

/** @returns the body as the schema gives it; undefined when the schema has to look at it */
export type QuickCheck = (given: Given) => Record<string, unknown> | undefined;

const made = new WeakMap<z.ZodObject, QuickCheck>();

/** @param schema with no checks but those of its members, and no members but those that it names */
export function quickCheckOf(schema: z.ZodObject): QuickCheck {
  const known = made.get(schema);
  if (known !== undefined) return known;
  const check = newCheck(schema);
  made.set(schema, check);
  return check;
}

function newCheck(schema: z.ZodObject): QuickCheck {
  const { checks, catchall } = schema.def;
  if ((checks?.length ?? 0) > 0 || catchall?._zod.def.type !== 'never') return () => undefined;
  const members = new Map(
    Object.entries(schema.shape).map(([key, one]) => [key, memberOf(one as z.ZodType)]),
  );
  const filled = [...members].filter(([, { absent, isRequired }]) => isRequired || absent !== undefined);
  return (given) => {
    const body: Record<string, unknown> = {};
    for (const key in given) {
      const member = members.get(key);
      if (member === undefined) return undefined;
      const value = given[key];
      if (member.isPlain(value)) {
        body[key] = value;
        continue;
      }
      const { success, data } = member.schema.safeParse(value);
      if (!success) return undefined;
      if (data !== undefined) body[key] = data;
    }
    for (const [key, { absent, isRequired }] of filled) {
      if (key in given) continue;
      if (isRequired) return undefined;
      body[key] = Array.isArray(absent) ? [...absent] : absent;
    }
    return body;
  };
}

function memberOf(schema: z.ZodType): Member {
  const { success, data } = schema.safeParse(undefined);
  return { schema, isPlain: plainOf(schema), absent: data, isRequired: !success };
}

const never = (): boolean => false;

/** For the kinds of values that most bodies have; a schema with checks of its own is asked itself. */
function plainOf(schema: unknown): (value: unknown) => boolean {
  if (isRawJson(schema)) return (value) => value instanceof RawJson;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return plainOf(schema.unwrap());
  if (schema instanceof z.ZodArray && hasNoChecks(schema)) return plainListOf(schema.element);
  if (schema instanceof z.ZodString && hasNoChecks(schema)) return (value) => typeof value === 'string';
  if (schema instanceof z.ZodBoolean && hasNoChecks(schema)) return (value) => typeof value === 'boolean';
  if (schema instanceof z.ZodNumberFormat && schema.format === 'safeint' && hasNoChecks(schema))
    return Number.isSafeInteger;
  if (schema instanceof z.ZodEnum && hasNoChecks(schema)) {
    const options = new Set<unknown>(schema.options);
    return (value) => options.has(value);
  }
  if (schema instanceof z.ZodRecord && hasNoChecks(schema) && isAnyRecord(schema)) return isObject;
  return never;
}

function plainListOf(element: unknown): (value: unknown) => boolean {
  const isPlain = plainOf(element);
  return (value) => Array.isArray(value) && value.every(isPlain);
}

/** Whatever is in it, under whatever names. */
const isAnyRecord = ({ keyType, valueType }: z.ZodRecord): boolean =>
  keyType instanceof z.ZodString && hasNoChecks(keyType) && valueType instanceof z.ZodUnknown;

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const hasNoChecks = (schema: z.ZodType): boolean => (schema.def.checks?.length ?? 0) === 0;
