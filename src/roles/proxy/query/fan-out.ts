// Step 2 of a query: the owner of every shard is asked at the same time.
import type { CallContext } from '#platform/transport.js';
import type { ShardRetrieveRequest, ShardRetrieveResponse } from '#proto/elanus/roles.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { expiryOf } from '#roles/proxy/reads/read-scope.js';
import { askAlike } from '#roles/proxy/reads/same-imports.js';
import { whole } from '#rpc/service.js';
import { aggregationOf } from './aggregate-answer.js';
import type { CheckedQuery } from './query-request.js';

/** One answer per shard, its rows in the order asked for. The first failure is the failure of the query. */
export function retrieveFromShards(
  { streamingNode }: Pick<ProxyParts, 'streamingNode'>,
  query: CheckedQuery,
  context: CallContext,
): Promise<ShardRetrieveResponse[]> {
  const { scope, output } = query;
  return askAlike(scope.collection.record.vchannels, (vchannel, _shard, importsUntil) =>
    streamingNode.retrieve(
      whole<ShardRetrieveRequest>({
        vchannel,
        importsUntil,
        partitionIds: scope.partitionIds,
        loadedOnly: scope.loadedOnly,
        ...query.filter.forShards,
        guaranteeTimestamp: query.guaranteeTimestamp,
        countOnly: output.isCount,
        limit: BigInt(query.rowsMax ?? 0),
        fieldIds: query.isPaged ? [] : [...output.fieldIds],
        withAddresses: query.isPaged,
        atGuarantee: query.isIterator,
        isPage: query.isIterator,
        orderBy: query.orderBy,
        aggregation: query.aggregates && aggregationOf(query.aggregates),
        ignoreGrowing: query.ignoreGrowing,
        explain: query.explain,
        schemaVersion: scope.collection.schema.version,
        ...expiryOf(scope, query.isIterator ? query.guaranteeTimestamp : 0n),
      }),
      context,
    ),
  );
}
