// Import jobs, journaled: pending → importing → completed | failed. Rows of a job become visible together, in the one transaction that
// marks it completed; a restart runs an unfinished job again from its start, under fresh segment ids.
import { Mutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { ImportTaskRequest } from '#proto/milvus/data_coord.js';
import { writeManifest } from '#segment/manifest.js';
import type { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';
import { removeImported, removeOrphans } from './import-files.js';

const JOBS_LIVE_MAX = 1024;
const FILES_MAX = 1024;

export interface ImportJobsParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: DataCoordPeers;
  /** Called after a job's rows became visible. */
  readonly commit: (collectionId: bigint) => Promise<void>;
}
export class ImportJobs {
  readonly #parts: ImportJobsParts;
  readonly #running = new Mutex();
  /** Held from the count of the live jobs until a job is among them: requests at the limit must not all find the last place. */
  readonly #adding = new Mutex();
  readonly #closing = new AbortController();
  constructor(parts: ImportJobsParts) {
    this.#parts = parts;
  }
  /** Runs again what a restart interrupted, after removing what the interrupted runs left. */
  resume(): void {
    const { catalog, platform } = this.#parts;
    void this.#running
      .run(() => removeOrphans(platform, (id) => catalog.segments.has(id)))
      .catch((error: unknown) => platform.logger.warn('import_orphans_kept', { reason: messageOf(error) }));
    for (const job of this.#parts.catalog.jobs.values()) if (job.state === 'pending' || job.state === 'importing') this.#start(job.id);
  }
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running.run(async () => {});
  }
  add(request: ImportTaskRequest): Promise<void> {
    return this.#adding.run(() => this.#add(request));
  }
  async #add(request: ImportTaskRequest): Promise<void> {
    const task = request.importTask;
    if (task === undefined) throw new ElanusError('missing_parameter', 'Import: no task given, expected its collection and files');
    if (this.#parts.catalog.jobs.has(task.taskId)) return;
    if (task.files.length === 0 || task.files.length > FILES_MAX) {
      throw new ElanusError(
        'import_failed',
        `import request has ${task.files.length} files, expected 1 to ${FILES_MAX}: invalid parameter`,
      );
    }
    const live = [...this.#parts.catalog.jobs.values()].filter((job) => job.state === 'pending' || job.state === 'importing').length;
    if (live >= JOBS_LIVE_MAX)
      throw new ElanusError('queue_full', `${live} import jobs are waiting, the limit is ${JOBS_LIVE_MAX}; try again when one has ended`);
    const channels = this.#parts.catalog.channelsOf(task.collectionId);
    const { timestamp } = await this.#parts.peers.rootCoord.allocTimestamp({ count: 1 });
    const job: ImportJobRecord = {
      id: task.taskId,
      collectionId: task.collectionId,
      collectionName: channels[0]?.schema?.name ?? '',
      partitionId: task.partitionId,
      partitionName: '',
      files: task.files,
      state: 'pending',
      reason: '',
      importedRows: 0n,
      progress: 0n,
      createTimestamp: timestamp,
      segments: [],
      vchannels: task.channelNames,
      schema: channels[0]?.schema,
    };
    await this.#parts.catalog.save({ jobs: [job] });
    this.#start(job.id);
  }
  #start(jobId: bigint): void {
    void this.#running.run(async () => {
      const job = this.#parts.catalog.jobs.get(jobId);
      if (job === undefined || this.#closing.signal.aborted) return;
      try {
        await this.#run(job);
      } catch (error) {
        // The process ends, the job did not fail: the next start runs it again.
        if (this.#closing.signal.aborted) return;
        const reason = messageOf(error);
        this.#parts.platform.logger.warn('import_failed', { jobId, reason });
        await this.#parts.catalog.save({ jobs: [{ ...job, state: 'failed', reason, progress: 0n }] });
      }
    });
  }
  async #discard(segments: readonly SegmentRecord[]): Promise<void> {
    const { platform } = this.#parts;
    for (const segment of segments) {
      await removeImported(platform, segment).catch((error: unknown) =>
        platform.logger.warn('import_cleanup_failed', { segmentId: segment.id, reason: messageOf(error) }),
      );
    }
  }
  async #run(job: ImportJobRecord): Promise<void> {
    const { catalog, peers, platform } = this.#parts;
    await catalog.save({ jobs: [{ ...job, state: 'importing', progress: 10n }] });
    const { ID, count } = await peers.rootCoord.allocID({ count: Math.max(1, job.vchannels.length) });
    const segmentIds = Array.from({ length: count }, (_, index) => ID + BigInt(index));
    const result = await peers.dataNode.importFiles({ job, segmentIds }, { signal: this.#closing.signal, metadata: {} });
    // The commit timestamp is the time at which every row counts as written: deletes before it do not touch them, later ones do.
    const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
    const segments = result.segments.map((segment) => ({ ...segment, state: 'flushed', commitTimestamp: timestamp }));
    try {
      // Before the commit, as in a flush; a crash in between leaves orphans, which the next start removes.
      for (const segment of segments) if (job.schema !== undefined) await writeManifest(platform, { schema: job.schema, segment });
      if (catalog.channelsOf(job.collectionId).length === 0)
        throw new ElanusError('collection_not_found', `collection ${job.collectionName} was dropped during the import`);
    } catch (error) {
      await this.#discard(segments);
      throw error;
    }
    await catalog.save({ segments, jobs: [{ ...job, state: 'completed', importedRows: result.rowCount, progress: 100n }] });
    platform.logger.info('import_completed', { jobId: job.id, rowCount: result.rowCount });
    await this.#parts.commit(job.collectionId);
    for (const segment of segments) {
      await peers.rootCoord
        .segmentFlushCompleted({ segment: { ID: segment.id, collectionID: segment.collectionId } })
        .catch((error: unknown) => platform.logger.warn('flush_notice_failed', { segmentId: segment.id, reason: messageOf(error) }));
    }
  }
}
