// `in`, `is null` and `exists`.

import type { Node } from '#expr/ast.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { FieldRef, Operand, Predicate, ValueSet } from '#expr/typed.js';
import { isVectorType } from '#model/schema/data-type.js';
import { fieldTypeName } from './comparison.js';
import type { ListConstant } from './constants.js';
import { inPredicate } from './in-leaf.js';
import { constant, known, leafOf } from './leaves.js';
import { join } from './logic.js';
import { elementCountField, resolvePath } from './names.js';
import { fieldSet, jsonSet, listSet, type ReadSet } from './value-sets.js';
import { type CheckContext, readValue } from './values.js';

type NodeOf<K extends Node['kind']> = Extract<Node, { readonly kind: K }>;

export function checkIn(context: CheckContext, node: NodeOf<'in'>, outerNegated: boolean): Predicate {
  const negated = outerNegated !== node.negated;
  const value = readValue(context, node.operand);
  if (value.kind === 'constant') {
    throw new FilterSyntaxError("'term' can only be used on non-const expression", node.operand.begin);
  }
  const { operand } = value;
  if (operand.kind === 'arithmetic' || operand.kind === 'length' || operand.kind === 'shifted') {
    throw new FilterSyntaxError("'term' can only be used on single field", node.operand.begin);
  }
  const list = readList(context, node.list);
  const { set } = setFor(context, operand, list, node.list.begin);
  if (operand.type === 'list') return amongLists(operand, set, negated);
  return inPredicate(operand, set, negated);
}

/** Whole arrays are compared one by one: lists of them are short in practice. */
function amongLists(operand: Operand, { lists }: ValueSet, negated: boolean): Predicate {
  if (lists.length === 0) return known(operand, negated);
  const equal = lists.map((value) => leafOf({ kind: 'compare', operand, op: '==', value }, negated));
  return join(negated ? 'and' : 'or', equal);
}

/** @throws FilterSyntaxError when it is no list of constants */
export function readList(context: CheckContext, node: Node): ListConstant {
  const value = readValue(context, node);
  if (value.kind === 'constant' && value.constant.type === 'list') return value.constant;
  throw new FilterSyntaxError("the right-hand side of 'in' must be a list", node.begin);
}

function setFor({ zone }: CheckContext, operand: Operand, list: ListConstant, at: number): ReadSet {
  if (operand.kind === 'json') return jsonSet(list, at);
  if (!('field' in operand)) throw new FilterSyntaxError("'term' can only be used on single field", at);
  return operand.type === 'list'
    ? listSet(operand.field, list, at)
    : fieldSet(operand.field, list, { zone, strict: true }, at);
}

export function checkNull(context: CheckContext, node: NodeOf<'is-null'>, outerNegated: boolean): Predicate {
  const negated = outerNegated !== node.negated;
  const { operand } = node;
  // Elements are never null.
  if (operand.kind === 'current') {
    readValue(context, operand);
    return constant(negated);
  }
  if (operand.kind !== 'path')
    throw new FilterSyntaxError("'is null' needs a field or a path before it", node.begin);
  if (context.scope !== undefined) readValue(context, operand);
  const named = resolvePath(context.schema, operand);
  // Its members are null together; the struct itself has no column.
  if (named.kind === 'struct') return nullTest(elementCountField(named, node.begin), negated);
  if (named.kind === 'other') {
    if (isVectorType(named.field.dataType)) {
      throw new FilterSyntaxError(
        'IsNull/IsNotNull operations are not supported on vector fields',
        node.begin,
      );
    }
    return nullTest(named.field, negated);
  }
  return operandNullTest(named.operand, negated, node.begin);
}

function operandNullTest(operand: Operand, negated: boolean, at: number): Predicate {
  if (operand.kind === 'json') {
    if (operand.path.length > 0) return leafOf({ kind: 'exists', operand }, !negated);
    return nullTest(operand.field, negated);
  }
  if (operand.kind === 'field') return nullTest(operand.field, negated);
  if (operand.kind !== 'element')
    throw new FilterSyntaxError("'is null' needs a field or a path before it", at);
  // An element beyond the end is not there: the array is null or too short.
  if (negated) return known(operand, true);
  const length: Operand = {
    kind: 'length',
    type: 'int',
    of: { kind: 'field', type: 'list', field: operand.field },
  };
  return join('or', [
    nullTest(operand.field, false),
    { kind: 'compare', operand: length, op: '<=', value: { type: 'int', value: BigInt(operand.index) } },
  ]);
}

const nullTest = (field: FieldRef, negated: boolean): Predicate =>
  field.nullable ? { kind: 'is-null', field, negated } : constant(negated);

export function checkExists(context: CheckContext, node: NodeOf<'exists'>, negated: boolean): Predicate {
  const { operand } = node;
  if (operand.kind !== 'path' || context.scope !== undefined) {
    throw new FilterSyntaxError('exists operations are only supported on single fields now', node.begin);
  }
  const named = resolvePath(context.schema, operand);
  if (named.kind !== 'operand' || named.operand.kind !== 'json') {
    const type =
      named.kind === 'struct'
        ? 'ArrayOfStruct'
        : fieldTypeName('field' in named ? named.field : fieldOf(named.operand));
    throw new FilterSyntaxError(
      `exists operations are only supportted on json field, got:${type}`,
      node.begin,
    );
  }
  if (named.operand.path.length === 0) {
    throw new FilterSyntaxError('exists operations are only supportted on json key', node.begin);
  }
  return leafOf({ kind: 'exists', operand: named.operand }, negated);
}

function fieldOf(operand: Operand): FieldRef {
  if ('field' in operand) return operand.field;
  throw new FilterSyntaxError('exists operations are only supported on single fields now');
}
