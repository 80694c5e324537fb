// Compactions that clients asked for, one after the other; their states and moves are in model/states/compaction-job.ts.
// A job is in the catalog before its client gets the id, so every later life of data-coord knows how far it is, and goes on with it:
//
//   step                                         a crash after it leaves
//   the job is noted, waiting                    its turn comes in the next life
//   its plans are noted, running                 the next life plans anew what has not ended, each plan from its own segments alone
//   a data-node writes the files of a plan       files that nothing names, orphans; the plan is carried out again
//   one transaction: sources, targets, plan done the next plan
//   a plan that writes deletes is noted done     before it: segments that have them are left out when it is planned again
//   the last plan has ended, and so has the job  an answer for those who ask
//
// What fails because somebody is away is tried again for a while; anything else ends the plan with its reason. A process that closes leaves
// its job as it is. A collection that was loaded when the job was asked for, and is loaded anew, is waited for as long as that takes: a job
// that was taken does not end because a cluster restarts slowly.

import { type BackOff, longerPause } from '#base/back-off.js';
import { ElanusError, errorSpecs, messageOf } from '#base/errors.js';
import {
  type CompactionEvent,
  type CompactionJob,
  hasEnded,
  moveCompactionJob,
  type WantedCompaction,
  waitingPlan,
} from '#model/states/compaction-job.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import type { CollectionLocks } from '#roles/data-coord/collection-locks.js';
import { type Planned, sourcesOf } from '#roles/data-coord/compaction/plans/job-plans.js';
import type { CompactionPlan } from '#roles/data-coord/compaction/plans/shard-facts.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';

/** Jobs that have not ended. */
const LIVE_MAX = 1024;
/** Those that ended first are forgotten first. */
const ENDED_MAX = 1000;
/** Records that one change forgets. */
const FORGOTTEN_MAX = 64;
/** Failures without a plan that ends between them. */
const TRIES_MAX = 8;
const tryBackOff: BackOff = { minMs: 200, maxMs: 10_000 };

/** A job whose last try failed. */
export interface JobRetry {
  readonly tries: number;
  /** The tries that something else than a load ended. */
  readonly failures: number;
  readonly reason: string;
  /** When the first of them failed, and when the next begins, in wall-clock ms. */
  readonly sinceMs: number;
  readonly retryAtMs: number;
  readonly pauseMs: number;
  readonly timer: Timer;
}

/** A plan of a job that is carried out: its end is noted in the change that replaces its sources. */
export interface JobStep {
  readonly id: bigint;
  /** The job as it is once the plan has become these segments. */
  readonly done: (targets: readonly bigint[]) => CompactionJob;
}

/** What is known of a collection at one moment, and what can be done with it then. */
export interface JobCollection {
  readonly timestamp: bigint;
  readonly plans: (wanted: WantedCompaction) => readonly CompactionPlan[];
  /** Segments that these plans leave as they are, as plans that have ended. */
  readonly kept: (wanted: WantedCompaction, plans: readonly CompactionPlan[]) => readonly Planned[];
  readonly plansLeft: (job: CompactionJob) => readonly Planned[];
  /** @returns the segments that are new */
  readonly carryOut: (plan: CompactionPlan, step: JobStep) => Promise<readonly bigint[]>;
}

export interface CompactionJobsParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly locks: CollectionLocks;
  readonly closing: AbortSignal;
  readonly collection: (id: bigint) => Promise<JobCollection>;
  /** Called when a job's turn may have come. */
  readonly onReady: () => void;
}

export class CompactionJobs {
  readonly #parts: CompactionJobsParts;
  /** In the order of their turns. */
  readonly #queue: bigint[] = [];
  readonly #retries = new Map<bigint, JobRetry>();
  /** The job whose turn it is. */
  #underWay: bigint | undefined;

  constructor(parts: CompactionJobsParts) {
    this.#parts = parts;
  }

  /** Takes up what a restart interrupted. One that was asked for since the catalog was read has its turn already. */
  resume(): void {
    for (const { id, state } of this.#parts.catalog.compactions.values())
      if (state !== 'ended' && id !== this.#underWay && !this.#queue.includes(id)) this.#queue.push(id);
    if (this.isReady) this.#parts.onReady();
  }

  close(): void {
    for (const { timer } of this.#retries.values()) timer.cancel();
  }

  get(id: bigint): CompactionJob | undefined {
    return this.#parts.catalog.compactions.get(id);
  }

  /** Those that are known, the oldest first. */
  ofCollection(id: bigint): readonly CompactionJob[] {
    return [...this.#parts.catalog.compactions.values()].filter(({ collectionId }) => collectionId === id);
  }

  get isReady(): boolean {
    return this.#queue.length > 0;
  }

  /** Those whose turn has not come. */
  get waiting(): readonly CompactionJob[] {
    return this.#queue.flatMap((id) => this.get(id) ?? []);
  }

  /** Those that are tried again later. */
  get retries(): readonly { readonly job: CompactionJob; readonly retry: JobRetry }[] {
    return [...this.#retries].flatMap(([id, retry]) => {
      const isBegun = id === this.#underWay || this.#queue.includes(id);
      const job = isBegun ? undefined : this.get(id);
      return job === undefined ? [] : [{ job, retry }];
    });
  }

  /** @returns the job, in the catalog; the one with the id when there is one. @throws queue_full, collection_not_found */
  async add(id: bigint, wanted: WantedCompaction): Promise<CompactionJob> {
    const { catalog, locks } = this.#parts;
    const collection = await this.#parts.collection(wanted.collectionId);
    const planned = firstPlans(wanted, collection).map(({ journaled }) => journaled);
    const job: CompactionJob = {
      ...{ ...wanted, id, createTimestamp: collection.timestamp },
      ...{ state: planned.every(hasEnded) ? 'ended' : 'waiting', plans: planned },
    };
    return locks.change(wanted.collectionId, async () => {
      const known = this.get(id);
      if (known !== undefined) return known;
      const live = [...catalog.compactions.values()].filter(({ state }) => state !== 'ended').length;
      if (live >= LIVE_MAX)
        throw new ElanusError(
          'queue_full',
          `${live} compactions are waiting, the limit is ${LIVE_MAX}; ask again when one has ended`,
        );
      await catalog.save({ compactions: [job], removedCompactions: this.#forgotten() });
      if (job.state === 'waiting') this.#enqueue(id);
      return job;
    });
  }

  #forgotten(): readonly bigint[] {
    const ended = [...this.#parts.catalog.compactions.values()].filter(({ state }) => state === 'ended');
    return ended
      .slice(0, Math.min(FORGOTTEN_MAX, Math.max(0, ended.length + 1 - ENDED_MAX)))
      .map(({ id }) => id);
  }

  #enqueue(id: bigint): void {
    this.#queue.push(id);
    this.#parts.onReady();
  }

  /** Carries out the job whose turn it is. Never throws. */
  async runNext(): Promise<void> {
    const id = this.#queue.shift();
    if (id === undefined) return;
    this.#underWay = id;
    try {
      await this.#carryOut(id);
      this.#retries.delete(id);
    } catch (error) {
      // The next life goes on with it.
      if (!this.#parts.closing.aborted) this.#tryLater(id, error);
    } finally {
      this.#underWay = undefined;
    }
  }

  #tryLater(id: bigint, error: unknown): void {
    const { platform } = this.#parts;
    const before = this.#retries.get(id);
    const pauseMs = before === undefined ? tryBackOff.minMs : longerPause(before.pauseMs, tryBackOff);
    const timer = platform.timers.after(pauseMs, () => this.#enqueue(id));
    const now = platform.clock.now();
    const isLoading = error instanceof ElanusError && error.key === 'collection_not_fully_loaded';
    const reason = messageOf(error);
    this.#retries.set(id, {
      ...{ tries: (before?.tries ?? 0) + 1, failures: (before?.failures ?? 0) + (isLoading ? 0 : 1) },
      ...{ reason, pauseMs, timer, sinceMs: before?.sinceMs ?? now, retryAtMs: now + pauseMs },
    });
    const fields = { compactionId: id, reason, pauseMs };
    // What a load needs takes a while; one that does not end somebody should look at.
    const isQuiet = isLoading && (before?.tries ?? 0) < TRIES_MAX;
    platform.logger[isQuiet ? 'debug' : 'warn']('compaction_tried_again', fields);
  }

  async #carryOut(id: bigint): Promise<void> {
    const job = this.get(id);
    if (job === undefined || job.state === 'ended') return;
    const { failures = 0, reason = '' } = this.#retries.get(id) ?? {};
    if (failures >= TRIES_MAX) {
      await this.#note(job, { kind: 'fail', reason: `tried ${failures} times, the last failed: ${reason}` });
      return;
    }
    let collection: JobCollection;
    try {
      collection = await this.#parts.collection(job.collectionId);
    } catch (error) {
      if (this.#mayRepeat(error)) throw error;
      await this.#note(job, { kind: 'fail', reason: messageOf(error) });
      return;
    }
    // Between a plan and the note of it no other compaction runs, and a flush, a delete or a drop only makes a plan one that is refused.
    const planned = job.state === 'waiting' ? firstPlans(job, collection) : collection.plansLeft(job);
    const begun = await this.#note(job, { kind: 'begin', plans: planned.map(({ journaled }) => journaled) });
    for (const [index, { plan }] of planned.entries())
      if (plan !== undefined) await this.#runPlan(begun, index, plan, collection);
  }

  async #runPlan(
    { id, collectionId }: CompactionJob,
    index: number,
    plan: CompactionPlan,
    { carryOut }: JobCollection,
  ): Promise<void> {
    const done = (targets: readonly bigint[]): CompactionJob =>
      moveCompactionJob(this.#known(id), { kind: 'plan_done', index, targets });
    let targets: readonly bigint[];
    try {
      targets = await carryOut(plan, { id, done });
    } catch (error) {
      if (this.#mayRepeat(error)) throw error;
      await this.#note({ id, collectionId }, { kind: 'plan_failed', index, reason: messageOf(error) });
      return;
    }
    if (
      !this.#known(id)
        .plans.slice(index, index + 1)
        .every(hasEnded)
    )
      await this.#note({ id, collectionId }, { kind: 'plan_done', index, targets });
    this.#retries.delete(id);
  }

  /** A closing process says nothing of what it interrupts. */
  #mayRepeat(error: unknown): boolean {
    const { closing } = this.#parts;
    return (
      closing.aborted || (error instanceof ElanusError && errorSpecs[error.key].retry === 'same_request')
    );
  }

  #known(id: bigint): CompactionJob {
    const job = this.get(id);
    if (job === undefined)
      throw new ElanusError(
        'internal',
        `compaction ${id} has no record, expected the one that is carried out`,
      );
    return job;
  }

  #note(
    { id, collectionId }: Pick<CompactionJob, 'id' | 'collectionId'>,
    event: CompactionEvent,
  ): Promise<CompactionJob> {
    const { catalog, locks } = this.#parts;
    return locks.change(collectionId, async () => {
      const job = moveCompactionJob(this.#known(id), event);
      await catalog.save({ compactions: [job] });
      return job;
    });
  }
}

function firstPlans(wanted: WantedCompaction, collection: JobCollection): readonly Planned[] {
  const plans = collection.plans(wanted);
  return [
    ...plans.map((plan) => ({ journaled: waitingPlan(sourcesOf(plan)), plan })),
    ...collection.kept(wanted, plans),
  ];
}
