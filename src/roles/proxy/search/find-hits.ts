// Steps 2 and 3 of a search as one: every form of search begins with the candidates of all shards.
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { searchShards } from './fan-out.js';
import { mergeShards } from './merge-shards.js';
import type { Found } from './ranked.js';
import type { CheckedSearch } from './search-request.js';

export async function findHits(
  parts: Pick<ProxyParts, 'streamingNode'>,
  search: CheckedSearch,
  pace: Pace,
  context: CallContext,
): Promise<Found> {
  const answers = await searchShards(parts, search, context);
  return { answers, hits: await mergeShards(answers, search, pace) };
}
