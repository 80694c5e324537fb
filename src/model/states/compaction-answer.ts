// What clients are answered of the plans of compactions, by the proxy and by DataCoord's own service.
import type { CompactionPlanState } from '#proto/elanus/roles.js';
import { CompactionState, CompactionTaskState, CompactionType } from '#proto/milvus/common.js';
import type { CompactionMergeInfo } from '#proto/milvus/milvus.js';

export const isOpen = ({ state }: CompactionPlanState): boolean => state === 'waiting' || state === 'running';

export const stateOf = (plans: readonly CompactionPlanState[]): CompactionState =>
  plans.some(isOpen) ? CompactionState.Executing : CompactionState.Completed;

export interface PlansAnswer {
  readonly state: CompactionState;
  readonly mergeInfos: readonly CompactionMergeInfo[];
}

export const plansAnswer = (plans: readonly CompactionPlanState[]): PlansAnswer => ({
  state: stateOf(plans),
  mergeInfos: plans.flatMap(mergeInfosOf),
});

const taskStates: Readonly<Record<string, CompactionTaskState>> = {
  waiting: CompactionTaskState.CompactionTaskStatePipelining,
  running: CompactionTaskState.CompactionTaskStateExecuting,
  done: CompactionTaskState.CompactionTaskStateCompleted,
  failed: CompactionTaskState.CompactionTaskStateFailed,
};
const types: Readonly<Record<string, CompactionType>> = {
  merge: CompactionType.CompactionTypeMix,
  major: CompactionType.CompactionTypeClustering,
  deletes: CompactionType.CompactionTypeLevel0Delete,
};

/** A line for each target, since older clients know one a line; a plan that has not ended, or of which no row was left, has the target 0. */
function mergeInfosOf(plan: CompactionPlanState): CompactionMergeInfo[] {
  const { sources, targets } = plan;
  return (targets.length === 0 ? [0n] : targets).map((target) => ({
    ...{ sources, target, targets },
    planId: BigInt(plan.number),
    triggerId: plan.compactionId,
    collectionId: plan.collectionId,
    partitionId: plan.partitionId,
    channel: plan.vchannel,
    type: types[plan.kind] ?? CompactionType.CompactionTypeUndefined,
    state: taskStates[plan.state] ?? CompactionTaskState.CompactionTaskStateUnknown,
    failureReason: plan.reason,
  }));
}
