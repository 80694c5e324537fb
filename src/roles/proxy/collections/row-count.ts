// The rows of a collection or a partition as statistics give them: those in files plus those still growing, deleted ones among them.
import { isInFiles, lackedOutputs } from '#model/functions/late-outputs.js';
import type { CallContext } from '#platform/transport.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';

interface GrowingRows {
  readonly segmentId: bigint;
  readonly partitionId: bigint;
  readonly rowCount: bigint;
  readonly lacksOutputs: boolean;
}

interface CountedRows {
  readonly rows: bigint;
  /** Segments, and those that have what all functions make. */
  readonly segments: number;
  readonly complete: number;
}

/** @param partitionId undefined: of all partitions */
export async function rowCount(
  { channelRegistry, streamingNode }: Pick<ProxyParts, 'channelRegistry' | 'streamingNode'>,
  collection: OpenCollection,
  partitionId: bigint | undefined,
  context: CallContext,
): Promise<CountedRows> {
  // What was dropped or truncated may still be there until it is cleared.
  const there = new Set(collection.record.partitions.map(({ id }) => id));
  const isWanted = (id: bigint): boolean => (partitionId === undefined ? there.has(id) : id === partitionId);
  // Growing first: a segment flushed between the two answers is in both, and counted once. The other way round it would be in neither.
  const growing: GrowingRows[] = [];
  for (const vchannel of collection.record.vchannels)
    growing.push(...(await streamingNode.channelRows({ vchannel }, context)).segments);
  const { segments } = await channelRegistry.listSegments({ collectionId: collection.record.id }, context);
  const flushed = new Set(segments.map((segment) => segment.id));
  const { schema } = collection;
  const counted = [
    ...segments
      .filter((segment) => !segment.isLevelZero && isWanted(segment.partitionId))
      .map(({ rowCount, files }) => ({
        rowCount,
        lacksOutputs: lackedOutputs(schema, isInFiles(files)).length > 0,
      })),
    ...growing.filter((segment) => isWanted(segment.partitionId) && !flushed.has(segment.segmentId)),
  ];
  return {
    rows: counted.reduce((sum, segment) => sum + segment.rowCount, 0n),
    segments: counted.length,
    complete: counted.filter(({ lacksOutputs }) => !lacksOutputs).length,
  };
}

export const rowCountStatistics = ({ rows }: CountedRows) => ({
  stats: [{ key: 'row_count', value: String(rows) }],
});

/** Statistics of a collection; where a function came later, with how far the backfill is, by the names that Milvus gives it. */
export const collectionStatistics = (counted: CountedRows, { record }: Pick<OpenCollection, 'record'>) => {
  const { stats } = rowCountStatistics(counted);
  if (record.lateOutputIds.length === 0) return { stats };
  return {
    stats: [
      ...stats,
      { key: 'schema_version_consistent_segments', value: String(counted.complete) },
      { key: 'schema_version_total_segments', value: String(counted.segments) },
    ],
  };
};
