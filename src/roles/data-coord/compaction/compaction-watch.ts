// What the compactor does at the moment, and which collections it set aside after a failure. In memory, for those who ask what a compaction waits for.
import type { Clock } from '#platform/time.js';
import type { CompactionPlan } from '#roles/data-coord/compaction/plans/shard-facts.js';

export interface RunningPlan {
  readonly collectionId: bigint;
  readonly kind: CompactionPlan['kind'];
  readonly vchannel: string;
  readonly sources: readonly bigint[];
  /** The job that it is part of; undefined: nobody asked for it. */
  readonly jobId: bigint | undefined;
}

/** A collection whose compaction failed. */
export interface SetAside {
  readonly collectionId: bigint;
  readonly reason: string;
  /** When it failed first, and when it is tried again, in wall-clock ms. */
  readonly sinceMs: number;
  readonly retryAtMs: number;
  /** What was to be compacted; none: it failed before there was a plan. */
  readonly sources: readonly bigint[];
}

export class CompactionWatch {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #setAside = new Map<bigint, SetAside>();
  #running: (RunningPlan & { readonly sinceMs: number }) | undefined;
  /** What the look that is under way began, in case that it fails. */
  #last: RunningPlan | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  get running(): (RunningPlan & { readonly sinceMs: number }) | undefined {
    return this.#running;
  }

  get setAside(): readonly SetAside[] {
    return [...this.#setAside.values()];
  }

  begun(plan: RunningPlan): void {
    this.#running = { ...plan, sinceMs: this.#clock.now() };
    if (plan.jobId === undefined) this.#last = plan;
  }

  ended(): void {
    this.#running = undefined;
  }

  failed(collectionId: bigint, reason: string, retryMs: number): void {
    const now = this.#clock.now();
    const sinceMs = this.#setAside.get(collectionId)?.sinceMs ?? now;
    const sources = this.#last?.collectionId === collectionId ? this.#last.sources : [];
    this.#setAside.set(collectionId, { collectionId, reason, sinceMs, retryAtMs: now + retryMs, sources });
    this.#last = undefined;
  }

  mended(collectionId: bigint): void {
    this.#setAside.delete(collectionId);
    this.#last = undefined;
  }
}
