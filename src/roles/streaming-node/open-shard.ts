// A shard with all that makes it serve: its flush, its reader, and the log it is written to.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { noMembers } from '#base/maps/lazy-map.js';
import { sharedSchema } from '#model/schema/shared-schema.js';
import type { ChannelRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { ChannelAssignment } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { ShardReader, type ShardReaderParts } from '#roles/streaming-node/reads/shard-reader.js';
import type { PhysicalChannel } from './physical-channel.js';
import { Shard } from './shard.js';
import type { BufferedDeletes } from './shard-change.js';
import { ShardFlush, type ShardFlushParts } from './shard-flush.js';
import type { ShardParts } from './shard-parts.js';
import { ShardSchema, type ShardSchemaParts } from './shard-schema.js';
import type { StreamingNodeParts } from './streaming-node-parts.js';

export interface OpenShard {
  readonly shard: Shard;
  readonly flush: ShardFlush;
  readonly reader: ShardReader;
  readonly physical: PhysicalChannel;
  readonly schema: ShardSchema;
}

/** One for all shards of a node. */
export interface ShardWorld extends StreamingNodeParts {
  /** Targets that were read before it may not know all that is in files. */
  readonly startTimestamp: bigint;
  /** Asks for the target of a collection. */
  readonly askForTarget: (collectionId: bigint) => void;
  /** It begins to hold rows or deletes. */
  readonly onHolding: (open: OpenShard) => void;
  /** The target that it serves may be settled, or not any more. */
  readonly onSettling: () => void;
  /** The channel went with its collection, and nobody has closed it here. */
  readonly onGone: (vchannel: string) => void;
  /** Lets go of what the log holds and nobody needs any more. */
  readonly truncate: (physical: PhysicalChannel) => void;
}

/** Joins the parts of one shard; nothing in it runs yet. */
export const openShard = (
  world: ShardWorld,
  physical: PhysicalChannel,
  assignment: ChannelAssignment,
): OpenShard => new ShardLinks(world, physical, assignment).open;

/**
 * What the parts of a shard ask of others and of each other. One object for all of them, with methods of its class: lists and closures of
 * their own, one for each part, were a sixth of what a collection keeps in memory.
 */
class ShardLinks implements ShardParts, ShardReaderParts, ShardFlushParts, ShardSchemaParts {
  readonly channel: ChannelRecord;
  readonly persistedSegmentIds: ReadonlySet<bigint>;
  readonly open: OpenShard;
  readonly #world: ShardWorld;
  readonly #physical: PhysicalChannel;
  /** Before `open` is whole. */
  readonly #shard: Shard;

  constructor(world: ShardWorld, physical: PhysicalChannel, assignment: ChannelAssignment) {
    const { channel, persistedSegmentIds: persisted } = assignment;
    if (channel?.schema === undefined)
      throw new ElanusError('internal', 'channel assignment without channel or schema');
    this.#world = world;
    this.#physical = physical;
    const schema = sharedSchema(channel.schema);
    this.channel = schema === channel.schema ? channel : { ...channel, schema };
    this.persistedSegmentIds = persisted.length === 0 ? noMembers : new Set(persisted);
    this.#shard = new Shard(this);
    this.open = {
      shard: this.#shard,
      flush: new ShardFlush(this),
      reader: new ShardReader(this),
      physical,
      schema: new ShardSchema(this),
    };
  }

  get shard(): Shard {
    return this.#shard;
  }

  get reader(): ShardReader {
    return this.open.reader;
  }

  get physical(): PhysicalChannel {
    return this.#physical;
  }

  get schema(): CollectionSchema {
    return must(this.channel.schema, 'schema of a channel');
  }

  get platform() {
    return this.#world.platform;
  }

  get settings() {
    return this.#world.settings;
  }

  get time() {
    return this.#world.time;
  }

  get serverId(): bigint {
    return this.#world.settings.serverId;
  }

  get queryNode() {
    return this.#world.peers.queryNode;
  }

  get channelRegistry() {
    return this.#world.peers.channelRegistry;
  }

  get allocateIds() {
    return this.#world.allocateIds;
  }

  get hasRoom() {
    return this.#world.hasRoom;
  }

  get describe() {
    return this.#world.describe;
  }

  get versionMin(): bigint {
    return this.#world.startTimestamp;
  }

  forwardDeletes(deletes: Omit<BufferedDeletes, 'lsn' | 'appliedMs'>): Promise<void> {
    return this.open.reader.forwardDeletes(deletes);
  }

  onHolding(): void {
    this.#world.onHolding(this.open);
  }

  onSealed(): void {
    this.open.flush.request();
  }

  settled(): Promise<void> {
    return this.#physical.settled();
  }

  onLost(): void {
    this.#world.askForTarget(this.channel.collectionId);
  }

  onSettling(): void {
    this.#world.onSettling();
  }

  onGone(): void {
    this.#world.onGone(this.channel.vchannel);
  }

  /** Without its file the index counts as not built, and RootCoord has it built again. */
  async onDamaged({ id, collectionId }: SegmentRecord, indexId: bigint): Promise<void> {
    await this.channelRegistry.dropIndexFiles({ collectionId, indexId, segmentId: id });
  }

  onCommitted(segments: readonly SegmentRecord[], checkpointLsn: bigint): void {
    this.open.reader.committed(segments);
    this.#physical.committed(this.#shard, checkpointLsn);
    this.#world.truncate(this.#physical);
  }
}
