// Builds the streaming-node's parts and joins them: logs of its physical channels, the shards in them, their flushes and their readers.
// A restart loses nothing that was acknowledged: every shard is rebuilt from the log after its checkpoint.
import { KeyedMutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { unlessAborted } from '#base/on-abort.js';
import { batchBytes, columnBytes } from '#model/column.js';
import { appliedBytes, SYSTEM_ROW_BYTES } from '#model/row-bytes.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import { LogRecord } from '#proto/elanus/data.js';
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
  readonly #opening = new KeyedMutex();
  #ids: { next: bigint; end: bigint } = { next: 0n, end: 0n };
  #startTimestamp = 0n;
  readonly #time: OracleTime;
  #timer: Timer | undefined;
  readonly #memory: MemoryAccount;

  constructor(platform: Platform, settings: StreamingNodeSettings, peers: StreamingNodePeers, memory: MemoryAccount) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    this.#memory = memory;
    this.#time = new OracleTime(platform, async (count) => (await peers.rootCoord.allocTimestamp({ count })).timestamp);
    memory.addSource(() => this.#uses());
  }
  *#uses(): Iterable<MemoryUse> {
    for (const { shard } of this.#shards.values()) {
      yield { collectionId: shard.channel.collectionId, kind: 'growing', bytes: shard.memoryBytes };
    }
  }
  /** Takes over its channels and rebuilds them from their logs. */
  async start(): Promise<void> {
    // The new epoch must be above those of the logs here, also when the catalog has forgotten them.
    const { channels } = await this.#peers.channelRegistry.acquireChannels({
      serverId: this.#settings.serverId,
      newestLogEpoch: await newestLogEpoch(this.#platform, 'wal'),
    });
    // From here on this process alone flushes these channels; a target that was read earlier may not know all that is in files.
    this.#startTimestamp = await this.#time.allocate(1);
    const byPhysical = new Map<string, ChannelAssignment[]>();
    for (const assignment of channels) {
      const name = physicalOf(assignment.channel?.vchannel ?? '');
      byPhysical.set(name, [...(byPhysical.get(name) ?? []), assignment]);
    }
    await Promise.all([...byPhysical].map(([name, assignments]) => this.#recover(name, assignments)));
    // What is loaded was loaded into a process before this one.
    for (const collectionId of new Set(channels.map(({ channel }) => channel?.collectionId ?? 0n))) this.#askForTarget(collectionId);
    this.#scheduleSeal();
  }
  /** Only a hint: query-coord also looks by itself. */
  #askForTarget(collectionId: bigint): void {
    this.#peers.queryCoord
      .segmentsChanged({ collectionId })
      .catch((error: unknown) => this.#platform.logger.warn('target_request_failed', { collectionId, reason: messageOf(error) }));
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
        const stopped = (): ElanusError => new ElanusError('cancelled', `shard ${shard.channel.vchannel}: not written to files in time`);
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
  async #openPhysical(name: string, epoch: bigint): Promise<PhysicalChannel> {
    const existing = this.#physical.get(name);
    if (existing !== undefined) return existing;
    const physical = await PhysicalChannel.open({
      platform: this.#platform,
      openLog: () => openFileLog(this.#platform, { folder: `wal/${name}`, epoch, fileBytesMax: this.#settings.logFileBytesMax }),
      allocateTimestamps: (count) => this.#time.allocate(count),
    });
    this.#physical.set(name, physical);
    return physical;
  }
  #openShard(physical: PhysicalChannel, assignment: ChannelAssignment): OpenShard {
    const { channel } = assignment;
    if (channel?.schema === undefined) throw new ElanusError('internal', 'channel assignment without channel or schema');
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
      onCommitted: (segments) => {
        reader.committed(segments);
        physical.truncate().catch((error: unknown) => this.#platform.logger.warn('wal_truncate_failed', { reason: messageOf(error) }));
      },
    });
    open.current = { shard, flush, reader, physical };
    physical.shards.set(channel.vchannel, shard);
    this.#shards.set(channel.vchannel, open.current);
    return open.current;
  }
  async #recover(name: string, assignments: readonly ChannelAssignment[]): Promise<void> {
    const epoch = assignments.reduce(
      (newest, { channel }) => (channel !== undefined && channel.epoch > newest ? channel.epoch : newest),
      1n,
    );
    const physical = await this.#openPhysical(name, epoch);
    const open = assignments.map((assignment) => this.#openShard(physical, assignment));
    const begins = new Map(open.map(({ shard }) => [shard.channel.vchannel, shard.channel.checkpointLsn]));
    let begin = physical.log.nextLsn;
    for (const lsn of begins.values()) if (lsn < begin) begin = lsn;
    let replayed = 0;
    for await (const { lsn, payload } of physical.log.read(begin)) {
      const record = LogRecord.decode(payload);
      const target = this.#shards.get(record.vchannel);
      // Records of dropped collections stay until the file goes; they have no shard any more.
      if (target === undefined || lsn < (begins.get(record.vchannel) ?? 0n)) continue;
      await target.shard.apply(record, lsn, true);
      replayed++;
    }
    this.#platform.logger.info('wal_replayed', { channel: name, records: replayed, shards: open.length });
    for (const { flush, shard } of open) if ([...shard.segments.values()].some((segment) => segment.state === 'sealed')) flush.request();
  }
  #scheduleSeal(): void {
    this.#timer = this.#platform.timers.after(this.#settings.sealCheckIntervalMs, () => {
      // Spans are measured here, by the clock that never steps; the timestamps of records are the oracle's.
      const now = this.#platform.clock.monotonic();
      for (const { shard, physical } of this.#shards.values()) {
        if (shard.failure !== undefined) continue;
        const due = [...shard.segments.values()].filter(
          (segment) =>
            segment.state === 'growing' &&
            (now - segment.lastWriteMs >= this.#settings.idleSealMs || now - segment.createdMs >= this.#settings.ageSealMs),
        );
        const [oldestDelete] = shard.deletes;
        const isDeleteDue = oldestDelete !== undefined && now - oldestDelete.appliedMs >= this.#settings.idleSealMs;
        if (due.length === 0 && !isDeleteDue) continue;
        physical
          .submit(shard, { kind: 'seal', segmentIds: due.map((segment) => segment.id) }, 0)
          .catch((error: unknown) =>
            this.#platform.logger.warn('age_seal_failed', { vchannel: shard.channel.vchannel, reason: messageOf(error) }),
          );
      }
      this.#scheduleSeal();
    });
  }
  #open(vchannel: string): OpenShard {
    const open = this.#shards.get(vchannel);
    if (open === undefined || open.shard.closed)
      throw new ElanusError('channel_not_available', `channel ${vchannel} is not served by this node (yet); try again`);
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
    openChannel: async (assignment) => {
      const vchannel = assignment.channel?.vchannel ?? '';
      await this.#opening.run(physicalOf(vchannel), async () => {
        if (this.#shards.has(vchannel)) return;
        const physical = await this.#openPhysical(physicalOf(vchannel), assignment.channel?.epoch ?? 1n);
        if (!this.#shards.has(vchannel)) this.#openShard(physical, assignment);
      });
      return {};
    },
    closeChannel: async ({ vchannel }) => {
      const open = this.#shards.get(vchannel);
      if (open === undefined) return {};
      this.#shards.delete(vchannel);
      open.physical.shards.delete(vchannel);
      await open.reader.release();
      open.shard.close();
      await open.flush.close();
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
      const inserted = parts.reduce((sum, { rows }) => sum + appliedBytes(shard.schema, rows) + rows.rowCount * SYSTEM_ROW_BYTES, 0);
      const memory = this.#reserveMemory(collectionId, inserted);
      try {
        const sent = parts.reduce((sum, { rows }) => sum + batchBytes(rows), deletedKeys === undefined ? 0 : columnBytes(deletedKeys));
        return { timestamp: await physical.submit(shard, { kind: 'write', deletedKeys, deletedPartitionId, inserts: parts }, sent) };
      } finally {
        memory.release();
      }
    },
    sealChannel: async ({ vchannel, segmentIds }) => {
      const { shard, physical } = this.#open(vchannel);
      const growing = [...shard.segments.values()].filter(
        (segment) => segment.state !== 'saved' && (segmentIds.length === 0 || segmentIds.includes(segment.id)),
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
const notInTime = (vchannel: string): ElanusError =>
  new ElanusError(
    'deadline_exceeded',
    `channel ${vchannel}: its rows were not all in files before the deadline; ask for the flush state again`,
  );
