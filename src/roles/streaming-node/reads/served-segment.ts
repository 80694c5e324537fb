// One sealed segment that a query-node serves for a shard, and what is known of it.

import { ElanusError } from '#base/errors.js';
import { LazyMap } from '#base/maps/lazy-map.js';
import type { Platform } from '#platform/platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { QueryNodeDefinition, ReplacedSegment, SyncTargetRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { ForwardedDeletes } from '#roles/streaming-node/delete-message.js';
import type { Shard } from '#roles/streaming-node/shard.js';
import type { Client } from '#rpc/service.js';

export interface ServedSegment {
  readonly record: SegmentRecord;
  /** Deletes that arrived while the segment is being loaded. */
  waiting: ForwardedDeletes[] | undefined;
  /** It is read. One that is not has been loaded in place of others that are read still. */
  isLive: boolean;
  indexKeys: string;
}

/** What a shard serves, shared by those who change it. */
export interface ServedState {
  readonly served: LazyMap<bigint, ServedSegment>;
  /** What the newest target says was replaced. */
  replaced: ReadonlyMap<bigint, ReplacedSegment>;
  /** By it segments are loaded. It is known here before the shard works with it. */
  schema: CollectionSchema;
  /** Some target was loaded whole. */
  isLoaded: boolean;
  /** Rises when everything served is given up: a target that was being loaded then must not go live. */
  life: number;
}

export const nothingServed = (schema: CollectionSchema): ServedState => ({
  served: new LazyMap(),
  replaced: new LazyMap(),
  schema,
  isLoaded: false,
  life: 0,
});

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

export const outdated = (why: string): ElanusError =>
  new ElanusError('service_not_ready', `${why}; fetch the target again`);
