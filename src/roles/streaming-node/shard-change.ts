// Requests to a shard, and what it makes of them: segments, and deletes that no file holds yet.
import type { GrowingState } from '#model/states/segment.js';
import type { Column, ColumnBatch, WriteId } from '#proto/elanus/data.js';
import type { SegmentData } from '#segment/segment-data.js';

export type ShardChange =
  | {
      readonly kind: 'write';
      readonly deletedKeys: Column | undefined;
      /** The partition in which the keys are deleted; 0n: every one. */
      readonly deletedPartitionId: bigint;
      /** Not 0n: the rows were made from rows read then, so none of the deleted keys may have been written or deleted since. */
      readonly unchangedSince?: bigint;
      readonly inserts: readonly { readonly partitionId: bigint; readonly rows: ColumnBatch }[];
      /** Whoever sent it may send it again under this id. */
      readonly id?: WriteId;
      /** Not 0n: it may have been written already, but not before this time. */
      readonly sentAfter?: bigint;
    }
  | { readonly kind: 'seal'; readonly segmentIds: readonly bigint[] }
  | { readonly kind: 'dropPartition'; readonly partitionId: bigint };

/** Deletes that no file holds yet. */
export interface BufferedDeletes {
  readonly keys: Column;
  readonly timestamp: bigint;
  readonly lsn: bigint;
  /** 0n: of every partition. */
  readonly partitionId: bigint;
  /** When they were noted here, by the monotonic clock of this process. */
  readonly appliedMs: number;
}

/** Life here:  growing ──seal──▶ sealed ──commit──▶ saved ──served by a query-node──▶ forgotten */
export interface GrowingSegment {
  readonly id: bigint;
  readonly partitionId: bigint;
  readonly data: SegmentData;
  state: GrowingState;
  readonly firstLsn: bigint;
  readonly firstTimestamp: bigint;
  /** These times are of the monotonic clock of this process. */
  readonly createdMs: number;
  lastWriteMs: number;
}
