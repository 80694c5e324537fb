// The meaning of a filter, written out: a slow evaluator of syntax trees over rows as plain objects, with three-valued logic. It knows
// nothing of checked trees, columns or indexes, so whatever these make of a filter is held against it. It trusts that the filter is well
// typed. Geometries and text functions are not in it; sampling keeps every row.
import type { ComparisonOp, Node, PathNode } from '../../src/expr/ast.js';

/** A JSON value; whole numbers of 64 bits are bigints. */
export type Json =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };
/**
 * By field name: integers and times (microseconds) as bigint, a struct array as a list of objects, `$meta` as an object. A field that is null
 * is undefined; null is the null of JSON.
 */
export type Row = Readonly<Record<string, Json | undefined>>;
/** What the oracle must know of fields: those of floating-point numbers, or arrays of them, and those of JSON. All others are plain. */
export interface OracleSchema {
  readonly floats: ReadonlySet<string>;
  readonly doubles: ReadonlySet<string>;
  readonly json: ReadonlySet<string>;
}

/** Undefined: unknown. */
export type Truth = boolean | undefined;

/** A value of a row that is null, or is not there. */
const UNKNOWN = Symbol('unknown');
/** Nothing at a JSON path. */
const ABSENT = Symbol('absent');
type Raw = Json | typeof UNKNOWN | typeof ABSENT;
/** How numbers of the value are computed with: a constant takes the precision of what it meets; JSON and integers are exact. */
type Precision = 'constant' | 'float' | 'double' | 'json' | 'exact';
interface Value {
  readonly raw: Raw;
  readonly precision: Precision;
}

export class FilterOracle {
  readonly #schema: OracleSchema;

  constructor(schema: OracleSchema) {
    this.#schema = schema;
  }

  /** Whether a row passes; the elements of `element_filter` play no part. */
  passes(node: Node, row: Row): boolean {
    return this.truth(node, row) === true;
  }

  /** Positions of the elements that `element_filter`, the last part of the filter, keeps of a row. */
  elements(node: Node, row: Row): number[] {
    const last = node.kind === 'and' ? node.operands.at(-1) : node;
    if (last?.kind !== 'call' || last.name !== 'element_filter') throw new Error('no element_filter');
    const elements = this.#elementsOf(last.args[0] as Node, row) ?? [];
    return elements.flatMap((element, at) =>
      this.truth(last.args[1] as Node, row, element) === true ? [at] : [],
    );
  }

  /** @param element what `$` is */
  truth(node: Node, row: Row, element?: Json): Truth {
    switch (node.kind) {
      case 'and': {
        const results = node.operands.map((operand) => this.truth(operand, row, element));
        return results.includes(false) ? false : results.includes(undefined) ? undefined : true;
      }
      case 'or': {
        const results = node.operands.map((operand) => this.truth(operand, row, element));
        return results.includes(true) ? true : results.includes(undefined) ? undefined : false;
      }
      case 'not':
        return negate(this.truth(node.operand, row, element));
      case 'compare':
        return compare(this.#value(node.left, row, element), node.op, this.#value(node.right, row, element));
      case 'chain': {
        const middle = this.#value(node.middle, row, element);
        const first = compare(this.#value(node.first, row, element), node.firstOp, middle);
        const last = compare(middle, node.lastOp, this.#value(node.last, row, element));
        return first === false || last === false
          ? false
          : first === undefined || last === undefined
            ? undefined
            : true;
      }
      case 'in': {
        const found = isAmong(this.#value(node.operand, row, element), this.#constants(node.list));
        return node.negated ? negate(found) : found;
      }
      case 'match':
        return this.#match(node, row, element);
      case 'exists':
        return isThere(this.#value(node.operand, row, element).raw);
      case 'is-null': {
        const { raw } = this.#value(node.operand, row, element);
        // A field of JSON that holds the null of JSON holds something; a key of one does not.
        const isField =
          node.operand.kind === 'path' &&
          node.operand.steps.length === 0 &&
          Object.hasOwn(row, node.operand.name);
        const isNull = isField ? raw === UNKNOWN : !isThere(raw);
        return node.negated ? !isNull : isNull;
      }
      case 'call':
        return this.#call(node, row, element);
      default: {
        const { raw } = this.#value(node, row, element);
        return typeof raw === 'boolean' ? raw : undefined;
      }
    }
  }

  #match(node: Extract<Node, { readonly kind: 'match' }>, row: Row, element: Json | undefined): Truth {
    const { raw } = this.#value(node.operand, row, element);
    const pattern = this.#value(node.pattern, row, element).raw;
    if (raw === UNKNOWN) return undefined;
    if (typeof raw !== 'string' || typeof pattern !== 'string') return node.op === '!~';
    if (node.op === 'like') return likes([...raw], [...pattern]);
    return new RegExp(pattern, 'u').test(raw) === (node.op === '=~');
  }

  #call(node: Extract<Node, { readonly kind: 'call' }>, row: Row, element: Json | undefined): Truth {
    const [first, second] = node.args as [Node, Node];
    const contains = /_contains(_all|_any|)$/.exec(node.name)?.[1];
    if (contains !== undefined) {
      const target = this.#value(first, row, element);
      const wanted = contains === '' ? [this.#value(second, row, element)] : this.#constants(second);
      if (target.raw === UNKNOWN) return undefined;
      if (!Array.isArray(target.raw)) return false;
      const elements = target.raw.map((raw): Value => ({ raw: raw as Json, precision: target.precision }));
      const has = (value: Value): boolean =>
        elements.some((candidate) => compare(candidate, '==', value) === true);
      return contains === '_all' ? wanted.every(has) : wanted.some(has);
    }
    if (node.name === 'random_sample' || node.name === 'element_filter') return true;
    const elements = this.#elementsOf(first, row);
    if (elements === undefined) return undefined;
    const count = elements.filter((candidate) => this.truth(second, row, candidate) === true).length;
    const option = node.options[0]?.value;
    const threshold = option?.kind === 'int' ? Number(option.value) : 0;
    switch (node.name) {
      case 'match_all':
        return count === elements.length;
      case 'match_any':
        return count > 0;
      case 'match_least':
        return count >= threshold;
      case 'match_most':
        return count <= threshold;
      case 'match_exact':
        return count === threshold;
      default:
        throw new Error(`the oracle does not know ${node.name}`);
    }
  }

  /** Undefined: the array is null. */
  #elementsOf(node: Node, row: Row): readonly Json[] | undefined {
    const { raw } = this.#value(node, row, undefined);
    return Array.isArray(raw) ? (raw as readonly Json[]) : undefined;
  }

  /** The values of a list that is written out. */
  #constants(node: Node): Value[] {
    if (node.kind === 'ints') return [...node.values].map(constant);
    if (node.kind === 'strings') return node.values.map(constant);
    if (node.kind === 'list') return node.elements.map((element) => this.#value(element, {}, undefined));
    throw new Error(`no list but ${node.kind}`);
  }

  #value(node: Node, row: Row, element: Json | undefined): Value {
    switch (node.kind) {
      case 'bool':
      case 'double':
      case 'string':
        return constant(node.value);
      case 'int':
        return constant(node.value);
      case 'iso':
        return constant(BigInt(Date.parse(node.text)) * 1000n);
      case 'ints':
      case 'strings':
      case 'list':
        return constant(this.#constants(node).map(({ raw }) => raw as Json));
      case 'path':
        return this.#path(node, row);
      case 'current':
        return this.#current(node, element);
      case 'unary': {
        const value = this.#value(node.operand, row, element);
        return node.op === '-' ? arithmetic('-', constant(0n), value) : value;
      }
      case 'arithmetic':
        if (node.right.kind === 'interval') {
          return shift(this.#value(node.left, row, element), node.right.text, node.op === '+' ? 1 : -1);
        }
        return arithmetic(
          node.op,
          this.#value(node.left, row, element),
          this.#value(node.right, row, element),
        );
      case 'call':
        return this.#length(this.#value(node.args[0] as Node, row, element).raw);
      default: {
        const truth = this.truth(node, row, element);
        return { raw: truth ?? UNKNOWN, precision: 'exact' };
      }
    }
  }

  /** `array_length`: what is no array at a JSON path has none. */
  #length(raw: Raw): Value {
    if (raw === UNKNOWN) return { raw, precision: 'exact' };
    return { raw: Array.isArray(raw) ? BigInt(raw.length) : 0n, precision: 'exact' };
  }

  #current(node: Extract<Node, { readonly kind: 'current' }>, element: Json | undefined): Value {
    if (node.member === undefined) return { raw: element ?? UNKNOWN, precision: 'exact' };
    return { raw: (element as Readonly<Record<string, Json>>)[node.member] ?? UNKNOWN, precision: 'exact' };
  }

  #path(node: PathNode, row: Row): Value {
    const isField = Object.hasOwn(row, node.name) && node.name !== '$meta';
    const field = isField ? node.name : '$meta';
    const precision = this.#precisionOf(field);
    const at = row[field];
    if (at === undefined) return { raw: UNKNOWN, precision };
    const keys = node.steps.map((step) =>
      step.kind === 'key' ? step.key : step.kind === 'index' ? String(step.index) : step.name,
    );
    if (!isField && node.name !== '$meta') keys.unshift(node.name);
    if (this.#schema.json.has(field)) return { raw: walk(at, keys), precision };
    return { raw: this.#plain(at, keys), precision };
  }

  #precisionOf(field: string): Precision {
    const { floats, doubles, json } = this.#schema;
    return floats.has(field) ? 'float' : doubles.has(field) ? 'double' : json.has(field) ? 'json' : 'exact';
  }

  /** An element of an array, a member of all structs or of one. */
  #plain(at: Json, keys: readonly string[]): Raw {
    const [first, second] = keys;
    if (first === undefined) return at;
    const list = at as readonly Json[];
    if (!/^\d+$/.test(first))
      return list.map((struct) => (struct as Readonly<Record<string, Json>>)[first] as Json);
    const element = list[Number(first)];
    if (element === undefined) return UNKNOWN;
    return second === undefined ? element : ((element as Readonly<Record<string, Json>>)[second] ?? UNKNOWN);
  }
}

const constant = (raw: Json): Value => ({ raw, precision: 'constant' });
const negate = (truth: Truth): Truth => (truth === undefined ? undefined : !truth);
const isThere = (raw: Raw): boolean => raw !== UNKNOWN && raw !== ABSENT && raw !== null;

function walk(json: Json, keys: readonly string[]): Raw {
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

function compare(a: Value, op: ComparisonOp, b: Value): Truth {
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

function isAmong(value: Value, list: readonly Value[]): Truth {
  if (value.raw === UNKNOWN) return undefined;
  return list.some((candidate) => compare(value, '==', candidate) === true);
}

function arithmetic(op: string, a: Value, b: Value): Value {
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
function shift({ raw, precision }: Value, duration: string, sign: 1 | -1): Value {
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
function likes(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '%') return text.some((_, at) => likes(text.slice(at), rest)) || likes([], rest);
  if (first === '_') return text.length > 0 && likes(text.slice(1), rest);
  const [literal, behind] = first === '\\' && rest.length > 0 ? [rest[0], rest.slice(1)] : [first, rest];
  return text[0] === literal && likes(text.slice(1), behind);
}
