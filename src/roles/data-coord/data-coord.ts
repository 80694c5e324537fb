// Builds DataCoord's parts and joins them. It owns the facts about data: segments and their files, channels with their owners and
// epochs, checkpoints, import jobs. Every change of them is a catalog transaction that a stale owner cannot make.
import { ElanusError, messageOf } from '#base/errors.js';
import { channelRecord } from '#model/states/channel.js';
import { type FlushedSegment, isFlushed, segmentRecord } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type {
  AcquireChannelsResponse,
  ChannelRegistryDefinition,
  DataRevisionsResponse,
  ListSegmentsResponse,
} from '#proto/elanus/roles.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { compactionHandlers } from '#roles/data-coord/compaction/compaction-handlers.js';
import { type CompactionSettings, Compactor } from '#roles/data-coord/compaction/compactor.js';
import { Garbage } from '#roles/data-coord/compaction/garbage.js';
import { LateSeals } from '#roles/data-coord/compaction/late-seals.js';
import { explainHandler } from '#roles/data-coord/explain/explain-handler.js';
import { ImportCalls } from '#roles/data-coord/imports/import-calls.js';
import { finishCommits } from '#roles/data-coord/imports/import-ends.js';
import { ImportJobs } from '#roles/data-coord/imports/import-jobs.js';
import { ImportWaits } from '#roles/data-coord/imports/import-waits.js';
import { ServedImports } from '#roles/data-coord/imports/served-imports.js';
import { coordinatorCalls } from '#roles/data-coord/wire/coordinator-calls.js';
import { FlushCalls } from '#roles/data-coord/wire/flush-calls.js';
import { foreignWriters } from '#roles/data-coord/wire/foreign-writers.js';
import { segmentInfo } from '#roles/data-coord/wire/segment-info.js';
import { segmentReads } from '#roles/data-coord/wire/segment-reads.js';
import { type Handlers, whole } from '#rpc/service.js';
import { ChannelOwners } from './channel-owners.js';
import { CollectionLocks } from './collection-locks.js';
import { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';
import { DataDrops } from './data-drops.js';
import { measureData } from './data-metrics.js';
import { OrphanLooks } from './orphan-looks.js';
import { Orphans } from './orphans.js';
import { SegmentCommits } from './segment-commits.js';

export interface DataCoordSettings extends CompactionSettings {
  readonly serverId: bigint;
  /** Between two looks for files that nobody needs any more, in ms. */
  readonly garbageIntervalMs: number;
  /** Between two looks for files that nobody names, in ms. */
  readonly orphanIntervalMs: number;
}

export class DataCoord {
  readonly #platform: Platform;
  readonly #settings: DataCoordSettings;
  readonly #peers: DataCoordPeers;
  readonly #catalog: DataCatalog;
  readonly #served: ServedImports;
  readonly #imports: ImportJobs;
  readonly #importWaits: ImportWaits;
  readonly #flushCalls: FlushCalls;
  readonly #importCalls: ImportCalls;
  readonly #locks = new CollectionLocks();
  readonly #owners: ChannelOwners;
  readonly #orphans: Orphans;
  readonly #commits: SegmentCommits;
  readonly #drops: DataDrops;
  readonly #compactor: Compactor;
  readonly #lateSeals: LateSeals;
  readonly #garbage: Garbage;
  readonly #orphanLooks: OrphanLooks;
  /** Ids below it were given before the present owner had the channels. */
  #ownedSince: bigint | undefined;
  #isStarted = false;
  #closesOn: string | undefined;

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
    this.#served = new ServedImports(platform, peers);
    const served = this.#served;
    this.#importWaits = new ImportWaits(platform.clock, peers.nodes);
    this.#flushCalls = new FlushCalls(parts);
    this.#imports = new ImportJobs({
      ...{ ...parts, served, orphans: this.#orphans, waits: this.#importWaits },
      onCompleted: (collectionId) => this.#compactor.changed(collectionId),
    });
    this.#importCalls = new ImportCalls({
      ...{ catalog, peers, served, imports: this.#imports, serverId: settings.serverId },
      clock: platform.clock,
    });
    this.#drops = new DataDrops({ ...parts, imports: this.#imports, orphans: this.#orphans });
    this.#compactor = new Compactor({
      ...{ ...parts, orphans: this.#orphans, settings },
      onCompacted: (collectionId, fresh) => {
        for (const segment of fresh) void this.#notifyFlushed(segment);
        void this.#notifyQueryCoord(collectionId);
      },
    });
    this.#lateSeals = new LateSeals({
      ...parts,
      onSealed: (collectionId, sealedAt) => this.#compactor.fill(collectionId, sealedAt),
    });
    this.#garbage = new Garbage({ ...parts, intervalMs: settings.garbageIntervalMs });
    this.#orphanLooks = new OrphanLooks({
      ...{ ...parts, orphans: this.#orphans, intervalMs: settings.orphanIntervalMs },
      isRewriting: (collectionId) => this.#compactor.watch.running?.collectionId === collectionId,
    });
    measureData(platform.metrics, catalog, this.#compactor.watch);
    this.dataCoordHandlers = this.#wireHandlers();
  }

  static async open(
    platform: Platform,
    settings: DataCoordSettings,
    peers: DataCoordPeers,
  ): Promise<DataCoord> {
    const catalog = await DataCatalog.open(platform.metaStore);
    await finishCommits(catalog, platform);
    const dataCoord = new DataCoord(platform, settings, peers, catalog);
    await dataCoord.#orphans.load();
    return dataCoord;
  }

  /** Takes up what a restart interrupted: import jobs, and channels that may not have come to their owner. */
  start(): void {
    this.#isStarted = true;
    void this.#owners.start();
    void this.#sweep();
    this.#imports.resume();
    this.#compactor.start();
    this.#garbage.start();
    this.#orphanLooks.start();
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
    this.#lateSeals.close();
    this.#drops.close();
    this.#orphans.close();
    const parts = [
      ['a compaction', this.#compactor],
      ['garbage that is being removed', this.#garbage],
      ['a look for orphans', this.#orphanLooks],
      ['an import', this.#imports],
      ['imports that are being served', this.#served],
    ] as const;
    for (const [what, part] of parts) {
      this.#closesOn = what;
      await part.close();
    }
    this.#closesOn = undefined;
  }

  /** What a close waits for at this moment. */
  get underWay(): string | undefined {
    return this.#closesOn;
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

  /** Milvus's own service: what RootCoord and tools call. */
  #wireHandlers(): Partial<Handlers<typeof DataCoordDefinition>> {
    const [platform, catalog, peers, settings] = [this.#platform, this.#catalog, this.#peers, this.#settings];
    return {
      ...segmentReads({ catalog, peers }),
      ...this.#flushCalls.handlers,
      ...foreignWriters({
        ...{ platform, catalog, peers, commits: this.#commits },
        onCommitted: (fresh) => this.#committed(fresh),
      }),
      ...coordinatorCalls({ catalog, settings, compactor: () => this.#compactor }),
      watchChannels: async (request) => {
        await this.#owners.watch(request);
        return {};
      },
      ...this.#importCalls.wireHandlers,
    };
  }

  /** Those that wait for flushed segments hear of them. */
  async #committed(fresh: readonly FlushedSegment[]): Promise<void> {
    for (const segment of fresh) if (!segment.isLevelZero) await this.#notifyFlushed(segment);
    const [first] = fresh;
    if (first === undefined) return;
    void this.#notifyQueryCoord(first.collectionId);
    this.#compactor.changed(first.collectionId);
  }

  readonly dataCoordHandlers: Partial<Handlers<typeof DataCoordDefinition>>;

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
      // Whole: of ten thousand channels a copy would have a schema each.
      return whole<AcquireChannelsResponse>({
        status: undefined,
        channels: channels.map((channel) => ({
          channel: channelRecord(channel),
          persistedSegmentIds: persisted.get(channel.vchannel) ?? [],
        })),
      });
    },
    commitFlush: async (request) => {
      await this.#committed(await this.#commits.commitFlush(request));
      return {};
    },
    saveCheckpoints: async ({ checkpoints }) => ({
      outcomes: await this.#commits.saveCheckpoints(checkpoints),
    }),
    listSegments: async ({ collectionId }) => {
      const all = this.#catalog.segmentsOf(collectionId);
      return whole<ListSegmentsResponse>({
        status: undefined,
        segments: all.filter(isFlushed).map(segmentRecord),
        replaced: all.filter(({ state }) => state === 'dropped').map(segmentRecord),
        channels: this.#catalog.channelsOf(collectionId).map(channelRecord),
      });
    },
    // Asked about all that is loaded, again and again: the answer is whole and goes on as it is.
    dataRevisions: async ({ collectionIds }) =>
      whole<DataRevisionsResponse>({
        status: undefined,
        collections: collectionIds.map((id) => this.#catalog.revisionOf(id)),
        mark: this.#catalog.mark,
      }),
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
        this.#flushCalls.watch.forget(collectionId);
        await this.#drops.dropCollection(collectionId);
      }
      return {};
    },
    importState: (request, context) => this.#importCalls.ownHandlers.importState(request, context),
    listImportJobs: (request, context) => this.#importCalls.ownHandlers.listImportJobs(request, context),
    abortImport: (request, context) => this.#importCalls.ownHandlers.abortImport(request, context),
    commitImport: (request, context) => this.#importCalls.ownHandlers.commitImport(request, context),
    ...compactionHandlers(() => this.#compactor),
    fillOutputs: async ({ collectionId, schemaVersion }) => {
      await this.#lateSeals.seal(collectionId, schemaVersion);
      return {};
    },
    explain: explainHandler(() => ({
      ...{ platform: this.#platform, peers: this.#peers },
      catalog: this.#catalog,
      flushes: this.#flushCalls.watch,
      imports: this.#importCalls,
      importWaits: this.#importWaits,
      served: this.#served,
      compactor: this.#compactor,
    })),
  };
}
