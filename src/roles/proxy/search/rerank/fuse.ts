// The step between merge and page of a search that scores its hits anew: the hits of one or several searches by what the reranker makes of them.

import type { Reranker } from '#model/params/rerankers.js';
import type { Pace } from '#platform/pace.js';
import type { AnswerForm, Found } from '#roles/proxy/search/ranked.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { withRowKeys } from '#segment/search/element-keys.js';
import { fuseHits } from '#segment/search/fuse-hits.js';
import type { KeyField } from '#segment/search/hits.js';
import { fusionOf } from './fusions.js';

/** One search and what it found. */
export interface Leg {
  readonly search: CheckedSearch;
  readonly found: Found;
}

/** Hits of elements count for their rows. @throws cancelled, deadline_exceeded */
export async function fuseLegs(
  legs: readonly Leg[],
  reranker: Reranker,
  { primary, queryCount }: Pick<AnswerForm, 'primary' | 'queryCount'>,
  pace: Pace,
): Promise<Found> {
  const keyField: KeyField = { fieldId: primary.fieldID, dataType: primary.dataType };
  const fusion = fusionOf(
    reranker,
    legs.map(({ search }) => search.plan.metric),
  );
  const hits = await fuseHits(
    legs.map(({ found }) => withRowKeys(found.hits, keyField)),
    fusion,
    { queryCount, keyField },
    pace,
  );
  return { answers: legs.flatMap(({ found }) => found.answers), hits };
}
