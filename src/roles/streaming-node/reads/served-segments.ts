// Which sealed segments query-nodes serve for a shard: brought in line with targets, kept current with deletes, and given up as a whole when a
// query-node lost what it held. Then no read is answered until a target was loaded in full again: a partial answer would be a wrong one.
//
//     (not served) ──target names it──▶ loading ──loaded, deletes caught up──▶ ready ──▶ live ──target without it, loss, release──▶ (not served)
//
// Deletes that come while a segment loads wait at its entry; it becomes ready in the turn in which none is left, and takes deletes from then
// on. What is ready becomes live, that is, it is read, in the turn in which the segments leave that it was compacted from (`handover.ts`).

import { Mutex } from '#base/async.js';
import { LazySet, noMembers, settledMap, settledSet } from '#base/maps/lazy-map.js';
import { loadedSchema } from '#model/schema/loaded-fields.js';
import type { CallContext } from '#platform/transport.js';
import type { IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { SegmentPlace, SyncTargetRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import {
  type DeleteMessage,
  encodeDeletes,
  type ForwardedDeletes,
} from '#roles/streaming-node/delete-message.js';
import { backgroundContext } from '#rpc/service.js';
import { type HeldBack, heldBack } from './handover.js';
import { HeldCopies } from './held-copies.js';
import { type HeldPart, type Holder, heldParts, type SealedView } from './holder.js';
import { knownImports } from './imports-seen.js';
import { checkCovered, type PinnedPage, PinnedReads } from './pinned-reads.js';
import { ReadableFrom, rowsGone } from './readable-from.js';
import { SegmentLoads } from './segment-loads.js';
import { ServedPartitions } from './served-partitions.js';
import {
  checkSources,
  enterLoads,
  GIVEN_UP,
  isReady,
  isSettled,
  nothingServed,
  outdated,
  type ServedSegmentsParts,
  type ServedState,
  servedElsewhere,
  type TargetTasks,
  withLoadedIndexes,
} from './served-segment.js';

import { StrayCopies } from './stray-copies.js';
import { TargetVersions } from './target-versions.js';
import { UnseenSegments } from './unseen-segments.js';

const nothingHeldBack: HeldBack = { sources: noMembers, heirs: noMembers };

export class ServedSegments {
  readonly #parts: ServedSegmentsParts;
  readonly #state: ServedState;
  readonly #loads: SegmentLoads;
  readonly #held: HeldCopies;
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
    this.#state = nothingServed(parts.shard.schema, new StrayCopies());
    this.#loads = new SegmentLoads(parts, this.#state);
    this.#held = new HeldCopies(parts, this.#state, () => this.#servePartitions(undefined));
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

  /** The node at which it is read; undefined: at none. */
  readAt(id: bigint): Holder | undefined {
    const one = this.#state.served.get(id);
    return one?.isLive === true ? one.copy.holder : undefined;
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

  /** Segments of the partitions that are read, without imports after that time. */
  readyIn(
    partitions: ReadonlySet<bigint>,
    importsUntil: bigint,
  ): SealedView & { readonly importsSeen: bigint } {
    const sealedIds: bigint[] = [];
    let importsSeen = 0n;
    let holder: Holder | undefined;
    let isSpread = false;
    for (const [id, { record, copy, isLive }] of this.#state.served) {
      const at = record.commitTimestamp;
      if (!isLive || at > importsUntil || !partitions.has(record.partitionId)) continue;
      if (at > importsSeen) importsSeen = at;
      if (holder === undefined) holder = copy.holder;
      else if (holder !== copy.holder) isSpread = true;
      sealedIds.push(id);
    }
    const sealedParts = isSpread ? heldParts(sealedIds, (id) => this.readAt(id)) : undefined;
    return { sealedIds, holder, sealedParts, importsSeen };
  }

  /** See HeldCopies. */
  forwardDeletes(deletes: ForwardedDeletes): Promise<void> {
    return this.#held.forwardDeletes(deletes);
  }

  /** See HeldCopies. */
  followSchema(schema: CollectionSchema): Promise<void> {
    return this.#held.followSchema(schema, this.#leftOut);
  }

  /** See HeldCopies. */
  remote<T>(holder: Holder, segmentIds: readonly bigint[], call: Promise<T>): Promise<T> {
    return this.#held.remote(holder, segmentIds, call);
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

  /**
   * Brings what is served in line with the target.
   * @returns what is served elsewhere than it says
   * @throws target_outdated the target is older than what is known, or names a node that is gone: fetch it again
   */
  syncTarget(request: SyncTargetRequest, context: CallContext): Promise<readonly SegmentPlace[]> {
    // One after another: a second target must not take segments for served that the first still loads.
    return this.#syncing.run(async () => {
      await this.#sync(request, context);
      return servedElsewhere(this.#state, request);
    });
  }

  async #sync(sent: SyncTargetRequest, context: CallContext): Promise<void> {
    const request = withLoadedIndexes(sent);
    this.#versions.check(request.version);
    await this.#held.check(context);
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
    // What is left of something that was read whole keeps nobody back: rows of what is lost are in its heirs alone.
    const isWhole = this.#state.isLoaded;
    const heirs = isWhole ? this.#heldBack(request, []).heirs : noMembers;
    const tasks = enterLoads(this.#state, request, heirs, this.#parts.serverId);
    if (request.keepPlaces && !isWhole) this.#held.mayBeAnywhere(request);
    try {
      await this.#bring(request, tasks, { buffered, life, isWhole }, context);
    } finally {
      for (const { served, coming } of tasks.moves) if (served.coming === coming) served.coming = undefined;
    }
  }

  /** @param from what was so in the turn in which the tasks were entered */
  async #bring(
    request: SyncTargetRequest,
    { loads, changed, moves }: TargetTasks,
    from: { readonly buffered: DeleteMessage | undefined; readonly life: number; readonly isWhole: boolean },
    context: CallContext,
  ): Promise<void> {
    // They may take the room that the loads need.
    await this.#held.letStraysGo();
    const deleteIds = request.deleteSegments.map(({ id }) => id);
    const { tooLarge, missing } = await this.#passingBy(deleteIds, () =>
      this.#loads.loadAll(loads, request, from.buffered, context),
    );
    if (from.life !== this.#state.life) throw outdated(GIVEN_UP);
    const gone = this.#handOver(request, from.isWhole ? this.#heldBack(request, missing) : nothingHeldBack);
    // A new partition is served whole or not at all.
    const before = this.#partitions.ids;
    const wanted = request.partitionIds;
    for (const id of wanted) if (id > this.#newestPartition) this.#newestPartition = id;
    this.#state.isLoaded = true;
    this.#servePartitions(tooLarge === undefined ? wanted : wanted.filter((id) => before?.includes(id)));
    this.#forgetSaved((id) => this.isServed(id));
    const goneIds = gone.flatMap(({ segmentIds }) => segmentIds);
    if (gone.length > 0) await this.#passingBy(goneIds, () => this.#held.letGo(gone, context));
    for (const segment of changed)
      if (this.#state.served.has(segment.id)) await this.#loads.loadIndexes(segment, context);
    await this.#passingBy(deleteIds, async () => {
      for (const move of moves) {
        // What was lost meanwhile is loaded first, by the next target.
        if (from.life !== this.#state.life) break;
        await this.#loads.move(move, request, from.buffered, context);
        await this.#held.letStraysGo();
      }
    });
    await this.#held.letStraysGo();
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
  #handOver(request: SyncTargetRequest, { sources, heirs }: HeldBack): readonly HeldPart[] {
    const targetIds = new Set(request.segments.map(({ segment }) => segment?.id));
    const gone = [...this.#state.served.keys()].filter((id) => !targetIds.has(id) && !sources.has(id));
    const released = heldParts(gone, (id) => this.#state.served.get(id)?.copy.holder);
    for (const [id, served] of this.#state.served)
      if (targetIds.has(id) && isReady(served) && !heirs.has(id)) served.isLive = true;
    for (const id of gone) this.#state.served.delete(id);
    const known = knownImports(request, this.#state);
    if (known > this.#importsKnown) this.#importsKnown = known;
    const { replaced } = this.#state;
    this.#readableFrom.note({ replaced, held: sources, gone, channelFrom: request.readableFrom });
    this.#left = settledSet(
      [...this.#state.replaced.keys()].filter((id) => !targetIds.has(id) && !sources.has(id)),
    );
    this.#forgetSaved((id) => this.#left.has(id));
    return released;
  }

  /** @param version from before it was known that it is not loaded @throws target_outdated it was loaded since */
  async releaseAt(version: bigint): Promise<void> {
    this.#versions.release(version);
    await this.release();
  }

  async release(): Promise<void> {
    const parts = this.#held.giveUpAll();
    this.#forgetSaved(() => true);
    await this.#held.letGo(parts, backgroundContext);
    await this.#held.letStraysGo();
  }

  /** @param loadedOnly of those wanted that are loaded, not all of them */
  requirePartitions(wanted: readonly bigint[], loadedOnly: boolean): ReadonlySet<bigint> {
    const { channel } = this.#parts.shard;
    return this.#partitions.require(channel, { wanted, loadedOnly }, (id) => this.#isReadable(id));
  }
}
