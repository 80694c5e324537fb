// Decides when what is compacted, one plan at a time: after flushes and imports it looks at their collection, and does what clients ask for
// before that. What nobody asked for is not durable: a compaction that a crash ends is found worth doing again, and what it wrote is an orphan.
import { deferred } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { expiryFieldOf, microsOf, timeToLive } from '#model/properties/time-to-live.js';
import type { CompactionJob, WantedCompaction } from '#model/states/compaction-job.js';
import { isLiveJob } from '#model/states/import-job.js';
import { type FlushedSegment, isFlushed } from '#model/states/segment.js';
import { endedSoon, type Timer } from '#platform/time.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import {
  type JobLimits,
  keptPlans,
  plansFor,
  plansLeft,
} from '#roles/data-coord/compaction/plans/job-plans.js';
import { planBackfills } from '#roles/data-coord/compaction/plans/plan-backfills.js';
import { planRetired, planSpread } from '#roles/data-coord/compaction/plans/plan-deletes.js';
import { planMerges } from '#roles/data-coord/compaction/plans/plan-merges.js';
import type {
  CompactionPlan,
  MergePlan,
  ShardFacts,
} from '#roles/data-coord/compaction/plans/shard-facts.js';
import { AwaitedImports } from './await-imports.js';
import { Backfills, mayLackOutputs } from './backfills.js';
import { CompactionJobs, type JobCollection, type JobStep } from './compaction-jobs.js';
import { CompactionWatch } from './compaction-watch.js';
import { type DamagedSegment, DamagedSegments } from './damaged-segments.js';
import { type PlanContext, type PlanParts, retireDeletes, runPlan } from './run-plan.js';
import { SegmentExpiries } from './segment-expiries.js';

export interface CompactionSettings {
  /** Whether segments are merged without being asked. */
  readonly autoCompaction: boolean;
  /** How large segments get by merging, in bytes. */
  readonly compactedBytesMax: number;
  /** What comes within this time of a change is looked at with it, in ms. */
  readonly compactionDelayMs: number;
}

/** A collection as it is defined now. */
interface Described {
  readonly collection: CollectionRecord;
  readonly context: PlanContext;
}

export interface CompactorParts extends PlanParts {
  readonly settings: CompactionSettings;
  /** Called with segments that are new, and for a collection whose segments are others now. */
  readonly onCompacted: (collectionId: bigint, fresh: readonly FlushedSegment[]) => void;
}

/** A compaction that nobody waits for is followed by so many ms of pause for each of its own, and by no more than this in all. */
const PAUSE_SHARE = 3;
const PAUSE_MS_MAX = 60_000;
/** Everything is looked at so often, in ms: rows expire without a notice. */
const CHECK_MS = 600_000;
/** A collection that failed waits so long, in ms. */
const RETRY_MS = 30_000;

export class Compactor {
  /** What it does, and what it set aside. */
  readonly watch: CompactionWatch;
  /** What clients asked for. */
  readonly jobs: CompactionJobs;
  /** What functions make that rows lack. */
  readonly backfills = new Backfills();
  readonly #parts: CompactorParts;
  readonly #waiting = new Set<bigint>();
  readonly #busy = new Set<bigint>();
  readonly #timers = new Map<bigint, Timer>();
  /** When backfills that failed are tried again: what comes meanwhile is looked at all the same. */
  readonly #retries = new Map<bigint, Timer>();
  readonly #expiries = new SegmentExpiries();
  readonly #damaged = new DamagedSegments();
  readonly #closing = new AbortController();
  readonly #imports: AwaitedImports;
  #check: Timer | undefined;
  #running: Promise<void> | undefined;
  /** Resolves when something is asked for that does not wait for a pause to end. */
  #hurry = deferred<void>();

  constructor(parts: CompactorParts) {
    this.#parts = parts;
    this.watch = new CompactionWatch(parts.platform);
    this.#imports = new AwaitedImports(parts, this.#closing.signal);
    const { platform, catalog, locks } = parts;
    this.jobs = new CompactionJobs({
      ...{ platform, catalog, locks, closing: this.#closing.signal },
      collection: (id) => this.#jobCollection(id),
      onReady: () => {
        this.#hurry.resolve();
        this.#run();
      },
    });
  }

  start(): void {
    this.jobs.resume();
    const look = (): void => {
      if (this.#closing.signal.aborted) return;
      this.#imports.forgetDropped();
      for (const { collectionId } of this.#parts.catalog.channels.values()) this.changed(collectionId);
      this.#check = this.#parts.platform.timers.after(CHECK_MS, look);
    };
    look();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#check?.cancel();
    this.jobs.close();
    for (const timer of [...this.#timers.values(), ...this.#retries.values()]) timer.cancel();
    this.#hurry.resolve();
    await this.#running;
  }

  /** Looks at a collection soon. @param delayMs left out: at once where somebody waits for a backfill */
  changed(collectionId: bigint, delayMs?: number): void {
    const { platform } = this.#parts;
    if (this.#closing.signal.aborted || this.#timers.has(collectionId)) return;
    const look = (): void => {
      this.#timers.delete(collectionId);
      this.#waiting.add(collectionId);
      this.#run();
    };
    const usualMs = this.backfills.isExpected(collectionId) ? 0 : this.#parts.settings.compactionDelayMs;
    this.#timers.set(collectionId, platform.timers.after(delayMs ?? usualMs, look));
  }

  /** @param delayMs 0: nothing waits */
  #lookIn(collectionId: bigint, delayMs: number): void {
    this.#retries.get(collectionId)?.cancel();
    this.#retries.delete(collectionId);
    if (delayMs === 0 || this.#closing.signal.aborted) return;
    const look = (): void => {
      this.#retries.delete(collectionId);
      this.changed(collectionId, 0);
    };
    this.#retries.set(collectionId, this.#parts.platform.timers.after(delayMs, look));
  }

  /** Rows of the collection lack what a new function makes; what grew without it was sealed at these times. */
  fill(collectionId: bigint, sealedAt: readonly bigint[]): void {
    for (const at of sealedAt) this.backfills.expect(collectionId, at);
    this.#timers.get(collectionId)?.cancel();
    this.#timers.delete(collectionId);
    this.#hurry.resolve();
    this.changed(collectionId, 0);
  }

  /** @throws collection_not_found, invalid_parameter, queue_full */
  async force(wanted: WantedCompaction, given: bigint): Promise<CompactionJob> {
    const known = this.jobs.get(given);
    if (known !== undefined) return known;
    const least = this.#parts.settings.compactedBytesMax;
    if (wanted.targetBytes !== 0n && wanted.targetBytes < BigInt(least))
      throw new ElanusError(
        'invalid_parameter',
        `targetSize ${wanted.targetBytes >> 20n} MB is less than the max size of a segment, ${Math.ceil(least / 2 ** 20)} MB: invalid parameter`,
      );
    const { ID: id } = given === 0n ? await this.#parts.peers.rootCoord.allocID({ count: 1 }) : { ID: given };
    await this.#described(wanted.collectionId);
    await this.#imports.checkpointed(wanted.collectionId);
    return this.jobs.add(id, wanted);
  }

  /** Segments that compactions leave out for a while, since their files cannot be read. */
  get damaged(): readonly DamagedSegment[] {
    const { catalog, platform } = this.#parts;
    const isThere = (id: bigint): boolean => catalog.segments.get(id)?.state === 'flushed';
    return this.#damaged.now(platform.clock.now(), isThere);
  }

  #run(): void {
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
      if (this.jobs.isReady || this.#waiting.size > 0) this.#run();
    });
  }

  async #loop(): Promise<void> {
    const { platform } = this.#parts;
    while (!this.#closing.signal.aborted) {
      if (this.jobs.isReady) {
        await this.jobs.runNext();
        continue;
      }
      const [collectionId] = this.#waiting;
      if (collectionId === undefined) return;
      this.#waiting.delete(collectionId);
      const begunMs = platform.clock.monotonic();
      await this.#runCollection(collectionId);
      if (this.backfills.isExpected(collectionId)) continue;
      const pauseMs = Math.min(PAUSE_MS_MAX, (platform.clock.monotonic() - begunMs) * PAUSE_SHARE);
      if (pauseMs >= 1 && !this.jobs.isReady) await this.#pause(pauseMs);
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    this.#hurry = deferred<void>();
    await endedSoon(this.#parts.platform.timers, this.#hurry.promise, pauseMs);
  }

  /** One plan, then the collection waits for its next turn. */
  async #runCollection(collectionId: bigint): Promise<void> {
    const { catalog, platform, settings } = this.#parts;
    let plan: CompactionPlan | undefined;
    try {
      if (settings.autoCompaction)
        for (const { vchannel } of catalog.channelsOf(collectionId))
          await this.#retire(collectionId, vchannel);
      else if (!(await mayLackOutputs(this.#parts, this.backfills, collectionId))) return;
      const described = await this.#described(collectionId);
      plan = await this.#nextPlan(collectionId, described);
      if (plan !== undefined) await this.#runUnlessDamaged(collectionId, plan, described.context);
      this.watch.mended(collectionId);
      if (plan?.kind === 'backfill') this.backfills.succeeded(collectionId);
      const nextTryMs = this.backfills.nextTryMs(collectionId, platform.clock.now());
      if (plan !== undefined) this.changed(collectionId, 0);
      else this.#lookIn(collectionId, this.#imports.isAwaited(collectionId) ? RETRY_MS : nextTryMs);
    } catch (error) {
      const isGone = error instanceof ElanusError && error.key === 'collection_not_found';
      if (isGone) this.backfills.forget(collectionId);
      if (plan?.kind === 'backfill') this.#noteFailedFill(collectionId, plan, error);
      else if (isGone) this.watch.mended(collectionId);
      else this.watch.failed(collectionId, messageOf(error), RETRY_MS);
      if (isGone || this.#closing.signal.aborted) return;
      platform.logger.warn('compaction_failed', {
        collectionId,
        reason: messageOf(error),
        retryMs: RETRY_MS,
      });
      // What a service outside refuses to do keeps nothing else from being merged.
      this.changed(collectionId, plan?.kind === 'backfill' ? 0 : RETRY_MS);
    }
  }

  #noteFailedFill(collectionId: bigint, plan: MergePlan, error: unknown): void {
    const nowMs = this.#parts.platform.clock.now();
    if (error instanceof ElanusError && error.key === 'rows_refused')
      this.backfills.refused(plan, messageOf(error), nowMs);
    else this.backfills.failed(collectionId, messageOf(error), nowMs + RETRY_MS);
  }

  /** What rows lack comes first: searches wait for it. Segments that lack something are not merged before. */
  async #nextPlan(
    collectionId: bigint,
    { collection, context }: Described,
  ): Promise<CompactionPlan | undefined> {
    const { platform, settings } = this.#parts;
    const nowMs = platform.clock.now();
    await this.#imports.show(collectionId);
    const leftOut = new Set([...this.#busy, ...this.damaged.map(({ id }) => id)]);
    const facts = (): readonly ShardFacts[] => this.#factsOf(collectionId, leftOut);
    const lacking = this.backfills.look(collectionId, facts(), context.schema, nowMs);
    if (lacking.length > 0 && this.backfills.pausedMs(collectionId, nowMs) === 0) {
      await this.#imports.checkpointed(collectionId, lacking);
      const fill = facts()
        .flatMap((one) => planBackfills(one, context.schema, settings.compactedBytesMax))
        .find((one) => this.backfills.isDue(one, nowMs));
      if (fill !== undefined) return fill;
    }
    if (!settings.autoCompaction || collection.properties['collection.autocompaction.enabled'] === 'false')
      return undefined;
    for (const { id } of lacking) leftOut.add(id);
    const limits = { targetBytes: settings.compactedBytesMax, expiredShare: this.#expiries.shareOf(context) };
    const [plan] = facts().flatMap((one): readonly CompactionPlan[] => {
      const spread = planSpread(one);
      const merges = planMerges(one, limits);
      return spread === undefined ? merges : [...merges, spread];
    });
    return plan;
  }

  /** What cannot be read is set aside, and the collection goes on with what is left. */
  async #runUnlessDamaged(collectionId: bigint, plan: CompactionPlan, context: PlanContext): Promise<void> {
    const { clock, logger } = this.#parts.platform;
    try {
      await this.#runPlan(collectionId, plan, context);
    } catch (error) {
      const segments = this.#damaged.note(plan, error, clock.now());
      if (segments.length === 0) throw error;
      logger.warn('compaction_sets_aside', {
        collectionId,
        segments: segments.join(),
        reason: messageOf(error),
      });
    }
  }

  /** A collection as it is when a job plans. When its turn comes nothing else is compacted; before it what is merged now may be merged again. */
  async #jobCollection(collectionId: bigint): Promise<JobCollection> {
    const { collection, context } = await this.#described(collectionId);
    await this.#imports.shown(collectionId);
    const shards = this.#factsOf(collectionId, new Set());
    const limitsOf = ({ targetBytes, major }: WantedCompaction): JobLimits => {
      const sorted = collection.schema?.fields.find(({ isClusteringKey }) => major && isClusteringKey);
      return {
        targetBytes: Number(targetBytes) || this.#parts.settings.compactedBytesMax,
        expiredShare: this.#expiries.shareOf(context),
        sortFieldId: sorted?.fieldID ?? 0n,
      };
    };
    return {
      timestamp: context.expiredAt,
      plans: (wanted) => plansFor(shards, wanted, limitsOf(wanted)),
      kept: (wanted, plans) => keptPlans(shards, wanted, plans),
      plansLeft: (job) => plansLeft(shards, job, job.plans, limitsOf(job)),
      carryOut: async (plan, step) => {
        const fresh = await this.#runPlan(collectionId, plan, context, step);
        return fresh.map(({ id }) => id);
      },
    };
  }

  async #runPlan(
    collectionId: bigint,
    plan: CompactionPlan,
    context: PlanContext,
    step?: JobStep,
  ): Promise<readonly FlushedSegment[]> {
    const { platform, onCompacted } = this.#parts;
    const ids = plan.sources.map(({ id }) => id);
    for (const id of ids) this.#busy.add(id);
    this.watch.begun({
      ...{ collectionId, kind: plan.kind, vchannel: plan.vchannel, sources: ids },
      jobId: step?.id,
    });
    try {
      const fresh = await runPlan(this.#parts, plan, context, (targets) =>
        step === undefined ? [] : [step.done(targets)],
      );
      platform.logger.info('compacted', {
        collectionId,
        kind: plan.kind,
        sources: ids.length,
        targets: fresh.length,
        ms: Math.round(this.watch.succeeded()),
      });
      await this.#retire(collectionId, plan.vchannel);
      onCompacted(collectionId, fresh);
      return fresh;
    } finally {
      for (const id of ids) this.#busy.delete(id);
      this.watch.ended();
    }
  }

  async #retire(collectionId: bigint, vchannel: string): Promise<void> {
    const choose = (): readonly FlushedSegment[] =>
      this.#factsOf(collectionId, this.#busy)
        .filter((facts) => facts.vchannel === vchannel)
        .flatMap(planRetired);
    const retired = await retireDeletes(this.#parts, collectionId, choose);
    if (retired > 0) this.#parts.onCompacted(collectionId, []);
  }

  #factsOf(collectionId: bigint, busy: ReadonlySet<bigint>): readonly ShardFacts[] {
    const { catalog } = this.#parts;
    const segments = catalog.segmentsOf(collectionId).filter(isFlushed);
    const hasImports = catalog.jobsOf(collectionId).some(isLiveJob);
    const notFree = new Set([...busy, ...this.#imports.unseen(collectionId)]);
    return catalog.channelsOf(collectionId).map(({ vchannel, checkpointTimestamp }) => ({
      vchannel,
      checkpoint: checkpointTimestamp,
      segments: segments.filter((segment) => segment.vchannel === vchannel),
      busy: notFree,
      hasImports,
    }));
  }

  async #described(collectionId: bigint): Promise<Described> {
    const { catalog, peers } = this.#parts;
    const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
    const { collection } = await peers.definitions.describeCollection({ id: collectionId });
    const schema = collection?.schema;
    if (collection === undefined || schema === undefined)
      throw new ElanusError('internal', 'describeCollection answered without a collection');
    const ttl = timeToLive(collection.properties);
    const expiryField = expiryFieldOf(collection.properties, schema);
    const { signal } = this.#closing;
    if (expiryField !== 0n) {
      this.#expiries.forget((id) => catalog.segments.has(id));
      const flushed = catalog.segmentsOf(collectionId).filter(isFlushed);
      await this.#expiries.learn(this.#parts, flushed, { schema, fieldId: expiryField }, signal);
    }
    const context = {
      schema,
      signal,
      expiredAt: timestamp,
      expiredUntil: ttl === 0n || ttl >= timestamp ? 0n : timestamp - ttl,
      expiryField,
      expiryMicros: expiryField === 0n ? 0n : microsOf(timestamp),
    };
    return { collection, context };
  }
}
