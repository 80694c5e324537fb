// A segment, from its first row until nothing names it.
//
//   in memory (streaming-node)                        in the catalog (data-coord)
//
//   growing ──seal──▶ sealed ──commit──▶ saved        flushed ──replaced──▶ dropped ──its files are gone──▶ (record gone)
//                        │                  │            ▲  │                                                    ▲
//                        └── CommitFlush ───┼────────────┤  └───────────────── drop of what it is in ────────────┘
//                                           ▼            │ commit of the job
//                                       (forgotten)   importing
//
// - `growing`, `sealed`, `saved` are of the owner's memory: `seal` and `commit` by streaming-node (shard.ts, shard-flush.ts), forgotten when
//   a query-node serves the flushed one. A restart makes them again from the log.
// - `importing` is of an import that has not committed: a data-node writes it into manifests and answers, never into the catalog by itself.
// - `flushed` by data-coord, in one transaction with the checkpoint, with the job, or with the end of what it was compacted from. Index
//   files come and go in this state, and delta logs of its own come.
// - `dropped` are those whose rows are in others by now, or whose deletes nobody needs any more. The record keeps the id taken and names the
//   files while some reader may want them. They are shown to those who ask for unhealthy segments, and to no one else.
import { assertNever } from '#base/assert.js';
import type { FileRecord, IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { type IndexFile, parseIndexFile } from './index-file.js';
import { knownState, refusedMove } from './move.js';

/** The partition of a segment whose rows are in no one partition (delete-only, level 0), and "all partitions" in requests. */
export const ALL_PARTITIONS = -1n;

/** State of the copy in the owner's memory. */
export type GrowingState = 'growing' | 'sealed' | 'saved';

type SegmentFacts = Readonly<Omit<SegmentRecord, 'state' | 'commitTimestamp' | 'indexes'>>;
/** What only rows that count have. */
interface Committed {
  /** Not 0n: every row counts as written then. */
  readonly commitTimestamp: bigint;
  readonly indexes: readonly IndexFile[];
}

export type ImportingSegment = SegmentFacts & { readonly state: 'importing' };
export type FlushedSegment = SegmentFacts & Committed & { readonly state: 'flushed' };
export type DroppedSegment = SegmentFacts & Committed & { readonly state: 'dropped' };
export type Segment = ImportingSegment | FlushedSegment | DroppedSegment;

export type SegmentEvent =
  /** Its import commits: its rows count as written at this time. */
  | { readonly kind: 'commit'; readonly at: bigint }
  /** A file of an index is there, in place of an older one. */
  | { readonly kind: 'indexed'; readonly file: IndexFileRecord }
  | { readonly kind: 'index_dropped'; readonly indexId: bigint }
  /** Its own files account for all deletes until then; of those that hit it some may be in a delta log that is new. */
  | { readonly kind: 'deletes_applied'; readonly until: bigint; readonly file: FileRecord | undefined };

/** The one place where a segment of the catalog changes. @throws internal for a move that it does not have */
export function moveSegment(from: Segment, event: SegmentEvent): FlushedSegment {
  const what = `segment ${from.id}`;
  switch (event.kind) {
    case 'commit':
      if (from.state !== 'importing') throw refusedMove(what, from.state, event.kind, 'importing');
      return { ...from, state: 'flushed', commitTimestamp: event.at, indexes: [] };
    case 'indexed': {
      if (from.state !== 'flushed') throw refusedMove(what, from.state, event.kind, 'flushed');
      const others = from.indexes.filter(({ indexId }) => indexId !== event.file.indexId);
      return { ...from, indexes: [...others, parseIndexFile(event.file)] };
    }
    case 'index_dropped':
      if (from.state !== 'flushed') throw refusedMove(what, from.state, event.kind, 'flushed');
      return { ...from, indexes: from.indexes.filter(({ indexId }) => indexId !== event.indexId) };
    case 'deletes_applied': {
      if (from.state !== 'flushed') throw refusedMove(what, from.state, event.kind, 'flushed');
      const files = event.file === undefined ? from.files : [...from.files, event.file];
      const until = event.until > from.deletesAppliedUntil ? event.until : from.deletesAppliedUntil;
      return { ...from, files, deletesAppliedUntil: until };
    }
    default:
      return assertNever(event);
  }
}

/** Its rows are in others now; of a level-zero segment: no segment needs its deletes. @param by none: nothing of it is left */
export function replaceSegment(
  from: Segment,
  { by, at }: { readonly by: readonly bigint[]; readonly at: bigint },
): DroppedSegment {
  if (from.state !== 'flushed') throw refusedMove(`segment ${from.id}`, from.state, 'replaced', 'flushed');
  return { ...from, state: 'dropped', compactedTo: [...by], droppedTimestamp: at };
}

/** @throws unsupported, data_corrupt */
export function parseSegment(record: SegmentRecord): Segment {
  const state = knownState(`segment ${record.id}`, record.state, ['importing', 'flushed', 'dropped']);
  const { commitTimestamp, indexes, ...facts } = record;
  switch (state) {
    case 'importing':
      return { ...facts, state };
    case 'flushed':
    case 'dropped':
      return { ...facts, state, commitTimestamp, indexes: indexes.map(parseIndexFile) };
    default:
      return assertNever(state);
  }
}

/** @throws unsupported, data_corrupt; internal for another state */
export function parseFlushedSegment(record: SegmentRecord): FlushedSegment {
  const segment = parseSegment(record);
  if (segment.state !== 'flushed')
    throw refusedMove(`segment ${record.id}`, segment.state, 'commit', 'flushed');
  return segment;
}

/** The record of a segment, as it is written and sent. */
export function segmentRecord(segment: Segment): SegmentRecord {
  switch (segment.state) {
    case 'importing':
      return { ...segment, commitTimestamp: 0n, indexes: [] };
    case 'flushed':
    case 'dropped':
      return { ...segment, indexes: [...segment.indexes] };
    default:
      return assertNever(segment);
  }
}

/** When its oldest row counts as written, and its newest. */
export const rowsFrom = ({ commitTimestamp, timestampFrom }: FlushedSegment): bigint =>
  commitTimestamp || timestampFrom;
export const rowsTo = ({ commitTimestamp, timestampTo }: FlushedSegment | DroppedSegment): bigint =>
  commitTimestamp || timestampTo;

export const isFlushed = (segment: Segment): segment is FlushedSegment => segment.state === 'flushed';
