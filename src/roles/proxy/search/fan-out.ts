// Step 2 of a search: the owner of every shard is asked at the same time.
import type { CallContext } from '#platform/transport.js';
import type { ShardSearchRequest, ShardSearchResponse } from '#proto/elanus/roles.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { expiryOf } from '#roles/proxy/reads/read-scope.js';
import { askAlike } from '#roles/proxy/reads/same-imports.js';
import { whole } from '#rpc/service.js';
import type { CheckedSearch } from './search-request.js';

/** One answer per shard, in the order of the collection's channels. The first failure is the failure of the search. */
export function searchShards(
  parts: Pick<ProxyParts, 'streamingNode'>,
  search: CheckedSearch,
  context: CallContext,
): Promise<ShardSearchResponse[]> {
  const { vchannels } = search.scope.collection.record;
  return askAlike(vchannels, (vchannel, shard, importsUntil) =>
    parts.streamingNode.search(shardRequest(vchannel, search, shard, importsUntil), context),
  );
}

/** Where there is one. */
export const searchShard = (
  { streamingNode }: Pick<ProxyParts, 'streamingNode'>,
  search: CheckedSearch,
  vchannel: string,
  context: CallContext,
): Promise<ShardSearchResponse> =>
  streamingNode.search(shardRequest(vchannel, search, 0, undefined), context);

function shardRequest(
  vchannel: string,
  search: CheckedSearch,
  shard: number,
  importsUntil: bigint | undefined,
): ShardSearchRequest {
  const pinned = search.pinned[shard];
  const { scope, plan, toShards, range } = search;
  const { params } = plan;
  const { filter, textFilter } = search.filter.forShards;
  const expiry = expiryOf(scope, toShards.atGuarantee ? search.guaranteeTimestamp : 0n);
  // Field by field: an object that is spread has a shape of its own each time, which everyone who reads it pays for.
  return whole<ShardSearchRequest>({
    vchannel,
    partitionIds: scope.partitionIds,
    fieldId: params.annsField.fieldID,
    metric: plan.metric,
    queries: search.queries,
    queryCount: search.queryCount,
    listLengths: search.listLengths,
    topK: search.topK,
    guaranteeTimestamp: pinned ?? search.guaranteeTimestamp,
    ignoreGrowing: params.ignoreGrowing,
    radius: range.radius,
    rangeFilter: range.rangeFilter,
    filter,
    textFilter,
    params: plan.shardParams,
    explain: params.explain,
    loadedOnly: scope.loadedOnly,
    schemaVersion: scope.collection.schema.version,
    expiredUntil: expiry.expiredUntil,
    expiryField: expiry.expiryField,
    expiryMicros: expiry.expiryMicros,
    boosts: toShards.boosts,
    atGuarantee: toShards.atGuarantee || pinned !== undefined,
    isPage: toShards.atGuarantee,
    exact: toShards.exact,
    excludedSegmentIds: toShards.excludedSegmentIds,
    excludedRows: toShards.excludedRows,
    bm25: search.words?.bm25,
    statisticsTimestamp: search.words?.countedAt[shard]?.time ?? 0n,
    importsUntil: importsUntil ?? search.words?.countedAt[shard]?.importsUntil,
  });
}
