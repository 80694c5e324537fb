// Completed imports whose rows are not served yet where their collection is loaded: a client gets `completed` when a read finds their rows.
import { messageOf } from '#base/errors.js';
import { joinSignals } from '#base/on-abort.js';
import type { ImportJob } from '#model/states/import-job.js';
import type { FlushedSegment } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { untilServed } from './until-served.js';

/** Until a completed import is served where its collection is loaded; then it counts as completed anyway. */
const SERVED_MS_MAX = 30_000;
const SERVED_RETRY_MS = 100;

export class ServedImports {
  readonly #platform: Platform;
  readonly #peers: DataCoordPeers;
  readonly #closing = new AbortController();
  /** With the reason of the last try. */
  readonly #unserved = new Map<bigint, string>();
  readonly #serving = new Set<Promise<void>>();

  constructor(platform: Platform, peers: DataCoordPeers) {
    this.#platform = platform;
    this.#peers = peers;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#serving);
  }

  isWaiting(jobId: bigint): boolean {
    return this.#unserved.has(jobId);
  }

  /** Why its rows were not served at the last try; empty: it was not tried, or is not waited for. */
  whyWaiting(jobId: bigint): string {
    return this.#unserved.get(jobId) ?? '';
  }

  /** Before the catalog says that the job is completed. */
  wait(jobId: bigint): void {
    this.#unserved.set(jobId, '');
  }

  /** Notifies those who serve and index the rows. */
  show(job: ImportJob, segments: readonly FlushedSegment[]): void {
    const serving = this.#serve(job).finally(() => {
      this.#unserved.delete(job.id);
      this.#serving.delete(serving);
    });
    this.#serving.add(serving);
    for (const segment of segments) this.#notifyFlushed(segment);
  }

  #notifyFlushed(segment: FlushedSegment): void {
    this.#peers.rootCoord
      .segmentFlushCompleted({ segment: { ID: segment.id, collectionID: segment.collectionId } })
      .catch((error: unknown) =>
        this.#platform.logger.warn('flush_notice_failed', {
          segmentId: segment.id,
          reason: messageOf(error),
        }),
      );
  }

  async #serve({ id: jobId, collectionId }: ImportJob): Promise<void> {
    const [platform, peers] = [this.#platform, this.#peers];
    const late = new AbortController();
    const timer = platform.timers.after(SERVED_MS_MAX, () => late.abort());
    const { signal, release } = joinSignals([late.signal, this.#closing.signal]);
    try {
      while (!signal.aborted) {
        try {
          await untilServed(peers, collectionId, { signal, metadata: {} });
          return;
        } catch (error) {
          // A query-coord that is away shows the rows when it is back; no client gets `completed` before.
          if (this.#unserved.has(jobId)) this.#unserved.set(jobId, messageOf(error));
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
