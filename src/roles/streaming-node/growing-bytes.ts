// What the growing segments of a shard take in memory, kept up as they change: a write must not have to look at a hundred thousand of
// them. Large ones, which an index may grow over while nobody writes, are asked each time.
import { LazyMap } from '#base/maps/lazy-map.js';
import { GROWING_ROWS_MIN } from '#index/graph/growing-graph.js';
import type { SegmentData } from '#segment/segment-data.js';

/** Bytes of the objects of a segment and its columns, beside the rows. */
const SEGMENT_OVERHEAD_BYTES = 4096;

export class GrowingBytes {
  readonly #noted = new LazyMap<bigint, number>();
  readonly #large = new LazyMap<bigint, SegmentData>();
  #sum = 0;

  get total(): number {
    let bytes = this.#sum;
    for (const data of this.#large.values()) bytes += data.memoryBytes;
    return bytes;
  }

  /** Rows or deletes came. */
  note(data: SegmentData): void {
    this.forget(data.id);
    if (data.rowCount >= GROWING_ROWS_MIN) {
      this.#large.set(data.id, data);
      return;
    }
    const bytes = data.memoryBytes + SEGMENT_OVERHEAD_BYTES;
    this.#noted.set(data.id, bytes);
    this.#sum += bytes;
  }

  forget(id: bigint): void {
    this.#sum -= this.#noted.get(id) ?? 0;
    this.#noted.delete(id);
    this.#large.delete(id);
  }
}
