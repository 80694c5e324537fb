// Between which numbers lies all that a leaf of a filter lets pass.
import { INT64_MAX, INT64_MIN } from '#expr/evaluate/numbers/bounds.js';
import type { Leaf } from '#expr/typed.js';

/** The numbers that a leaf lets pass lie between these; undefined: it is no question of the kind. */
export function numbersOf(
  leaf: Leaf,
): { readonly low: number | bigint; readonly high: number | bigint } | undefined {
  if (leaf.kind === 'compare') {
    const value = numberIn(leaf.value);
    if (value === undefined) return undefined;
    switch (leaf.op) {
      case '==':
        return { low: value, high: value };
      case '<':
      case '<=':
        return { low: -Infinity, high: value };
      case '>':
      case '>=':
        return { low: value, high: Infinity };
      case '!=':
        return undefined;
    }
  }
  if (leaf.kind === 'range') {
    const [low, high] = [numberIn(leaf.lower), numberIn(leaf.upper)];
    return low === undefined || high === undefined ? undefined : { low, high };
  }
  if (leaf.kind !== 'in') return undefined;
  const { ints, doubles, bools, texts, lists } = leaf.values;
  if (bools.length + texts.length + lists.length > 0) return undefined;
  if (ints.length > 0 && doubles.length > 0) return undefined;
  if (ints.length > 0) return { low: ints[0] ?? INT64_MIN, high: ints.at(-1) ?? INT64_MAX };
  return { low: doubles[0] ?? Infinity, high: doubles.at(-1) ?? -Infinity };
}

function numberIn(literal: (Leaf & { readonly kind: 'compare' })['value']): number | bigint | undefined {
  switch (literal.type) {
    case 'int':
    case 'time':
    case 'float':
    case 'double':
      return literal.value;
    case 'bool':
      return Number(literal.value);
    default:
      return undefined;
  }
}
