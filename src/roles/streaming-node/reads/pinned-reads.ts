// Times at which iterators read: each page asks for the rows as they were at the time of the first one. A time is leased from page to page, and
// rows that a page may want stay readable meanwhile.
import type { Clock } from '#platform/time.js';

/** A client that does not ask for the next page within this time finds its rows as they are, or not any more, in ms. */
const LEASE_MS = 600_000;
/** Times held at once: the one that ends first goes. */
const LEASES_MAX = 10_000;

export class PinnedReads {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By time of the read, when its lease ends, monotonic; the one that was asked for last is the last. */
  readonly #leases = new Map<bigint, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  note(readTimestamp: bigint): void {
    this.#leases.delete(readTimestamp);
    this.#leases.set(readTimestamp, this.#clock.monotonic() + LEASE_MS);
    this.#forgetEnded();
  }

  #forgetEnded(): void {
    const now = this.#clock.monotonic();
    for (const [time, end] of this.#leases) {
      if (end > now && this.#leases.size <= LEASES_MAX) return;
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
