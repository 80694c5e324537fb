// A compaction that a client asked for, journaled by data-coord.
//
//              begin               plan_done, plan_failed
//   waiting ─────────▶ running ──────────────────────────▶ ended
//      │               │ ▲  │            of the last plan    ▲
//      │               └─┘  │                                │
//      │   plan_done, and   │ fail                           │
//      │   begin after a    │                                │
//      │   restart          │                                │
//      └───────fail─────────┴────────────────────────────────┘
//
// data-coord moves it, under the lock of its collection. While it waits its plans are those that would be carried out now. Once it runs they are the
// journal: one that merges is done in the transaction that replaces its sources, so it is never carried out twice, and one that was not done
// before a crash has changed nothing. Whoever finds a job that runs, also after a crash, begins it again with plans for what is left of it.
import { assertNever } from '#base/assert.js';
import type { CompactionPlanRecord, CompactionRecord } from '#proto/elanus/data.js';
import { knownState, refusedMove } from './move.js';

/** What a client wants compacted, and how. */
export type WantedCompaction = Readonly<Omit<CompactionRecord, 'id' | 'createTimestamp' | 'state' | 'plans'>>;

interface PlanFacts {
  /** Segments that are put together, or that deletes are written to. */
  readonly sources: readonly bigint[];
}
export type WaitingPlan = PlanFacts & { readonly state: 'waiting' };
export type DonePlan = PlanFacts & { readonly state: 'done'; readonly targets: readonly bigint[] };
export type FailedPlan = PlanFacts & { readonly state: 'failed'; readonly reason: string };
export type JobPlan = WaitingPlan | DonePlan | FailedPlan;

export type CompactionJob = WantedCompaction & {
  readonly id: bigint;
  readonly createTimestamp: bigint;
  readonly state: 'waiting' | 'running' | 'ended';
  readonly plans: readonly JobPlan[];
};

export type CompactionEvent =
  /** For the first time, or again with plans in place of those that had not ended. */
  | { readonly kind: 'begin'; readonly plans: readonly JobPlan[] }
  | { readonly kind: 'plan_done'; readonly index: number; readonly targets: readonly bigint[] }
  | { readonly kind: 'plan_failed'; readonly index: number; readonly reason: string }
  /** Whatever has not ended fails. */
  | { readonly kind: 'fail'; readonly reason: string };

export const waitingPlan = (sources: readonly bigint[]): WaitingPlan => ({ state: 'waiting', sources });

export const hasEnded = ({ state }: JobPlan): boolean => state !== 'waiting';

/** The one place where a job changes. @throws internal for a move that it does not have */
export function moveCompactionJob(from: CompactionJob, event: CompactionEvent): CompactionJob {
  const refused = (expected: string) =>
    refusedMove(`compaction ${from.id}`, from.state, event.kind, expected);
  if (from.state === 'ended') throw refused('waiting or running');
  switch (event.kind) {
    case 'begin':
      return running(from, event.plans);
    case 'plan_done':
      if (from.state !== 'running') throw refused('running');
      return running(
        from,
        replaced(from.plans, event.index, ({ sources }) => ({
          sources,
          state: 'done',
          targets: event.targets,
        })),
      );
    case 'plan_failed':
      if (from.state !== 'running') throw refused('running');
      return running(
        from,
        replaced(from.plans, event.index, ({ sources }) => ({
          sources,
          state: 'failed',
          reason: event.reason,
        })),
      );
    case 'fail':
      return running(
        from,
        from.plans.map((plan) =>
          hasEnded(plan) ? plan : { sources: plan.sources, state: 'failed', reason: event.reason },
        ),
      );
    default:
      return assertNever(event);
  }
}

const running = (from: CompactionJob, plans: readonly JobPlan[]): CompactionJob => ({
  ...from,
  state: plans.every(hasEnded) ? 'ended' : 'running',
  plans,
});

const replaced = (
  plans: readonly JobPlan[],
  index: number,
  change: (plan: JobPlan) => JobPlan,
): readonly JobPlan[] => plans.map((plan, at) => (at === index && !hasEnded(plan) ? change(plan) : plan));

/** @throws unsupported, data_corrupt */
export function parseCompactionJob({ state, plans, ...facts }: CompactionRecord): CompactionJob {
  const what = `compaction ${facts.id}`;
  return {
    ...facts,
    state: knownState(what, state, ['waiting', 'running', 'ended']),
    plans: plans.map((plan) => parsePlan(what, plan)),
  };
}

function parsePlan(what: string, { state: text, sources, targets, reason }: CompactionPlanRecord): JobPlan {
  const state = knownState(`a plan of ${what}`, text, ['waiting', 'done', 'failed']);
  switch (state) {
    case 'waiting':
      return { state, sources };
    case 'done':
      return { state, sources, targets };
    case 'failed':
      return { state, sources, reason };
    default:
      return assertNever(state);
  }
}

export const compactionRecord = ({ plans, segmentIds, ...facts }: CompactionJob): CompactionRecord => ({
  ...facts,
  segmentIds: [...segmentIds],
  plans: plans.map((plan) => ({
    ...{ state: plan.state, sources: [...plan.sources] },
    targets: plan.state === 'done' ? [...plan.targets] : [],
    reason: plan.state === 'failed' ? plan.reason : '',
  })),
});
