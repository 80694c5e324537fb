// One sealed segment that a query-node serves for a shard, and what is known of it.
import type { Platform } from '#platform/platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { QueryNodeDefinition, SyncTargetRequest } from '#proto/elanus/roles.js';
import type { ForwardedDeletes } from '#roles/streaming-node/delete-message.js';
import type { Shard } from '#roles/streaming-node/shard.js';
import type { Client } from '#rpc/service.js';

export interface ServedSegment {
  readonly record: SegmentRecord;
  /** Deletes that arrived while the segment is being loaded. */
  waiting: ForwardedDeletes[] | undefined;
  indexKeys: string;
}

export interface ServedSegmentsParts {
  readonly platform: Platform;
  readonly shard: Shard;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
  /** An older target may lack what the owner before this one flushed. */
  readonly versionMin: bigint;
  /** Segments must be loaded anew: fetch a target. */
  readonly onLost: () => void;
  /** The file of an index cannot be read: have it built again. */
  readonly onDamaged: (segment: SegmentRecord, indexId: bigint) => Promise<void>;
}

export const keysOfIndexes = ({ indexes }: SegmentRecord): string => indexes.map((file) => file.key).join();

/** Indexes of fields that are not loaded are of no use. */
export function withLoadedIndexes(request: SyncTargetRequest): SyncTargetRequest {
  const { leftOutFieldIds, segments } = request;
  if (leftOutFieldIds.length === 0) return request;
  const isLoaded = ({ fieldId }: { readonly fieldId: bigint }): boolean => !leftOutFieldIds.includes(fieldId);
  return {
    ...request,
    segments: segments.map((target) => ({
      ...target,
      segment: target.segment && { ...target.segment, indexes: target.segment.indexes.filter(isLoaded) },
    })),
  };
}
