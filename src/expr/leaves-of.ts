// The leaves of a filter, one after the other, whatever stands above them.
import type { Leaf, Predicate } from './typed.js';

export function* leavesOf(predicate: Predicate): Generator<Leaf> {
  switch (predicate.kind) {
    case 'constant':
      return;
    case 'and':
    case 'or':
      for (const operand of predicate.operands) yield* leavesOf(operand);
      return;
    case 'not':
      yield predicate.operand;
      return;
    default:
      yield predicate;
  }
}
