// What reads of segments share, and the query of rows over several segments of one shard at one timestamp. The growing part
// (streaming-node) and the sealed part (query-node) read through the same code, so that a row means the same in both.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { type ReadTime, readTimeOf } from '#base/read-time.js';
import { columnFromInt64, findColumn, int64Values, type Key, keyAt } from '#model/columns/column.js';
import { primaryField } from '#model/schema/field.js';
import type { Pace } from '#platform/pace.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { Aggregation, KeyFilter, SegmentPlan, ShardRetrieveRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { aggregateRows, mergeGroups } from '#segment/aggregate/aggregate-segments.js';
import { hideOthers } from '#segment/fields/excluded-rows.js';
import { setBit } from '#segment/fields/row-versions.js';
import { fetchRows } from './fetch-rows.js';
import { type KeyList, mergeKeyLists, SEGMENT_COLUMN } from './merge-keys.js';
import { withElements } from './passing-elements.js';
import { passingAt, passingCount } from './passing-rows.js';
import { describeRead, type KeyPage, type ReadFilter, readPlan } from './read-plan.js';
import { type ReadableSegment, readTsFor } from './readable-segment.js';
import { firstRows, mergeChosen, type QueryOrder, queryOrder, sortedInOrder } from './row-order.js';
import type { SegmentData } from './segment-data.js';
import { sentPredicate } from './sent-filter.js';

/** Keys between two looks at the clock. */
const KEYS_BETWEEN_LOOKS = 1024;
const NO_ROWS = new Uint32Array(0);

export function filterKeys(filter: KeyFilter): Key[] {
  const { keys } = filter;
  return keys === undefined ? [] : Array.from({ length: filter.keyCount }, (_, row) => keyAt(keys, row));
}

/** Visible rows with one of the keys, ascending, each once. */
export function matchingRows(segment: ReadableSegment, keys: readonly Key[], readTs: ReadTime): Uint32Array {
  const rows = new Set<number>();
  for (const key of keys) {
    const row = segment.data.find(key, readTsFor(segment, readTs));
    if (row !== undefined) rows.add(row);
  }
  return Uint32Array.from(rows).sort();
}

export interface Retrieved {
  readonly count: bigint;
  /** An aggregation has groups instead of rows. */
  readonly groups?: ColumnBatch;
  /** How each segment was read, where that is asked. */
  readonly plans: SegmentPlan[];
  /** The key column first, the timestamps, then the fields it is ordered by and those asked for, then addresses if they are; one row a key. */
  readonly rows: ColumnBatch;
}

/** Fields are fetched for the rows that are left at the end only. @throws cancelled, deadline_exceeded, segment_not_found, invalid_parameter */
export async function retrieveFromSegments(
  segments: readonly ReadableSegment[],
  request: ShardRetrieveRequest,
  readTimestamp: bigint,
  schema: CollectionSchema,
  pace: Pace,
): Promise<Retrieved> {
  const readTs = readTimeOf(readTimestamp, request);
  const keys = request.filter === undefined ? undefined : filterKeys(request.filter);
  const negated = request.filter?.negated ?? false;
  const predicate = sentPredicate(request.textFilter, schema);
  const filter: ReadFilter = { keys, negated, predicate };
  const empty: ColumnBatch = { rowCount: 0, columns: [] };
  const plansOf = (page?: KeyPage, given?: BigInt64Array): SegmentPlan[] =>
    request.explain ? describeReads(segments, { filter, readTs, page, given }) : [];
  if (request.countOnly) {
    const count = BigInt(await countRows(segments, filter, readTs, pace));
    return { count, rows: empty, plans: plansOf() };
  }
  if (request.aggregation !== undefined) {
    const groups = await aggregateSegments(segments, { filter, readTs }, request.aggregation, pace);
    return { count: BigInt(groups.rowCount), rows: empty, groups, plans: plansOf() };
  }
  const primary = primaryField(schema).fieldID;
  const order = queryOrder(request.orderBy, primary);
  const orderIds = request.orderBy.map(({ fieldId }) => fieldId);
  const fieldIds = [...new Set([primary, 1n, ...orderIds, ...request.fieldIds])];
  const limit = request.limit === 0n ? Number.MAX_SAFE_INTEGER : Number(request.limit);
  // Among rows of one time the segment that was begun later has the newest.
  const ordered = [...segments].sort((a, b) => (a.id < b.id ? 1 : -1));
  const { segmentIds, rows } = await choosePlaces(
    { segments: ordered, filter, primary, order, limit, readTs, willPage: request.atGuarantee },
    pace,
  );
  const page = { primary, willPage: request.atGuarantee };
  const plans = plansOf(order === undefined ? page : undefined, segmentIds);
  if (rows.length === 0) return { count: 0n, rows: empty, plans };
  const byId = new Map(segments.map(({ id, data }) => [id, data]));
  const dataOf = (id: bigint): SegmentData | undefined => {
    const data = byId.get(id);
    return data?.isReleased === true ? undefined : data;
  };
  const fetched = await fetchRows(dataOf, segmentIds, rows, fieldIds, 'query', pace);
  const addressed = request.withAddresses ? withAddresses(fetched, segmentIds, rows) : fetched;
  const elements = predicate?.elements;
  return {
    count: BigInt(rows.length),
    plans,
    rows:
      elements === undefined ? addressed : withElements(addressed, elements, dataOf, { segmentIds, rows }),
  };
}

function describeReads(
  segments: readonly ReadableSegment[],
  read: {
    readonly filter: ReadFilter;
    readonly readTs: ReadTime;
    readonly page: KeyPage | undefined;
    /** The segment of each row that came; undefined: rows were counted. */
    readonly given: BigInt64Array | undefined;
  },
): SegmentPlan[] {
  const { filter, readTs, page, given } = read;
  return segments.map((segment) => {
    const rows = given?.reduce((count, id) => count + (id === segment.id ? 1 : 0), 0);
    return describeRead(segment, readPlan(segment.data, filter, page), readTs, rows);
  });
}

interface Choice {
  /** The newest first. */
  readonly segments: readonly ReadableSegment[];
  readonly filter: ReadFilter;
  readonly primary: bigint;
  /** Undefined: that of the keys. */
  readonly order: QueryOrder | undefined;
  readonly limit: number;
  readonly readTs: ReadTime;
  /** More pages of the same rows will follow. */
  readonly willPage: boolean;
}

interface Places {
  readonly segmentIds: BigInt64Array;
  readonly rows: Uint32Array;
}

/**
 * The rows that come first in the order, each key by its newest row. A predicate may let an older row of a key pass whose newest does
 * not, and an order by values may bring an older row to the front: such rows are left out, and where that leaves too few, more are chosen.
 */
async function choosePlaces(choice: Choice, pace: Pace): Promise<Places> {
  const { segments, filter, order, limit } = choice;
  for (let wanted = limit; ; wanted = Math.min(wanted * 4, Number.MAX_SAFE_INTEGER)) {
    const places = await chooseUpTo(choice, wanted, pace);
    const isNewest = filter.predicate === undefined && order === undefined;
    if (isNewest || segments.length < 2) return places;
    const left = await withoutOlderRows(choice, places, pace);
    if (left.rows.length >= limit || places.rows.length < wanted)
      return { segmentIds: left.segmentIds.subarray(0, limit), rows: left.rows.subarray(0, limit) };
  }
}

async function chooseUpTo(choice: Choice, limit: number, pace: Pace): Promise<Places> {
  const { segments, primary, order } = choice;
  const chosen: Uint32Array[] = [];
  for (const segment of segments) chosen.push(await chooseRows(segment, choice, limit, pace));
  const rowsOf = (index: number): Uint32Array => chosen[index] ?? new Uint32Array(0);
  const { lists, places } =
    order === undefined
      ? await mergeKeyLists(
          segments.map(({ data }, index) =>
            keyListOf(data, must(data.column(primary), 'key column'), rowsOf(index)),
          ),
          limit,
          pace,
        )
      : await mergeChosen(
          segments.map(({ data }, index) => ({ data, rows: rowsOf(index) })),
          order,
          limit,
          pace,
        );
  return {
    segmentIds: BigInt64Array.from(lists, (list) => segments[list]?.id ?? 0n),
    rows: Uint32Array.from(lists, (list, at) => chosen[list]?.[places[at] ?? 0] ?? 0),
  };
}

async function withoutOlderRows(
  { segments, primary, readTs }: Choice,
  { segmentIds, rows }: Places,
  pace: Pace,
): Promise<Places> {
  const byId = new Map(segments.map((segment) => [segment.id, segment]));
  const kept: number[] = [];
  for (let at = 0; at < rows.length; at++) {
    const own = must(byId.get(segmentIds[at] ?? 0n), 'segment of a chosen row');
    const row = rows[at] ?? 0;
    const keys = must(own.data.column(primary), 'key column');
    const time = own.data.timestampOf(row);
    const isOlder = segments.some(
      (other) => other !== own && hasNewerRow(other, { keys, row, time, id: own.id }, readTs),
    );
    if (!isOlder) kept.push(at);
    if (at % KEYS_BETWEEN_LOOKS === KEYS_BETWEEN_LOOKS - 1 && pace.isDue) await pace.rest();
  }
  return {
    segmentIds: BigInt64Array.from(kept, (at) => segmentIds[at] ?? 0n),
    rows: Uint32Array.from(kept, (at) => rows[at] ?? 0),
  };
}

/** Where a key is taken from, and when its row was written in which segment. */
export interface KeyedRow {
  readonly keys: Column;
  readonly row: number;
  readonly time: bigint;
  readonly id: bigint;
}

/** Whether the segment has a visible row of that key that is newer. */
export function hasNewerRow(
  segment: ReadableSegment,
  { keys, row, time, id }: KeyedRow,
  readTs: ReadTime,
): boolean {
  const { data } = segment;
  if (data.timestampTo < time) return false;
  const other = data.findKeyOf(keys, row, readTsFor(segment, readTs));
  if (other === undefined) return false;
  const written = data.timestampOf(other);
  return written > time || (written === time && segment.id > id);
}

/** As `SEGMENT_COLUMN`: the place of a row in its segment. */
const ROW_COLUMN = -2n;
const withAddresses = (
  { rowCount, columns }: ColumnBatch,
  segmentIds: BigInt64Array,
  rows: Uint32Array,
): ColumnBatch => ({
  rowCount,
  columns: [
    ...columns,
    columnFromInt64(SEGMENT_COLUMN, segmentIds),
    columnFromInt64(ROW_COLUMN, BigInt64Array.from(rows, BigInt)),
  ],
});

/** Where the rows of a retrieval with addresses are. @throws internal when it has none */
export function addressesOf(batch: ColumnBatch): {
  readonly segmentIds: BigInt64Array;
  readonly rows: Uint32Array;
} {
  const [segments, rows] = [findColumn(batch, SEGMENT_COLUMN), findColumn(batch, ROW_COLUMN)];
  if (segments === undefined || rows === undefined)
    throw new ElanusError(
      'internal',
      'retrieved rows have no addresses, which were asked for; check the version of the peer',
    );
  return { segmentIds: int64Values(segments), rows: Uint32Array.from(int64Values(rows), Number) };
}

export const withoutAddresses = ({ rowCount, columns }: ColumnBatch): ColumnBatch => ({
  rowCount,
  columns: columns.filter(({ fieldId }) => fieldId !== SEGMENT_COLUMN && fieldId !== ROW_COLUMN),
});

const keyListOf = (data: SegmentData, keys: Column, rows: Uint32Array): KeyList => ({
  length: rows.length,
  keyAt: (at) => keyAt(keys, rows[at] as number),
  timeAt: (at) => data.timestampOf(rows[at] as number),
});

/** Leaves out the rows of the keys, or all others. */
function leaveKeys(left: Uint8Array, rows: Iterable<number>, negated: boolean): void {
  if (negated) {
    for (const row of rows) setBit(left, row);
    return;
  }
  const kept = new Uint8Array(left.length);
  for (const row of rows) setBit(kept, row);
  for (let at = 0; at < left.length; at++) left[at] = (left[at] as number) | (~(kept[at] as number) & 0xff);
}

async function aggregateSegments(
  segments: readonly ReadableSegment[],
  { filter: { keys, negated, predicate }, readTs }: Pick<Choice, 'filter' | 'readTs'>,
  aggregation: Aggregation,
  pace: Pace,
): Promise<ColumnBatch> {
  const batches: ColumnBatch[] = [];
  for (const segment of segments) {
    const { data } = segment;
    const at = readTsFor(segment, readTs);
    const passing = predicate === undefined ? undefined : await passingAt(segment, predicate, at, pace);
    const left = data.deadBitset(at).slice();
    if (passing !== undefined) hideOthers(left, passing);
    if (keys !== undefined) leaveKeys(left, data.rowsOf(keys), negated);
    batches.push(await aggregateRows(data, aggregation, left, pace));
  }
  return mergeGroups(batches, aggregation, pace);
}

/** Each row that lives counts, older rows of a key too: how rows lie in segments makes no difference. */
async function countRows(
  segments: readonly ReadableSegment[],
  { keys, negated, predicate }: ReadFilter,
  readTs: ReadTime,
  pace: Pace,
): Promise<number> {
  let count = 0;
  for (const segment of segments) {
    const at = readTsFor(segment, readTs);
    if (predicate !== undefined) {
      count += passingCount(segment.data, await passingAt(segment, predicate, at, pace), at);
      continue;
    }
    let matching = 0;
    // A filter may name a key twice. Most keys of a long list have no row here, and cost no place in this set.
    const counted = new Set<Key>();
    for (const [index, key] of (keys ?? []).entries()) {
      const found = segment.data.countOf(key, at);
      if (found > 0 && !counted.has(key)) {
        counted.add(key);
        matching += found;
      }
      if (index % KEYS_BETWEEN_LOOKS === KEYS_BETWEEN_LOOKS - 1 && pace.isDue) await pace.rest();
    }
    count += keys !== undefined && !negated ? matching : segment.data.liveCount(at) - matching;
  }
  return count;
}

/** In the order asked for, at most `limit` or as many as there are keys in the filter. */
async function chooseRows(
  segment: ReadableSegment,
  { filter, order, readTs, primary, willPage }: Choice,
  limit: number,
  pace: Pace,
): Promise<Uint32Array> {
  const { keys, negated, predicate } = filter;
  const at = readTsFor(segment, readTs);
  const { data } = segment;
  if (pace.isDue) await pace.rest();
  const plan = readPlan(data, filter, order === undefined ? { primary, willPage } : undefined);
  if (plan.kind === 'skipped') return NO_ROWS;
  if (plan.kind === 'key range') {
    const { span } = plan;
    const rest = span.rest && (await passingAt(segment, span.rest, at, pace));
    return data.ordered.spanPage(
      { ...span, limit: Math.min(limit, data.rowCount), readTs: at, passing: rest, willPage },
      pace,
    );
  }
  const passing = predicate === undefined ? undefined : await passingAt(segment, predicate, at, pace);
  if (passing?.passing === 0) return NO_ROWS;
  const named = keys === undefined ? undefined : matchingRows(segment, keys, readTs);
  if (named !== undefined && !negated) {
    if (named.length < 2) return named;
    return order === undefined ? data.ordered.sorted(named, pace) : sortedInOrder(data, order, named, pace);
  }
  if (order !== undefined)
    return firstRows(data, order, { limit, readTs: at, passing, excluded: named ?? [] }, pace);
  if (named === undefined)
    return data.ordered.smallestPaced(Math.min(limit, data.rowCount), at, pace, passing);
  const excluded = new Set(named);
  const wanted = Math.min(limit + excluded.size, data.rowCount);
  return (await data.ordered.smallestPaced(wanted, at, pace)).filter((row) => !excluded.has(row));
}
