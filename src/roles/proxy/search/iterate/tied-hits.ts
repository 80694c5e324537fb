// Hits of one score, in the order of their keys: all of them, or as many as a page has, behind a key. Which of equal hits a search finds first is no
// promise, so the first of them are looked for in rounds over ranges of keys, each of which ends before the one of the round before.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { scoreBehind } from '#index/block/score-behind.js';
import { RESULT_ENTRIES_MAX } from '#model/answer-bounds.js';
import { type Key, keyAt } from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import { TOP_K_MAX } from '#model/params/search-params.js';
import { isLargerBetter } from '#model/schema/metric-type.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { TemplateValue } from '#proto/milvus/schema.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { type FilterRequest, requestFilter } from '#roles/proxy/reads/request-filter.js';
import { findHits } from '#roles/proxy/search/find-hits.js';
import type { Found } from '#roles/proxy/search/ranked.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import type { Hits } from '#segment/search/hits.js';
import { appendHits, pageOfHits, pickHits } from '#segment/search/merge-hits.js';

/** What a search runs with. */
export interface FindParts {
  readonly parts: Pick<ProxyParts, 'streamingNode' | 'platform'>;
  readonly pace: Pace;
  readonly context: CallContext;
}

/** Hits of a score, behind a key. */
export interface Tied {
  readonly search: CheckedSearch;
  readonly score: number;
  readonly key: Key | undefined;
}

/** A page has at most so many of them, so that a round finds twice as many. */
export const TIED_PAGE_MAX = 8000;
const ROUND_MIN = 2048;

export const withTopK = (search: CheckedSearch, topK: number): CheckedSearch => ({ ...search, topK });

/** Whether a filter on keys can be put before that of the search: samples and elements would be others then. */
export function canNarrow({ plan, filter: { predicate } }: CheckedSearch): boolean {
  return !plan.ofElements && predicate?.elements === undefined && predicate?.sampleShare === undefined;
}

/** The first hits in order of keys, and whether there are more. `count` is at most `TIED_PAGE_MAX`. */
export async function firstOfScore(
  find: FindParts,
  tied: Tied,
  count: number,
): Promise<Found & { readonly hasMore: boolean }> {
  let upTo: Key | undefined;
  for (let topK = Math.max(ROUND_MIN, 2 * count + 2); ; topK = Math.min(TOP_K_MAX, topK * 2)) {
    const search = withTopK(await ofScore(find, tied, upTo), topK);
    const { answers, hits } = await findHits(find.parts, search, find.pace, find.context);
    const ordered = inOrderOfKeys(hits);
    const total = hits.rows.length;
    if (total < topK) return { answers, hits: pageOfHits(ordered, 0, count), hasMore: total > count };
    upTo = keyAt(ordered.keys, count);
    await find.pace.rest();
  }
}

/** Every hit of a score. @throws invalid_parameter when they are more than an answer holds */
export async function allOfScore(find: FindParts, tied: Tied): Promise<Found> {
  const search = await ofScore(find, tied, undefined);
  const { plan } = search;
  const rounds: Found[] = [];
  let total = 0;
  for (;;) {
    const without = withTopK(
      withoutHits(
        search,
        rounds.map(({ hits }) => hits),
      ),
      TOP_K_MAX,
    );
    const found = await findHits(find.parts, without, find.pace, find.context);
    rounds.push(found);
    total += found.hits.rows.length;
    if (total > RESULT_ENTRIES_MAX) throw tooMany(total, tied.score);
    if (found.hits.rows.length < TOP_K_MAX) break;
    if (plan.ofElements) throw tooMany(total, tied.score);
    await find.pace.rest();
  }
  const keyField = { fieldId: plan.primary.fieldID, dataType: plan.primary.dataType };
  const all = appendHits(
    rounds.map(({ hits }) => hits),
    keyField,
  );
  const joined = { ...all, counts: Uint32Array.of(total) };
  const hits = plan.ofElements ? joined : inOrderOfKeys(joined);
  return { answers: rounds.at(-1)?.answers ?? [], hits };
}

async function ofScore(
  { parts: { platform } }: FindParts,
  { search, score, key }: Tied,
  upTo: Key | undefined,
): Promise<CheckedSearch> {
  const behind = scoreBehind(score, isLargerBetter(search.plan.metric));
  // A radius leaves out its own score, and nothing is behind the worst infinity.
  const range = { radius: behind === score ? undefined : behind, rangeFilter: score };
  if (key === undefined && upTo === undefined) return { ...search, range };
  const source = withKeys(search, key, upTo);
  const filter = await requestFilter(search.scope.collection, source, platform.workers);
  return { ...search, range, filter };
}

function withKeys(
  { filterSource, plan: { primary } }: CheckedSearch,
  behind: Key | undefined,
  upTo: Key | undefined,
): FilterRequest {
  const templates: Record<string, TemplateValue> = { ...filterSource.templates };
  const parts: string[] = [];
  const hold = (op: string, key: Key): void => {
    const variable = freeName(templates);
    templates[variable] = templateOf(key);
    parts.push(`${primary.name} ${op} {${variable}}`);
  };
  if (behind !== undefined) hold('>', behind);
  if (upTo !== undefined) hold('<=', upTo);
  // Nothing but spaces lets all rows pass, and is nothing that brackets could hold.
  if (filterSource.text.trim() !== '') parts.push(`(${filterSource.text})`);
  return { ...filterSource, text: parts.join(' and '), templates };
}

/** A name that no variable of the client has. */
function freeName(templates: Readonly<Record<string, TemplateValue>>): string {
  let name = 'elanus_key';
  while (Object.hasOwn(templates, name)) name += '_';
  return name;
}

const templateOf = (key: Key): TemplateValue => ({
  val: typeof key === 'bigint' ? { $case: 'int64Val', value: key } : { $case: 'stringVal', value: key },
});

function inOrderOfKeys(hits: Hits): Hits {
  const keys = Array.from(hits.rows, (_, at) => keyAt(hits.keys, at));
  const order = Uint32Array.from(keys.keys()).sort((a, b) => compareKeys(keys[a] ?? 0n, keys[b] ?? 0n));
  return pickHits(hits, order, hits.counts);
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
  const excluded = { excludedSegmentIds: bytesView(segmentIds), excludedRows: bytesView(rows) };
  return { ...search, toShards: { ...search.toShards, ...excluded } };
}

const tooMany = (count: number, score: number): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `at least ${count} hits have the score ${score}, which is more than a page can hold; narrow the iterator with a filter: invalid parameter`,
  );
