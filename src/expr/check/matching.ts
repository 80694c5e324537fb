// `like`, `=~` and `!~`.
import { ElanusError } from '#base/errors.js';
import type { Node } from '#expr/ast.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { compileRegex } from '#expr/regex.js';
import type { Operand, Predicate } from '#expr/typed.js';
import { known, leafOf } from './leaves.js';
import { likePattern } from './like-pattern.js';
import { type CheckContext, readValue } from './values.js';

type MatchNode = Extract<Node, { readonly kind: 'match' }>;

export function checkMatch(context: CheckContext, node: MatchNode, negated: boolean): Predicate {
  const name = node.op === 'like' ? 'like' : 'regex';
  const operand = textOperand(context, node.operand, name);
  const pattern = readValue(context, node.pattern);
  if (pattern.kind !== 'constant' || pattern.constant.type !== 'text') {
    throw new FilterSyntaxError(`the pattern of ${name} must be a string`, node.pattern.begin);
  }
  const text = pattern.constant.value;
  if (node.op === 'like') return likePredicate(operand, text, negated);
  checkRegex(text, node.pattern.begin);
  return leafOf({ kind: 'regex', operand, source: text }, negated !== (node.op === '!~'));
}

function textOperand(context: CheckContext, node: Node, name: string): Operand {
  const value = readValue(context, node);
  if (value.kind === 'constant')
    throw new FilterSyntaxError(`the left operand of ${name} is invalid: it is a constant`, node.begin);
  const { operand } = value;
  if (operand.kind === 'arithmetic' || operand.kind === 'length' || operand.kind === 'shifted') {
    throw new FilterSyntaxError(`${name} operation on complicated expr is unsupported`, node.begin);
  }
  if (operand.type === 'text' || operand.type === 'json') return operand;
  throw new FilterSyntaxError(`${name} operation on non-string or no-json field is unsupported`, node.begin);
}

function likePredicate(operand: Operand, text: string, negated: boolean): Predicate {
  const pattern = likePattern(text);
  if (pattern.kind === 'exact') {
    return leafOf(
      { kind: 'compare', operand, op: '==', value: { type: 'text', value: pattern.text } },
      negated,
    );
  }
  const isAnyText = pattern.kind === 'prefix' && pattern.text === '';
  if (isAnyText && operand.type === 'text') return known(operand, !negated);
  return leafOf({ kind: 'like', operand, pattern }, negated);
}

function checkRegex(source: string, at: number): void {
  try {
    compileRegex(source);
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'invalid_parameter')
      throw new FilterSyntaxError(error.message, at);
    throw error;
  }
}
