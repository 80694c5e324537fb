// Builds DataCoord's parts and joins them. It owns the facts about data: segments and their files, channels with their owners and
// epochs, checkpoints, import jobs. Every change of them is a catalog transaction that a stale owner cannot make.
import { assertNever } from '#base/assert.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { channelRecord } from '#model/states/channel.js';
import { type FlushedSegment, isFlushed, type Segment, segmentRecord } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import { SegmentLevel, SegmentState, StateCode } from '#proto/milvus/common.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { compactionHandlers } from '#roles/data-coord/compaction/compaction-handlers.js';
import { type CompactionSettings, Compactor } from '#roles/data-coord/compaction/compactor.js';
import { Garbage } from '#roles/data-coord/compaction/garbage.js';
import type { Handlers } from '#rpc/service.js';
import { ChannelOwners } from './channel-owners.js';
import { CollectionLocks } from './collection-locks.js';
import { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';
import { DataDrops } from './data-drops.js';
import { areRowsInFiles } from './flush-state.js';
import { finishCommits, ImportJobs } from './import-jobs.js';
import { Orphans } from './orphans.js';
import { SegmentCommits, segmentMissing } from './segment-commits.js';

export interface DataCoordSettings extends CompactionSettings {
  readonly serverId: bigint;
  /** Between two looks for files that nobody needs any more, in ms. */
  readonly garbageIntervalMs: number;
}

const isVisible = (segment: Segment): boolean => isFlushed(segment) && !segment.isLevelZero;

export class DataCoord {
  readonly #platform: Platform;
  readonly #settings: DataCoordSettings;
  readonly #peers: DataCoordPeers;
  readonly #catalog: DataCatalog;
  readonly #imports: ImportJobs;
  readonly #locks = new CollectionLocks();
  readonly #owners: ChannelOwners;
  readonly #orphans: Orphans;
  readonly #commits: SegmentCommits;
  readonly #drops: DataDrops;
  readonly #compactor: Compactor;
  readonly #garbage: Garbage;
  /** Ids below it were given before the present owner had the channels. */
  #ownedSince: bigint | undefined;
  #isStarted = false;

  private constructor(
    platform: Platform,
    settings: DataCoordSettings,
    peers: DataCoordPeers,
    catalog: DataCatalog,
  ) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    this.#catalog = catalog;
    const parts = { platform, catalog, peers, locks: this.#locks };
    this.#orphans = new Orphans(parts);
    this.#owners = new ChannelOwners(parts);
    this.#commits = new SegmentCommits({ ...parts, orphans: this.#orphans });
    this.#imports = new ImportJobs({ ...parts, orphans: this.#orphans });
    this.#drops = new DataDrops({ ...parts, imports: this.#imports, orphans: this.#orphans });
    this.#compactor = new Compactor({
      ...{ ...parts, orphans: this.#orphans, settings },
      onCompacted: (collectionId, fresh) => {
        for (const segment of fresh) void this.#notifyFlushed(segment);
        void this.#notifyQueryCoord(collectionId);
      },
    });
    this.#garbage = new Garbage({ ...parts, intervalMs: settings.garbageIntervalMs });
  }

  static async open(
    platform: Platform,
    settings: DataCoordSettings,
    peers: DataCoordPeers,
  ): Promise<DataCoord> {
    const catalog = await DataCatalog.open(platform.metaStore);
    await finishCommits(catalog);
    return new DataCoord(platform, settings, peers, catalog);
  }

  /** Takes up what a restart interrupted: import jobs, and channels that may not have come to their owner. */
  start(): void {
    this.#isStarted = true;
    this.#owners.start();
    void this.#sweep();
    this.#imports.resume();
    this.#compactor.start();
    this.#garbage.start();
  }

  /** Removes what killed writers left. Whatever it misses is found at the next start. */
  async #sweep(): Promise<void> {
    try {
      const { ID } = await this.#peers.rootCoord.allocID({ count: 1 });
      await this.#orphans.sweepOld({ logs: this.#ownedSince, indexes: ID });
    } catch (error) {
      this.#platform.logger.warn('orphans_kept', { reason: messageOf(error) });
    }
  }

  async close(): Promise<void> {
    this.#owners.close();
    this.#orphans.close();
    await this.#compactor.close();
    await this.#garbage.close();
    await this.#imports.close();
  }

  async #notifyFlushed(segment: FlushedSegment): Promise<void> {
    await this.#peers.rootCoord
      .segmentFlushCompleted({ segment: segmentInfo(segment) })
      .catch((error: unknown) =>
        this.#platform.logger.warn('flush_notice_failed', {
          segmentId: segment.id,
          reason: messageOf(error),
        }),
      );
  }

  async #notifyQueryCoord(collectionId: bigint): Promise<void> {
    // Only a hint: query-coord also compares on its own.
    await this.#peers.queryCoord.segmentsChanged({ collectionId }).catch((error: unknown) =>
      this.#platform.logger.warn('segments_changed_notice_failed', {
        collectionId,
        reason: messageOf(error),
      }),
    );
  }

  #segment(id: bigint): Segment {
    const segment = this.#catalog.segments.get(id);
    if (segment === undefined || segment.state === 'dropped') throw segmentMissing(id);
    return segment;
  }

  readonly dataCoordHandlers: Partial<Handlers<typeof DataCoordDefinition>> = {
    getComponentStates: async () => ({
      state: { nodeID: this.#settings.serverId, role: 'datacoord', stateCode: StateCode.Healthy },
    }),
    getInsertBinlogPaths: async ({ segmentID }) => {
      const segment = this.#segment(segmentID);
      const pathsOf = new Map<bigint, string[]>();
      for (const file of segment.files) {
        for (const fieldId of file.fieldIds)
          pathsOf.set(fieldId, [...(pathsOf.get(fieldId) ?? []), file.key]);
      }
      const sorted = [...pathsOf].sort((a, b) => (a[0] < b[0] ? -1 : 1));
      return {
        fieldIDs: sorted.map(([fieldId]) => fieldId),
        paths: sorted.map(([, values]) => ({ values })),
      };
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
        .filter(
          (segment) =>
            (partitionID <= 0n || segment.partitionId === partitionID) && states.includes(wireState(segment)),
        )
        .map((segment) => segment.id),
    }),
    watchChannels: async (request) => {
      await this.#owners.watch(request);
      return {};
    },
    flush: async ({ collectionID, segmentIDs, dbID }) => {
      const channels = this.#catalog.channelsOf(collectionID);
      if (channels.length === 0)
        throw new ElanusError(
          'collection_not_found',
          `collection not found[collection=${collectionID}]; it has no channels`,
        );
      const checkpoints = Object.fromEntries(
        channels.map((channel) => [
          channel.vchannel,
          {
            channelName: channel.vchannel,
            timestamp: channel.checkpointTimestamp,
            msgID: lsnBytes(channel.checkpointLsn),
          },
        ]),
      );
      const sealed = await Promise.all(
        channels.map((channel) =>
          this.#peers.streamingNode.sealChannel({ vchannel: channel.vchannel, segmentIds: segmentIDs }),
        ),
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
        flushTs: sealed
          .map((one) => one.flushTimestamp)
          .reduce((oldest, one) => (one < oldest ? one : oldest)),
        channelCps: checkpoints,
      };
    },
    getFlushState: async (request, context) => ({
      flushed: await areRowsInFiles(this.#catalog, this.#peers.streamingNode, request, context),
    }),
    import: async (request) => {
      await this.#imports.add(request);
      // The job waits for its turn here: no data-node has it yet, and 0 would mean that nobody took it.
      return { datanodeId: this.#settings.serverId };
    },
    getRecoveryInfoV2: async ({ collectionID, partitionIDs }) => ({
      channels: this.#catalog.channelsOf(collectionID).map((channel) => ({
        collectionID,
        channelName: channel.vchannel,
        seekPosition: {
          channelName: channel.vchannel,
          timestamp: channel.checkpointTimestamp,
          msgID: lsnBytes(channel.checkpointLsn),
        },
        flushedSegmentIds: this.#catalog
          .segmentsOf(collectionID)
          .filter((segment) => isVisible(segment) && segment.vchannel === channel.vchannel)
          .map((segment) => segment.id),
      })),
      segments: this.#catalog
        .segmentsOf(collectionID)
        .filter(
          (segment) =>
            isFlushed(segment) &&
            (partitionIDs.length === 0 || segment.isLevelZero || partitionIDs.includes(segment.partitionId)),
        )
        .map(segmentInfo),
    }),
  };

  readonly channelRegistryHandlers: Handlers<typeof ChannelRegistryDefinition> = {
    acquireChannels: async (request) => {
      // Before the node may ask for an id of its own. Without it orphans of logs wait for the next owner; the channels do not.
      const bound = await this.#peers.rootCoord.allocID({ count: 1 }).catch(() => undefined);
      const channels = await this.#owners.acquire(request);
      this.#ownedSince = bound?.ID;
      if (this.#isStarted) void this.#sweep();
      const persisted = new Map<string, bigint[]>();
      for (const { id, vchannel } of this.#catalog.segments.values()) {
        const ids = persisted.get(vchannel);
        if (ids === undefined) persisted.set(vchannel, [id]);
        else ids.push(id);
      }
      return {
        channels: channels.map((channel) => ({
          channel: channelRecord(channel),
          persistedSegmentIds: persisted.get(channel.vchannel) ?? [],
        })),
      };
    },
    commitFlush: async (request) => {
      const fresh = await this.#commits.commitFlush(request);
      for (const segment of fresh) if (!segment.isLevelZero) await this.#notifyFlushed(segment);
      const [first] = fresh;
      if (first !== undefined) {
        void this.#notifyQueryCoord(first.collectionId);
        this.#compactor.changed(first.collectionId);
      }
      return {};
    },
    listSegments: async ({ collectionId }) => {
      const all = this.#catalog.segmentsOf(collectionId);
      return {
        segments: all.filter(isFlushed).map(segmentRecord),
        replaced: all.filter(({ state }) => state === 'dropped').map(segmentRecord),
        channels: this.#catalog.channelsOf(collectionId).map(channelRecord),
      };
    },
    saveIndexFile: async ({ segmentId, index }) => {
      if (index === undefined) throw new ElanusError('missing_parameter', 'SaveIndexFile: no index given');
      await this.#commits.saveIndexFile(segmentId, index);
      return {};
    },
    dropIndexFiles: async (request) => {
      await this.#commits.dropIndexFiles(request);
      return {};
    },
    dropCollectionData: async ({ collectionId, partitionId }) => {
      if (partitionId >= 0n) await this.#drops.dropPartition(collectionId, partitionId);
      else {
        this.#owners.collectionDropped(collectionId);
        await this.#drops.dropCollection(collectionId);
      }
      return {};
    },
    importState: async ({ jobId }) => {
      const job = this.#catalog.jobs.get(jobId);
      if (job === undefined)
        throw new ElanusError(
          'import_failed',
          `import job ${jobId} does not exist; list the jobs of the collection`,
        );
      return { job: this.#imports.shown(job) };
    },
    listImportJobs: async ({ collectionId }) => ({
      jobs: [...this.#catalog.jobs.values()]
        .filter((job) => collectionId === 0n || job.collectionId === collectionId)
        .map((job) => this.#imports.shown(job)),
    }),
    ...compactionHandlers(() => this.#compactor),
  };
}

function lsnBytes(lsn: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, lsn, true);
  return bytes;
}

function wireState(segment: Segment): SegmentState {
  switch (segment.state) {
    case 'importing':
      return SegmentState.Importing;
    case 'flushed':
      return SegmentState.Flushed;
    case 'dropped':
      return SegmentState.Dropped;
    default:
      return assertNever(segment);
  }
}

/** A segment as Milvus's own messages describe it. */
function segmentInfo(record: Segment) {
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
    state: wireState(record),
    binlogs: logs(false),
    deltalogs: logs(true),
    level: record.isLevelZero ? SegmentLevel.L0 : SegmentLevel.L1,
    manifestPath: record.manifestKey,
    commitTimestamp: record.state === 'importing' ? 0n : record.commitTimestamp,
    createdByCompaction: record.compactedFrom.length > 0,
    compactionFrom: [...record.compactedFrom],
    compacted: record.compactedTo.length > 0,
    droppedAt: (record.droppedTimestamp >> 18n) * 1_000_000n,
  };
}
