// The read side of one shard: it knows which sealed segments query-nodes serve for it, brings deletes to them, and merges what they
// find with the growing part, all at one timestamp. A segment is served by exactly one of the two at any moment. When a query-node lost
// what it held, no read is answered until a target was loaded in full again: a partial answer would be a wrong one.
import { Mutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import {
  concatBatches,
  gatherBatch as gather,
  int64Values,
  keyAt,
  rowCountOf,
} from '#model/columns/column.js';
import { primaryField } from '#model/schema/field.js';
import { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import {
  type FetchRowsRequest,
  type QueryNodeDefinition,
  SegmentSearchRequest,
  ShardRetrieveRequest,
  type ShardSearchRequest,
  type ShardSearchResponse,
  type SyncTargetRequest,
} from '#proto/elanus/roles.js';
import { type Client, whole } from '#rpc/service.js';
import { fetchRows } from '#segment/fetch-rows.js';
import { isDiskFile } from '#segment/files/disk-file-record.js';
import { indexGrowing } from '#segment/files/vector-index-files.js';
import { mergeBatchesByKey } from '#segment/merge-keys.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { aligned, decodeHits, encodeHits, type Hits } from '#segment/search/hits.js';
import { mergeHitsPaced } from '#segment/search/merge-hits.js';
import { reportFor } from '#segment/search/search-hooks.js';
import { searchSegments } from '#segment/search/search-segments.js';
import {
  isLeftShort,
  isNewer,
  nextK,
  SupersededRows,
  supersededBy,
  withoutHits,
} from '#segment/search/superseded-rows.js';
import { isLargerBetter, retrieveFromSegments } from '#segment/segment-reads.js';
import type { OracleTime } from './oracle-time.js';
import type { BufferedDeletes, Shard } from './shard.js';

type Deletes = Omit<BufferedDeletes, 'lsn' | 'appliedMs'>;
interface ServedSegment {
  readonly record: SegmentRecord;
  /** While loading: the deletes that arrived meanwhile. */
  waiting: Deletes[] | undefined;
  indexKeys: string;
}

/** Writes wait this long for a query-node to take their deletes; then its segments count as lost and are loaded anew, in ms. */
const FORWARD_MS_MAX = 2000;

export class ShardReader {
  readonly #platform: Platform;
  readonly #shard: Shard;
  readonly #queryNode: Client<typeof QueryNodeDefinition>;
  readonly #time: OracleTime;
  readonly #served = new Map<bigint, ServedSegment>();
  /** Committed since the last target; a target that does not know them yet is too old to be used. */
  readonly #unseen = new Map<bigint, bigint>();
  #partitions: ReadonlySet<bigint> | undefined;
  #indexes: readonly IndexRecord[] = [];
  readonly #syncing = new Mutex();
  readonly #onLost: () => void;
  readonly #onDamaged: (segment: SegmentRecord, indexId: bigint) => Promise<void>;
  #version: bigint;
  /** Rises when everything served is given up: a target that was being loaded then must not go live. */
  #life = 0;

  /**
   * @param versionMin an older target may lack what the owner before this one flushed
   * @param onLost called when segments must be loaded anew: fetch a target
   * @param onDamaged called when the file of an index cannot be read: have it built again
   */
  constructor(
    platform: Platform,
    shard: Shard,
    queryNode: Client<typeof QueryNodeDefinition>,
    time: OracleTime,
    versionMin: bigint,
    onLost: () => void,
    onDamaged: (segment: SegmentRecord, indexId: bigint) => Promise<void>,
  ) {
    this.#platform = platform;
    this.#shard = shard;
    this.#queryNode = queryNode;
    this.#time = time;
    this.#version = versionMin;
    this.#onLost = onLost;
    this.#onDamaged = onDamaged;
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
    if (ready.length === 0) return;
    const abort = new AbortController();
    const timer = this.#platform.timers.after(FORWARD_MS_MAX, () => abort.abort());
    try {
      const context = {
        signal: abort.signal,
        deadlineMs: this.#platform.clock.now() + FORWARD_MS_MAX,
        metadata: {},
      };
      await this.#queryNode.applyDeletes({ segmentIds: ready, deletes: encodeDeletes([deletes]) }, context);
    } catch (error) {
      // The write is durable and must take effect. Whether it did over there is unknown, so nothing is read from there any more.
      this.#lose(messageOf(error));
    } finally {
      timer.cancel();
    }
  }

  /** Gives up all that query-nodes serve. Reads are refused until the next target is loaded. */
  #lose(reason: string): void {
    this.#platform.logger.warn('served_segments_lost', {
      vchannel: this.#shard.channel.vchannel,
      segments: this.#served.size,
      reason,
    });
    this.#life++;
    this.#served.clear();
    this.#partitions = undefined;
    this.#onLost();
  }

  /** A call to the query-node about segments that it should hold. */
  async #remote<T>(segmentIds: readonly bigint[], call: Promise<T>): Promise<T> {
    const life = this.#life;
    try {
      return await call;
    } catch (error) {
      // Released meanwhile is not lost.
      const isLost = error instanceof ElanusError && error.key === 'collection_not_fully_loaded';
      if (isLost && life === this.#life && segmentIds.every((id) => this.#served.has(id)))
        this.#lose(error.message);
      throw error;
    }
  }

  /** Called after a flush was committed. */
  committed(segments: readonly SegmentRecord[]): void {
    for (const segment of segments) this.#unseen.set(segment.id, segment.partitionId);
    // Kept while a target is being loaded: it may not know them yet.
    if (!this.isLoaded && this.#served.size === 0) this.#forgetSaved(() => true);
  }

  partitionDropped(partitionId: bigint): void {
    for (const [id, partition] of this.#unseen) if (partition === partitionId) this.#unseen.delete(id);
  }

  #forgetSaved(isServed: (id: bigint) => boolean): void {
    for (const segment of [...this.#shard.segments.values()])
      if (segment.state === 'saved' && isServed(segment.id)) this.#shard.forget(segment.id);
  }

  /** Brings what is served in line with the target. @throws service_not_ready the target is older than what is known: fetch it again. */
  syncTarget(request: SyncTargetRequest, context: CallContext): Promise<void> {
    // One after another: a second target must not take segments for served that the first still loads.
    return this.#syncing.run(() => this.#sync(request, context));
  }

  async #sync(request: SyncTargetRequest, context: CallContext): Promise<void> {
    if (request.version < this.#version)
      throw outdated(`version ${request.version} of the target is older than ${this.#version}`);
    await this.#checkHeld(context);
    const deleteIds = new Set(request.deleteSegments.map((segment) => segment.id));
    const targetIds = new Set(request.segments.map((target) => target.segment?.id));
    const partitions = new Set(request.partitionIds);
    for (const [id, partition] of this.#unseen) {
      const isKnown =
        deleteIds.has(id) || targetIds.has(id) || (partition >= 0n && !partitions.has(partition));
      if (!isKnown) throw outdated(`segment ${id} was flushed after this target was made`);
    }
    this.#version = request.version;
    this.#indexes = request.indexes;
    this.#unseen.clear();
    // From the same turn as the check: a delete that is flushed while segments load is in no file that this target names.
    const buffered = encodeDeletes(this.#shard.deletes);
    const life = this.#life;
    const loads: ServedSegment[] = [];
    const changed: SegmentRecord[] = [];
    for (const { segment } of request.segments) {
      if (segment === undefined) continue;
      const served = this.#served.get(segment.id);
      const indexKeys = segment.indexes.map((file) => file.key).join();
      if (served !== undefined) {
        // Served without a break: its index files may have come or gone meanwhile, the rows are the same. Of a file that is read while
        // it is searched, damage shows only then: whoever reads it tells when it is asked to load it.
        if (served.indexKeys !== indexKeys || segment.indexes.some((file) => isDiskFile(file.key)))
          changed.push(segment);
        continue;
      }
      const fresh: ServedSegment = { record: segment, waiting: [], indexKeys: '' };
      if (indexKeys !== '') changed.push(segment);
      this.#served.set(segment.id, fresh);
      loads.push(fresh);
    }
    // A load that does not fit in memory: the newest segments are left out, what was served before goes on.
    let tooLarge: ElanusError | undefined;
    for (const [index, served] of loads.entries()) {
      try {
        await this.#load(served, request, buffered, context);
        if (life !== this.#life) throw outdated('the segments served so far were given up meanwhile');
      } catch (error) {
        if (
          this.#partitions !== undefined &&
          error instanceof ElanusError &&
          error.key === 'memory_limit' &&
          life === this.#life
        ) {
          this.#served.delete(served.record.id);
          // A flushed segment's rows are still in the growing part, which goes on serving them; of an imported one nothing is here.
          if (!this.#shard.segments.has(served.record.id)) tooLarge ??= error;
          continue;
        }
        // What was not loaded is not served; the next target loads it.
        for (const unloaded of loads.slice(index))
          if (this.#served.get(unloaded.record.id) === unloaded) this.#served.delete(unloaded.record.id);
        throw error;
      }
    }
    const gone = [...this.#served.keys()].filter((id) => !targetIds.has(id));
    for (const id of gone) this.#served.delete(id);
    // A new partition is served whole or not at all.
    const before = this.#partitions;
    this.#partitions =
      tooLarge === undefined ? partitions : new Set([...partitions].filter((id) => before?.has(id)));
    this.#forgetSaved((id) => this.#served.get(id)?.waiting === undefined && this.#served.has(id));
    if (gone.length > 0) await this.#queryNode.releaseSegments({ segmentIds: gone }, context);
    for (const segment of changed)
      if (this.#served.has(segment.id)) await this.#loadIndexes(segment, context);
    if (tooLarge !== undefined) throw tooLarge;
  }

  /** An index that cannot be loaded costs speed only: the next target tries again, a damaged one is built again. */
  async #loadIndexes(segment: SegmentRecord, context: CallContext): Promise<void> {
    try {
      const { damagedIndexIds } = await this.#queryNode.loadIndexes({ segment }, context);
      const served = this.#served.get(segment.id);
      if (served !== undefined) served.indexKeys = segment.indexes.map((file) => file.key).join();
      for (const indexId of damagedIndexIds) await this.#onDamaged(segment, indexId);
    } catch (error) {
      this.#platform.logger.warn('indexes_not_loaded', { segmentId: segment.id, reason: messageOf(error) });
    }
  }

  /** Asks the query-node whether it still holds what it serves: one that restarted holds nothing. */
  async #checkHeld(context: CallContext): Promise<void> {
    const held = [...this.#served].filter(([, served]) => served.waiting === undefined).map(([id]) => id);
    if (held.length === 0) return;
    // Applying no deletes changes nothing, and fails for a segment that is not there.
    await this.#remote(held, this.#queryNode.applyDeletes({ segmentIds: held }, context)).catch(
      (error: unknown) => {
        if (!(error instanceof ElanusError) || error.key !== 'collection_not_fully_loaded') throw error;
      },
    );
  }

  async #load(
    served: ServedSegment,
    { deleteSegments, indexes, version }: SyncTargetRequest,
    bufferedDeletes: ReturnType<typeof encodeDeletes>,
    context: CallContext,
  ): Promise<void> {
    await this.#queryNode.loadSegment(
      {
        segment: served.record,
        schema: this.#shard.schema,
        deleteSegments,
        bufferedDeletes,
        indexes,
        version,
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
      await this.#queryNode.applyDeletes(
        { segmentIds: [served.record.id], deletes: encodeDeletes(waiting) },
        context,
      );
    }
  }

  async release(): Promise<void> {
    const ids = [...this.#served.keys()];
    this.#life++;
    this.#served.clear();
    this.#partitions = undefined;
    this.#forgetSaved(() => true);
    if (ids.length > 0) await this.#queryNode.releaseSegments({ segmentIds: ids });
  }

  /** @param loadedOnly of those wanted that are loaded, not all of them */
  #requirePartitions(wanted: readonly bigint[], loadedOnly: boolean): ReadonlySet<bigint> {
    const loaded = this.#partitions;
    if (loaded === undefined) {
      throw new ElanusError(
        'collection_not_fully_loaded',
        `collection not fully loaded[collection=${this.#shard.channel.collectionId}]: channel ${this.#shard.channel.vchannel} is being loaded; try again`,
      );
    }
    if (wanted.length === 0) return loaded;
    // Mostly all of them.
    if (wanted.length === loaded.size && wanted.every((id) => loaded.has(id))) return loaded;
    if (loadedOnly) return new Set(wanted.filter((id) => loaded.has(id)));
    for (const id of wanted)
      if (!loaded.has(id))
        throw new ElanusError(
          'collection_not_loaded',
          `partition not loaded[partition=${id}]; load it first`,
        );
    return new Set(wanted);
  }

  /** Everything acknowledged before the call is visible already; only a time that the oracle has not come to has to be waited for. */
  async #readTimestamp(guarantee: bigint, context: CallContext): Promise<bigint> {
    if (guarantee > this.#shard.readTimestamp) await this.#time.reach(guarantee, context);
    return this.#shard.readTimestamp;
  }

  #parts(
    partitions: ReadonlySet<bigint>,
    ignoreGrowing: boolean,
  ): { growing: ReadableSegment[]; sealedIds: bigint[] } {
    const sealedIds: bigint[] = [];
    for (const [id, served] of this.#served)
      if (served.waiting === undefined && partitions.has(served.record.partitionId)) sealedIds.push(id);
    const growing: ReadableSegment[] = [];
    if (ignoreGrowing) return { growing, sealedIds };
    for (const { id, partitionId, data } of this.#shard.segments.values()) {
      const isServed = this.#served.has(id) && this.#served.get(id)?.waiting === undefined;
      if (partitions.has(partitionId) && !isServed) growing.push({ id, data, commitTimestamp: 0n });
    }
    return { growing, sealedIds };
  }

  async search(request: ShardSearchRequest, context: CallContext) {
    const partitions = this.#requirePartitions(request.partitionIds, request.loadedOnly);
    const readTimestamp = await this.#readTimestamp(request.guaranteeTimestamp, context);
    const { growing, sealedIds } = this.#parts(partitions, request.ignoreGrowing);
    for (const { data } of growing) indexGrowing(this.#platform, data, this.#indexes);
    const askRemote = (superseded: Partial<SegmentSearchRequest> = {}, search = request) =>
      this.#remote(
        sealedIds,
        this.#queryNode.searchSegments(
          whole<SegmentSearchRequest>({
            ...noneSuperseded,
            segmentIds: sealedIds,
            search,
            readTimestamp,
            ...superseded,
          }),
          context,
        ),
      );
    // Often one side has nothing: what the other found is the answer.
    if (sealedIds.length > 0 && growing.every(({ data }) => data.rowCount === 0)) return askRemote();
    const pace = new Pace(this.#platform, context);
    const superseded = new SupersededRows();
    for (let { topK } = request; ; topK = nextK(topK, request.queryCount)) {
      const search = topK === request.topK ? request : { ...request, topK };
      const report = reportFor(request);
      const call = { signal: context.signal, pace, superseded };
      const [local, remote] = await Promise.all([
        searchSegments(growing, search, readTimestamp, this.#shard.schema, call, { report }),
        sealedIds.length === 0 ? undefined : askRemote(encodeSuperseded(superseded), search),
      ]);
      if (remote === undefined)
        return whole<ShardSearchResponse>({ ...encodeHits(local, readTimestamp), ...report?.wire });
      report?.addAnswer(remote);
      const sealed = decodeHits(remote);
      const supersededThere = await supersededBy(growing, readTimestamp, sealed, pace);
      const supersededHere = await this.#supersededBySealed(sealedIds, local, readTimestamp, context);
      if (isLeftShort(sealed, supersededThere, topK) || isLeftShort(local, supersededHere, topK)) {
        superseded.add(sealed, supersededThere);
        superseded.add(local, supersededHere);
        await pace.rest();
        continue;
      }
      const primary = primaryField(this.#shard.schema);
      const merged = await mergeHitsPaced(
        [withoutHits(local, supersededHere), withoutHits(sealed, supersededThere)],
        request.queryCount,
        request.topK,
        isLargerBetter(request.metric),
        { fieldId: primary.fieldID, dataType: primary.dataType },
        pace,
      );
      return whole<ShardSearchResponse>({ ...encodeHits(merged, readTimestamp), ...report?.wire });
    }
  }

  /** Numbers of the growing hits whose key has a newer row in a sealed segment: one of another partition, or an imported one. */
  async #supersededBySealed(
    sealedIds: readonly bigint[],
    hits: Hits,
    readTimestamp: bigint,
    context: CallContext,
  ): Promise<number[]> {
    const oldest = hits.timestamps.reduce(
      (least, time) => (time < least ? time : least),
      BigInt.asUintN(64, -1n),
    );
    // Most sealed segments were written before anything that grows: nobody is asked then.
    const segmentIds = sealedIds.filter((id) => newestIn(this.#served.get(id)?.record) >= oldest);
    if (segmentIds.length === 0 || hits.rows.length === 0) return [];
    const retrieve = ShardRetrieveRequest.create({
      filter: { keys: hits.keys, keyCount: hits.rows.length, negated: false },
    });
    const { rows } = await this.#remote(
      segmentIds,
      this.#queryNode.retrieveSegments({ segmentIds, retrieve, readTimestamp }, context),
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

  async retrieve(request: ShardRetrieveRequest, context: CallContext) {
    const partitions = this.#requirePartitions(request.partitionIds, request.loadedOnly);
    const readTimestamp = await this.#readTimestamp(request.guaranteeTimestamp, context);
    const { growing, sealedIds } = this.#parts(partitions, request.ignoreGrowing);
    const remote =
      sealedIds.length === 0
        ? undefined
        : this.#remote(
            sealedIds,
            this.#queryNode.retrieveSegments(
              { segmentIds: sealedIds, retrieve: request, readTimestamp },
              context,
            ),
          );
    const pace = new Pace(this.#platform, context);
    const [local, sealed] = await Promise.all([
      retrieveFromSegments(growing, request, readTimestamp, this.#shard.schema, pace),
      remote,
    ]);
    if (request.countOnly) return { count: local.count + (sealed?.count ?? 0n), readTimestamp };
    const batches = [local.rows, ...(sealed?.rows === undefined ? [] : [sealed.rows])];
    const rows = await mergeBatchesByKey(
      batches,
      request.limit === 0n ? Number.MAX_SAFE_INTEGER : Number(request.limit),
      pace,
    );
    return { count: BigInt(rows.rowCount), rows, readTimestamp };
  }

  async fetch(request: FetchRowsRequest, context: CallContext) {
    const segmentIds = new BigInt64Array(aligned(request.segmentIds));
    const rows = new Uint32Array(aligned(request.rows));
    const here: number[] = [];
    const there: number[] = [];
    for (const [at, id] of segmentIds.entries())
      (this.#served.get(id)?.waiting === undefined && this.#served.has(id) ? there : here).push(at);
    const own = fetchRows(
      (id) => this.#shard.segments.get(id)?.data,
      pick64(segmentIds, here),
      pick32(rows, here),
      request.fieldIds,
      request.isQuery ? 'query' : 'search',
      new Pace(this.#platform, context),
    );
    if (there.length === 0) return { rows: await own };
    const asked = this.#queryNode.fetchSegmentRows(
      {
        vchannel: request.vchannel,
        segmentIds: bytes(pick64(segmentIds, there)),
        rows: bytes(pick32(rows, there)),
        fieldIds: request.fieldIds,
        isQuery: request.isQuery,
      },
      context,
    );
    const [local, remote] = await Promise.all([own, asked]);
    if (remote.rows === undefined) throw new ElanusError('internal', 'query-node answered without rows');
    if (here.length === 0) return { rows: remote.rows };
    const order = new Uint32Array(rows.length);
    for (const [index, at] of [...here, ...there].entries()) order[at] = index;
    return { rows: gather(concatBatches([local, remote.rows]), order) };
  }
}

const noneSuperseded = SegmentSearchRequest.create({});
function encodeSuperseded(
  superseded: SupersededRows,
): Pick<SegmentSearchRequest, 'supersededSegmentIds' | 'supersededRows'> {
  const { segmentIds, rows } = superseded.addresses();
  return { supersededSegmentIds: bytes(segmentIds), supersededRows: bytes(rows) };
}

/** No row of the segment counts as written later. */
const newestIn = (record: SegmentRecord | undefined): bigint =>
  record === undefined
    ? 0n
    : record.commitTimestamp > record.timestampTo
      ? record.commitTimestamp
      : record.timestampTo;
const outdated = (why: string): ElanusError =>
  new ElanusError('service_not_ready', `${why}; fetch the target again`);
const pick64 = (from: BigInt64Array, places: readonly number[]): BigInt64Array =>
  BigInt64Array.from(places, (place) => from[place] ?? 0n);
const pick32 = (from: Uint32Array, places: readonly number[]): Uint32Array =>
  Uint32Array.from(places, (place) => from[place] ?? 0);
const bytes = (array: BigInt64Array | Uint32Array | BigUint64Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function encodeDeletes(
  deletes: readonly Deletes[],
): { keys: Column; timestamps: Uint8Array; partitionIds: Uint8Array } | undefined {
  if (deletes.length === 0) return undefined;
  const counts = deletes.map(({ keys }) => rowCountOf(keys, 0));
  const timestamps = new BigUint64Array(counts.reduce((sum, count) => sum + count, 0));
  const partitionIds = new BigInt64Array(timestamps.length);
  let at = 0;
  for (const [index, count] of counts.entries()) {
    timestamps.fill(deletes[index]?.timestamp ?? 0n, at, at + count);
    partitionIds.fill(deletes[index]?.partitionId ?? 0n, at, at + count);
    at += count;
  }
  const keys = concatBatches(
    deletes.map((one, index) => ({ rowCount: counts[index] ?? 0, columns: [one.keys] })),
  ).columns[0];
  return keys === undefined
    ? undefined
    : { keys, timestamps: bytes(timestamps), partitionIds: bytes(partitionIds) };
}
