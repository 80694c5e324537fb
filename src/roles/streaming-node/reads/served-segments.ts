// Which sealed segments query-nodes serve for a shard: brought in line with targets, kept current with deletes, and given up as a whole when a
// query-node lost what it held. Then no read is answered until a target was loaded in full again: a partial answer would be a wrong one.
//
//     (not served) ──target names it──▶ loading ──loaded, deletes caught up──▶ ready ──target without it, loss, release──▶ (not served)
//
// Deletes that come while a segment loads wait at its entry; it becomes ready in the turn in which none is left.
import { Mutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { rowCountOf } from '#model/columns/column.js';
import { loadedSchema } from '#model/schema/loaded-fields.js';
import type { CallContext } from '#platform/transport.js';
import type { IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { SyncTargetRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import {
  type DeleteMessage,
  encodeDeletes,
  type ForwardedDeletes,
} from '#roles/streaming-node/delete-message.js';
import { backgroundContext } from '#rpc/service.js';
import { isDiskFile } from '#segment/files/disk-file-record.js';
import {
  keysOfIndexes,
  type ServedSegment,
  type ServedSegmentsParts,
  withLoadedIndexes,
} from './served-segment.js';

/** Writes wait this long for a query-node to take their deletes; then its segments count as lost and are loaded anew, in ms. */
const FORWARD_MS_MAX = 2000;
/** Beyond that, so many keys in one segment each are allowed a millisecond: some 20 times what they take. */
const FORWARD_KEYS_PER_MS = 200;
/** New fields of all rows that are served take so long at most, in ms; then they are loaded anew. */
const SCHEMA_MS_MAX = 60_000;

export class ServedSegments {
  readonly #parts: ServedSegmentsParts;
  readonly #served = new Map<bigint, ServedSegment>();
  /** Committed since the last target; a target that does not know them yet is too old to be used. */
  readonly #unseen = new Map<bigint, bigint>();
  readonly #syncing = new Mutex();
  #partitions: ReadonlySet<bigint> | undefined;
  #indexes: readonly IndexRecord[] = [];
  #version: bigint;
  /** By it segments are loaded. It is known here before the shard works with it. */
  #schema: CollectionSchema;
  /** Fields that are not loaded. */
  #leftOut: readonly bigint[] = [];
  /** The newest partition that any target named: ids rise, so a later one came to be after the last target. */
  #newestPartition = 0n;
  /** Rises when everything served is given up: a target that was being loaded then must not go live. */
  #life = 0;

  constructor(parts: ServedSegmentsParts) {
    this.#parts = parts;
    this.#version = parts.versionMin;
    this.#schema = parts.shard.schema;
  }

  get isLoaded(): boolean {
    return this.#partitions !== undefined;
  }

  /** Indexes of the newest target. */
  get indexes(): readonly IndexRecord[] {
    return this.#indexes;
  }

  isServed(id: bigint): boolean {
    const served = this.#served.get(id);
    return served !== undefined && served.waiting === undefined;
  }

  recordOf(id: bigint): SegmentRecord | undefined {
    return this.#served.get(id)?.record;
  }

  /** Segments of the partitions that are ready. */
  readyIn(partitions: ReadonlySet<bigint>): bigint[] {
    const ids: bigint[] = [];
    for (const [id, { record, waiting }] of this.#served)
      if (waiting === undefined && partitions.has(record.partitionId)) ids.push(id);
    return ids;
  }

  /** Called by the writer before a delete becomes visible here. */
  async forwardDeletes(deletes: ForwardedDeletes): Promise<void> {
    const ready: bigint[] = [];
    for (const [id, served] of this.#served) {
      if (served.waiting === undefined) ready.push(id);
      else served.waiting.push(deletes);
    }
    if (ready.length === 0) return;
    const abort = new AbortController();
    const keys = rowCountOf(deletes.keys, 0) * ready.length;
    const allowedMs = FORWARD_MS_MAX + Math.ceil(keys / FORWARD_KEYS_PER_MS);
    const timer = this.#parts.platform.timers.after(allowedMs, () => abort.abort());
    try {
      const context = {
        signal: abort.signal,
        deadlineMs: this.#parts.platform.clock.now() + allowedMs,
        metadata: {},
      };
      await this.#parts.queryNode.applyDeletes(
        { segmentIds: ready, deletes: encodeDeletes([deletes]) },
        context,
      );
    } catch (error) {
      // The write is durable and must take effect. Whether it did over there is unknown, so nothing is read from there any more.
      this.#lose(messageOf(error));
    } finally {
      timer.cancel();
    }
  }

  /**
   * What is served gets the fields of a newer schema; when this returns no segment that is ready is behind it. One that is being loaded is
   * brought up to it before it is ready.
   */
  async followSchema(schema: CollectionSchema): Promise<void> {
    if (schema.version <= this.#schema.version) return;
    this.#schema = loadedSchema(schema, this.#leftOut);
    const updated = this.#schema;
    const segmentIds = [...this.#served].flatMap(([id, { waiting }]) => (waiting === undefined ? [id] : []));
    if (segmentIds.length === 0) return;
    const { clock } = this.#parts.platform;
    const context = { ...backgroundContext, deadlineMs: clock.now() + SCHEMA_MS_MAX };
    try {
      await this.#parts.queryNode.updateSchema({ segmentIds, schema: updated }, context);
    } catch (error) {
      // Which of them have the new fields is unknown: they are loaded anew.
      this.#lose(messageOf(error));
    }
  }

  /** Gives up all that query-nodes serve. Reads are refused until the next target is loaded. */
  #lose(reason: string): void {
    this.#parts.platform.logger.warn('served_segments_lost', {
      vchannel: this.#parts.shard.channel.vchannel,
      segments: this.#served.size,
      reason,
    });
    this.#life++;
    this.#served.clear();
    this.#partitions = undefined;
    this.#parts.onLost();
  }

  /** A call to the query-node about segments that it should hold. */
  remote<T>(segmentIds: readonly bigint[], call: Promise<T>): Promise<T> {
    const life = this.#life;
    return call.then(undefined, (error: unknown) => {
      // Released meanwhile is not lost.
      const isLost = error instanceof ElanusError && error.key === 'collection_not_fully_loaded';
      if (isLost && life === this.#life && segmentIds.every((id) => this.#served.has(id)))
        this.#lose(error.message);
      throw error;
    });
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
    for (const segment of [...this.#parts.shard.segments.values()])
      if (segment.state === 'saved' && isServed(segment.id)) this.#parts.shard.forget(segment.id);
  }

  /** Brings what is served in line with the target. @throws service_not_ready the target is older than what is known: fetch it again. */
  syncTarget(request: SyncTargetRequest, context: CallContext): Promise<void> {
    // One after another: a second target must not take segments for served that the first still loads.
    return this.#syncing.run(() => this.#sync(request, context));
  }

  async #sync(sent: SyncTargetRequest, context: CallContext): Promise<void> {
    const request = withLoadedIndexes(sent);
    if (request.version < this.#version)
      throw outdated(`version ${request.version} of the target is older than ${this.#version}`);
    await this.#checkHeld(context);
    this.#checkKnown(request);
    await this.#leaveOut(request.leftOutFieldIds);
    this.#version = request.version;
    this.#indexes = request.indexes;
    this.#unseen.clear();
    // From the same turn as the check: a delete that is flushed while segments load is in no file that this target names.
    const buffered = encodeDeletes(this.#parts.shard.deletes);
    const { loads, changed } = this.#compare(request);
    const tooLarge = await this.#loadAll(loads, request, buffered, context);
    const targetIds = new Set(request.segments.map((target) => target.segment?.id));
    const gone = [...this.#served.keys()].filter((id) => !targetIds.has(id));
    for (const id of gone) this.#served.delete(id);
    // A new partition is served whole or not at all.
    const before = this.#partitions;
    const wanted = request.partitionIds;
    for (const id of wanted) if (id > this.#newestPartition) this.#newestPartition = id;
    this.#partitions = new Set(tooLarge === undefined ? wanted : wanted.filter((id) => before?.has(id)));
    this.#forgetSaved((id) => this.isServed(id));
    if (gone.length > 0) await this.#parts.queryNode.releaseSegments({ segmentIds: gone }, context);
    for (const segment of changed)
      if (this.#served.has(segment.id)) await this.#loadIndexes(segment, context);
    if (tooLarge !== undefined) throw tooLarge;
  }

  /** Segments that were loaded with other fields go: the target that follows brings them anew. */
  async #leaveOut(fieldIds: readonly bigint[]): Promise<void> {
    if (fieldIds.join() === this.#leftOut.join()) return;
    this.#leftOut = fieldIds;
    this.#schema = loadedSchema(this.#parts.shard.schema, fieldIds);
    await this.release();
  }

  /** @throws service_not_ready the target was made before segments were flushed that are not in it */
  #checkKnown({ deleteSegments, segments, partitionIds }: SyncTargetRequest): void {
    const known = new Set([
      ...deleteSegments.map(({ id }) => id),
      ...segments.map(({ segment }) => segment?.id),
    ]);
    const partitions = new Set(partitionIds);
    for (const [id, partition] of this.#unseen) {
      if (known.has(id) || (partition >= 0n && !partitions.has(partition))) continue;
      throw outdated(`segment ${id} was flushed after this target was made`);
    }
  }

  /** What of the target is not served yet, entered as loading, and what may have other index files than before. */
  #compare({ segments }: SyncTargetRequest): {
    readonly loads: readonly ServedSegment[];
    readonly changed: readonly SegmentRecord[];
  } {
    const loads: ServedSegment[] = [];
    const changed: SegmentRecord[] = [];
    for (const { segment } of segments) {
      if (segment === undefined) continue;
      const served = this.#served.get(segment.id);
      const indexKeys = keysOfIndexes(segment);
      if (served !== undefined) {
        // Served without a break: its index files may have come or gone meanwhile, the rows are the same. Of a file that is read while
        // it is searched, damage shows only then: its reader reports it when it is asked to load it.
        if (served.indexKeys !== indexKeys || segment.indexes.some((file) => isDiskFile(file.key)))
          changed.push(segment);
        continue;
      }
      const fresh: ServedSegment = { record: segment, waiting: [], indexKeys: '' };
      if (indexKeys !== '') changed.push(segment);
      this.#served.set(segment.id, fresh);
      loads.push(fresh);
    }
    return { loads, changed };
  }

  /**
   * One segment after another. What does not fit in memory is left out, the newest first; what was served before goes on.
   * @returns the refusal, if rows are missing for it. @throws whatever else failed: what was not loaded is not served then
   */
  async #loadAll(
    loads: readonly ServedSegment[],
    request: SyncTargetRequest,
    buffered: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<ElanusError | undefined> {
    const life = this.#life;
    let tooLarge: ElanusError | undefined;
    for (const [index, served] of loads.entries()) {
      try {
        await this.#load(served, request, buffered, context);
        if (life !== this.#life) throw outdated('the segments served so far were given up meanwhile');
      } catch (error) {
        const isFull = error instanceof ElanusError && error.key === 'memory_limit';
        if (isFull && this.#partitions !== undefined && life === this.#life) {
          this.#served.delete(served.record.id);
          // A flushed segment's rows are still in the growing part, which goes on serving them; of an imported one nothing is here.
          if (!this.#parts.shard.segments.has(served.record.id)) tooLarge ??= error;
          continue;
        }
        // The next target loads it.
        for (const unloaded of loads.slice(index))
          if (this.#served.get(unloaded.record.id) === unloaded) this.#served.delete(unloaded.record.id);
        throw error;
      }
    }
    return tooLarge;
  }

  /** An index that cannot be loaded costs speed only: the next target tries again, a damaged one is built again. */
  async #loadIndexes(segment: SegmentRecord, context: CallContext): Promise<void> {
    try {
      const { damagedIndexIds } = await this.#parts.queryNode.loadIndexes({ segment }, context);
      const served = this.#served.get(segment.id);
      if (served !== undefined) served.indexKeys = keysOfIndexes(segment);
      for (const indexId of damagedIndexIds) await this.#parts.onDamaged(segment, indexId);
    } catch (error) {
      this.#parts.platform.logger.warn('indexes_not_loaded', {
        segmentId: segment.id,
        reason: messageOf(error),
      });
    }
  }

  /** Asks the query-node whether it still holds what it serves: one that restarted holds nothing. */
  async #checkHeld(context: CallContext): Promise<void> {
    const held = [...this.#served].filter(([, served]) => served.waiting === undefined).map(([id]) => id);
    if (held.length === 0) return;
    // Applying no deletes changes nothing, and fails for a segment that is not there.
    await this.remote(held, this.#parts.queryNode.applyDeletes({ segmentIds: held }, context)).catch(
      (error: unknown) => {
        if (!(error instanceof ElanusError) || error.key !== 'collection_not_fully_loaded') throw error;
      },
    );
  }

  async #load(
    served: ServedSegment,
    { deleteSegments, indexes, version }: SyncTargetRequest,
    bufferedDeletes: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<void> {
    let schema = this.#schema;
    await this.#parts.queryNode.loadSegment(
      {
        segment: served.record,
        schema,
        deleteSegments,
        bufferedDeletes,
        indexes,
        version,
      },
      context,
    );
    // What arrived while it loaded, until nothing is left: then it goes live in the same turn.
    for (;;) {
      if (schema !== this.#schema) {
        schema = this.#schema;
        await this.#parts.queryNode.updateSchema({ segmentIds: [served.record.id], schema }, context);
        continue;
      }
      const waiting = served.waiting ?? [];
      if (waiting.length === 0) {
        served.waiting = undefined;
        return;
      }
      served.waiting = [];
      await this.#parts.queryNode.applyDeletes(
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
    if (ids.length > 0) await this.#parts.queryNode.releaseSegments({ segmentIds: ids });
  }

  /** @param loadedOnly of those wanted that are loaded, not all of them */
  requirePartitions(wanted: readonly bigint[], loadedOnly: boolean): ReadonlySet<bigint> {
    const loaded = this.#partitions;
    if (loaded === undefined) {
      throw new ElanusError(
        'collection_not_fully_loaded',
        `collection not fully loaded[collection=${this.#parts.shard.channel.collectionId}]: channel ${this.#parts.shard.channel.vchannel} is being loaded; try again`,
      );
    }
    if (wanted.length === 0) return loaded;
    // Mostly all of them.
    if (wanted.length === loaded.size && wanted.every((id) => loaded.has(id))) return loaded;
    // All that a partition has from before its first target is growing here; one that was dropped has nothing.
    const isReadable = (id: bigint): boolean =>
      loaded.has(id) || id > this.#newestPartition || this.#parts.shard.isDropped(id);
    if (loadedOnly) return new Set(wanted.filter(isReadable));
    for (const id of wanted)
      if (!isReadable(id))
        throw new ElanusError(
          'collection_not_loaded',
          `partition not loaded[partition=${id}]; load it first`,
        );
    return new Set(wanted);
  }
}

const outdated = (why: string): ElanusError =>
  new ElanusError('service_not_ready', `${why}; fetch the target again`);
