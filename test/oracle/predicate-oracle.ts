// A slow, obvious evaluator of checked predicates, row by row over plain values: what column-wise evaluation is compared with. It shares no
// code with it.

import type { Leaf, Literal, Operand, Predicate, ValueSet } from '#expr/typed.js';
import { unpackedTexts } from '../../src/expr/text-set.js';

export type Json =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** By field id. Ints and times are bigint, JSON is `{ json }`, arrays are arrays; null is null. */
export type Row = ReadonlyMap<bigint, unknown>;

/** `true`, `false`, or undefined: unknown. */
export function evaluate(predicate: Predicate, row: Row, element?: number): boolean | undefined {
  switch (predicate.kind) {
    case 'constant':
      return predicate.value;
    case 'and': {
      const results = predicate.operands.map((operand) => evaluate(operand, row, element));
      if (results.includes(false)) return false;
      return results.includes(undefined) ? undefined : true;
    }
    case 'or': {
      const results = predicate.operands.map((operand) => evaluate(operand, row, element));
      if (results.includes(true)) return true;
      return results.includes(undefined) ? undefined : false;
    }
    case 'not': {
      const result = evaluate(predicate.operand, row, element);
      return result === undefined ? undefined : !result;
    }
    default:
      return evaluateLeaf(predicate, row, element);
  }
}

/** Nothing at a JSON path. */
const MISSING = { missing: true } as const;
/** Undefined: unknown. */
type Value = Json | readonly unknown[] | undefined;

function evaluateLeaf(leaf: Leaf, row: Row, element: number | undefined): boolean | undefined {
  switch (leaf.kind) {
    case 'compare':
      return known([read(leaf.operand, row, element)], (value) => compares(value, leaf.op, leaf.value));
    case 'range':
      return known(
        [read(leaf.operand, row, element)],
        (value) =>
          compares(value, leaf.lowerInclusive ? '>=' : '>', leaf.lower) &&
          compares(value, leaf.upperInclusive ? '<=' : '<', leaf.upper),
      );
    case 'compare-operands': {
      const [left, right] = [read(leaf.left, row, element), read(leaf.right, row, element)];
      return known([left, right], () => holds(order(left, right), leaf.op));
    }
    case 'in':
      return known([read(leaf.operand, row, element)], (value) => isAmong(value, leaf.values));
    case 'like': {
      const source =
        leaf.pattern.kind === 'general'
          ? leaf.pattern.parts
              .map((part) => (part.kind === 'text' ? quote(part.text) : part.kind === 'one' ? '.' : '.*'))
              .join('')
          : `${leaf.pattern.kind === 'suffix' || leaf.pattern.kind === 'infix' ? '.*' : ''}${quote(leaf.pattern.text)}${
              leaf.pattern.kind === 'prefix' || leaf.pattern.kind === 'infix' ? '.*' : ''
            }`;
      const regex = new RegExp(`^(?:${source})$`, 'su');
      return known(
        [read(leaf.operand, row, element)],
        (value) => typeof value === 'string' && regex.test(value),
      );
    }
    case 'regex':
      return known(
        [read(leaf.operand, row, element)],
        (value) => typeof value === 'string' && new RegExp(leaf.source, 'u').test(value),
      );
    case 'is-null':
      return ((row.get(leaf.field.fieldId) ?? null) === null) !== leaf.negated;
    case 'exists': {
      const value = read(leaf.operand, row, element);
      return value !== undefined && value !== MISSING && value !== null;
    }
    case 'contains':
      return known([read(leaf.operand, row, element)], (value) => {
        if (!Array.isArray(value)) return false;
        const wanted = membersOf(leaf.values);
        const has = (one: Literal): boolean => value.some((member) => compares(member, '==', one));
        return leaf.mode === 'all' ? wanted.every(has) : wanted.some(has);
      });
    case 'spatial':
    case 'near':
    case 'valid-geometry':
      throw new TypeError(`a leaf of kind ${leaf.kind}, expected one without geometry`);
    case 'match': {
      const over = row.get(leaf.elements.over.fieldId);
      if (!Array.isArray(over)) return undefined;
      const { predicate } = leaf.elements;
      const count = over.filter((_, index) => evaluate(predicate, row, index) === true).length;
      const { threshold } = leaf;
      return {
        all: count === over.length,
        any: count > 0,
        least: count >= threshold,
        most: count <= threshold,
        exact: count === threshold,
      }[leaf.quantifier];
    }
  }
}

const quote = (text: string): string => text.replace(/[$()*+./?[\\\]^{|}]/g, '\\$&');

function known(values: readonly Value[], decide: (value: Value) => boolean): boolean | undefined {
  return values.includes(undefined) ? undefined : decide(values[0]);
}

function read(operand: Operand, row: Row, element: number | undefined): Value {
  switch (operand.kind) {
    case 'field':
      return (row.get(operand.field.fieldId) ?? undefined) as Value;
    case 'element': {
      const array = row.get(operand.field.fieldId);
      return Array.isArray(array) ? array[operand.index] : undefined;
    }
    case 'current': {
      const array = row.get(operand.field.fieldId);
      return Array.isArray(array) && element !== undefined ? array[element] : undefined;
    }
    case 'json': {
      const field = row.get(operand.field.fieldId) as { readonly json: Json } | null;
      return field === null ? undefined : atPath(field.json, operand.path);
    }
    case 'length': {
      const value = read(operand.of, row, element);
      if (value === undefined) return undefined;
      return Array.isArray(value) ? BigInt(value.length) : 0n;
    }
    case 'constant':
      return operand.value;
    case 'shifted': {
      const time = row.get(operand.field.fieldId);
      return typeof time === 'bigint' ? shift(time, operand.months) + operand.micros : undefined;
    }
    case 'arithmetic': {
      const [left, right] = [read(operand.left, row, element), read(operand.right, row, element)];
      if (left === undefined || right === undefined) return undefined;
      return compute(operand, left, right);
    }
  }
}

function atPath(json: Json, path: readonly string[]): Value {
  let value: Json | undefined = json;
  for (const step of path) {
    if (Array.isArray(value)) value = /^\d+$/.test(step) ? (value[Number(step)] as Json) : undefined;
    else if (typeof value === 'object' && value !== null && Object.hasOwn(value, step))
      value = (value as { readonly [key: string]: Json })[step];
    else value = undefined;
    if (value === undefined) return MISSING;
  }
  return value as Value;
}

function shift(micros: bigint, months: number): bigint {
  const day = 86_400_000_000n;
  let days = micros / day;
  if (days * day > micros) days--;
  const date = new Date(Number(days) * 86_400_000);
  // Not `Date.UTC`, which takes the years 0 to 99 for those of the 20th century.
  const moved = date.setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth() + months, date.getUTCDate());
  return BigInt(moved) * 1000n + (micros - days * day);
}

function compute({ op, type }: Operand & { readonly kind: 'arithmetic' }, left: Value, right: Value): Value {
  if (typeof left === 'bigint' && typeof right === 'bigint') {
    if ((op === '/' || op === '%') && right === 0n) return undefined;
    const result = {
      '+': () => left + right,
      '-': () => left - right,
      '*': () => left * right,
      '/': () => left / right,
      '%': () => left % right,
      '&': () => left & right,
      '|': () => left | right,
      '^': () => left ^ right,
    }[op]();
    return BigInt.asIntN(64, result);
  }
  const isNumber = (value: Value): boolean => typeof value === 'bigint' || typeof value === 'number';
  if (!isNumber(left) || !isNumber(right) || '&|^'.includes(op)) return MISSING;
  const [a, b] = [Number(left), Number(right)];
  const result = op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : op === '/' ? a / b : a % b;
  return type === 'float' ? Math.fround(result) : result;
}

/** NaN: no order, and not equal. */
function order(left: unknown, right: unknown): number {
  if (typeof left === 'string' && typeof right === 'string')
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  if (typeof left === 'object' || typeof right === 'object') return Number.NaN;
  const [a, b] = [Number(left), Number(right)];
  if (typeof left === 'bigint' && typeof right === 'bigint') return left < right ? -1 : left > right ? 1 : 0;
  const numbers = [left, right].every((one) => ['number', 'bigint'].includes(typeof one));
  if (numbers && typeof left !== typeof right) {
    const [x, y] = [left as number, right as number];
    return x < y ? -1 : x > y ? 1 : Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : 0;
  }
  if (typeof left !== typeof right) return Number.NaN;
  return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
}

function holds(sign: number, op: string): boolean {
  switch (op) {
    case '==':
      return sign === 0;
    case '!=':
      return sign !== 0;
    case '<':
      return sign < 0;
    case '<=':
      return sign <= 0;
    case '>':
      return sign > 0;
    default:
      return sign >= 0;
  }
}

function compares(value: unknown, op: string, literal: Literal): boolean {
  if (literal.type === 'list') {
    const isEqual =
      Array.isArray(value) &&
      value.length === literal.values.length &&
      literal.values.every((one, index) => compares(value[index], '==', one));
    return op === '==' ? isEqual : !isEqual;
  }
  return holds(order(value, literal.value), op);
}

function membersOf({ bools, ints, doubles, texts, lists }: ValueSet): Literal[] {
  return [
    ...bools.map((value): Literal => ({ type: 'bool', value })),
    ...Array.from(ints, (value): Literal => ({ type: 'int', value })),
    ...Array.from(doubles, (value): Literal => ({ type: 'double', value })),
    ...Array.from(unpackedTexts(texts), (value): Literal => ({ type: 'text', value })),
    ...lists,
  ];
}

const isAmong = (value: unknown, set: ValueSet): boolean =>
  membersOf(set).some((one) => compares(value, '==', one));
