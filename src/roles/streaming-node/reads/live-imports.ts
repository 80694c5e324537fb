// Which imported segments a read of several steps began with. An import commits by one change of the catalog, and each shard reads its rows as
// soon as it serves them, whatever the time of the read: the time of the commit may be before it. So a read that comes to a shard twice, a page
// of an iterator or a search by words behind its count, says which imports the shard read the first time, and those that came since are left
// out. Reads that come once see all that is served.
import { LazyMap } from '#base/maps/lazy-map.js';

export class LiveImports {
  /** What was loaded with the whole shard was there for whoever asks. */
  #from = 0n;
  #revision = 0n;
  /** By segment that came later: the revision that it came with. */
  readonly #since = new LazyMap<bigint, bigint>();

  /** Rises with whatever comes. Of a shard that was loaded anew, or elsewhere, it is higher than it was there. */
  get revision(): bigint {
    return this.#revision;
  }

  /** The shard is served from now on, all of it at once. @param now the time to which it can be read */
  begin(now: bigint): void {
    this.#since.clear();
    this.#from = this.#next(now);
  }

  /** Imported segments that are read from now on. */
  add(segmentIds: readonly bigint[], now: bigint): void {
    if (segmentIds.length === 0) return;
    const revision = this.#next(now);
    for (const id of segmentIds) this.#since.set(id, revision);
  }

  remove(segmentId: bigint): void {
    this.#since.delete(segmentId);
  }

  /** Whether a read that began at this revision does without the segment. */
  isLater(segmentId: bigint, revision: bigint): boolean {
    return revision >= this.#from && (this.#since.get(segmentId) ?? 0n) > revision;
  }

  #next(now: bigint): bigint {
    this.#revision = now > this.#revision ? now : this.#revision + 1n;
    return this.#revision;
  }
}
