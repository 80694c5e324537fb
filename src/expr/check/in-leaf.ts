// An operand in a set of values, as simply as it can be said.
import type { Literal, Operand, Predicate, ValueSet } from '#expr/typed.js';
import { known, leafOf } from './leaves.js';
import { setSize } from './value-sets.js';

export function inPredicate(operand: Operand, set: ValueSet, negated: boolean): Predicate {
  const size = setSize(set);
  if (size === 0) return known(operand, negated);
  if (operand.type === 'bool' && size === 2) return known(operand, !negated);
  const single = size === 1 ? onlyValue(operand, set) : undefined;
  if (single !== undefined) return leafOf({ kind: 'compare', operand, op: '==', value: single }, negated);
  return leafOf({ kind: 'in', operand, values: set }, negated);
}

/** The value of a set that has one, in the operand's type. */
function onlyValue({ type }: Operand, { bools, ints, doubles, texts, lists }: ValueSet): Literal | undefined {
  const text = 'numbers' in texts ? undefined : texts[0];
  const [bool, int, double] = [bools[0], ints[0], doubles[0]];
  if (bool !== undefined) return { type: 'bool', value: bool };
  if (int !== undefined) return { type: type === 'time' ? 'time' : 'int', value: int };
  if (double !== undefined) return { type: type === 'float' ? 'float' : 'double', value: double };
  return text !== undefined ? { type: 'text', value: text } : lists[0];
}
