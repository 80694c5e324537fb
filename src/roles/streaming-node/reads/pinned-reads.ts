// Times at which iterators read: each page asks for the rows as they were at the time of the first one. A time is leased from page to page, and
// rows that a page may want stay readable meanwhile. What the first page covered is kept with it, so that no page is answered short because a
// partition was dropped, emptied or released since, or because rows expire earlier than they did.
import { LazyMap, noMembers } from '#base/maps/lazy-map.js';
import type { AskedExpiry } from '#base/read-time.js';
import type { Clock } from '#platform/time.js';
import { earlier } from './imports-seen.js';
import { rowsGone } from './readable-from.js';

/** A client that does not ask for the next page within this time finds its rows as they are, or not any more, in ms. */
const LEASE_MS = 600_000;
/** Times held at once: the one that ends first goes. */
const LEASES_MAX = 10_000;

/** What the first page of an iterator read. */
export interface PinnedPage {
  readonly partitions: ReadonlySet<bigint>;
  /** Those that were loaded then; else the client named them. */
  readonly loadedOnly: boolean;
  readonly expiry: AskedExpiry;
  /** Until when it saw imports: see imports-seen.ts. */
  readonly importsUntil: bigint;
}

interface Lease {
  /** Monotonic. */
  readonly endMs: number;
  readonly page: PinnedPage | undefined;
}

export class PinnedReads {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By time of the read; the one that was asked for last is the last. */
  readonly #leases = new LazyMap<bigint, Lease>();
  /** Mostly all iterators read the same partitions. */
  #lastPartitions: ReadonlySet<bigint> = noMembers;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** @param page left out: the read is none of an iterator @returns what the first page of that time read */
  note(readTimestamp: bigint, page?: PinnedPage): PinnedPage | undefined {
    const first = firstOf(this.#leases.get(readTimestamp)?.page, page && this.#shared(page));
    this.#leases.delete(readTimestamp);
    this.#leases.set(readTimestamp, { endMs: this.#clock.monotonic() + LEASE_MS, page: first });
    this.#forgetEnded();
    return first;
  }

  #shared(page: PinnedPage): PinnedPage {
    const last = this.#lastPartitions;
    const isSame = last.size === page.partitions.size && [...page.partitions].every((id) => last.has(id));
    if (!isSame) this.#lastPartitions = page.partitions;
    return { ...page, partitions: this.#lastPartitions };
  }

  #forgetEnded(): void {
    const now = this.#clock.monotonic();
    for (const [time, { endMs }] of this.#leases) {
      if (endMs > now && this.#leases.size <= LEASES_MAX) return;
      this.#leases.delete(time);
    }
  }

  /** Whether some iterator reads at a time before this one. */
  isHeldBefore(timestamp: bigint): boolean {
    this.#forgetEnded();
    for (const time of this.#leases.keys()) if (time < timestamp) return true;
    return false;
  }
}

/** The first page may be asked for again without an import that another shard does not know. */
const firstOf = (before: PinnedPage | undefined, page: PinnedPage | undefined): PinnedPage | undefined =>
  before === undefined || page === undefined
    ? (before ?? page)
    : { ...before, importsUntil: earlier(before.importsUntil, page.importsUntil) };

/**
 * That a page can read what the first one did.
 * @param readable what the page is asked about and is there
 * @param isThere of a partition that the client did not name again
 * @throws invalid_parameter
 */
export function checkCovered(
  readTimestamp: bigint,
  { partitions, loadedOnly }: PinnedPage,
  readable: ReadonlySet<bigint>,
  isThere: (partitionId: bigint) => boolean,
): void {
  for (const id of partitions)
    if (loadedOnly ? !readable.has(id) : !isThere(id))
      throw rowsGone(readTimestamp, `dropped or released with partition ${id}`);
}
