// What a shard is made from: its channel, and what it asks of others.
import type { Platform } from '#platform/platform.js';
import type { ChannelRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { HasRoom } from '#segment/kept/kept-total.js';
import type { BufferedDeletes } from './shard-change.js';

export interface ShardSettings {
  /** Bytes of rows at which a growing segment is sealed. */
  readonly segmentBytesMax: number;
}

export interface ShardParts {
  readonly platform: Platform;
  readonly settings: ShardSettings;
  readonly channel: ChannelRecord;
  readonly schema: CollectionSchema;
  readonly persistedSegmentIds: ReadonlySet<bigint>;
  readonly allocateIds: (count: number) => Promise<bigint>;
  /** Brings deletes to the sealed segments that query-nodes serve; resolves when they hold. */
  readonly forwardDeletes: (deletes: Omit<BufferedDeletes, 'lsn' | 'appliedMs'>) => Promise<void>;
  /** Rows or deletes came: from now on it may be not empty. */
  readonly onHolding?: () => void;
  /** Something is ready to be written to files. */
  readonly onSealed: () => void;
  /** Whether the process has memory for what filters keep; it has when nobody counts it. */
  readonly hasRoom?: HasRoom;
}
