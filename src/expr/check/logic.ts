// Joins predicates by `and` and `or`: constants vanish, what is of the same kind becomes one node, and a lower and an upper bound of one
// operand become a range, equalities of one operand a set. Below, false and unknown are the same: only a `not` would distinguish them,
// and those are only above leaves.
import type { Leaf, Literal, Operand, Predicate } from '#expr/typed.js';
import { mergeEqualities } from './equalities.js';
import { orderOf } from './fold.js';
import { constant } from './leaves.js';
import { operandKey } from './operand-key.js';

/** @param operands any number of them */
export function join(kind: 'and' | 'or', operands: readonly Predicate[]): Predicate {
  const absorbing = kind === 'or';
  const joined: Predicate[] = [];
  for (const operand of operands) {
    if (operand.kind === 'constant') {
      if (operand.value === absorbing) return operand;
    } else if (operand.kind === kind) for (const inner of operand.operands) joined.push(inner);
    else joined.push(operand);
  }
  const equalities = mergeEqualities(kind, joined);
  const merged = kind === 'and' ? mergeBounds(equalities) : equalities;
  if (merged === undefined) return constant(false);
  const [first, second] = merged;
  if (first === undefined) return constant(!absorbing);
  return second === undefined ? first : { kind, operands: merged };
}

type Compare = Leaf & { readonly kind: 'compare' };
interface Bounds {
  /** Position of the result among the operands. */
  readonly place: number;
  readonly operand: Operand;
  lower: Compare | undefined;
  upper: Compare | undefined;
}

/** Undefined: two bounds contradict each other. */
function mergeBounds(operands: readonly Predicate[]): Predicate[] | undefined {
  const merged: (Predicate | undefined)[] = [];
  const byOperand = new Map<string, Bounds>();
  for (const operand of operands) {
    const bound = operand.kind === 'compare' && isBound(operand) ? operand : undefined;
    const key = bound === undefined ? '' : `${familyOf(bound.value)} ${operandKey(bound.operand)}`;
    const bounds = byOperand.get(key);
    if (bound === undefined) merged.push(operand);
    else if (bounds !== undefined) tighten(bounds, bound);
    else {
      byOperand.set(
        key,
        tighten({ place: merged.length, operand: bound.operand, lower: undefined, upper: undefined }, bound),
      );
      merged.push(undefined);
    }
  }
  for (const bounds of byOperand.values()) {
    const predicate = boundsPredicate(bounds);
    if (predicate === undefined) return undefined;
    merged[bounds.place] = predicate;
  }
  return merged.filter((predicate) => predicate !== undefined);
}

/** NaN bounds nothing, and compares as it does alone. */
const isBound = ({ op, value }: Compare): boolean =>
  op !== '==' && op !== '!=' && value.type !== 'bool' && value.type !== 'list' && !Number.isNaN(value.value);
const isLower = ({ op }: Compare): boolean => op === '>' || op === '>=';
const isInclusive = ({ op }: Compare): boolean => op === '>=' || op === '<=';

/** Bounds of JSON may be of types that have no common order. */
const familyOf = (value: Literal): string => (value.type === 'text' ? 'text' : 'number');

function tighten(bounds: Bounds, bound: Compare): Bounds {
  if (isLower(bound)) {
    if (bounds.lower === undefined || isTighter(bound, bounds.lower, 1)) bounds.lower = bound;
  } else if (bounds.upper === undefined || isTighter(bound, bounds.upper, -1)) bounds.upper = bound;
  return bounds;
}

function isTighter(bound: Compare, than: Compare, sign: 1 | -1): boolean {
  const order = sign * orderOfLiterals(bound.value, than.value);
  return order > 0 || (order === 0 && !isInclusive(bound));
}

function boundsPredicate({ operand, lower, upper }: Bounds): Predicate | undefined {
  if (lower === undefined || upper === undefined) return lower ?? upper;
  const order = orderOfLiterals(lower.value, upper.value);
  const lowerInclusive = isInclusive(lower);
  const upperInclusive = isInclusive(upper);
  if (order > 0 || (order === 0 && !(lowerInclusive && upperInclusive))) return undefined;
  return { kind: 'range', operand, lower: lower.value, lowerInclusive, upper: upper.value, upperInclusive };
}

function orderOfLiterals(a: Literal, b: Literal): number {
  if (a.type === 'list' || b.type === 'list') return 0;
  const [left, right] = [a, b].map((value) =>
    value.type === 'float' ? ({ type: 'double', value: value.value } as const) : value,
  );
  return left === undefined || right === undefined ? 0 : (orderOf(left, right) ?? 0);
}
