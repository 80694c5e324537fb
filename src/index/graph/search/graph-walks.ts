// How kinds of graphs differ for a search: where codes and lists of layer 0 are, and how layer 0 is walked. The plain graph's walks are
// here, those of the quantised graph and of product codes in their rooms.
import { must } from '#base/assert.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import type { FilteredWalk } from '#index/block/walk-plan.js';
import type { GraphKernel } from '#index/graph/codes/graph-kernel.js';
import { graphParams, type WorkLayout } from '#index/graph/nodes/graph-layout.js';

/** What a kind of graph is given of an index and a thread. */
export interface GraphIndexPlace {
  readonly index: IndexPlacement;
  readonly kernel: GraphKernel;
  /** Working memory of the thread, and what is where in it. */
  readonly at: number;
  readonly work: WorkLayout;
  readonly isIp: boolean;
}

/** One of these for every node, at equal distances. */
export interface Column {
  readonly offset: number;
  readonly stride: number;
}

export interface OwnCodes {
  /** Where `prepare` leaves the query that they are compared with. */
  readonly query: number;
  /** Makes the kernel use them. */
  use(): void;
  /** How many found rows are worth an exact score to have the nearest `k`. */
  rescored(k: number): number;
}

/** What differs between kinds of graphs: where codes and lists of layer 0 are, and how it is walked. */
export interface GraphWalks {
  readonly codes: Column;
  /** The same of the nodes of upper layers alone, which come first. */
  readonly upperCodes?: Column;
  readonly links: Column;
  /** Codes that are not of the index's form: what steers by them. */
  readonly own?: OwnCodes;
  /** Called with each query, framed and coded. @param scale from framed values to the unit of the coded query */
  prepare(scale: number): void;
  /** Keys of results are floats, in the unit of SQ8; else all are integers. */
  readonly hasFloatResults?: true;
  /**
   * @param wanted how many rows the caller wants @param kept nodes that stay where codes choose which are scored, `ef` at least
   * @returns how many nodes the results, or else the pool, hold now
   */
  walk(ef: number, wanted: number, kept: number): { isResults: boolean; count: number };
  /** Leaves nodes that count where `walk` leaves what it found. @returns how many; -1: the walk was given up */
  walkCounting(walk: CountingWalk): number;
  /** The same by two calls, so that the region of a query says where to begin; walks over records have none. */
  readonly byRegion?: RegionWalks;
}

export interface RegionWalks {
  /** @returns the region, a node */
  enter(excluded: number): number;
  walk(walk: CountingWalk): number;
  /** From the best of `count` nodes at `entries`. */
  walkKnown(walk: CountingWalk, entries: number, count: number): number;
  /** Whether the last `walk` or `walkCounting` had to begin far from the query. */
  hasGoneFar(): boolean;
}

/** A walk that keeps what counts, and where the bits are that say what does not. */
export interface CountingWalk extends FilteredWalk {
  readonly excluded: number;
  /** The first nodes, of which samples are drawn where what counts is far; 0: the walk is given up there. */
  readonly sampled: number;
}

/** Walks by the codes of the index's own form, over lists that are stored apart from them. */
export function plainWalks({ index, kernel, at, work }: GraphIndexPlace): GraphWalks {
  const { degree, codeStride } = graphParams(index);
  const offsetOf = (name: string): number => must(index.sections[name], `section ${name}`).offset;
  const query = at + work.query;
  return {
    codes: { offset: offsetOf('codes'), stride: codeStride },
    links: { offset: offsetOf('links'), stride: degree * 8 },
    prepare: () => {},
    walk: (ef, _wanted, kept) => ({ isResults: false, count: kernel.searchKeeping(query, ef, kept) }),
    ...countingWalks(kernel, query),
  };
}

type Asked = Parameters<GraphKernel['searchCounting']>;

/** Walks among nodes that count of a graph whose codes and lists lie apart. */
export function countingWalks(
  kernel: GraphKernel,
  query: number,
): Required<Pick<GraphWalks, 'walkCounting' | 'byRegion'>> {
  const asked = (walk: CountingWalk): Asked => {
    const { narrow, wide, far, excluded, farBelow, sampled, budget, settledWithin } = walk;
    return [query, narrow, wide, far, excluded, farBelow, sampled, budget, settledWithin];
  };
  return {
    walkCounting: (walk) => kernel.searchCounting(...asked(walk)),
    byRegion: {
      enter: (excluded) => kernel.enterCounting(query, excluded),
      walk: (walk) => kernel.walkEntered(...asked(walk)),
      walkKnown: ({ known, excluded, budget, settledWithin }, entries, count) =>
        kernel.walkKnown(query, known, excluded, entries, count, budget, settledWithin),
      hasGoneFar: () => kernel.hasGoneFar() !== 0,
    },
  };
}
