// Segments that were flushed since the last target. A target that knows neither them nor what took their place is too old to be used: their
// rows would leave the growing part and be nowhere.
import { LazyMap } from '#base/maps/lazy-map.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { SyncTargetRequest } from '#proto/elanus/roles.js';

export class UnseenSegments {
  readonly #partitions = new LazyMap<bigint, bigint>();

  add(segments: readonly SegmentRecord[]): void {
    for (const { id, partitionId } of segments) this.#partitions.set(id, partitionId);
  }

  partitionDropped(partitionId: bigint): void {
    for (const [id, partition] of this.#partitions)
      if (partition === partitionId) this.#partitions.delete(id);
  }

  /** Every target that may still come knows what became of them. */
  forget(ids: readonly bigint[]): void {
    for (const id of ids) this.#partitions.delete(id);
  }

  clear(): void {
    this.#partitions.clear();
  }

  /** One that the target should know and does not. */
  missingIn({ deleteSegments, segments, replaced, partitionIds }: SyncTargetRequest): bigint | undefined {
    const known = new Set([
      ...deleteSegments.map(({ id }) => id),
      ...segments.map(({ segment }) => segment?.id),
      ...replaced.map(({ id }) => id),
    ]);
    const partitions = new Set(partitionIds);
    for (const [id, partition] of this.#partitions)
      if (!known.has(id) && (partition < 0n || partitions.has(partition))) return id;
    return undefined;
  }
}
