// What the checks of all functions share: how many arguments there are, and what the first one names.

import type { Node } from '#expr/ast.js';
import type { Constant } from '#expr/check/constants.js';
import { resolvePath } from '#expr/check/names.js';
import { type CheckContext, readValue } from '#expr/check/values.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { FieldRef } from '#expr/typed.js';

export type CallNode = Extract<Node, { readonly kind: 'call' }>;

/** @throws FilterSyntaxError when there are fewer or more, or options that the function has not */
export function checkArguments(
  { name, args, options, begin }: CallNode,
  count: number,
  optionNames: readonly string[] = [],
): void {
  if (args.length !== count)
    throw new FilterSyntaxError(`${name} has ${args.length} arguments, expected ${count}`, begin);
  const option = options.find((candidate) => !optionNames.includes(candidate.name));
  if (option !== undefined) throw new FilterSyntaxError(`${name} has no option ${option.name}`, option.begin);
}

/** The field that the first argument names. @throws FilterSyntaxError */
export function argumentField(context: CheckContext, node: CallNode): FieldRef {
  const argument = node.args[0];
  if (argument?.kind !== 'path' || context.scope !== undefined) {
    throw new FilterSyntaxError(`the first argument of ${node.name} must be a field`, node.begin);
  }
  const named = resolvePath(context.schema, argument);
  if (named.kind === 'other') return named.field;
  if (named.kind === 'operand' && named.operand.kind === 'field') return named.operand.field;
  throw new FilterSyntaxError(`the first argument of ${node.name} must be a field`, node.begin);
}

/** @throws FilterSyntaxError when it depends on the row */
export function constantArgument(context: CheckContext, node: Node, what: string): Constant {
  const value = readValue(context, node);
  if (value.kind === 'constant') return value.constant;
  throw new FilterSyntaxError(`${what} must be a constant`, node.begin);
}
