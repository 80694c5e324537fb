// Runs import jobs, one at a time; their states and moves are in model/states/import-job.ts.
// Rows of a job become visible together. `committing` is the point of no return: the record names the segments, and whoever finds it, also
// after a crash, makes them visible. Before it a restart runs the job again from its start, under fresh segment ids. Whatever drops the
// collection or the partition fails its jobs in the same change, so a job never completes into something that is gone.
import { Mutex } from '#base/async.js';
import { catalogBackOff, longerPause } from '#base/back-off.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { joinSignals } from '#base/on-abort.js';
import {
  type CommittingJob,
  type EndedJob,
  type FailedJob,
  type ImportingJob,
  type ImportJob,
  importJobRecord,
  isLiveJob,
  moveImportJob,
  type PendingJob,
} from '#model/states/import-job.js';
import { type FlushedSegment, moveSegment, parseSegment, segmentRecord } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { ImportJobRecord } from '#proto/elanus/data.js';
import type { ImportTaskRequest } from '#proto/milvus/data_coord.js';
import { writeManifest } from '#segment/files/manifest.js';
import type { CollectionLocks } from './collection-locks.js';
import type { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';
import { keysOf } from './object-names.js';
import { discardFiles, type Orphans } from './orphans.js';

const JOBS_LIVE_MAX = 1024;
const FILES_MAX = 1024;
/** Until a completed import is served where its collection is loaded; then it counts as completed anyway. */
const SERVED_MS_MAX = 30_000;
const SERVED_RETRY_MS = 100;

export interface ImportJobsParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: DataCoordPeers;
  readonly locks: CollectionLocks;
  readonly orphans: Orphans;
}

interface WrittenRows {
  readonly segments: readonly FlushedSegment[];
  readonly rowCount: bigint;
}

/** Makes visible what was being committed when a process died. Before anyone reads the catalog. */
export async function finishCommits(catalog: DataCatalog): Promise<void> {
  for (const job of [...catalog.jobs.values()]) {
    if (job.state !== 'committing') continue;
    const reason = goneTarget(catalog, job);
    await catalog.save(
      reason === undefined ? committed(job) : { jobs: [moveImportJob(job, { kind: 'fail', reason })] },
    );
  }
}

/** Why rows of the job would be rows of nothing; undefined when all is there. */
function goneTarget({ channels }: DataCatalog, job: ImportJob): string | undefined {
  const own = job.vchannels.map((vchannel) => channels.get(vchannel));
  if (own.length === 0 || own.some((channel) => channel === undefined))
    return droppedReason(job, 'collection');
  return own.some((channel) => channel?.droppedPartitionIds.includes(job.partitionId))
    ? droppedReason(job, 'partition')
    : undefined;
}

/** Segments first, the job last: until it is completed they are put again. */
const committed = (job: CommittingJob) => ({
  segments: job.segments,
  jobs: [moveImportJob(job, { kind: 'complete' })] as const,
});

export class ImportJobs {
  readonly #parts: ImportJobsParts;
  readonly #running = new Mutex();
  /** Held from the count of the live jobs until a job is among them: requests at the limit must not all find the last place. */
  readonly #adding = new Mutex();
  readonly #closing = new AbortController();
  /** Ends the work of a job, by id. */
  readonly #stops = new Map<bigint, AbortController>();
  /** Visible in the catalog, not yet served where they are loaded: a client gets `completed` when a read finds their rows. */
  readonly #unserved = new Set<bigint>();
  readonly #serving = new Set<Promise<void>>();

  constructor(parts: ImportJobsParts) {
    this.#parts = parts;
  }

  /** Runs again what a restart interrupted. */
  resume(): void {
    for (const job of this.#parts.catalog.jobs.values())
      if (job.state === 'pending' || job.state === 'importing') this.#start(job.id);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const stop of this.#stops.values()) stop.abort();
    await this.#running.run(async () => {});
    await Promise.all(this.#serving);
  }

  /** The job as clients see it. */
  shown(job: ImportJob): ImportJobRecord {
    const record = importJobRecord(job);
    if (job.state === 'committing' || this.#unserved.has(job.id))
      return { ...record, state: 'importing', progress: 99n, segments: [] };
    return record;
  }

  add(request: ImportTaskRequest): Promise<void> {
    return this.#adding.run(() => this.#add(request));
  }

  async #add(request: ImportTaskRequest): Promise<void> {
    const { catalog, locks, peers } = this.#parts;
    const task = request.importTask;
    if (task === undefined)
      throw new ElanusError('missing_parameter', 'Import: no task given, expected its collection and files');
    if (catalog.jobs.has(task.taskId)) return;
    if (task.files.length === 0 || task.files.length > FILES_MAX) {
      throw new ElanusError(
        'import_failed',
        `import request has ${task.files.length} files, expected 1 to ${FILES_MAX}: invalid parameter`,
      );
    }
    const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
    // Rows are read by the schema of now; fields that come later are missing in them, as in any older row.
    const { schema, properties } = await peers.rootCoord.describeCollection({
      collectionID: task.collectionId,
    });
    const isNew = await locks.change(task.collectionId, async () => {
      if (catalog.jobs.has(task.taskId)) return false;
      const live = [...catalog.jobs.values()].filter(isLiveJob).length;
      if (live >= JOBS_LIVE_MAX)
        throw new ElanusError(
          'queue_full',
          `${live} import jobs are waiting, the limit is ${JOBS_LIVE_MAX}; try again when one has ended`,
        );
      const job: PendingJob = {
        id: task.taskId,
        collectionId: task.collectionId,
        collectionName: schema?.name ?? '',
        partitionId: task.partitionId,
        partitionName: '',
        files: task.files,
        state: 'pending',
        createTimestamp: timestamp,
        vchannels: task.channelNames,
        // The zone of times without an offset is among them.
        schema: schema && { ...schema, properties },
        partitionIds: [task.partitionId],
        tasks: [],
        options: task.infos,
        idempotencyKey: '',
        endTimestamp: 0n,
      };
      this.#checkTarget(job);
      await catalog.save({ jobs: [job] });
      return true;
    });
    if (isNew) this.#start(task.taskId);
  }

  /** The records of the jobs that end because their collection, or one partition of it, is dropped. To be saved with the drop. */
  failing(collectionId: bigint, partitionId: bigint | undefined): FailedJob[] {
    const what = partitionId === undefined ? 'collection' : 'partition';
    return this.#parts.catalog
      .jobsOf(collectionId)
      .filter(isLiveJob)
      .filter((job) => partitionId === undefined || job.partitionId === partitionId)
      .map((job) => moveImportJob(job, { kind: 'fail', reason: droppedReason(job, what) }));
  }

  /** Ends the work of jobs that failed; what they wrote goes. */
  stop(jobs: readonly ImportJob[]): void {
    for (const { id } of jobs) this.#stops.get(id)?.abort();
  }

  /** @throws import_failed when rows for it would be rows of nothing. Under the collection's lock. */
  #checkTarget(job: ImportJob): void {
    const reason = goneTarget(this.#parts.catalog, job);
    if (reason !== undefined) throw new ElanusError('import_failed', reason);
  }

  #start(jobId: bigint): void {
    const stop = new AbortController();
    this.#stops.set(jobId, stop);
    void this.#running
      .run(async () => {
        if (this.#closing.signal.aborted) return;
        await this.#run(jobId, stop.signal);
      })
      .finally(() => this.#stops.delete(jobId));
  }

  async #run(jobId: bigint, signal: AbortSignal): Promise<void> {
    let segments: readonly FlushedSegment[] = [];
    let reason = '';
    try {
      const job = await this.#begin(jobId);
      if (job === undefined) return;
      const written = await this.#write(job, signal);
      segments = written.segments;
      await this.#commit(jobId, written);
    } catch (error) {
      reason = messageOf(error);
    }
    await this.#settle(jobId, segments, reason);
  }

  /** @returns the job, or undefined when it has ended before it began */
  #begin(jobId: bigint): Promise<ImportingJob | undefined> {
    return this.#decide(jobId, async (job) => {
      if (job.state !== 'pending' && job.state !== 'importing') return undefined;
      const begun = moveImportJob(job, { kind: 'begin' });
      await this.#parts.catalog.save({ jobs: [begun] });
      return begun;
    });
  }

  async #write(job: ImportingJob, signal: AbortSignal): Promise<WrittenRows> {
    const { peers, platform } = this.#parts;
    const { ID, count } = await peers.rootCoord.allocID({ count: Math.max(1, job.vchannels.length) });
    const segmentIds = Array.from({ length: count }, (_, index) => ID + BigInt(index));
    const result = await peers.dataNode.importFiles(
      { job: importJobRecord(job), segmentIds },
      { signal, metadata: {} },
    );
    // The commit timestamp is the time at which every row counts as written: deletes before it do not touch them, later ones do.
    const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
    const segments = result.segments.map((record) =>
      moveSegment(parseSegment(record), { kind: 'commit', at: timestamp }),
    );
    try {
      // Before the commit, as in a flush.
      for (const segment of segments)
        if (job.schema !== undefined)
          await writeManifest(platform, { schema: job.schema, segment: segmentRecord(segment) });
    } catch (error) {
      for (const segment of segments) await discardFiles(platform, segment);
      throw error;
    }
    return { segments, rowCount: result.rowCount };
  }

  /** From here the job ends well, unless what it is for is dropped. */
  #commit(jobId: bigint, { segments, rowCount }: WrittenRows): Promise<void> {
    const { catalog, orphans } = this.#parts;
    return this.#decide(jobId, async (job) => {
      if (job.state !== 'importing')
        throw new ElanusError(
          'import_failed',
          job.state === 'failed' ? job.reason : `the job is ${job.state}`,
        );
      this.#checkTarget(job);
      await orphans.checkKept(segments.flatMap(keysOf));
      const guards = { channels: job.vchannels };
      const committing = moveImportJob(job, { kind: 'commit', segments, importedRows: rowCount });
      await catalog.save({ jobs: [committing], guards });
    });
  }

  /** Notes how the job ended, as often as it takes: only the catalog knows whether its commit took place. */
  async #settle(jobId: bigint, segments: readonly FlushedSegment[], reason: string): Promise<void> {
    const { platform } = this.#parts;
    for (
      let pauseMs = catalogBackOff.minMs;
      !this.#closing.signal.aborted;
      pauseMs = longerPause(pauseMs, catalogBackOff)
    ) {
      try {
        const job = await this.#end(jobId, reason);
        if (job.state === 'completed') this.#show(job, segments);
        else for (const segment of segments) await discardFiles(platform, segment);
        return;
      } catch (error) {
        platform.logger.warn('import_end_not_noted', { jobId, reason: messageOf(error), retryMs: pauseMs });
        await platform.timers.sleep(pauseMs, this.#closing.signal).catch(() => {});
      }
    }
  }

  #end(jobId: bigint, reason: string): Promise<EndedJob> {
    const { catalog, platform } = this.#parts;
    return this.#decide(jobId, async (job) => {
      if (!isLiveJob(job)) return job;
      if (job.state === 'committing') {
        this.#unserved.add(jobId);
        const change = committed(job);
        await catalog.save(change);
        platform.logger.info('import_completed', { jobId, rowCount: job.importedRows });
        return change.jobs[0];
      }
      platform.logger.warn('import_failed', { jobId, reason });
      const failed = moveImportJob(job, { kind: 'fail', reason });
      await catalog.save({ jobs: [failed] });
      return failed;
    });
  }

  /** One decision about a job, on its record as it is. */
  async #decide<T>(jobId: bigint, decide: (job: ImportJob) => Promise<T>): Promise<T> {
    const { catalog, locks } = this.#parts;
    const current = (): ImportJob => {
      const job = catalog.jobs.get(jobId);
      if (job === undefined)
        throw new ElanusError('import_failed', `import job ${jobId} does not exist; start it again`);
      return job;
    };
    return locks.change(current().collectionId, () => decide(current()));
  }

  /** Notifies those who serve and index the rows; the job counts as completed once a read finds them. */
  #show(job: ImportJob, segments: readonly FlushedSegment[]): void {
    const serving = this.#serve(job).finally(() => {
      this.#unserved.delete(job.id);
      this.#serving.delete(serving);
    });
    this.#serving.add(serving);
    for (const segment of segments) this.#notifyFlushed(segment);
  }

  #notifyFlushed(segment: FlushedSegment): void {
    const { peers, platform } = this.#parts;
    peers.rootCoord
      .segmentFlushCompleted({ segment: { ID: segment.id, collectionID: segment.collectionId } })
      .catch((error: unknown) =>
        platform.logger.warn('flush_notice_failed', { segmentId: segment.id, reason: messageOf(error) }),
      );
  }

  async #serve({ id: jobId, collectionId }: ImportJob): Promise<void> {
    const { peers, platform } = this.#parts;
    const late = new AbortController();
    const timer = platform.timers.after(SERVED_MS_MAX, () => late.abort());
    const { signal, release } = joinSignals([late.signal, this.#closing.signal]);
    try {
      while (!signal.aborted) {
        try {
          await peers.queryCoord.segmentsChanged(
            { collectionId, untilServed: true },
            { signal, metadata: {} },
          );
          return;
        } catch (error) {
          // A query-coord that is away shows the rows when it is back; no client gets `completed` before.
          platform.logger.debug('import_not_served_yet', { jobId, collectionId, reason: messageOf(error) });
          await platform.timers.sleep(SERVED_RETRY_MS, signal).catch(() => {});
        }
      }
      if (!this.#closing.signal.aborted)
        platform.logger.warn('import_completed_unserved', { jobId, collectionId, afterMs: SERVED_MS_MAX });
    } finally {
      timer.cancel();
      release();
    }
  }
}

const droppedReason = (
  { collectionName, partitionId }: ImportJob,
  what: 'collection' | 'partition',
): string =>
  what === 'collection'
    ? `collection ${collectionName} was dropped before the import was done; nothing of it was kept: import into a collection that is there`
    : `partition ${partitionId} of collection ${collectionName} was dropped or truncated before the import was done; nothing of it was kept: import into a partition that is there`;
