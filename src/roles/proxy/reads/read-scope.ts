// What a read covers: the collection, once it is served, and the partitions of it that are loaded or named.
import { ElanusError } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import { type OpenCollection, refusePartitionNames } from '#roles/proxy/collection-access.js';
import { deadlineOf, type ProxyParts } from '#roles/proxy/proxy-parts.js';

export interface ReadScope {
  readonly collection: OpenCollection;
  readonly partitionIds: bigint[];
  /** The client named none: all that are loaded when the read begins. */
  readonly loadedOnly: boolean;
}

interface ScopedRequest {
  readonly dbName: string;
  readonly collectionName: string;
  readonly partitionNames: readonly string[];
}

/** Waits for a load that is under way. @throws collection_not_loaded, partition_not_found, invalid_parameter */
export async function readScope(
  parts: Pick<ProxyParts, 'access' | 'platform' | 'settings'>,
  request: ScopedRequest,
  context: CallContext,
): Promise<ReadScope> {
  const { access, platform } = parts;
  const collection = await access.open(request, context);
  refusePartitionNames(collection, request.partitionNames);
  const named = access.partitionIds(collection, request.partitionNames);
  const nowMs = () => platform.clock.now();
  const loaded = await access.requireLoaded(collection, context, deadlineOf(context, parts), nowMs);
  for (const id of named) {
    if (!loaded.includes(id))
      throw new ElanusError('collection_not_loaded', `partition not loaded[partition=${id}]; load it first`);
  }
  return named.length > 0
    ? { collection, partitionIds: named, loadedOnly: false }
    : { collection, partitionIds: [...loaded], loadedOnly: true };
}
