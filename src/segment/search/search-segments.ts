// A search over several segments of one shard at one timestamp. The growing part (streaming-node) and the sealed part (query-node) search
// through the same code, so that a row means the same in both. Many queries go in groups: what is held at a time has a bound, others get
// their turn, and a caller that has gone stops the rest.

import { briefInt64s } from '#base/brief-arrays.js';
import { ElanusError } from '#base/errors.js';
import { type ReadTime, readTimeOf } from '#base/read-time.js';
import type { PredicateFilter } from '#expr/typed.js';
import { boundsOnComputed } from '#index/block/score-range.js';
import { sparseQueryBegins } from '#index/sparse/sparse-query.js';
import type { Key } from '#model/columns/column.js';
import { vectorWidth } from '#model/columns/dense-vector.js';
import { DataType } from '#model/schema/data-type.js';
import { fieldById, primaryField } from '#model/schema/field.js';
import { isLargerBetter, isMetricName, type MetricName } from '#model/schema/metric-type.js';
import { elementField, isVectorList } from '#model/schema/struct-arrays.js';
import { vectorTypeOf, vectorTypes } from '#model/schema/vector-type.js';
import type { Pace } from '#platform/pace.js';
import type { ShardSearchRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import type { SegmentSearch } from '#segment/fields/segment-hits.js';
import { passingElements } from '#segment/passing-elements.js';
import { explainedFilter, passingAt } from '#segment/passing-rows.js';
import { type ReadableSegment, readTsFor } from '#segment/readable-segment.js';
import { boostedHits, type SegmentBoosts, segmentBoosts } from '#segment/search/boost/boost-hits.js';
import { filterKeys, matchingRows } from '#segment/segment-reads.js';
import { segmentsWith } from '#segment/segments-with.js';
import { sentPredicate } from '#segment/sent-filter.js';
import { type AskedParams, askedParams } from './asked-params.js';
import { bestHits, type FoundIn } from './best-hits.js';
import { ELEMENT_KEYS, elementKeys, withRowKeys } from './element-keys.js';
import { type Queries, searchByKey } from './equal-scores.js';
import { type Hits, type KeyField, uint32sOf } from './hits.js';
import { appendHits, mergeHits, mergeHitsPaced } from './merge-hits.js';
import { hooksOf, isObserved, type SearchHooks, type SearchOptions } from './search-hooks.js';
import { isLeftShort, nextK, SupersededRows, supersededBy, withoutHits } from './superseded-rows.js';

export interface SearchCall {
  readonly signal: AbortSignal;
  readonly pace: Pace;
  /** Rows known to have a newer row of their key in a segment that is not among these. */
  readonly superseded?: SupersededRows;
}

/** Hits that a group of queries may have in a segment, so many queries at least go together. */
const GROUP_ENTRIES_MAX = 1 << 16;
const GROUP_QUERIES_MIN = 8;
const NO_BOUNDS = {};
const NO_OPTIONS: SearchOptions = {};

export async function searchSegments(
  segments: readonly ReadableSegment[],
  request: ShardSearchRequest,
  readTs: bigint,
  schema: CollectionSchema,
  call: SearchCall,
  options: SearchOptions = NO_OPTIONS,
): Promise<Hits> {
  const search = new SegmentsSearch(segments, request, readTs, schema, call);
  const { queryCount, topK } = request;
  const perGroup = Math.max(GROUP_QUERIES_MIN, Math.floor(GROUP_ENTRIES_MAX / Math.max(1, topK)));
  if (queryCount <= perGroup) return await search.run(0, queryCount, options);
  const groups: Hits[] = [];
  const groupCount = Math.ceil(queryCount / perGroup);
  for (let group = 0; group < groupCount; group++) {
    const begin = Math.floor((queryCount * group) / groupCount);
    const end = Math.floor((queryCount * (group + 1)) / groupCount);
    // Plans are reported once: every group has the same.
    groups.push(await search.run(begin, end, group === 0 ? options : { ...options, report: undefined }));
    await call.pace.rest();
  }
  return appendHits(groups, search.keyField);
}

class SegmentsSearch {
  readonly keyField: KeyField;
  readonly #all: readonly ReadableSegment[];
  /** Segments that have rows and the field. */
  readonly #searched: readonly ReadableSegment[];
  readonly #request: ShardSearchRequest;
  readonly #readTs: ReadTime;
  readonly #call: SearchCall;
  readonly #metric: MetricName;
  readonly #bounds: ReturnType<typeof boundsOnComputed>;
  readonly #params: AskedParams;
  readonly #keys: readonly Key[] | undefined;
  readonly #predicate: PredicateFilter | undefined;
  readonly #superseded: SupersededRows;
  readonly #boosts: SegmentBoosts | undefined;
  readonly #isSparse: boolean;
  /** Vectors of each query, where queries are lists. */
  readonly #lists: Uint32Array | undefined;
  /** The keys of rows, also where hits are elements of them. */
  readonly #rowKeys: KeyField;
  readonly #queryBegin: (query: number) => number;

  /** @throws invalid_parameter, vector_dim_mismatch, outputs_not_ready */
  constructor(
    segments: readonly ReadableSegment[],
    request: ShardSearchRequest,
    readTimestamp: bigint,
    schema: CollectionSchema,
    call: SearchCall,
  ) {
    this.#searched = segmentsWith(segments, request.fieldId);
    const { field, metric } = checkedTarget(request, schema);
    this.#all = segments;
    this.#request = request;
    this.#readTs = readTimeOf(readTimestamp, request);
    this.#call = call;
    this.#metric = metric;
    const { radius, rangeFilter } = request;
    this.#lists = request.listLengths.length === 0 ? undefined : uint32sOf(request.listLengths);
    if (radius === undefined && rangeFilter === undefined) this.#bounds = NO_BOUNDS;
    else {
      const bounds = {
        ...(radius !== undefined && { radius }),
        ...(rangeFilter !== undefined && { rangeFilter }),
      };
      // Sums of scores have no range that rounding could leave.
      this.#bounds = this.#lists === undefined ? boundsOnComputed(metric, bounds) : bounds;
    }
    this.#params = askedParams(request.params);
    this.#keys = request.filter === undefined ? undefined : filterKeys(request.filter);
    this.#predicate = sentPredicate(request.textFilter, schema);
    this.#superseded = call.superseded ?? new SupersededRows();
    this.#boosts = request.boosts && segmentBoosts(request.boosts, schema);
    const primary = primaryField(schema);
    this.#rowKeys = { fieldId: primary.fieldID, dataType: primary.dataType };
    const isElements = isVectorList(field) && this.#lists === undefined;
    this.keyField = isElements ? ELEMENT_KEYS : this.#rowKeys;
    this.#isSparse = field.dataType === DataType.SparseFloatVector;
    this.#queryBegin = queryBegins(request, field, this.#lists);
  }

  /** The best hits of queries [begin, end), each key by its newest row. */
  async run(begin: number, end: number, options: SearchOptions): Promise<Hits> {
    const queryCount = end - begin;
    const { topK } = this.#request;
    const isLarger = isLargerBetter(this.#metric);
    if (this.#bounds === undefined) return mergeHits([], queryCount, topK, isLarger, this.keyField);
    const merge = (parts: readonly Hits[]): Hits | Promise<Hits> =>
      mergeHitsPaced(parts, queryCount, topK, isLarger, this.keyField, this.#call.pace);
    const [only] = this.#searched;
    // Where one segment is all there is, no other has a newer row of a key.
    if (only !== undefined && this.#all.length === 1) {
      const found = await this.#searchOne(only, [begin, end], topK, options);
      const merged = merge([hitsOf(found, this.#rowKeys.fieldId)]);
      return merged instanceof Promise ? await merged : merged;
    }
    for (let k = topK; ; k = nextK(k, queryCount)) {
      const found = await this.#searchAll(begin, end, k, options);
      const best = found.length > 1 ? bestHits(found, queryCount, topK, isLarger, this.#rowKeys) : undefined;
      if (best !== undefined && (await this.#supersededBy(best)).length === 0) return best;
      const parts = found.map((one) => hitsOf(one, this.#rowKeys.fieldId));
      if (this.#all.length < 2) return await merge(parts);
      const superseded: number[][] = [];
      for (const part of parts) superseded.push(await this.#supersededBy(part));
      if (superseded.every(({ length }) => length === 0)) return await merge(parts);
      if (!parts.some((part, index) => isLeftShort(part, superseded[index] ?? [], k))) {
        return await merge(parts.map((part, index) => withoutHits(part, superseded[index] ?? [])));
      }
      // Every round leaves out rows that the next cannot find again, so there is a last one.
      for (const [index, part] of parts.entries()) this.#superseded.add(part, superseded[index] ?? []);
      await this.#call.pace.rest();
    }
  }

  #supersededBy(hits: Hits): Promise<number[]> {
    return supersededBy(this.#all, this.#readTs, withRowKeys(hits, this.#rowKeys), this.#call.pace);
  }

  #searchAll(begin: number, end: number, k: number, options: SearchOptions): Promise<readonly FoundIn[]> {
    const [only] = this.#searched;
    if (only !== undefined && this.#searched.length === 1)
      return this.#searchOne(only, [begin, end], k, options).then((found) => [found]);
    return Promise.all(this.#searched.map((segment) => this.#searchOne(segment, [begin, end], k, options)));
  }

  async #searchOne(
    segment: ReadableSegment,
    [begin, end]: readonly [number, number],
    k: number,
    options: SearchOptions,
  ): Promise<FoundIn> {
    const { fieldId, filter } = this.#request;
    const { id, data } = segment;
    const readTs = readTsFor(segment, this.#readTs);
    const search: { -readonly [Part in keyof SegmentSearch]: SegmentSearch[Part] } = {
      fieldId,
      metric: this.#metric,
      params: this.#params,
      k,
      exact: this.#request.exact,
      readTs,
      ...this.#queries(begin, end),
      ...this.#bounds,
    };
    if (this.#request.bm25 !== undefined) search.bm25 = this.#request.bm25;
    const supersededRows = this.#superseded.of(id);
    if (supersededRows !== undefined) search.supersededRows = supersededRows;
    if (this.#keys !== undefined) {
      search.filterRows = matchingRows(segment, this.#keys, this.#readTs);
      search.negated = filter?.negated ?? false;
    }
    if (this.#predicate !== undefined)
      search.passing = await passingAt(segment, this.#predicate, readTs, this.#call.pace);
    const elements = this.#predicate?.elements;
    const lists = elements && this.keyField === ELEMENT_KEYS ? data.vectorLists(fieldId) : undefined;
    if (elements !== undefined && lists !== undefined)
      search.passingElements = await passingElements(data, lists, elements, this.#call.pace);
    const found = await searchByKey({
      ...{ data, search, queryAt: (query) => this.#queries(begin + query, begin + query + 1) },
      ...{ hooks: this.#hooks(segment, options), signal: this.#call.signal, pace: this.#call.pace },
    });
    if (this.#boosts === undefined) return { segment, found };
    const place = { segment, readTs, isLargerBetter: isLargerBetter(this.#metric), pace: this.#call.pace };
    return { segment, found: await boostedHits(found, this.#boosts, place) };
  }

  #hooks({ id, data }: ReadableSegment, options: SearchOptions): SearchHooks | undefined {
    if (!isObserved(this.#request, options)) return undefined;
    const filter =
      options.report === undefined || this.#predicate === undefined
        ? ''
        : explainedFilter(data, this.#predicate);
    const where = { id, collectionId: data.collectionId, isGrowing: options.recall === undefined, filter };
    return hooksOf(where, this.#request, options);
  }

  #queries(begin: number, end: number): Queries {
    const { queries, queryCount } = this.#request;
    const some =
      end - begin === queryCount ? queries : queries.subarray(this.#queryBegin(begin), this.#queryBegin(end));
    if (this.#isSparse) return { queries: new Uint8Array(0), sparseQueries: some };
    return this.#lists === undefined
      ? { queries: some }
      : { queries: some, lists: this.#lists.slice(begin, end) };
  }
}

function checkedTarget(
  request: ShardSearchRequest,
  schema: CollectionSchema,
): { readonly field: FieldSchema; readonly metric: MetricName } {
  const field = fieldById(schema, request.fieldId);
  const metric = isMetricName(request.metric) ? request.metric : undefined;
  const isList = field !== undefined && isVectorList(field);
  const vectorType = vectorTypeOf((isList ? field.elementType : field?.dataType) ?? 0);
  const metrics: readonly MetricName[] = vectorType === undefined ? [] : vectorTypes[vectorType].metrics;
  if (field === undefined || metric === undefined || !metrics.includes(metric))
    throw new ElanusError(
      'invalid_parameter',
      `search names field ${request.fieldId} and metric ${request.metric}, expected a vector field and a metric of its type`,
    );
  return { field, metric };
}

/** Where each query begins, in bytes, and behind the last where it ends. @throws vector_dim_mismatch, invalid_parameter */
function queryBegins(
  { queries, queryCount }: ShardSearchRequest,
  field: FieldSchema,
  lists: Uint32Array | undefined,
): (query: number) => number {
  if (field.dataType === DataType.SparseFloatVector) {
    // Found when it is asked for first: one group of queries is all of them.
    let begins: Uint32Array | undefined;
    return (query) => {
      begins ??= sparseQueryBegins(queries);
      return begins[query] ?? queries.length;
    };
  }
  const width = vectorWidth(isVectorList(field) ? elementField(field) : field);
  const ends = lists && endsOf(lists);
  const expected = (ends === undefined ? queryCount : (ends[queryCount] ?? 0)) * width;
  if (queries.length !== expected)
    throw new ElanusError(
      'vector_dim_mismatch',
      `vector dimension mismatch, expected vector size(byte) ${expected}, actual ${queries.length}`,
    );
  return (query) => (ends === undefined ? query : (ends[query] ?? 0)) * width;
}

/** The number of the first vector of each list, and behind the last how many there are. */
function endsOf(lists: Uint32Array): Uint32Array {
  const ends = new Uint32Array(lists.length + 1);
  for (let at = 0; at < lists.length; at++) ends[at + 1] = (ends[at] as number) + (lists[at] as number);
  return ends;
}

/** With the keys and times of the rows, one query after the other. */
function hitsOf({ segment: { id, data }, found }: FoundIn, keyFieldId: bigint): Hits {
  let total = 0;
  for (let query = 0; query < found.queryCount; query++) total += found.counts[query] as number;
  const isCompact = total === found.rows.length;
  const offsets = found.offsets && (isCompact ? found.offsets : new Uint32Array(total));
  const rows = isCompact ? found.rows : new Uint32Array(total);
  const scores = isCompact ? found.scores : new Float32Array(total);
  for (let query = 0, at = 0; query < found.queryCount && !isCompact; query++) {
    const begin = query * found.k;
    const count = found.counts[query] ?? 0;
    rows.set(found.rows.subarray(begin, begin + count), at);
    scores.set(found.scores.subarray(begin, begin + count), at);
    if (found.offsets) offsets?.set(found.offsets.subarray(begin, begin + count), at);
    at += count;
  }
  const keys = data.keysFor(rows, keyFieldId);
  return {
    counts: found.counts,
    scores,
    rows,
    segmentIds: briefInt64s(total).fill(id),
    keys: offsets === undefined ? keys : elementKeys(keys, offsets),
    timestamps: data.timestampsOf(rows),
  };
}
