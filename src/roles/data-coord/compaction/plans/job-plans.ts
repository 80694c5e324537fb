// The plans of a compaction that a client asked for. Pure.
import { hasEnded, type JobPlan, type WantedCompaction, waitingPlan } from '#model/states/compaction-job.js';
import type { FlushedSegment } from '#model/states/segment.js';
import { planSpread } from './plan-deletes.js';
import { type MergeLimits, planForced } from './plan-merges.js';
import type { CompactionPlan, ShardFacts } from './shard-facts.js';

export interface JobLimits extends MergeLimits {
  /** Rows are put in the order of this field; 0n: they stay as they are. */
  readonly sortFieldId: bigint;
}

/** Everything that is wanted, as the shards are now. */
export const plansFor = (
  shards: readonly ShardFacts[],
  wanted: WantedCompaction,
  limits: JobLimits,
): readonly CompactionPlan[] =>
  shards.flatMap((facts): readonly CompactionPlan[] => {
    const others = facts.segments.filter((one) => !one.isLevelZero && !isWanted(wanted, one));
    const own = { ...facts, busy: new Set([...facts.busy, ...others.map(({ id }) => id)]) };
    if (!wanted.deletesOnly) return planForced(own, limits, limits);
    const spread = planSpread(own, 1);
    return spread === undefined ? [] : [spread];
  });

const isWanted = (wanted: WantedCompaction, { id, partitionId, vchannel }: FlushedSegment): boolean =>
  (wanted.partitionId === 0n || wanted.partitionId === partitionId) &&
  (wanted.vchannel === '' || wanted.vchannel === vchannel) &&
  (wanted.segmentIds.length === 0 || wanted.segmentIds.includes(id));

/** A plan of the journal beside the one by which it is carried out; none of those that have ended. */
export interface Planned {
  readonly journaled: JobPlan;
  readonly plan: CompactionPlan | undefined;
}

/**
 * What is left of a job that had begun. Each plan that had not ended is made again of its own segments alone: those of others would be taken
 * twice, as what became of them is in the same shard.
 */
export function plansLeft(
  shards: readonly ShardFacts[],
  wanted: WantedCompaction,
  journal: readonly JobPlan[],
  limits: JobLimits,
): readonly Planned[] {
  const there = new Set(shards.flatMap(({ segments }) => segments.map(({ id }) => id)));
  return journal.flatMap((one): readonly Planned[] => {
    const { sources } = one;
    if (hasEnded(one)) return [{ journaled: one, plan: undefined }];
    if (!sources.some((id) => there.has(id))) {
      const reason = `segments ${sources.join(', ')} are gone since the compaction was asked for; what is there now can be compacted by another one`;
      return [{ journaled: { state: 'failed', sources, reason }, plan: undefined }];
    }
    const plans = plansFor(shards, { ...wanted, segmentIds: [...sources] }, limits);
    // Nothing is left to do for them.
    if (plans.length === 0) return [{ journaled: { state: 'done', sources, targets: [] }, plan: undefined }];
    return plans.map((plan) => ({ journaled: waitingPlan(sourcesOf(plan)), plan }));
  });
}

/**
 * Segments that stay as they are, where a client says how large segments are to be: each is its own target. Such a client looks for all of them
 * among the plans.
 */
export function keptPlans(
  shards: readonly ShardFacts[],
  wanted: WantedCompaction,
  plans: readonly CompactionPlan[],
): readonly Planned[] {
  if (wanted.targetBytes === 0n || wanted.deletesOnly) return [];
  const taken = new Set(plans.flatMap(sourcesOf));
  return shards.flatMap(({ segments, busy }) =>
    segments
      .filter((one) => !one.isLevelZero && isWanted(wanted, one) && !taken.has(one.id) && !busy.has(one.id))
      .map(
        ({ id }): Planned => ({
          journaled: { state: 'done', sources: [id], targets: [id] },
          plan: undefined,
        }),
      ),
  );
}

export const sourcesOf = ({ sources }: CompactionPlan): readonly bigint[] => sources.map(({ id }) => id);
