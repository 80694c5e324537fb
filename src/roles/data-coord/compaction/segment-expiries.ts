// When rows of flushed segments expire at times of their own: read once of each segment, as its rows never change, and kept in memory. It says
// whether a compaction pays; which rows go the data-node finds out.
import { messageOf } from '#base/errors.js';
import { type FlushedSegment, rowsFrom, rowsTo, segmentRecord } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import type { PlanContext } from './run-plan.js';

interface Known {
  readonly fieldId: bigint;
  /** The first row, then each twentieth of them. */
  readonly micros: readonly bigint[];
}

const PARTS = 20;

export class SegmentExpiries {
  readonly #known = new Map<bigint, Known>();

  /** Reads what is not known yet. */
  async learn(
    { peers, platform }: { readonly peers: DataCoordPeers; readonly platform: Platform },
    segments: readonly FlushedSegment[],
    { schema, fieldId }: { readonly schema: CollectionSchema; readonly fieldId: bigint },
    signal: AbortSignal,
  ): Promise<void> {
    for (const segment of segments) {
      if (segment.isLevelZero || this.#known.get(segment.id)?.fieldId === fieldId) continue;
      try {
        const asked = { segment: segmentRecord(segment), schema, fieldId };
        const { micros } = await peers.dataNode.readExpiries(asked, { signal, metadata: {} });
        this.#known.set(segment.id, { fieldId, micros });
      } catch (error) {
        // The segment is merged for other reasons, or looked at again later.
        platform.logger.warn('expiries_unknown', { segmentId: segment.id, reason: messageOf(error) });
      }
    }
  }

  /** The part of a segment's rows that has expired, in steps of a twentieth, rounded down; a little above 0 where a row has. */
  expiredShare(segmentId: bigint, micros: bigint): number {
    const known = this.#known.get(segmentId)?.micros ?? [];
    const expired = known.filter((time) => time <= micros).length;
    return expired === 0 ? 0 : Math.max(Number.EPSILON, (expired - 1) / PARTS);
  }

  /** Which part of a segment has expired, as far as is known without a look at its rows. */
  shareOf({
    expiredUntil,
    expiryField,
    expiryMicros,
  }: Pick<PlanContext, 'expiredUntil' | 'expiryField' | 'expiryMicros'>): (
    segment: FlushedSegment,
  ) => number {
    return (segment) => {
      if (rowsTo(segment) <= expiredUntil) return 1;
      const own = expiryField === 0n ? 0 : this.expiredShare(segment.id, expiryMicros);
      return Math.max(own, rowsFrom(segment) <= expiredUntil ? Number.EPSILON : 0);
    };
  }

  /** @param lives whether there is still such a segment */
  forget(lives: (segmentId: bigint) => boolean): void {
    for (const id of this.#known.keys()) if (!lives(id)) this.#known.delete(id);
  }
}
