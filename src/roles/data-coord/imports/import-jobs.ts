// Runs import jobs, one at a time; their states and moves are in model/states/import-job.ts (ADR 0051).
// Rows of a job become visible together. Its tasks are run one after the other; one that is done is noted in the record with the segments
// that its files became, and is not run again. `committing` is the point of no return: the record names the segments, and whoever finds it, also
// after a crash, makes them visible. Whatever drops the collection or a partition fails its jobs in the same change, so a job never completes
// into something that is gone.
import { Mutex } from '#base/async.js';
import { type BackOff, catalogBackOff, longerPause } from '#base/back-off.js';
import { ElanusError, errorSpecs, messageOf } from '#base/errors.js';
import { groupFiles } from '#model/imports/import-format.js';
import { timeoutMs } from '#model/imports/import-options.js';
import {
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
import type { Timer } from '#platform/time.js';
import { ImportGroupRecord, ImportTaskRecord, type SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionLocks } from '#roles/data-coord/collection-locks.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { keysOf } from '#roles/data-coord/object-names.js';
import { discardFiles, type Orphans } from '#roles/data-coord/orphans.js';
import { writeManifest } from '#segment/files/manifest.js';
import { committed, droppedReason, goneTarget, partitionsOf, timestampOf } from './import-ends.js';
import { checkOrder, type ImportOrder, isForgotten, isSameOrder, planTasks } from './import-plan.js';
import type { ImportWaits } from './import-waits.js';
import type { ServedImports } from './served-imports.js';

const JOBS_LIVE_MAX = 1024;
/** A data-node that is away may be back, or another one takes the task. */
const TASK_TRIES_MAX = 8;
const taskBackOff: BackOff = { minMs: 200, maxMs: 10_000 };

export interface ImportJobsParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: DataCoordPeers;
  readonly locks: CollectionLocks;
  readonly orphans: Orphans;
  readonly served: ServedImports;
  readonly waits: ImportWaits;
  /** Called when the rows of a job are part of its collection. */
  readonly onCompleted: (collectionId: bigint) => void;
}

/** How a job that runs here is stopped. */
interface Run {
  readonly stop: AbortController;
  readonly timer: Timer | undefined;
}

export class ImportJobs {
  readonly #parts: ImportJobsParts;
  readonly #running = new Mutex();
  /** Held from the count of the live jobs until a job is among them: requests at the limit must not all find the last place. */
  readonly #adding = new Mutex();
  readonly #closing = new AbortController();
  readonly #runs = new Map<bigint, Run>();

  constructor(parts: ImportJobsParts) {
    this.#parts = parts;
  }

  /** Runs again what a restart interrupted. */
  resume(): void {
    for (const job of this.#parts.catalog.jobs.values())
      if (job.state === 'pending' || job.state === 'importing') this.#start(job);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const { stop, timer } of this.#runs.values()) {
      timer?.cancel();
      stop.abort();
    }
    await this.#running.run(async () => {});
  }

  /** @returns the job that does what is asked for: a new one, or an earlier one with the same key */
  add(order: ImportOrder): Promise<bigint> {
    return this.#adding.run(() => this.#add(order));
  }

  async #add(order: ImportOrder): Promise<bigint> {
    const { catalog, locks } = this.#parts;
    checkOrder(order);
    if (catalog.jobs.has(order.jobId)) return order.jobId;
    const earlier = [...catalog.jobs.values()].find((job) => isSameOrder(job, order));
    if (earlier !== undefined) return earlier.id;
    const job = await this.#newJob(order);
    await locks.change(order.collectionId, async () => {
      const live = [...catalog.jobs.values()].filter(isLiveJob).length;
      if (live >= JOBS_LIVE_MAX)
        throw new ElanusError(
          'queue_full',
          `${live} import jobs are waiting, the limit is ${JOBS_LIVE_MAX}; try again when one has ended`,
        );
      this.#checkTarget(job);
      await catalog.save({ jobs: [job], removedJobs: this.#forgotten() });
    });
    this.#start(job);
    return job.id;
  }

  async #newJob(order: ImportOrder): Promise<PendingJob> {
    const { rootCoord } = this.#parts.peers;
    const { timestamp } = await rootCoord.allocTimestamp({ count: 1 });
    // Rows are read by the schema of now; fields that come later are missing in them, as in any older row.
    const { schema, properties } = await rootCoord.describeCollection({ collectionID: order.collectionId });
    return {
      id: order.jobId,
      collectionId: order.collectionId,
      collectionName: schema?.name ?? '',
      partitionId: order.partitionIds[0] ?? 0n,
      partitionIds: [...order.partitionIds],
      partitionName: '',
      files: order.groups.flat(),
      // Until the files are looked at there is one task, which has all of them.
      tasks: [
        ImportTaskRecord.create({
          groups: order.groups.map((paths) => ImportGroupRecord.create({ paths: [...paths] })),
        }),
      ],
      options: order.options.map((option) => ({ ...option })),
      idempotencyKey: order.idempotencyKey,
      state: 'pending',
      createTimestamp: timestamp,
      vchannels: [...order.vchannels],
      // The zone of times without an offset is among them.
      schema: schema && { ...schema, properties },
    };
  }

  /** Some of the jobs that ended long ago: as many as fit into one change. */
  #forgotten(): bigint[] {
    const now = this.#parts.platform.clock.now();
    return [...this.#parts.catalog.jobs.values()]
      .filter((job) => !isLiveJob(job) && isForgotten(job, now))
      .slice(0, 64)
      .map(({ id }) => id);
  }

  /** The records of the jobs that end because their collection, or one partition of it, is dropped. To be saved with the drop. */
  failing(collectionId: bigint, partitionId: bigint | undefined): FailedJob[] {
    const what = partitionId === undefined ? 'collection' : 'partition';
    const at = timestampOf(this.#parts.platform);
    return this.#parts.catalog
      .jobsOf(collectionId)
      .filter(isLiveJob)
      .filter((job) => partitionId === undefined || partitionsOf(job).includes(partitionId))
      .map((job) => moveImportJob(job, { kind: 'fail', reason: droppedReason(job, what), at }));
  }

  /** Ends the work of jobs that failed; what they wrote goes. */
  stop(jobs: readonly ImportJob[]): void {
    for (const { id } of jobs) this.#runs.get(id)?.stop.abort();
  }

  /** Fails a job that has not begun to commit; what it wrote goes. @throws import_failed when it is too late */
  async cancel(jobId: bigint, reason: string): Promise<void> {
    const job = await this.#decide(jobId, async (job) => {
      if (job.state !== 'pending' && job.state !== 'importing') return job;
      return this.#fail(job, reason);
    });
    if (job.state !== 'failed')
      throw new ElanusError(
        'import_failed',
        `import job ${jobId} is ${job.state}, expected one that is pending or importing: its rows stay`,
      );
    this.stop([job]);
  }

  /** @throws import_failed when rows for it would be rows of nothing. Under the collection's lock. */
  #checkTarget(job: ImportJob): void {
    const reason = goneTarget(this.#parts.catalog, job);
    if (reason !== undefined) throw new ElanusError('import_failed', reason);
  }

  #start(job: ImportJob): void {
    const { id } = job;
    const stop = new AbortController();
    this.#runs.set(id, { stop, timer: this.#timeout(job) });
    void this.#running
      .run(async () => {
        if (this.#closing.signal.aborted) return;
        this.#parts.waits.note(id, 'the sizes of its files to be read');
        await this.#run(job, stop.signal);
      })
      .finally(() => {
        this.#runs.get(id)?.timer?.cancel();
        this.#runs.delete(id);
        this.#parts.waits.end(id);
      });
  }

  /** A job that is committing by then is too late for it, and ends well. */
  #timeout(job: ImportJob): Timer | undefined {
    const { platform } = this.#parts;
    const limitMs = timeoutMs(job.options);
    if (limitMs === undefined) return undefined;
    const leftMs = Number(job.createTimestamp >> 18n) + limitMs - platform.clock.now();
    return platform.timers.after(Math.max(0, leftMs), () => {
      const reason = `the import took longer than its timeout of ${limitMs} ms; allow more time, or import fewer files at once`;
      void this.cancel(job.id, reason).catch((error: unknown) =>
        platform.logger.debug('import_timeout_too_late', { jobId: job.id, reason: messageOf(error) }),
      );
    });
  }

  async #run({ id, tasks }: ImportJob, signal: AbortSignal): Promise<void> {
    // Files that were written for it: they go when it does not complete.
    const written = new Map<bigint, SegmentRecord>();
    const note = (records: readonly SegmentRecord[]): void => {
      for (const record of records) written.set(record.id, record);
    };
    for (const { segments } of tasks) note(segments);
    let reason = '';
    try {
      let job = await this.#begin(id);
      for (const [index, { isDone }] of (job?.tasks ?? []).entries())
        if (job !== undefined && !isDone) job = await this.#runTask(job, index, { signal, note });
      if (job !== undefined) await this.#commit(job);
    } catch (error) {
      reason = messageOf(error);
    }
    await this.#settle(id, [...written.values()], reason);
  }

  /** @returns the job, or undefined when it has ended before it began */
  async #begin(jobId: bigint): Promise<ImportingJob | undefined> {
    const { catalog } = this.#parts;
    const known = catalog.jobs.get(jobId);
    const tasks = known?.state === 'pending' || known?.tasks.length === 0 ? await this.#planned(known) : [];
    return this.#decide(jobId, async (job) => {
      if (job.state !== 'pending' && job.state !== 'importing') return undefined;
      const begun = moveImportJob(job, { kind: 'begin', tasks });
      await catalog.save({ jobs: [begun] });
      return begun;
    });
  }

  /** A file that cannot be opened has no bytes here; whoever reads it says why. */
  async #planned({ files, tasks }: ImportJob): Promise<ImportTaskRecord[]> {
    const known = tasks.flatMap((task) => task.groups.map((group) => group.paths));
    const groups = known.length === 0 ? groupFiles(files) : known;
    const bytes: bigint[] = [];
    for (const paths of groups) {
      let sum = 0n;
      for (const path of paths) sum += BigInt(await this.#sizeOf(path));
      bytes.push(sum);
    }
    return planTasks(groups, bytes);
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#parts.platform.objectStore.openRead(path).catch(() => undefined);
    await file?.close();
    return file?.size ?? 0;
  }

  async #runTask(
    job: ImportingJob,
    index: number,
    {
      signal,
      note,
    }: { readonly signal: AbortSignal; readonly note: (records: readonly SegmentRecord[]) => void },
  ): Promise<ImportingJob> {
    const { catalog, peers, waits } = this.#parts;
    const done = await this.#trying(job.id, signal, async () => {
      waits.task(job.id, job.tasks, index);
      const wanted = Math.max(1, job.vchannels.length);
      const { ID, count } = await peers.rootCoord.allocID({ count: wanted });
      const segmentIds = Array.from({ length: count }, (_, at) => ID + BigInt(at));
      const record = importJobRecord(job);
      return peers.dataNode.importFiles(
        { job: record, segmentIds, taskIndex: index },
        { signal, metadata: {} },
      );
    });
    note(done.segments);
    return this.#decide(job.id, async (now) => {
      if (now.state !== 'importing') throw endedError(now);
      const { segments, rowCount, groupRows } = done;
      const next = moveImportJob(now, { kind: 'task_done', index, done: { segments, rowCount, groupRows } });
      await catalog.save({ jobs: [next] });
      return next;
    });
  }

  /** Again, under new ids, while the one who does it is away. */
  async #trying<T>(jobId: bigint, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    let pauseMs = taskBackOff.minMs;
    for (let tries = 1; ; tries++) {
      try {
        return await run();
      } catch (error) {
        const mayRepeat = error instanceof ElanusError && errorSpecs[error.key].retry === 'same_request';
        if (!mayRepeat || tries >= TASK_TRIES_MAX || signal.aborted) throw error;
        this.#parts.waits.note(jobId, `try ${tries + 1} of ${TASK_TRIES_MAX}: ${messageOf(error)}`);
        await this.#parts.platform.timers.sleep(pauseMs, signal);
        pauseMs = longerPause(pauseMs, taskBackOff);
      }
    }
  }

  /** From here the job ends well, unless what it is for is dropped. */
  async #commit({ id, tasks, schema }: ImportingJob): Promise<void> {
    const { catalog, orphans, peers, platform, waits } = this.#parts;
    waits.note(id, 'its segments to become part of the catalog');
    // The commit timestamp is the time at which every row counts as written: deletes before it do not touch them, later ones do.
    const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
    const segments = tasks
      .flatMap((task) => task.segments)
      .map((record) => moveSegment(parseSegment(record), { kind: 'commit', at: timestamp }));
    const importedRows = tasks.reduce((sum, { rowCount }) => sum + rowCount, 0n);
    // Before the commit, as in a flush.
    for (const segment of segments)
      if (schema !== undefined) await writeManifest(platform, { schema, segment: segmentRecord(segment) });
    await this.#decide(id, async (job) => {
      if (job.state !== 'importing') throw endedError(job);
      this.#checkTarget(job);
      await orphans.checkKept(segments.flatMap(keysOf));
      const committing = moveImportJob(job, { kind: 'commit', segments, importedRows });
      await catalog.save({ jobs: [committing], guards: { channels: job.vchannels } });
    });
  }

  /** Notes how the job ended, as often as it takes: only the catalog knows whether its commit took place. */
  async #settle(jobId: bigint, written: readonly SegmentRecord[], reason: string): Promise<void> {
    const { platform, served, onCompleted } = this.#parts;
    for (
      let pauseMs = catalogBackOff.minMs;
      !this.#closing.signal.aborted;
      pauseMs = longerPause(pauseMs, catalogBackOff)
    ) {
      try {
        const { job, segments } = await this.#end(jobId, reason);
        if (job.state === 'completed') {
          served.show(job, segments);
          onCompleted(job.collectionId);
        } else for (const segment of written) await discardFiles(platform, segment);
        return;
      } catch (error) {
        this.#parts.waits.note(jobId, `the catalog to note how it ended: ${messageOf(error)}`);
        platform.logger.warn('import_end_not_noted', { jobId, reason: messageOf(error), retryMs: pauseMs });
        await platform.timers.sleep(pauseMs, this.#closing.signal).catch(() => {});
      }
    }
  }

  #end(
    jobId: bigint,
    reason: string,
  ): Promise<{ readonly job: EndedJob; readonly segments: readonly FlushedSegment[] }> {
    const { catalog, platform, served } = this.#parts;
    return this.#decide(jobId, async (job) => {
      if (!isLiveJob(job)) return { job, segments: [] };
      if (job.state !== 'committing') return { job: await this.#fail(job, reason), segments: [] };
      served.wait(jobId);
      const change = committed(job, timestampOf(platform));
      await catalog.save(change);
      platform.logger.info('import_completed', { jobId, rowCount: job.importedRows });
      return { job: change.jobs[0], segments: job.segments };
    });
  }

  async #fail(job: ImportJob, reason: string): Promise<FailedJob> {
    const { catalog, platform } = this.#parts;
    platform.logger.warn('import_failed', { jobId: job.id, reason });
    const failed = moveImportJob(job, { kind: 'fail', reason, at: timestampOf(platform) });
    await catalog.save({ jobs: [failed] });
    return failed;
  }

  /** One decision about a job, on its record as it is. */
  async #decide<T>(jobId: bigint, decide: (job: ImportJob) => Promise<T>): Promise<T> {
    const { catalog, locks } = this.#parts;
    const current = (): ImportJob => catalog.jobs.get(jobId) ?? missing(jobId);
    return locks.change(current().collectionId, () => decide(current()));
  }
}

const endedError = (job: ImportJob): ElanusError =>
  new ElanusError('import_failed', job.state === 'failed' ? job.reason : `the job is ${job.state}`);

function missing(jobId: bigint): never {
  throw new ElanusError('import_failed', `import job ${jobId} does not exist; start it again`);
}
