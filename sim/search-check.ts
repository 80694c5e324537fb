// Compares one search with brute force over what the model knows: every hit, score and rank. Where a write is under way a key has
// several possible rows, and the check takes the one that excuses the answer; where all is certain nothing is excused.
import type { Hit } from './client.js';
import type { IndexChoice, SimMetric } from './collection-spec.js';
import { type ReadWindow, Violation } from './model.js';
import { badness, SCORE_TOLERANCE, scoreOf } from './scores.js';

export interface SearchFacts {
  readonly name: string;
  readonly metric: SimMetric;
  readonly index: IndexChoice;
  readonly query: Float32Array;
  readonly topK: number;
}

/** How far scores of codes may be off: vectors lie in [-1, 1]. */
const CODE_TOLERANCE = 0.1;
/** Share of the nearest that are certain which one search of an approximate index must find. */
const RECALL_FLOOR = 0.6;

export function checkHits(read: ReadWindow, facts: SearchFacts, hits: readonly Hit[]): void {
  const { name, metric, index, query, topK } = facts;
  const tolerance = index.hasExactScores ? SCORE_TOLERANCE : CODE_TOLERANCE;
  const fail = (promise: string, fact: string): never => {
    throw new Violation(`${promise}: ${name} ${fact}`);
  };
  if (hits.length > topK) fail('a search is wrong', `answered ${hits.length} hits, asked for ${topK}`);
  const seen = new Set<number>();
  let last = Number.NEGATIVE_INFINITY;
  for (const [rank, hit] of hits.entries()) {
    const { key, score, version } = hit;
    if (seen.has(key)) fail('a search is wrong', `answered key ${key} twice`);
    seen.add(key);
    const possible = read.possible.get(key);
    const copies = read.copies.get(key);
    if (possible === undefined || (possible.size === 1 && possible.has(0) && copies === undefined))
      fail('a deleted row came back', `search found key ${key}, which is absent`);
    if (version === 0 || !(possible?.has(version) || copies?.has(version)))
      fail(
        'a search is wrong',
        `found key ${key} v${version}, expected ${[...(possible ?? []), ...(copies ?? [])].join(' or ')}`,
      );
    // The text and the score may be of different rows only while the key has several.
    const versions = [...(possible ?? []), ...(copies ?? [])].filter((one) => one > 0);
    const expected = versions.map((one) => scoreOf(metric, query, key, one));
    if (!expected.some((one) => Math.abs(one - score) <= tolerance))
      fail(
        'a search is wrong',
        `key ${key} at rank ${rank} has score ${score}, expected ${expected.join(' or ')}`,
      );
    if (metric === 'COSINE' && Math.abs(score) > 1)
      fail('a score is out of range', `key ${key} at rank ${rank} has score ${score}`);
    if (badness(metric, score) < last - (index.hasExactScores ? 0 : CODE_TOLERANCE))
      fail(
        'a search is wrong',
        `rank ${rank} (key ${key}, score ${score}) is better than the rank before it`,
      );
    last = badness(metric, score);
  }
  if (read.isWhole) checkComplete(read, facts, hits, seen, tolerance, fail);
}

/** No certain row that is better than the worst hit is missing; fewer hits than asked for are all there is. */
function checkComplete(
  read: ReadWindow,
  { metric, index, query, topK }: SearchFacts,
  hits: readonly Hit[],
  seen: ReadonlySet<number>,
  tolerance: number,
  fail: (promise: string, fact: string) => never,
): void {
  const worst = hits.length < topK ? Number.POSITIVE_INFINITY : badness(metric, hits.at(-1)?.score ?? 0);
  const due: { readonly key: number; readonly bad: number }[] = [];
  for (const [key, versions] of read.possible) {
    if (versions.has(0)) continue;
    const bad = Math.max(
      ...[...versions, ...(read.copies.get(key) ?? [])].map((version) =>
        badness(metric, scoreOf(metric, query, key, version)),
      ),
    );
    if (bad < worst - 2 * tolerance) due.push({ key, bad });
  }
  due.sort((a, b) => a.bad - b.bad);
  const nearest = due.slice(0, topK);
  const missing = nearest.filter(({ key }) => !seen.has(key));
  if (missing.length === 0) return;
  const [first] = missing;
  if (index.isExact)
    fail(
      'an acknowledged row is lost',
      `search does not find key ${first?.key}, which should be at rank ${nearest.findIndex(({ key }) => key === first?.key)} of ${topK}`,
    );
  if (missing.length > nearest.length * (1 - RECALL_FLOOR))
    fail(
      'a search misses too much',
      `${index.type} does not find ${missing.length} of the ${nearest.length} nearest`,
    );
}
