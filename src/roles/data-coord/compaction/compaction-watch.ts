// What the compactor does at the moment, and which collections it set aside after a failure. In memory, for those who ask what a compaction waits for.
import type { Counter, Histogram } from '#platform/metrics.js';
import type { Platform } from '#platform/platform.js';
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

const LATENCY_MS = [100, 500, 1000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000];

export class CompactionWatch {
  readonly #clock: Platform['clock'];
  readonly #latency: Histogram;
  readonly #ends: Counter;
  readonly #setAside = new Map<bigint, SetAside>();
  #running: (RunningPlan & { readonly sinceMs: number }) | undefined;
  /** When the one that runs began; monotonic. */
  #begunMs = 0;
  #hasSucceeded = false;
  /** What the look that is under way began, in case that it fails. */
  #last: RunningPlan | undefined;

  constructor({ clock, metrics }: Pick<Platform, 'clock' | 'metrics'>) {
    this.#clock = clock;
    this.#latency = metrics.histogram({
      name: 'milvus_datacoord_compaction_latency',
      help: 'Time of a compaction that succeeded, in ms.',
      labels: ['compaction_type'],
      buckets: LATENCY_MS,
    });
    this.#ends = metrics.counter({
      name: 'elanus_compactions_total',
      help: 'Compactions that have ended.',
      labels: ['compaction_type', 'status'],
    });
  }

  get running(): (RunningPlan & { readonly sinceMs: number }) | undefined {
    return this.#running;
  }

  get setAside(): readonly SetAside[] {
    return [...this.#setAside.values()];
  }

  begun(plan: RunningPlan): void {
    this.#running = { ...plan, sinceMs: this.#clock.now() };
    this.#begunMs = this.#clock.monotonic();
    this.#hasSucceeded = false;
    if (plan.jobId === undefined) this.#last = plan;
  }

  /** What it wrote is in the catalog. @returns how long it took, in ms */
  succeeded(): number {
    const ms = this.#clock.monotonic() - this.#begunMs;
    this.#hasSucceeded = true;
    this.#latency.observe(ms, { compaction_type: this.#running?.kind ?? '' });
    return ms;
  }

  ended(): void {
    const status = this.#hasSucceeded ? 'success' : 'fail';
    this.#ends.add(1, { compaction_type: this.#running?.kind ?? '', status });
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
