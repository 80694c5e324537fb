// What reads of a shard share: what they see, and what they work with.
import type { AskedExpiry } from '#base/read-time.js';
import type { Platform } from '#platform/platform.js';
import type { QueryNodeDefinition } from '#proto/elanus/roles.js';
import type { Shard } from '#roles/streaming-node/shard.js';
import type { Client } from '#rpc/service.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import type { SealedView } from './holder.js';
import type { ServedSegments } from './served-segments.js';

/** What a read of a shard sees: each segment is on exactly one of the two sides. */
export interface ShardView extends SealedView {
  readonly readTimestamp: bigint;
  readonly growing: readonly ReadableSegment[];
  /** It sees every import that was committed until then, and none that came later: see imports-seen.ts. */
  readonly importsKnown: bigint;
  /** The newest commit of those of which it sees rows. */
  readonly importsSeen: bigint;
  /** What had expired for the first page of an iterator; undefined: the request says it. */
  readonly expiry: AskedExpiry | undefined;
}

export interface ShardReadParts {
  readonly platform: Platform;
  readonly shard: Shard;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
  readonly served: ServedSegments;
}
