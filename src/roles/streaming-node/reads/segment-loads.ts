// Brings segments of a target to query-nodes: rows with all deletes that are known, then those that came meanwhile, and indexes.
import { ElanusError, messageOf } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { SyncTargetRequest } from '#proto/elanus/roles.js';
import { type DeleteMessage, encodeDeletes } from '#roles/streaming-node/delete-message.js';
import { heirsOf } from './handover.js';
import {
  GIVEN_UP,
  keysOfIndexes,
  outdated,
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

export class SegmentLoads {
  readonly #parts: ServedSegmentsParts;
  readonly #state: ServedState;

  constructor(parts: ServedSegmentsParts, state: ServedState) {
    this.#parts = parts;
    this.#state = state;
  }

  /**
   * One segment after another. What does not fit in memory is left out, the newest first; what was served before goes on.
   * @returns those, and the refusal, if rows are missing for it. @throws whatever else failed: what was not loaded is not served then
   */
  async loadAll(
    loads: readonly ServedSegment[],
    request: SyncTargetRequest,
    buffered: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<Loaded> {
    const life = this.#state.life;
    let tooLarge: ElanusError | undefined;
    const missing: bigint[] = [];
    for (const [index, served] of loads.entries()) {
      try {
        await this.#load(served, request, buffered, context);
        if (life !== this.#state.life) throw outdated(GIVEN_UP);
      } catch (error) {
        const isFull = error instanceof ElanusError && error.key === 'memory_limit';
        if (isFull && this.#state.isLoaded && life === this.#state.life) {
          const { id } = served.record;
          this.#state.served.delete(id);
          missing.push(id);
          // A flushed segment's rows are still in the growing part, and a compacted one's in its sources, which go on serving them; of an
          // imported one nothing is here.
          if (!this.#isReadElsewhere(id)) tooLarge ??= error;
          continue;
        }
        // The next target loads it.
        for (const unloaded of loads.slice(index))
          if (this.#state.served.get(unloaded.record.id) === unloaded)
            this.#state.served.delete(unloaded.record.id);
        throw error;
      }
    }
    return { tooLarge, missing };
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
      const { damagedIndexIds } = await this.#parts.queryNode.loadIndexes({ segment }, context);
      const served = this.#state.served.get(segment.id);
      if (served !== undefined) served.indexKeys = keysOfIndexes(segment);
      for (const indexId of damagedIndexIds) await this.#parts.onDamaged(segment, indexId);
    } catch (error) {
      this.#parts.platform.logger.warn('indexes_not_loaded', {
        segmentId: segment.id,
        reason: messageOf(error),
      });
    }
  }

  async #load(
    served: ServedSegment,
    { deleteSegments, indexes, version }: SyncTargetRequest,
    bufferedDeletes: DeleteMessage | undefined,
    context: CallContext,
  ): Promise<void> {
    let schema = this.#state.schema;
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
      if (schema !== this.#state.schema) {
        schema = this.#state.schema;
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
}
