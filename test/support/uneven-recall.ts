// What an index finds of the nearest rows, beside an exact search. Rows at equal distances count alike.
import type { IndexSearchInput } from '#index/block/vector-index.js';
import { exact, type Fixture, find } from './vector-index.js';

const SLACK = 1e-5;
/** @param hits scores as found, of at most `truth.length` @param truth scores of the nearest, best first */
export function shareNear(
  hits: ArrayLike<number>,
  truth: ArrayLike<number>,
  isLargerBetter: boolean,
): number {
  if (truth.length === 0) return 1;
  const last = truth[truth.length - 1] as number;
  const bound = last + (isLargerBetter ? -1 : 1) * Math.abs(last) * SLACK;
  let found = 0;
  for (let i = 0; i < hits.length; i++)
    if (isLargerBetter ? (hits[i] as number) >= bound : (hits[i] as number) <= bound) found++;
  return Math.min(1, found / truth.length);
}

export function unevenRecall(
  fixture: Fixture,
  queries: readonly Uint8Array[],
  k: number,
  rest: Partial<IndexSearchInput> = {},
): number {
  const isLargerBetter = fixture.spec.metric !== 'L2';
  const shares = queries.map((query) =>
    shareNear(find(fixture, query, k, rest).scores, exact(fixture, query, k, rest).scores, isLargerBetter),
  );
  return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
}
