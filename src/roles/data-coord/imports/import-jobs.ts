// Runs import jobs, one at a time; their states and moves are in model/states/import-job.ts (ADR 0051).
// Rows of a job become visible together. Its tasks are run one after the other; one that is done is noted in the record with the segments
// that its files became, and is not run again. `committing` is the point of no return: the record names the segments, and whoever finds it, also
// after a crash, makes them visible. Whatever drops the collection or a partition fails its jobs in the same change, so a job never completes
// into something that is gone.
import { Mutex } from '#base/async.js';
import { type BackOff, longerPause } from '#base/back-off.js';
import { ElanusError, errorSpecs, messageOf } from '#base/errors.js';
import { physicalMs } from '#base/timestamp.js';
import { groupFiles } from '#model/imports/import-format.js';
import { timeoutMs } from '#model/imports/import-options.js';
import {
  type FailedJob,
  type ImportingJob,
  type ImportJob,
  importJobRecord,
  isLiveJob,
  moveImportJob,
  type PendingJob,
} from '#model/states/import-job.js';
import type { Timer } from '#platform/time.js';
import { ImportGroupRecord, ImportTaskRecord, type SegmentRecord } from '#proto/elanus/data.js';
import type { ImportFilesResponse } from '#proto/elanus/roles.js';
import { keysOf } from '#roles/data-coord/object-names.js';
import { checkTarget, endedError, ImportCommits, type ImportJobsParts } from './import-commits.js';
import { droppedReason, partitionsOf, timestampOf } from './import-ends.js';
import { checkOrder, forgottenJobs, type ImportOrder, isSameOrder, planTasks } from './import-plan.js';

const JOBS_LIVE_MAX = 1024;
/** A data-node that is away may be back, or another one takes the task. */
const TASK_TRIES_MAX = 8;
const taskBackOff: BackOff = { minMs: 200, maxMs: 10_000 };

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

  readonly #commits: ImportCommits;

  constructor(parts: ImportJobsParts) {
    this.#parts = parts;
    this.#commits = new ImportCommits(parts, this.#closing.signal);
  }

  /** Runs again what a restart interrupted, and what came into the catalog by a change whose answer was lost. */
  resume(): void {
    for (const job of this.#parts.catalog.jobs.values())
      if ((job.state === 'pending' || job.state === 'importing') && !this.#runs.has(job.id)) this.#start(job);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const { stop, timer } of this.#runs.values()) {
      timer?.cancel();
      stop.abort();
    }
    await this.#running.run(async () => {});
    await this.#commits.close();
  }

  /** @returns the job that does what is asked for: a new one, or an earlier one with the same key */
  add(order: ImportOrder): Promise<bigint> {
    return this.#adding.run(() => this.#add(order));
  }

  async #add(order: ImportOrder): Promise<bigint> {
    const { catalog, locks } = this.#parts;
    checkOrder(order);
    this.resume();
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
      checkTarget(this.#parts.catalog, job);
      await catalog.save({ jobs: [job], removedJobs: this.#forgotten(job) });
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
  #forgotten({ createTimestamp }: PendingJob): bigint[] {
    const ended = [...this.#parts.catalog.jobs.values()].filter((job) => !isLiveJob(job));
    return forgottenJobs(ended, physicalMs(createTimestamp))
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
    const { before, job } = await this.#commits.decide(jobId, async (before) => {
      if (!isLiveJob(before) || before.state === 'committing') return { before, job: before };
      return { before, job: await this.#commits.fail(before, reason) };
    });
    if (job.state !== 'failed')
      throw new ElanusError(
        'import_failed',
        `import job ${jobId} is ${job.state}, expected one that has not begun to commit: its rows stay`,
      );
    this.stop([job]);
    if (before.state === 'uncommitted') await this.#commits.discard(before);
  }

  /** Makes the rows of a job visible that waits for a client. @throws import_failed when it does not */
  commit(jobId: bigint): Promise<void> {
    return this.#commits.commitAsked(jobId);
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
      if (job !== undefined && (await this.#commits.waits(id))) return;
      if (job !== undefined) return await this.#commits.commitToEnd(job, [...written.values()]);
    } catch (error) {
      reason = messageOf(error);
    }
    await this.#commits.settle(id, [...written.values()], reason);
  }

  /** @returns the job, or undefined when it has ended before it began */
  async #begin(jobId: bigint): Promise<ImportingJob | undefined> {
    const { catalog } = this.#parts;
    const known = catalog.jobs.get(jobId);
    const tasks = known?.state === 'pending' || known?.tasks.length === 0 ? await this.#planned(known) : [];
    return this.#commits.decide(jobId, async (job) => {
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
    const { peers, waits } = this.#parts;
    const run = async () => {
      waits.task(job.id, job.tasks, index);
      const wanted = Math.max(1, job.vchannels.length);
      const { ID, count } = await peers.rootCoord.allocID({ count: wanted });
      const segmentIds = Array.from({ length: count }, (_, at) => ID + BigInt(at));
      const record = importJobRecord(job);
      return peers.dataNode.importFiles(
        { job: record, segmentIds, taskIndex: index },
        { signal, metadata: {} },
      );
    };
    for (let tries = 1; ; tries++) {
      const done = await this.#trying(job.id, signal, run);
      note(done.segments);
      try {
        return await this.#noteDone(job.id, index, done);
      } catch (error) {
        const isGone = error instanceof ElanusError && error.key === 'object_not_found';
        if (!isGone || tries >= TASK_TRIES_MAX || signal.aborted) throw error;
      }
    }
  }

  /** @throws object_not_found files of the task were taken for orphans while nothing named them: it is to be run again */
  #noteDone(jobId: bigint, index: number, done: ImportFilesResponse): Promise<ImportingJob> {
    const { catalog, orphans } = this.#parts;
    return this.#commits.decide(jobId, async (now) => {
      if (now.state !== 'importing') throw endedError(now);
      const { segments, rowCount, groupRows } = done;
      await orphans.checkKept(segments.flatMap(keysOf));
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
}
