// The shards of one node and the logs they are in: opened, rebuilt from the log, closed, and forgotten once the catalog does not name them.
//
// These take turns on each log (`#opening`), and none begins before the node has taken its channels over. A log keeps the records of a channel
// that was closed until the catalog is seen not to name it: it may be offered again.
//
// A shard whose rows found no memory when they were replayed is let go and rebuilt in the background, with growing pauses, until they find some
// (ADR 0141). It never served: nothing of it was flushed, no write was taken, and no flush of it can be under way.
import { deferred, KeyedMutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { unlessAborted } from '#base/on-abort.js';
import type { CallContext } from '#platform/transport.js';
import type { ChannelRecord } from '#proto/elanus/data.js';
import { type ChannelAssignment, type ChannelCheckpoint, CheckpointOutcome } from '#proto/elanus/roles.js';
import { LaterRebuilds } from '#roles/streaming-node/writes/later-rebuilds.js';
import { HoldingShards } from './holding-shards.js';
import { checkAgreement } from './log-agreement.js';
import { type OpenShard, openShard, type ShardWorld } from './open-shard.js';
import { movedAway, PhysicalChannel } from './physical-channel.js';
import { withNewestSchemas } from './shard-schema.js';
import type { StreamingNodeParts } from './streaming-node-parts.js';

/** A channel that has no shard here. */
interface Released {
  readonly physical: PhysicalChannel;
  readonly collectionId: bigint;
  /** Somebody closed it: it was dropped. */
  readonly isClosed: boolean;
}

/** A new file is not worth it while the newest file of a log, in which nothing is needed, is below this size. */
const LOG_SPARE_BYTES = 1 << 20;

export class ShardSet {
  readonly #parts: StreamingNodeParts;
  readonly #physical = new Map<string, PhysicalChannel>();
  readonly #shards = new Map<string, OpenShard>();
  readonly #holding = new HoldingShards();
  /** Channels whose records a log keeps until the catalog is known not to name them. */
  readonly #released = new Map<string, Released>();
  /** By physical channel: its channels are opened and closed one after another, and not before this node has taken them over. */
  readonly #opening = new KeyedMutex();
  readonly #started = deferred<void>();
  #isStarted = false;
  #isClosed = false;
  /** Closed before the channels were taken over, among which they may be. */
  readonly #closedEarly = new Set<string>();
  readonly #rebuilds: LaterRebuilds;
  #startTimestamp = 0n;
  #world: ShardWorld | undefined;
  /** How often a shard came, went, or may have settled its target. */
  #settlings = 0;

  constructor(parts: StreamingNodeParts) {
    this.#parts = parts;
    this.#rebuilds = new LaterRebuilds(parts.platform, (channel) => this.#rebuildStopped(channel));
  }

  /** Those that hold rows or deletes: of the ones that serve, and of the ones that are rebuilt. */
  holding(): Iterable<OpenShard> {
    return this.#holding;
  }

  /** Those that serve and hold rows or deletes. */
  *written(): Iterable<OpenShard> {
    for (const open of this.#holding) if (this.#shards.get(open.shard.channel.vchannel) === open) yield open;
  }

  /** Those of which a shard has a target. */
  loadedCollections(): bigint[] {
    const loaded = [...this.#shards.values()].filter(({ reader }) => reader.isLoaded);
    return [...new Set(loaded.map(({ shard }) => shard.channel.collectionId))];
  }

  /** Also one that failed or is being closed. */
  get(vchannel: string): OpenShard | undefined {
    return this.#shards.get(vchannel);
  }

  /** Changes with the settled version of any shard. No other life of a node takes over at the same time. */
  get settledMark(): string {
    return `${this.#startTimestamp} ${this.#settlings}`;
  }

  /**
   * Undefined: the channel is none of this node's, or was dropped.
   * @throws channel_not_available it is being rebuilt, or this node ends: what it has in no file is in the log; what `late` makes while channels are taken over
   */
  async unlessDropped(
    vchannel: string,
    { signal }: CallContext,
    late: () => ElanusError,
  ): Promise<OpenShard | undefined> {
    await unlessAborted(this.#started.promise, signal, late);
    if (this.#isClosed || this.#released.get(vchannel)?.isClosed === false) throw notServed(vchannel);
    return this.#shards.get(vchannel);
  }

  /** @throws channel_not_available; what made the shard stop */
  serving(vchannel: string): OpenShard {
    const open = this.#shards.get(vchannel);
    if (open === undefined || open.shard.closed) throw notServed(vchannel);
    if (open.shard.failure !== undefined) throw open.shard.failure;
    return open;
  }

  /** Rebuilds the shards of the channels that the node was given; from then on more are taken. */
  async takeOver(channels: readonly ChannelAssignment[], startTimestamp: bigint): Promise<void> {
    this.#startTimestamp = startTimestamp;
    const byPhysical = new Map<string, ChannelAssignment[]>();
    for (const assignment of await withNewestSchemas(channels, this.#parts.describe)) {
      const name = physicalOf(assignment.channel?.vchannel ?? '');
      const others = byPhysical.get(name);
      if (others === undefined) byPhysical.set(name, [assignment]);
      else others.push(assignment);
    }
    await Promise.all(
      [...byPhysical].map(([name, assignments]) =>
        this.#opening.run(name, () => this.#recover(name, assignments)),
      ),
    );
    this.#isStarted = true;
    this.#started.resolve();
    for (const vchannel of this.#closedEarly) this.#closeGone(vchannel);
    this.#closedEarly.clear();
  }

  /** Takes one channel more; one that is served here already stays as it is. */
  async open(assignment: ChannelAssignment, channel: ChannelRecord, { signal }: CallContext): Promise<void> {
    const { vchannel } = channel;
    await unlessAborted(this.#started.promise, signal, () => notServed(vchannel));
    await this.#opening.run(physicalOf(vchannel), async () => {
      if (this.#shards.has(vchannel)) return;
      const physical = await this.#openPhysical(physicalOf(vchannel), [channel]);
      if (physical.isHeld(vchannel)) await this.#openAgain(physical, channel);
      else await this.#openNew(physical, assignment, channel);
    });
  }

  async closeChannel(vchannel: string): Promise<void> {
    if (!this.#isStarted) this.#closedEarly.add(vchannel);
    await this.#opening.run(physicalOf(vchannel), async () => {
      this.#rebuilds.forget(vchannel);
      const open = this.#shards.get(vchannel);
      const released = this.#released.get(vchannel);
      if (open !== undefined) await this.#letGo(open, true);
      else if (released !== undefined) this.#released.set(vchannel, { ...released, isClosed: true });
    });
    this.#forgetLater(vchannel);
  }

  /** Whoever dropped it died before it could say so, or this node was taking the channel over: its rows would hold up the log for ever. */
  #closeGone(vchannel: string): void {
    this.closeChannel(vchannel).catch((error: unknown) =>
      this.#parts.platform.logger.warn('dropped_channel_kept', { vchannel, reason: messageOf(error) }),
    );
  }

  async #letGo({ physical, shard, reader, flush }: OpenShard, isClosed: boolean): Promise<void> {
    const { vchannel, collectionId } = shard.channel;
    this.#shards.delete(vchannel);
    this.#settlings++;
    this.#released.set(vchannel, { physical, collectionId, isClosed });
    physical.remove(shard);
    await reader.release();
    shard.close();
    await flush.close();
  }

  /** Lets go of closed channels that the catalog does not name any more. */
  forgetReleased(): void {
    for (const vchannel of this.#released.keys()) this.#forgetLater(vchannel);
  }

  /** Asks for a new target. Only a hint: query-coord also looks by itself. */
  askForTarget(collectionId: bigint): void {
    this.#parts.peers.queryCoord
      .segmentsChanged({ collectionId })
      .catch((error: unknown) =>
        this.#parts.platform.logger.warn('target_request_failed', { collectionId, reason: messageOf(error) }),
      );
  }

  /** A query-node of this process goes after it: what a call that still runs finds missing there, no shard has lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#rebuilds.close();
    await Promise.all([...this.#shards.values()].map(({ flush }) => flush.close()));
    await Promise.all([...this.#physical.values()].map((physical) => physical.close()));
    for (const { shard } of this.#shards.values()) shard.closed = true;
  }

  /** @throws data_corrupt when the log and the catalog's channels do not belong together; then nothing in the log was changed. */
  async #openPhysical(
    name: string,
    channels: readonly ChannelRecord[],
    epochMin = 1n,
  ): Promise<PhysicalChannel> {
    const existing = this.#physical.get(name);
    if (existing !== undefined) return existing;
    const epoch = channels.reduce(
      (newest, channel) => (channel.epoch > newest ? channel.epoch : newest),
      epochMin,
    );
    const { logFileBytesMax: fileBytesMax } = this.#parts.settings;
    const options = { name, epoch, fileBytesMax, spareBytesMax: LOG_SPARE_BYTES };
    const physical = await PhysicalChannel.open(
      {
        platform: this.#parts.platform,
        openLog: (check) => this.#parts.logs.open({ ...options, check }),
        allocateTimestamps: (count) => this.#parts.time.allocate(count),
        saveCheckpoints: (checkpoints) => this.#saveCheckpoints(checkpoints),
      },
      (found) => checkAgreement(found, channels),
    );
    this.#physical.set(name, physical);
    return physical;
  }

  async #saveCheckpoints(checkpoints: readonly ChannelCheckpoint[]): Promise<readonly CheckpointOutcome[]> {
    const { channelRegistry } = this.#parts.peers;
    return (await channelRegistry.saveCheckpoints({ checkpoints: [...checkpoints] })).outcomes;
  }

  #truncate(physical: PhysicalChannel): void {
    physical
      .truncate()
      .catch((error: unknown) =>
        this.#parts.platform.logger.warn('wal_truncate_failed', { reason: messageOf(error) }),
      );
  }

  #openShard(physical: PhysicalChannel, assignment: ChannelAssignment): OpenShard {
    this.#world ??= this.#shardWorld();
    return openShard(this.#world, physical, assignment);
  }

  /** Known once the take-over begins, and no shard is opened before. */
  #shardWorld(): ShardWorld {
    return {
      ...this.#parts,
      startTimestamp: this.#startTimestamp,
      askForTarget: (collectionId: bigint) => this.askForTarget(collectionId),
      truncate: (log: PhysicalChannel) => this.#truncate(log),
      onGone: (vchannel: string) => this.#closeGone(vchannel),
      onHolding: (open: OpenShard) => this.#holding.note(open),
      onSettling: () => void this.#settlings++,
    };
  }

  /**
   * Opens a log and rebuilds all of its shards. Nothing of it is flushed, truncated or served before every one of them is whole.
   */
  async #recover(name: string, assignments: readonly ChannelAssignment[]): Promise<void> {
    const channels = assignments.flatMap(({ channel }) => (channel === undefined ? [] : [channel]));
    const physical = await this.#openPhysical(name, channels);
    const open = await this.#rebuild(physical, assignments);
    try {
      // Channels that were never served, and those whose records an earlier version let go of behind their checkpoint.
      const { firstLsn } = physical.log;
      const behind = open.filter(
        ({ shard }) => shard.channel.checkpointLsn < firstLsn || shard.channel.checkpointLsn === 0n,
      );
      await physical.advance(behind.map(({ shard }) => shard));
      await physical.log.settle();
    } catch (error) {
      // They pin the log until a truncation moves them; the next start tries again.
      this.#parts.platform.logger.warn('checkpoints_not_moved', { channel: name, reason: messageOf(error) });
    }
    this.#serve(open);
    this.#truncate(physical);
  }

  async #rebuild(
    physical: PhysicalChannel,
    assignments: readonly ChannelAssignment[],
  ): Promise<readonly OpenShard[]> {
    const open = assignments.map((assignment) => this.#openShard(physical, assignment));
    try {
      const records = await physical.recover(open.map(({ shard }) => shard));
      this.#parts.platform.logger.info('wal_replayed', { records, shards: open.length });
      return open;
    } catch (error) {
      for (const { shard } of open) shard.close();
      throw error;
    }
  }

  #serve(open: readonly OpenShard[]): void {
    for (const one of open) {
      this.#shards.set(one.shard.channel.vchannel, one);
      this.#settlings++;
      this.#released.delete(one.shard.channel.vchannel);
      if ([...one.shard.segments.values()].some((segment) => segment.state === 'sealed')) one.flush.request();
      one.flush.start();
      this.#rebuilds.rebuilt(one.shard.channel, one.shard.failure);
    }
  }

  /** @throws what keeps it from being rebuilt; it is held all the same, and its log stays */
  async #rebuildStopped(channel: ChannelRecord): Promise<void> {
    const { vchannel, collectionId } = channel;
    await this.#opening.run(physicalOf(vchannel), async () => {
      const physical = this.#physical.get(physicalOf(vchannel));
      // It was closed meanwhile.
      if (physical === undefined || !this.#rebuilds.wants(vchannel)) return;
      const stopped = this.#shards.get(vchannel);
      if (stopped !== undefined) await this.#letGo(stopped, false);
      await this.#openAgain(physical, channel);
      const open = this.#shards.get(vchannel);
      // It was dropped meanwhile.
      if (open === undefined) this.#rebuilds.forget(vchannel);
      else if (open.shard.failure === undefined) this.askForTarget(collectionId);
    });
  }

  /** A channel that came to be after this node took over. Its first checkpoint is in the catalog before it takes a write. */
  async #openNew(
    physical: PhysicalChannel,
    assignment: ChannelAssignment,
    channel: ChannelRecord,
  ): Promise<void> {
    const { collectionId } = channel;
    this.#released.set(channel.vchannel, { physical, collectionId, isClosed: false });
    const checkpointLsn = physical.hold(channel.vchannel);
    const { vchannel, epoch, checkpointTimestamp: timestamp } = channel;
    const first = { vchannel, epoch, lsn: checkpointLsn, timestamp };
    const [outcome] = await this.#saveCheckpoints([first]);
    if (outcome === CheckpointOutcome.CheckpointChannelMoved) throw movedAway(vchannel);
    if (outcome !== CheckpointOutcome.CheckpointSaved) return;
    const open = this.#openShard(physical, { ...assignment, channel: { ...channel, checkpointLsn } });
    physical.add(open.shard);
    this.#serve([open]);
  }

  /** A channel that was closed here, or whose opening had an unknown outcome, is rebuilt as at a start. */
  async #openAgain(
    physical: PhysicalChannel,
    { collectionId, vchannel, epoch }: ChannelRecord,
  ): Promise<void> {
    const { channelRegistry } = this.#parts.peers;
    const { channels, segments, replaced } = await channelRegistry.listSegments({ collectionId });
    const channel = channels.find((one) => one.vchannel === vchannel);
    if (channel === undefined) return;
    // Under the epoch of the next owner this one would be taken for it.
    if (channel.epoch !== epoch) throw movedAway(vchannel);
    const persisted = [...segments, ...replaced].filter((one) => one.vchannel === vchannel);
    const persistedSegmentIds = persisted.map(({ id }) => id);
    const assignment = { channel, persistedSegmentIds };
    const open = await this.#rebuild(physical, await withNewestSchemas([assignment], this.#parts.describe));
    try {
      await physical.advance(open.map(({ shard }) => shard));
    } catch (error) {
      // Held again: it must not be taken for a new channel the next time.
      for (const one of open) await this.#letGo(one, false);
      throw error;
    }
    this.#serve(open);
  }

  /** Logs of channels that were all dropped: no catalog record needs an entry of them. */
  async giveBack(epoch: bigint): Promise<void> {
    for (const name of await this.#parts.logs.names()) {
      await this.#opening
        .run(name, async () => {
          if (!this.#physical.has(name)) await (await this.#openPhysical(name, [], epoch)).truncate();
        })
        .catch((error: unknown) =>
          this.#parts.platform.logger.warn('wal_truncate_failed', {
            channel: name,
            reason: messageOf(error),
          }),
        );
    }
  }

  /** Lets go of the records of a channel that the catalog does not name any more. */
  async #forgetDropped(vchannel: string): Promise<void> {
    const released = this.#released.get(vchannel);
    if (released === undefined) return;
    const { channels } = await this.#parts.peers.channelRegistry.listSegments({
      collectionId: released.collectionId,
    });
    if (this.#shards.has(vchannel) || channels.some((channel) => channel.vchannel === vchannel)) return;
    this.#released.delete(vchannel);
    released.physical.forget(vchannel);
    this.#truncate(released.physical);
  }

  #forgetLater(vchannel: string): void {
    this.#forgetDropped(vchannel).catch((error: unknown) =>
      this.#parts.platform.logger.warn('closed_channel_kept', { vchannel, reason: messageOf(error) }),
    );
  }
}

const physicalOf = (vchannel: string): string => vchannel.slice(0, vchannel.lastIndexOf('_'));
const notServed = (vchannel: string): ElanusError =>
  new ElanusError('channel_not_available', `channel ${vchannel} is not served by this node (yet); try again`);
