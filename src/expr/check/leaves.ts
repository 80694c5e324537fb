// Puts leaves into the checked tree, each under a `not` or not. A negation is taken into the leaf where that is the same for every value,
// null and NaN included; and what is the same for all rows that are not null becomes a question for null.
import type { Leaf, Operand, Predicate, ValueType } from '#expr/typed.js';
import { opposite } from './fold.js';

export const constant = (value: boolean): Predicate => ({ kind: 'constant', value });

const INT64_MIN = -(2n ** 63n);

/** Types in which of two values exactly one is less or they are equal. Floats have NaN, JSON has values of other types. */
const isOrdered = (type: ValueType): boolean => type !== 'float' && type !== 'double' && type !== 'json';

/** The leaf, or its negation. */
export function leafOf(leaf: Leaf, negated: boolean): Predicate {
  if (!negated) return leaf;
  switch (leaf.kind) {
    case 'is-null':
      return { ...leaf, negated: !leaf.negated };
    case 'compare':
      if (leaf.value.type === 'bool' && leaf.operand.type === 'bool') {
        return { ...leaf, value: { type: 'bool', value: !leaf.value.value } };
      }
      if (isEquality(leaf.op) || isOrdered(leaf.operand.type)) return { ...leaf, op: opposite[leaf.op] };
      return { kind: 'not', operand: leaf };
    case 'compare-operands':
      if (isEquality(leaf.op) || (isOrdered(leaf.left.type) && isOrdered(leaf.right.type))) {
        return { ...leaf, op: opposite[leaf.op] };
      }
      return { kind: 'not', operand: leaf };
    default:
      return { kind: 'not', operand: leaf };
  }
}

const isEquality = (op: string): boolean => op === '==' || op === '!=';

/** What is `value` for every row in which the operand is known. */
export const known = (operand: Operand, value: boolean): Predicate =>
  value ? isKnown(operand) : constant(false);

/** True where the operand has a value at all. */
function isKnown(operand: Operand): Predicate {
  switch (operand.kind) {
    case 'field':
    case 'json':
    case 'shifted':
      return operand.field.nullable
        ? { kind: 'is-null', field: operand.field, negated: true }
        : constant(true);
    case 'current':
    case 'constant':
      return constant(true);
    case 'length':
      return isKnown(operand.of);
    case 'element':
      return {
        kind: 'compare',
        operand: { kind: 'length', type: 'int', of: { kind: 'field', type: 'list', field: operand.field } },
        op: '>',
        value: { type: 'int', value: BigInt(operand.index) },
      };
    case 'arithmetic':
      // Arithmetic has this range only over integers, and every integer is in it.
      return { kind: 'compare', operand, op: '>=', value: { type: 'int', value: INT64_MIN } };
  }
}
