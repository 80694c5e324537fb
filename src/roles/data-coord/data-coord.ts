// Builds DataCoord's parts and joins them. It owns the facts about data: segments and their files, channels with their owners and
// epochs, checkpoints, import jobs. Every change of them is a catalog transaction that a stale owner cannot make.
import { KeyedMutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { ChannelRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import { SegmentLevel, SegmentState, StateCode } from '#proto/milvus/common.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import type { Handlers } from '#rpc/service.js';
import { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';
import { isFlushed } from './flush-state.js';
import { ImportJobs } from './import-jobs.js';

export interface DataCoordSettings {
  readonly serverId: bigint;
}
/** One attempt to bring a channel to the streaming-node, in ms. Creating a collection waits for the first. */
const OPEN_CHANNEL_MS_MAX = 3000;
const OFFER_RETRY_MS_MIN = 200;
const OFFER_RETRY_MS_MAX = 5000;
const isVisible = (segment: SegmentRecord): boolean => segment.state === 'flushed' && !segment.isLevelZero;

export class DataCoord {
  readonly #platform: Platform;
  readonly #settings: DataCoordSettings;
  readonly #peers: DataCoordPeers;
  readonly #catalog: DataCatalog;
  readonly #imports: ImportJobs;
  readonly #locks = new KeyedMutex();
  #closed = false;

  private constructor(platform: Platform, settings: DataCoordSettings, peers: DataCoordPeers, catalog: DataCatalog) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    this.#catalog = catalog;
    this.#imports = new ImportJobs({ platform, catalog, peers, commit: (collectionId) => this.#notifyQueryCoord(collectionId) });
  }
  static async open(platform: Platform, settings: DataCoordSettings, peers: DataCoordPeers): Promise<DataCoord> {
    return new DataCoord(platform, settings, peers, await DataCatalog.open(platform.metaStore));
  }
  /** Takes up what a restart interrupted: import jobs, and channels that may not have come to their owner. */
  start(): void {
    for (const vchannel of this.#catalog.channels.keys()) this.#offerLater(vchannel);
    this.#imports.resume();
  }
  async close(): Promise<void> {
    this.#closed = true;
    await this.#imports.close();
  }
  async #notifyQueryCoord(collectionId: bigint): Promise<void> {
    // Only a hint: query-coord also compares on its own.
    await this.#peers.queryCoord
      .segmentsChanged({ collectionId })
      .catch((error: unknown) => this.#platform.logger.warn('segments_changed_notice_failed', { collectionId, reason: messageOf(error) }));
  }
  /**
   * Brings a channel to its owner. With none up, or when the call is lost, it is offered again later; opening twice changes nothing.
   * @throws what the owner refuses for good
   */
  async #offerChannel(vchannel: string, retryMs = OFFER_RETRY_MS_MIN): Promise<void> {
    const channel = this.#catalog.channels.get(vchannel);
    if (channel === undefined || this.#closed) return;
    const abort = new AbortController();
    const timer = this.#platform.timers.after(OPEN_CHANNEL_MS_MAX, () => abort.abort());
    try {
      const wait = { signal: abort.signal, deadlineMs: this.#platform.clock.now() + OPEN_CHANNEL_MS_MAX, metadata: {} };
      await this.#peers.streamingNode.openChannel({ channel, persistedSegmentIds: [] }, wait);
    } catch (error) {
      if (this.#closed) return;
      const isLate = abort.signal.aborted;
      if (!isLate && (!(error instanceof ElanusError) || error.spec.retry === 'never')) throw error;
      this.#platform.logger.warn('channel_waits_for_owner', { vchannel, reason: messageOf(error), retryMs });
      this.#platform.timers.after(retryMs, () => this.#offerLater(vchannel, Math.min(OFFER_RETRY_MS_MAX, retryMs * 2)));
    } finally {
      timer.cancel();
    }
  }
  #offerLater(vchannel: string, retryMs = OFFER_RETRY_MS_MIN): void {
    this.#offerChannel(vchannel, retryMs).catch((error: unknown) =>
      this.#platform.logger.error('channel_refused_by_owner', { vchannel, reason: messageOf(error) }),
    );
  }
  #segment(id: bigint): SegmentRecord {
    const segment = this.#catalog.segments.get(id);
    if (segment === undefined || segment.state === 'dropped') {
      throw new ElanusError('segment_not_found', `segment not found[segment=${id}]; list the collection's segments again`);
    }
    return segment;
  }

  readonly dataCoordHandlers: Partial<Handlers<typeof DataCoordDefinition>> = {
    getComponentStates: async () => ({ state: { nodeID: this.#settings.serverId, role: 'datacoord', stateCode: StateCode.Healthy } }),
    getInsertBinlogPaths: async ({ segmentID }) => {
      const segment = this.#segment(segmentID);
      const pathsOf = new Map<bigint, string[]>();
      for (const file of segment.files) {
        for (const fieldId of file.fieldIds) pathsOf.set(fieldId, [...(pathsOf.get(fieldId) ?? []), file.key]);
      }
      const sorted = [...pathsOf].sort((a, b) => (a[0] < b[0] ? -1 : 1));
      return { fieldIDs: sorted.map(([fieldId]) => fieldId), paths: sorted.map(([, values]) => ({ values })) };
    },
    getSegmentInfo: async ({ segmentIDs, includeUnHealthy }) => {
      const records = segmentIDs.map((id) => {
        const dropped = this.#catalog.segments.get(id);
        return includeUnHealthy && dropped !== undefined ? dropped : this.#segment(id);
      });
      const checkpoints: Record<string, { channelName: string; timestamp: bigint; msgID: Uint8Array }> = {};
      for (const record of records) {
        const channel = this.#catalog.channels.get(record.vchannel);
        if (channel !== undefined)
          checkpoints[record.vchannel] = {
            channelName: record.vchannel,
            timestamp: channel.checkpointTimestamp,
            msgID: lsnBytes(channel.checkpointLsn),
          };
      }
      return { infos: records.map(segmentInfo), channelCheckpoint: checkpoints };
    },
    getFlushedSegments: async ({ collectionID, partitionID, includeUnhealthy }) => ({
      segments: this.#catalog
        .segmentsOf(collectionID)
        .filter(
          (segment) =>
            (isVisible(segment) || (includeUnhealthy && segment.state === 'dropped')) &&
            (partitionID < 0n || partitionID === segment.partitionId),
        )
        .map((segment) => segment.id),
    }),
    getSegmentsByStates: async ({ collectionID, partitionID, states }) => ({
      segments: this.#catalog
        .segmentsOf(collectionID)
        .filter((segment) => (partitionID <= 0n || segment.partitionId === partitionID) && states.includes(wireState(segment.state)))
        .map((segment) => segment.id),
    }),
    watchChannels: async (request) => {
      await this.#locks.run('channels', async () => {
        const fresh: ChannelRecord[] = [];
        for (const vchannel of request.channelNames) {
          if (this.#catalog.channels.has(vchannel)) continue;
          fresh.push({
            vchannel,
            collectionId: request.collectionID,
            schema: request.schema,
            ownerServerId: 0n,
            epoch: this.#nextEpoch(),
            checkpointLsn: 0n,
            checkpointTimestamp: request.createTimestamp,
            createTimestamp: request.createTimestamp,
          });
        }
        if (fresh.length > 0) await this.#catalog.save({ channels: fresh });
      });
      // Outside the lock: a streaming-node that starts needs it to get its channels, and opens none before that.
      await Promise.all(request.channelNames.map((vchannel) => this.#offerChannel(vchannel)));
      return {};
    },
    flush: async ({ collectionID, segmentIDs, dbID }) => {
      const channels = this.#catalog.channelsOf(collectionID);
      if (channels.length === 0)
        throw new ElanusError('collection_not_found', `collection not found[collection=${collectionID}]; it has no channels`);
      const checkpoints = Object.fromEntries(
        channels.map((channel) => [
          channel.vchannel,
          { channelName: channel.vchannel, timestamp: channel.checkpointTimestamp, msgID: lsnBytes(channel.checkpointLsn) },
        ]),
      );
      const sealed = await Promise.all(
        channels.map((channel) => this.#peers.streamingNode.sealChannel({ vchannel: channel.vchannel, segmentIds: segmentIDs })),
      );
      return {
        dbID,
        collectionID,
        segmentIDs: sealed.flatMap((one) => one.segmentIds),
        flushSegmentIDs: this.#catalog
          .segmentsOf(collectionID)
          .filter(isVisible)
          .map((segment) => segment.id),
        timeOfSeal: BigInt(Math.floor(this.#platform.clock.now() / 1000)),
        // The oldest: whatever was acknowledged before this call is older, and every checkpoint comes to it without another write.
        flushTs: sealed.map((one) => one.flushTimestamp).reduce((oldest, one) => (one < oldest ? one : oldest)),
        channelCps: checkpoints,
      };
    },
    getFlushState: async (request, context) => ({ flushed: await isFlushed(this.#catalog, this.#peers.streamingNode, request, context) }),
    import: async (request) => {
      await this.#imports.add(request);
      return { datanodeId: 1n };
    },
    getRecoveryInfoV2: async ({ collectionID, partitionIDs }) => ({
      channels: this.#catalog.channelsOf(collectionID).map((channel) => ({
        collectionID,
        channelName: channel.vchannel,
        seekPosition: { channelName: channel.vchannel, timestamp: channel.checkpointTimestamp, msgID: lsnBytes(channel.checkpointLsn) },
        flushedSegmentIds: this.#catalog
          .segmentsOf(collectionID)
          .filter((segment) => isVisible(segment) && segment.vchannel === channel.vchannel)
          .map((segment) => segment.id),
      })),
      segments: this.#catalog
        .segmentsOf(collectionID)
        .filter(
          (segment) =>
            segment.state === 'flushed' && (partitionIDs.length === 0 || segment.isLevelZero || partitionIDs.includes(segment.partitionId)),
        )
        .map(segmentInfo),
    }),
  };

  #nextEpoch(): bigint {
    let newest = 0n;
    for (const channel of this.#catalog.channels.values()) if (channel.epoch > newest) newest = channel.epoch;
    return newest === 0n ? 1n : newest;
  }

  readonly channelRegistryHandlers: Handlers<typeof ChannelRegistryDefinition> = {
    acquireChannels: ({ serverId }) =>
      this.#locks.run('channels', async () => {
        // A new owner raises every epoch first: what the old one still sends is refused from here on.
        const epoch = this.#nextEpoch() + 1n;
        const channels = [...this.#catalog.channels.values()].map((channel) => ({ ...channel, ownerServerId: serverId, epoch }));
        for (let begin = 0; begin < channels.length; begin += 128)
          await this.#catalog.save({ channels: channels.slice(begin, begin + 128) });
        return {
          channels: channels.map((channel) => ({
            channel,
            persistedSegmentIds: [...this.#catalog.segments.values()]
              .filter((segment) => segment.vchannel === channel.vchannel)
              .map((segment) => segment.id),
          })),
        };
      }),
    commitFlush: async (request) =>
      this.#locks.run(request.vchannel, async () => {
        const channel = this.#catalog.channels.get(request.vchannel);
        if (channel === undefined)
          throw new ElanusError('channel_not_found', `channel ${request.vchannel} is not known; its collection was dropped`);
        if (channel.epoch !== request.epoch) {
          throw new ElanusError(
            'channel_moved',
            `channel ${request.vchannel} has epoch ${channel.epoch}, the writer has ${request.epoch}; another node owns it now`,
          );
        }
        const segments = request.segments.filter((segment) => this.#catalog.segments.get(segment.id) === undefined);
        const isNewer = request.checkpointLsn > channel.checkpointLsn || request.checkpointTimestamp > channel.checkpointTimestamp;
        const moved = isNewer
          ? {
              ...channel,
              checkpointLsn: maxOf(request.checkpointLsn, channel.checkpointLsn),
              checkpointTimestamp: maxOf(request.checkpointTimestamp, channel.checkpointTimestamp),
            }
          : channel;
        await this.#catalog.save({ segments, channels: [moved] });
        for (const segment of segments) {
          if (segment.isLevelZero) continue;
          await this.#peers.rootCoord
            .segmentFlushCompleted({ segment: segmentInfo(segment) })
            .catch((error: unknown) =>
              this.#platform.logger.warn('flush_notice_failed', { segmentId: segment.id, reason: messageOf(error) }),
            );
        }
        if (segments.length > 0) void this.#notifyQueryCoord(channel.collectionId);
        return {};
      }),
    listSegments: async ({ collectionId }) => ({
      segments: this.#catalog.segmentsOf(collectionId).filter((segment) => segment.state === 'flushed'),
      channels: this.#catalog.channelsOf(collectionId),
    }),
    saveIndexFile: async ({ segmentId, index }) =>
      this.#locks.run('indexes', async () => {
        const segment = this.#segment(segmentId);
        if (index === undefined) throw new ElanusError('missing_parameter', 'SaveIndexFile: no index given');
        await this.#catalog.save({
          segments: [{ ...segment, indexes: [...segment.indexes.filter((file) => file.indexId !== index.indexId), index] }],
        });
        return {};
      }),
    dropIndexFiles: async ({ collectionId, indexId, segmentId }) =>
      this.#locks.run('indexes', async () => {
        const affected = this.#catalog
          .segmentsOf(collectionId)
          .filter((segment) => segmentId === 0n || segment.id === segmentId)
          .filter((segment) => segment.indexes.some((file) => file.indexId === indexId));
        await this.#catalog.save({
          segments: affected.map((segment) => ({ ...segment, indexes: segment.indexes.filter((file) => file.indexId !== indexId) })),
        });
        for (const segment of affected) {
          for (const file of segment.indexes) if (file.indexId === indexId) await this.#platform.objectStore.remove(file.key);
        }
        return {};
      }),
    dropCollectionData: async ({ collectionId, partitionId }) => {
      const whole = partitionId < 0n;
      const channels = this.#catalog.channelsOf(collectionId);
      for (const channel of channels) {
        if (whole) await this.#peers.streamingNode.closeChannel({ vchannel: channel.vchannel });
        else await this.#peers.streamingNode.dropChannelPartition({ vchannel: channel.vchannel, partitionId });
      }
      const segments = this.#catalog.segmentsOf(collectionId).filter((segment) => whole || segment.partitionId === partitionId);
      // Metadata first, so that nothing points to the files any more; a crash in between leaves orphans, never dangling references.
      await this.#catalog.remove({
        segments: segments.map((segment) => segment.id),
        channels: whole ? channels.map((channel) => channel.vchannel) : [],
      });
      for (const segment of segments) {
        const keys = [
          ...segment.files.map((file) => file.key),
          ...segment.indexes.map((file) => file.key),
          ...(segment.manifestKey === '' ? [] : [segment.manifestKey]),
        ];
        for (const key of keys) await this.#platform.objectStore.remove(key);
      }
      return {};
    },
    importState: async ({ jobId }) => {
      const job = this.#catalog.jobs.get(jobId);
      if (job === undefined) throw new ElanusError('import_failed', `import job ${jobId} does not exist; list the jobs of the collection`);
      return { job };
    },
    listImportJobs: async ({ collectionId }) => ({
      jobs: [...this.#catalog.jobs.values()].filter((job) => collectionId === 0n || job.collectionId === collectionId),
    }),
  };
}
const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
function lsnBytes(lsn: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, lsn, true);
  return bytes;
}
const wireState = (state: string) =>
  state === 'importing' ? SegmentState.Importing : state === 'dropped' ? SegmentState.Dropped : SegmentState.Flushed;

/** A segment as Milvus's own messages describe it. */
export function segmentInfo(record: SegmentRecord) {
  const logs = (isDelete: boolean) =>
    record.files
      .filter((file) => (file.fieldIds.length === 0) === isDelete)
      .flatMap((file) =>
        (isDelete ? [0n] : file.fieldIds).map((fieldID) => ({
          fieldID,
          binlogs: [
            {
              entriesNum: file.rowCount,
              timestampFrom: record.timestampFrom,
              timestampTo: record.timestampTo,
              logPath: file.key,
              logSize: file.bytes,
              memorySize: file.bytes,
            },
          ],
        })),
      );
  return {
    ID: record.id,
    collectionID: record.collectionId,
    partitionID: record.partitionId,
    insertChannel: record.vchannel,
    numOfRows: record.rowCount,
    state: wireState(record.state),
    binlogs: logs(false),
    deltalogs: logs(true),
    level: record.isLevelZero ? SegmentLevel.L0 : SegmentLevel.L1,
    manifestPath: record.manifestKey,
    commitTimestamp: record.commitTimestamp,
  };
}
