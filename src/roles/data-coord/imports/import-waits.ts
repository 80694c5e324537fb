// What each import job that runs waits for. In memory, for those who ask: what has to outlive a restart is in the journal.
import type { Wait } from '#model/states/explained.js';
import type { Clock } from '#platform/time.js';
import type { ImportTaskRecord } from '#proto/elanus/data.js';
import { type RoleNodes, waitsForNode } from '#rpc/role-nodes.js';

interface NotedWait {
  /** What a data-node is to do, or what else it waits for. */
  readonly task?: string;
  readonly waitsFor?: string;
  readonly sinceMs: number;
}

export class ImportWaits {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #nodes: Pick<RoleNodes, 'asked'>;
  readonly #waits = new Map<bigint, NotedWait>();

  constructor(clock: Pick<Clock, 'now'>, nodes: Pick<RoleNodes, 'asked'>) {
    this.#clock = clock;
    this.#nodes = nodes;
  }

  note(jobId: bigint, waitsFor: string): void {
    this.#waits.set(jobId, { waitsFor, sinceMs: this.#clock.now() });
  }

  task(jobId: bigint, tasks: readonly ImportTaskRecord[], index: number): void {
    const files = tasks[index]?.groups.flatMap(({ paths }) => paths) ?? [];
    const [first = 'no file'] = files;
    const named = files.length > 1 ? `${first} and ${files.length - 1} more` : first;
    const task = `to read ${named} (task ${index + 1} of ${tasks.length})`;
    this.#waits.set(jobId, { task, sinceMs: this.#clock.now() });
  }

  end(jobId: bigint): void {
    this.#waits.delete(jobId);
  }

  /** A task names the data-node that has it, and since when that has not answered if it has not. */
  of(jobId: bigint): Wait | undefined {
    const wait = this.#waits.get(jobId);
    if (wait === undefined) return undefined;
    const { task, waitsFor = '', sinceMs } = wait;
    const text = task === undefined ? waitsFor : waitsForNode(this.#nodes.asked('data-node'), task);
    return { waitsFor: text, sinceMs };
  }

  /** The one that runs; jobs run one at a time. */
  get running(): bigint | undefined {
    return this.#waits.keys().next().value;
  }
}
