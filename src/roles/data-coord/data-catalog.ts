// Segments, channels, import jobs, compactions that clients asked for and the newest epoch: durable in the meta store, whole in memory. One writer (data-coord); a second one
// on the same store is noticed at its first change, because every change names the revisions of the records it rests on.
import { commitChanges, HeldRecords, type RecordChange, settleChanges } from '#catalog/held-records.js';
import { idKey, parsedType, recordTable } from '#catalog/record-table.js';
import { type Channel, channelRecord, parseChannel } from '#model/states/channel.js';
import { type CompactionJob, compactionRecord, parseCompactionJob } from '#model/states/compaction-job.js';
import { type ImportJob, importJobRecord, parseImportJob } from '#model/states/import-job.js';
import { parseSegment, type Segment, segmentRecord } from '#model/states/segment.js';
import type { MetaStore } from '#platform/meta-store.js';
import {
  ChannelRecord,
  CompactionRecord,
  EpochRecord,
  ImportJobRecord,
  SegmentRecord,
} from '#proto/elanus/data.js';

/** What a decision makes of the catalog. */
export interface DataChanges {
  readonly epoch?: EpochRecord;
  readonly segments?: readonly Segment[];
  readonly removedSegments?: readonly bigint[];
  readonly channels?: readonly Channel[];
  readonly removedChannels?: readonly string[];
  readonly jobs?: readonly ImportJob[];
  readonly removedJobs?: readonly bigint[];
  readonly compactions?: readonly CompactionJob[];
  readonly removedCompactions?: readonly bigint[];
  /** Read for the decision and not changed by it: these must be as they are held. */
  readonly guards?: { readonly epoch?: boolean; readonly channels?: readonly string[] };
}

const EPOCH = 'newest';

export class DataCatalog {
  readonly #store: MetaStore;
  readonly #segments: HeldRecords<bigint, Segment>;
  readonly #channels: HeldRecords<string, Channel>;
  readonly #jobs: HeldRecords<bigint, ImportJob>;
  readonly #compactions: HeldRecords<bigint, CompactionJob>;
  readonly #epoch: HeldRecords<string, EpochRecord>;
  /** The newest epoch that a channel ever had: each new one asks, and there may be ten thousand. */
  #newestOfChannels = 1n;

  private constructor(store: MetaStore) {
    this.#store = store;
    this.#segments = new HeldRecords(
      recordTable(store, 'datacoord-meta/s/', parsedType(SegmentRecord, parseSegment, segmentRecord)),
      idKey,
      ({ id }) => id,
      ({ collectionId }) => collectionId,
    );
    this.#channels = new HeldRecords(
      recordTable(store, 'datacoord-meta/channel/', parsedType(ChannelRecord, parseChannel, channelRecord)),
      (vchannel) => vchannel,
      ({ vchannel }) => vchannel,
      ({ collectionId }) => collectionId,
      {
        held: ({ epoch }) => {
          if (epoch > this.#newestOfChannels) this.#newestOfChannels = epoch;
        },
      },
    );
    this.#jobs = new HeldRecords(
      recordTable(
        store,
        'datacoord-meta/import-job/',
        parsedType(ImportJobRecord, parseImportJob, importJobRecord),
      ),
      idKey,
      ({ id }) => id,
      ({ collectionId }) => collectionId,
    );
    this.#compactions = new HeldRecords(
      recordTable(
        store,
        'datacoord-meta/compaction/',
        parsedType(CompactionRecord, parseCompactionJob, compactionRecord),
      ),
      idKey,
      ({ id }) => id,
    );
    this.#epoch = new HeldRecords(
      recordTable(store, 'datacoord-meta/epoch/', EpochRecord),
      (name) => name,
      () => EPOCH,
    );
  }

  static async open(store: MetaStore): Promise<DataCatalog> {
    const catalog = new DataCatalog(store);
    const tables = [
      catalog.#segments,
      catalog.#channels,
      catalog.#jobs,
      catalog.#compactions,
      catalog.#epoch,
    ];
    for (const table of tables) await table.load();
    return catalog;
  }

  get segments(): ReadonlyMap<bigint, Segment> {
    return this.#segments.records;
  }

  get channels(): ReadonlyMap<string, Channel> {
    return this.#channels.records;
  }

  get jobs(): ReadonlyMap<bigint, ImportJob> {
    return this.#jobs.records;
  }

  /** Compactions that clients asked for, in the order of their ids. */
  get compactions(): ReadonlyMap<bigint, CompactionJob> {
    return this.#compactions.records;
  }

  /** The newest that was ever given, at least 1. Folders from before it was kept know it by their channels only. */
  get newestEpoch(): bigint {
    const kept = this.#epoch.records.get(EPOCH)?.epoch ?? 1n;
    return kept > this.#newestOfChannels ? kept : this.#newestOfChannels;
  }

  /** To whom the newest epoch was given; 0n: nobody has it, or none knows. */
  get newestOwner(): bigint {
    const kept = this.#epoch.records.get(EPOCH);
    return kept?.epoch === this.newestEpoch ? kept.ownerServerId : 0n;
  }

  segmentsOf(collectionId: bigint): readonly Segment[] {
    return this.#segments.of(collectionId);
  }

  channelsOf(collectionId: bigint): readonly Channel[] {
    return this.#channels.of(collectionId);
  }

  /**
   * The newest revision of a segment or channel of the collection, and how many there are: whatever changes one raises the first, and whatever
   * takes one away and leaves the first lowers a number, so no two states look alike.
   */
  revisionOf(collectionId: bigint) {
    const segments = this.#segments.newestOf(collectionId);
    const channels = this.#channels.newestOf(collectionId);
    const revision = segments.revision > channels.revision ? segments.revision : channels.revision;
    return { revision, segments: segments.count, channels: channels.count };
  }

  /** The same for all collections together: no two states of segments and channels have the same. */
  get mark(): string {
    return `${this.#segments.mark} ${this.#channels.mark}`;
  }

  jobsOf(collectionId: bigint): readonly ImportJob[] {
    return this.#jobs.of(collectionId);
  }

  /**
   * Makes the changes durable, then visible, all at once. Beyond one transaction: segments first, then what decides about them, so that
   * what a crash leaves is taken up again. @throws catalog_conflict when something it rests on was changed meanwhile
   */
  async save(changes: DataChanges): Promise<void> {
    const puts: RecordChange[] = [
      ...(changes.epoch === undefined ? [] : [this.#epoch.put(changes.epoch)]),
      ...(changes.segments ?? []).map((segment) => this.#segments.put(segment)),
      ...(changes.removedSegments ?? []).map((id) => this.#segments.remove(id)),
      ...(changes.channels ?? []).map((channel) => this.#channels.put(channel)),
      ...(changes.removedChannels ?? []).map((vchannel) => this.#channels.remove(vchannel)),
      ...(changes.jobs ?? []).map((job) => this.#jobs.put(job)),
      ...(changes.removedJobs ?? []).map((id) => this.#jobs.remove(id)),
      ...(changes.compactions ?? []).map((job) => this.#compactions.put(job)),
      ...(changes.removedCompactions ?? []).map((id) => this.#compactions.remove(id)),
    ];
    const guards = [
      ...(changes.guards?.epoch === true ? [this.#epoch.guard(EPOCH)] : []),
      ...(changes.guards?.channels ?? []).map((vchannel) => this.#channels.guard(vchannel)),
    ];
    if (puts.length > 0) await commitChanges(this.#store, puts, guards);
  }

  /** Memory is as the store is, also after a change whose outcome got lost. @throws when the store does not say */
  settle(): Promise<void> {
    return settleChanges(this.#store);
  }
}
