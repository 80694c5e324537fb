// How a filter is evaluated over one segment, decided before a row is touched: which rows come into question by scalar indexes, primary keys
// and what is known of whole blocks, and what of the filter is then asked of those rows column by column. Pure: the same facts give the same
// plan. `run-plan.ts` does what it says, `describe-filter.ts` prints it.
import type { Leaf, Predicate } from '#expr/typed.js';
import type { LeafAnswer } from '#index/scalar/leaf-answer.js';

/** What answers a leaf. */
export interface Source {
  /** As explain names it. */
  readonly name: string;
  readonly answer: LeafAnswer;
}

/** What is known of whole blocks of rows, or of row groups of a file. */
export interface BlockSource {
  /** As explain names it. */
  readonly name: string;
  /** Rows of the blocks in which the leaf may be true. */
  readonly rows: number;
  addTo(bits: Uint32Array): void;
}

/** Row groups of the files. */
export interface GroupSource extends BlockSource {
  /** Why the others are left out. */
  readonly reason: string;
}

export interface FilterFacts {
  readonly rowCount: number;
  /** By an index, or by primary key; of `!=` the answer of `==`. */
  sourceOf(leaf: Leaf): Source | undefined;
  blocksOf(leaf: Leaf): BlockSource | undefined;
  /** By the statistics of the files. */
  groupsOf(leaf: Leaf): GroupSource | undefined;
  /** What a row costs that is read from columns. */
  scanNanos(predicate: Predicate): number;
}

/** Rows that come into question: all that pass are among them. */
export type Candidates =
  | {
      /** No row passes: the statistics of the files say so, and nothing is read. */
      readonly kind: 'skipped';
      readonly by: string;
      readonly leaf: Leaf;
      readonly estimated: 0;
      readonly isExact: true;
      readonly nanos: 0;
    }
  | {
      readonly kind: 'source';
      readonly source: Source;
      readonly leaf: Leaf;
      /** Where the leaf is known and not true. */
      readonly isNegated: boolean;
      readonly estimated: number;
      readonly isExact: boolean;
      readonly nanos: number;
    }
  | {
      readonly kind: 'blocks';
      readonly blocks: BlockSource;
      readonly leaf: Leaf;
      readonly estimated: number;
      readonly isExact: false;
      readonly nanos: number;
    }
  | {
      readonly kind: 'and' | 'or';
      readonly parts: readonly Candidates[];
      readonly estimated: number;
      readonly isExact: boolean;
      readonly nanos: number;
    };

export interface FilterPlan {
  /** Undefined: every row. */
  readonly candidates: Candidates | undefined;
  /** What is asked of them; undefined: they pass. */
  readonly residual: Predicate | undefined;
}

/** Nanoseconds that a row costs which an index names: its bit is anywhere in memory. */
const NANOS_PER_NAMED_ROW = 1.5;
/** To find one of many values of a set in an index or among keys. */
const NANOS_PER_LOOKUP = 250;
/** To clear bits, and to join them with others. */
const NANOS_PER_ROW_OF_BITS = 0.05;

export function planFilter(predicate: Predicate, facts: FilterFacts): FilterPlan {
  if (facts.rowCount === 0) return { candidates: undefined, residual: predicate };
  const { candidates, residual } = new Planner(facts).plan(predicate);
  return { candidates, residual };
}

class Planner {
  readonly #facts: FilterFacts;

  constructor(facts: FilterFacts) {
    this.#facts = facts;
  }

  plan(predicate: Predicate): FilterPlan {
    switch (predicate.kind) {
      case 'constant':
        return { candidates: undefined, residual: predicate };
      case 'and':
        return this.#planAnd(predicate);
      case 'or':
        return this.#planOr(predicate);
      default: {
        const candidates = this.#worthwhile(predicate, this.#ofLeaf(predicate));
        return { candidates, residual: candidates?.isExact === true ? undefined : predicate };
      }
    }
  }

  /** Undefined where a scan of the column is as good. */
  #worthwhile(predicate: Predicate, candidates: Candidates | undefined): Candidates | undefined {
    if (candidates === undefined || candidates.kind === 'skipped') return candidates;
    const { rowCount, scanNanos } = this.#facts;
    const nanos = scanNanos(predicate);
    const rest = candidates.isExact ? 0 : nanos * candidates.estimated;
    return candidates.nanos + rest < nanos * rowCount ? candidates : undefined;
  }

  /** The parts that leave the fewest rows first; each must take out more work than it costs. */
  #planAnd(predicate: Predicate & { readonly kind: 'and' | 'or' }): FilterPlan {
    const { rowCount, scanNanos } = this.#facts;
    const parts = predicate.operands.map((operand) => ({ operand, found: this.#candidatesOf(operand) }));
    const skipped = parts.find(({ found }) => found?.kind === 'skipped')?.found;
    if (skipped !== undefined) return { candidates: skipped, residual: undefined };
    const ranked = parts
      .flatMap(({ operand, found }) => (found === undefined ? [] : [{ operand, found }]))
      .sort((a, b) => a.found.estimated - b.found.estimated);
    let nanosPerRow = parts.reduce((sum, { operand }) => sum + scanNanos(operand), 0);
    let rows = rowCount;
    const chosen: Candidates[] = [];
    const answered = new Set<Predicate>();
    for (const { operand, found } of ranked) {
      const left = (rows * found.estimated) / rowCount;
      const later = nanosPerRow - (found.isExact ? scanNanos(operand) : 0);
      if (found.nanos + left * later >= rows * nanosPerRow) continue;
      chosen.push(found);
      if (found.isExact) answered.add(operand);
      rows = left;
      nanosPerRow = later;
    }
    const residual = predicate.operands.filter((operand) => !answered.has(operand));
    return { candidates: this.#all(chosen), residual: conjunctionOf(residual) };
  }

  #planOr(predicate: Predicate & { readonly kind: 'and' | 'or' }): FilterPlan {
    const candidates = this.#worthwhile(predicate, this.#anyOf(predicate.operands));
    return { candidates, residual: candidates?.isExact === true ? undefined : predicate };
  }

  /** Rows that come into question for a part, whether or not that pays. */
  #candidatesOf(predicate: Predicate): Candidates | undefined {
    switch (predicate.kind) {
      case 'constant':
        return undefined;
      case 'and': {
        const { candidates, residual } = this.#planAnd(predicate);
        return candidates && residual !== undefined && candidates.isExact
          ? { ...this.#inexact(candidates) }
          : candidates;
      }
      case 'or':
        return this.#anyOf(predicate.operands);
      default:
        return this.#ofLeaf(predicate);
    }
  }

  #inexact(candidates: Candidates): Candidates {
    const { estimated, nanos } = candidates;
    return { kind: 'and', parts: [candidates], estimated, nanos, isExact: false };
  }

  /** Only if every part knows: a row that none of them names must not pass. Parts that no row passes add nothing. */
  #anyOf(operands: readonly Predicate[]): Candidates | undefined {
    const all: Candidates[] = [];
    for (const operand of operands) {
      const found = this.#candidatesOf(operand);
      if (found === undefined) return undefined;
      all.push(found);
    }
    const parts = all.filter(({ kind }) => kind !== 'skipped');
    if (parts.length === 0) return all[0];
    const estimated = Math.min(
      this.#facts.rowCount,
      parts.reduce((sum, part) => sum + part.estimated, 0),
    );
    return joined('or', parts, estimated);
  }

  #all(parts: readonly Candidates[]): Candidates | undefined {
    const [only, second] = parts;
    if (only === undefined || second === undefined) return only;
    const { rowCount } = this.#facts;
    const estimated = parts.reduce((rows, part) => (rows * part.estimated) / rowCount, rowCount);
    return joined('and', parts, Math.ceil(estimated));
  }

  #ofLeaf(
    predicate: Exclude<Predicate, { readonly kind: 'constant' | 'and' | 'or' }>,
  ): Candidates | undefined {
    const isNot = predicate.kind === 'not';
    const leaf = isNot ? predicate.operand : predicate;
    const isNegated = isNot !== isMadeNegated(leaf);
    // `not` of a leaf is true where the leaf is known and false, of which the statistics say nothing.
    const groups = isNot ? undefined : this.#facts.groupsOf(leaf);
    if (groups?.rows === 0)
      return { kind: 'skipped', by: groups.reason, leaf, estimated: 0, isExact: true, nanos: 0 };
    return this.#bySource(leaf, isNegated, groups) ?? (isNegated ? undefined : this.#byBlocks(leaf, groups));
  }

  #bySource(leaf: Leaf, isNegated: boolean, groups: BlockSource | undefined): Candidates | undefined {
    const { rowCount, scanNanos } = this.#facts;
    if (!isWorthAsking(leaf, this.#facts)) return undefined;
    const source = this.#facts.sourceOf(leaf);
    if (source === undefined) return undefined;
    const { isExact, rowsMax } = source.answer;
    // Which candidates are true nobody knows, so nothing is known of the other rows either.
    if (isNegated && !isExact) return undefined;
    const estimated = isNegated ? Math.max(0, rowCount - rowsMax) : rowsMax;
    const nanos =
      lookupNanos(leaf) +
      rowsMax * NANOS_PER_NAMED_ROW +
      rowCount * NANOS_PER_ROW_OF_BITS * (isNegated ? 3 : 1);
    // What names most rows by an index may be no better than blocks that are left out.
    const blocks = isNegated ? undefined : this.#byBlocks(leaf, groups);
    if (blocks !== undefined && blocks.nanos + blocks.estimated * scanNanos(leaf) < nanos) return blocks;
    return { kind: 'source', source, leaf, isNegated, estimated, isExact, nanos };
  }

  /** Blocks are smaller than row groups, but only columns of numbers have them. */
  #byBlocks(leaf: Leaf, groups: BlockSource | undefined): Candidates | undefined {
    const blocks = this.#facts.blocksOf(leaf) ?? groups;
    if (blocks === undefined || blocks.rows === this.#facts.rowCount) return undefined;
    const nanos = this.#facts.rowCount * NANOS_PER_ROW_OF_BITS;
    return { kind: 'blocks', blocks, leaf, estimated: blocks.rows, isExact: false, nanos };
  }
}

const joined = (kind: 'and' | 'or', parts: readonly Candidates[], estimated: number): Candidates => ({
  kind,
  parts,
  estimated,
  isExact: parts.every((part) => part.isExact),
  nanos: parts.reduce((sum, part) => sum + part.nanos, 0),
});

function conjunctionOf(operands: readonly Predicate[]): Predicate | undefined {
  const [only, second] = operands;
  return only === undefined || second === undefined ? only : { kind: 'and', operands };
}

/** Whether a source is asked of a leaf: it looks each value of a set up, before anything is known of its rows. */
export const isWorthAsking = (leaf: Leaf, { rowCount, scanNanos }: FilterFacts): boolean => {
  const nanos = lookupNanos(leaf);
  return nanos === 0 || nanos < rowCount * scanNanos(leaf);
};

/** For the values that a source has to look up one by one; few of them cost nothing that would count. */
function lookupNanos(leaf: Leaf): number {
  if (leaf.kind !== 'in' && leaf.kind !== 'contains') return 0;
  const { ints, doubles, texts } = leaf.values;
  const count = ints.length + doubles.length + texts.length;
  return count > FEW_VALUES ? count * NANOS_PER_LOOKUP : 0;
}

const FEW_VALUES = 64;

/** Whether the leaf is the negation of what is asked of a source. */
const isMadeNegated = (leaf: Leaf): boolean => leaf.kind === 'compare' && leaf.op === '!=';
