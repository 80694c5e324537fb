// Hits of several searches become one list by key: what each search says of a hit is a contribution to its score. Ties by key, as everywhere.
import { assertNever } from '#base/assert.js';
import { type Key, keyAt } from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import type { Pace } from '#platform/pace.js';
import type { Hits, KeyField } from '#segment/search/hits.js';
import { joinHits, pickHits } from '#segment/search/merge-hits.js';

export interface Fusion {
  /** Whether the larger of the scores that come out is better. */
  readonly isLargerBetter: boolean;
  readonly combine: 'sum' | 'max' | 'avg';
  /** @param leg number of the search @param rank of the hit in it, from 0 */
  contribution(leg: number, score: number, rank: number): number;
}

interface Fused {
  score: number;
  found: number;
  /** The newest row of the key, by its number among all hits. */
  number: number;
  timestamp: bigint;
}

/** Every hit of every search, best first, each key once. @throws cancelled, deadline_exceeded */
export async function fuseHits(
  legs: readonly Hits[],
  fusion: Fusion,
  { queryCount, keyField }: { readonly queryCount: number; readonly keyField: KeyField },
  pace: Pace,
): Promise<Hits> {
  const begins = legs.map(() => 0);
  const bases: number[] = [];
  let total = 0;
  for (const { rows } of legs) {
    bases.push(total);
    total += rows.length;
  }
  const counts = new Uint32Array(queryCount);
  const chosen = new Uint32Array(total);
  const scores = new Float32Array(total);
  let at = 0;
  for (let query = 0; query < queryCount; query++) {
    const byKey = new Map<Key, Fused>();
    for (const [leg, hits] of legs.entries()) {
      const begin = begins[leg] as number;
      const count = hits.counts[query] as number;
      begins[leg] = begin + count;
      for (let rank = 0; rank < count; rank++)
        addHit(byKey, hits, begin + rank, {
          number: (bases[leg] as number) + begin + rank,
          contribution: fusion.contribution(leg, hits.scores[begin + rank] as number, rank),
          combine: fusion.combine,
        });
    }
    const fused = inOrder(byKey, fusion);
    for (const { number, score } of fused) {
      chosen[at] = number;
      scores[at++] = score;
    }
    counts[query] = fused.length;
    if (pace.isDue) await pace.rest();
  }
  const all = joinHits(legs, total, keyField);
  return { ...pickHits(all, chosen.subarray(0, at), counts), scores: scores.slice(0, at) };
}

interface Contribution {
  readonly number: number;
  readonly contribution: number;
  readonly combine: Fusion['combine'];
}

function addHit(
  byKey: Map<Key, Fused>,
  hits: Hits,
  at: number,
  { number, contribution, combine }: Contribution,
): void {
  const key = keyAt(hits.keys, at);
  const timestamp = hits.timestamps[at] as bigint;
  const known = byKey.get(key);
  if (known === undefined) {
    byKey.set(key, { score: contribution, found: 1, number, timestamp });
    return;
  }
  known.score = combined(known.score, contribution, combine);
  known.found++;
  if (timestamp <= known.timestamp) return;
  known.timestamp = timestamp;
  known.number = number;
}

function combined(score: number, contribution: number, combine: Fusion['combine']): number {
  switch (combine) {
    case 'sum':
    case 'avg':
      return score + contribution;
    case 'max':
      return Math.max(score, contribution);
    default:
      return assertNever(combine);
  }
}

function inOrder(byKey: ReadonlyMap<Key, Fused>, { combine, isLargerBetter }: Fusion) {
  // As clients get them: scores that are equal there are equal here, and keys decide.
  const scored = Array.from(byKey, ([key, { score, found, number }]) => ({
    key,
    number,
    score: Math.fround(combine === 'avg' ? score / found : score),
  }));
  const sign = isLargerBetter ? -1 : 1;
  return scored.sort((a, b) => sign * (a.score - b.score) || compareKeys(a.key, b.key));
}
