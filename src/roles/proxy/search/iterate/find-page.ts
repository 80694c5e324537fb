// A page of a search iterator: the next hits behind those that were answered. The time is held from the first page on, and no index is asked, so
// that pages fit together. Hits of equal scores are in the order of their keys. A page that holds hits of several scores ends between two of them; one
// that begins with more hits of one score than it holds ends among these, where every client that it may be for goes on rightly from there
// (`iterator-token.ts`), and else has all of them.

import { scoreBehind } from '#index/block/score-behind.js';
import { type Key, keyAt } from '#model/columns/column.js';
import { TOP_K_MAX } from '#model/params/search-params.js';
import { isStringType } from '#model/schema/data-type.js';
import { isLargerBetter } from '#model/schema/metric-type.js';
import { findHits } from '#roles/proxy/search/find-hits.js';
import type { Found, Ranked } from '#roles/proxy/search/ranked.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { pageOfHits } from '#segment/search/merge-hits.js';
import type { IteratorPage } from './iterator-request.js';
import {
  badToken,
  endOfPage,
  fitsToken,
  mayEndAmong,
  type StartedPage,
  startOfPage,
} from './iterator-token.js';
import { allOfScore, canNarrow, type FindParts, firstOfScore, TIED_PAGE_MAX, withTopK } from './tied-hits.js';

/** The search of one page, as if it were the first. */
export interface PageSearch {
  readonly search: CheckedSearch;
  readonly page: IteratorPage;
  /** For the token of a first page. */
  readonly newId: string;
}

interface FoundPage extends Found {
  /** The last key, where more hits of its score follow. */
  readonly lastKey?: Key | undefined;
  /** The score of the hit behind the page, when that is known and another one. */
  readonly nextScore?: number | undefined;
}

/** @throws cancelled, deadline_exceeded, invalid_parameter */
export async function findPage(find: FindParts, asked: PageSearch): Promise<Ranked> {
  const { search, page, newId } = asked;
  const { token, lastBound } = page;
  checkKey(search, token?.end?.key);
  const isLarger = isLargerBetter(search.plan.metric);
  const started = startOfPage(token, lastBound, isLarger);
  const found = await pageFrom(find, asked, started);
  const { answers, hits, lastKey, nextScore } = found;
  const lastScore = hits.scores.at(-1) ?? lastBound ?? 0;
  const answered = { lastScore, lastKey, nextScore: canNarrow(search) ? nextScore : undefined };
  return { answers, hits, iterator: endOfPage(token, started, answered, isLarger, newId) };
}

/** A token of another collection may have a key of another type. */
function checkKey({ plan: { primary } }: CheckedSearch, key: Key | undefined): void {
  if (key !== undefined && isStringType(primary.dataType) !== (typeof key === 'string')) throw badToken();
}

async function pageFrom(find: FindParts, asked: PageSearch, started: StartedPage): Promise<FoundPage> {
  const { start } = started;
  if (start.kind === 'behind') return pageBehind(find, asked, started, start.score);
  const { score, key, skipsPage } = start;
  if (!canNarrow(asked.search)) throw badToken();
  const tied = await pageAmong(find, asked, started, score, key, skipsPage);
  return tied.hits.rows.length > 0 ? tied : pageBehind(find, asked, started, score);
}

async function pageBehind(
  find: FindParts,
  asked: PageSearch,
  started: StartedPage,
  score: number | undefined,
): Promise<FoundPage> {
  const { batchSize } = asked.page;
  const search = score === undefined ? asked.search : searchBehind(asked.search, score);
  // One more than the page: whether it parts equal scores.
  const topK = Math.min(TOP_K_MAX, batchSize + 1);
  const { answers, hits } = await findHits(find.parts, withTopK(search, topK), find.pace, find.context);
  const { scores } = hits;
  const last = scores[batchSize - 1];
  if (last === undefined || (scores.length === batchSize && batchSize < TOP_K_MAX)) return { answers, hits };
  const next = scores[batchSize];
  if (next !== undefined && next !== last)
    return { answers, hits: pageOfHits(hits, 0, batchSize), nextScore: next };
  const first = scores.indexOf(last);
  if (first > 0) return { answers, hits: pageOfHits(hits, 0, first), nextScore: last };
  return pageAmong(find, { ...asked, search }, started, last, undefined, false);
}

/** Hits of one score behind a key. */
async function pageAmong(
  find: FindParts,
  { search, page }: PageSearch,
  { use }: StartedPage,
  score: number,
  key: Key | undefined,
  skipsPage: boolean,
): Promise<FoundPage> {
  const count = Math.min(page.batchSize, TIED_PAGE_MAX);
  const tied = { search, score, key };
  if (canNarrow(search) && mayEndAmong(page.token, use, score, isLargerBetter(search.plan.metric))) {
    const { answers, hits, hasMore } = await firstOfScore(find, tied, count);
    if (!hasMore) return { answers, hits };
    const lastKey = keyAt(hits.keys, count - 1);
    if (fitsToken(lastKey)) return { answers, hits, lastKey };
  }
  const { answers, hits } = await allOfScore(find, tied);
  return { answers, hits: skipsPage ? pageOfHits(hits, count, hits.rows.length) : hits };
}

function searchBehind(search: CheckedSearch, score: number): CheckedSearch {
  const { plan, range } = search;
  const isLarger = isLargerBetter(plan.metric);
  const next = scoreBehind(score, isLarger);
  // Behind the worst infinity: a range that nothing is in.
  if (next === score) return { ...search, range: { radius: next, rangeFilter: next } };
  const asked = range.rangeFilter;
  const rangeFilter = asked === undefined ? next : isLarger ? Math.min(asked, next) : Math.max(asked, next);
  return { ...search, range: { ...range, rangeFilter } };
}
