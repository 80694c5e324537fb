// How the walks of one filter ended lately. A filter stays as near to or as far from what is searched as it was, so a walk that was given up
// again and again for one and the same plan is not tried for each search: what it costs may be more than half of such a search.
import type { Instead } from './walk-plan.js';

/** Walks in a row that were given up for one plan before none is tried. */
const IN_A_ROW = 8;
/** Then one search in so many tries again: queries may have moved to where the filter lets more pass. */
const TRIED_AGAIN = 16;

export class WalkHistory {
  #instead: Instead = 'scan';
  #inARow = 0;
  #asked = 0;

  /** Asked once a search. @returns what is to be done without a walk before it; undefined: a walk is tried */
  insteadOfWalk(): Instead | undefined {
    if (this.#inARow < IN_A_ROW) return undefined;
    this.#asked++;
    return this.#asked % TRIED_AGAIN === 0 ? undefined : this.#instead;
  }

  /**
   * What became of the walks of one search.
   * @param queries that were walked for @param givenUp walks that ended without an answer @param scanned queries that ended in a scan
   */
  note(queries: number, { givenUp, scanned }: { readonly givenUp: number; readonly scanned: number }): void {
    const instead = insteadOf(queries, givenUp, scanned);
    this.#inARow = instead === undefined ? 0 : (instead === this.#instead ? this.#inARow : 0) + queries;
    if (instead !== undefined) this.#instead = instead;
  }
}

function insteadOf(queries: number, givenUp: number, scanned: number): Instead | undefined {
  if (scanned >= queries) return 'scan';
  return scanned === 0 && givenUp >= queries ? 'two-hop' : undefined;
}
