// Step 1 of a hybrid search: several searches and how their hits become one list, parsed and checked once.
import { ElanusError } from '#base/errors.js';
import { readJsonPath } from '#expr/json-path.js';
import { checkResultEntries } from '#model/answer-bounds.js';
import { parseGrouping } from '#model/params/grouping-params.js';
import { orderOfFields } from '#model/params/order-by.js';
import { resolveOutputFields } from '#model/params/output-fields.js';
import { parseFunctionScore } from '#model/params/rank/function-score.js';
import { checkQueries, type Reranker, rankStrategy } from '#model/params/rank/rerankers.js';
import { RequestParams } from '#model/params/request-params.js';
import { orderTerms, parseRankPage, parseTimeWishes, type TimeWishes } from '#model/params/search-params.js';
import { primaryField } from '#model/schema/field.js';
import type { OrderKey } from '#proto/elanus/roles.js';
import type { HybridSearchRequest, SearchRequest } from '#proto/milvus/milvus.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { ReadScope } from '#roles/proxy/reads/read-scope.js';
import { refuseUnsupported } from '#roles/proxy/request-fields.js';
import { type Grouping, groupingOf } from '#roles/proxy/search/group/grouping.js';
import type { HitPage } from '#roles/proxy/search/rank-hits.js';
import type { AnswerForm } from '#roles/proxy/search/ranked.js';
import { type CheckedSearch, checkSearch, type SearchChecks } from '#roles/proxy/search/search-request.js';

export interface CheckedHybrid {
  readonly legs: readonly CheckedSearch[];
  readonly reranker: Reranker;
  readonly page: HitPage;
  /** The order of the hits of the page; empty: by score. */
  readonly order: readonly OrderKey[];
  /** Undefined: hits are not grouped. */
  readonly grouping: Grouping | undefined;
  readonly form: AnswerForm;
}

/** Searches of one hybrid search, as in Milvus. */
const REQUESTS_MAX = 1024;

/** Refuses by form alone, before any other role is called. @throws invalid_parameter, unsupported */
export function checkHybridForm({ requests }: HybridSearchRequest): void {
  if (requests.length < 1 || requests.length > REQUESTS_MAX)
    throw new ElanusError(
      'invalid_parameter',
      `a hybrid search has ${requests.length} ann search requests, expected 1 to ${REQUESTS_MAX}: invalid parameter`,
    );
}

/** @throws invalid_parameter, unsupported */
export async function checkHybrid(
  request: HybridSearchRequest,
  scope: ReadScope,
  checks: SearchChecks,
): Promise<CheckedHybrid> {
  const { collection } = scope;
  const sent = new RequestParams(request.rankParams);
  const page = parseRankPage(sent);
  const legs = await Promise.all(
    request.requests.map((leg) =>
      checkSearch(legRequest(leg, request), scope, checks, page.limit + page.offset),
    ),
  );
  if (legs.some((leg) => leg.reranker !== undefined))
    throw new ElanusError(
      'invalid_parameter',
      'a search of a hybrid search has a function that ranks hits, expected boosts alone; rank the hybrid search as a whole: invalid parameter',
    );
  if (request.functionChains.length > 0 || legs.some((leg) => leg.chain !== undefined))
    throw new ElanusError(
      'invalid_parameter',
      'function_chains is not supported for hybrid search yet; leave them out: invalid parameter',
    );
  if (legs.some((leg) => leg.highlighting !== undefined))
    throw new ElanusError(
      'invalid_parameter',
      'not support hybrid search with highlight now; leave the highlighter out of its searches: invalid parameter',
    );
  const grouping = hybridGrouping(collection.schema, sent, legs);
  const order = orderOfFields(collection.schema, orderTerms(sent), readJsonPath);
  const queryCount = sameQueryCount(legs);
  checkResultEntries(
    queryCount,
    legs.reduce((sum, { plan }) => sum + plan.topK, 0),
  );
  const reranker = rerankerOf(request, collection.schema, sent, grouping);
  checkQueries(reranker, queryCount);
  return {
    legs,
    reranker,
    page,
    grouping,
    order,
    form: {
      collection,
      primary: primaryField(collection.schema),
      output: resolveOutputFields(collection.schema, request.outputFields, { call: 'search' }),
      limit: page.limit,
      queryCount,
      ...timeWishes(sent, legs),
    },
  };
}

/** Those of the whole go before those of its searches, where clients send them; these have to agree, as there is one answer. */
function timeWishes(sent: RequestParams, legs: readonly CheckedSearch[]): TimeWishes {
  const whole = parseTimeWishes(sent);
  const asked = legs.map(({ plan }) => plan.params);
  return {
    zone:
      whole.zone ??
      agreed(
        'timezone',
        asked.map(({ zone }) => zone),
      ),
    timeParts:
      whole.timeParts.length > 0
        ? whole.timeParts
        : (agreed(
            'time_fields',
            asked.map(({ timeParts }) => timeParts),
            (parts) => parts.join(),
          ) ?? []),
  };
}

/** @throws invalid_parameter when those that say something say different things */
function agreed<T>(
  key: string,
  values: readonly (T | undefined)[],
  textOf: (value: T) => string = String,
): T | undefined {
  const said = values.filter((value) => value !== undefined && textOf(value) !== '') as readonly T[];
  const [first, ...others] = said;
  const other = others.find((value) => first !== undefined && textOf(value) !== textOf(first));
  if (first === undefined || other === undefined) return first;
  throw new ElanusError(
    'invalid_parameter',
    `the searches of a hybrid search have ${key} ${textOf(first)} and ${textOf(other)}, and there is one answer; say it once in rank_params: invalid parameter`,
  );
}

/** Those of the whole go before those of its searches, which have to agree: the Node client sends them there alone. */
function hybridGrouping(
  schema: CollectionSchema,
  sent: RequestParams,
  legs: readonly CheckedSearch[],
): Grouping | undefined {
  const params = parseGrouping(sent);
  if (params !== undefined) return groupingOf(schema, params);
  const [first, ...others] = legs.map(({ plan }) => plan.grouping);
  const textOf = (grouping: Grouping | undefined): string =>
    grouping === undefined ? '' : `${grouping.size} ${grouping.keys.map(({ name }) => name).join(',')}`;
  if (others.some((other) => textOf(other) !== textOf(first)))
    throw new ElanusError(
      'invalid_parameter',
      'the searches of a hybrid search are grouped differently; group the hybrid search as a whole: invalid parameter',
    );
  return first;
}

/** A function goes before the strategy. */
function rerankerOf(
  { functionScore, requests }: HybridSearchRequest,
  schema: CollectionSchema,
  sent: RequestParams,
  grouping: Grouping | undefined,
): Reranker {
  if (functionScore === undefined) return rankStrategy(sent, requests.length);
  const { boosts, reranker } = parseFunctionScore(schema, functionScore, requests.length);
  if (grouping !== undefined && (reranker?.kind === 'decay' || reranker?.kind === 'model'))
    throw new ElanusError(
      'invalid_parameter',
      `${reranker.kind} is not supported with grouping; rank by rrf or weighted: invalid parameter`,
    );
  if (boosts === undefined && reranker !== undefined) return reranker;
  throw new ElanusError(
    'invalid_parameter',
    'boost is a function of a single search, not of a hybrid search; put it into the search whose scores it boosts: invalid parameter',
  );
}

/** The times and the output are the matter of the whole. */
function legRequest(
  leg: SearchRequest,
  { guaranteeTimestamp, collectionName, namespace }: HybridSearchRequest,
): SearchRequest {
  if (leg.collectionName !== '' && leg.collectionName !== collectionName)
    throw new ElanusError(
      'invalid_parameter',
      `a search of ${leg.collectionName} in a hybrid search of ${collectionName}, expected the same collection: invalid parameter`,
    );
  if (leg.namespace !== undefined && leg.namespace !== namespace)
    throw new ElanusError(
      'invalid_parameter',
      'a search in a hybrid search names another namespace; name it beside the searches: invalid parameter',
    );
  refuseUnsupported('search', leg);
  return { ...leg, guaranteeTimestamp, outputFields: [] };
}

function sameQueryCount(legs: readonly CheckedSearch[]): number {
  const [first = 0, ...others] = legs.map(({ queryCount }) => queryCount);
  const other = others.find((count) => count !== first);
  if (other === undefined) return first;
  throw new ElanusError(
    'invalid_parameter',
    `the searches of a hybrid search have ${first} and ${other} vectors, expected the same nq: invalid parameter`,
  );
}
