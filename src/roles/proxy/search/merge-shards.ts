// Step 3 of a search: the hits of all shards become the best of each query, one per key.
import { isLargerBetter } from '#model/schema/metric-type.js';
import type { Pace } from '#platform/pace.js';
import type { ShardSearchResponse } from '#proto/elanus/roles.js';
import { ELEMENT_KEYS } from '#segment/search/element-keys.js';
import { decodeHits, type Hits } from '#segment/search/hits.js';
import { mergeHitsPaced } from '#segment/search/merge-hits.js';
import type { CheckedSearch } from './search-request.js';

/** What one shard answers is merged already, so there is nothing to wait for then. @throws cancelled, deadline_exceeded */
export function mergeShards(
  answers: readonly ShardSearchResponse[],
  { plan, queryCount, topK }: CheckedSearch,
  pace: Pace,
): Hits | Promise<Hits> {
  const [first] = answers;
  if (answers.length === 1 && first !== undefined) return decodeHits(first);
  const { primary, metric } = plan;
  const keyField = plan.ofElements ? ELEMENT_KEYS : { fieldId: primary.fieldID, dataType: primary.dataType };
  return mergeHitsPaced(answers.map(decodeHits), queryCount, topK, isLargerBetter(metric), keyField, pace);
}
