// Values as the oracle of filters computes with them: what is unknown or absent, how numbers of different precision meet, and what each
// operator makes of them.
import type { ComparisonOp } from '../../src/expr/ast.js';

/** A JSON value; whole numbers of 64 bits are bigints. */
export type Json =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };
/** Undefined: unknown. */
export type Truth = boolean | undefined;

/** A value of a row that is null, or is not there. */
export const UNKNOWN = Symbol('unknown');
/** Nothing at a JSON path. */
const ABSENT = Symbol('absent');
export type Raw = Json | typeof UNKNOWN | typeof ABSENT;
/** How numbers of the value are computed with: a constant takes the precision of what it meets; JSON and integers are exact. */
export type Precision = 'constant' | 'float' | 'double' | 'json' | 'exact';
export interface Value {
  readonly raw: Raw;
  readonly precision: Precision;
}

export const constant = (raw: Json): Value => ({ raw, precision: 'constant' });
export const negate = (truth: Truth): Truth => (truth === undefined ? undefined : !truth);
export const isThere = (raw: Raw): boolean => raw !== UNKNOWN && raw !== ABSENT && raw !== null;

export function walk(json: Json, keys: readonly string[]): Raw {
  let at: Json = json;
  for (const key of keys) {
    if (Array.isArray(at)) {
      if (!/^(?:0|[1-9]\d*)$/.test(key) || Number(key) >= at.length) return ABSENT;
      at = at[Number(key)] as Json;
    } else if (typeof at === 'object' && at !== null && Object.hasOwn(at, key)) {
      at = (at as Readonly<Record<string, Json>>)[key] as Json;
    } else return ABSENT;
  }
  return at;
}

/** A constant that meets floating-point numbers is rounded to one. */
function meet(a: Value, b: Value): readonly [Raw, Raw] {
  const round = ({ raw, precision }: Value, other: Value): Raw => {
    if (precision !== 'constant' || (typeof raw !== 'number' && typeof raw !== 'bigint')) return raw;
    if (other.precision === 'float') return Math.fround(Number(raw));
    return other.precision === 'double' ? Number(raw) : raw;
  };
  return [round(a, b), round(b, a)];
}

export function compare(a: Value, op: ComparisonOp, b: Value): Truth {
  const [left, right] = meet(a, b);
  if (left === UNKNOWN || right === UNKNOWN) return undefined;
  const isNumbers =
    (typeof left === 'number' || typeof left === 'bigint') &&
    (typeof right === 'number' || typeof right === 'bigint');
  if (op === '==' || op === '!=') return equals(left, right, a, b) === (op === '==');
  if (isNumbers || (typeof left === 'boolean' && typeof right === 'boolean')) return ordered(left, op, right);
  // The order of code points is that of UTF-8 bytes.
  if (typeof left === 'string' && typeof right === 'string')
    return ordered(Buffer.compare(Buffer.from(left), Buffer.from(right)), op, 0);
  return false;
}

function ordered(
  left: bigint | number | boolean,
  op: ComparisonOp,
  right: bigint | number | boolean,
): boolean {
  if (op === '<') return left < right;
  if (op === '<=') return left <= right;
  if (op === '>') return left > right;
  return left >= right;
}

function equals(left: Raw, right: Raw, a: Value, b: Value): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    const pairs = left.map((raw, at): readonly [Value, Value] => [
      { raw: raw as Json, precision: a.precision },
      { raw: (right as readonly Json[])[at] as Json, precision: b.precision },
    ]);
    return left.length === right.length && pairs.every(([one, other]) => compare(one, '==', other) === true);
  }
  const isNumber = (raw: Raw): raw is number | bigint => typeof raw === 'number' || typeof raw === 'bigint';
  // Both bounds at once is equality by value, also of an integer with a double; NaN satisfies neither.
  if (isNumber(left) && isNumber(right)) return left <= right && left >= right;
  return (typeof left === 'string' || typeof left === 'boolean') && left === right;
}

export function isAmong(value: Value, list: readonly Value[]): Truth {
  if (value.raw === UNKNOWN) return undefined;
  return list.some((candidate) => compare(value, '==', candidate) === true);
}

export function arithmetic(op: string, a: Value, b: Value): Value {
  const precision = resultPrecision(a, b);
  const [left, right]: readonly [Raw, Raw] = precision === 'float' ? meet(a, b) : [a.raw, b.raw];
  const raw = left === UNKNOWN || right === UNKNOWN ? UNKNOWN : compute(op, left, right);
  return { raw: precision === 'float' && typeof raw === 'number' ? Math.fround(raw) : raw, precision };
}

function resultPrecision(a: Value, b: Value): Precision {
  const all = [a.precision, b.precision].filter((precision) => precision !== 'constant');
  if (all.length === 0) return 'constant';
  if (all.includes('json')) return 'json';
  if (all.every((one) => one === 'float')) return 'float';
  const hasFraction = [a, b].some(
    ({ raw, precision }) => precision === 'constant' && typeof raw === 'number',
  );
  return hasFraction || all.includes('float') || all.includes('double') ? 'double' : 'exact';
}

function compute(op: string, left: Raw, right: Raw): Raw {
  const isNumber = (raw: Raw): raw is number | bigint => typeof raw === 'number' || typeof raw === 'bigint';
  if (!isNumber(left) || !isNumber(right)) return ABSENT;
  if (typeof left === 'bigint' && typeof right === 'bigint' && op !== '**') {
    if ((op === '/' || op === '%') && right === 0n) return UNKNOWN;
    return BigInt.asIntN(64, integers[op]?.(left, right) ?? 0n);
  }
  const [x, y] = [Number(left), Number(right)];
  if (op === '+') return x + y;
  if (op === '-') return x - y;
  if (op === '*') return x * y;
  if (op === '/') return x / y;
  if (op === '%') return x % y;
  return op === '**' ? x ** y : ABSENT;
}

const integers: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};

/** A time moved by a duration like `P1Y2M3DT4H`, in the calendar of UTC. */
export function shift({ raw, precision }: Value, duration: string, sign: 1 | -1): Value {
  if (typeof raw !== 'bigint') return { raw, precision };
  const [, years, months, days, hours, minutes, seconds] =
    /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(duration) ?? [];
  const part = ((raw % 1000n) + 1000n) % 1000n;
  const date = new Date(Number((raw - part) / 1000n));
  // Not `Date.UTC`, which takes the years 0 to 99 for those of the 20th century.
  date.setUTCFullYear(
    date.getUTCFullYear() + sign * Number(years ?? 0),
    date.getUTCMonth() + sign * Number(months ?? 0),
    date.getUTCDate() + sign * Number(days ?? 0),
  );
  const moved = date.setUTCHours(
    date.getUTCHours() + sign * Number(hours ?? 0),
    date.getUTCMinutes() + sign * Number(minutes ?? 0),
    date.getUTCSeconds() + sign * Number(seconds ?? 0),
  );
  return { raw: BigInt(moved) * 1000n + part, precision };
}

/** Tries every length of what a `%` may match. */
export function likes(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '%') return text.some((_, at) => likes(text.slice(at), rest)) || likes([], rest);
  if (first === '_') return text.length > 0 && likes(text.slice(1), rest);
  const [literal, behind] = first === '\\' && rest.length > 0 ? [rest[0], rest.slice(1)] : [first, rest];
  return text[0] === literal && likes(text.slice(1), behind);
}
