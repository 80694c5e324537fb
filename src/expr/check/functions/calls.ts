// Functions that are true or false: which one a call names, and those over arrays and JSON.
import { ElanusError } from '#base/errors.js';
import type { Node } from '#expr/ast.js';
import type { Constant, ListConstant } from '#expr/check/constants.js';
import { known, leafOf } from '#expr/check/leaves.js';
import { fieldSet, jsonSet, setSize } from '#expr/check/value-sets.js';
import { type CheckContext, readValue } from '#expr/check/values.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { FieldOperand, JsonOperand, Predicate } from '#expr/typed.js';
import { type CallNode, checkArguments, constantArgument } from './call-arguments.js';
import { checkQuantifier, quantifiers, type ReadPredicate } from './elements.js';
import { checkMembership } from './membership-match.js';
import { checkNear, checkSpatial, checkValid, spatialOps } from './spatial.js';
import { checkTextMatch } from './text-match.js';

/** @throws FilterSyntaxError; unsupported for text functions */
export function checkCall(
  context: CheckContext,
  node: CallNode,
  negated: boolean,
  readPredicate: ReadPredicate,
): Predicate {
  const contains = /^(?:json|array)_contains(_all|_any|)$/.exec(node.name);
  if (contains !== null) return checkContains(context, node, contains[1] ?? '', negated);
  const spatial = spatialOps.get(node.name);
  if (spatial !== undefined) return checkSpatial(context, node, spatial, negated);
  const quantifier = quantifiers.get(node.name);
  if (quantifier !== undefined) return checkQuantifier(context, node, quantifier, negated, readPredicate);
  switch (node.name) {
    case 'st_dwithin':
      return checkNear(context, node, negated);
    case 'st_isvalid':
      return checkValid(context, node, negated);
    case 'text_match':
    case 'phrase_match':
    case 'text_match_fuzzy':
      return checkTextMatch(context, node, negated);
    case 'membership_match':
      return checkMembership(context, node, negated);
    case 'random_sample':
      throw new FilterSyntaxError(
        'random sample expression can only be the last expression in the logical and expression',
        node.begin,
      );
    case 'element_filter':
      throw new FilterSyntaxError(
        'element_filter can only be the last expression of a filter, joined by and',
        node.begin,
      );
    case 'array_length':
      throw new FilterSyntaxError('array_length gives a number, expected a comparison with it', node.begin);
    default:
      throw new FilterSyntaxError(`function ${node.name} not found`, node.begin);
  }
}

function checkContains(context: CheckContext, node: CallNode, mode: string, negated: boolean): Predicate {
  const what = mode === '' ? 'contains' : `contains${mode}`;
  checkArguments(node, 2);
  const [target, elements] = node.args as [Node, Node];
  const operand = containsOperand(context, target, what);
  const value = readValue(context, elements);
  if (value.kind === 'operand') {
    throw new FilterSyntaxError(
      `${what} operation are only supported explicitly specified element`,
      elements.begin,
    );
  }
  const list = mode === '' ? listOf(value.constant) : value.constant;
  if (list.type !== 'list')
    throw new FilterSyntaxError(`${what} operation element must be an array`, elements.begin);
  const { set, isWhole } =
    operand.kind === 'json'
      ? jsonSet(list, elements.begin)
      : fieldSet(operand.field, list, { zone: context.zone, strict: false }, elements.begin);
  const isAll = mode === '_all';
  // A value that no element can be equal to: all are never there; any is one of the others.
  if (isAll && !isWhole) return known(operand, negated);
  const size = setSize(set);
  if (size === 0 && (!isAll || operand.kind === 'field')) return known(operand, isAll !== negated);
  return leafOf({ kind: 'contains', operand, mode: isAll ? 'all' : 'any', values: set }, negated);
}

const listOf = (constant: Constant): ListConstant => ({ type: 'list', kind: 'mixed', values: [constant] });

function containsOperand(context: CheckContext, node: Node, what: string): FieldOperand | JsonOperand {
  const value = node.kind === 'path' ? readValue(context, node) : undefined;
  const operand = value?.kind === 'operand' ? value.operand : undefined;
  if (operand?.kind === 'json' || (operand?.kind === 'field' && operand.type === 'list')) return operand;
  throw new FilterSyntaxError(`${what} operation are only supported on json or array fields now`, node.begin);
}

/** `random_sample(0.5)`: the share of rows that is kept. @throws FilterSyntaxError; value_out_of_range, which has a code of its own */
export function readSampleShare(context: CheckContext, node: CallNode): number {
  checkArguments(node, 1);
  const share = constantArgument(context, node.args[0] as Node, '"float factor"');
  const value = share.type === 'double' || share.type === 'int' ? Number(share.value) : Number.NaN;
  if (value > SHARE_MARGIN && value < 1 - SHARE_MARGIN) return value;
  throw new ElanusError(
    'value_out_of_range',
    `the sample factor should be between 0 and 1 and not too close to 0 or 1(the difference should be larger than ${SHARE_MARGIN})`,
  );
}

const SHARE_MARGIN = 1e-10;
