// A delete by a filter begins with a read: the newest state of each shard is asked which keys pass, and these are deleted then. Each shard
// gets one record with all of its keys, so a crash leaves all of a shard's rows or none. The read sees every write that was acknowledged
// before the delete came; a row that is written under one of the keys between the read and the delete goes with it.
import { ElanusError } from '#base/errors.js';
import { leavesOf } from '#expr/leaves-of.js';
import type { CallContext } from '#platform/transport.js';
import type { DeleteRequest } from '#proto/milvus/milvus.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { expiryOf, readScope } from '#roles/proxy/reads/read-scope.js';
import { type RequestFilter, requestFilter } from '#roles/proxy/reads/request-filter.js';
import { retryWhileMoved } from '#roles/proxy/reads/retry-moved.js';
import type { FoundKeys } from './shard-writes.js';

type ReadParts = Pick<ProxyParts, 'access' | 'rootCoord' | 'streamingNode' | 'platform' | 'settings'>;

interface DeleteByFilter {
  readonly request: DeleteRequest;
  readonly filter: RequestFilter;
}

/** One entry per shard, in the order of the channels. @throws collection_not_loaded; unsupported for filters that choose, not test */
export async function findKeys(
  parts: ReadParts,
  { request, filter: sent }: DeleteByFilter,
  context: CallContext,
): Promise<readonly (FoundKeys | undefined)[]> {
  if (sent.predicate?.sampleShare !== undefined || sent.predicate?.elements !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      'a delete takes no random_sample and no element_filter: what it deletes would not be said; write a filter of rows',
    );
  const leaves = sent.predicate === undefined ? [] : [...leavesOf(sent.predicate.predicate)];
  if (leaves.some((leaf) => leaf.kind === 'member' && leaf.members.kind === 'bloom'))
    throw new ElanusError(
      'invalid_parameter',
      'a delete takes no membership_match with type=bloom, which also passes rows that are not in the set; use type=roaring or a list',
    );
  const partitionNames = request.partitionName === '' ? [] : [request.partitionName];
  const scope = await readScope(parts, { ...request, partitionNames }, context);
  // It was checked against all fields; some may not be loaded.
  const { namespaceKey } = scope;
  const source = { text: request.expr, templates: request.exprTemplateValues, namespaceKey };
  const filter = await requestFilter(scope.collection, source, parts.platform.workers);
  return retryWhileMoved(parts, context, () =>
    Promise.all(
      scope.collection.record.vchannels.map(async (vchannel) => {
        const { rows } = await parts.streamingNode.retrieve(
          {
            vchannel,
            partitionIds: scope.partitionIds,
            loadedOnly: scope.loadedOnly,
            ...filter.forShards,
            guaranteeTimestamp: 0n,
            countOnly: false,
            limit: 0n,
            fieldIds: [],
            withAddresses: false,
            orderBy: [],
            aggregation: undefined,
            atGuarantee: false,
            ignoreGrowing: false,
            schemaVersion: scope.collection.schema.version,
            ...expiryOf(scope),
          },
          context,
        );
        const [column] = rows?.columns ?? [];
        return rows === undefined || column === undefined ? undefined : { column, count: rows.rowCount };
      }),
    ),
  );
}
