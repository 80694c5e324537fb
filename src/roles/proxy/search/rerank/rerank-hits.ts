// The step between merge and page of a search that scores its hits anew: the hits of one or several searches by what the reranker makes of them.
import { must } from '#base/assert.js';
import type { Reranker } from '#model/params/rank/rerankers.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import type { AnswerForm, Found } from '#roles/proxy/search/ranked.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { withRowKeys } from '#segment/search/element-keys.js';
import type { Hits, KeyField } from '#segment/search/hits.js';
import { decayedHits } from './decay.js';
import { fuseHits } from './fuse-hits.js';
import { fusionOf } from './fusions.js';
import { modelHits } from './model-rerank.js';

/** One search and what it found. */
export interface Leg {
  readonly search: CheckedSearch;
  readonly found: Found;
}

type RerankParts = Pick<ProxyParts, 'streamingNode' | 'providers'>;

/** Hits of elements count for their rows. @throws cancelled, deadline_exceeded, segment_not_found */
export async function rerankHits(
  parts: RerankParts,
  {
    legs,
    reranker,
    form,
  }: { readonly legs: readonly Leg[]; readonly reranker: Reranker; readonly form: AnswerForm },
  pace: Pace,
  context: CallContext,
): Promise<Found> {
  const { primary, queryCount } = form;
  const keyField: KeyField = { fieldId: primary.fieldID, dataType: primary.dataType };
  const metrics = legs.map(({ search }) => search.plan.metric);
  const fused = await fuseHits(
    legs.map(({ found }) => withRowKeys(found.hits, keyField)),
    fusionOf(reranker, metrics),
    { queryCount, keyField },
    pace,
  );
  const hits = await rescored(parts, fused, { reranker, form }, pace, context);
  return { answers: legs.flatMap(({ found }) => found.answers), hits };
}

/** Hits by what the values of a field make of their scores, where the reranker says so. */
async function rescored(
  parts: RerankParts,
  hits: Hits,
  { reranker, form }: { readonly reranker: Reranker; readonly form: AnswerForm },
  pace: Pace,
  context: CallContext,
): Promise<Hits> {
  if (hits.rows.length === 0 || (reranker.kind !== 'decay' && reranker.kind !== 'model')) return hits;
  const { vchannels } = form.collection.record;
  const fieldIds = [reranker.field.fieldID];
  const fetched = await fetchRows(
    parts,
    { vchannels, addresses: hits, fieldIds, kind: 'search' },
    pace,
    context,
  );
  const values = must(fetched.columns[0], 'column of the reranker');
  if (reranker.kind === 'decay') return await decayedHits(hits, reranker, values, pace);
  return await modelHits(parts, hits, { reranker, values }, pace, context);
}
