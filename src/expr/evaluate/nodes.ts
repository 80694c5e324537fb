// `and`, `or` and `not` over leaves. Operands of `and` see only the rows that are still alive, those of `or` only the rows that are not in
// yet, and dead words cost nothing. Operands run in the order of cost against what they take out, measured block by block; the order never
// changes the answer.
import type { Leaf } from './leaf.js';
import { countBits, newBits, type RowBits, type Rows, wordsOf } from './rows.js';

export interface Node {
  /** Nanoseconds a row, as guessed. */
  readonly cost: number;
  /** The cost if every part were evaluated for every row. */
  readonly costMax: number;
  readonly passShare: number;
  /** Nanoseconds that a single row may take at worst, where that is long. */
  readonly rowNanosMax: number;
  /** Writes to `out` which of the rows of `alive` pass. @param out another array than `alive` */
  evaluate(rows: Rows, alive: RowBits, out: RowBits): void;
}

export class LeafNode implements Node {
  readonly cost: number;
  readonly rowNanosMax: number;
  readonly costMax: number;
  readonly passShare: number;
  readonly #leaf: Leaf;
  readonly #isNegated: boolean;
  readonly #known = newBits();

  constructor(leaf: Leaf, isNegated: boolean) {
    this.#leaf = leaf;
    this.#isNegated = isNegated;
    this.cost = leaf.cost;
    this.costMax = leaf.costMax ?? leaf.cost;
    this.rowNanosMax = leaf.rowNanosMax ?? 0;
    this.passShare = isNegated ? 1 - leaf.passShare : leaf.passShare;
  }

  evaluate(rows: Rows, alive: RowBits, out: RowBits): void {
    this.#leaf.evaluate(rows, alive, out);
    const known = this.#known;
    known.fill(0xffffffff);
    this.#leaf.maskKnown(rows, known);
    const flip = this.#isNegated ? -1 : 0;
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--)
      out[word] = ((out[word] as number) ^ flip) & (known[word] as number) & (alive[word] as number);
  }
}

export class ConstantNode implements Node {
  readonly cost = 0;
  readonly rowNanosMax = 0;
  readonly costMax = 0;
  readonly passShare: number;

  constructor(value: boolean) {
    this.passShare = value ? 1 : 0;
  }

  evaluate(_rows: Rows, alive: RowBits, out: RowBits): void {
    if (this.passShare === 1) out.set(alive);
    else out.fill(0);
  }
}

interface Operand {
  readonly node: Node;
  /** Rows it was asked about, and rows that passed: the guess counts as some rows of evidence. */
  asked: number;
  passed: number;
}

const GUESS_ROWS = 512;

const operandOf = (node: Node): Operand => ({
  node,
  asked: GUESS_ROWS,
  passed: node.passShare * GUESS_ROWS,
});

/** Operands in the order of evaluation: in `and` the one that removes most rows for its cost is first, in `or` the one that adds most. */
class Operands {
  readonly list: Operand[];
  readonly #isAnd: boolean;

  constructor(nodes: readonly Node[], isAnd: boolean) {
    this.#isAnd = isAnd;
    this.list = nodes.map(operandOf);
    this.list.sort((a, b) => this.#rank(a) - this.#rank(b));
  }

  get cost(): number {
    let cost = 0;
    let share = 1;
    for (const { node } of this.list) {
      cost += share * node.cost;
      share *= this.#isAnd ? node.passShare : 1 - node.passShare;
    }
    return cost;
  }

  /** Neighbours change places: after some blocks the order is that of what was measured. */
  improve(): void {
    const { list } = this;
    for (let at = 1; at < list.length; at++) {
      const [before, after] = [list[at - 1] as Operand, list[at] as Operand];
      // Twice as good, so that they do not change places at every block.
      if (this.#rank(after) * 2 > this.#rank(before)) continue;
      list[at - 1] = after;
      list[at] = before;
    }
  }

  #rank({ node, asked, passed }: Operand): number {
    const decided = this.#isAnd ? 1 - passed / asked : passed / asked;
    return (node.cost + 0.1) / Math.max(decided, 0.001);
  }
}

function countRows(bits: RowBits, words: number): number {
  let count = 0;
  for (let word = 0; word < words; word++) count += countBits(bits[word] as number);
  return count;
}

const sumOf = (nodes: readonly Node[]): number => nodes.reduce((sum, { costMax }) => sum + costMax, 0);

const longestOf = (nodes: readonly Node[]): number =>
  nodes.reduce((longest, { rowNanosMax }) => Math.max(longest, rowNanosMax), 0);

export class AndNode implements Node {
  readonly cost: number;
  readonly rowNanosMax: number;
  readonly costMax: number;
  readonly passShare: number;
  readonly #operands: Operands;
  readonly #alive = newBits();

  constructor(nodes: readonly Node[]) {
    this.#operands = new Operands(nodes, true);
    this.cost = this.#operands.cost;
    this.costMax = sumOf(nodes);
    this.rowNanosMax = longestOf(nodes);
    this.passShare = nodes.reduce((share, node) => share * node.passShare, 1);
  }

  evaluate(rows: Rows, alive: RowBits, out: RowBits): void {
    const words = wordsOf(rows.count);
    const left = this.#alive;
    left.set(alive);
    let count = countRows(left, words);
    for (const operand of this.#operands.list) {
      if (count === 0) break;
      operand.node.evaluate(rows, left, out);
      left.set(out);
      operand.asked += count;
      count = countRows(left, words);
      operand.passed += count;
    }
    out.set(left);
    this.#operands.improve();
  }
}

export class OrNode implements Node {
  readonly cost: number;
  readonly rowNanosMax: number;
  readonly costMax: number;
  readonly passShare: number;
  readonly #operands: Operands;
  readonly #alive = newBits();
  readonly #passed = newBits();

  constructor(nodes: readonly Node[]) {
    this.#operands = new Operands(nodes, false);
    this.cost = this.#operands.cost;
    this.costMax = sumOf(nodes);
    this.rowNanosMax = longestOf(nodes);
    this.passShare = 1 - nodes.reduce((share, node) => share * (1 - node.passShare), 1);
  }

  evaluate(rows: Rows, alive: RowBits, out: RowBits): void {
    const words = wordsOf(rows.count);
    const left = this.#alive;
    left.set(alive);
    out.fill(0);
    let count = countRows(left, words);
    for (const operand of this.#operands.list) {
      if (count === 0) break;
      const passed = this.#passed;
      operand.node.evaluate(rows, left, passed);
      operand.asked += count;
      for (let word = 0; word < words; word++) {
        const bits = passed[word] as number;
        out[word] = (out[word] as number) | bits;
        left[word] = (left[word] as number) & ~bits;
      }
      const before = count;
      count = countRows(left, words);
      operand.passed += before - count;
    }
    this.#operands.improve();
  }
}
