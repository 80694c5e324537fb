// An import job, journaled by data-coord.
//
//              begin                commit                  complete
//   pending ─────────▶ importing ──────────▶ committing ─────────────▶ completed
//      │               │ ▲   │ │              ▲   │
//      │               └─┘   │ └▶ uncommitted ┘   │ its collection or partition is gone
//      │    task_done, and   │ wait   │ commit    │
//      │    after a restart  │ fail   │ fail      ▼
//      └─────────────────────┴────────┴──────▶ failed
//
// data-coord moves it, under the lock of its collection. While it is importing its tasks are the journal: one that is done names what its
// files became, and is not run again. A job in two phases is `uncommitted` once all are done, and stays so until a client commits or aborts it.
// `committing` is the point of no return: the record names the segments, and whoever
// finds it, also after a crash, makes them visible. `completed` and `failed` are ends.
import { assertNever } from '#base/assert.js';
import type { ImportJobRecord, ImportTaskRecord, SegmentRecord } from '#proto/elanus/data.js';
import { knownState, refusedMove } from './move.js';
import { type FlushedSegment, parseFlushedSegment, segmentRecord } from './segment.js';

export type ImportJobTask = Readonly<
  Omit<ImportJobRecord, 'state' | 'reason' | 'importedRows' | 'progress' | 'segments' | 'endTimestamp'>
>;
export type PendingJob = ImportJobTask & { readonly state: 'pending' };
export type ImportingJob = ImportJobTask & { readonly state: 'importing' };
/** All is written, and nothing is seen: a client decides. Its tasks name the segments. */
export type UncommittedJob = ImportJobTask & { readonly state: 'uncommitted' };
export type CommittingJob = ImportJobTask & {
  readonly state: 'committing';
  /** What becomes visible. */
  readonly segments: readonly FlushedSegment[];
  readonly importedRows: bigint;
};
export type CompletedJob = ImportJobTask & {
  readonly state: 'completed';
  readonly importedRows: bigint;
  readonly endTimestamp: bigint;
};
export type FailedJob = ImportJobTask & {
  readonly state: 'failed';
  readonly reason: string;
  /** Rows of a job that had begun to commit; none of them was kept. */
  readonly importedRows: bigint;
  readonly endTimestamp: bigint;
};
export type LiveJob = PendingJob | ImportingJob | UncommittedJob | CommittingJob;
export type EndedJob = CompletedJob | FailedJob;
export type ImportJob = LiveJob | EndedJob;

export type ImportJobEvent =
  /** With the tasks when it begins for the first time. */
  | { readonly kind: 'begin'; readonly tasks: readonly ImportTaskRecord[] }
  | { readonly kind: 'task_done'; readonly index: number; readonly done: DoneTask }
  | { readonly kind: 'wait' }
  | { readonly kind: 'commit'; readonly segments: readonly FlushedSegment[]; readonly importedRows: bigint }
  | { readonly kind: 'complete'; readonly at: bigint }
  | { readonly kind: 'fail'; readonly reason: string; readonly at: bigint };

/** What the files of a task became. */
export interface DoneTask {
  /** As they were written: nobody sees them yet. */
  readonly segments: readonly SegmentRecord[];
  readonly rowCount: bigint;
  /** Rows that were read, of each group of files. */
  readonly groupRows: readonly bigint[];
}

type Begun<E extends ImportJobEvent> = E extends { readonly kind: 'begin' | 'task_done' }
  ? ImportingJob
  : E extends { readonly kind: 'wait' }
    ? UncommittedJob
    : E extends { readonly kind: 'commit' }
      ? CommittingJob
      : E extends { readonly kind: 'complete' }
        ? CompletedJob
        : FailedJob;

/** The one place where a job changes. @throws internal for a move that it does not have */
export function moveImportJob<E extends ImportJobEvent>(from: ImportJob, event: E): Begun<E>;
export function moveImportJob(from: ImportJob, event: ImportJobEvent): ImportJob {
  const refused = (expected: string) =>
    refusedMove(`import job ${from.id}`, from.state, event.kind, expected);
  switch (event.kind) {
    case 'begin':
      if (from.state !== 'pending' && from.state !== 'importing') throw refused('pending or importing');
      return {
        ...taskOf(from),
        tasks: from.state === 'pending' || from.tasks.length === 0 ? [...event.tasks] : from.tasks,
        state: 'importing',
      };
    case 'task_done':
      if (from.state !== 'importing') throw refused('importing');
      return {
        ...taskOf(from),
        tasks: from.tasks.map((task, at) => (at === event.index ? doneTask(task, event.done) : task)),
        state: 'importing',
      };
    case 'wait':
      if (from.state !== 'importing') throw refused('importing');
      return { ...taskOf(from), state: 'uncommitted' };
    case 'commit':
      if (from.state !== 'importing' && from.state !== 'uncommitted')
        throw refused('importing or uncommitted');
      return {
        ...taskOf(from),
        // The record names them once.
        tasks: withoutSegments(from.tasks),
        state: 'committing',
        segments: event.segments,
        importedRows: event.importedRows,
      };
    case 'complete':
      if (from.state !== 'committing') throw refused('committing');
      return { ...taskOf(from), state: 'completed', importedRows: from.importedRows, endTimestamp: event.at };
    case 'fail':
      if (!isLiveJob(from)) throw refused('pending, importing, uncommitted or committing');
      return {
        ...taskOf(from),
        tasks: withReasons(withoutSegments(from.tasks), event.reason),
        state: 'failed',
        reason: event.reason,
        importedRows: rowsOf(from),
        endTimestamp: event.at,
      };
    default:
      return assertNever(event);
  }
}

export function isLiveJob(job: ImportJob): job is LiveJob {
  switch (job.state) {
    case 'pending':
    case 'importing':
    case 'uncommitted':
    case 'committing':
      return true;
    case 'completed':
    case 'failed':
      return false;
    default:
      return assertNever(job);
  }
}

/** @throws unsupported, data_corrupt */
export function parseImportJob(record: ImportJobRecord): ImportJob {
  const { state: text, reason, importedRows, progress: _shown, segments, endTimestamp, ...task } = record;
  const state = knownState(`import job ${record.id}`, text, [
    'pending',
    'importing',
    'uncommitted',
    'committing',
    'completed',
    'failed',
  ]);
  switch (state) {
    case 'pending':
    case 'importing':
    case 'uncommitted':
      return { ...task, state };
    case 'committing':
      return { ...task, state, segments: segments.map(parseFlushedSegment), importedRows };
    case 'completed':
      return { ...task, state, importedRows, endTimestamp };
    case 'failed':
      return { ...task, state, reason, importedRows, endTimestamp };
    default:
      return assertNever(state);
  }
}

/** As it is written and sent; how far it is, in percent, follows from its state. */
export function importJobRecord(job: ImportJob): ImportJobRecord {
  return {
    ...taskOf(job),
    state: job.state,
    reason: job.state === 'failed' ? job.reason : '',
    importedRows: rowsOf(job),
    progress: progressOf(job),
    endTimestamp: 'endTimestamp' in job ? job.endTimestamp : 0n,
    segments: job.state === 'committing' ? job.segments.map(segmentRecord) : [],
  };
}

const rowsOf = (job: ImportJob): bigint => ('importedRows' in job ? job.importedRows : 0n);

/** Until its files are read, and from when only the commit is left, in percent. */
const READ_BEGIN = 10;
const READ_END = 90;
/** Only a client is waited for. */
const WRITTEN = 99;

/** How far a job is, in percent, when so many bytes of its files were read. */
export function progressAt(job: ImportJob, bytesRead: bigint): bigint {
  if (job.state !== 'importing') return progressOf(job);
  const total = bytesOf(job.tasks);
  const share = total === 0n ? 0 : Math.min(1, Number(bytesRead) / Number(total));
  return BigInt(Math.floor(READ_BEGIN + (READ_END - READ_BEGIN) * share));
}

export const bytesOf = (tasks: readonly ImportTaskRecord[]): bigint =>
  tasks.reduce((sum, { groups }) => sum + groups.reduce((bytes, group) => bytes + group.bytes, 0n), 0n);

function progressOf(job: ImportJob): bigint {
  switch (job.state) {
    case 'pending':
    case 'failed':
      return 0n;
    case 'importing':
      return progressAt(job, bytesOf(job.tasks.filter(({ isDone }) => isDone)));
    case 'uncommitted':
      return BigInt(WRITTEN);
    case 'committing':
      return BigInt(READ_END);
    case 'completed':
      return 100n;
    default:
      return assertNever(job);
  }
}

const doneTask = (task: ImportTaskRecord, { segments, rowCount, groupRows }: DoneTask): ImportTaskRecord => ({
  groups: task.groups.map((group, at) => ({ ...group, rowCount: groupRows[at] ?? 0n })),
  isDone: true,
  segments: [...segments],
  rowCount,
});

const withoutSegments = (tasks: readonly ImportTaskRecord[]): ImportTaskRecord[] =>
  tasks.map((task) => ({ ...task, segments: [] }));

/** A reason is that of the files it names. */
const withReasons = (tasks: readonly ImportTaskRecord[], reason: string): ImportTaskRecord[] =>
  tasks.map((task) => ({
    ...task,
    groups: task.groups.map((group) =>
      group.paths.some((path) => reason.includes(`file ${JSON.stringify(path)}`))
        ? { ...group, reason }
        : group,
    ),
  }));

function taskOf(job: ImportJob): ImportJobTask {
  const { id, collectionId, collectionName, partitionId, partitionName, files, createTimestamp } = job;
  const { vchannels, schema, partitionIds, tasks, options, idempotencyKey } = job;
  return {
    id,
    collectionId,
    collectionName,
    partitionId,
    partitionName,
    files,
    createTimestamp,
    vchannels,
    schema,
    partitionIds,
    tasks,
    options,
    idempotencyKey,
  };
}
