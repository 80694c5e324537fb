// What query-nodes hold for a shard, kept current: deletes and fields follow it, it is asked for, let go of, and given up where a node lost it. A node
// that is gone, or did not take a delete, loses its own segments and no others. The shard is not read then until a target was loaded in full again: a
// partial answer would be a wrong one.
//
//   1. A delete becomes visible when every copy that is read has it, or is given up (`forwardDeletes`, which the writer awaits). A copy that is being
//      loaded gets it before it is read.
//   2. A copy that was given up is read by nobody, whatever its node still does: it comes back by a load alone, which brings every delete.
//   3. Whatever is awaited here, others may give copies up, release everything, or move a segment: what a call was about is compared with what
//      is served when it fails.
import { ElanusError, messageOf } from '#base/errors.js';
import { rowCountOf } from '#model/columns/column.js';
import { loadedSchema } from '#model/schema/loaded-fields.js';
import type { CallContext } from '#platform/transport.js';
import type { Deletes, SyncTargetRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { encodeDeletes, type ForwardedDeletes } from '#roles/streaming-node/delete-message.js';
import { backgroundContext } from '#rpc/service.js';
import { contextAt, type HeldPart, type Holder, Holders, heldParts } from './holder.js';
import { isReady, type ServedSegmentsParts, type ServedState } from './served-segment.js';

/** Writes wait this long for a query-node to take their deletes; then its segments count as lost and are loaded anew, in ms. */
const FORWARD_MS_MAX = 2000;
/** Beyond that, so many keys in one segment each are allowed a millisecond: some 20 times what they take. */
const FORWARD_KEYS_PER_MS = 200;
/** New fields of all rows that are served take so long at most, in ms; then they are loaded anew. */
const SCHEMA_MS_MAX = 60_000;
/** A node that has copies which nobody reads is asked so long to let them go, in ms: it may be the one that is lost. */
const STRAYS_MS_MAX = 2000;

export class HeldCopies {
  readonly #parts: ServedSegmentsParts;
  readonly #state: ServedState;
  readonly #onGivenUp: () => void;

  /** @param onGivenUp something that was read is not held any more */
  constructor(parts: ServedSegmentsParts, state: ServedState, onGivenUp: () => void) {
    this.#parts = parts;
    this.#state = state;
    this.#onGivenUp = onGivenUp;
  }

  /** Called by the writer before a delete becomes visible here. */
  async forwardDeletes(deletes: ForwardedDeletes): Promise<void> {
    for (const { copy, coming } of this.#state.served.values()) {
      copy.waiting?.push(deletes);
      coming?.waiting?.push(deletes);
    }
    const ready = this.#ready();
    if (ready.length === 0) return;
    const message = encodeDeletes([deletes]);
    const keys = rowCountOf(deletes.keys, 0);
    await Promise.all(ready.map((part) => this.#forward(part, message, keys)));
  }

  async #forward(part: HeldPart, deletes: Deletes | undefined, keys: number): Promise<void> {
    const { platform } = this.#parts;
    const abort = new AbortController();
    const allowedMs = FORWARD_MS_MAX + Math.ceil((keys * part.segmentIds.length) / FORWARD_KEYS_PER_MS);
    const timer = platform.timers.after(allowedMs, () => abort.abort());
    try {
      const deadlineMs = platform.clock.now() + allowedMs;
      const context = contextAt(part.holder, { signal: abort.signal, deadlineMs, metadata: {} });
      await this.#parts.queryNode.applyDeletes({ segmentIds: part.segmentIds, deletes }, context);
    } catch (error) {
      // The write is durable and must take effect. Whether it did over there is unknown, so nothing is read from there any more.
      this.#lose(part, messageOf(error));
    } finally {
      timer.cancel();
    }
  }

  /**
   * What is served gets the fields of a newer schema; when this returns no copy that is ready is behind it. One that is being loaded is
   * brought up to it before it is ready.
   */
  async followSchema(schema: CollectionSchema, leftOut: readonly bigint[]): Promise<void> {
    if (schema.version <= this.#state.schema.version) return;
    const loaded = loadedSchema(schema, leftOut);
    this.#state.schema = loaded;
    const context = { ...backgroundContext, deadlineMs: this.#parts.platform.clock.now() + SCHEMA_MS_MAX };
    const update = async (part: HeldPart): Promise<void> => {
      const { holder, segmentIds } = part;
      try {
        await this.#parts.queryNode.updateSchema({ segmentIds, schema: loaded }, contextAt(holder, context));
      } catch (error) {
        // Which of them have the new fields is unknown: they are loaded anew.
        this.#lose(part, messageOf(error));
      }
    };
    await Promise.all(this.#ready().map(update));
  }

  /** By node. */
  #ready(): readonly HeldPart[] {
    const { served } = this.#state;
    return heldParts(served.keys(), (id) => {
      const one = served.get(id);
      return one !== undefined && isReady(one) ? one.copy.holder : undefined;
    });
  }

  /** Asks the query-nodes whether they still hold what they serve: one that restarted holds nothing. */
  async check(context: CallContext): Promise<void> {
    const asks = this.#ready().map(async ({ holder, segmentIds }) => {
      // Applying no deletes changes nothing, and fails for a segment that is not there.
      const asked = this.#parts.queryNode.applyDeletes({ segmentIds }, contextAt(holder, context));
      await this.remote(holder, segmentIds, asked).catch((error: unknown) => {
        if (!isLost(error)) throw error;
      });
    });
    await Promise.all(asks);
  }

  /** A call to a query-node about segments that it should hold. @throws collection_not_fully_loaded also when the node is gone */
  remote<T>(holder: Holder, segmentIds: readonly bigint[], call: Promise<T>): Promise<T> {
    const { life } = this.#state;
    return call.then(undefined, (error: unknown) => {
      const isAway = isGone(error);
      if (!isAway && !isLost(error)) throw error;
      const { served } = this.#state;
      // Released meanwhile, or moved to another node, is not lost.
      if (life === this.#state.life && segmentIds.every((id) => served.get(id)?.copy.holder === holder))
        this.#lose({ holder, segmentIds }, messageOf(error));
      if (!isAway) throw error;
      const fact = `query-node ${holder.serverId} has gone with segments that it held`;
      throw new ElanusError('collection_not_fully_loaded', `${fact}; try again in a moment`, {
        cause: error,
      });
    });
  }

  /** Gives up what the node holds: what it missed once it may miss of every segment. */
  #lose(
    { holder, segmentIds }: Pick<HeldPart, 'holder'> & { readonly segmentIds: readonly bigint[] },
    reason: string,
  ): void {
    const { served, strays } = this.#state;
    // It went to another node meanwhile, and that one has the delete.
    if (!segmentIds.some((id) => served.get(id)?.copy.holder === holder)) return;
    let segments = 0;
    for (const [id, { copy, coming }] of [...served]) {
      if (copy.holder !== holder) continue;
      for (const one of [copy, coming]) if (one !== undefined) strays.add(id, one.holder);
      served.delete(id);
      segments++;
    }
    this.#state.life++;
    this.#state.isLoaded = false;
    this.#onGivenUp();
    const { platform, shard } = this.#parts;
    // At the end of a process its query-node may go before a call of its shards has ended: nobody reads them any more.
    if (shard.closed) return;
    const { vchannel } = shard.channel;
    const nodeId = holder.serverId;
    platform.logger.warn('served_segments_lost', { vchannel, nodeId, segments, reason });
    this.#parts.onLost();
  }

  /** Gives up everything. @returns what query-nodes may let go */
  giveUpAll(): readonly HeldPart[] {
    const { served } = this.#state;
    const parts = [
      ...heldParts(served.keys(), (id) => served.get(id)?.copy.holder),
      ...heldParts(served.keys(), (id) => served.get(id)?.coming?.holder),
    ];
    served.clear();
    this.#state.life++;
    this.#state.isLoaded = false;
    this.#onGivenUp();
    return parts;
  }

  /** Whoever had the shard before may have had each of them at any node that the target names. To be called while no load of the shard is under way. */
  mayBeAnywhere({ segments, replaced }: Pick<SyncTargetRequest, 'segments' | 'replaced'>): void {
    const ids = [
      ...segments.flatMap(({ segment }) => (segment === undefined ? [] : [segment.id])),
      ...replaced.map(({ id }) => id),
    ];
    const holders = new Holders([], this.#parts.serverId);
    for (const nodeId of new Set(segments.map((place) => place.nodeId)))
      for (const id of ids) this.#state.strays.add(id, holders.at(nodeId));
  }

  /** A node that has gone holds nothing; one that does not answer is asked again before the next load. */
  async letGo(parts: readonly HeldPart[], context: CallContext): Promise<void> {
    const asks = parts.map(async ({ holder, segmentIds }) => {
      try {
        await this.#parts.queryNode.releaseSegments({ segmentIds }, contextAt(holder, context));
      } catch (error) {
        if (isGone(error)) return;
        for (const id of segmentIds) this.#state.strays.add(id, holder);
        throw error;
      }
    });
    await Promise.all(asks);
  }

  /** To be called while no load of the shard is under way. */
  async letStraysGo(): Promise<void> {
    const { served, strays } = this.#state;
    const parts = strays.take((id, serverId) => served.get(id)?.copy.holder.serverId === serverId);
    if (parts.length === 0) return;
    const { clock, logger } = this.#parts.platform;
    const context = { ...backgroundContext, deadlineMs: clock.now() + STRAYS_MS_MAX };
    const asks = parts.map((part) =>
      this.letGo([part], context).catch((error: unknown) => {
        logger.debug('strays_not_released', { nodeId: part.holder.serverId, reason: messageOf(error) });
      }),
    );
    await Promise.all(asks);
  }
}

const isLost = (error: unknown): boolean =>
  error instanceof ElanusError && error.key === 'collection_not_fully_loaded';

/** The process that was named is not there any more; whoever is there has nothing of it. */
const isGone = (error: unknown): boolean => error instanceof ElanusError && error.key === 'node_mismatch';
