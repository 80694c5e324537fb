// How import jobs end well or badly: the commit of what their tasks wrote, also when a client asks for it, and what goes when nothing comes of it.
// Every decision reads the job again under the lock of its collection: whoever is late finds another state.
import { deferred, KeyedMutex } from '#base/async.js';
import { catalogBackOff, longerPause } from '#base/back-off.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { commitsByItself } from '#model/imports/import-options.js';
import {
  type EndedJob,
  type FailedJob,
  type ImportingJob,
  type ImportJob,
  isLiveJob,
  moveImportJob,
  type UncommittedJob,
} from '#model/states/import-job.js';
import { type FlushedSegment, moveSegment, parseSegment, segmentRecord } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionLocks } from '#roles/data-coord/collection-locks.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { keysOf } from '#roles/data-coord/object-names.js';
import { discardFiles, type Orphans } from '#roles/data-coord/orphans.js';
import { writeManifest } from '#segment/files/manifest.js';
import { committed, goneTarget, timestampOf } from './import-ends.js';
import type { ImportWaits } from './import-waits.js';
import type { ServedImports } from './served-imports.js';

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

export class ImportCommits {
  readonly #parts: ImportJobsParts;
  readonly #closing: AbortSignal;
  /**
   * One lock a job in two phases: a commit writes manifests before it decides, and neither a second commit nor the removal of the files may come
   * between, or the catalog would name manifests of another time, or of files that are gone.
   */
  readonly #perJob = new KeyedMutex();
  /**
   * Held from the time of a commit until the job has ended: imports of a collection become visible in the order of their times, by which shards say
   * which of them they know.
   */
  readonly #inOrder = new KeyedMutex();
  readonly #settling = new Set<Promise<void>>();

  constructor(parts: ImportJobsParts, closing: AbortSignal) {
    this.#parts = parts;
    this.#closing = closing;
  }

  /** After `closing`: what is under way. */
  async close(): Promise<void> {
    await Promise.all(this.#settling);
  }

  /** When all tasks are done. @returns whether the job waits for a client now; otherwise it is to be committed */
  waits(jobId: bigint): Promise<boolean> {
    return this.decide(jobId, async (job) => {
      if (job.state !== 'importing') throw endedError(job);
      if (commitsByItself(job.options)) return false;
      await this.#parts.catalog.save({ jobs: [moveImportJob(job, { kind: 'wait' })] });
      return true;
    });
  }

  /** As a client asks: of a job that waits for it; again, once it did. @throws import_failed when the job does not wait */
  commitAsked(jobId: bigint): Promise<void> {
    return this.#perJob.run(String(jobId), async () => {
      const job = await this.decide(jobId, async (job) => job);
      const isTwoPhase = !commitsByItself(job.options);
      if (isTwoPhase && (job.state === 'committing' || job.state === 'completed')) return;
      if (job.state !== 'uncommitted')
        throw new ElanusError(
          'import_failed',
          isTwoPhase
            ? `import job ${jobId} is ${job.state}, expected one that is uncommitted; commit it once its state is Uncommitted`
            : `import job ${jobId} commits by itself, expected one with the option auto_commit false; wait until it is Completed`,
        );
      const committing = deferred<void>();
      // Also after a commit whose outcome got lost. The client does not wait for the second record: it asks until the job is completed.
      const settling = this.#inOrder
        .run(String(job.collectionId), async () => {
          await this.#commit(job).then(committing.resolve, committing.reject);
          await this.settle(jobId, [], '');
        })
        .finally(() => {
          this.#settling.delete(settling);
          this.#parts.waits.end(jobId);
        });
      this.#settling.add(settling);
      await committing.promise;
    });
  }

  /** Brings a job that commits by itself to its end, well or badly. @param written goes when it does not complete */
  commitToEnd(job: ImportingJob, written: readonly SegmentRecord[]): Promise<void> {
    return this.#inOrder.run(String(job.collectionId), async () => {
      const reason = await this.#commit(job).then(() => '', messageOf);
      await this.settle(job.id, written, reason);
    });
  }

  /** What a job that failed while it waited for a client had written. */
  discard({ id, tasks }: UncommittedJob): Promise<void> {
    return this.#perJob.run(String(id), async () => {
      for (const segment of tasks.flatMap(({ segments }) => segments))
        await discardFiles(this.#parts.platform, segment);
    });
  }

  /** From here the job ends well, unless what it is for is dropped. */
  async #commit({ id, tasks, schema }: ImportingJob | UncommittedJob): Promise<void> {
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
    await this.decide(id, async (job) => {
      if (job.state !== 'importing' && job.state !== 'uncommitted') throw endedError(job);
      checkTarget(catalog, job);
      await orphans.checkKept(segments.flatMap(keysOf));
      const committing = moveImportJob(job, { kind: 'commit', segments, importedRows });
      await catalog.save({ jobs: [committing], guards: { channels: job.vchannels } });
    });
  }

  /** Notes how the job ended, as often as it takes: only the catalog knows whether its commit took place. One that waits for a client goes on so. */
  async settle(jobId: bigint, written: readonly SegmentRecord[], reason: string): Promise<void> {
    const { platform, served, onCompleted } = this.#parts;
    for (
      let pauseMs = catalogBackOff.minMs;
      !this.#closing.aborted;
      pauseMs = longerPause(pauseMs, catalogBackOff)
    ) {
      try {
        const { job, segments } = await this.#end(jobId, reason);
        if (job.state === 'completed') {
          served.show(job, segments);
          onCompleted(job.collectionId);
        } else if (job.state === 'failed')
          for (const segment of written) await discardFiles(platform, segment);
        return;
      } catch (error) {
        this.#parts.waits.note(jobId, `the catalog to note how it ended: ${messageOf(error)}`);
        platform.logger.warn('import_end_not_noted', { jobId, reason: messageOf(error), retryMs: pauseMs });
        await platform.timers.sleep(pauseMs, this.#closing).catch(() => {});
      }
    }
  }

  #end(
    jobId: bigint,
    reason: string,
  ): Promise<{ readonly job: EndedJob | UncommittedJob; readonly segments: readonly FlushedSegment[] }> {
    const { catalog, platform, served } = this.#parts;
    return this.decide(jobId, async (known) => {
      // Memory may be behind a commit whose outcome got lost.
      if (known.state === 'uncommitted') await catalog.settle();
      const job = catalog.jobs.get(jobId) ?? known;
      if (!isLiveJob(job) || job.state === 'uncommitted') return { job, segments: [] };
      if (job.state !== 'committing') return { job: await this.fail(job, reason), segments: [] };
      served.wait(jobId);
      const change = committed(job, timestampOf(platform));
      await catalog.save(change);
      platform.logger.info('import_completed', { jobId, rowCount: job.importedRows });
      return { job: change.jobs[0], segments: job.segments };
    });
  }

  async fail(job: ImportJob, reason: string): Promise<FailedJob> {
    const { catalog, platform } = this.#parts;
    platform.logger.warn('import_failed', { jobId: job.id, reason });
    const failed = moveImportJob(job, { kind: 'fail', reason, at: timestampOf(platform) });
    await catalog.save({ jobs: [failed] });
    return failed;
  }

  /** One decision about a job, on its record as it is. */
  async decide<T>(jobId: bigint, decide: (job: ImportJob) => Promise<T>): Promise<T> {
    const { catalog, locks } = this.#parts;
    const current = (): ImportJob => catalog.jobs.get(jobId) ?? missing(jobId);
    return locks.change(current().collectionId, () => decide(current()));
  }
}

export const endedError = (job: ImportJob): ElanusError =>
  new ElanusError('import_failed', job.state === 'failed' ? job.reason : `the job is ${job.state}`);

function missing(jobId: bigint): never {
  throw new ElanusError('import_failed', `import job ${jobId} does not exist; start it again`);
}

/** @throws import_failed when rows for it would be rows of nothing. Under the collection's lock. */
export function checkTarget(catalog: ImportJobsParts['catalog'], job: ImportJob): void {
  const reason = goneTarget(catalog, job);
  if (reason !== undefined) throw new ElanusError('import_failed', reason);
}
