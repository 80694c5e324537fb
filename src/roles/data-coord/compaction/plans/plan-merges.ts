// Which segments become one. By themselves: as many of one size as make one of the next size, so that each row is rewritten once for each
// size; and those of which many rows are deleted. For a client: everything. Pure: the same facts give the same plans.
import { type FlushedSegment, rowsFrom } from '#model/states/segment.js';
import {
  bytesOf,
  deletedShare,
  deletesFor,
  freeSegments,
  type MergePlan,
  type ShardFacts,
} from './shard-facts.js';

/** Segments of one size that become one of the next size, which holds so many times as much. */
const FAN_IN = 4;
/** Sizes below count as one, in bytes. */
const SMALLEST_BYTES = 1 << 20;
/** A segment that is so large a part of what segments may be stays as it is. */
const LARGE_SHARE = 0.75;
/** A segment of which so many rows are deleted is written anew. */
const DELETED_SHARE_MIN = 0.2;
/** Segments of one plan: more wait for the next. */
const SOURCES_MAX = 64;
/** One plan of a client's compaction that sorts rows takes so many times the size of a segment. */
const SORTED_SEGMENTS = 4;

export interface MergeLimits {
  /** How large segments are to be, in bytes. */
  readonly targetBytes: number;
  /** Segments up to this size count as one size, in bytes; left out: 1 MiB. */
  readonly smallestBytes?: number;
  /** Which part of its rows has expired; above 0 where a row has. Left out: none. */
  readonly expiredShare?: (segment: FlushedSegment) => number;
}

/** What is worth merging without being asked. No two plans share a segment. */
export function planMerges(facts: ShardFacts, limits: MergeLimits): readonly MergePlan[] {
  const plans: MergePlan[] = [];
  for (const free of freeSegments(facts).values()) {
    const { expiredShare = () => 0 } = limits;
    const worn = free.filter((segment) => deletedShare(segment) + expiredShare(segment) >= DELETED_SHARE_MIN);
    // Fewer rows than before: never a reason for two segments.
    for (const segment of worn)
      plans.push(mergeOf(facts, [segment], Math.max(limits.targetBytes, bytesOf(segment))));
    const rest = free.filter((segment) => !worn.includes(segment));
    for (const group of fullTiers(rest, limits)) plans.push(mergeOf(facts, group, limits.targetBytes));
  }
  return plans;
}

/** Tier 0: up to the smallest size; each further one up to four times as much. */
const tierOf = (bytes: number, smallestBytes: number): number =>
  bytes <= smallestBytes ? 0 : Math.ceil(Math.log(bytes / smallestBytes) / Math.log(FAN_IN));

function fullTiers(
  segments: readonly FlushedSegment[],
  { targetBytes, smallestBytes = SMALLEST_BYTES }: MergeLimits,
): readonly (readonly FlushedSegment[])[] {
  const tiers = new Map<number, FlushedSegment[]>();
  for (const segment of inOrder(segments)) {
    const bytes = bytesOf(segment);
    if (bytes >= targetBytes * LARGE_SHARE) continue;
    const tier = tierOf(bytes, smallestBytes);
    const of = tiers.get(tier);
    if (of === undefined) tiers.set(tier, [segment]);
    else of.push(segment);
  }
  const full = [...tiers.values()].filter((of) => of.length >= FAN_IN);
  return full.flatMap((of) => packed(of, targetBytes).filter((group) => group.length > 1));
}

/** Everything that a client's compaction is for. @param major in the order of the field, if it is one that sorts */
export function planForced(
  facts: ShardFacts,
  limits: MergeLimits,
  wanted: { readonly sortFieldId: bigint },
): readonly MergePlan[] {
  const { targetBytes, expiredShare = () => 0 } = limits;
  const { sortFieldId } = wanted;
  const plans: MergePlan[] = [];
  for (const free of freeSegments(facts).values()) {
    const most = sortFieldId === 0n ? targetBytes : targetBytes * SORTED_SEGMENTS;
    for (const group of packed(inOrder(free), most)) {
      const plan = mergeOf(facts, group, targetBytes, sortFieldId);
      const isWorth =
        group.length > 1 ||
        sortFieldId !== 0n ||
        plan.deletes.length > 0 ||
        group.some(
          (segment) =>
            deletedShare(segment) > 0 || expiredShare(segment) > 0 || bytesOf(segment) > targetBytes * 2,
        );
      if (isWorth) plans.push(plan);
    }
  }
  return plans;
}

/** Neighbours together as long as they fit. */
function packed(
  segments: readonly FlushedSegment[],
  bytesMax: number,
): readonly (readonly FlushedSegment[])[] {
  const groups: FlushedSegment[][] = [];
  let bytes = 0;
  for (const segment of segments) {
    const own = bytesOf(segment);
    const group = groups.at(-1);
    if (group === undefined || bytes + own > bytesMax || group.length >= SOURCES_MAX) {
      groups.push([segment]);
      bytes = own;
    } else {
      group.push(segment);
      bytes += own;
    }
  }
  return groups;
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
/** In the order in which their rows were written, so that rows of a merged segment mostly are, too. */
const inOrder = (segments: readonly FlushedSegment[]): readonly FlushedSegment[] =>
  [...segments].sort((a, b) => order(rowsFrom(a), rowsFrom(b)) || order(a.id, b.id));

export const mergeOf = (
  facts: ShardFacts,
  sources: readonly FlushedSegment[],
  targetBytes: number,
  sortFieldId = 0n,
): MergePlan => ({
  kind: 'merge',
  vchannel: facts.vchannel,
  sources,
  deletes: deletesFor(facts, sources),
  appliedUntil: facts.checkpoint,
  targetBytes,
  sortFieldId,
});
