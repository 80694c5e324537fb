// Computes what constants alone decide: arithmetic, and comparisons of one constant with another.

import { computeDoubles, computeInts } from '#expr/arithmetic.js';
import type { ArithmeticOp, ComparisonOp } from '#expr/ast.js';
import { compareNumbers } from '#expr/number-order.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { compareText } from '#expr/text-order.js';
import { type Constant, constantTypeName, intConstant } from './constants.js';
import { shiftTime } from './times.js';

/** Names of the operators, in texts. */
export const opNames = {
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '%': 'modulo',
  '**': 'power',
  '<<': 'shift',
  '>>': 'shift',
  '&': 'bitand',
  '|': 'bitor',
  '^': 'bitxor',
} as const satisfies Record<ArithmeticOp, string>;

/** @throws FilterSyntaxError for types that do not go together, division by zero and results beyond 64 bits */
export function foldArithmetic(op: ArithmeticOp, left: Constant, right: Constant, at: number): Constant {
  if (left.type === 'time' && right.type === 'interval' && (op === '+' || op === '-')) {
    return shiftTime(left, right, op === '+' ? 1 : -1, at);
  }
  if (!isNumber(left) || !isNumber(right)) {
    const types = `${constantTypeName(left)} and ${constantTypeName(right)}`;
    throw new FilterSyntaxError(`'${opNames[op]}' cannot perform arithmetic between ${types}`, at);
  }
  if ((op === '/' || op === '%') && Number(right.value) === 0) {
    throw new FilterSyntaxError(`cannot ${opNames[op]} by zero`, at);
  }
  if (op === '<<' || op === '>>') throw notExecuted(op, at);
  if (left.type === 'int' && right.type === 'int' && op !== '**') {
    const result = computeInts(op, left.value, right.value);
    if (result !== undefined) return intConstant(result, at);
  }
  return { type: 'double', value: foldDoubles(op, Number(left.value), Number(right.value), at) };
}

const isNumber = (constant: Constant): constant is Constant & { readonly type: 'int' | 'double' } =>
  constant.type === 'int' || constant.type === 'double';

function foldDoubles(
  op: Exclude<ArithmeticOp, '<<' | '>>'>,
  left: number,
  right: number,
  at: number,
): number {
  if (op === '**') return left ** right;
  // A field's double, and one in JSON, has a remainder; Milvus folds none of constants.
  const result = op === '%' ? undefined : computeDoubles(op, left, right);
  if (result !== undefined) return result;
  throw new FilterSyntaxError(`${opNames[op]} can only apply on integer types`, at);
}

export const notExecuted = (op: ArithmeticOp, at: number): FilterSyntaxError =>
  new FilterSyntaxError(
    `${opNames[op]} is not supported: '${op}' is read, but Milvus has no way to execute it`,
    at,
  );

export function negateConstant(constant: Constant, at: number): Constant {
  if (constant.type === 'int') return intConstant(-constant.value, at);
  if (constant.type === 'double') return { type: 'double', value: -constant.value };
  throw new FilterSyntaxError(`'-' cannot be applied to ${constantTypeName(constant)}`, at);
}

/** Undefined: the two cannot be compared so. */
export function foldComparison(op: ComparisonOp, left: Constant, right: Constant): boolean | undefined {
  if (left.type === 'bool' && right.type === 'bool') {
    return op === '==' || op === '!=' ? (left.value === right.value) === (op === '==') : undefined;
  }
  const order = orderOf(left, right);
  return order === undefined ? undefined : holds(op, order);
}

/** Undefined: of types that have no common order. NaN: one of the two is. */
export function orderOf(left: Constant, right: Constant): number | undefined {
  if (isNumber(left) && isNumber(right)) return compareNumbers(left.value, right.value);
  if (left.type === 'time' && right.type === 'time') return compareNumbers(left.value, right.value);
  return left.type === 'text' && right.type === 'text' ? compareText(left.value, right.value) : undefined;
}

/** What the order of two values says about a comparison of them. */
export function holds(op: ComparisonOp, order: number): boolean {
  switch (op) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

export const turned = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
} as const satisfies Record<ComparisonOp, ComparisonOp>;

export const opposite = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
} as const satisfies Record<ComparisonOp, ComparisonOp>;
