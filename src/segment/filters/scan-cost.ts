// Nanoseconds that a part of a filter costs for a row that is read from its columns, before anything was measured: only the choice between
// indexes and columns depends on it, never an answer. The figures are those of `bench/filter.mjs`, rounded.
import type { Leaf, Operand, Predicate } from '#expr/typed.js';

export function scanNanos(predicate: Predicate): number {
  switch (predicate.kind) {
    case 'constant':
      return 0;
    case 'and':
    case 'or':
      return predicate.operands.reduce((sum, operand) => sum + scanNanos(operand), 0);
    case 'not':
      return scanNanos(predicate.operand);
    default:
      return leafNanos(predicate);
  }
}

const NUMBER = 1;
const TEXT = 6;

function leafNanos(leaf: Leaf): number {
  switch (leaf.kind) {
    case 'compare':
    case 'range':
      return operandNanos(leaf.operand);
    case 'in': {
      const { ints, doubles, texts } = leaf.values;
      return operandNanos(leaf.operand) + Math.min(10, ints.length + doubles.length + texts.length);
    }
    case 'like':
      return (
        operandNanos(leaf.operand) +
        (leaf.pattern.kind === 'infix' ? 20 : leaf.pattern.kind === 'general' ? 60 : 0)
      );
    case 'regex':
      return operandNanos(leaf.operand) + 150;
    case 'is-null':
      return NUMBER;
    case 'compare-operands':
      return operandNanos(leaf.left) + operandNanos(leaf.right);
    case 'exists':
      return operandNanos(leaf.operand);
    case 'contains':
      return operandNanos(leaf.operand) + 20;
    case 'spatial':
      return 1000;
    case 'near':
      return 100;
    case 'valid-geometry':
      return 5000;
    case 'match':
      return 200;
  }
}

function operandNanos(operand: Operand): number {
  switch (operand.kind) {
    case 'json':
      return 100;
    case 'length':
      return operand.of.kind === 'json' ? 150 : 5;
    case 'arithmetic':
      return operandNanos(operand.left) + operandNanos(operand.right) + 2;
    case 'constant':
      return 0;
    case 'element':
      return 10;
    default:
      return operand.type === 'text' ? TEXT : operand.type === 'list' ? 10 : NUMBER;
  }
}
