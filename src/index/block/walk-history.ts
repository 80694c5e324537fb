// How the walks of one filter ended lately. A filter stays as near to or as far from what is searched as it was, so a walk that was given up
// again and again is not tried for each search: what it costs may be a part of such a search.

/** Walks in a row that were given up before none is tried. */
const IN_A_ROW = 8;
/** Then one search in so many tries again: queries may have moved to where the filter lets more pass. */
const TRIED_AGAIN = 16;

export class WalkHistory {
  #inARow = 0;
  #asked = 0;

  /** Asked once a search. @returns whether no walk is to be tried */
  skipsWalk(): boolean {
    if (this.#inARow < IN_A_ROW) return false;
    this.#asked++;
    return this.#asked % TRIED_AGAIN !== 0;
  }

  /** What became of the walks of one search. @param queries that were walked for @param givenUp walks that ended in a scan */
  note(queries: number, givenUp: number): void {
    this.#inARow = givenUp < queries ? 0 : this.#inARow + queries;
  }
}
