// Step 4 of a search: the page and the scores that the client gets. Forms that choose or score hits anew do so before it (`rerank/`, `group/`),
// between the merge, which knows all candidates, and the fetch, which reads only the rows that stay.
import type { Hits } from '#segment/search/hits.js';
import { pageOfHits } from '#segment/search/merge-hits.js';

export interface HitPage {
  readonly offset: number;
  readonly limit: number;
  /** -1: scores stay as they are. */
  readonly roundDecimal: number;
}

export const pageHits = (hits: Hits, { offset, limit, roundDecimal }: HitPage): Hits =>
  roundScores(pageOfHits(hits, offset, limit), roundDecimal);

export const roundScores = (hits: Hits, decimals: number): Hits =>
  decimals < 0 ? hits : { ...hits, scores: hits.scores.map((score) => rounded(score, decimals)) };

export const rounded = (score: number, decimals: number): number =>
  Math.round(score * 10 ** decimals) / 10 ** decimals;
