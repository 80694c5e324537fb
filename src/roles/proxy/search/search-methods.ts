// Search, as steps in the order in which they run: request, fan-out, merge, rank, fetch, encode. A new form of search is a new step here,
// or another composition of these, and not a branch in each.
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { SearchResults } from '#proto/milvus/milvus.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import { readScope } from '#roles/proxy/reads/read-scope.js';
import { retryWhileMoved } from '#roles/proxy/reads/retry-moved.js';
import { offsetsOf, withRowKeys } from '#segment/search/element-keys.js';
import type { Hits } from '#segment/search/hits.js';
import { encodeAnswer } from './encode-answer.js';
import { searchShards } from './fan-out.js';
import { mergeShards } from './merge-shards.js';
import { rankHits } from './rank-hits.js';
import { SearchPlans } from './search-plan.js';
import { type CheckedSearch, checkSearch, checkSearchForm } from './search-request.js';

type SearchParts = Pick<ProxyParts, 'access' | 'platform' | 'settings' | 'streamingNode'>;

export class SearchMethods {
  readonly #parts: SearchParts;
  readonly #plans = new SearchPlans();

  constructor(parts: SearchParts) {
    this.#parts = parts;
  }

  readonly search: PublicHandler<'search'> = async (request, context) => {
    checkSearchForm(request);
    const scope = await readScope(this.#parts, request, context);
    const { workers } = this.#parts.platform;
    const search = await checkSearch(request, scope, { plans: this.#plans, workers });
    return await retryWhileMoved(this.#parts, context, () => this.#run(search, context));
  };

  async #run(search: CheckedSearch, context: CallContext): Promise<SearchResults> {
    const answers = await searchShards(this.#parts, search, context);
    const pace = new Pace(this.#parts.platform, context);
    const ranked = rankHits(await mergeShards(answers, search, pace), search);
    const offsets = offsetsOf(ranked);
    const { fieldID: fieldId, dataType } = search.plan.primary;
    const hits = withRowKeys(ranked, { fieldId, dataType });
    if (pace.isDue) await pace.rest();
    const rows = await this.#fetch(hits, search, pace, context);
    return await encodeAnswer({ answers, hits, rows, offsets }, search, pace);
  }

  /** Output fields, of the hits that stay. */
  #fetch(
    hits: Hits,
    { scope, plan }: CheckedSearch,
    pace: Pace,
    context: CallContext,
  ): Promise<ColumnBatch> | undefined {
    const { fieldIds } = plan.output;
    if (fieldIds.length === 0 || hits.rows.length === 0) return undefined;
    const { vchannels } = scope.collection.record;
    return fetchRows(this.#parts, { vchannels, addresses: hits, fieldIds, kind: 'search' }, pace, context);
  }
}
