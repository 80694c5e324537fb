// Data that no definition names: segments of partitions, and files of indexes, that are gone. A definition goes first and its data after it,
// so a crash, or a build that ended late, can leave some. Compared once at the start; a folder of an older version is mended by it, too.
import { messageOf } from '#base/errors.js';
import { isCreated } from '#model/states/collection.js';
import { partitionsOf } from '#model/states/partition.js';
import type { Platform } from '#platform/platform.js';
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import type { Client } from '#rpc/service.js';
import type { DefinitionCatalog } from './definition-catalog.js';

export interface UndefinedDataParts {
  readonly platform: Platform;
  readonly catalog: DefinitionCatalog;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly signal: AbortSignal;
}

/** What fails is left for the next start. */
export async function dropUndefinedData(parts: UndefinedDataParts): Promise<void> {
  for (const { id } of parts.catalog.collections()) {
    if (parts.signal.aborted) return;
    await dropOf(parts, id).catch((error: unknown) =>
      parts.platform.logger.warn('undefined_data_kept', { collectionId: id, reason: messageOf(error) }),
    );
  }
}

async function dropOf(
  { catalog, channelRegistry, platform, signal }: UndefinedDataParts,
  collectionId: bigint,
): Promise<void> {
  const context = { signal, metadata: {} };
  // Data before definitions: whatever has data now was defined before.
  const { segments } = await channelRegistry.listSegments({ collectionId }, context);
  const record = catalog.byId(collectionId);
  if (record === undefined || !isCreated(record)) return;
  const partitions = new Set(partitionsOf(record).map(({ id }) => id));
  const indexes = new Set(record.indexes.map(({ id }) => id));
  const lostPartitions = new Set(
    segments.map(({ partitionId }) => partitionId).filter((id) => id >= 0n && !partitions.has(id)),
  );
  const lostIndexes = new Set(
    segments
      .flatMap((segment) => segment.indexes.map(({ indexId }) => indexId))
      .filter((id) => !indexes.has(id)),
  );
  for (const partitionId of lostPartitions) {
    platform.logger.warn('undefined_partition_dropped', { collectionId, partitionId });
    await channelRegistry.dropCollectionData({ collectionId, partitionId }, context);
  }
  for (const indexId of lostIndexes) {
    platform.logger.warn('undefined_index_dropped', { collectionId, indexId });
    await channelRegistry.dropIndexFiles({ collectionId, indexId }, context);
  }
}
