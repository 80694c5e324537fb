// Search, retrieve and fetch over several segments of one shard at one timestamp. The growing part (streaming-node) and the sealed
// part (query-node) read through the same code, so that a row means the same in both.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { isLargerBetter as isMetricLargerBetter, metricOfWireCode } from '#index/metric.js';
import { concatBatches, gatherBatch, int64Values, type Key, keyAt } from '#model/column.js';
import { DataType } from '#model/data-type.js';
import { vectorWidth } from '#model/dense-vector.js';
import { fieldById, primaryField } from '#model/field.js';
import { type MetricName, metricNames } from '#model/metric-type.js';
import { compareKeys } from '#model/row-key.js';
import { vectorTypeOf, vectorTypes } from '#model/vector-type.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { KeyFilter, ShardRetrieveRequest, ShardSearchRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { type Hits, mergeHits } from './hits.js';
import { hooksOf, type SearchOptions } from './search-hooks.js';
import type { SegmentData } from './segment-data.js';
import type { SegmentHits } from './segment-hits.js';

export interface ReadableSegment {
  readonly id: bigint;
  readonly data: SegmentData;
  /** Not 0: an imported segment, whose rows count as written then; it is visible as soon as it is served. */
  readonly commitTimestamp: bigint;
}
/** By the number in requests; the first stands for none. */
export const METRIC_NAMES: readonly ('' | MetricName)[] = Array.from(
  { length: metricNames.length + 1 },
  (_, code) => metricOfWireCode(code) ?? '',
);
/** Of the metric with this number in requests. */
export const isLargerBetter = (metric: number): boolean => {
  const name = metricOfWireCode(metric);
  return name === undefined || isMetricLargerBetter(name);
};
const readTsFor = (segment: ReadableSegment, readTs: bigint): bigint =>
  segment.commitTimestamp > readTs ? segment.commitTimestamp : readTs;

function filterKeys(filter: KeyFilter): Key[] {
  const { keys } = filter;
  return keys === undefined ? [] : Array.from({ length: filter.keyCount }, (_, row) => keyAt(keys, row));
}
/** Visible rows with one of the keys, ascending, each once. */
function matchingRows(segment: ReadableSegment, keys: readonly Key[], readTs: bigint): Uint32Array {
  const rows = new Set<number>();
  for (const key of keys) {
    const row = segment.data.find(key, readTsFor(segment, readTs));
    if (row !== undefined) rows.add(row);
  }
  return Uint32Array.from(rows).sort();
}

/** From the proxy of the same release, which checked them. */
function indexParams(text: string): Readonly<Record<string, number | string | boolean>> {
  const value: unknown = text === '' ? {} : JSON.parse(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** With the keys and times of the rows, one query after the other. */
function hitsOf({ id, data }: ReadableSegment, found: SegmentHits, keyFieldId: bigint): Hits {
  let total = 0;
  for (const count of found.counts) total += count;
  const isCompact = total === found.rows.length;
  const rows = isCompact ? found.rows : new Uint32Array(total);
  const scores = isCompact ? found.scores : new Float32Array(total);
  for (let query = 0, at = 0; query < found.queryCount && !isCompact; query++) {
    const begin = query * found.k;
    const count = found.counts[query] ?? 0;
    rows.set(found.rows.subarray(begin, begin + count), at);
    scores.set(found.scores.subarray(begin, begin + count), at);
    at += count;
  }
  const timestamps = new BigUint64Array(total);
  for (let at = 0; at < total; at++) timestamps[at] = data.timestampOf(rows[at] ?? 0);
  const keys = must(data.fetch(rows, [keyFieldId]).columns[0], 'key column');
  return { counts: found.counts, scores, rows, segmentIds: new BigInt64Array(total).fill(id), keys, timestamps };
}

export async function searchSegments(
  segments: readonly ReadableSegment[],
  request: ShardSearchRequest,
  readTs: bigint,
  schema: CollectionSchema,
  signal: AbortSignal,
  options: SearchOptions = {},
): Promise<Hits> {
  const field = fieldById(schema, request.fieldId);
  const metric = metricOfWireCode(request.metric);
  const vectorType = vectorTypeOf(field?.dataType ?? 0);
  const metrics: readonly MetricName[] = vectorType === undefined ? [] : vectorTypes[vectorType].metrics;
  if (field === undefined || metric === undefined || !metrics.includes(metric))
    throw new ElanusError(
      'invalid_parameter',
      `search names field ${request.fieldId} and metric ${request.metric}, expected a vector field and a metric of its type`,
    );
  const isSparse = field.dataType === DataType.SparseFloatVector;
  const expected = request.queryCount * vectorWidth(field);
  if (!isSparse && request.queries.length !== expected)
    throw new ElanusError(
      'vector_dim_mismatch',
      `vector dimension mismatch, expected vector size(byte) ${expected}, actual ${request.queries.length}`,
    );
  const queries = isSparse ? new Uint8Array(0) : request.queries;
  const keys = request.filter === undefined ? undefined : filterKeys(request.filter);
  const params = indexParams(request.params);
  const primary = primaryField(schema);
  const keyField = { fieldId: primary.fieldID, dataType: primary.dataType };
  const searchOne = async (segment: ReadableSegment): Promise<Hits> => {
    const at = readTsFor(segment, readTs);
    const found = await segment.data.search(
      {
        fieldId: request.fieldId,
        metric,
        queries,
        ...(isSparse && { sparseQueries: request.queries }),
        params,
        k: request.topK,
        readTs: at,
        ...(request.radius === undefined ? {} : { radius: request.radius }),
        ...(request.rangeFilter === undefined ? {} : { rangeFilter: request.rangeFilter }),
        ...(keys === undefined ? {} : { filterRows: matchingRows(segment, keys, readTs), negated: request.filter?.negated ?? false }),
      },
      signal,
      hooksOf({ id: segment.id, collectionId: segment.data.collectionId, isGrowing: options.recall === undefined }, request, options),
    );
    return hitsOf(segment, found, primary.fieldID);
  };
  const searched = segments.filter((segment) => segment.data.rowCount > 0 && segment.data.hasField(request.fieldId));
  const [only] = searched;
  const parts = only !== undefined && searched.length === 1 ? [await searchOne(only)] : await Promise.all(searched.map(searchOne));
  return mergeHits(parts, request.queryCount, request.topK, isLargerBetter(request.metric), keyField);
}

export interface Retrieved {
  readonly count: bigint;
  /** The key column first, then the fields asked for; in key order, one row a key. */
  readonly rows: ColumnBatch;
  readonly timestamps: BigUint64Array;
}
/** Which rows is decided in the turn of the call; vectors that are in files come later. */
export async function retrieveFromSegments(
  segments: readonly ReadableSegment[],
  request: ShardRetrieveRequest,
  readTs: bigint,
  schema: CollectionSchema,
): Promise<Retrieved> {
  const keys = request.filter === undefined ? undefined : filterKeys(request.filter);
  const negated = request.filter?.negated ?? false;
  const empty: ColumnBatch = { rowCount: 0, columns: [] };
  if (request.countOnly) {
    let count = 0;
    for (const segment of segments) {
      const matching = keys === undefined ? 0 : matchingRows(segment, keys, readTs).length;
      count += keys !== undefined && !negated ? matching : segment.data.liveCount(readTsFor(segment, readTs)) - matching;
    }
    return { count: BigInt(count), rows: empty, timestamps: new BigUint64Array(0) };
  }
  const primary = primaryField(schema).fieldID;
  const fieldIds = [primary, 1n, ...request.fieldIds.filter((id) => id !== primary && id !== 1n)];
  const limit = request.limit === 0n ? Number.MAX_SAFE_INTEGER : Number(request.limit);
  const batches = await Promise.all(
    segments.map((segment) => segment.data.fetchAll(chooseRows(segment, keys, negated, limit, readTs), fieldIds)),
  );
  return mergeByKey(
    batches.filter((batch) => batch.rowCount > 0),
    limit,
  );
}
function chooseRows(
  segment: ReadableSegment,
  keys: readonly Key[] | undefined,
  negated: boolean,
  limit: number,
  readTs: bigint,
): Uint32Array {
  const at = readTsFor(segment, readTs);
  if (keys !== undefined && !negated) return matchingRows(segment, keys, readTs);
  if (keys === undefined) return segment.data.smallestKeys(Math.min(limit, segment.data.rowCount), at);
  const excluded = new Set(matchingRows(segment, keys, readTs));
  const wanted = Math.min(limit + excluded.size, segment.data.rowCount);
  return segment.data.smallestKeys(wanted, at).filter((row) => !excluded.has(row));
}
/** Batches whose first two columns are key and timestamp: all rows in key order, of equal keys the newest. */
export function mergeByKey(batches: readonly ColumnBatch[], limit: number): Retrieved {
  if (batches.length === 0) return { count: 0n, rows: { rowCount: 0, columns: [] }, timestamps: new BigUint64Array(0) };
  const all = batches.length === 1 ? (batches[0] as ColumnBatch) : concatBatches(batches);
  const keyColumn = all.columns[0];
  const timeColumn = all.columns[1];
  if (keyColumn === undefined || timeColumn === undefined)
    throw new ElanusError('internal', 'retrieved rows have no key or timestamp column');
  const times = int64Values(timeColumn);
  const keys = Array.from({ length: all.rowCount }, (_, row) => keyAt(keyColumn, row));
  const keyOf = (row: number): Key => keys[row] ?? 0n;
  const timeOf = (row: number): bigint => times[row] ?? 0n;
  const order = Array.from({ length: all.rowCount }, (_, row) => row).sort(
    (a, b) => compareKeys(keyOf(a), keyOf(b)) || (timeOf(a) < timeOf(b) ? 1 : timeOf(a) > timeOf(b) ? -1 : 0),
  );
  const kept: number[] = [];
  for (const row of order) {
    const previous = kept.at(-1);
    if (previous !== undefined && keyOf(previous) === keyOf(row)) continue;
    if (kept.length === limit) break;
    kept.push(row);
  }
  const rows = gatherBatch(all, Uint32Array.from(kept));
  return { count: BigInt(kept.length), rows, timestamps: BigUint64Array.from(kept, (row) => BigInt.asUintN(64, timeOf(row))) };
}

/** Rows by address, in the order asked. @throws segment_not_found when a segment is not here (any more). */
export async function fetchRows(
  segmentOf: (id: bigint) => SegmentData | undefined,
  segmentIds: BigInt64Array,
  rows: Uint32Array,
  fieldIds: readonly bigint[],
): Promise<ColumnBatch> {
  const bySegment = new Map<bigint, number[]>();
  for (const [at, id] of segmentIds.entries()) bySegment.set(id, [...(bySegment.get(id) ?? []), at]);
  const reads: Promise<ColumnBatch>[] = [];
  const order = new Uint32Array(rows.length);
  let base = 0;
  for (const [id, places] of bySegment) {
    const data = segmentOf(id);
    if (data === undefined) throw new ElanusError('segment_not_found', `segment ${id} is not served here any more; search again`);
    reads.push(
      data.fetchAll(
        Uint32Array.from(places, (place) => rows[place] ?? 0),
        fieldIds,
      ),
    );
    for (const [index, place] of places.entries()) order[place] = base + index;
    base += places.length;
  }
  const batches = await Promise.all(reads);
  return batches.length === 0 ? { rowCount: 0, columns: [] } : gatherBatch(concatBatches(batches), order);
}
