// Which sealed segments query-nodes serve for a shard: brought in line with targets, kept current with deletes, and given up as a whole when a
// query-node lost what it held. Then no read is answered until a target was loaded in full again: a partial answer would be a wrong one.
//
//     (not served) ──target names it──▶ loading ──loaded, deletes caught up──▶ ready ──▶ live ──target without it, loss, release──▶ (not served)
//
// Deletes that come while a segment loads wait at its entry; it becomes ready in the turn in which none is left, and takes deletes from then
// on. What is ready becomes live, that is, it is read, in the turn in which the segments leave that it was compacted from (`handover.ts`).

import { Mutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { LazySet, noMembers, settledMap, settledSet } from '#base/maps/lazy-map.js';
import { rowCountOf } from '#model/columns/column.js';
import { loadedSchema } from '#model/schema/loaded-fields.js';
import type { CallContext } from '#platform/transport.js';
import type { IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { SyncTargetRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { encodeDeletes, type ForwardedDeletes } from '#roles/streaming-node/delete-message.js';
import { backgroundContext } from '#rpc/service.js';
import { type HeldBack, heldBack } from './handover.js';
import { knownImports } from './imports-seen.js';
import { checkCovered, type PinnedPage, PinnedReads } from './pinned-reads.js';
import { ReadableFrom, rowsGone } from './readable-from.js';
import { SegmentLoads } from './segment-loads.js';
import { ServedPartitions } from './served-partitions.js';
import {
  checkSources,
  enterLoads,
  GIVEN_UP,
  isSettled,
  nothingServed,
  outdated,
  type ServedSegmentsParts,
  type ServedState,
  withLoadedIndexes,
} from './served-segment.js';
import { TargetVersions } from './target-versions.js';
import { UnseenSegments } from './unseen-segments.js';

/** Writes wait this long for a query-node to take their deletes; then its segments count as lost and are loaded anew, in ms. */
const FORWARD_MS_MAX = 2000;
/** Beyond that, so many keys in one segment each are allowed a millisecond: some 20 times what they take. */
const FORWARD_KEYS_PER_MS = 200;
/** New fields of all rows that are served take so long at most, in ms; then they are loaded anew. */
const SCHEMA_MS_MAX = 60_000;

export class ServedSegments {
  readonly #parts: ServedSegmentsParts;
  readonly #state: ServedState;
  readonly #loads: SegmentLoads;
  readonly #unseen = new UnseenSegments();
  readonly #pinned: PinnedReads;
  /** What the last target says was replaced, and is not read for it any more. */
  #left: ReadonlySet<bigint> = noMembers;
  /** Where everything of a segment was deleted reads at an earlier time would miss it. */
  readonly #readableFrom = new ReadableFrom();
  #importsKnown = 0n;
  /** Query-nodes are being asked to let these go, or load with these deletes. */
  readonly #passing = new LazySet<bigint>();
  readonly #syncing = new Mutex();
  readonly #partitions = new ServedPartitions();
  #indexes: readonly IndexRecord[] = [];
  readonly #versions: TargetVersions;
  /** Fields that are not loaded. */
  #leftOut: readonly bigint[] = [];
  /** The newest partition that any target named: ids rise, so a later one came to be after the last target. */
  #newestPartition = 0n;

  constructor(parts: ServedSegmentsParts) {
    this.#parts = parts;
    this.#versions = new TargetVersions(parts.versionMin);
    this.#pinned = new PinnedReads(parts.platform.clock);
    this.#state = nothingServed(parts.shard.schema);
    this.#loads = new SegmentLoads(parts, this.#state);
  }

  get isLoaded(): boolean {
    return this.#partitions.ids !== undefined;
  }

  #settle(version: bigint): void {
    this.#state.settled = version;
    this.#parts.onSettling?.();
  }

  #servePartitions(ids: readonly bigint[] | undefined): void {
    this.#partitions.ids = ids;
    if (ids === undefined) this.#importsKnown = 0n;
    this.#parts.onSettling?.();
  }

  /** The version of the target that is served, when nothing of it is left to do; 0n: it is to be sent again. */
  get settledVersion(): bigint {
    return this.isLoaded ? this.#state.settled : 0n;
  }

  /** Indexes of the newest target. */
  get indexes(): readonly IndexRecord[] {
    return this.#indexes;
  }

  isServed(id: bigint): boolean {
    return this.#state.served.get(id)?.isLive === true;
  }

  /** Its rows are read in another segment by now: an address in it leads nowhere. */
  hasLeft(id: bigint): boolean {
    return this.#left.has(id) && !this.isServed(id);
  }

  /**
   * Which of these anybody may still read. Whatever target comes from now on, and is not older than the version, does without the others.
   */
  inUse(segmentIds: readonly bigint[], version: bigint): bigint[] {
    this.#versions.refuseBefore(version);
    this.#unseen.forget(segmentIds);
    return segmentIds.filter(
      (id) => this.#state.served.has(id) || this.#passing.has(id) || this.#parts.shard.segments.has(id),
    );
  }

  /**
   * Rows that are there at this time stay readable. @param page of an iterator @returns what its first page read, which this one reads too
   * @throws invalid_parameter some have gone already
   */
  pin(
    readTimestamp: bigint,
    partitions: ReadonlySet<bigint>,
    page: PinnedPage | undefined,
  ): PinnedPage | undefined {
    const isThere = (id: bigint): boolean => this.#isReadable(id) && !this.#parts.shard.isDropped(id);
    const readable = new Set([...partitions].filter(isThere));
    const first = this.#pinned.note(readTimestamp, page && { ...page, partitions: readable });
    if (page !== undefined && first !== undefined) checkCovered(readTimestamp, first, readable, isThere);
    for (const { record, isLive } of this.#state.served.values())
      if (isLive && record.readableFrom > readTimestamp && partitions.has(record.partitionId))
        throw rowsGone(readTimestamp);
    this.#readableFrom.check(readTimestamp, partitions);
    return first;
  }

  /** All that a partition has from before its first target is growing here; one that was dropped has nothing. */
  #isReadable(id: bigint): boolean {
    return (
      this.#partitions.set?.has(id) === true || id > this.#newestPartition || this.#parts.shard.isDropped(id)
    );
  }

  recordOf(id: bigint): SegmentRecord | undefined {
    return this.#state.served.get(id)?.record;
  }

  /** See imports-seen.ts. */
  get importsKnown(): bigint {
    return this.#importsKnown;
  }

  /** Segments of the partitions that are ready, without imports after that time. */
  readyIn(
    partitions: ReadonlySet<bigint>,
    importsUntil: bigint,
  ): { readonly sealedIds: readonly bigint[]; readonly importsSeen: bigint } {
    const sealedIds: bigint[] = [];
    let importsSeen = 0n;
    for (const [id, { record, isLive }] of this.#state.served) {
      const at = record.commitTimestamp;
      if (!isLive || at > importsUntil || !partitions.has(record.partitionId)) continue;
      if (at > importsSeen) importsSeen = at;
      sealedIds.push(id);
    }
    return { sealedIds, importsSeen };
  }

  /** Called by the writer before a delete becomes visible here. */
  async forwardDeletes(deletes: ForwardedDeletes): Promise<void> {
    const ready: bigint[] = [];
    for (const [id, served] of this.#state.served) {
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
    if (schema.version <= this.#state.schema.version) return;
    this.#state.schema = loadedSchema(schema, this.#leftOut);
    const segmentIds = [...this.#state.served].flatMap(([id, { waiting }]) =>
      waiting === undefined ? [id] : [],
    );
    if (segmentIds.length === 0) return;
    const { clock } = this.#parts.platform;
    const context = { ...backgroundContext, deadlineMs: clock.now() + SCHEMA_MS_MAX };
    try {
      await this.#parts.queryNode.updateSchema({ segmentIds, schema: this.#state.schema }, context);
    } catch (error) {
      // Which of them have the new fields is unknown: they are loaded anew.
      this.#lose(messageOf(error));
    }
  }

  /** Gives up all that query-nodes serve. Reads are refused until the next target is loaded. */
  #lose(reason: string): void {
    const { platform, shard } = this.#parts;
    const segments = this.#state.served.size;
    this.#state.life++;
    this.#state.served.clear();
    this.#servePartitions(undefined);
    this.#state.isLoaded = false;
    // At the end of a process its query-node may go before a call of its shards has ended: nobody reads them any more.
    if (shard.closed) return;
    platform.logger.warn('served_segments_lost', { vchannel: shard.channel.vchannel, segments, reason });
    this.#parts.onLost();
  }

  /** A call to the query-node about segments that it should hold. */
  remote<T>(segmentIds: readonly bigint[], call: Promise<T>): Promise<T> {
    const life = this.#state.life;
    return call.then(undefined, (error: unknown) => {
      // Released meanwhile is not lost.
      const isLost = error instanceof ElanusError && error.key === 'collection_not_fully_loaded';
      if (isLost && life === this.#state.life && segmentIds.every((id) => this.#state.served.has(id)))
        this.#lose(error.message);
      throw error;
    });
  }

  /** Called after a flush was committed. */
  committed(segments: readonly SegmentRecord[]): void {
    this.#unseen.add(segments);
    // Kept while a target is being loaded: it may not know them yet.
    if (!this.isLoaded && this.#state.served.size === 0) this.#forgetSaved(() => true);
  }

  partitionDropped(partitionId: bigint): void {
    this.#unseen.partitionDropped(partitionId);
  }

  #forgetSaved(isServed: (id: bigint) => boolean): void {
    for (const segment of [...this.#parts.shard.segments.values()])
      if (segment.state === 'saved' && isServed(segment.id)) this.#parts.shard.forget(segment.id);
  }

  /** Brings what is served in line with the target. @throws target_outdated the target is older than what is known: fetch it again. */
  syncTarget(request: SyncTargetRequest, context: CallContext): Promise<void> {
    // One after another: a second target must not take segments for served that the first still loads.
    return this.#syncing.run(() => this.#sync(request, context));
  }

  async #sync(sent: SyncTargetRequest, context: CallContext): Promise<void> {
    const request = withLoadedIndexes(sent);
    this.#versions.check(request.version);
    await this.#checkHeld(context);
    const unknown = this.#unseen.missingIn(request);
    if (unknown !== undefined) throw outdated(`segment ${unknown} was flushed after this target was made`);
    checkSources(this.#state, request);
    await this.#leaveOut(request.leftOutFieldIds);
    // It may have been released meanwhile.
    this.#versions.take(request.version);
    const life = this.#state.life;
    this.#settle(0n);
    this.#indexes = request.indexes;
    this.#unseen.clear();
    // From the same turn as the check: a delete that is flushed while segments load is in no file that this target names.
    const buffered = encodeDeletes(this.#parts.shard.deletes);
    this.#state.replaced = settledMap(request.replaced.map((one) => [one.id, one] as const));
    const { loads, changed } = enterLoads(this.#state, request, this.#heldBack(request, []).heirs);
    const deleteIds = request.deleteSegments.map(({ id }) => id);
    const { tooLarge, missing } = await this.#passingBy(deleteIds, () =>
      this.#loads.loadAll(loads, request, buffered, context),
    );
    if (life !== this.#state.life) throw outdated(GIVEN_UP);
    const gone = this.#handOver(request, missing);
    // A new partition is served whole or not at all.
    const before = this.#partitions.ids;
    const wanted = request.partitionIds;
    for (const id of wanted) if (id > this.#newestPartition) this.#newestPartition = id;
    this.#state.isLoaded = true;
    this.#servePartitions(tooLarge === undefined ? wanted : wanted.filter((id) => before?.includes(id)));
    this.#forgetSaved((id) => this.isServed(id));
    if (gone.length > 0)
      await this.#passingBy(gone, () => this.#parts.queryNode.releaseSegments({ segmentIds: gone }, context));
    for (const segment of changed)
      if (this.#state.served.has(segment.id)) await this.#loads.loadIndexes(segment, context);
    if (tooLarge !== undefined) throw tooLarge;
    if (isSettled(this.#state, request, this.#parts.shard.segments)) this.#settle(request.version);
  }

  /** Segments that were loaded with other fields go: the target that follows brings them anew. */
  async #leaveOut(fieldIds: readonly bigint[]): Promise<void> {
    if (fieldIds.join() === this.#leftOut.join()) return;
    this.#leftOut = fieldIds;
    this.#state.schema = loadedSchema(this.#parts.shard.schema, fieldIds);
    await this.release();
  }

  /** While it runs these are in use. */
  async #passingBy<T>(ids: readonly bigint[], run: () => Promise<T>): Promise<T> {
    for (const id of ids) this.#passing.add(id);
    try {
      return await run();
    } finally {
      for (const id of ids) this.#passing.delete(id);
    }
  }

  #heldBack({ segments }: SyncTargetRequest, missing: readonly bigint[]): HeldBack {
    const targetIds = new Set(segments.map(({ segment }) => segment?.id));
    const { shard } = this.#parts;
    const read = [...this.#state.served.keys(), ...shard.segments.keys()].filter((id) => !targetIds.has(id));
    return heldBack({
      leaving: [...new Set(read)].filter((id) => this.#state.replaced.has(id)),
      replaced: this.#state.replaced,
      missing,
      isHeldBefore: (timestamp) => this.#pinned.isHeldBefore(timestamp),
    });
  }

  /** In one turn: what is loaded is read, and what it takes the place of is not. @returns what query-nodes may let go */
  #handOver(request: SyncTargetRequest, missing: readonly bigint[]): bigint[] {
    const targetIds = new Set(request.segments.map(({ segment }) => segment?.id));
    const { sources, heirs } = this.#heldBack(request, missing);
    const gone = [...this.#state.served.keys()].filter((id) => !targetIds.has(id) && !sources.has(id));
    for (const [id, served] of this.#state.served)
      if (targetIds.has(id) && served.waiting === undefined && !heirs.has(id)) served.isLive = true;
    for (const id of gone) this.#state.served.delete(id);
    const known = knownImports(request, this.#state);
    if (known > this.#importsKnown) this.#importsKnown = known;
    const { replaced } = this.#state;
    this.#readableFrom.note({ replaced, held: sources, gone, channelFrom: request.readableFrom });
    this.#left = settledSet(
      [...this.#state.replaced.keys()].filter((id) => !targetIds.has(id) && !sources.has(id)),
    );
    this.#forgetSaved((id) => this.#left.has(id));
    return gone;
  }

  /** Asks the query-node whether it still holds what it serves: one that restarted holds nothing. */
  async #checkHeld(context: CallContext): Promise<void> {
    const held = [...this.#state.served]
      .filter(([, served]) => served.waiting === undefined)
      .map(([id]) => id);
    if (held.length === 0) return;
    // Applying no deletes changes nothing, and fails for a segment that is not there.
    await this.remote(held, this.#parts.queryNode.applyDeletes({ segmentIds: held }, context)).catch(
      (error: unknown) => {
        if (!(error instanceof ElanusError) || error.key !== 'collection_not_fully_loaded') throw error;
      },
    );
  }

  /** @param version from before it was known that it is not loaded @throws target_outdated it was loaded since */
  async releaseAt(version: bigint): Promise<void> {
    this.#versions.release(version);
    await this.release();
  }

  async release(): Promise<void> {
    const ids = [...this.#state.served.keys()];
    this.#state.life++;
    this.#state.served.clear();
    this.#servePartitions(undefined);
    this.#state.isLoaded = false;
    this.#forgetSaved(() => true);
    if (ids.length > 0) await this.#parts.queryNode.releaseSegments({ segmentIds: ids });
  }

  /** @param loadedOnly of those wanted that are loaded, not all of them */
  requirePartitions(wanted: readonly bigint[], loadedOnly: boolean): ReadonlySet<bigint> {
    const { channel } = this.#parts.shard;
    return this.#partitions.require(channel, { wanted, loadedOnly }, (id) => this.#isReadable(id));
  }
}
