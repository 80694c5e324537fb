// Candidates of a search whose hits are grouped. Where one group holds most of the near rows, the nearest hits are few groups: then the search goes
// deeper, without the groups that are full, until there are as many groups as asked for or no more rows. Every round fills a group or looks at
// rows that no round looked at before, so there is a last one; the caller's deadline ends it earlier. All rounds read the same time.
import { bytesView } from '#base/bytes.js';
import { checkResultEntries, RESULT_ENTRIES_MAX } from '#model/answer-bounds.js';
import { keyAt } from '#model/columns/column.js';
import { TOP_K_MAX } from '#model/params/search-params.js';
import { isLargerBetter } from '#model/schema/metric-type.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { requestFilter } from '#roles/proxy/reads/request-filter.js';
import { findHits } from '#roles/proxy/search/find-hits.js';
import type { Found } from '#roles/proxy/search/ranked.js';
import { exactTypes } from '#roles/proxy/search/search-extras.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import type { Hits, KeyField } from '#segment/search/hits.js';
import { appendHits } from '#segment/search/merge-hits.js';
import { GroupCollector, type HitGroup } from './group-collector.js';
import { isFilterable, withGroups } from './group-filter.js';
import type { Grouping } from './grouping.js';
import { oneQuery } from './one-query.js';
import { sliceOfHits, valuesOfHits } from './values-of-hits.js';

/** Groups of each query, best first, and the hits that they name by number. */
export interface FoundGroups extends Found {
  readonly groups: readonly (readonly HitGroup[])[];
}

export interface GroupsSearch {
  readonly search: CheckedSearch;
  readonly grouping: Grouping;
  /** Groups for each query. */
  readonly limit: number;
}

type GroupParts = Pick<ProxyParts, 'streamingNode' | 'platform'>;

/** Hits of a first round, at least: groups are seldom as small as they may be. */
const FIRST_HITS_MIN = 64;

/** @throws cancelled, deadline_exceeded, invalid_parameter, segment_not_found */
export async function findGroups(
  parts: GroupParts,
  asked: GroupsSearch,
  pace: Pace,
  context: CallContext,
): Promise<FoundGroups> {
  const rounds = new GroupRounds(parts, asked, pace, context);
  return rounds.run();
}

class GroupRounds {
  readonly #parts: GroupParts;
  readonly #asked: GroupsSearch;
  readonly #pace: Pace;
  readonly #context: CallContext;
  readonly #keyField: KeyField;
  readonly #collectors: readonly GroupCollector[];
  readonly #found: Hits[] = [];
  #foundCount = 0;

  constructor(parts: GroupParts, asked: GroupsSearch, pace: Pace, context: CallContext) {
    this.#parts = parts;
    this.#asked = asked;
    this.#pace = pace;
    this.#context = context;
    const { plan, queryCount } = asked.search;
    this.#keyField = { fieldId: plan.primary.fieldID, dataType: plan.primary.dataType };
    const isLarger = isLargerBetter(plan.metric);
    this.#collectors = Array.from(
      { length: queryCount },
      () => new GroupCollector(asked.grouping.size, isLarger),
    );
  }

  async run(): Promise<FoundGroups> {
    const { search, limit, grouping } = this.#asked;
    const wanted = limit * grouping.size;
    checkResultEntries(search.queryCount, Math.min(wanted, TOP_K_MAX));
    const room = Math.floor(RESULT_ENTRIES_MAX / search.queryCount);
    const topK = Math.min(TOP_K_MAX, Math.max(wanted, Math.min(FIRST_HITS_MIN, room)));
    const { answers, hits } = await findHits(this.#parts, { ...search, topK }, this.#pace, this.#context);
    await this.#collect(hits, this.#collectors);
    const pinned = { ...search, topK, pinned: answers.map(({ readTimestamp }) => readTimestamp) };
    for (const [query, collector] of this.#collectors.entries()) {
      const isShort = (hits.counts[query] as number) < topK;
      if (isShort && isExactSearch(pinned)) continue;
      const one = oneQuery(pinned, query);
      await this.#deepen(isShort ? withoutIndex(one) : one, collector, pageOfQuery(hits, query));
      await this.#pace.rest();
    }
    return {
      answers,
      hits: appendHits(this.#found, this.#keyField),
      groups: this.#collectors.map((collector) => collector.best(limit)),
    };
  }

  /**
   * Rounds of one query behind the first. An index may find fewer hits than there are rows: then the last rounds are without it.
   * @param first what the first round found
   */
  async #deepen(from: CheckedSearch, collector: GroupCollector, first: Hits): Promise<void> {
    const { limit, grouping } = this.#asked;
    const known = [first];
    let search = from;
    for (let topK = search.topK; !this.#isDone(collector); topK = Math.min(TOP_K_MAX, topK * 2)) {
      const narrowed = isFilterable(grouping.keys)
        ? await this.#byFilter(search, collector)
        : byAddress(search, known);
      const { hits } = await findHits(this.#parts, { ...narrowed, topK }, this.#pace, this.#context);
      const isNew = await this.#collect(hits, [collector]);
      known.push(hits);
      await this.#pace.rest();
      if (hits.rows.length < topK) {
        if (isExactSearch(search)) return;
        search = withoutIndex(search);
        continue;
      }
      // What is at most so many hits of each group that is not full must be enough groups, or have filled one.
      if (!isNew && topK >= Math.min(TOP_K_MAX, limit * grouping.size)) return;
    }
  }

  #isDone(collector: GroupCollector): boolean {
    const { limit, grouping } = this.#asked;
    if (collector.count < limit) return false;
    return !grouping.isStrict || collector.best(limit).every((group) => collector.isFull(group));
  }

  /** Without the groups that are full; of a strict search that has its groups, those that are not. */
  async #byFilter(search: CheckedSearch, collector: GroupCollector): Promise<CheckedSearch> {
    const { limit, grouping } = this.#asked;
    const { workers } = this.#parts.platform;
    const isNamed = collector.count >= limit;
    const groups = isNamed
      ? collector.best(limit).filter((group) => !collector.isFull(group))
      : collector.full;
    if (groups.length === 0) return search;
    const { predicate } = search.filter;
    const isLast = predicate?.elements !== undefined || predicate?.sampleShare !== undefined;
    const filtered = { keys: grouping.keys, groups: groups.map(({ values }) => values), pass: isNamed };
    const source = withGroups(search.filterSource, filtered, isLast);
    return { ...search, filter: await requestFilter(search.scope.collection, source, workers) };
  }

  /** Hits, query for query, to the collectors. @returns whether one of them was new */
  async #collect(hits: Hits, collectors: readonly GroupCollector[]): Promise<boolean> {
    const { scope } = this.#asked.search;
    const asked = { collection: scope.collection, keys: this.#asked.grouping.keys, hits };
    const values = await valuesOfHits(this.#parts, asked, this.#pace, this.#context);
    const base = this.#foundCount;
    this.#found.push(hits);
    this.#foundCount += hits.rows.length;
    let isNew = false;
    let at = 0;
    for (const [query, collector] of collectors.entries()) {
      for (const end = at + (hits.counts[query] as number); at < end; at++) {
        const hit = { key: keyAt(hits.keys, at), score: hits.scores[at] as number, number: base + at };
        if (collector.add(values[at] ?? [], hit)) isNew = true;
      }
      if (this.#pace.isDue) await this.#pace.rest();
    }
    return isNew;
  }
}

const isExactSearch = ({ toShards, plan: { builtAs } }: CheckedSearch): boolean =>
  toShards.exact || builtAs === undefined || exactTypes.has(builtAs);

const withoutIndex = (search: CheckedSearch): CheckedSearch => ({
  ...search,
  toShards: { ...search.toShards, exact: true },
});

/** The hits of one query. */
function pageOfQuery(hits: Hits, query: number): Hits {
  let begin = 0;
  for (let before = 0; before < query; before++) begin += hits.counts[before] as number;
  return sliceOfHits(hits, begin, begin + (hits.counts[query] as number));
}

/** Without any row that was found: of those groups that are full nothing more is needed, and of the others it is known. */
function byAddress(search: CheckedSearch, known: readonly Hits[]): CheckedSearch {
  const count = known.reduce((sum, { rows }) => sum + rows.length, 0);
  const segmentIds = new BigInt64Array(count);
  const rows = new Uint32Array(count);
  let at = 0;
  for (const hits of known) {
    segmentIds.set(hits.segmentIds, at);
    rows.set(hits.rows, at);
    at += hits.rows.length;
  }
  const excluded = { excludedSegmentIds: bytesView(segmentIds), excludedRows: bytesView(rows) };
  return { ...search, toShards: { ...search.toShards, ...excluded } };
}
