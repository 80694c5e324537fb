// What each import job that runs waits for. In memory, for those who ask: what has to outlive a restart is in the journal.
import type { Wait } from '#model/states/explained.js';
import type { Clock } from '#platform/time.js';
import type { ImportTaskRecord } from '#proto/elanus/data.js';

export class ImportWaits {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #waits = new Map<bigint, Wait>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  note(jobId: bigint, waitsFor: string): void {
    this.#waits.set(jobId, { waitsFor, sinceMs: this.#clock.now() });
  }

  task(jobId: bigint, tasks: readonly ImportTaskRecord[], index: number): void {
    const files = tasks[index]?.groups.flatMap(({ paths }) => paths) ?? [];
    const [first = 'no file'] = files;
    const named = files.length > 1 ? `${first} and ${files.length - 1} more` : first;
    this.note(jobId, `a data-node to read ${named} (task ${index + 1} of ${tasks.length})`);
  }

  end(jobId: bigint): void {
    this.#waits.delete(jobId);
  }

  of(jobId: bigint): Wait | undefined {
    return this.#waits.get(jobId);
  }

  /** The one that runs; jobs run one at a time. */
  get running(): bigint | undefined {
    return this.#waits.keys().next().value;
  }
}
