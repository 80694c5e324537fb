// What index files that are missing wait for: a build that runs, their turn, or the end of the pause after a build that failed.
import { ElanusError } from '#base/errors.js';
import {
  type Explained,
  explanation,
  parseOperationKind,
  timeText,
  type Wait,
} from '#model/states/explained.js';
import { finishedFile } from '#model/states/index-file.js';
import type { CollectionRecord, IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema, FunctionSchema } from '#proto/milvus/schema.js';
import type { IndexFailure } from '#roles/root-coord/indexes/index-failures.js';

export interface CurrentBuild extends Wait {
  readonly segmentId: bigint;
  readonly indexId: bigint;
}

export interface BuildFacts {
  readonly rowsMin: number;
  /** The build that runs; builds run one at a time. */
  readonly current: CurrentBuild | undefined;
  readonly failuresOf: (indexId: bigint) => readonly IndexFailure[];
  /** Since when a collection waits for a look, or is looked at. */
  readonly looks: ReadonlyMap<bigint, number>;
}

/**
 * Whether the rows were written before the field was added: no file has a value of it, all have the default or null, and there is nothing to
 * build an index of. It counts as indexed, like a segment of few rows.
 */
export const isOlder = ({ files }: SegmentRecord, { fieldId }: IndexRecord): boolean =>
  files.some(({ fieldIds }) => fieldIds.length > 0) &&
  !files.some(({ fieldIds }) => fieldIds.includes(fieldId));

/** The function that makes the field of the index, where the segment lacks what it makes: it is written anew, with it, and that one gets a file. */
const awaited = (segment: SegmentRecord, index: IndexRecord, schema: CollectionSchema | undefined) =>
  isOlder(segment, index)
    ? schema?.functions.find(({ outputFieldIds }) => outputFieldIds.includes(index.fieldId))
    : undefined;

/** Whether the segment is to get a file of the index and has none, or is to be replaced by one that will. */
export const isMissing = (
  segment: SegmentRecord,
  index: IndexRecord,
  { rowsMin, schema }: { readonly rowsMin: number; readonly schema: CollectionSchema | undefined },
): boolean =>
  awaited(segment, index, schema) !== undefined ||
  (segment.rowCount >= rowsMin &&
    finishedFile(segment.indexes, index.id) === undefined &&
    !isOlder(segment, index));

/** @throws invalid_parameter */
export async function explainIndexes(
  text: string,
  collections: readonly CollectionRecord[],
  list: (collectionId: bigint) => Promise<readonly SegmentRecord[]>,
  facts: BuildFacts,
) {
  const kind = parseOperationKind(text);
  if (kind !== 'index')
    throw new ElanusError('invalid_parameter', `root-coord runs no operations of kind ${kind}`);
  const all: Explained[] = [];
  for (const collection of collections) {
    if (collection.indexes.length === 0) continue;
    const segments = (await list(collection.id)).filter(({ isLevelZero }) => !isLevelZero);
    for (const index of collection.indexes) all.push(...ofIndex(collection, index, segments, facts));
  }
  return explanation(kind, all);
}

function ofIndex(
  { id: collectionId, schema }: CollectionRecord,
  index: IndexRecord,
  segments: readonly SegmentRecord[],
  facts: BuildFacts,
): Explained[] {
  const missing = segments.filter((segment) => isMissing(segment, index, { ...facts, schema }));
  if (missing.length === 0) return [];
  const failures = new Map(facts.failuresOf(index.id).map((failure) => [failure.segmentId, failure]));
  const progress = (100 * (segments.length - missing.length)) / segments.length;
  return missing.map((segment) => ({
    ...{ collectionId, what: `index ${index.name} of segment ${segment.id}`, progress },
    ...(ofBackfill(segment, awaited(segment, index, schema)) ??
      stateOf(segment, index, failures.get(segment.id), facts)),
  }));
}

const ofBackfill = (
  segment: SegmentRecord,
  made: FunctionSchema | undefined,
): (Wait & { readonly state: string }) | undefined =>
  made && {
    ...{ state: 'waiting', sinceMs: writtenMs(segment) },
    waitsFor: `the segment to be written anew with what function ${made.name} makes (explain compaction)`,
  };

function stateOf(
  segment: SegmentRecord,
  { id }: IndexRecord,
  failure: IndexFailure | undefined,
  { current, looks }: BuildFacts,
): Wait & { readonly state: string } {
  if (current?.segmentId === segment.id && current.indexId === id)
    return { state: 'building', waitsFor: current.waitsFor, sinceMs: current.sinceMs };
  if (failure !== undefined) {
    const next = failure.isPausing
      ? `the next try at ${timeText(failure.failedMs + failure.pauseMs)}`
      : 'its turn';
    return {
      state: failure.isPausing ? 'failed' : 'waiting',
      waitsFor: `${next}; the last failed: ${failure.reason}`,
      sinceMs: failure.sinceMs,
    };
  }
  const lookMs = looks.get(segment.collectionId);
  // Ids alone: what is built now may be of a collection that the caller may not see.
  const after = current === undefined ? '' : `, after the build for segment ${current.segmentId}`;
  const waitsFor = lookMs === undefined ? 'the next look for missing indexes' : `its turn${after}`;
  return { state: 'waiting', waitsFor, sinceMs: lookMs ?? writtenMs(segment) };
}

const writtenMs = ({ commitTimestamp, timestampTo }: SegmentRecord): number =>
  Number((commitTimestamp === 0n ? timestampTo : commitTimestamp) >> 18n);
