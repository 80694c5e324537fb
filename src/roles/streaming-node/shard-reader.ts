// The read side of one shard: it knows which sealed segments query-nodes serve for it, brings deletes to them, and merges what they
// find with the growing part, all at one timestamp. A segment is served by exactly one of the two at any moment.
import { ElanusError } from '#base/errors.js';
import { concatBatches, gatherBatch as gather, rowCountOf } from '#model/column.js';
import { primaryField } from '#model/field.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import type {
  FetchRowsRequest,
  QueryNodeDefinition,
  ShardRetrieveRequest,
  ShardSearchRequest,
  SyncTargetRequest,
} from '#proto/elanus/roles.js';
import type { Client } from '#rpc/service.js';
import { aligned, decodeHits, encodeHits, mergeHits } from '#segment/hits.js';
import {
  fetchRows,
  isLargerBetter,
  mergeByKey,
  type ReadableSegment,
  retrieveFromSegments,
  searchSegments,
} from '#segment/segment-reads.js';
import type { Shard } from './shard.js';

interface Deletes {
  readonly keys: Column;
  readonly timestamp: bigint;
}
interface ServedSegment {
  readonly record: SegmentRecord;
  /** While loading: the deletes that arrived meanwhile. */
  waiting: Deletes[] | undefined;
  indexKeys: string;
}
/** A read may name a time this far ahead before it counts as a mistake, in ms. */
const FUTURE_MS_MAX = 60_000;

export class ShardReader {
  readonly #platform: Platform;
  readonly #shard: Shard;
  readonly #queryNode: Client<typeof QueryNodeDefinition>;
  readonly #served = new Map<bigint, ServedSegment>();
  /** Committed since the last target; a target that does not know them yet is too old to be used. */
  readonly #unseen = new Map<bigint, bigint>();
  #partitions: ReadonlySet<bigint> | undefined;

  constructor(platform: Platform, shard: Shard, queryNode: Client<typeof QueryNodeDefinition>) {
    this.#platform = platform;
    this.#shard = shard;
    this.#queryNode = queryNode;
  }
  get isLoaded(): boolean {
    return this.#partitions !== undefined;
  }

  /** Called by the writer before a delete becomes visible here. */
  async forwardDeletes(deletes: Deletes): Promise<void> {
    const ready: bigint[] = [];
    for (const [id, served] of this.#served) {
      if (served.waiting === undefined) ready.push(id);
      else served.waiting.push(deletes);
    }
    if (ready.length > 0) await this.#queryNode.applyDeletes({ segmentIds: ready, deletes: encodeDeletes([deletes]) });
  }
  /** Called after a flush was committed. */
  committed(segments: readonly SegmentRecord[]): void {
    for (const segment of segments) this.#unseen.set(segment.id, segment.partitionId);
    if (!this.isLoaded) this.#forgetSaved(() => true);
  }
  partitionDropped(partitionId: bigint): void {
    for (const [id, partition] of this.#unseen) if (partition === partitionId) this.#unseen.delete(id);
  }
  #forgetSaved(isServed: (id: bigint) => boolean): void {
    for (const segment of [...this.#shard.segments.values()])
      if (segment.state === 'saved' && isServed(segment.id)) this.#shard.forget(segment.id);
  }

  /** Brings what is served in line with the target. @throws service_not_ready the target is older than the newest flush: fetch it again. */
  async syncTarget(request: SyncTargetRequest, context: CallContext): Promise<void> {
    const deleteIds = new Set(request.deleteSegments.map((segment) => segment.id));
    const targetIds = new Set(request.segments.map((target) => target.segment?.id));
    const partitions = new Set(request.partitionIds);
    for (const [id, partition] of this.#unseen) {
      const isKnown = deleteIds.has(id) || targetIds.has(id) || (partition >= 0n && !partitions.has(partition));
      if (!isKnown)
        throw new ElanusError('service_not_ready', `segment ${id} was flushed after this target was made; fetch the target again`);
    }
    this.#unseen.clear();
    const loads: ServedSegment[] = [];
    for (const { segment } of request.segments) {
      if (segment === undefined) continue;
      const served = this.#served.get(segment.id);
      const indexKeys = segment.indexes.map((file) => file.key).join();
      if (served !== undefined) {
        // Served without a break: its index files may have come meanwhile, the rows are the same.
        served.indexKeys = indexKeys;
        continue;
      }
      const fresh: ServedSegment = { record: segment, waiting: [], indexKeys };
      this.#served.set(segment.id, fresh);
      loads.push(fresh);
    }
    for (const served of loads) {
      try {
        await this.#load(served, request.deleteSegments, request.indexes, context);
      } catch (error) {
        this.#served.delete(served.record.id);
        throw error;
      }
    }
    const gone = [...this.#served.keys()].filter((id) => !targetIds.has(id));
    for (const id of gone) this.#served.delete(id);
    if (gone.length > 0) await this.#queryNode.releaseSegments({ segmentIds: gone });
    this.#partitions = partitions;
    this.#forgetSaved((id) => this.#served.get(id)?.waiting === undefined && this.#served.has(id));
  }
  async #load(
    served: ServedSegment,
    deleteSegments: readonly SegmentRecord[],
    indexes: readonly IndexRecord[],
    context: CallContext,
  ): Promise<void> {
    await this.#queryNode.loadSegment(
      {
        segment: served.record,
        schema: this.#shard.schema,
        deleteSegments: [...deleteSegments],
        bufferedDeletes: encodeDeletes(this.#shard.deletes),
        indexes: [...indexes],
      },
      context,
    );
    // What arrived while it loaded, until nothing is left: then it goes live in the same turn.
    for (;;) {
      const waiting = served.waiting ?? [];
      if (waiting.length === 0) {
        served.waiting = undefined;
        return;
      }
      served.waiting = [];
      await this.#queryNode.applyDeletes({ segmentIds: [served.record.id], deletes: encodeDeletes(waiting) });
    }
  }
  async release(): Promise<void> {
    const ids = [...this.#served.keys()];
    this.#served.clear();
    this.#partitions = undefined;
    this.#forgetSaved(() => true);
    if (ids.length > 0) await this.#queryNode.releaseSegments({ segmentIds: ids });
  }

  #requirePartitions(wanted: readonly bigint[]): ReadonlySet<bigint> {
    const loaded = this.#partitions;
    if (loaded === undefined)
      throw new ElanusError(
        'collection_not_loaded',
        `collection not loaded[collection=${this.#shard.channel.collectionId}]; load it first`,
      );
    if (wanted.length === 0) return loaded;
    for (const id of wanted)
      if (!loaded.has(id)) throw new ElanusError('collection_not_loaded', `partition not loaded[partition=${id}]; load it first`);
    return new Set(wanted);
  }
  /** Everything acknowledged before the call is visible already; only a time in the future has to be waited for. */
  async #readTimestamp(guarantee: bigint, context: CallContext): Promise<bigint> {
    const aheadMs = Number(guarantee >> 18n) - this.#platform.clock.now();
    if (guarantee > this.#shard.readTimestamp && aheadMs > 0) {
      const leftMs = context.deadlineMs === undefined ? FUTURE_MS_MAX : context.deadlineMs - this.#platform.clock.now();
      if (aheadMs > Math.min(FUTURE_MS_MAX, leftMs)) {
        throw new ElanusError(
          'deadline_exceeded',
          `guarantee timestamp ${guarantee} is ${aheadMs} ms ahead of this node's clock and the call waits at most ${Math.max(0, Math.round(Math.min(FUTURE_MS_MAX, leftMs)))} ms; send a timestamp that a write returned`,
        );
      }
      await this.#platform.timers.sleep(aheadMs, context.signal);
    }
    return this.#shard.readTimestamp;
  }
  #parts(partitions: ReadonlySet<bigint>, ignoreGrowing: boolean): { growing: ReadableSegment[]; sealedIds: bigint[] } {
    const sealedIds = [...this.#served]
      .filter(([, served]) => served.waiting === undefined && partitions.has(served.record.partitionId))
      .map(([id]) => id);
    const isSealedServed = new Set(sealedIds);
    const growing = ignoreGrowing
      ? []
      : [...this.#shard.segments.values()].filter((segment) => partitions.has(segment.partitionId) && !isSealedServed.has(segment.id));
    return { growing: growing.map(({ id, data }) => ({ id, data, commitTimestamp: 0n })), sealedIds };
  }

  async search(request: ShardSearchRequest, context: CallContext) {
    const partitions = this.#requirePartitions(request.partitionIds);
    const readTimestamp = await this.#readTimestamp(request.guaranteeTimestamp, context);
    const { growing, sealedIds } = this.#parts(partitions, request.ignoreGrowing);
    const [local, remote] = await Promise.all([
      searchSegments(growing, request, readTimestamp, this.#shard.schema, context.signal),
      sealedIds.length === 0
        ? undefined
        : this.#queryNode.searchSegments({ segmentIds: sealedIds, search: request, readTimestamp }, context),
    ]);
    const primary = primaryField(this.#shard.schema);
    const parts = remote === undefined ? [local] : [local, decodeHits(remote)];
    const merged = mergeHits(parts, request.queryCount, request.topK, isLargerBetter(request.metric), {
      fieldId: primary.fieldID,
      dataType: primary.dataType,
    });
    return encodeHits(merged, readTimestamp);
  }
  async retrieve(request: ShardRetrieveRequest, context: CallContext) {
    const partitions = this.#requirePartitions(request.partitionIds);
    const readTimestamp = await this.#readTimestamp(request.guaranteeTimestamp, context);
    const { growing, sealedIds } = this.#parts(partitions, request.ignoreGrowing);
    const remote =
      sealedIds.length === 0
        ? undefined
        : this.#queryNode.retrieveSegments({ segmentIds: sealedIds, retrieve: request, readTimestamp }, context);
    const local = retrieveFromSegments(growing, request, readTimestamp, this.#shard.schema);
    const sealed = await remote;
    if (request.countOnly) return { count: local.count + (sealed?.count ?? 0n), readTimestamp };
    const batches = [local.rows, ...(sealed?.rows === undefined ? [] : [sealed.rows])].filter((batch) => batch.rowCount > 0);
    const merged = mergeByKey(batches, request.limit === 0n ? Number.MAX_SAFE_INTEGER : Number(request.limit));
    return { count: merged.count, rows: merged.rows, readTimestamp };
  }
  async fetch(request: FetchRowsRequest, context: CallContext) {
    const segmentIds = new BigInt64Array(aligned(request.segmentIds));
    const rows = new Uint32Array(aligned(request.rows));
    const here: number[] = [];
    const there: number[] = [];
    for (const [at, id] of segmentIds.entries())
      (this.#served.get(id)?.waiting === undefined && this.#served.has(id) ? there : here).push(at);
    const local = fetchRows((id) => this.#shard.segments.get(id)?.data, pick64(segmentIds, here), pick32(rows, here), request.fieldIds);
    if (there.length === 0) return { rows: local };
    const remote = await this.#queryNode.fetchSegmentRows(
      {
        vchannel: request.vchannel,
        segmentIds: bytes(pick64(segmentIds, there)),
        rows: bytes(pick32(rows, there)),
        fieldIds: request.fieldIds,
      },
      context,
    );
    if (remote.rows === undefined) throw new ElanusError('internal', 'query-node answered without rows');
    if (here.length === 0) return { rows: remote.rows };
    const order = new Uint32Array(rows.length);
    for (const [index, at] of [...here, ...there].entries()) order[at] = index;
    return { rows: gather(concatBatches([local, remote.rows]), order) };
  }
}

const pick64 = (from: BigInt64Array, places: readonly number[]): BigInt64Array => BigInt64Array.from(places, (place) => from[place] ?? 0n);
const pick32 = (from: Uint32Array, places: readonly number[]): Uint32Array => Uint32Array.from(places, (place) => from[place] ?? 0);
const bytes = (array: BigInt64Array | Uint32Array | BigUint64Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function encodeDeletes(deletes: readonly Deletes[]): { keys: Column; timestamps: Uint8Array } | undefined {
  if (deletes.length === 0) return undefined;
  const counts = deletes.map(({ keys }) => rowCountOf(keys, 0));
  const timestamps = new BigUint64Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const [index, count] of counts.entries()) {
    timestamps.fill(deletes[index]?.timestamp ?? 0n, at, at + count);
    at += count;
  }
  const keys = concatBatches(deletes.map((one, index) => ({ rowCount: counts[index] ?? 0, columns: [one.keys] }))).columns[0];
  return keys === undefined ? undefined : { keys, timestamps: bytes(timestamps) };
}
