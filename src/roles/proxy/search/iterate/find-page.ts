// A page of a search iterator: the next hits strictly behind the score of the last one. The time is held from the first page on, and no index is
// asked, so that pages fit together. Hits of equal scores are never parted, or a page would have to say how many of them it had: a page ends
// before hits that do not all fit, and has more than was asked for only where all of it is one score.

import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { RESULT_ENTRIES_MAX } from '#model/answer-bounds.js';
import { TOP_K_MAX } from '#model/params/search-params.js';
import { isLargerBetter } from '#model/schema/metric-type.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { SearchIteratorV2Results } from '#proto/milvus/schema.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { findHits } from '#roles/proxy/search/find-hits.js';
import type { Found, Ranked } from '#roles/proxy/search/ranked.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import type { Hits } from '#segment/search/hits.js';
import { appendHits, pageOfHits } from '#segment/search/merge-hits.js';
import type { IteratorPage } from './iterator-request.js';
import { scoreBehind } from './score-behind.js';

/** The search of one page, without the bound behind which it begins. */
export interface PageSearch {
  readonly search: CheckedSearch;
  readonly page: IteratorPage;
  readonly token: string;
}

type FindParts = Pick<ProxyParts, 'streamingNode'>;

/** @throws cancelled, deadline_exceeded, invalid_parameter */
export async function findPage(
  parts: FindParts,
  { search, page, token }: PageSearch,
  pace: Pace,
  context: CallContext,
): Promise<Ranked> {
  const { batchSize, lastBound } = page;
  const behind = lastBound === undefined ? search : searchBehind(search, lastBound);
  // One more than the page: whether it parts equal scores.
  const found = await findHits(parts, withTopK(behind, Math.min(TOP_K_MAX, batchSize + 1)), pace, context);
  const hits = await wholeScores(parts, behind, found, batchSize, pace, context);
  const iterator: SearchIteratorV2Results = {
    token,
    lastBound: hits.scores.at(-1) ?? lastBound ?? 0,
  };
  return { answers: found.answers, hits, iterator };
}

function searchBehind(search: CheckedSearch, bound: number): CheckedSearch {
  const { plan, range } = search;
  const isLarger = isLargerBetter(plan.metric);
  const next = scoreBehind(bound, isLarger);
  const asked = range.rangeFilter;
  const rangeFilter = asked === undefined ? next : isLarger ? Math.min(asked, next) : Math.max(asked, next);
  return { ...search, range: { ...range, rangeFilter } };
}

const withTopK = (search: CheckedSearch, topK: number): CheckedSearch => ({ ...search, topK });

/** So many of the hits that no score is parted. */
async function wholeScores(
  parts: FindParts,
  search: CheckedSearch,
  { hits }: Found,
  batchSize: number,
  pace: Pace,
  context: CallContext,
): Promise<Hits> {
  const { scores } = hits;
  if (scores.length < batchSize) return hits;
  const last = scores[batchSize - 1] as number;
  if (scores.length > batchSize && scores[batchSize] !== last) return pageOfHits(hits, 0, batchSize);
  if (scores.length === batchSize && batchSize < TOP_K_MAX) return hits;
  const first = scores.indexOf(last);
  if (first > 0) return pageOfHits(hits, 0, first);
  return allOfScore(parts, search, last, pace, context);
}

/** Every hit of one score, which is the best there is. */
async function allOfScore(
  parts: FindParts,
  search: CheckedSearch,
  score: number,
  pace: Pace,
  context: CallContext,
): Promise<Hits> {
  const { plan } = search;
  const keyField = { fieldId: plan.primary.fieldID, dataType: plan.primary.dataType };
  const rounds: Hits[] = [];
  let total = 0;
  for (;;) {
    const { hits } = await findHits(parts, withTopK(withoutHits(search, rounds), TOP_K_MAX), pace, context);
    const count = hits.scores.findIndex((one) => one !== score);
    rounds.push(count < 0 ? hits : pageOfHits(hits, 0, count));
    total += rounds.at(-1)?.rows.length ?? 0;
    if (total > RESULT_ENTRIES_MAX) throw tooMany(total, score);
    if (count >= 0 || hits.rows.length < TOP_K_MAX) break;
    if (plan.ofElements) throw tooMany(total, score);
    await pace.rest();
  }
  const all = appendHits(rounds, keyField);
  return { ...all, counts: Uint32Array.of(total) };
}

function withoutHits(search: CheckedSearch, rounds: readonly Hits[]): CheckedSearch {
  const count = rounds.reduce((sum, { rows }) => sum + rows.length, 0);
  const segmentIds = new BigInt64Array(count);
  const rows = new Uint32Array(count);
  let at = 0;
  for (const round of rounds) {
    segmentIds.set(round.segmentIds, at);
    rows.set(round.rows, at);
    at += round.rows.length;
  }
  const { toShards } = search;
  return {
    ...search,
    toShards: { ...toShards, excludedSegmentIds: bytesView(segmentIds), excludedRows: bytesView(rows) },
  };
}

const tooMany = (count: number, score: number): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `at least ${count} hits have the score ${score}, which is more than a page can hold; narrow the iterator with a filter: invalid parameter`,
  );
