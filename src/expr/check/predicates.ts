// Reads what is true or false of a row. A negation is handed down to the leaves, where it is taken in, so no `not` is above anything
// else in the result. All operands are read even when one of them has decided, so that every error is reported.

import type { ComparisonOp, Node } from '#expr/ast.js';
import { checkCall } from '#expr/check/functions/calls.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { Operand, Predicate } from '#expr/typed.js';
import { compareConstant, incompatible, operandTypeName } from './comparison.js';
import { type Constant, constantTypeName } from './constants.js';
import { foldComparison, holds, orderOf, turned } from './fold.js';
import { constant, leafOf } from './leaves.js';
import { join } from './logic.js';
import { checkMatch } from './matching.js';
import { checkExists, checkIn, checkNull } from './membership.js';
import { type CheckContext, readValue, type Value } from './values.js';

type NodeOf<K extends Node['kind']> = Extract<Node, { readonly kind: K }>;

/** What a predicate is an operand of. */
type Parent = 'and' | 'or' | 'not';

/**
 * @param negated reads the opposite: what is true where this is false
 * @throws FilterSyntaxError; NotBooleanError when the whole is a value; unsupported
 */
export function checkPredicate(
  context: CheckContext,
  node: Node,
  negated: boolean,
  parent?: Parent,
): Predicate {
  switch (node.kind) {
    case 'and':
    case 'or':
      return checkLogic(context, node, negated);
    case 'not':
      return checkNot(context, node, negated);
    case 'compare':
      return checkComparison(context, node, negated);
    case 'chain':
      return checkChain(context, node, negated);
    case 'match':
      return checkMatch(context, node, negated);
    case 'in':
      return checkIn(context, node, negated);
    case 'is-null':
      return checkNull(context, node, negated);
    case 'exists':
      return checkExists(context, node, negated);
    case 'call':
      return checkCall(context, node, negated, readPredicate);
    default:
      return checkBare(context, node, negated, parent);
  }
}

const readPredicate = (context: CheckContext, node: Node, negated: boolean): Predicate =>
  checkPredicate(context, node, negated);

function checkLogic(context: CheckContext, node: NodeOf<'and' | 'or'>, negated: boolean): Predicate {
  const operands: Predicate[] = [];
  for (const operand of node.operands)
    operands.push(checkPredicate(context, saysTrueOrFalse(operand, node.kind), negated, node.kind));
  return join((node.kind === 'and') !== negated ? 'and' : 'or', operands);
}

const sampleAlone = 'random sample expression can only be the last expression in the logical and expression';

/** Refuses what only the whole of a filter can have at its end. */
function saysTrueOrFalse(node: Node, where: Parent): Node {
  if (node.kind !== 'call' || (node.name !== 'random_sample' && node.name !== 'element_filter')) return node;
  if (node.name === 'element_filter') {
    throw new FilterSyntaxError(
      'element_filter can only be the last expression of a filter, joined by and',
      node.begin,
    );
  }
  if (where === 'and') throw new FilterSyntaxError(sampleAlone, node.begin);
  const place = where === 'or' ? 'logical or' : 'unary';
  throw new FilterSyntaxError(`random sample expression cannot be used in ${place} expression`, node.begin);
}

function checkNot(context: CheckContext, node: NodeOf<'not'>, negated: boolean): Predicate {
  // A run of them, however long, is one or none.
  let inner: Node = node;
  let isNegated = negated;
  for (; inner.kind === 'not'; inner = inner.operand) isNegated = !isNegated;
  return checkPredicate(context, saysTrueOrFalse(inner, 'not'), isNegated, 'not');
}

/** A boolean on its own: a constant or a field. */
function checkBare(
  context: CheckContext,
  node: Node,
  negated: boolean,
  parent: Parent | undefined,
): Predicate {
  const value = readValue(context, node);
  if (value.kind === 'constant' && value.constant.type === 'bool')
    return constant(value.constant.value !== negated);
  if (value.kind === 'operand' && value.operand.type === 'bool') {
    return leafOf(
      { kind: 'compare', operand: value.operand, op: '==', value: { type: 'bool', value: true } },
      negated,
    );
  }
  const type = typeNameOf(value);
  if (parent === undefined) throw new NotBooleanError(type, node.begin);
  const what =
    parent === 'not' ? 'not can only apply on boolean' : `'${parent}' can only be used between boolean`;
  throw new FilterSyntaxError(`${what} expressions, got a value of type ${type}`, node.begin);
}

const typeNameOf = (value: Value): string =>
  value.kind === 'constant' ? constantTypeName(value.constant) : operandTypeName(value.operand);

/** The whole says nothing true or false. */
export class NotBooleanError extends FilterSyntaxError {
  readonly dataType: string;

  constructor(dataType: string, at: number) {
    super(`predicate is not a boolean expression, data type: ${dataType}`, at);
    this.dataType = dataType;
  }
}

function checkComparison(context: CheckContext, node: NodeOf<'compare'>, negated: boolean): Predicate {
  const left = readValue(context, node.left);
  const right = readValue(context, node.right);
  return compareValues(context, { left, op: node.op, right, negated, at: node.begin });
}

interface Comparing {
  readonly left: Value;
  readonly op: ComparisonOp;
  readonly right: Value;
  readonly negated: boolean;
  readonly at: number;
}

function compareValues({ zone }: CheckContext, { left, op, right, negated, at }: Comparing): Predicate {
  if (left.kind === 'constant' && right.kind === 'constant') {
    const result = foldComparison(op, left.constant, right.constant);
    if (result === undefined)
      throw incompatible(constantTypeName(left.constant), constantTypeName(right.constant), at);
    return constant(result !== negated);
  }
  if (left.kind === 'operand' && right.kind === 'operand')
    return compareOperands(left.operand, op, right.operand, negated, at);
  if (left.kind === 'constant' && right.kind === 'operand') {
    return compareWithConstant(right.operand, turned[op], left.constant, { negated, zone, at });
  }
  if (left.kind === 'operand' && right.kind === 'constant') {
    return compareWithConstant(left.operand, op, right.constant, { negated, zone, at });
  }
  return constant(false);
}

interface Where {
  readonly negated: boolean;
  readonly zone: string;
  readonly at: number;
}

function compareWithConstant(
  operand: Operand,
  op: ComparisonOp,
  constant: Constant,
  { negated, zone, at }: Where,
): Predicate {
  // A time moved by days and hours alone is as well compared unmoved, with the constant moved back.
  if (operand.kind === 'shifted' && operand.months === 0 && constant.type === 'time') {
    const value = constant.value - operand.micros;
    const unmoved: Operand = { kind: 'field', type: 'time', field: operand.field };
    return compareConstant({ operand: unmoved, op, constant: { type: 'time', value }, negated, zone, at });
  }
  return compareConstant({ operand, op, constant, negated, zone, at });
}

function compareOperands(
  left: Operand,
  op: ComparisonOp,
  right: Operand,
  negated: boolean,
  at: number,
): Predicate {
  if (left.type === 'json' || right.type === 'json') {
    throw new FilterSyntaxError('two column comparison with JSON type is not supported', at);
  }
  if (left.type === 'list' || right.type === 'list') {
    throw new FilterSyntaxError('can not comparisons array fields directly', at);
  }
  const isSame = left.type === right.type || (isNumber(left) && isNumber(right));
  if (!isSame) throw incompatible(operandTypeName(left), operandTypeName(right), at);
  return leafOf({ kind: 'compare-operands', left, op, right }, negated);
}

const isNumber = ({ type }: Operand): boolean => type === 'int' || type === 'float' || type === 'double';

/** `1 < a <= 9` is `1 < a and a <= 9`. */
function checkChain(context: CheckContext, node: NodeOf<'chain'>, negated: boolean): Predicate {
  const first = readValue(context, node.first);
  const middle = readValue(context, node.middle);
  const last = readValue(context, node.last);
  const isRising = node.firstOp === '<' || node.firstOp === '<=';
  if (middle.kind === 'constant') {
    throw new FilterSyntaxError(
      'range operations are only supported on single fields now: a constant is in the middle',
      node.middle.begin,
    );
  }
  if (first.kind === 'operand') throw notConstant(isRising ? 'lowerbound' : 'upperbound', node.first.begin);
  if (last.kind === 'operand') throw notConstant(isRising ? 'upperbound' : 'lowerbound', node.last.begin);
  const order = orderOf(first.constant, last.constant);
  const isOpen = node.firstOp.length === 1 || node.lastOp.length === 1;
  // Such a range holds for no value, which is more likely a slip of the hand than a wish.
  if (order !== undefined && !holds(isRising ? (isOpen ? '<' : '<=') : isOpen ? '>' : '>=', order)) {
    throw new FilterSyntaxError('invalid range: lowerbound is greater than upperbound', node.begin);
  }
  const at = node.begin;
  const parts = [
    compareValues(context, { left: first, op: node.firstOp, right: middle, negated, at }),
    compareValues(context, { left: middle, op: node.lastOp, right: last, negated, at }),
  ];
  return join(negated ? 'or' : 'and', parts);
}

const notConstant = (which: string, at: number): FilterSyntaxError =>
  new FilterSyntaxError(`${which} cannot be a non-const expression`, at);
