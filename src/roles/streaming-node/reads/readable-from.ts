// From when on reads are whole although segments went of which nothing was left. What became of other segments says it in its own record.

import { ElanusError } from '#base/errors.js';
import { LazyMap } from '#base/maps/lazy-map.js';
import type { ReplacedSegment } from '#proto/elanus/roles.js';

export interface LeftSegments {
  readonly replaced: ReadonlyMap<bigint, ReplacedSegment>;
  /** Read on, although a target has something else in their place. */
  readonly held: Iterable<bigint>;
  /** Read until now. */
  readonly gone: Iterable<bigint>;
  /** What the channel says of segments whose records are gone. */
  readonly channelFrom: bigint;
}

export class ReadableFrom {
  readonly #byPartition = new LazyMap<bigint, bigint>();
  #all = 0n;

  /** An owner that is new knows nothing but what a target says: all that was replaced counts, but for what it reads itself. */
  note({ replaced, held, gone, channelFrom }: LeftSegments): void {
    if (channelFrom > this.#all) this.#all = channelFrom;
    const stillRead = descendantsOf(held, replaced);
    const left = descendantsOf(gone, replaced);
    for (const { id, partitionId, compactedTo, readableFrom } of replaced.values())
      if (compactedTo.length === 0 && (left.has(id) || !stillRead.has(id)))
        if (readableFrom > (this.#byPartition.get(partitionId) ?? 0n))
          this.#byPartition.set(partitionId, readableFrom);
  }

  /** @throws invalid_parameter */
  check(readTimestamp: bigint, partitions: ReadonlySet<bigint>): void {
    if (this.#all > readTimestamp) throw rowsGone(readTimestamp);
    for (const [partitionId, from] of this.#byPartition)
      if (from > readTimestamp && partitions.has(partitionId)) throw rowsGone(readTimestamp);
  }
}

/** These, and all that they were compacted into. */
function descendantsOf(
  ids: Iterable<bigint>,
  replaced: ReadonlyMap<bigint, ReplacedSegment>,
): ReadonlySet<bigint> {
  const found = new Set(ids);
  // What is added while a set is gone through is come to as well.
  for (const id of found) for (const heir of replaced.get(id)?.compactedTo ?? []) found.add(heir);
  return found;
}

export const rowsGone = (readTimestamp: bigint, why = 'deleted and compacted'): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `rows that were there at ${readTimestamp}, when the iterator began, were ${why} since; begin a new one`,
  );
