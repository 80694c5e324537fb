// The page of a search whose hits are grouped: the groups of the page one after another, each with its hits, best first.
import { keyAt } from '#model/columns/column.js';
import type { GroupScorer } from '#model/params/grouping-params.js';
import type { FieldData } from '#proto/milvus/schema.js';
import type { HitPage } from '#roles/proxy/search/rank-hits.js';
import { roundScores } from '#roles/proxy/search/rank-hits.js';
import type { Found, Ranked } from '#roles/proxy/search/ranked.js';
import type { Hits } from '#segment/search/hits.js';
import { pickHits } from '#segment/search/merge-hits.js';
import { GroupCollector, type HitGroup } from './group-collector.js';
import { type GroupValue, groupField } from './group-values.js';
import type { Grouping } from './grouping.js';

/** Groups of each query, in the order of the answer; hits by their numbers among all that were found. */
export interface OrderedGroups {
  readonly found: Found;
  readonly groups: readonly (readonly HitGroup[])[];
}

/** @param zone of times among the values */
export function rankGroups(
  { found, groups }: OrderedGroups,
  { keys }: Grouping,
  { offset, limit, roundDecimal }: HitPage,
  zone: string | undefined,
): Ranked {
  const counts = new Uint32Array(groups.length);
  const chosen: number[] = [];
  const values: (readonly GroupValue[])[] = [];
  for (const [query, of] of groups.entries()) {
    for (const group of of.slice(offset, offset + limit)) {
      for (const { number } of group.hits) {
        chosen.push(number);
        values.push(group.values);
      }
      counts[query] = (counts[query] ?? 0) + group.hits.length;
    }
  }
  const groupValues: FieldData[] = keys.map((key, at) =>
    groupField(
      key,
      values.map((of) => of[at] ?? null),
      zone,
    ),
  );
  const hits = roundScores(pickHits(found.hits, Uint32Array.from(chosen), counts), roundDecimal);
  return { ...found, hits, groupValues };
}

/** The hits of the groups of each query, best first: what a search gives to a hybrid search. */
export function hitsOfGroups({ found, groups }: OrderedGroups, isLargerBetter: boolean): Hits {
  const counts = new Uint32Array(groups.length);
  const chosen: number[] = [];
  const sign = isLargerBetter ? -1 : 1;
  for (const [query, of] of groups.entries()) {
    const hits = of.flatMap((group) => group.hits);
    hits.sort((a, b) => sign * (a.score - b.score) || (a.key < b.key ? -1 : Number(a.key > b.key)));
    for (const { number } of hits) chosen.push(number);
    counts[query] = hits.length;
  }
  return pickHits(found.hits, Uint32Array.from(chosen), counts);
}

/** Hits that have their last scores, as groups by the score that their hits give them. */
export function scoredGroups(
  hits: Hits,
  values: readonly (readonly GroupValue[])[],
  { size, scorer }: Grouping,
  isLargerBetter: boolean,
): HitGroup[][] {
  const groups: HitGroup[][] = [];
  const sign = isLargerBetter ? -1 : 1;
  let at = 0;
  for (const count of hits.counts) {
    const collector = new GroupCollector(size, isLargerBetter);
    for (const end = at + count; at < end; at++)
      collector.add(values[at] ?? [], {
        key: keyAt(hits.keys, at),
        score: hits.scores[at] as number,
        number: at,
      });
    const all = collector.best(Number.MAX_SAFE_INTEGER);
    const scores = new Map(all.map((group) => [group, groupScore(group, scorer, isLargerBetter)]));
    // Groups of equal scores stay in the order of their best hits.
    groups.push([...all].sort((a, b) => sign * ((scores.get(a) ?? 0) - (scores.get(b) ?? 0))));
  }
  return groups;
}

function groupScore({ hits }: HitGroup, scorer: GroupScorer, isLargerBetter: boolean): number {
  const scores = hits.map(({ score }) => score);
  // The best of them, whichever way is better.
  if (scorer === 'max') return isLargerBetter ? Math.max(...scores) : Math.min(...scores);
  const sum = scores.reduce((total, score) => total + score, 0);
  return scorer === 'sum' ? sum : sum / scores.length;
}
