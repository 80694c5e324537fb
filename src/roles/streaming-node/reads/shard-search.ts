// A search over both parts of a shard, in steps: ask both, find hits whose key has a newer row on the other side, ask again if lists are left
// short, merge once. All rows of a key are in the shard, so what is found here is final.

import { ElanusError } from '#base/errors.js';
import { readTimeOf } from '#base/read-time.js';
import { primaryField } from '#model/schema/field.js';
import { isLargerBetter, isMetricName } from '#model/schema/metric-type.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { SegmentSearchRequest, ShardSearchRequest, ShardSearchResponse } from '#proto/elanus/roles.js';
import { whole } from '#rpc/service.js';
import { ELEMENT_KEYS, withRowKeys } from '#segment/search/element-keys.js';
import { aligned, decodeHits, encodeHits, type Hits, type KeyField } from '#segment/search/hits.js';
import { mergeHitsPaced } from '#segment/search/merge-hits.js';
import { reportFor } from '#segment/search/search-hooks.js';
import type { SearchReport } from '#segment/search/search-report.js';
import { searchSegments } from '#segment/search/search-segments.js';
import {
  isLeftShort,
  nextK,
  SupersededRows,
  supersededBy,
  withoutHits,
} from '#segment/search/superseded-rows.js';
import { readSent } from '#segment/sent-filter.js';
import { newerInSealed } from './newer-rows.js';
import type { ShardReadParts, ShardView } from './shard-view.js';

export class ShardSearch {
  readonly #parts: ShardReadParts;

  constructor(parts: ShardReadParts) {
    this.#parts = parts;
  }

  run(request: ShardSearchRequest, view: ShardView, context: CallContext): Promise<ShardSearchResponse> {
    this.#checkExcluded(request);
    const { growing, sealedIds } = view;
    // Often one side has nothing: what the other found is the answer.
    if (sealedIds.length > 0 && growing.every(({ data }) => data.rowCount === 0))
      return this.#askSealed(request, view, excludedBefore(request), context);
    return this.#runBoth(request, view, context);
  }

  async #runBoth(
    request: ShardSearchRequest,
    view: ShardView,
    context: CallContext,
  ): Promise<ShardSearchResponse> {
    const { growing, sealedIds, readTimestamp } = view;
    const { platform, shard } = this.#parts;
    const reading = readSent(platform.workers, request.textFilter, shard.schema, context.signal);
    if (reading !== undefined) await reading;
    const pace = new Pace(platform, context);
    const superseded = SupersededRows.decode(
      new BigInt64Array(aligned(request.excludedSegmentIds)),
      new Uint32Array(aligned(request.excludedRows)),
    );
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
      const keyField = this.#keyField();
      const sealedRows = withRowKeys(sealed, keyField);
      const supersededThere = await supersededBy(
        growing,
        readTimeOf(readTimestamp, request),
        sealedRows,
        pace,
      );
      const localRows = withRowKeys(local, keyField);
      const supersededHere = await newerInSealed(this.#parts, view, localRows, request, context);
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

  /** What an earlier round has found may be in another segment by now, where it would be found again. @throws segment_not_found */
  #checkExcluded({ excludedSegmentIds }: ShardSearchRequest): void {
    if (excludedSegmentIds.length === 0) return;
    for (const id of new Set(new BigInt64Array(aligned(excludedSegmentIds))))
      if (this.#parts.served.hasLeft(id))
        throw new ElanusError('segment_not_found', `segment ${id} was compacted meanwhile; search again`);
  }

  #askSealed(
    search: ShardSearchRequest,
    { sealedIds, readTimestamp }: ShardView,
    superseded: Pick<SegmentSearchRequest, 'supersededSegmentIds' | 'supersededRows'>,
    context: CallContext,
  ): Promise<ShardSearchResponse> {
    const { supersededSegmentIds, supersededRows } = superseded;
    const segmentIds = sealedIds.slice();
    const request = { segmentIds, search, readTimestamp, supersededSegmentIds, supersededRows };
    const { served, queryNode } = this.#parts;
    return served.remote(sealedIds, queryNode.searchSegments(whole<SegmentSearchRequest>(request), context));
  }

  #merged(parts: readonly Hits[], request: ShardSearchRequest, pace: Pace): Hits | Promise<Hits> {
    const { queryCount, topK, metric } = request;
    // A name that is no metric was refused by both sides.
    const isLarger = !isMetricName(metric) || isLargerBetter(metric);
    const isElements = parts.some(({ keys }) => keys.fieldId === ELEMENT_KEYS.fieldId);
    const keyField = isElements ? ELEMENT_KEYS : this.#keyField();
    return mergeHitsPaced(parts, queryCount, topK, isLarger, keyField, pace);
  }

  #keyField(): KeyField {
    const { fieldID, dataType } = primaryField(this.#parts.shard.schema);
    return { fieldId: fieldID, dataType };
  }
}

/** What rows of an earlier round are excluded by, they are excluded by as rows that are superseded. */
const excludedBefore = ({
  excludedSegmentIds,
  excludedRows,
}: ShardSearchRequest): Pick<SegmentSearchRequest, 'supersededSegmentIds' | 'supersededRows'> => ({
  supersededSegmentIds: excludedSegmentIds,
  supersededRows: excludedRows,
});

const answer = (hits: Hits, readTimestamp: bigint, report: SearchReport | undefined): ShardSearchResponse =>
  whole(encodeHits(hits, readTimestamp, report?.wire));

function encodeSuperseded(
  superseded: SupersededRows,
): Pick<SegmentSearchRequest, 'supersededSegmentIds' | 'supersededRows'> {
  const { segmentIds, rows } = superseded.addresses();
  return {
    supersededSegmentIds: new Uint8Array(segmentIds.buffer),
    supersededRows: new Uint8Array(rows.buffer),
  };
}
