// Records that a log has and its writer did not know: their append failed, and reached the disk all the same (ADR 0100).
import { ElanusError, toElanusError } from '#base/errors.js';
import type { Clock } from '#platform/time.js';
import type { LogRecord } from '#proto/elanus/data.js';
import type { Shard } from '#roles/streaming-node/shard.js';

/** A log waits so long for memory, in ms. Then the shard of the record stops, and the others write on: their seals may give some back. */
const HELD_MS_MAX = 30_000;

export class FoundRecords {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Since when memory is refused for the record that comes next. */
  #refusedMs: number | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** What applying it needs is taken first, as for a record that was planned. @throws memory_limit; then nothing of it was applied */
  async apply(shard: Shard | undefined, record: LogRecord, lsn: bigint): Promise<void> {
    if (shard === undefined || shard.closed || shard.failure !== undefined) return;
    const draft = shard.draft();
    try {
      try {
        draft.hold(record);
      } catch (error) {
        if (this.#mayWait(error)) throw error;
      }
      this.#refusedMs = undefined;
      await shard.apply(record, lsn);
    } finally {
      draft.close();
    }
  }

  #mayWait(error: unknown): boolean {
    if (!isOfMemory(error)) return false;
    const now = this.#clock.monotonic();
    this.#refusedMs ??= now;
    return now - this.#refusedMs < HELD_MS_MAX;
  }
}

const isOfMemory = (error: unknown): error is ElanusError =>
  error instanceof ElanusError && (error.key === 'memory_limit' || error.key === 'memory_insufficient');

/** To writers, while the log cannot be opened again: nothing of theirs was done. */
export const refusedMeanwhile = (error: unknown): ElanusError =>
  isOfMemory(error)
    ? new ElanusError('queue_full', `${error.message}; the log waits for memory, try again in a moment`, {
        cause: error,
      })
    : toElanusError(error, 'log');
