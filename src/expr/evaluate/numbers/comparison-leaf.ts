// Two operands of a row against each other.

import type { Leaf } from '#expr/evaluate/leaf.js';
import type { RowBits, Rows } from '#expr/evaluate/rows.js';
import type { ComparisonOp } from '#expr/typed.js';
import type { NumberVector } from './number-vector.js';

/** `!=` is the negation of `==`, which whoever prepares the leaf takes care of. */
export type SideOp = Exclude<ComparisonOp, '!='>;

export class NumbersCompared implements Leaf {
  readonly cost: number;
  readonly passShare: number;
  readonly #left: NumberVector;
  readonly #op: SideOp;
  readonly #right: NumberVector;

  constructor(left: NumberVector, op: SideOp, right: NumberVector) {
    // One direction is enough: the sides change places.
    const isTurned = op === '>' || op === '>=';
    this.#left = isTurned ? right : left;
    this.#right = isTurned ? left : right;
    this.#op = op === '>' ? '<' : op === '>=' ? '<=' : op;
    this.cost = left.cost + right.cost + 1;
    this.passShare = op === '==' ? 0.1 : 0.4;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const [left, right] = [this.#left, this.#right];
    left.load(rows, alive);
    right.load(rows, alive);
    if (!left.isWide && !right.isWide) {
      compareDoubles(left.doubles, this.#op, right.doubles, rows.count, isTrue);
      return;
    }
    const sides = {
      left: left.isWide ? left.wide : left.doubles,
      right: right.isWide ? right.wide : right.doubles,
    };
    compareExactly(sides, this.#op, rows.count, isTrue);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#left.maskKnown(rows, known);
    this.#right.maskKnown(rows, known);
  }
}

function compareDoubles(
  left: Float64Array,
  op: SideOp,
  right: Float64Array,
  count: number,
  out: RowBits,
): void {
  const isLess = Number(op !== '==');
  const isEqual = Number(op !== '<');
  for (let word = 0, row = 0; row < count; word++) {
    const stop = Math.min(row + 32, count);
    let bits = 0;
    for (let bit = 0; row < stop; row++, bit++) {
      const [a, b] = [left[row] as number, right[row] as number];
      bits |= ((Number(a < b) & isLess) | (Number(a === b) & isEqual)) << bit;
    }
    out[word] = bits;
  }
}

/** JavaScript compares an int of any size with a double by value. */
function compareExactly(
  { left, right }: { left: BigInt64Array | Float64Array; right: BigInt64Array | Float64Array },
  op: SideOp,
  count: number,
  out: RowBits,
): void {
  out.fill(0);
  for (let row = 0; row < count; row++) {
    const [a, b] = [left[row] as bigint | number, right[row] as bigint | number];
    // biome-ignore lint/suspicious/noDoubleEquals: an int and a double that are equal are of two types
    const holds = op === '==' ? a == b : op === '<' ? a < b : a <= b;
    if (holds) out[row >>> 5] = (out[row >>> 5] as number) | (1 << (row & 31));
  }
}
