// What planners know of one shard, all of it read in one turn of the catalog. Pure.
import { type FlushedSegment, rowsFrom } from '#model/states/segment.js';

export interface ShardFacts {
  readonly vchannel: string;
  /** Every row and delete until then is in files that the catalog names. */
  readonly checkpoint: bigint;
  /** Flushed ones, those of level zero too. */
  readonly segments: readonly FlushedSegment[];
  /** Segments of other plans that have not ended. */
  readonly busy: ReadonlySet<bigint>;
  /** Rows of an import may turn out to be older than deletes that are there. */
  readonly hasImports: boolean;
}

/** Segments become one or several others without the rows that are deleted. */
export interface MergePlan {
  /** A backfill merges nothing: its one segment lacks what a function makes, and is written anew with it. */
  readonly kind: 'merge' | 'backfill';
  readonly vchannel: string;
  readonly sources: readonly FlushedSegment[];
  readonly deletes: readonly FlushedSegment[];
  /** All deletes until then are among these, or were applied before. */
  readonly appliedUntil: bigint;
  readonly targetBytes: number;
  /** Rows are put in the order of this field; 0n: they stay as they are. */
  readonly sortFieldId: bigint;
}

/** Deletes of level zero are written into the segments that they hit. */
export interface SpreadPlan {
  readonly kind: 'spread';
  readonly vchannel: string;
  readonly sources: readonly FlushedSegment[];
  readonly deletes: readonly FlushedSegment[];
  readonly appliedUntil: bigint;
}

export type CompactionPlan = MergePlan | SpreadPlan;

/** What of a segment's files is rows. */
export const bytesOf = ({ files }: FlushedSegment): number =>
  files.reduce((sum, { bytes, fieldIds }) => sum + (fieldIds.length === 0 ? 0 : Number(bytes)), 0);

/** Share of the rows that its own delta logs delete, about. */
export function deletedShare({ files, rowCount }: FlushedSegment): number {
  const deleted = files.reduce((sum, file) => sum + (file.fieldIds.length === 0 ? file.rowCount : 0n), 0n);
  return rowCount === 0n ? 0 : Number(deleted) / Number(rowCount);
}

/** Whether deletes of a level-zero segment may hit rows of the segment that it has not accounted for. */
export const concerns = (deletes: FlushedSegment, segment: FlushedSegment): boolean =>
  (deletes.partitionId < 0n || deletes.partitionId === segment.partitionId) &&
  deletes.timestampTo > rowsFrom(segment) &&
  deletes.timestampTo > segment.deletesAppliedUntil;

/** Deletes of level zero that any of the segments has not accounted for. */
export const deletesFor = (
  { segments }: ShardFacts,
  sources: readonly FlushedSegment[],
): readonly FlushedSegment[] =>
  segments.filter((one) => one.isLevelZero && sources.some((source) => concerns(one, source)));

/** Segments with rows that a plan may take, by partition. What was imported waits until no read can be older than its commit. */
export function freeSegments({
  segments,
  busy,
  checkpoint,
}: ShardFacts): ReadonlyMap<bigint, readonly FlushedSegment[]> {
  const free = new Map<bigint, FlushedSegment[]>();
  for (const segment of segments) {
    if (segment.isLevelZero || busy.has(segment.id) || segment.commitTimestamp > checkpoint) continue;
    const of = free.get(segment.partitionId);
    if (of === undefined) free.set(segment.partitionId, [segment]);
    else of.push(segment);
  }
  return free;
}
