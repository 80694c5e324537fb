// `membership_match(field, {values}, type=bloom)`: whether a value is in a set that the client made and sends as bytes, packed. A Roaring
// bitmap is exact, and a small one becomes what `in` with a list would be; a Bloom filter also passes a few values that never went in.

import { fieldTypeName } from '#expr/check/comparison.js';
import type { ListConstant } from '#expr/check/constants.js';
import { inPredicate } from '#expr/check/in-leaf.js';
import { known, leafOf } from '#expr/check/leaves.js';
import { templateBytes } from '#expr/check/templates.js';
import { fieldSet } from '#expr/check/value-sets.js';
import { type CheckContext, readValue } from '#expr/check/values.js';
import { type BloomMembers, readBloom } from '#expr/members/bloom-members.js';
import { membersOf, type RoaringMembers, readRoaring } from '#expr/members/roaring-members.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { FieldOperand, JsonOperand, Predicate, ValueSet } from '#expr/typed.js';
import { type CallNode, checkArguments } from './call-arguments.js';

/** Members that are looked up as those of a list: indexes and the table of primary keys know these. As many as a list of keys may have. */
const LISTED_MAX = 1_000_000;

/** @throws FilterSyntaxError */
export function checkMembership(context: CheckContext, node: CallNode, negated: boolean): Predicate {
  checkArguments(node, 2, ['type']);
  const type = typeOf(node);
  const operand = membershipOperand(context, node, type);
  const value = node.args[1];
  if (value?.kind !== 'template')
    throw new FilterSyntaxError(
      'the second argument of membership_match must be an expression template, as {values}, whose value is bytes',
      value?.begin ?? node.begin,
    );
  const bytes = templateBytes(context.templates, value.name, value.begin);
  if (type === 'bloom') {
    const members = readBloom(bytes, value.begin);
    if (!members.hasInts && !members.hasTexts) return known(operand, negated);
    checkKinds(operand, members, value.begin);
    return leafOf({ kind: 'member', operand, members }, negated);
  }
  const members = readRoaring(bytes, value.begin);
  return members.count <= LISTED_MAX
    ? inPredicate(operand, listed(context, operand, members, value.begin), negated)
    : leafOf({ kind: 'member', operand, members }, negated);
}

function listed(
  { zone }: CheckContext,
  { field }: FieldOperand | JsonOperand,
  members: RoaringMembers,
  at: number,
): ValueSet {
  const list: ListConstant = { type: 'list', kind: 'ints', values: membersOf(members) };
  return fieldSet(field, list, { zone, strict: true }, at).set;
}

function typeOf({ options: [option, second], begin }: CallNode): 'bloom' | 'roaring' {
  const value = option?.value;
  if (second !== undefined) throw new FilterSyntaxError('membership_match has type twice', second.begin);
  if (value?.kind === 'path' && value.steps.length === 0)
    if (value.name === 'bloom' || value.name === 'roaring') return value.name;
  throw new FilterSyntaxError(
    'membership_match needs type=bloom or type=roaring behind its values',
    option?.begin ?? begin,
  );
}

function membershipOperand(
  context: CheckContext,
  node: CallNode,
  type: 'bloom' | 'roaring',
): FieldOperand | JsonOperand {
  const argument = node.args[0];
  const value = argument?.kind === 'path' ? readValue(context, argument) : undefined;
  const operand = value?.kind === 'operand' ? value.operand : undefined;
  if (operand?.kind === 'field' && operand.type === 'int') return operand;
  if (type === 'bloom' && operand?.kind === 'field' && operand.type === 'text') return operand;
  if (type === 'bloom' && operand?.kind === 'json') return operand;
  const got = operand !== undefined && 'field' in operand ? `, got ${fieldTypeName(operand.field)}` : '';
  throw new FilterSyntaxError(
    `membership_match with type=${type} asks ${type === 'bloom' ? 'fields of Int8 to Int64 and VarChar, and paths in JSON' : 'fields of Int8 to Int64'}${got}`,
    argument?.begin ?? node.begin,
  );
}

function checkKinds(operand: FieldOperand | JsonOperand, members: BloomMembers, at: number): void {
  if (operand.type === 'json' || (operand.type === 'text' ? members.hasTexts : members.hasInts)) return;
  throw new FilterSyntaxError(
    `the Bloom filter was made of ${members.hasTexts ? 'texts' : 'integers'}, and field ${operand.field.name} is ${fieldTypeName(operand.field)}`,
    at,
  );
}
