// Builds the streaming-node's parts and joins them: logs of its physical channels, the shards in them, their flushes and their readers.
// A restart loses nothing that was acknowledged: every shard is rebuilt from the log after its checkpoint.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { unlessAborted } from '#base/on-abort.js';
import { batchBytes, columnBytes } from '#model/columns/column.js';
import { appliedBytes, SYSTEM_ROW_BYTES } from '#model/columns/row-bytes.js';
import { lackedOutputs } from '#model/functions/late-outputs.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { AppendRequest, SettledTargetsResponse, StreamingNodeDefinition } from '#proto/elanus/roles.js';
import { type Handlers, whole } from '#rpc/service.js';
import type { MemoryAccount, MemoryUse, Reservation } from '#segment/memory-account.js';
import { logsOf } from '#wal/file-logs.js';
import { measuredLogs } from '#wal/measured-logs.js';
import { AgeSeal } from './age-seal.js';
import { LeasedIds } from './leased-ids.js';
import type { OpenShard } from './open-shard.js';
import { OracleTime } from './oracle-time.js';
import { measureGrowing } from './shard-metrics.js';
import { ShardSet } from './shard-set.js';
import type {
  StreamingNodeParts,
  StreamingNodePeers,
  StreamingNodeSettings,
} from './streaming-node-parts.js';

export class StreamingNode {
  readonly #parts: StreamingNodeParts;
  readonly #shards: ShardSet;
  readonly #ageSeal: AgeSeal;
  readonly #memory: MemoryAccount;

  constructor(
    platform: Platform,
    settings: StreamingNodeSettings,
    peers: StreamingNodePeers,
    memory: MemoryAccount,
  ) {
    const { rootCoord } = peers;
    const ids = new LeasedIds(rootCoord);
    const allocateIds = (count: number) => ids.allocate(count);
    const time = new OracleTime(
      platform,
      async (count) => (await rootCoord.allocTimestamp({ count })).timestamp,
    );
    this.#parts = {
      platform,
      logs: measuredLogs(logsOf(platform), platform),
      settings,
      peers,
      time,
      allocateIds,
      hasRoom: (bytes) => memory.hasRoom(bytes),
      describe: async (collectionID) =>
        must((await rootCoord.describeCollection({ collectionID })).schema, 'schema of a collection'),
    };
    this.#shards = new ShardSet(this.#parts);
    this.#ageSeal = new AgeSeal(this.#parts, this.#shards);
    this.#memory = memory;
    measureGrowing(platform.metrics, () => this.#shards.holding());
    memory.addSource(
      () => this.#uses(),
      () => this.#dropPaths(),
    );
  }

  *#uses(): Iterable<MemoryUse> {
    for (const { shard } of this.#shards.holding()) {
      const { collectionId } = shard.channel;
      yield { collectionId, kind: 'growing', bytes: shard.memoryBytes };
      yield { collectionId, kind: 'paths', bytes: shard.paths.bytes, isIdle: true };
    }
  }

  /** Gives up what filters kept of JSON paths and words. */
  #dropPaths(): void {
    for (const { shard } of this.#shards.holding()) shard.paths.drop();
  }

  /** Takes over its channels and rebuilds them from their logs. */
  async start(): Promise<void> {
    const { logs, peers, settings, time } = this.#parts;
    // The new epoch must be above those of the logs here, also when the catalog has forgotten them.
    const newestEpoch = await logs.newestEpoch();
    const { channels } = await peers.channelRegistry.acquireChannels({
      serverId: settings.serverId,
      newestLogEpoch: newestEpoch,
    });
    // From here on this process alone flushes these channels; a target that was read earlier may not know all that is in files.
    await this.#shards.takeOver(channels, await time.allocate(1));
    await this.#shards.giveBack(newestEpoch);
    // What is loaded was loaded into a process before this one.
    for (const collectionId of new Set(channels.map(({ channel }) => channel?.collectionId ?? 0n)))
      this.#shards.askForTarget(collectionId);
    this.#ageSeal.start();
  }

  async close(): Promise<void> {
    this.#ageSeal.close();
    await this.#shards.close();
  }

  /**
   * Seals and writes everything that grows; for a clean shutdown. Does not wait for a disk that keeps failing: what is not in files stays in
   * the log.
   * @throws ElanusError with the reason when a shard could not be written
   */
  async flushAll(signal: AbortSignal): Promise<void> {
    await Promise.all(
      [...this.#shards.written()].map(async ({ shard, physical, flush }) => {
        if (shard.failure !== undefined) return;
        const written = async (): Promise<void> => {
          await shard.awaitCheckpoint(await physical.submit(shard, { kind: 'seal', segmentIds: [] }, 0));
        };
        const stopped = (): ElanusError =>
          new ElanusError('cancelled', `shard ${shard.channel.vchannel}: not written to files in time`);
        await unlessAborted(flush.unlessFailing(written()), signal, stopped);
      }),
    );
  }

  /** Takes the memory that a write needs until its rows count themselves. @throws queue_full, memory_insufficient */
  #reserveMemory(collectionId: bigint, insertedBytes: number): Reservation {
    let bytes = 0;
    for (const { shard } of this.#shards.written()) bytes += shard.unsavedBytes;
    if (bytes > this.#parts.settings.growingBytesMax) {
      throw new ElanusError(
        'queue_full',
        `${bytes} bytes of rows and deletes wait to be written to files, the limit is ${this.#parts.settings.growingBytesMax}; try again in a moment`,
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

  /** The shard of a channel, once it knows the schema against which the request was checked. */
  #servingAt(
    { vchannel, schemaVersion }: { readonly vchannel: string; readonly schemaVersion: number },
    context: CallContext,
  ): OpenShard | Promise<OpenShard> {
    const open = this.#shards.serving(vchannel);
    if (!open.schema.isBehind(schemaVersion)) return open;
    // What was served before the wait may be closed after it.
    return open.schema.reach(schemaVersion, context).then(() => this.#shards.serving(vchannel));
  }

  async #append(
    request: AppendRequest,
    { shard, physical }: OpenShard,
  ): Promise<{ readonly timestamp: bigint }> {
    const { deletedKeys, deletedPartitionId, unchangedSince, sentAfter, writeId: id } = request;
    const inserts = request.inserts.map(({ partitionId, rows }) => {
      if (rows === undefined) throw new ElanusError('missing_parameter', 'append: an insert without rows');
      return { partitionId, rows };
    });
    const inserted = inserts.reduce(
      (sum, { rows }) => sum + appliedBytes(shard.schema, rows) + rows.rowCount * SYSTEM_ROW_BYTES,
      0,
    );
    const memory = this.#reserveMemory(shard.channel.collectionId, inserted);
    try {
      const sent = inserts.reduce(
        (sum, { rows }) => sum + batchBytes(rows),
        deletedKeys === undefined ? 0 : columnBytes(deletedKeys),
      );
      const again = id === undefined ? {} : { id, sentAfter };
      const change = {
        kind: 'write',
        deletedKeys,
        deletedPartitionId,
        unchangedSince,
        inserts,
        ...again,
      } as const;
      return { timestamp: await physical.submit(shard, change, sent) };
    } finally {
      memory.release();
    }
  }

  readonly handlers: Handlers<typeof StreamingNodeDefinition> = {
    openChannel: async (assignment, context) => {
      const { channel } = assignment;
      if (channel === undefined) throw new ElanusError('missing_parameter', 'OpenChannel: no channel given');
      await this.#shards.open(assignment, channel, context);
      return {};
    },
    closeChannel: async ({ vchannel }) => {
      await this.#shards.closeChannel(vchannel);
      return {};
    },
    dropChannelPartition: async ({ vchannel, partitionId }) => {
      const { shard, physical, reader } = this.#shards.serving(vchannel);
      await physical.submit(shard, { kind: 'dropPartition', partitionId }, 0);
      reader.partitionDropped(partitionId);
      return {};
    },
    append: async (request, context) => this.#append(request, await this.#servingAt(request, context)),
    sealChannel: async ({ vchannel, segmentIds, schemaVersion }, context) => {
      const { shard, physical } = await this.#servingAt({ vchannel, schemaVersion }, context);
      const growing = [...shard.segments.values()].filter(
        (segment) =>
          segment.state !== 'saved' && (segmentIds.length === 0 || segmentIds.includes(segment.id)),
      );
      const flushTimestamp = await physical.submit(shard, { kind: 'seal', segmentIds }, 0);
      return { segmentIds: growing.map((segment) => segment.id), flushTimestamp };
    },
    awaitCheckpoint: async ({ vchannel, timestamp }, context) => {
      const late = (): ElanusError => notInTime(vchannel);
      const open = await this.#shards.unlessDropped(vchannel, context, late);
      if (open === undefined) return {};
      await unlessAborted(open.shard.awaitCheckpoint(timestamp), context.signal, late);
      return {};
    },
    syncTarget: async (request, context) => {
      const { schema, reader } = this.#shards.serving(request.vchannel);
      // A segment that is new in this target may have been written by the newer schema.
      await schema.follow(request.schema);
      return { elsewhere: [...(await reader.syncTarget(request, context))] };
    },
    releaseTarget: async ({ vchannel, version }) => {
      await this.#shards.get(vchannel)?.reader.releaseAt(version);
      return {};
    },
    search: (request, context) => {
      const serving = this.#servingAt(request, context);
      return serving instanceof Promise
        ? serving.then(({ reader }) => reader.search(request, context))
        : serving.reader.search(request, context);
    },
    retrieve: (request, context) => {
      const serving = this.#servingAt(request, context);
      return serving instanceof Promise
        ? serving.then(({ reader }) => reader.retrieve(request, context))
        : serving.reader.retrieve(request, context);
    },
    termStatistics: async (request, context) =>
      (await this.#servingAt(request, context)).reader.termStatistics(request, context),
    fetchRows: (request, context) => this.#shards.serving(request.vchannel).reader.fetch(request, context),
    segmentsInUse: async ({ vchannel, segmentIds, version }) => ({
      segmentIds: this.#shards.serving(vchannel).reader.inUse(segmentIds, version),
    }),
    settledTargets: async ({ vchannels }) =>
      whole<SettledTargetsResponse>({
        status: undefined,
        versions: vchannels.map((vchannel) => this.#shards.get(vchannel)?.reader.settledVersion ?? 0n),
        mark: this.#shards.settledMark,
      }),
    servedCollections: async () => ({ collectionIds: this.#shards.loadedCollections() }),
    channelRows: async ({ vchannel }) => {
      const { shard, flush } = this.#shards.serving(vchannel);
      const { segments, schema } = shard;
      const unsaved = [...segments.values()].filter((segment) => segment.state !== 'saved');
      return {
        flushFailure: flush.failure ?? '',
        segments: unsaved.map(({ id, partitionId, state, data }) => ({
          segmentId: id,
          partitionId,
          rowCount: BigInt(data.rowCount),
          sealed: state === 'sealed',
          lacksOutputs: lackedOutputs(schema, (fieldId) => data.hasField(fieldId)).length > 0,
        })),
      };
    },
  };
}

const notInTime = (vchannel: string): ElanusError =>
  new ElanusError(
    'deadline_exceeded',
    `channel ${vchannel}: its rows were not all in files before the deadline; ask for the flush state again`,
  );
