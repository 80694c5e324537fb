// A search over all places of a shard, its growing part and each node that holds sealed segments, in steps: ask them at once, find hits whose key
// has a newer row at another place, ask again if lists are left short, merge once. All rows of a key are in the shard, so what is found here is final.

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
import { contextAt, type HeldPart, sealedPartsOf } from './holder.js';
import { bothOf, newerInSealed } from './newer-rows.js';
import type { ShardReadParts, ShardView } from './shard-view.js';

export class ShardSearch {
  readonly #parts: ShardReadParts;

  constructor(parts: ShardReadParts) {
    this.#parts = parts;
  }

  run(request: ShardSearchRequest, view: ShardView, context: CallContext): Promise<ShardSearchResponse> {
    this.#checkExcluded(request);
    const { growing, sealedIds, holder, sealedParts } = view;
    // Often one place has everything: what it found is the answer.
    if (
      holder !== undefined &&
      sealedParts === undefined &&
      growing.every(({ data }) => data.rowCount === 0)
    ) {
      const part = { holder, segmentIds: sealedIds.slice() };
      return this.#askNode(request, view, part, excludedBefore(request), context);
    }
    return this.#runAll(request, view, context);
  }

  async #runAll(
    request: ShardSearchRequest,
    view: ShardView,
    context: CallContext,
  ): Promise<ShardSearchResponse> {
    const { growing, readTimestamp } = view;
    const { platform, shard } = this.#parts;
    const reading = readSent(platform.workers, request.textFilter, shard.schema, context.signal);
    if (reading !== undefined) await reading;
    const pace = new Pace(platform, context);
    const superseded = SupersededRows.decode(
      new BigInt64Array(aligned(request.excludedSegmentIds)),
      new Uint32Array(aligned(request.excludedRows)),
    );
    const nodes = sealedPartsOf(view);
    for (let { topK } = request; ; topK = nextK(topK, request.queryCount)) {
      const search = topK === request.topK ? request : { ...request, topK };
      const report = reportFor(request);
      const call = { signal: context.signal, pace, superseded };
      const [local, ...answers] = await Promise.all([
        searchSegments(growing, search, readTimestamp, this.#parts.shard.schema, call, { report }),
        ...nodes.map((part) => this.#askNode(search, view, part, encodeSuperseded(superseded), context)),
      ]);
      if (answers.length === 0) return answer(local, readTimestamp, report);
      for (const one of answers) report?.addAnswer(one);
      const found = [local, ...answers.map(decodeHits)];
      const older = await Promise.all(
        found.map((hits, place) => this.#supersededBy(hits, request, view, nodes[place - 1], pace, context)),
      );
      if (found.some((hits, place) => isLeftShort(hits, older[place] ?? [], topK))) {
        for (const [place, hits] of found.entries()) superseded.add(hits, older[place] ?? []);
        await pace.rest();
        continue;
      }
      const parts = found.map((hits, place) => withoutHits(hits, older[place] ?? []));
      return answer(await this.#merged(parts, request, pace), readTimestamp, report);
    }
  }

  /** Numbers of the hits whose key has a newer row at another place than theirs, ascending. @param own the node of the hits; undefined: they grow here */
  async #supersededBy(
    hits: Hits,
    request: ShardSearchRequest,
    view: ShardView,
    own: HeldPart | undefined,
    pace: Pace,
    context: CallContext,
  ): Promise<readonly number[]> {
    const rows = withRowKeys(hits, this.#keyField());
    if (own === undefined) return newerInSealed(this.#parts, view, rows, request, context);
    const readTime = readTimeOf(view.readTimestamp, request);
    const here = await supersededBy(view.growing, readTime, rows, pace);
    if (view.sealedParts === undefined) return here;
    const there = await newerInSealed(this.#parts, view, rows, request, context, own);
    return bothOf(here, there);
  }

  /** What an earlier round has found may be in another segment by now, where it would be found again. @throws segment_not_found */
  #checkExcluded({ excludedSegmentIds }: ShardSearchRequest): void {
    if (excludedSegmentIds.length === 0) return;
    for (const id of new Set(new BigInt64Array(aligned(excludedSegmentIds))))
      if (this.#parts.served.hasLeft(id))
        throw new ElanusError('segment_not_found', `segment ${id} was compacted meanwhile; search again`);
  }

  #askNode(
    search: ShardSearchRequest,
    { readTimestamp }: ShardView,
    { holder, segmentIds }: HeldPart,
    superseded: Pick<SegmentSearchRequest, 'supersededSegmentIds' | 'supersededRows'>,
    context: CallContext,
  ): Promise<ShardSearchResponse> {
    const { supersededSegmentIds, supersededRows } = superseded;
    const request = { segmentIds, search, readTimestamp, supersededSegmentIds, supersededRows };
    const { served, queryNode } = this.#parts;
    const asked = queryNode.searchSegments(whole<SegmentSearchRequest>(request), contextAt(holder, context));
    return served.remote(holder, segmentIds, asked);
  }

  #merged(parts: readonly Hits[], request: ShardSearchRequest, pace: Pace): Hits | Promise<Hits> {
    const { queryCount, topK, metric } = request;
    // A name that is no metric was refused by every place.
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
