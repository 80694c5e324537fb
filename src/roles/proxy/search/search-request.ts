// Step 1 of a search: the request, parsed and checked once into a value that the other steps trust.
import { ElanusError } from '#base/errors.js';
import { checkResultEntries } from '#model/answer-bounds.js';
import { areTexts, parsePlaceholderGroup, parseTexts } from '#model/params/placeholder.js';
import { type ChainPlan, checkChainQueries, parseFunctionChains } from '#model/params/rank/function-chain.js';
import { type Boosts, parseFunctionScore } from '#model/params/rank/function-score.js';
import { checkQueries, type Reranker } from '#model/params/rank/rerankers.js';
import { isIsolated } from '#model/properties/partition-key-isolation.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import { structOf } from '#model/schema/struct-arrays.js';
import type { Workers } from '#platform/workers.js';
import type { BoostFunction, BoostFunctions, ShardSearchRequest } from '#proto/elanus/roles.js';
import type { SearchRequest } from '#proto/milvus/milvus.js';
import type { CollectionSchema, FunctionScore } from '#proto/milvus/schema.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import type { ReadScope } from '#roles/proxy/reads/read-scope.js';
import { guaranteeTimestampOf } from '#roles/proxy/reads/read-timestamps.js';
import { type FilterRequest, type RequestFilter, requestFilter } from '#roles/proxy/reads/request-filter.js';
import { type BucketsRequest, bucketsRequest } from '#roles/proxy/search/aggregate/aggregation-request.js';
import { type SearchedIds, searchedIds } from '#roles/proxy/search/by-ids/searched-ids.js';
import { type Highlighting, highlightingOf } from '#roles/proxy/search/highlight/highlighter-request.js';
import type { SearchedWords } from '#roles/proxy/search/words/words-plan.js';
import { checkIsolatedKey } from './isolated-key.js';
import type { HitPage } from './rank-hits.js';
import type { AnswerForm } from './ranked.js';
import type { SearchPlan, SearchPlans } from './search-plan.js';

export interface CheckedSearch {
  readonly scope: ReadScope;
  readonly plan: SearchPlan;
  /** Vectors one after another, in the encoding of the field. */
  readonly queries: Uint8Array;
  readonly queryCount: number;
  /** Where texts are searched for: what is known of their words; undefined: vectors are. */
  readonly words: SearchedWords | undefined;
  /** Texts that have to become vectors before anything is searched; undefined: they are vectors. */
  readonly texts: readonly string[] | undefined;
  /** The rows whose vectors are the queries, which are looked up first; undefined: vectors came. */
  readonly ids: SearchedIds | undefined;
  /** Hits for each query, those before the page among them. */
  readonly topK: number;
  readonly range: Pick<ShardSearchRequest, 'radius' | 'rangeFilter'>;
  /** Where each query is a list: how many vectors each has, uint32; else empty. */
  readonly listLengths: Uint8Array;
  readonly filter: RequestFilter;
  /** As the client wrote it. */
  readonly filterSource: FilterRequest;
  /** By shard, the time that it reads, when an earlier round of the search has read then; empty: as the search says. */
  readonly pinned: readonly bigint[];
  /** 0n: none is asked for. */
  readonly guaranteeTimestamp: bigint;
  /** What makes one list of the hits; undefined: their scores are as they were found. */
  readonly reranker: Reranker | undefined;
  /** What is made of the hits of the page; undefined: they are answered as they are. */
  readonly chain: ChainPlan | undefined;
  /** Hits become buckets; undefined: they are answered. */
  readonly buckets: BucketsRequest | undefined;
  /** Words that are marked in the texts of the hits; undefined: none are. */
  readonly highlighting: Highlighting | undefined;
  /** What a shard is asked beside what every search says. */
  readonly toShards: ToShards;
}

export type ToShards = Pick<
  ShardSearchRequest,
  'boosts' | 'atGuarantee' | 'exact' | 'excludedSegmentIds' | 'excludedRows'
>;
const noBytes = new Uint8Array(0);
const nothingMore: ToShards = {
  boosts: undefined,
  atGuarantee: false,
  exact: false,
  excludedSegmentIds: noBytes,
  excludedRows: noBytes,
};

const QUERY_COUNT_MAX = 16_384;

/** What requests are checked with. */
export interface SearchChecks {
  readonly plans: SearchPlans;
  readonly workers: Workers;
}

/**
 * Known at once where neither a long filter nor a function has to be read.
 * @throws invalid_parameter, unsupported
 */
export function checkSearch(
  request: SearchRequest,
  scope: ReadScope,
  checks: SearchChecks,
  hybridTopK?: number,
): CheckedSearch | Promise<CheckedSearch> {
  const { plans, workers } = checks;
  const plan = plans.of(scope.collection, request, hybridTopK);
  const vectors = queriesOf(request, plan);
  const { nq } = vectors;
  if (nq < 1 || nq > QUERY_COUNT_MAX)
    throw new ElanusError(
      'invalid_parameter',
      `nq [${nq}] is invalid, it should be in range [1, ${QUERY_COUNT_MAX}]: invalid parameter`,
    );
  if (plan.page !== undefined && nq > 1)
    throw new ElanusError(
      'invalid_parameter',
      `nq [${nq}] is invalid: a search iterator pages the hits of one vector: invalid parameter`,
    );
  checkResultEntries(nq, plan.topK);
  const { dsl: text, exprTemplateValues: templates } = request;
  const { namespaceKey } = scope;
  const asked = { text, templates, zone: plan.params.zone, namespaceKey };
  const filter = requestFilter(scope.collection, asked, workers);
  const read = { request, scope, plan, vectors, asked };
  if (filter instanceof Promise || request.functionScore !== undefined)
    return withFunctions(read, filter, workers);
  checkFilter(scope, plan, filter);
  return checkedSearch(read, filter, undefined);
}

/** A request as far as it can be read at once. */
interface ReadSearch {
  readonly request: SearchRequest;
  readonly scope: ReadScope;
  readonly plan: SearchPlan;
  readonly vectors: Queries;
  readonly asked: FilterRequest;
}

async function withFunctions(
  read: ReadSearch,
  reading: RequestFilter | Promise<RequestFilter>,
  workers: Workers,
): Promise<CheckedSearch> {
  const { scope, plan, request } = read;
  const filter = await reading;
  checkFilter(scope, plan, filter);
  const { functionScore } = request;
  const functions =
    functionScore && (await scoreFunctions(functionScore, scope.collection, plan.params.zone, workers));
  return checkedSearch(read, filter, functions);
}

function checkedSearch(
  { request, scope, plan, vectors, asked }: ReadSearch,
  filter: RequestFilter,
  functions: SearchFunctions | undefined,
): CheckedSearch {
  const { queries, nq, listLengths, ids, words, texts } = vectors;
  checkQueries(functions?.reranker, nq);
  return {
    scope,
    plan,
    reranker: functions?.reranker,
    chain: chainOf(request, scope.collection.schema, plan, nq),
    buckets: buckets(request, scope.collection.schema, plan, nq),
    highlighting: highlightingOf(request.highlighter, scope.collection.schema, plan, words),
    toShards: toShardsOf(plan, functions),
    queries,
    queryCount: nq,
    words,
    texts,
    ids,
    topK: plan.topK,
    range: { radius: plan.params.radius, rangeFilter: plan.params.rangeFilter },
    listLengths,
    filter,
    filterSource: asked,
    pinned: NEVER_PINNED,
    guaranteeTimestamp: guaranteeTimestampOf(request, plan.params.guaranteeTimestamp),
  };
}

const NEVER_PINNED: readonly bigint[] = [];

/** Pages of an iterator, of either generation, fit together only at one time, and where no index leaves hits out. */
function toShardsOf({ params }: SearchPlan, functions: SearchFunctions | undefined): ToShards {
  if (params.grouping !== undefined && functions !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      'function_score is not supported with grouping; leave one of them out: invalid parameter',
    );
  const boosts = functions?.boosts;
  if (params.iterator === undefined) return boosts === undefined ? nothingMore : { ...nothingMore, boosts };
  if (functions !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      'function_score is not supported with an iterator: it pages in the order of the scores of the vectors: invalid parameter',
    );
  return { ...nothingMore, atGuarantee: true, exact: true };
}

/** The chain of a plain search. @throws invalid_parameter where something else orders or scores the hits, unsupported */
function chainOf(
  { functionChains, functionScore, searchAggregation }: SearchRequest,
  schema: CollectionSchema,
  { params, order, grouping }: SearchPlan,
  nq: number,
): ChainPlan | undefined {
  if (functionChains.length === 0) return undefined;
  const others = {
    function_score: functionScore !== undefined,
    order_by_fields: order.length > 0,
    grouping: grouping !== undefined,
    'an iterator': params.iterator !== undefined,
    search_aggregation: searchAggregation !== undefined,
  };
  for (const [name, isSet] of Object.entries(others)) {
    if (isSet)
      throw new ElanusError(
        'invalid_parameter',
        `${name} and function_chains cannot be used together; leave one of them out: invalid parameter`,
      );
  }
  const chain = parseFunctionChains(schema, functionChains);
  checkChainQueries(chain, nq);
  return chain;
}

function buckets(
  { searchAggregation, functionScore, highlighter }: SearchRequest,
  schema: CollectionSchema,
  { params, order, grouping, ofElements }: SearchPlan,
  nq: number,
): BucketsRequest | undefined {
  if (searchAggregation === undefined) return undefined;
  const others = {
    offset: params.offset > 0,
    'an iterator': params.iterator !== undefined,
    grouping: grouping !== undefined,
    order_by_fields: order.length > 0,
    function_score: functionScore !== undefined,
    'a highlighter': highlighter !== undefined,
    'a search of elements': ofElements,
  };
  for (const [name, isSet] of Object.entries(others)) {
    if (isSet)
      throw new ElanusError(
        'invalid_parameter',
        `search_aggregation is not supported with ${name}; leave one of them out: invalid parameter`,
      );
  }
  return bucketsRequest(schema, searchAggregation, nq);
}

interface Queries extends Pick<CheckedSearch, 'queries' | 'listLengths' | 'ids' | 'words' | 'texts'> {
  readonly nq: number;
}

const noQueries = {
  queries: noBytes,
  listLengths: noBytes,
  ids: undefined,
  words: undefined,
  texts: undefined,
};

function queriesOf({ searchInput }: SearchRequest, plan: SearchPlan): Queries {
  const { primary, params, ofLists } = plan;
  const { annsField: field } = params;
  if (searchInput?.$case === 'ids') {
    const ids = searchedIds(searchInput.value, primary, field);
    return { ...noQueries, ids, nq: ids.count };
  }
  const placeholders = searchInput?.$case === 'placeholderGroup' ? searchInput.value : noBytes;
  if (plan.words !== undefined) {
    const texts = parseTexts(placeholders, field);
    return { ...noQueries, nq: texts.length, words: { texts, bm25: undefined, countedAt: [] } };
  }
  if (plan.texts !== undefined && areTexts(placeholders)) {
    const texts = parseTexts(placeholders, field);
    return { ...noQueries, nq: texts.length, texts };
  }
  const { queries, nq, listLengths } = parsePlaceholderGroup(placeholders, field, ofLists);
  return { ...noQueries, queries, nq, listLengths };
}

interface SearchFunctions {
  readonly reranker: Reranker | undefined;
  readonly boosts: BoostFunctions | undefined;
}

async function scoreFunctions(
  functionScore: FunctionScore,
  collection: OpenCollection,
  zone: string | undefined,
  workers: Workers,
): Promise<SearchFunctions> {
  const { boosts, reranker } = parseFunctionScore(collection.schema, functionScore, 1);
  return { reranker, boosts: boosts && (await boostsForShards(collection, boosts, zone, workers)) };
}

async function boostsForShards(
  collection: OpenCollection,
  { functions, addValues, addToScore }: Boosts,
  zone: string | undefined,
  workers: Workers,
): Promise<BoostFunctions> {
  const sent: BoostFunction[] = [];
  for (const { filter: text, weight, random } of functions) {
    const { forShards } = await requestFilter(
      collection,
      { text, templates: {}, zone, namespaceKey: undefined },
      workers,
    );
    sent.push({ ...forShards, weight, seed: random?.seed, randomFieldId: random?.fieldId ?? 0n });
  }
  return { addValues, addToScore, functions: sent };
}

/** What the answer to a search says beside its hits. */
export const formOf = ({ scope, plan, queryCount, highlighting }: CheckedSearch): AnswerForm => ({
  collection: scope.collection,
  primary: plan.primary,
  output: plan.output,
  limit: plan.params.topK,
  queryCount,
  zone: plan.params.zone,
  timeParts: plan.params.timeParts,
  highlighting,
});

export const pageOf = ({ plan: { params } }: CheckedSearch): HitPage => ({
  offset: params.offset,
  limit: params.topK,
  roundDecimal: params.roundDecimal,
});

/** That the filter suits what is searched. @throws invalid_parameter */
function checkFilter(scope: ReadScope, plan: SearchPlan, filter: RequestFilter): void {
  checkElementFilter(scope, plan, filter);
  const { record, schema } = scope.collection;
  if (scope.namespaceKey !== undefined || !isIsolated(record.properties)) return;
  const key = partitionKeyField(schema);
  if (key !== undefined) checkIsolatedKey(filter.predicate?.predicate, key.fieldID);
}

/** Elements of another struct array are not those that are searched. */
function checkElementFilter(
  { collection: { schema } }: ReadScope,
  { ofElements, params: { annsField: searched } }: SearchPlan,
  filter: RequestFilter,
): void {
  const over = filter.predicate?.elements?.over;
  if (!ofElements || over === undefined) return;
  const struct = structOf(schema, searched.fieldID);
  if (struct?.columns.some((field) => field.fieldID === over.fieldId)) return;
  throw new ElanusError(
    'invalid_parameter',
    `element_filter is over ${over.name}, but the search is of ${searched.name}; filter the elements of ${struct?.struct.name ?? 'the same struct array'}`,
  );
}
