// A search over both parts of a shard, in steps: ask both, find hits whose key has a newer row on the other side, ask again if lists are left
// short, merge once. All rows of a key are in the shard, so what is found here is final.
import { int64Values, keyAt } from '#model/columns/column.js';
import { primaryField } from '#model/schema/field.js';
import { isLargerBetter, isMetricName } from '#model/schema/metric-type.js';
import { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import {
  type QueryNodeDefinition,
  SegmentSearchRequest,
  ShardRetrieveRequest,
  type ShardSearchRequest,
  type ShardSearchResponse,
} from '#proto/elanus/roles.js';
import { type Client, whole } from '#rpc/service.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { decodeHits, encodeHits, type Hits } from '#segment/search/hits.js';
import { mergeHitsPaced } from '#segment/search/merge-hits.js';
import { reportFor } from '#segment/search/search-hooks.js';
import type { SearchReport } from '#segment/search/search-report.js';
import { searchSegments } from '#segment/search/search-segments.js';
import {
  isLeftShort,
  isNewer,
  nextK,
  SupersededRows,
  supersededBy,
  withoutHits,
} from '#segment/search/superseded-rows.js';
import type { ServedSegments } from './served-segments.js';
import type { Shard } from './shard.js';

/** What a read of a shard sees: each segment is on exactly one of the two sides. */
export interface ShardView {
  readonly readTimestamp: bigint;
  readonly growing: readonly ReadableSegment[];
  readonly sealedIds: readonly bigint[];
}

export interface ShardSearchParts {
  readonly platform: Platform;
  readonly shard: Shard;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
  readonly served: ServedSegments;
}

const noneSuperseded = SegmentSearchRequest.create({});

export class ShardSearch {
  readonly #parts: ShardSearchParts;

  constructor(parts: ShardSearchParts) {
    this.#parts = parts;
  }

  async run(
    request: ShardSearchRequest,
    view: ShardView,
    context: CallContext,
  ): Promise<ShardSearchResponse> {
    const { growing, sealedIds, readTimestamp } = view;
    // Often one side has nothing: what the other found is the answer.
    if (sealedIds.length > 0 && growing.every(({ data }) => data.rowCount === 0))
      return this.#askSealed(request, view, noneSuperseded, context);
    const pace = new Pace(this.#parts.platform, context);
    const superseded = new SupersededRows();
    for (let { topK } = request; ; topK = nextK(topK, request.queryCount)) {
      const search = topK === request.topK ? request : { ...request, topK };
      const report = reportFor(request);
      const call = { signal: context.signal, pace, superseded };
      const [local, remote] = await Promise.all([
        searchSegments(growing, search, readTimestamp, this.#parts.shard.schema, call, { report }),
        sealedIds.length === 0
          ? undefined
          : this.#askSealed(search, view, encodeSuperseded(superseded), context),
      ]);
      if (remote === undefined) return answer(local, readTimestamp, report);
      report?.addAnswer(remote);
      const sealed = decodeHits(remote);
      const supersededThere = await supersededBy(growing, readTimestamp, sealed, pace);
      const supersededHere = await this.#supersededBySealed(view, local, context);
      if (isLeftShort(sealed, supersededThere, topK) || isLeftShort(local, supersededHere, topK)) {
        superseded.add(sealed, supersededThere);
        superseded.add(local, supersededHere);
        await pace.rest();
        continue;
      }
      const parts = [withoutHits(local, supersededHere), withoutHits(sealed, supersededThere)];
      return answer(await this.#merged(parts, request, pace), readTimestamp, report);
    }
  }

  #askSealed(
    search: ShardSearchRequest,
    { sealedIds, readTimestamp }: ShardView,
    superseded: Pick<SegmentSearchRequest, 'supersededSegmentIds' | 'supersededRows'>,
    context: CallContext,
  ): Promise<ShardSearchResponse> {
    const { supersededSegmentIds, supersededRows } = superseded;
    const segmentIds = [...sealedIds];
    const request = { segmentIds, search, readTimestamp, supersededSegmentIds, supersededRows };
    const { served, queryNode } = this.#parts;
    return served.remote(sealedIds, queryNode.searchSegments(whole<SegmentSearchRequest>(request), context));
  }

  #merged(parts: readonly Hits[], request: ShardSearchRequest, pace: Pace): Promise<Hits> {
    const { queryCount, topK, metric } = request;
    const { fieldID, dataType } = primaryField(this.#parts.shard.schema);
    // A name that is no metric was refused by both sides.
    const isLarger = !isMetricName(metric) || isLargerBetter(metric);
    return mergeHitsPaced(parts, queryCount, topK, isLarger, { fieldId: fieldID, dataType }, pace);
  }

  /** Numbers of the growing hits whose key has a newer row in a sealed segment: one of another partition, or an imported one. */
  async #supersededBySealed(
    { sealedIds, readTimestamp }: ShardView,
    hits: Hits,
    context: CallContext,
  ): Promise<number[]> {
    const { served, queryNode } = this.#parts;
    const oldest = hits.timestamps.reduce(
      (least, time) => (time < least ? time : least),
      BigInt.asUintN(64, -1n),
    );
    // Most sealed segments were written before anything that grows: nobody is asked then.
    const segmentIds = sealedIds.filter((id) => newestIn(served.recordOf(id)) >= oldest);
    if (segmentIds.length === 0 || hits.rows.length === 0) return [];
    const retrieve = ShardRetrieveRequest.create({
      filter: { keys: hits.keys, keyCount: hits.rows.length, negated: false },
    });
    const { rows } = await served.remote(
      segmentIds,
      queryNode.retrieveSegments({ segmentIds, retrieve, readTimestamp }, context),
    );
    const [keys, times] = rows?.columns ?? [];
    if (rows === undefined || keys === undefined || times === undefined) return [];
    const writtenAt = int64Values(times);
    const newest = new Map(
      Array.from({ length: rows.rowCount }, (_, row) => [
        keyAt(keys, row),
        BigInt.asUintN(64, writtenAt[row] ?? 0n),
      ]),
    );
    const numbers: number[] = [];
    for (let at = 0; at < hits.rows.length; at++) {
      const time = newest.get(keyAt(hits.keys, at));
      if (time !== undefined && isNewer(time, 0n, hits.timestamps[at] ?? 0n, 0n)) numbers.push(at);
    }
    return numbers;
  }
}

const answer = (hits: Hits, readTimestamp: bigint, report: SearchReport | undefined): ShardSearchResponse =>
  whole<ShardSearchResponse>({ ...encodeHits(hits, readTimestamp), ...report?.wire });

function encodeSuperseded(
  superseded: SupersededRows,
): Pick<SegmentSearchRequest, 'supersededSegmentIds' | 'supersededRows'> {
  const { segmentIds, rows } = superseded.addresses();
  return {
    supersededSegmentIds: new Uint8Array(segmentIds.buffer),
    supersededRows: new Uint8Array(rows.buffer),
  };
}

/** No row of the segment counts as written later. */
const newestIn = (record: SegmentRecord | undefined): bigint =>
  record === undefined
    ? 0n
    : record.commitTimestamp > record.timestampTo
      ? record.commitTimestamp
      : record.timestampTo;
