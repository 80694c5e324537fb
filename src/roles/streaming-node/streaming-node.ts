// Builds the streaming-node's parts and joins them: logs of its physical channels, the shards in them, their flushes and their readers.
// A restart loses nothing that was acknowledged: every shard is rebuilt from the log after its checkpoint.
import { deferred, KeyedMutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { unlessAborted } from '#base/on-abort.js';
import { batchBytes, columnBytes } from '#model/columns/column.js';
import { appliedBytes, SYSTEM_ROW_BYTES } from '#model/columns/row-bytes.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import type { ChannelRecord } from '#proto/elanus/data.js';
import type {
  ChannelAssignment,
  ChannelRegistryDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { Client, Handlers } from '#rpc/service.js';
import type { MemoryAccount, MemoryUse, Reservation } from '#segment/memory-account.js';
import { openFileLog } from '#wal/file-log.js';
import { newestLogEpoch } from '#wal/log-epoch.js';
import { checkAgreement } from './log-agreement.js';
import { OracleTime } from './oracle-time.js';
import { PhysicalChannel } from './physical-channel.js';
import { Shard, type ShardSettings } from './shard.js';
import { ShardFlush } from './shard-flush.js';
import { ShardReader } from './shard-reader.js';

export interface StreamingNodePeers {
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
}

export interface StreamingNodeSettings extends ShardSettings {
  readonly serverId: bigint;
  readonly logFileBytesMax: number;
  /** A segment with no write for this long is sealed, in ms. */
  readonly idleSealMs: number;
  /** A segment this old is sealed, in ms. */
  readonly ageSealMs: number;
  readonly sealCheckIntervalMs: number;
  /** Rows in growing segments, all shards together, before writers are refused. */
  readonly growingBytesMax: number;
}

/** Of the newest file of a log in which nothing is needed: not worth a new file. */
const LOG_SPARE_BYTES = 1 << 20;

interface OpenShard {
  readonly shard: Shard;
  readonly flush: ShardFlush;
  readonly reader: ShardReader;
  readonly physical: PhysicalChannel;
}

export class StreamingNode {
  readonly #platform: Platform;
  readonly #settings: StreamingNodeSettings;
  readonly #peers: StreamingNodePeers;
  readonly #physical = new Map<string, PhysicalChannel>();
  readonly #shards = new Map<string, OpenShard>();
  /** Shards while they are rebuilt: they take memory and serve nobody. */
  readonly #rebuilding = new Set<OpenShard>();
  /** Channels whose records a log keeps until the catalog is known not to name them. */
  readonly #released = new Map<
    string,
    { readonly physical: PhysicalChannel; readonly collectionId: bigint }
  >();
  /** By physical channel: its channels are opened and closed one after another, and not before this node has taken them over. */
  readonly #opening = new KeyedMutex();
  readonly #started = deferred<void>();
  #ids: { next: bigint; end: bigint } = { next: 0n, end: 0n };
  #startTimestamp = 0n;
  readonly #time: OracleTime;
  #timer: Timer | undefined;
  readonly #memory: MemoryAccount;

  constructor(
    platform: Platform,
    settings: StreamingNodeSettings,
    peers: StreamingNodePeers,
    memory: MemoryAccount,
  ) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    this.#memory = memory;
    this.#time = new OracleTime(
      platform,
      async (count) => (await peers.rootCoord.allocTimestamp({ count })).timestamp,
    );
    memory.addSource(() => this.#uses());
  }

  *#uses(): Iterable<MemoryUse> {
    for (const { shard } of [...this.#shards.values(), ...this.#rebuilding]) {
      yield { collectionId: shard.channel.collectionId, kind: 'growing', bytes: shard.memoryBytes };
    }
  }

  /** Takes over its channels and rebuilds them from their logs. */
  async start(): Promise<void> {
    // The new epoch must be above those of the logs here, also when the catalog has forgotten them.
    const newestEpoch = await newestLogEpoch(this.#platform, 'wal');
    const { channels } = await this.#peers.channelRegistry.acquireChannels({
      serverId: this.#settings.serverId,
      newestLogEpoch: newestEpoch,
    });
    // From here on this process alone flushes these channels; a target that was read earlier may not know all that is in files.
    this.#startTimestamp = await this.#time.allocate(1);
    const byPhysical = new Map<string, ChannelAssignment[]>();
    for (const assignment of channels) {
      const name = physicalOf(assignment.channel?.vchannel ?? '');
      byPhysical.set(name, [...(byPhysical.get(name) ?? []), assignment]);
    }
    await Promise.all(
      [...byPhysical].map(([name, assignments]) =>
        this.#opening.run(name, () => this.#recover(name, assignments)),
      ),
    );
    this.#started.resolve();
    await this.#giveBack(newestEpoch);
    // What is loaded was loaded into a process before this one.
    for (const collectionId of new Set(channels.map(({ channel }) => channel?.collectionId ?? 0n)))
      this.#askForTarget(collectionId);
    this.#scheduleSeal();
  }

  /** Only a hint: query-coord also looks by itself. */
  #askForTarget(collectionId: bigint): void {
    this.#peers.queryCoord
      .segmentsChanged({ collectionId })
      .catch((error: unknown) =>
        this.#platform.logger.warn('target_request_failed', { collectionId, reason: messageOf(error) }),
      );
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await Promise.all([...this.#shards.values()].map(({ flush }) => flush.close()));
    await Promise.all([...this.#physical.values()].map((physical) => physical.close()));
  }

  /**
   * Seals and writes everything that grows; for a clean shutdown. Does not wait for a disk that keeps failing: what is not in files stays in
   * the log.
   * @throws ElanusError with the reason when a shard could not be written
   */
  async flushAll(signal: AbortSignal): Promise<void> {
    await Promise.all(
      [...this.#shards.values()].map(async ({ shard, physical, flush }) => {
        if (shard.failure !== undefined || (shard.segments.size === 0 && shard.deletes.length === 0)) return;
        const written = async (): Promise<void> => {
          await shard.awaitCheckpoint(await physical.submit(shard, { kind: 'seal', segmentIds: [] }, 0));
        };
        const stopped = (): ElanusError =>
          new ElanusError('cancelled', `shard ${shard.channel.vchannel}: not written to files in time`);
        await unlessAborted(flush.unlessFailing(written()), signal, stopped);
      }),
    );
  }

  async #allocateIds(count: number): Promise<bigint> {
    if (this.#ids.next + BigInt(count) > this.#ids.end) {
      const { ID, count: given } = await this.#peers.rootCoord.allocID({ count: Math.max(1024, count) });
      this.#ids = { next: ID, end: ID + BigInt(given) };
    }
    const first = this.#ids.next;
    this.#ids.next += BigInt(count);
    return first;
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
    const { logFileBytesMax: fileBytesMax } = this.#settings;
    const options = { folder: `wal/${name}`, epoch, fileBytesMax, spareBytesMax: LOG_SPARE_BYTES };
    const physical = await PhysicalChannel.open(
      {
        platform: this.#platform,
        openLog: (check) => openFileLog(this.#platform, { ...options, check }),
        allocateTimestamps: (count) => this.#time.allocate(count),
        saveCheckpoint: (shard, checkpoint) => this.#saveCheckpoint(shard.channel, checkpoint),
      },
      (found) => checkAgreement(found, channels),
    );
    this.#physical.set(name, physical);
    return physical;
  }

  /** @returns false when the catalog has no such channel */
  async #saveCheckpoint(
    { vchannel, epoch }: ChannelRecord,
    { lsn, timestamp }: { lsn: bigint; timestamp: bigint },
  ): Promise<boolean> {
    try {
      const checkpoint = { checkpointLsn: lsn, checkpointTimestamp: timestamp };
      await this.#peers.channelRegistry.commitFlush({ vchannel, epoch, segments: [], ...checkpoint });
      return true;
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'channel_not_found') return false;
      throw error;
    }
  }

  #truncate(physical: PhysicalChannel): void {
    physical
      .truncate()
      .catch((error: unknown) =>
        this.#platform.logger.warn('wal_truncate_failed', { reason: messageOf(error) }),
      );
  }

  #openShard(physical: PhysicalChannel, assignment: ChannelAssignment): OpenShard {
    const { channel } = assignment;
    if (channel?.schema === undefined)
      throw new ElanusError('internal', 'channel assignment without channel or schema');
    const open: { current?: OpenShard } = {};
    const shard = new Shard({
      platform: this.#platform,
      settings: this.#settings,
      channel,
      schema: channel.schema,
      persistedSegmentIds: new Set(assignment.persistedSegmentIds),
      allocateIds: (count) => this.#allocateIds(count),
      forwardDeletes: async (deletes) => open.current?.reader.forwardDeletes(deletes),
      onSealed: () => open.current?.flush.request(),
    });
    const reader = new ShardReader(
      this.#platform,
      shard,
      this.#peers.queryNode,
      this.#time,
      this.#startTimestamp,
      () => this.#askForTarget(channel.collectionId),
      // Without its file the index counts as not built, and RootCoord has it built again.
      async ({ id, collectionId }, indexId) => {
        await this.#peers.channelRegistry.dropIndexFiles({ collectionId, indexId, segmentId: id });
      },
    );
    const flush = new ShardFlush({
      platform: this.#platform,
      shard,
      channelRegistry: this.#peers.channelRegistry,
      allocateIds: (count) => this.#allocateIds(count),
      onCommitted: (segments, checkpointLsn) => {
        reader.committed(segments);
        physical.committed(shard, checkpointLsn);
        this.#truncate(physical);
      },
    });
    open.current = { shard, flush, reader, physical };
    return open.current;
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
      this.#platform.logger.warn('checkpoints_not_moved', { channel: name, reason: messageOf(error) });
    }
    this.#serve(open);
    this.#truncate(physical);
  }

  async #rebuild(
    physical: PhysicalChannel,
    assignments: readonly ChannelAssignment[],
  ): Promise<readonly OpenShard[]> {
    const open = assignments.map((assignment) => this.#openShard(physical, assignment));
    for (const one of open) this.#rebuilding.add(one);
    try {
      const records = await physical.recover(open.map(({ shard }) => shard));
      this.#platform.logger.info('wal_replayed', { records, shards: open.length });
      return open;
    } catch (error) {
      for (const { shard } of open) shard.close();
      throw error;
    } finally {
      for (const one of open) this.#rebuilding.delete(one);
    }
  }

  #serve(open: readonly OpenShard[]): void {
    for (const one of open) {
      this.#shards.set(one.shard.channel.vchannel, one);
      this.#released.delete(one.shard.channel.vchannel);
      if ([...one.shard.segments.values()].some((segment) => segment.state === 'sealed')) one.flush.request();
      one.flush.start();
    }
  }

  /** A channel that came to be after this node took over. Its first checkpoint is in the catalog before it takes a write. */
  async #openNew(
    physical: PhysicalChannel,
    assignment: ChannelAssignment,
    channel: ChannelRecord,
  ): Promise<void> {
    this.#released.set(channel.vchannel, { physical, collectionId: channel.collectionId });
    const checkpointLsn = physical.hold(channel.vchannel);
    if (
      !(await this.#saveCheckpoint(channel, { lsn: checkpointLsn, timestamp: channel.checkpointTimestamp }))
    )
      return;
    const open = this.#openShard(physical, { ...assignment, channel: { ...channel, checkpointLsn } });
    physical.add(open.shard);
    this.#serve([open]);
  }

  /** A channel that was closed here, or whose opening had an unknown outcome, is rebuilt as at a start. */
  async #openAgain(physical: PhysicalChannel, { collectionId, vchannel }: ChannelRecord): Promise<void> {
    const { channels, segments } = await this.#peers.channelRegistry.listSegments({ collectionId });
    const channel = channels.find((one) => one.vchannel === vchannel);
    if (channel === undefined) return;
    const persistedSegmentIds = segments.filter((one) => one.vchannel === vchannel).map(({ id }) => id);
    const open = await this.#rebuild(physical, [{ channel, persistedSegmentIds }]);
    await physical.advance(open.map(({ shard }) => shard));
    this.#serve(open);
  }

  /** Logs of channels that were all dropped: no catalog record needs an entry of them. */
  async #giveBack(epoch: bigint): Promise<void> {
    const names = new Set((await this.#platform.files.list('wal')).map((path) => path.split('/')[1] ?? ''));
    for (const name of names) {
      if (name === '') continue;
      await this.#opening
        .run(name, async () => {
          if (!this.#physical.has(name)) await (await this.#openPhysical(name, [], epoch)).truncate();
        })
        .catch((error: unknown) =>
          this.#platform.logger.warn('wal_truncate_failed', { channel: name, reason: messageOf(error) }),
        );
    }
  }

  /** Lets go of the records of a channel that the catalog does not name any more. */
  async #forgetDropped(vchannel: string): Promise<void> {
    const released = this.#released.get(vchannel);
    if (released === undefined) return;
    const { channels } = await this.#peers.channelRegistry.listSegments({
      collectionId: released.collectionId,
    });
    if (this.#shards.has(vchannel) || channels.some((channel) => channel.vchannel === vchannel)) return;
    this.#released.delete(vchannel);
    released.physical.forget(vchannel);
    this.#truncate(released.physical);
  }

  #forgetLater(vchannel: string): void {
    this.#forgetDropped(vchannel).catch((error: unknown) =>
      this.#platform.logger.warn('closed_channel_kept', { vchannel, reason: messageOf(error) }),
    );
  }

  #scheduleSeal(): void {
    this.#timer = this.#platform.timers.after(this.#settings.sealCheckIntervalMs, () => {
      // Spans are measured here, by the clock that never steps; the timestamps of records are the oracle's.
      const now = this.#platform.clock.monotonic();
      for (const vchannel of this.#released.keys()) this.#forgetLater(vchannel);
      for (const { shard, physical } of this.#shards.values()) {
        if (shard.failure !== undefined) continue;
        const due = [...shard.segments.values()].filter(
          (segment) =>
            segment.state === 'growing' &&
            (now - segment.lastWriteMs >= this.#settings.idleSealMs ||
              now - segment.createdMs >= this.#settings.ageSealMs),
        );
        const [oldestDelete] = shard.deletes;
        const isDeleteDue =
          oldestDelete !== undefined && now - oldestDelete.appliedMs >= this.#settings.idleSealMs;
        if (due.length === 0 && !isDeleteDue) continue;
        physical
          .submit(shard, { kind: 'seal', segmentIds: due.map((segment) => segment.id) }, 0)
          .catch((error: unknown) =>
            this.#platform.logger.warn('age_seal_failed', {
              vchannel: shard.channel.vchannel,
              reason: messageOf(error),
            }),
          );
      }
      this.#scheduleSeal();
    });
  }

  #open(vchannel: string): OpenShard {
    const open = this.#shards.get(vchannel);
    if (open === undefined || open.shard.closed) throw notServed(vchannel);
    if (open.shard.failure !== undefined) throw open.shard.failure;
    return open;
  }

  /** Takes the memory that a write needs until its rows count themselves. @throws queue_full, memory_insufficient */
  #reserveMemory(collectionId: bigint, insertedBytes: number): Reservation {
    let bytes = 0;
    for (const { shard } of this.#shards.values()) bytes += shard.unsavedBytes;
    if (bytes > this.#settings.growingBytesMax) {
      throw new ElanusError(
        'queue_full',
        `${bytes} bytes of rows and deletes wait to be written to files, the limit is ${this.#settings.growingBytesMax}; try again in a moment`,
      );
    }
    if (insertedBytes > 0 && !this.#memory.makeRoom(insertedBytes)) {
      const { usedBytes, limitBytes } = this.#memory;
      throw new ElanusError(
        'memory_insufficient',
        `memory limit exceeded[used=${usedBytes}][inserted=${insertedBytes}][limit=${limitBytes}]: collections take all memory they may; release collections or flush those that are not loaded, then try again, or raise --memory-limit`,
      );
    }
    return this.#memory.hold(collectionId, insertedBytes);
  }

  readonly handlers: Handlers<typeof StreamingNodeDefinition> = {
    openChannel: async (assignment, context) => {
      const { channel } = assignment;
      if (channel === undefined) throw new ElanusError('missing_parameter', 'OpenChannel: no channel given');
      const { vchannel } = channel;
      await unlessAborted(this.#started.promise, context.signal, () => notServed(vchannel));
      await this.#opening.run(physicalOf(vchannel), async () => {
        if (this.#shards.has(vchannel)) return;
        const physical = await this.#openPhysical(physicalOf(vchannel), [channel]);
        if (physical.isHeld(vchannel)) await this.#openAgain(physical, channel);
        else await this.#openNew(physical, assignment, channel);
      });
      return {};
    },
    closeChannel: async ({ vchannel }) => {
      await this.#opening.run(physicalOf(vchannel), async () => {
        const open = this.#shards.get(vchannel);
        if (open === undefined) return;
        const { physical, shard } = open;
        this.#shards.delete(vchannel);
        this.#released.set(vchannel, { physical, collectionId: shard.channel.collectionId });
        physical.remove(shard);
        await open.reader.release();
        shard.close();
        await open.flush.close();
      });
      this.#forgetLater(vchannel);
      return {};
    },
    dropChannelPartition: async ({ vchannel, partitionId }) => {
      const { shard, physical, reader } = this.#open(vchannel);
      await physical.submit(shard, { kind: 'dropPartition', partitionId }, 0);
      reader.partitionDropped(partitionId);
      return {};
    },
    append: async ({ vchannel, deletedKeys, deletedPartitionId, inserts }) => {
      const { shard, physical } = this.#open(vchannel);
      const parts = inserts.map(({ partitionId, rows }) => {
        if (rows === undefined) throw new ElanusError('missing_parameter', 'append: an insert without rows');
        return { partitionId, rows };
      });
      const { collectionId } = shard.channel;
      const inserted = parts.reduce(
        (sum, { rows }) => sum + appliedBytes(shard.schema, rows) + rows.rowCount * SYSTEM_ROW_BYTES,
        0,
      );
      const memory = this.#reserveMemory(collectionId, inserted);
      try {
        const sent = parts.reduce(
          (sum, { rows }) => sum + batchBytes(rows),
          deletedKeys === undefined ? 0 : columnBytes(deletedKeys),
        );
        return {
          timestamp: await physical.submit(
            shard,
            { kind: 'write', deletedKeys, deletedPartitionId, inserts: parts },
            sent,
          ),
        };
      } finally {
        memory.release();
      }
    },
    sealChannel: async ({ vchannel, segmentIds }) => {
      const { shard, physical } = this.#open(vchannel);
      const growing = [...shard.segments.values()].filter(
        (segment) =>
          segment.state !== 'saved' && (segmentIds.length === 0 || segmentIds.includes(segment.id)),
      );
      const flushTimestamp = await physical.submit(shard, { kind: 'seal', segmentIds }, 0);
      return { segmentIds: growing.map((segment) => segment.id), flushTimestamp };
    },
    awaitCheckpoint: async ({ vchannel, timestamp }, context) => {
      const open = this.#shards.get(vchannel);
      if (open === undefined) return {};
      await unlessAborted(open.shard.awaitCheckpoint(timestamp), context.signal, () => notInTime(vchannel));
      return {};
    },
    syncTarget: async (request, context) => {
      await this.#open(request.vchannel).reader.syncTarget(request, context);
      return {};
    },
    releaseTarget: async ({ vchannel }) => {
      await this.#shards.get(vchannel)?.reader.release();
      return {};
    },
    search: (request, context) => this.#open(request.vchannel).reader.search(request, context),
    retrieve: (request, context) => this.#open(request.vchannel).reader.retrieve(request, context),
    fetchRows: (request, context) => this.#open(request.vchannel).reader.fetch(request, context),
    channelRows: async ({ vchannel }) => ({
      segments: [...this.#open(vchannel).shard.segments.values()]
        .filter((segment) => segment.state !== 'saved')
        .map((segment) => ({
          segmentId: segment.id,
          partitionId: segment.partitionId,
          rowCount: BigInt(segment.data.rowCount),
          sealed: segment.state === 'sealed',
        })),
    }),
  };
}

const physicalOf = (vchannel: string): string => vchannel.slice(0, vchannel.lastIndexOf('_'));
const notServed = (vchannel: string): ElanusError =>
  new ElanusError('channel_not_available', `channel ${vchannel} is not served by this node (yet); try again`);
const notInTime = (vchannel: string): ElanusError =>
  new ElanusError(
    'deadline_exceeded',
    `channel ${vchannel}: its rows were not all in files before the deadline; ask for the flush state again`,
  );
