// Step 2 of a search: the owner of every shard is asked at the same time.
import type { CallContext } from '#platform/transport.js';
import type { ShardSearchRequest, ShardSearchResponse } from '#proto/elanus/roles.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { expiredUntil } from '#roles/proxy/reads/read-scope.js';
import { whole } from '#rpc/service.js';
import type { CheckedSearch } from './search-request.js';

/** One answer per shard, in the order of the collection's channels. The first failure is the failure of the search. */
export function searchShards(
  { streamingNode }: Pick<ProxyParts, 'streamingNode'>,
  search: CheckedSearch,
  context: CallContext,
): Promise<ShardSearchResponse[]> {
  return Promise.all(
    search.scope.collection.record.vchannels.map((vchannel, shard) =>
      streamingNode.search(shardRequest(vchannel, search, search.pinned[shard]), context),
    ),
  );
}

function shardRequest(
  vchannel: string,
  search: CheckedSearch,
  pinned: bigint | undefined,
): ShardSearchRequest {
  const { scope, plan, toShards } = search;
  const { params } = plan;
  return whole<ShardSearchRequest>({
    vchannel,
    partitionIds: scope.partitionIds,
    fieldId: params.annsField.fieldID,
    metric: plan.metric,
    queries: search.queries,
    queryCount: search.queryCount,
    listLengths: search.listLengths,
    topK: search.topK,
    guaranteeTimestamp: search.guaranteeTimestamp,
    ignoreGrowing: params.ignoreGrowing,
    ...search.range,
    ...search.filter.forShards,
    params: plan.shardParams,
    explain: params.explain,
    loadedOnly: scope.loadedOnly,
    schemaVersion: scope.collection.schema.version,
    expiredUntil: expiredUntil(scope, toShards.atGuarantee ? search.guaranteeTimestamp : 0n),
    ...toShards,
    ...(pinned !== undefined && { guaranteeTimestamp: pinned, atGuarantee: true }),
  });
}
