// What compactions wait for: the data-node that carries a plan out, their turn, or the end of a pause after a failure.
import { physicalMs } from '#base/timestamp.js';
import { type CompactionJob, hasEnded } from '#model/states/compaction-job.js';
import { type Explained, timeText } from '#model/states/explained.js';
import type { Backfill, Backfills } from '#roles/data-coord/compaction/backfills.js';
import type { JobRetry } from '#roles/data-coord/compaction/compaction-jobs.js';
import type {
  CompactionWatch,
  RunningPlan,
  SetAside,
} from '#roles/data-coord/compaction/compaction-watch.js';
import type { DamagedSegment } from '#roles/data-coord/compaction/damaged-segments.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { type AskedNode, waitsForNode } from '#rpc/role-nodes.js';

export interface CompactionFacts {
  readonly peers: Pick<DataCoordPeers, 'nodes'>;
  readonly compactor: {
    readonly watch: CompactionWatch;
    readonly jobs: {
      get(id: bigint): CompactionJob | undefined;
      readonly waiting: readonly CompactionJob[];
      readonly retries: readonly { readonly job: CompactionJob; readonly retry: JobRetry }[];
    };
    readonly damaged: readonly DamagedSegment[];
    readonly backfills: Pick<Backfills, 'all'>;
  };
}

export function explainCompactions(
  { compactor: { watch, jobs, damaged, backfills }, peers }: CompactionFacts,
  collectionIds: ReadonlySet<bigint>,
): Explained[] {
  const { running, setAside } = watch;
  const all = [
    ...(running === undefined
      ? []
      : [
          ofRunning(
            running,
            running.jobId === undefined ? undefined : jobs.get(running.jobId),
            peers.nodes.asked('data-node'),
          ),
        ]),
    ...jobs.waiting.map((job, at) => ofWaiting(job, jobs.waiting[at - 1], running)),
    ...jobs.retries.map(ofRetry),
    ...setAside.map(ofSetAside),
    ...damaged.map(ofDamaged),
    ...backfills.all.map(ofBackfill),
  ];
  return all.filter(({ collectionId }) => collectionIds.has(collectionId));
}

const DOES = {
  merge: 'merge',
  backfill: 'make what functions make of the rows of',
  spread: 'write deletes to',
} as const satisfies { readonly [Kind in RunningPlan['kind']]: string };

function ofRunning(
  { collectionId, kind, vchannel, sources, sinceMs }: RunningPlan & { readonly sinceMs: number },
  job: CompactionJob | undefined,
  node: AskedNode,
): Explained {
  return {
    ...{ collectionId, sinceMs, state: 'running' },
    what: job === undefined ? `channel ${vchannel}` : `compaction ${job.id}`,
    waitsFor: waitsForNode(node, `to ${DOES[kind]} ${segmentsText(sources)} of channel ${vchannel}`),
    progress: job && progressOf(job),
  };
}

/** What is before it may be of a collection that the caller may not see: ids alone. */
function ofWaiting(
  job: CompactionJob,
  before: CompactionJob | undefined,
  running: RunningPlan | undefined,
): Explained {
  const first = before?.id ?? running?.jobId;
  const after =
    first !== undefined
      ? `, after compaction ${first}`
      : running === undefined
        ? ''
        : `, after the compaction of ${segmentsText(running.sources)}`;
  const { collectionId, createTimestamp } = job;
  return {
    ...{ collectionId, sinceMs: physicalMs(createTimestamp), state: 'waiting', progress: progressOf(job) },
    what: `compaction ${job.id}`,
    waitsFor: `its turn${after}`,
  };
}

const ofRetry = ({
  job,
  retry: { tries, reason, sinceMs, retryAtMs },
}: {
  readonly job: CompactionJob;
  readonly retry: JobRetry;
}): Explained => ({
  ...{ collectionId: job.collectionId, sinceMs, state: 'waiting', progress: progressOf(job) },
  what: `compaction ${job.id}`,
  waitsFor: `the next try at ${timeText(retryAtMs)}; ${tries} failed, the last: ${reason}`,
});

const ofSetAside = ({ collectionId, reason, sinceMs, retryAtMs, sources }: SetAside): Explained => ({
  ...{ collectionId, sinceMs, state: 'failed' },
  what: sources.length === 0 ? 'the look at its segments' : segmentsText(sources),
  waitsFor: `the next try at ${timeText(retryAtMs)}; the last failed: ${reason}`,
});

const ofDamaged = ({ id, collectionId, reason, sinceMs, retryAtMs }: DamagedSegment): Explained => ({
  ...{ collectionId, sinceMs, state: 'failed' },
  what: segmentsText([id]),
  waitsFor: `its files to be restored; it is set aside until ${timeText(retryAtMs)}: ${reason}`,
});

const ofBackfill = (fill: Backfill): Explained => {
  const { collectionId, functions, lacking, total, sinceMs, failure, refusals } = fill;
  const what = `what ${functions.length === 1 ? 'function' : 'functions'} ${functions.join(', ')} ${functions.length === 1 ? 'makes' : 'make'}`;
  const left = `${lacking} of ${total} segments to be written anew with it`;
  const common = { collectionId, what, sinceMs, progress: (100 * (total - lacking)) / total };
  if (failure !== undefined) {
    const waitsFor = `the next try at ${timeText(failure.retryAtMs)}, ${left}; the last failed: ${failure.reason}`;
    return { ...common, state: 'failed', waitsFor };
  }
  const [first, ...others] = [...refusals].sort((a, b) => a.retryAtMs - b.retryAtMs);
  if (first === undefined) return { ...common, state: 'running', waitsFor: left };
  const more = others.length === 0 ? '' : `; and ${others.length} more such segments`;
  return {
    ...{ ...common, state: refusals.length < lacking ? 'running' : 'failed' },
    waitsFor: `${left}; rows that are refused in ${refusals.length} of them, the next try at ${timeText(first.retryAtMs)}: ${first.reason}${more}`,
  };
};

const progressOf = ({ plans }: CompactionJob): number =>
  (100 * plans.filter(hasEnded).length) / Math.max(1, plans.length);

const NAMES_MAX = 8;

function segmentsText(ids: readonly bigint[]): string {
  const named = ids.slice(0, NAMES_MAX).join(', ');
  const more = ids.length > NAMES_MAX ? ` and ${ids.length - NAMES_MAX} more` : '';
  return `${ids.length === 1 ? 'segment' : 'segments'} ${named}${more}`;
}
