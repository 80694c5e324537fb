// Chooses between segments that were compacted and what they became: the sources are served on as long as they are served anyway and have
// indexes that the new ones will have, and have not yet. Either way each row is in one segment of the choice. Pure.
import type { IndexRecord, SegmentRecord } from '#proto/elanus/data.js';

export interface ServedChoice {
  readonly segments: readonly SegmentRecord[];
  /** Replaced ones that are not among them. */
  readonly replaced: readonly SegmentRecord[];
}

export interface ChoiceView {
  readonly indexes: readonly Pick<IndexRecord, 'id'>[];
  readonly isServed: (segmentId: bigint) => boolean;
}

/** @param flushed segments with rows. @param replaced what they were compacted from, as far as its files are there */
export function chooseServed(
  flushed: readonly SegmentRecord[],
  replaced: readonly SegmentRecord[],
  { indexes, isServed }: ChoiceView,
): ServedChoice {
  const gone = new Map(replaced.map((segment) => [segment.id, segment]));
  const heirs = new Map(flushed.map((segment) => [segment.id, segment]));
  const waiting = new Map<bigint, readonly SegmentRecord[]>();
  for (const segment of flushed) {
    const sources = servedSources(segment, gone, isServed);
    if (sources === undefined || waiting.has(segment.id)) continue;
    if (!indexes.some(({ id }) => isMissing(id, segment, sources))) continue;
    const kin = kinOf(segment, { gone, heirs, isServed });
    for (const [id, own] of kin ?? []) waiting.set(id, own);
  }
  const kept = new Map([...waiting.values()].flat().map((segment) => [segment.id, segment]));
  return {
    segments: [...flushed.filter(({ id }) => !waiting.has(id)), ...kept.values()],
    replaced: replaced.filter(({ id }) => !kept.has(id)),
  };
}

const hasIndex = ({ indexes }: SegmentRecord, indexId: bigint): boolean =>
  indexes.some((file) => file.indexId === indexId && file.state === 'finished');

/** A source that is no larger was worth an index, so the new one will get it. */
const isMissing = (indexId: bigint, segment: SegmentRecord, sources: readonly SegmentRecord[]): boolean =>
  !hasIndex(segment, indexId) &&
  sources.some((source) => hasIndex(source, indexId) && source.rowCount <= segment.rowCount);

/** Served segments that together have the rows of this one, and perhaps of its kin; undefined: they are not all served. */
function servedSources(
  { compactedFrom }: SegmentRecord,
  gone: ReadonlyMap<bigint, SegmentRecord>,
  isServed: ChoiceView['isServed'],
): readonly SegmentRecord[] | undefined {
  if (compactedFrom.length === 0) return undefined;
  const sources: SegmentRecord[] = [];
  for (const id of compactedFrom) {
    const source = gone.get(id);
    if (source === undefined) return undefined;
    const own = isServed(id) ? [source] : servedSources(source, gone, isServed);
    if (own === undefined) return undefined;
    sources.push(...own);
  }
  return [...new Set(sources)];
}

/** All new segments that share sources with this one, with the sources of each; undefined: some cannot be served by their sources. */
function kinOf(
  first: SegmentRecord,
  {
    gone,
    heirs,
    isServed,
  }: {
    readonly gone: ReadonlyMap<bigint, SegmentRecord>;
    readonly heirs: ReadonlyMap<bigint, SegmentRecord>;
    readonly isServed: ChoiceView['isServed'];
  },
): ReadonlyMap<bigint, readonly SegmentRecord[]> | undefined {
  const kin = new Map<bigint, readonly SegmentRecord[]>();
  const queue = [first];
  for (let segment = queue.pop(); segment !== undefined; segment = queue.pop()) {
    if (kin.has(segment.id)) continue;
    const sources = servedSources(segment, gone, isServed);
    if (sources === undefined) return undefined;
    kin.set(segment.id, sources);
    for (const source of sources)
      for (const id of heirsOf(source, gone)) {
        const heir = heirs.get(id);
        if (heir !== undefined) queue.push(heir);
      }
  }
  return kin;
}

function heirsOf({ compactedTo }: SegmentRecord, gone: ReadonlyMap<bigint, SegmentRecord>): bigint[] {
  return compactedTo.flatMap((id) => {
    const next = gone.get(id);
    return next === undefined ? [id] : heirsOf(next, gone);
  });
}
