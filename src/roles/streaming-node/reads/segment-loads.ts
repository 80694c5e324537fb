// Brings segments of a target to query-nodes: rows with all deletes that are known, then those that came meanwhile, and indexes.
import { ElanusError, messageOf } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { SyncTargetRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { type DeleteMessage, encodeDeletes } from '#roles/streaming-node/delete-message.js';
import { heirsOf } from './handover.js';
import { contextAt, type Holder, Holders } from './holder.js';
import {
  GIVEN_UP,
  isReady,
  keysOfIndexes,
  outdated,
  type SegmentCopy,
  type SegmentMove,
  type ServedSegment,
  type ServedSegmentsParts,
  type ServedState,
} from './served-segment.js';

export interface Loaded {
  /** What of the target did not fit in memory. */
  readonly missing: readonly bigint[];
  /** The refusal, where rows are missing for it. */
  readonly tooLarge: ElanusError | undefined;
}

/** Segments of a shard that are being loaded at once: reading of one goes on while the next is checked. */
const LOADS_MAX = 4;

const isFull = (error: unknown): error is ElanusError =>
  error instanceof ElanusError && error.key === 'memory_limit';

export class SegmentLoads {
  readonly #parts: ServedSegmentsParts;
  readonly #state: ServedState;

  constructor(parts: ServedSegmentsParts, state: ServedState) {
    this.#parts = parts;
    this.#state = state;
  }

  /**
   * Some at a time, begun in their order: a query-node asks for the memory of each when its load begins, so what does not fit is left out, the
   * newest first. What was served before goes on.
   * @returns those, and the refusal, if rows are missing for it. @throws whatever else failed: what was not loaded is not served then
   */
  async loadAll(
    loads: readonly ServedSegment[],
    request: SyncTargetRequest,
    buffered: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<Loaded> {
    const life = this.#state.life;
    const missing: bigint[] = [];
    let tooLarge: ElanusError | undefined;
    const failures: unknown[] = [];
    let begun = 0;
    const loadSome = async (): Promise<void> => {
      for (;;) {
        const served = failures.length === 0 ? loads[begun++] : undefined;
        if (served === undefined) return;
        try {
          await this.#loadWhereRoomIs(served, request, buffered, context);
          if (life !== this.#state.life) throw outdated(GIVEN_UP);
        } catch (error) {
          if (!isFull(error) || !this.#state.isLoaded || life !== this.#state.life) {
            failures.push(error);
            return;
          }
          const { id } = served.record;
          this.#giveUp(served);
          missing.push(id);
          // A flushed segment's rows are still in the growing part, and a compacted one's in its sources, which go on serving them; of an
          // imported one nothing is here.
          if (!this.#isReadElsewhere(id)) tooLarge ??= error;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(LOADS_MAX, loads.length) }, loadSome));
    if (failures.length > 0) {
      // The next target loads it.
      for (const unloaded of loads) this.#giveUp(unloaded);
      const [error] = failures;
      const isGone = error instanceof ElanusError && error.key === 'node_mismatch';
      throw isGone ? outdated(error.message) : error;
    }
    return { tooLarge, missing };
  }

  /** At its node, or where that has no room for it at another one that the target names. @throws memory_limit none of them has */
  async #loadWhereRoomIs(
    served: ServedSegment,
    request: SyncTargetRequest,
    buffered: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<void> {
    const { life } = this.#state;
    const tried = new Set<bigint>();
    for (;;) {
      try {
        await this.#load(served, request, buffered, context);
        return;
      } catch (error) {
        tried.add(served.copy.holder.serverId);
        const other = request.segments.find(({ nodeId }) => nodeId !== 0n && !tried.has(nodeId));
        const isStill = life === this.#state.life && this.#state.served.get(served.record.id) === served;
        if (!isFull(error) || other === undefined || !isStill) throw error;
        const copies = [...this.#state.served.values()].map(({ copy }) => copy);
        const holder = new Holders(copies, this.#parts.serverId).at(other.nodeId);
        // Its rows may be there, and new fields have found no room. Deletes that have come wait on.
        this.#state.strays.add(served.record.id, served.copy.holder);
        served.copy = { holder, waiting: served.copy.waiting };
      }
    }
  }

  /** A load that failed here may end over there. */
  #giveUp(load: ServedSegment): void {
    const { served, strays } = this.#state;
    if (isReady(load) || served.get(load.record.id) !== load) return;
    served.delete(load.record.id);
    strays.add(load.record.id, load.copy.holder);
  }

  /**
   * A segment is loaded at another node while it is read where it is, and is read there from the turn in which the new copy has all its deletes.
   * Where that fails it stays where it is, and the next target tries again.
   */
  async move(
    { served, record, coming }: SegmentMove,
    request: SyncTargetRequest,
    buffered: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<void> {
    const { id } = record;
    const from = served.copy;
    // It may be lost or released meanwhile.
    const checkStill = (): void => {
      if (this.#state.served.get(id) !== served || served.coming !== coming) throw outdated(GIVEN_UP);
    };
    try {
      checkStill();
      const schema = await this.#loadRows(record, coming, request, buffered, context);
      await this.#loadIndexesAt(record, coming.holder, context);
      await this.#catchUp(id, coming, schema, context, () => {
        checkStill();
        coming.waiting = undefined;
        served.copy = coming;
        served.coming = undefined;
      });
      this.#state.strays.add(id, from.holder);
    } catch (error) {
      served.coming = undefined;
      this.#state.strays.add(id, coming.holder);
      this.#parts.platform.logger.warn('segment_not_moved', {
        ...{ segmentId: id, from: from.holder.serverId, to: coming.holder.serverId },
        reason: messageOf(error),
      });
    }
  }

  #isReadElsewhere(id: bigint): boolean {
    if (this.#parts.shard.segments.has(id)) return true;
    const read = [...this.#state.served.keys(), ...this.#parts.shard.segments.keys()];
    return read.some(
      (one) => this.#state.replaced.has(one) && heirsOf(one, this.#state.replaced).includes(id),
    );
  }

  /** An index that cannot be loaded costs speed only: the next target tries again, a damaged one is built again. */
  async loadIndexes(segment: SegmentRecord, context: CallContext): Promise<void> {
    try {
      const served = this.#state.served.get(segment.id);
      if (served === undefined) return;
      const damagedIndexIds = await this.#loadIndexesAt(segment, served.copy.holder, context);
      if (this.#state.served.get(segment.id) === served) served.indexKeys = keysOfIndexes(segment);
      for (const indexId of damagedIndexIds) await this.#parts.onDamaged(segment, indexId);
    } catch (error) {
      this.#parts.platform.logger.warn('indexes_not_loaded', {
        segmentId: segment.id,
        reason: messageOf(error),
      });
    }
  }

  async #loadIndexesAt(
    segment: SegmentRecord,
    holder: Holder,
    context: CallContext,
  ): Promise<readonly bigint[]> {
    const { queryNode } = this.#parts;
    return (await queryNode.loadIndexes({ segment }, contextAt(holder, context))).damagedIndexIds;
  }

  async #load(
    { record, copy }: ServedSegment,
    request: SyncTargetRequest,
    buffered: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<void> {
    const schema = await this.#loadRows(record, copy, request, buffered, context);
    await this.#catchUp(record.id, copy, schema, context, () => {
      copy.waiting = undefined;
    });
  }

  /** @returns the schema that it was loaded by */
  async #loadRows(
    segment: SegmentRecord,
    { holder }: SegmentCopy,
    { deleteSegments, indexes, version }: SyncTargetRequest,
    bufferedDeletes: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<CollectionSchema> {
    const { schema } = this.#state;
    await this.#parts.queryNode.loadSegment(
      { segment, schema, deleteSegments, bufferedDeletes, indexes, version },
      contextAt(holder, context),
    );
    return schema;
  }

  /** @param ready runs in the turn in which nothing is left of what arrived while it loaded */
  async #catchUp(
    id: bigint,
    copy: SegmentCopy,
    loadedBy: CollectionSchema,
    context: CallContext,
    ready: () => void,
  ): Promise<void> {
    const at = contextAt(copy.holder, context);
    for (let schema = loadedBy; ; ) {
      if (schema !== this.#state.schema) {
        schema = this.#state.schema;
        await this.#parts.queryNode.updateSchema({ segmentIds: [id], schema }, at);
        continue;
      }
      const waiting = copy.waiting ?? [];
      if (waiting.length === 0) return ready();
      copy.waiting = [];
      await this.#parts.queryNode.applyDeletes({ segmentIds: [id], deletes: encodeDeletes(waiting) }, at);
    }
  }
}
