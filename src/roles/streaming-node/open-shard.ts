// A shard with all that makes it serve: its flush, its reader, and the log it is written to.
import { ElanusError } from '#base/errors.js';
import { noMembers } from '#base/maps/lazy-map.js';
import { sharedSchema } from '#model/schema/shared-schema.js';
import type { ChannelAssignment } from '#proto/elanus/roles.js';
import { ShardReader } from '#roles/streaming-node/reads/shard-reader.js';
import type { PhysicalChannel } from './physical-channel.js';
import { Shard } from './shard.js';
import { ShardFlush } from './shard-flush.js';
import { ShardSchema } from './shard-schema.js';
import type { StreamingNodeParts } from './streaming-node-parts.js';

export interface OpenShard {
  readonly shard: Shard;
  readonly flush: ShardFlush;
  readonly reader: ShardReader;
  readonly physical: PhysicalChannel;
  readonly schema: ShardSchema;
}

export interface OpenShardParts extends StreamingNodeParts {
  /** Targets that were read before it may not know all that is in files. */
  readonly startTimestamp: bigint;
  /** Asks for the target of a collection. */
  readonly askForTarget: (collectionId: bigint) => void;
  /** It begins to hold rows or deletes. */
  readonly onHolding: (open: OpenShard) => void;
  /** Lets go of what the log holds and nobody needs any more. */
  readonly truncate: (physical: PhysicalChannel) => void;
}

/** Joins the parts of one shard; nothing in it runs yet. */
export function openShard(
  parts: OpenShardParts,
  physical: PhysicalChannel,
  assignment: ChannelAssignment,
): OpenShard {
  const { platform, settings, peers, time, startTimestamp, allocateIds } = parts;
  if (assignment.channel?.schema === undefined)
    throw new ElanusError('internal', 'channel assignment without channel or schema');
  const schema = sharedSchema(assignment.channel.schema);
  const channel = { ...assignment.channel, schema };
  const open: { current?: OpenShard } = {};
  const shard = new Shard({
    platform,
    settings,
    channel,
    schema,
    persistedSegmentIds:
      assignment.persistedSegmentIds.length === 0 ? noMembers : new Set(assignment.persistedSegmentIds),
    allocateIds,
    hasRoom: parts.hasRoom,
    forwardDeletes: async (deletes) => open.current?.reader.forwardDeletes(deletes),
    onHolding: () => {
      if (open.current !== undefined) parts.onHolding(open.current);
    },
    onSealed: () => open.current?.flush.request(),
  });
  const reader = new ShardReader({
    platform,
    shard,
    queryNode: peers.queryNode,
    time,
    settled: () => physical.settled(),
    versionMin: startTimestamp,
    onLost: () => parts.askForTarget(channel.collectionId),
    // Without its file the index counts as not built, and RootCoord has it built again.
    onDamaged: async ({ id, collectionId }, indexId) => {
      await peers.channelRegistry.dropIndexFiles({ collectionId, indexId, segmentId: id });
    },
  });
  const flush = new ShardFlush({
    platform,
    shard,
    channelRegistry: peers.channelRegistry,
    allocateIds,
    onCommitted: (segments, checkpointLsn) => {
      reader.committed(segments);
      physical.committed(shard, checkpointLsn);
      parts.truncate(physical);
    },
  });
  const follows = new ShardSchema({ shard, reader, physical, describe: parts.describe });
  open.current = { shard, flush, reader, physical, schema: follows };
  return open.current;
}
