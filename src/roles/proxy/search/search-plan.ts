// What a search asks, apart from its vectors and filter: parsed and checked against the collection and its index. Clients send the same
// parameters with every search, so plans are kept, by collection record (a changed definition is another record) and by their text.
import { must } from '#base/assert.js';
import { readJsonPath } from '#expr/json-path.js';
import { storedBuildParams } from '#model/params/index-params.js';
import { isIndexType } from '#model/params/index-types.js';
import { orderOfFields } from '#model/params/order-by.js';
import { type OutputFields, resolveOutputFields } from '#model/params/output-fields.js';
import { refuse } from '#model/params/request-params.js';
import { checkSearchMetric, parseSearchParams, type SearchParams } from '#model/params/search-params.js';
import { checkSearchParams } from '#model/params/vector-search-params.js';
import { primaryField } from '#model/schema/field.js';
import { elementMetricOf, isListMetric, listMetricOf } from '#model/schema/list-metric.js';
import { type MetricName, metricNames } from '#model/schema/metric-type.js';
import { isVectorList } from '#model/schema/struct-arrays.js';
import { vectorTypeOf, vectorTypes } from '#model/schema/vector-type.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type { IndexSearchParams, OrderKey } from '#proto/elanus/roles.js';
import type { SearchRequest } from '#proto/milvus/milvus.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import { checkSameCollection } from '#roles/proxy/reads/read-scope.js';
import { isFilterable } from '#roles/proxy/search/group/group-filter.js';
import { type Grouping, groupingOf } from '#roles/proxy/search/group/grouping.js';
import { type IteratorPage, iteratorPage } from '#roles/proxy/search/iterate/iterator-request.js';
import { type TextsPlan, textsPlan } from '#roles/proxy/search/texts/texts-plan.js';
import { type WordsPlan, wordsPlan } from '#roles/proxy/search/words/words-plan.js';

export interface SearchPlan {
  readonly params: SearchParams;
  readonly primary: FieldSchema;
  /** By which vectors are compared. */
  readonly metric: MetricName;
  /** Queries are lists of vectors, and rows are found by their lists. */
  readonly ofLists: boolean;
  /** Each vector of the rows is searched for itself, and hits say which it is. */
  readonly ofElements: boolean;
  /** Limit plus offset. */
  readonly topK: number;
  readonly output: OutputFields;
  /** The order of the hits of a page; empty: by score. */
  readonly order: OrderKey[];
  /** Undefined: hits are not grouped. */
  readonly grouping: Grouping | undefined;
  /** The page of an iterator of the second generation. */
  readonly page: IteratorPage | undefined;
  /** Parameters that the index uses, with its defaults; without an index the search is exact and uses none. */
  readonly usedParams: ReturnType<typeof checkSearchParams>;
  /** The type that the index is built as. */
  readonly builtAs: string | undefined;
  /** Texts are searched for; undefined: vectors are. */
  readonly words: WordsPlan | undefined;
  /** How texts become vectors of the field, where a function makes those of the rows; undefined: only vectors are searched for. */
  readonly texts: TextsPlan | undefined;
  /** `usedParams` as shards get it: one message for all searches of this plan. */
  readonly shardParams: IndexSearchParams;
}

/** @throws invalid_parameter, unsupported */
function planSearch(
  { record, schema }: OpenCollection,
  request: SearchRequest,
  hybridTopK: number | undefined,
): SearchPlan {
  const params = parseSearchParams(schema, request.searchParams, hybridTopK);
  if (params.iterator !== undefined) checkSameCollection(params.collectionId, record.id);
  const index = record.indexes.find((candidate) => candidate.fieldId === params.annsField.fieldID);
  const isList = isVectorList(params.annsField);
  const indexMetric = index === undefined ? undefined : metricNamed(index.metricType);
  const metricName = indexMetric ?? params.metricType ?? defaultMetric(params.annsField);
  const elementMetric = isList ? elementMetricOf(metricName) : undefined;
  checkSearchMetric(metricName, params, elementMetric);
  const ofLists = isListMetric(metricName);
  const output = resolveOutputFields(schema, request.outputFields, { call: 'search' });
  const topK = params.topK + params.offset;
  const indexType = index !== undefined && isIndexType(index.indexType) ? index.indexType : undefined;
  const build =
    index !== undefined && indexType !== undefined
      ? storedBuildParams(params.annsField, indexType, index.params)
      : undefined;
  const usedParams =
    build !== undefined && indexType !== undefined
      ? checkSearchParams(indexType, params.vector, topK, build)
      : params.vector;
  // How signatures are read is a matter of the index, and growing rows have none.
  const signature = build?.kind === 'MINHASH_LSH' ? { mhElementBitWidth: build.mhElementBitWidth } : {};
  const { annsField: field, analyzerName } = params;
  const texts = textsPlan(schema, field, analyzerName);
  return {
    params,
    texts,
    words: wordsPlan(schema, metricName, { field, build, analyzerName: texts ? undefined : analyzerName }),
    primary: primaryField(schema),
    ofLists,
    ofElements: isList && !ofLists,
    topK,
    output,
    order: checkOrder(orderOfFields(schema, params.orderBy, readJsonPath), params),
    grouping:
      params.grouping && checkGrouping(groupingOf(schema, params.grouping), params, isList && !ofLists),
    page: params.iterator && iteratorPage(params.iterator, params),
    usedParams,
    builtAs: build?.kind,
    metric: must(
      elementMetric ?? metricNames.find((name) => name === metricName),
      'metric of a checked search',
    ),
    shardParams: { ...usedParams, ...signature },
  };
}

/** @throws invalid_parameter */
function checkOrder(order: OrderKey[], { iterator }: SearchParams): OrderKey[] {
  if (order.length > 0 && iterator !== undefined)
    refuse('order_by_fields is not supported with an iterator; leave one of them out');
  return order;
}

/** @throws invalid_parameter for what groups cannot be searched with */
function checkGrouping(grouping: Grouping, { iterator }: SearchParams, ofElements: boolean): Grouping {
  if (iterator !== undefined) refuse('Not allowed to do groupBy when doing iteration');
  if (ofElements && !isFilterable(grouping.keys))
    refuse('elements are grouped by fields of their rows, not by JSON; name a scalar field');
  return grouping;
}

const metricNamed = (name: string): string | undefined =>
  elementMetricOf(name) === undefined ? undefined : name;

function defaultMetric(field: FieldSchema): string {
  if (field.isFunctionOutput && field.dataType === DataType.SparseFloatVector) return 'BM25';
  const isList = isVectorList(field);
  const vectorType = vectorTypeOf(isList ? field.elementType : field.dataType) ?? 'FloatVector';
  const metric = vectorTypes[vectorType].defaultMetric;
  return isList ? (listMetricOf(metric) ?? metric) : metric;
}

/** Texts kept of one collection; a client that never sends the same twice must not fill the memory. */
const PLANS_MAX = 64;
const TEXT_LENGTH_MAX = 2048;

export class SearchPlans {
  readonly #plans = new WeakMap<CollectionRecord, Map<string, SearchPlan>>();
  /** The latest request of each collection that is no part of a hybrid search: most are followed by one like it, which needs no text. */
  readonly #latest = new WeakMap<CollectionRecord, { readonly asked: Asked; readonly plan: SearchPlan }>();

  /**
   * @param hybridTopK of a search in a hybrid search, as `parseSearchParams` takes it
   * @throws invalid_parameter, unsupported
   */
  of(collection: OpenCollection, request: SearchRequest, hybridTopK?: number): SearchPlan {
    const latest = this.#latest.get(collection.record);
    if (latest !== undefined && hybridTopK === undefined && isSame(latest.asked, request)) return latest.plan;
    const plan = this.#byText(collection, request, hybridTopK);
    const { searchParams, outputFields } = request;
    if (hybridTopK === undefined && isShort(request))
      this.#latest.set(collection.record, { asked: { searchParams, outputFields }, plan });
    return plan;
  }

  #byText(collection: OpenCollection, request: SearchRequest, hybridTopK: number | undefined): SearchPlan {
    const text = textOf(request, hybridTopK);
    let plans = this.#plans.get(collection.record);
    const known = plans?.get(text);
    if (known !== undefined) return known;
    const plan = planSearch(collection, request, hybridTopK);
    if (text.length > TEXT_LENGTH_MAX) return plan;
    if (plans === undefined || plans.size >= PLANS_MAX) {
      plans = new Map();
      this.#plans.set(collection.record, plans);
    }
    plans.set(text, plan);
    return plan;
  }
}

type Asked = Pick<SearchRequest, 'searchParams' | 'outputFields'>;

/** What is compared, and kept, has a bound. */
const PARTS_MAX = 32;
const isShort = ({ searchParams, outputFields }: Asked): boolean =>
  searchParams.length + outputFields.length <= PARTS_MAX &&
  searchParams.every(({ key, value }) => key.length + value.length <= TEXT_LENGTH_MAX) &&
  outputFields.every((name) => name.length <= TEXT_LENGTH_MAX);

function isSame(one: Asked, { searchParams, outputFields }: Asked): boolean {
  if (one.searchParams.length !== searchParams.length || one.outputFields.length !== outputFields.length)
    return false;
  for (let at = 0; at < searchParams.length; at++) {
    const [a, b] = [one.searchParams[at], searchParams[at]];
    if (a?.key !== b?.key || a?.value !== b?.value) return false;
  }
  for (let at = 0; at < outputFields.length; at++)
    if (one.outputFields[at] !== outputFields[at]) return false;
  return true;
}

/** Lengths before the parts: two requests never have the same text. */
function textOf({ searchParams, outputFields }: SearchRequest, hybridTopK: number | undefined): string {
  let text = hybridTopK === undefined ? '' : `${hybridTopK} `;
  for (const { key, value } of searchParams) text += `${key.length} ${value.length} ${key}${value}`;
  text += '|';
  for (const name of outputFields) text += `${name.length} ${name}`;
  return text;
}
