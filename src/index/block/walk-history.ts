// How the walks of one filter ended lately. A filter stays as near to or as far from what is searched as it was, so a walk that was given up
// for a scan again and again is not tried for each search: what it costs is more than half of such a search.

/** Walks in a row that were given up for a scan before none is tried. */
const IN_A_ROW = 8;
/** Then one search in so many tries again: queries may have moved to where the filter lets more pass. */
const TRIED_AGAIN = 16;

export class WalkHistory {
  #inARow = 0;
  #asked = 0;

  /** Asked once a search. @returns whether a scan is to be made without a walk before it */
  skipsWalk(): boolean {
    if (this.#inARow < IN_A_ROW) return false;
    this.#asked++;
    return this.#asked % TRIED_AGAIN !== 0;
  }

  /** What became of the walks of one search. @param queries that were walked for @param scanned those that ended in a scan */
  note(queries: number, scanned: number): void {
    this.#inARow = scanned >= queries ? this.#inARow + queries : 0;
  }
}
