// search_params and query_params as typed objects, with Milvus's ranges and texts.
// Keys of later versions that would change the result are refused; mere hints are read over.

import { ElanusError } from '#base/errors.js';
import { refuseNotLoaded } from '#model/schema/loaded-fields.js';
import { isLargerBetter, isMetricName, type MetricName, metricNames } from '#model/schema/metric-type.js';
import { dataTypeName, fieldByName } from '#model/schema/schema-view.js';
import { isVectorList } from '#model/schema/struct-arrays.js';
import { vectorTypeOf } from '#model/schema/vector-type.js';
import { parseTimeParts, type TimePart } from '#model/time/time-parts.js';
import { checkZone } from '#model/time/timestamptz.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { type GroupingParams, parseGrouping } from './grouping-params.js';
import { type OrderTerm, parseOrderTerms } from './order-by.js';
import { RequestParams, refuse } from './request-params.js';
import type { VectorSearchParams } from './search-param-table.js';
import { parseVectorSearchParams } from './vector-search-params.js';

export const TOP_K_MAX = 16_384;
const RESULT_WINDOW_MAX = 16_384;

export interface SearchIterator {
  /** `iterator`, which both generations of iterators send. */
  readonly isV1: boolean;
  readonly isV2: boolean;
  readonly batchSize: number | undefined;
  readonly lastBound: number | undefined;
  readonly token: string;
}

export interface SearchParams {
  readonly annsField: FieldSchema;
  readonly topK: number;
  readonly offset: number;
  /** Undefined: the index's. */
  readonly metricType: string | undefined;
  readonly radius: number | undefined;
  readonly rangeFilter: number | undefined;
  /** What the search asks of the index, the range included; all keys, whatever the index. */
  readonly vector: VectorSearchParams;
  /** The inner `params` object, whatever it holds. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Ours: the answer says how each segment was searched. */
  readonly explain: boolean;
  /** -1: scores stay as they are. */
  readonly roundDecimal: number;
  readonly ignoreGrowing: boolean;
  readonly guaranteeTimestamp: bigint | undefined;
  readonly iterator: SearchIterator | undefined;
  readonly collectionId: bigint | undefined;
  /** IANA name of the zone that times are meant and answered in; undefined: the collection's. */
  readonly zone: string | undefined;
  /** Points in time are answered as arrays of these parts; empty: as texts. */
  readonly timeParts: readonly TimePart[];
  /** Empty: by score. */
  readonly orderBy: readonly OrderTerm[];
  /** Undefined: hits are not grouped. */
  readonly grouping: GroupingParams | undefined;
  /** By which of the analyzers of its field a text becomes words; undefined: the default. */
  readonly analyzerName: string | undefined;
}

export interface QueryParams {
  readonly limit: number | undefined;
  readonly offset: number;
  /** The answer must be ordered by key then. */
  readonly isIterator: boolean;
  /** The plan of each segment is answered too. */
  readonly explain: boolean;
  readonly reduceStopForBest: boolean;
  /** Names of fields; empty: rows are not grouped. */
  readonly groupBy: readonly string[];
  /** Empty: in key order. */
  readonly orderBy: readonly OrderTerm[];
  readonly ignoreGrowing: boolean;
  readonly guaranteeTimestamp: bigint | undefined;
  readonly collectionId: bigint | undefined;
  /** IANA name of the zone that times are meant and answered in; undefined: the collection's. */
  readonly zone: string | undefined;
  /** Points in time are answered as arrays of these parts; empty: as texts. */
  readonly timeParts: readonly TimePart[];
}

/** @throws invalid_parameter for an unknown zone */
function zoneOf(sent: RequestParams): string | undefined {
  const zone = sent.text('timezone');
  if (zone === undefined || zone === '') return undefined;
  checkZone(zone);
  return zone;
}

/** Where an iterator over elements goes on; pages in the order of keys alone would repeat what it has. */
const elementCursorKeys = ['query_iter_last_pk', 'query_iter_last_element_offset'] as const;

const groupKeys = [
  'group_by_field',
  'group_by_fields',
  'group_by_field_id',
  'group_size',
  'strict_group_size',
  'rank_group_scorer',
  'order_by_fields',
  'json_path',
  'json_type',
  'strict_cast',
] as const;

/**
 * @param hybridTopK of a search in a hybrid search: the limit where it has none. Its offset does not count, as in Milvus: the page is that
 * of the whole, and the Node client repeats its offset here
 * @throws invalid_parameter, unsupported
 */
export function parseSearchParams(
  schema: CollectionSchema,
  searchParams: readonly KeyValuePair[],
  hybridTopK?: number,
): SearchParams {
  const sent = new RequestParams(searchParams);
  const params = sent.object('params');
  const inner = new RequestParams(innerPairs(params));
  const annsField = annsFieldOf(schema, sent.text('anns_field'));
  const limit = sent.integer('limit');
  const iterator = iteratorOf(sent);
  const askedK = sent.integer('topk') ?? limit ?? hybridTopK ?? refuse('topk not found in search_params');
  // An iterator has its batch size, or asks for as much as one search may find.
  const topK = iterator === undefined ? askedK : (iterator.batchSize ?? Math.min(askedK, TOP_K_MAX));
  if (topK < 1 || topK > TOP_K_MAX)
    refuse(`topk [${topK}] is invalid, it should be in range [1, ${TOP_K_MAX}], but got ${topK}`);
  const offset = hybridTopK === undefined ? offsetOf(sent) : 0;
  if (limit !== undefined && limit !== askedK)
    refuse(`topk is ${askedK} and limit is ${limit}; send one of them`);
  checkWindow(offset, topK);
  const radius = inner.number('radius') ?? sent.number('radius');
  const rangeFilter = inner.number('range_filter') ?? sent.number('range_filter');
  return {
    annsField,
    topK,
    offset,
    metricType: sent.text('metric_type')?.toUpperCase(),
    radius,
    rangeFilter,
    vector: parseVectorSearchParams(params, sent, { radius, rangeFilter }),
    params,
    explain: sent.boolean('explain') || inner.boolean('explain'),
    roundDecimal: roundDecimalOf(sent),
    ignoreGrowing: sent.boolean('ignore_growing') || inner.boolean('ignore_growing'),
    guaranteeTimestamp: sent.bigint('guarantee_timestamp'),
    iterator,
    collectionId: sent.bigint('collection_id'),
    zone: zoneOf(sent),
    timeParts: parseTimeParts(sent.text('time_fields')),
    // Those of a search in a hybrid search do not count: the order is that of the whole.
    orderBy: hybridTopK === undefined ? orderTerms(sent) : [],
    grouping: parseGrouping(sent),
    analyzerName: sent.text('analyzer_name') ?? inner.text('analyzer_name'),
  };
}

const innerPairs = (params: Readonly<Record<string, unknown>>): KeyValuePair[] =>
  Object.entries(params).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? value : (JSON.stringify(value) ?? ''),
  }));

/** The type of what is compared: in arrays of vectors, that of a vector. */
const searchedType = (field: FieldSchema): number =>
  isVectorList(field) ? field.elementType : field.dataType;

function annsFieldOf(schema: CollectionSchema, name: string | undefined): FieldSchema {
  if (name !== undefined && fieldByName(schema, name) === undefined) refuseNotLoaded(schema, name);
  if (name === undefined) {
    const [first, ...others] = schema.fields.filter(
      (field) => vectorTypeOf(searchedType(field)) !== undefined,
    );
    if (first !== undefined && others.length === 0) return first;
    return refuse('multiple anns_fields exist, please specify a anns_field in search_params');
  }
  const field = fieldByName(schema, name);
  if (field === undefined) return refuse(`failed to get field schema by name: fieldName(${name}) not found`);
  if (vectorTypeOf(searchedType(field)) === undefined) {
    refuse(
      `anns_field ${name} is of type ${dataTypeName(field.dataType)}; field (${name}) to search is not of vector type`,
    );
  }
  return field;
}

function offsetOf(sent: RequestParams): number {
  const offset = sent.integer('offset') ?? 0;
  if (offset < 0 || offset > RESULT_WINDOW_MAX)
    refuse(`offset [${offset}] is invalid, it should be in range [1, ${RESULT_WINDOW_MAX}]`);
  return offset;
}

/** @throws invalid_parameter */
export function orderTerms(sent: RequestParams): readonly OrderTerm[] {
  const text = sent.text('order_by_fields');
  return text === undefined || text === '[]' ? [] : parseOrderTerms(text);
}

/** The page of a hybrid search. */
export interface RankPage {
  readonly limit: number;
  readonly offset: number;
  readonly roundDecimal: number;
}

/** How the points in time of an answer are written, where that is asked for. */
export interface TimeWishes {
  readonly zone: string | undefined;
  readonly timeParts: readonly TimePart[];
}

/** @throws invalid_parameter */
export const parseTimeWishes = (sent: RequestParams): TimeWishes => ({
  zone: zoneOf(sent),
  timeParts: parseTimeParts(sent.text('time_fields')),
});

/** @throws invalid_parameter */
export function parseRankPage(sent: RequestParams): RankPage {
  const limit =
    sent.integer('limit') ?? refuse('limit not found in rank_params; send how many hits to return');
  if (limit < 1 || limit > TOP_K_MAX)
    refuse(`limit [${limit}] is invalid, it should be in range [1, ${TOP_K_MAX}], but got ${limit}`);
  const offset = offsetOf(sent);
  checkWindow(offset, limit);
  return { limit, offset, roundDecimal: roundDecimalOf(sent) };
}

function checkWindow(offset: number, limit: number): void {
  const text = 'invalid max query result window';
  if (offset + limit > RESULT_WINDOW_MAX) {
    refuse(`${text}, (offset+limit) should be in range [1, ${RESULT_WINDOW_MAX}], but got ${offset + limit}`);
  }
}

function roundDecimalOf(sent: RequestParams): number {
  const value = sent.integer('round_decimal') ?? -1;
  if (value < -1 || value > 6)
    refuse(`round_decimal [${value}] is invalid, it should be -1 or an integer in range [0, 6]`);
  return value;
}

/** Scores may be infinite, which Python and Go write shorter than JavaScript. */
function lastBoundOf(sent: RequestParams): number | undefined {
  const [, sign, isInfinite] =
    /^([+-]?)(inf|infinity)$/i.exec(sent.text('search_iter_last_bound') ?? '') ?? [];
  if (isInfinite === undefined) return sent.number('search_iter_last_bound');
  return sign === '-' ? -Infinity : Infinity;
}

function iteratorOf(sent: RequestParams): SearchIterator | undefined {
  const isV2 = sent.boolean('search_iter_v2');
  const isV1 = sent.boolean('iterator');
  if (!isV2 && !isV1) return undefined;
  const batchSize = sent.integer('search_iter_batch_size');
  if (batchSize !== undefined && (batchSize < 1 || batchSize > TOP_K_MAX)) {
    refuse(`batch size is invalid, it should be in range [1, ${TOP_K_MAX}], but got ${batchSize}`);
  }
  return {
    isV1,
    isV2,
    batchSize,
    lastBound: lastBoundOf(sent),
    token: sent.text('search_iter_id') ?? '',
  };
}

/** Compares what the search asks for with the index; without an index, `expected` is a name as sent. @throws invalid_parameter */
export function checkSearchMetric(expected: string, params: SearchParams, elementMetric?: MetricName): void {
  if (params.metricType !== undefined && params.metricType !== expected) {
    refuse(`metric type not match: invalid parameter[expected=${expected}][actual=${params.metricType}]`);
  }
  const { radius, rangeFilter } = params;
  const metric = elementMetric ?? expected;
  if (!isMetricName(metric)) {
    throw new ElanusError(
      'invalid_parameter',
      `metric type ${expected} is not known; use one of ${metricNames.join(', ')}`,
    );
  }
  if (radius === undefined || rangeFilter === undefined) return;
  if (!isLargerBetter(metric) && rangeFilter >= radius) {
    refuse(`range_filter(${rangeFilter}) must be less than radius(${radius}) for metric type ${expected}`);
  }
  if (isLargerBetter(metric) && rangeFilter <= radius) {
    refuse(`range_filter(${rangeFilter}) must be greater than radius(${radius}) for metric type ${expected}`);
  }
}

/** @throws invalid_parameter, unsupported */
export function parseQueryParams(queryParams: readonly KeyValuePair[]): QueryParams {
  const sent = new RequestParams(queryParams);
  sent.refuseLater([
    ...groupKeys.filter((key) => key !== 'order_by_fields' && key !== 'group_by_fields'),
    ...elementCursorKeys,
  ]);
  const orderText = sent.text('order_by_fields');
  const limit = sent.integer('limit');
  const offset = sent.integer('offset') ?? 0;
  const text = 'invalid max query result window';
  if (offset < 0) refuse(`${text}, offset [${offset}] is invalid, should be gte than 0`);
  if (limit !== undefined && limit <= 0)
    refuse(`${text}, limit [${limit}] is invalid, should be greater than 0`);
  if (limit !== undefined) checkWindow(offset, limit);
  else if (offset > 0)
    throw new ElanusError('invalid_parameter', `offset [${offset}] is given without limit; send both`);
  return {
    limit,
    offset,
    isIterator: sent.boolean('iterator'),
    explain: sent.boolean('explain'),
    reduceStopForBest: sent.boolean('reduce_stop_for_best'),
    groupBy:
      sent
        .text('group_by_fields')
        ?.split(',')
        .map((name) => name.trim()) ?? [],
    orderBy: orderText === undefined ? [] : parseOrderTerms(orderText),
    ignoreGrowing: sent.boolean('ignore_growing'),
    guaranteeTimestamp: sent.bigint('guarantee_timestamp'),
    collectionId: sent.bigint('collection_id'),
    zone: zoneOf(sent),
    timeParts: parseTimeParts(sent.text('time_fields')),
  };
}
