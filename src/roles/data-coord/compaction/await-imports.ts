// Rows of an import can be compacted with others once no read has to leave them out any more:
//   - the checkpoint has come to their commit, which without writes takes a seal
//   - every shard that is loaded reads the import: until then a read leaves it out in all of them (docs/adr/0124), and of rows among others it
//     could not. A shard that reads it goes on to: one that loses what it serves answers nothing before it has all of it again.
import { ElanusError, messageOf } from '#base/errors.js';
import { joinSignals } from '#base/on-abort.js';
import { type FlushedSegment, isFlushed } from '#model/states/segment.js';
import { endedSoon } from '#platform/time.js';
import { untilServed } from '#roles/data-coord/imports/until-served.js';
import type { PlanParts } from './run-plan.js';

/** Who compacts waits so long for the time of an import to be over, in ms. */
const CHECKPOINT_MS_MAX = 10_000;
/** And for the shards to read it; what takes longer is compacted later. */
const SEEN_MS_MAX = 5000;
/** A question whether they do is put again after so long: each is a round of query-coord, and they would queue up behind a load that takes long. */
const ASK_MS_MAX = 60_000;

/** What it needs of all that plans are carried out with. */
export interface AwaitedImportsParts {
  readonly platform: Pick<PlanParts['platform'], 'clock' | 'timers' | 'logger'>;
  readonly catalog: Pick<PlanParts['catalog'], 'segmentsOf' | 'channelsOf'>;
  readonly peers: Pick<PlanParts['peers'], 'queryCoord' | 'streamingNode'>;
}

export class AwaitedImports {
  readonly #parts: AwaitedImportsParts;
  readonly #signal: AbortSignal;
  /** By collection: imports until then are read by every shard. After a restart they are asked again. */
  readonly #seenUntil = new Map<bigint, bigint>();
  /** Collections with imports that some shard did not read at the last look. */
  readonly #unseen = new Set<bigint>();
  /** By collection: the question that has no answer yet. */
  readonly #asking = new Map<bigint, Promise<void>>();

  constructor(parts: AwaitedImportsParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** @param only the segments that are to be compacted; left out: all of the collection */
  async checkpointed(collectionId: bigint, only?: readonly FlushedSegment[]): Promise<void> {
    const { catalog, peers, platform } = this.#parts;
    const wanted = only ?? catalog.segmentsOf(collectionId).filter(isFlushed);
    for (const { vchannel, checkpointTimestamp } of catalog.channelsOf(collectionId)) {
      const isEarly = wanted.some(
        (one) => one.vchannel === vchannel && one.commitTimestamp > checkpointTimestamp,
      );
      if (!isEarly) continue;
      const { flushTimestamp: timestamp } = await peers.streamingNode.sealChannel({ vchannel });
      const deadlineMs = platform.clock.now() + CHECKPOINT_MS_MAX;
      const context = { signal: this.#signal, deadlineMs, metadata: {} };
      await peers.streamingNode.awaitCheckpoint({ vchannel, timestamp }, context);
    }
  }

  /** Nothing is kept of collections that were dropped. */
  forgetDropped(): void {
    const { catalog } = this.#parts;
    for (const known of [this.#seenUntil, this.#unseen])
      for (const id of known.keys()) if (catalog.channelsOf(id).length === 0) known.delete(id);
  }

  isAwaited(collectionId: bigint): boolean {
    return this.#unseen.has(collectionId);
  }

  /** Segments of imports that some shard may not read yet, as of this moment. */
  unseen(collectionId: bigint): readonly bigint[] {
    const seenUntil = this.#seenUntil.get(collectionId) ?? 0n;
    return this.#imported(collectionId).flatMap(({ id, commitTimestamp }) =>
      commitTimestamp > seenUntil ? [id] : [],
    );
  }

  /** Has all shards read what was imported until now, if they can. */
  async show(collectionId: bigint): Promise<void> {
    const newest = this.#imported(collectionId).reduce((until, one) => max(until, one.commitTimestamp), 0n);
    if (newest === 0n) this.#seenUntil.delete(collectionId);
    const { timers } = this.#parts.platform;
    const isUnseen = (): boolean => newest > (this.#seenUntil.get(collectionId) ?? 0n);
    const earlier = isUnseen() ? this.#asking.get(collectionId) : undefined;
    // Who found it unanswered once comes again: it is not waited for twice, as nothing else is compacted meanwhile.
    if (earlier !== undefined && !this.#unseen.has(collectionId))
      await endedSoon(timers, earlier, SEEN_MS_MAX);
    if (isUnseen() && !this.#asking.has(collectionId))
      await endedSoon(timers, this.#ask(collectionId, newest), SEEN_MS_MAX);
    if (isUnseen()) this.#unseen.add(collectionId);
    else this.#unseen.delete(collectionId);
  }

  /** @throws collection_not_fully_loaded some shard may not read an import yet */
  async shown(collectionId: bigint): Promise<void> {
    await this.show(collectionId);
    const unseen = this.unseen(collectionId);
    if (unseen.length === 0) return;
    throw new ElanusError(
      'collection_not_fully_loaded',
      `segments ${unseen.join(', ')} of an import are not read in every shard yet, and cannot be merged before; ask again when it is loaded`,
    );
  }

  #imported(collectionId: bigint): readonly FlushedSegment[] {
    const flushed = this.#parts.catalog.segmentsOf(collectionId).filter(isFlushed);
    return flushed.filter(({ commitTimestamp }) => commitTimestamp !== 0n);
  }

  /** Never rejects. @param newest what there is when it is asked: later imports another question is put for */
  #ask(collectionId: bigint, newest: bigint): Promise<void> {
    const { peers, platform } = this.#parts;
    const late = new AbortController();
    const timer = platform.timers.after(ASK_MS_MAX, () => late.abort());
    const { signal, release } = joinSignals([late.signal, this.#signal]);
    const context = { signal, deadlineMs: platform.clock.now() + ASK_MS_MAX, metadata: {} };
    const asking = untilServed(peers, collectionId, context)
      .then(() => void this.#seenUntil.set(collectionId, newest))
      .catch((error: unknown) =>
        platform.logger.debug('import_not_merged_yet', { collectionId, reason: messageOf(error) }),
      )
      .finally(() => {
        timer.cancel();
        release();
        this.#asking.delete(collectionId);
      });
    this.#asking.set(collectionId, asking);
    return asking;
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
