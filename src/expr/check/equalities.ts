// Runs of equalities become one question: `a == 1 or a == 2` is `a in [1, 2]`, and `a != 1 and a != 2` is `a not in [1, 2]`. Programs write
// the former by the hundred, and a set is looked up once where each comparison would be a pass over the column.
import type { Literal, Operand, Predicate } from '#expr/typed.js';
import { inPredicate } from './in-leaf.js';
import { operandKey } from './operand-key.js';
import { membersOf, setOf } from './value-sets.js';

interface Equalities {
  /** Position of the result among the operands. */
  readonly place: number;
  readonly operand: Operand;
  readonly literals: Literal[];
  /** The first equality as it was, for when it stays alone. */
  readonly first: Predicate;
  count: number;
}

/** @param kind what joins the operands */
export function mergeEqualities(kind: 'and' | 'or', operands: readonly Predicate[]): readonly Predicate[] {
  const merged: (Predicate | undefined)[] = [];
  const byOperand = new Map<string, Equalities>();
  for (const predicate of operands) {
    const asked = equalityOf(kind, predicate);
    const key = asked === undefined ? '' : operandKey(asked.operand);
    const group = byOperand.get(key);
    if (asked === undefined) merged.push(predicate);
    else if (group === undefined) {
      const literals = [...asked.literals];
      byOperand.set(key, {
        place: merged.length,
        operand: asked.operand,
        literals,
        first: predicate,
        count: 1,
      });
      merged.push(undefined);
    } else {
      for (const literal of asked.literals) group.literals.push(literal);
      group.count++;
    }
  }
  for (const { place, operand, literals, first, count } of byOperand.values()) {
    merged[place] = count === 1 ? first : inPredicate(operand, setOf(literals), kind === 'and');
  }
  return merged.filter((predicate) => predicate !== undefined);
}

interface Equality {
  readonly operand: Operand;
  readonly literals: Iterable<Literal>;
}

/** Undefined: something else. Booleans have two values only, sets of whole arrays are not asked for, and NaN is in no set. */
function equalityOf(kind: 'and' | 'or', predicate: Predicate): Equality | undefined {
  const leaf = kind === 'and' && predicate.kind === 'not' ? predicate.operand : predicate;
  if (leaf.kind === 'in' && (leaf !== predicate) === (kind === 'and') && leaf.operand.type !== 'bool') {
    return { operand: leaf.operand, literals: membersOf(leaf.values) };
  }
  if (leaf !== predicate || leaf.kind !== 'compare' || leaf.op !== (kind === 'or' ? '==' : '!='))
    return undefined;
  const { operand, value } = leaf;
  if (
    operand.type === 'bool' ||
    operand.type === 'list' ||
    operand.kind === 'arithmetic' ||
    operand.kind === 'length' ||
    operand.kind === 'shifted'
  ) {
    return undefined;
  }
  return value.type !== 'list' && Number.isNaN(value.value) ? undefined : { operand, literals: [value] };
}
