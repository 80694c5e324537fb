// Step 4 of a search: the order, the page and the scores that the client gets. Rerankers and grouping of hits belong here, between the
// merge, which knows all candidates, and the fetch, which reads only the rows that stay.
import type { Hits } from '#segment/search/hits.js';
import { skipHits } from '#segment/search/merge-hits.js';
import type { CheckedSearch } from './search-request.js';

export function rankHits(merged: Hits, { plan: { params } }: CheckedSearch): Hits {
  const page = skipHits(merged, params.offset);
  if (params.roundDecimal < 0) return page;
  return { ...page, scores: page.scores.map((score) => rounded(score, params.roundDecimal)) };
}

const rounded = (score: number, decimals: number): number =>
  Math.round(score * 10 ** decimals) / 10 ** decimals;
