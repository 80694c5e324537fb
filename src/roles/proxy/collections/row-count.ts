// The rows of a collection or a partition as statistics give them: those in files plus those still growing, deleted ones among them.
import type { CallContext } from '#platform/transport.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';

interface GrowingRows {
  readonly segmentId: bigint;
  readonly partitionId: bigint;
  readonly rowCount: bigint;
}

/** @param partitionId undefined: of all partitions */
export async function rowCount(
  { channelRegistry, streamingNode }: Pick<ProxyParts, 'channelRegistry' | 'streamingNode'>,
  collection: OpenCollection,
  partitionId: bigint | undefined,
  context: CallContext,
): Promise<bigint> {
  // What was dropped or truncated may still be there until it is cleared.
  const there = new Set(collection.record.partitions.map(({ id }) => id));
  const isWanted = (id: bigint): boolean => (partitionId === undefined ? there.has(id) : id === partitionId);
  // Growing first: a segment flushed between the two answers is in both, and counted once. The other way round it would be in neither.
  const growing: GrowingRows[] = [];
  for (const vchannel of collection.record.vchannels)
    growing.push(...(await streamingNode.channelRows({ vchannel }, context)).segments);
  const { segments } = await channelRegistry.listSegments({ collectionId: collection.record.id }, context);
  const flushed = new Set(segments.map((segment) => segment.id));
  const counted = [
    ...segments.filter((segment) => !segment.isLevelZero && isWanted(segment.partitionId)),
    ...growing.filter((segment) => isWanted(segment.partitionId) && !flushed.has(segment.segmentId)),
  ];
  return counted.reduce((sum, segment) => sum + segment.rowCount, 0n);
}

export const rowCountStatistics = (rows: bigint) => ({ stats: [{ key: 'row_count', value: String(rows) }] });
