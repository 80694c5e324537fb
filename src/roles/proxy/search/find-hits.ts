// Steps 2 and 3 of a search as one: every form of search begins with the candidates of all shards.
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { decodeHits } from '#segment/search/hits.js';
import { searchShard, searchShards } from './fan-out.js';
import { mergeShards } from './merge-shards.js';
import type { Found } from './ranked.js';
import type { CheckedSearch } from './search-request.js';

export async function findHits(
  parts: Pick<ProxyParts, 'streamingNode'>,
  search: CheckedSearch,
  pace: Pace,
  context: CallContext,
): Promise<Found> {
  const { vchannels } = search.scope.collection.record;
  const [only] = vchannels;
  // Most collections have one shard: its answer is merged already, and there is nobody to wait for beside it.
  if (only !== undefined && vchannels.length === 1) {
    const answer = await searchShard(parts, search, only, context);
    return { answers: [answer], hits: decodeHits(answer) };
  }
  const answers = await searchShards(parts, search, context);
  return { answers, hits: await mergeShards(answers, search, pace) };
}
