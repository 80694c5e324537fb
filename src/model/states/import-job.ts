// An import job, journaled by data-coord.
//
//              begin                commit                  complete
//   pending ─────────▶ importing ──────────▶ committing ─────────────▶ completed
//      │               │ ▲   │                    │
//      │               └─┘   │                    │ its collection or partition is gone
//      │     a restart:      │                    │
//      │     begins again    │ fail               ▼
//      └─────────────────────┴───────────────▶ failed
//
// data-coord moves it, under the lock of its collection. `committing` is the point of no return: the record names the segments, and whoever
// finds it, also after a crash, makes them visible. `completed` and `failed` are ends.
import { assertNever } from '#base/assert.js';
import type { ImportJobRecord } from '#proto/elanus/data.js';
import { knownState, refusedMove } from './move.js';
import { type FlushedSegment, parseFlushedSegment, segmentRecord } from './segment.js';

export type ImportJobTask = Readonly<
  Omit<ImportJobRecord, 'state' | 'reason' | 'importedRows' | 'progress' | 'segments'>
>;
export type PendingJob = ImportJobTask & { readonly state: 'pending' };
export type ImportingJob = ImportJobTask & { readonly state: 'importing' };
export type CommittingJob = ImportJobTask & {
  readonly state: 'committing';
  /** What becomes visible. */
  readonly segments: readonly FlushedSegment[];
  readonly importedRows: bigint;
};
export type CompletedJob = ImportJobTask & { readonly state: 'completed'; readonly importedRows: bigint };
export type FailedJob = ImportJobTask & {
  readonly state: 'failed';
  readonly reason: string;
  /** Rows of a job that had begun to commit; none of them was kept. */
  readonly importedRows: bigint;
};
export type LiveJob = PendingJob | ImportingJob | CommittingJob;
export type EndedJob = CompletedJob | FailedJob;
export type ImportJob = LiveJob | EndedJob;

export type ImportJobEvent =
  | { readonly kind: 'begin' }
  | { readonly kind: 'commit'; readonly segments: readonly FlushedSegment[]; readonly importedRows: bigint }
  | { readonly kind: 'complete' }
  | { readonly kind: 'fail'; readonly reason: string };

type Begun<E extends ImportJobEvent> = E extends { readonly kind: 'begin' }
  ? ImportingJob
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
      return { ...taskOf(from), state: 'importing' };
    case 'commit':
      if (from.state !== 'importing') throw refused('importing');
      return {
        ...taskOf(from),
        state: 'committing',
        segments: event.segments,
        importedRows: event.importedRows,
      };
    case 'complete':
      if (from.state !== 'committing') throw refused('committing');
      return { ...taskOf(from), state: 'completed', importedRows: from.importedRows };
    case 'fail':
      if (!isLiveJob(from)) throw refused('pending, importing or committing');
      return { ...taskOf(from), state: 'failed', reason: event.reason, importedRows: rowsOf(from) };
    default:
      return assertNever(event);
  }
}

export function isLiveJob(job: ImportJob): job is LiveJob {
  switch (job.state) {
    case 'pending':
    case 'importing':
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
  const { state: text, reason, importedRows, progress: _shown, segments, ...task } = record;
  const state = knownState(`import job ${record.id}`, text, [
    'pending',
    'importing',
    'committing',
    'completed',
    'failed',
  ]);
  switch (state) {
    case 'pending':
    case 'importing':
      return { ...task, state };
    case 'committing':
      return { ...task, state, segments: segments.map(parseFlushedSegment), importedRows };
    case 'completed':
      return { ...task, state, importedRows };
    case 'failed':
      return { ...task, state, reason, importedRows };
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
    progress: progressOf(job.state),
    segments: job.state === 'committing' ? job.segments.map(segmentRecord) : [],
  };
}

const rowsOf = (job: ImportJob): bigint => ('importedRows' in job ? job.importedRows : 0n);

function progressOf(state: ImportJob['state']): bigint {
  switch (state) {
    case 'pending':
    case 'failed':
      return 0n;
    case 'importing':
      return 10n;
    case 'committing':
      return 90n;
    case 'completed':
      return 100n;
    default:
      return assertNever(state);
  }
}

function taskOf(job: ImportJob): ImportJobTask {
  const { id, collectionId, collectionName, partitionId, partitionName, files, createTimestamp } = job;
  const { vchannels, schema, partitionIds, tasks, options, idempotencyKey, endTimestamp } = job;
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
    endTimestamp,
  };
}
