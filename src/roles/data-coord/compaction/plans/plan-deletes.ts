// Deletes of level zero: when they are written into the segments that they hit, and when nobody needs them any more. Pure.
import type { FlushedSegment } from '#model/states/segment.js';
import { concerns, freeSegments, type ShardFacts, type SpreadPlan } from './shard-facts.js';

/** Level-zero segments of a shard, and bytes of them, from which on they are spread. */
const SPREAD_SEGMENTS_MIN = 8;
const SPREAD_BYTES_MIN = 64 << 20;
/** Segments of one plan, which is one transaction. */
const SEGMENTS_MAX = 32;

/** Level-zero segments that every segment has accounted for: no row is left that one of their deletes could hit. */
export function planRetired({
  segments,
  busy,
  checkpoint,
  hasImports,
}: ShardFacts): readonly FlushedSegment[] {
  if (hasImports) return [];
  const withRows = segments.filter(({ isLevelZero }) => !isLevelZero);
  return segments.filter(
    (one) =>
      one.isLevelZero &&
      !busy.has(one.id) &&
      // What is not in files yet is newer than these deletes.
      one.timestampTo <= checkpoint &&
      withRows.every((segment) => !concerns(one, segment)),
  );
}

/** @returns undefined while there are few. @param fewest level-zero segments that are worth it */
export function planSpread(facts: ShardFacts, fewest = SPREAD_SEGMENTS_MIN): SpreadPlan | undefined {
  const { segments, checkpoint, vchannel } = facts;
  // Others could not go afterwards.
  const ripe = segments.filter((one) => one.isLevelZero && one.timestampTo <= checkpoint);
  const bytes = ripe.flatMap(({ files }) => files).reduce((sum, file) => sum + Number(file.bytes), 0);
  if (ripe.length < fewest && bytes < SPREAD_BYTES_MIN) return undefined;
  const hit = [...freeSegments(facts).values()]
    .flat()
    .filter((segment) => ripe.some((one) => concerns(one, segment)))
    .slice(0, SEGMENTS_MAX);
  if (hit.length === 0) return undefined;
  // All that concern them, ripe or not: `appliedUntil` is a promise about all deletes until the checkpoint.
  const deletes = segments.filter((one) => one.isLevelZero && hit.some((segment) => concerns(one, segment)));
  return { kind: 'spread', vchannel, sources: hit, deletes, appliedUntil: checkpoint };
}
