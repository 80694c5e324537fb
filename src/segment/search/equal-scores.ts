// Which of rows with equal scores a search of one segment answers: those with the smallest keys, so that a search for more hits has the same
// ones first, and pages by offset have each row once. Tasks and indexes choose by row. Where rows are in the order of their keys, as most are, that is
// the same; where they are not, one hit more than wanted shows whether the last place is contested, and only then more is looked for.
//
// An index answers what it finds: the choice is among more of that. Rows beyond counting, all of one score, are gone through in the order of keys.

import { isLargerBetter } from '#index/block/metric.js';
import { scoreBehind } from '#index/block/score-behind.js';
import { boundsOnComputed, moveIntoRange } from '#index/block/score-range.js';
import { FLAT_K_MAX } from '#index/flat/flat-search.js';
import type { MetricName } from '#model/schema/metric-type.js';
import type { Pace } from '#platform/pace.js';
import { emptyHits, type SegmentHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import type { SegmentData } from '#segment/segment-data.js';
import type { SearchHooks } from './search-hooks.js';
import { searchSegment } from './segment-search.js';

export type Queries = Pick<SegmentSearch, 'queries' | 'sparseQueries' | 'lists'>;

interface KeyedSearch {
  readonly data: SegmentData;
  readonly search: SegmentSearch;
  /** One query of those of the search. */
  readonly queryAt: (query: number) => Queries;
  readonly hooks: SearchHooks | undefined;
  readonly signal: AbortSignal;
  readonly pace: Pace;
}

/** Hits of one query, best first. */
interface HitList {
  readonly rows: Uint32Array;
  readonly scores: Float32Array;
  readonly offsets: Uint32Array | undefined;
}

/** Scores of these metrics are counts or quotients of small ones: a contested last place is the rule. */
const COUNTING: readonly MetricName[] = ['HAMMING', 'JACCARD', 'SUBSTRUCTURE', 'SUPERSTRUCTURE', 'MHJACCARD'];
const MORE_MIN = 32;
/** An index is asked for so many hits before all rows are scored. */
const moreOfIndex = (k: number): number => Math.min(FLAT_K_MAX, k * 4 + 64);
/** While it is asked for less than such a part of the rows, it is asked again: that is less work than to score all of them. */
const INDEX_SHARE = 64;
/** As many rows are scored as fast as an index is asked again. */
const FEW_ROWS_MAX = 16_384;
/** Rows that are gone through in the order of their keys at first, and at most at a time. */
const SLICE_ROWS_MIN = 1024;
const SLICE_ROWS_MAX = FLAT_K_MAX;

/** As `searchSegment`, and of rows with equal scores those with the smallest keys. @throws invalid_parameter, vector_dim_mismatch, cancelled, deadline_exceeded */
export function searchByKey(asked: KeyedSearch): Promise<SegmentHits> {
  const { data, search, signal, hooks } = asked;
  const { k } = search;
  // A limit that is no limit is refused as it is.
  if (data.ordered.isRising || k < 1 || k > FLAT_K_MAX) return searchMoved(data, search, signal, hooks);
  const wanted = Math.min(FLAT_K_MAX, k + placesBehind(asked));
  return searchMoved(data, { ...search, k: wanted }, signal, hooksFor(hooks, k)).then((found) =>
    new ContestedPlaces(asked).settle(found, wanted),
  );
}

/** A width is chosen, and learned, for the hits that were asked for. */
function hooksFor(hooks: SearchHooks | undefined, k: number): SearchHooks | undefined {
  const choose = hooks?.choose;
  if (choose === undefined) return hooks;
  return {
    ...hooks,
    choose: (vectors, index, search) => choose(vectors, index, { ...search, k: Math.min(search.k, k) }),
  };
}

/** Sums of scores have no range that rounding could leave. */
async function searchMoved(
  data: SegmentData,
  search: SegmentSearch,
  signal: AbortSignal,
  hooks?: SearchHooks,
): Promise<SegmentHits> {
  const found = await searchSegment(data, search, signal, hooks);
  if (search.lists === undefined) moveIntoRange(search.metric, found.scores);
  return found;
}

/** A scan finds more hits for the same cost; an index walks farther for them, and lists leave less out. */
function placesBehind({ data, search }: KeyedSearch): number {
  const { fieldId, metric, k } = search;
  const store = data.vectorStore(fieldId);
  const isScan = store.kind === 'dense' && store.index === undefined && store.growing === undefined;
  return isScan || COUNTING.includes(metric) ? Math.max(MORE_MIN, k) : 1;
}

class ContestedPlaces {
  readonly #asked: KeyedSearch;
  readonly #k: number;

  constructor(asked: KeyedSearch) {
    this.#asked = asked;
    this.#k = asked.search.k;
  }

  /** @param wanted the `k` that `found` was asked for */
  async settle(found: SegmentHits, wanted: number): Promise<SegmentHits> {
    const k = Math.min(this.#k, found.k);
    const lists: HitList[] = [];
    for (let query = 0; query < found.queryCount; query++) {
      lists.push(await this.#settleOne(listOf(found, query), wanted, query));
      if (this.#asked.pace.isDue) await this.#asked.pace.rest();
    }
    const [only] = lists;
    if (only === undefined || lists.length > 1) return joined(lists, k);
    const { rows, scores, offsets } = only;
    return {
      queryCount: 1,
      k,
      counts: Uint32Array.of(rows.length),
      rows,
      scores,
      ...(offsets && { offsets }),
    };
  }

  async #settleOne(found: HitList, wanted: number, query: number): Promise<HitList> {
    const first = await this.#best(found, wanted);
    if (first !== undefined) return first;
    const { pace, data, search } = this.#asked;
    await pace.rest();
    const isFile = data.vectorStore(search.fieldId).kind === 'file';
    const isAnother = this.#isByIndex && data.rowCount > FEW_ROWS_MAX && wanted < FLAT_K_MAX;
    if (!isFile && !isAnother) return this.#withTied(found, query);
    const { best, last } = await this.#moreOfIndex(wanted, query, isFile);
    if (best !== undefined) return best;
    // To score all vectors of a file takes reading them: the choice is among what was found.
    return isFile ? this.#choose(last) : this.#withTied(last, query);
  }

  /** @param isAll ask until nothing is contested, or for as many as there can be; else as long as that is little work */
  async #moreOfIndex(
    wanted: number,
    query: number,
    isAll: boolean,
  ): Promise<{ readonly best: HitList | undefined; readonly last: HitList }> {
    for (let k = moreOfIndex(wanted); ; k = moreOfIndex(k)) {
      const last = await this.#search(query, { k });
      const best = await this.#best(last, k);
      await this.#asked.pace.rest();
      const isDear = !isAll && k * INDEX_SHARE > this.#asked.data.rowCount;
      if (best !== undefined || isDear || k === FLAT_K_MAX) return { best, last };
    }
  }

  /** Whether what is found depends on an index in memory. */
  get #isByIndex(): boolean {
    const { data, search, hooks } = this.#asked;
    if (search.exact === true || hooks?.choose !== undefined) return false;
    const store = data.vectorStore(search.fieldId);
    const dense = store.kind === 'lists' ? store.elements : store;
    return dense.kind === 'dense' && (dense.index !== undefined || dense.growing !== undefined);
  }

  async #search(query: number, other: Partial<SegmentSearch>): Promise<HitList> {
    const { data, search, queryAt, signal } = this.#asked;
    return listOf(await searchMoved(data, { ...search, ...queryAt(query), ...other }, signal), 0);
  }

  /** Bounds that only this score is within. */
  #exactly(score: number): Pick<SegmentSearch, 'radius' | 'rangeFilter'> {
    const { metric, lists } = this.#asked.search;
    const behind = scoreBehind(score, isLargerBetter(metric));
    // Behind the worst infinity is nothing.
    const bounds = { ...(behind !== score && { radius: behind }), rangeFilter: score };
    return lists === undefined ? (boundsOnComputed(metric, bounds) ?? {}) : bounds;
  }

  /** The hits that are answered; undefined: perhaps more have the score of the last. @param wanted hits that were asked for */
  async #best(found: HitList, wanted: number): Promise<HitList | undefined> {
    const { scores } = found;
    const k = this.#k;
    const isWhole = scores.length < wanted;
    // Nothing else shows the last place of the largest search.
    const isSole = wanted === k && scores[k - 2] !== scores[k - 1];
    if (scores.length <= k) return isWhole || isSole ? found : undefined;
    const edge = scores[k - 1] as number;
    if (scores[k] !== edge) return part(found, 0, k);
    return isWhole || scores.at(-1) !== edge ? await this.#choose(found) : undefined;
  }

  /** The first `k` where those with the score of the last are in the order of their keys. */
  async #choose(found: HitList): Promise<HitList> {
    const { first, tied } = tiedIn(found, found.scores[this.#k - 1] as number);
    return chained([part(found, 0, first), part(await this.#inOrder(tied), 0, this.#k - first)]);
  }

  /** What is better than the last of `k`, and of all rows with its score those with the smallest keys. */
  async #withTied(found: HitList, query: number): Promise<HitList> {
    const edge = found.scores[this.#k - 1] as number;
    const missing = this.#k - tiedIn(found, edge).first;
    const all = await this.#search(query, { k: FLAT_K_MAX, exact: true, ...this.#exactly(edge) });
    const isWhole = all.rows.length < FLAT_K_MAX;
    const { tied } = tiedIn(all, edge);
    const chosen = isWhole ? await this.#inOrder(tied) : await this.#bySlices(edge, missing, query);
    if (chosen.rows.length < missing) return this.#choose(found);
    return chained([part(found, 0, this.#k - missing), part(chosen, 0, missing)]);
  }

  /** Hits by the keys of their rows, and in a row by their places. */
  async #inOrder(hits: HitList): Promise<HitList> {
    const { data, pace } = this.#asked;
    const { rows, scores, offsets } = hits;
    const sorted = await data.ordered.sorted(rows, pace);
    if (offsets === undefined) return { rows: sorted, scores, offsets };
    const places = new Map<number, number[]>();
    for (const [at, row] of rows.entries()) {
      const known = places.get(row);
      if (known === undefined) places.set(row, [offsets[at] as number]);
      else known.push(offsets[at] as number);
    }
    for (const known of places.values()) known.sort((a, b) => b - a);
    return { rows: sorted, scores, offsets: sorted.map((row) => places.get(row)?.pop() ?? 0) };
  }

  /** More rows have the score than one search finds, so among the rows with the smallest keys there soon are enough. */
  async #bySlices(edge: number, missing: number, query: number): Promise<HitList> {
    const { data, pace } = this.#asked;
    const bounds = this.#exactly(edge);
    const sorted = await data.ordered.all(pace);
    const parts: HitList[] = [];
    let size = SLICE_ROWS_MIN;
    for (let begin = 0, found = 0; begin < sorted.length && found < missing; ) {
      const among = sorted.slice(begin, begin + size).sort();
      const slice = await this.#search(query, { k: FLAT_K_MAX, exact: true, ...bounds, among });
      await pace.rest();
      // Rows may have several hits each.
      if (slice.offsets !== undefined && slice.rows.length === FLAT_K_MAX && size > 1) {
        size >>>= 1;
        continue;
      }
      const tied = await this.#inOrder(tiedIn(slice, edge).tied);
      found += tied.rows.length;
      parts.push(tied);
      begin += among.length;
      if (slice.offsets === undefined) size = Math.min(SLICE_ROWS_MAX, size * 4);
    }
    return chained(parts);
  }
}

/** Hits of that score, and how many are better. */
function tiedIn(found: HitList, score: number): { readonly first: number; readonly tied: HitList } {
  const first = Math.max(0, found.scores.indexOf(score));
  return { first, tied: part(found, first, found.scores.lastIndexOf(score) + 1) };
}

function listOf({ k, counts, rows, scores, offsets }: SegmentHits, query: number): HitList {
  const begin = query * k;
  return part({ rows, scores, offsets }, begin, begin + (counts[query] as number));
}

const part = ({ rows, scores, offsets }: HitList, begin: number, end: number): HitList => ({
  rows: rows.subarray(begin, end),
  scores: scores.subarray(begin, end),
  offsets: offsets?.subarray(begin, end),
});

function chained(parts: readonly HitList[]): HitList {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const total = parts.reduce((sum, { rows }) => sum + rows.length, 0);
  const hasOffsets = parts.some(({ offsets }) => offsets !== undefined);
  const all: HitList = {
    rows: new Uint32Array(total),
    scores: new Float32Array(total),
    offsets: hasOffsets ? new Uint32Array(total) : undefined,
  };
  let at = 0;
  for (const hits of parts) {
    put(all, at, hits);
    at += hits.rows.length;
  }
  return all;
}

function put(into: HitList, at: number, { rows, scores, offsets }: HitList): void {
  into.rows.set(rows, at);
  into.scores.set(scores, at);
  if (offsets !== undefined) into.offsets?.set(offsets, at);
}

function joined(lists: readonly HitList[], k: number): SegmentHits {
  const hits = emptyHits(lists.length, k);
  const hasOffsets = lists.some(({ offsets }) => offsets !== undefined);
  const all = { ...hits, offsets: hasOffsets ? new Uint32Array(lists.length * k) : undefined };
  for (const [query, list] of lists.entries()) {
    hits.counts[query] = list.rows.length;
    put(all, query * k, list);
  }
  return { ...hits, ...(all.offsets && { offsets: all.offsets }) };
}
