// The meaning of a filter, written out: a slow evaluator of syntax trees over rows as plain objects, with three-valued logic. It knows
// nothing of checked trees, columns or indexes, so whatever these make of a filter is held against it. It trusts that the filter is well
// typed. Geometries and text functions are not in it; sampling keeps every row.
import type { Node, PathNode } from '../../src/expr/ast.js';
import {
  arithmetic,
  compare,
  constant,
  isAmong,
  isThere,
  type Json,
  likes,
  negate,
  type Precision,
  type Raw,
  shift,
  type Truth,
  UNKNOWN,
  type Value,
  walk,
} from './oracle-values.js';

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
