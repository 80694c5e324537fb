// Nanoseconds that a part of a filter costs for a row that is read from its columns, before anything was measured: only the choice between
// indexes and columns depends on it, never an answer. The figures are those of `bench/filter.mjs`, rounded.
import type { JsonOperand, Leaf, Operand, Predicate } from '#expr/typed.js';

/** The share of the rows, 0 to 1, of which it is kept what they have at a JSON path. */
export type KeptShare = (operand: JsonOperand) => number;

const nothingKept: KeptShare = () => 0;

export function scanNanos(predicate: Predicate, kept = nothingKept): number {
  switch (predicate.kind) {
    case 'constant':
      return 0;
    case 'and':
    case 'or':
      return predicate.operands.reduce((sum, operand) => sum + scanNanos(operand, kept), 0);
    case 'not':
      return scanNanos(predicate.operand, kept);
    default:
      return leafNanos(predicate, kept);
  }
}

const NUMBER = 1;
const TEXT = 6;
/** A text becomes words: some 50 ns each. */
const WORDS = 2000;
/** A hash, or a container that is looked up. */
const MEMBER = 40;
/** A path is looked for in the text of the row, or its column is read. */
const JSON_READ = 100;
const JSON_KEPT = 4;

function leafNanos(leaf: Leaf, kept: KeptShare): number {
  switch (leaf.kind) {
    case 'compare':
    case 'range':
      return operandNanos(leaf.operand, kept);
    case 'in': {
      const { ints, doubles, texts } = leaf.values;
      return operandNanos(leaf.operand, kept) + Math.min(5, ints.length + doubles.length + texts.length);
    }
    case 'member':
      return operandNanos(leaf.operand, kept) + MEMBER;
    case 'like':
      return (
        operandNanos(leaf.operand, kept) +
        (leaf.pattern.kind === 'infix' ? 10 : leaf.pattern.kind === 'general' ? 60 : 0)
      );
    case 'regex':
      return operandNanos(leaf.operand, kept) + 150;
    case 'words':
      return operandNanos(leaf.operand, kept) + WORDS;
    case 'is-null':
      return NUMBER;
    case 'compare-operands':
      return operandNanos(leaf.left, kept) + operandNanos(leaf.right, kept);
    case 'exists':
      return operandNanos(leaf.operand, kept);
    case 'contains':
      return operandNanos(leaf.operand, kept) + 5;
    case 'spatial':
    case 'near':
      return 100;
    case 'valid-geometry':
      return 5000;
    case 'match':
      return 200;
  }
}

function operandNanos(operand: Operand, kept: KeptShare): number {
  switch (operand.kind) {
    case 'json':
      return JSON_KEPT + (JSON_READ - JSON_KEPT) * (1 - kept(operand));
    case 'length':
      return operand.of.kind === 'json' ? 50 + operandNanos(operand.of, kept) : 5;
    case 'arithmetic':
      return operandNanos(operand.left, kept) + operandNanos(operand.right, kept) + 2;
    case 'constant':
      return 0;
    case 'element':
      return 10;
    default:
      return operand.type === 'text' ? TEXT : operand.type === 'list' ? 10 : NUMBER;
  }
}
