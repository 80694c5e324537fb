// A filter over columns: which rows of a run pass. Made once for a filter and some columns, then asked run by run; it holds memory for one
// block of rows per part of the filter, and allocates nothing while it runs.
import { assert } from '#base/assert.js';
import { MatchLeaf, type MatchParts } from '#expr/evaluate/arrays/match-leaf.js';
import { makeSpatialLeaf } from '#expr/evaluate/spatial/spatial-leaves.js';
import { leavesOf } from '#expr/leaves-of.js';
import type { Leaf as AskedLeaf, ElementPredicate, Predicate } from '#expr/typed.js';
import type { ColumnSource } from './column-view.js';
import { SameLeaf } from './known-leaves.js';
import type { Leaf } from './leaf.js';
import { isMadeNegated, makeLeaf } from './make-leaf.js';
import { AndNode, ConstantNode, LeafNode, type Node, OrNode } from './nodes.js';
import { Operands } from './operands.js';
import { BLOCK_ROWS, countBits, newBits, type RowBits, setFirst, wordsOf } from './rows.js';

/** Lets others have their turn. */
interface Rests {
  readonly isDue: boolean;
  rest(): Promise<void>;
}

const RUN_NANOS = 1e6;
export const RUN_ROWS_MAX = 16_384;

export class FilterEvaluator {
  readonly #node: Node;
  readonly #alive = newBits();
  readonly #out = newBits();

  /** @param maker has made some of its leaves already */
  constructor(predicate: Predicate, source: ColumnSource, maker = new Maker(source)) {
    this.#node = maker.node(predicate);
  }

  /**
   * Made with rests between its leaves, each of which may take a third of a millisecond: a regular expression becomes a program, a geometry
   * one of the library.
   */
  static async inPieces(predicate: Predicate, source: ColumnSource, pace: Rests): Promise<FilterEvaluator> {
    const maker = new Maker(source);
    for (const leaf of leavesOf(predicate)) {
      maker.prepare(leaf);
      if (pace.isDue) await pace.rest();
    }
    return new FilterEvaluator(predicate, source, maker);
  }

  /** Nanoseconds a row, as guessed before any was seen. */
  get cost(): number {
    return this.#node.cost;
  }

  /** Nanoseconds that a single row may take at worst, where that is long. */
  get rowNanosMax(): number {
    return this.#node.rowNanosMax;
  }

  /** Rows that take about a millisecond: a multiple of 32. Who looks at the clock between calls asks for so many at once. */
  get rowsAtOnce(): number {
    const rows = RUN_NANOS / Math.max(1, this.#node.costMax);
    return Math.max(32, Math.min(RUN_ROWS_MAX, Math.floor(rows / 32) * 32));
  }

  /**
   * Evaluates rows [begin, end).
   * @param passing bit (i & 31) of word (i >> 5) is set where row `begin + i` passes and cleared for the other rows of the run; the bits
   *   behind the last row in its word are cleared too
   * @param among bits as in `passing`: only these rows are asked, the others do not pass. Undefined: all are
   * @returns how many pass
   */
  evaluate(begin: number, end: number, passing: Uint32Array, among?: Uint32Array): number {
    assert(passing.length >= wordsOf(end - begin), `${passing.length} words for ${end - begin} rows`);
    const [alive, out] = [this.#alive, this.#out];
    let passed = 0;
    for (let first = begin, next = begin; first < end; first = next) {
      // Blocks begin where chunks of kept values do, unless the bits of the run would begin within a word.
      const count = (begin & 31) === 0 ? BLOCK_ROWS - (first % BLOCK_ROWS) : BLOCK_ROWS;
      next = Math.min(first + count, end);
      const rows = { begin: first, count: next - first };
      alive.fill(0);
      setFirst(alive, rows.count);
      const words = wordsOf(rows.count);
      const to = (first - begin) / 32;
      if (among !== undefined && !keepOnly(alive, words, among, to)) {
        passing.fill(0, to, to + words);
        continue;
      }
      this.#node.evaluate(rows, alive, out);
      for (let word = 0; word < words; word++) {
        const bits = out[word] as number;
        passing[to + word] = bits;
        passed += countBits(bits);
      }
    }
    return passed;
  }
}

/** @returns whether a row is left */
function keepOnly(alive: RowBits, words: number, among: Uint32Array, from: number): boolean {
  let any = 0;
  for (let word = 0; word < words; word++) {
    const bits = (alive[word] as number) & (among[from + word] as number);
    alive[word] = bits;
    any |= bits;
  }
  return any !== 0;
}

/** What a predicate over elements is made of: where the elements are, and what decides over them. */
export type ElementParts = Pick<MatchParts, 'over' | 'current' | 'node'>;

/** Undefined: the rows have no such field. */
export const elementParts = (elements: ElementPredicate, source: ColumnSource): ElementParts | undefined =>
  new Maker(source).elements(elements);

class Maker {
  readonly #source: ColumnSource;
  readonly #operands: Operands;
  readonly #prepared = new Map<AskedLeaf, Leaf>();

  constructor(source: ColumnSource) {
    this.#source = source;
    this.#operands = new Operands(source);
  }

  node(predicate: Predicate): Node {
    switch (predicate.kind) {
      case 'constant':
        return new ConstantNode(predicate.value);
      case 'and':
        return new AndNode(predicate.operands.map((operand) => this.node(operand)));
      case 'or':
        return new OrNode(predicate.operands.map((operand) => this.node(operand)));
      case 'not':
        return new LeafNode(this.#leaf(predicate.operand), !isMadeNegated(predicate.operand));
      default:
        return new LeafNode(this.#leaf(predicate), isMadeNegated(predicate));
    }
  }

  prepare(leaf: AskedLeaf): void {
    this.#prepared.set(leaf, this.#made(leaf));
  }

  #leaf(leaf: AskedLeaf): Leaf {
    const prepared = this.#prepared.get(leaf);
    if (prepared === undefined) return this.#made(leaf);
    // One that stands in the filter twice holds what is of one place: it is made again for the other.
    this.#prepared.delete(leaf);
    return prepared;
  }

  #made(leaf: AskedLeaf): Leaf {
    switch (leaf.kind) {
      case 'match':
        return this.#match(leaf.elements, leaf);
      case 'spatial':
      case 'near':
      case 'valid-geometry':
        return makeSpatialLeaf(leaf, this.#operands.variable(leaf.field));
      default:
        return makeLeaf(leaf, this.#operands);
    }
  }

  #match(
    elements: ElementPredicate,
    { quantifier, threshold }: AskedLeaf & { readonly kind: 'match' },
  ): Leaf {
    const parts = this.elements(elements);
    return parts === undefined ? new SameLeaf(undefined) : new MatchLeaf({ ...parts, quantifier, threshold });
  }

  elements({ over: field, predicate }: ElementPredicate): ElementParts | undefined {
    const over = this.#operands.arrays(field);
    if (over === undefined) return undefined;
    const inner = new Maker(this.#source);
    const node = inner.node(predicate);
    return { over, current: inner.#operands.current, node };
  }
}
