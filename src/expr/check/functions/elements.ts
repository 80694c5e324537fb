// Functions over the elements of arrays and struct arrays: `match_any` and its like, `element_filter`.

import type { Node } from '#expr/ast.js';
import { leafOf } from '#expr/check/leaves.js';
import { type ElementScope, elementCountField, resolvePath } from '#expr/check/names.js';
import { type CheckContext, readValue } from '#expr/check/values.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { ElementPredicate, Predicate, Quantifier } from '#expr/typed.js';
import { type CallNode, checkArguments } from './call-arguments.js';

/** Reads a predicate; handed in, as functions hold predicates and predicates functions. */
export type ReadPredicate = (context: CheckContext, node: Node, negated: boolean) => Predicate;

export const quantifiers: ReadonlyMap<string, Quantifier> = new Map([
  ['match_all', 'all'],
  ['match_any', 'any'],
  ['match_least', 'least'],
  ['match_most', 'most'],
  ['match_exact', 'exact'],
]);

/** What `$` is in the second argument of a function over elements. */
function elementScope(context: CheckContext, node: CallNode): ElementScope {
  const argument = node.args[0];
  if (context.scope !== undefined)
    throw new FilterSyntaxError(`${node.name} cannot be used inside a predicate over elements`, node.begin);
  const named =
    argument?.kind === 'path' && argument.steps.length === 0
      ? resolvePath(context.schema, argument)
      : undefined;
  if (named?.kind === 'struct') return named;
  if (named?.kind === 'operand' && named.operand.kind === 'field' && named.operand.type === 'list') {
    return { kind: 'array', field: named.operand.field };
  }
  throw new FilterSyntaxError(
    `the first argument of ${node.name} must be an array or struct array field`,
    node.begin,
  );
}

/** The predicate over elements that a function has as its second argument. */
function readElements(context: CheckContext, node: CallNode, readPredicate: ReadPredicate): ElementPredicate {
  const scope = elementScope(context, node);
  const predicate = readPredicate({ ...context, scope }, node.args[1] as Node, false);
  return { over: elementCountField(scope, node.begin), predicate };
}

/** @throws FilterSyntaxError */
export function checkQuantifier(
  context: CheckContext,
  node: CallNode,
  quantifier: Quantifier,
  negated: boolean,
  readPredicate: ReadPredicate,
): Predicate {
  const hasThreshold = quantifier !== 'all' && quantifier !== 'any';
  // The threshold is written as an option, or, as in Milvus's guide, as a third argument.
  if (hasThreshold) checkThresholdGiven(node);
  const isArgument = hasThreshold && node.args.length === 3;
  checkArguments(node, isArgument ? 3 : 2, hasThreshold && !isArgument ? ['threshold'] : []);
  const elements = readElements(context, node, readPredicate);
  const threshold = hasThreshold ? readThreshold(context, node) : 0;
  return leafOf({ kind: 'match', quantifier, threshold, elements }, negated);
}

/** Texts for what `checkArguments` would say of functions that take their threshold in one way only. */
function checkThresholdGiven({ name, args, options, begin }: CallNode): void {
  const option = options.find((one) => one.name === 'threshold');
  if (args.length === 3 && option !== undefined)
    throw new FilterSyntaxError(
      `${name} has its threshold twice, as third argument and as threshold=n; expected one of them`,
      option.begin,
    );
  if (args.length < 2 || args.length > 3)
    throw new FilterSyntaxError(
      `${name} has ${args.length} arguments, expected 3: an array or struct array field, a predicate and the threshold, which may be written threshold=n`,
      begin,
    );
}

const THRESHOLD_MAX = 2n ** 31n - 1n;

function readThreshold(context: CheckContext, node: CallNode): number {
  const threshold = node.args[2] ?? node.options[0]?.value;
  const value = threshold === undefined ? undefined : readValue(context, threshold);
  if (value?.kind === 'constant' && value.constant.type === 'int') {
    const { value: count } = value.constant;
    if (count >= 0n && count <= THRESHOLD_MAX) return Number(count);
  }
  throw new FilterSyntaxError(
    `${node.name} needs threshold=n behind the predicate, a whole number from 0 to ${THRESHOLD_MAX}`,
    node.begin,
  );
}

/** `element_filter(field, predicate)` at the end of a filter. @throws FilterSyntaxError */
export function readElementFilter(
  context: CheckContext,
  node: CallNode,
  readPredicate: ReadPredicate,
): ElementPredicate {
  checkArguments(node, 2);
  return readElements(context, node, readPredicate);
}
