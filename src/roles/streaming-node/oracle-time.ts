// How far the oracle's time is, as this node knows it: every timestamp it was given is a lower bound. Timestamps are compared with this and
// never with the wall clock, which may step back or forth while the oracle's time only rises.
import { ElanusError } from '#base/errors.js';
import { physicalMs } from '#base/timestamp.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';

/** A read may name a time this far ahead before it counts as a mistake, in ms. */
const AHEAD_MS_MAX = 60_000;
/** Between two questions to the oracle. It follows the wall clock, or stands still until the clock comes up to it. */
const PAUSE_MS_MAX = 50;

export class OracleTime {
  readonly #platform: Platform;
  readonly #allocate: (count: number) => Promise<bigint>;
  #newest = 0n;

  /** @param allocate the oracle's own: gives the first of `count` timestamps */
  constructor(platform: Platform, allocate: (count: number) => Promise<bigint>) {
    this.#platform = platform;
    this.#allocate = allocate;
  }

  /** The first of `count` timestamps. */
  async allocate(count: number): Promise<bigint> {
    const first = await this.#allocate(count);
    const last = first + BigInt(count) - 1n;
    if (last > this.#newest) this.#newest = last;
    return first;
  }

  /**
   * Returns once the oracle's time has come to the timestamp: whatever is written from then on is newer. One that the oracle gave never waits.
   * @throws deadline_exceeded when it cannot come to it within the call's deadline, or a minute
   */
  async reach(timestamp: bigint, context: CallContext): Promise<void> {
    const { clock, timers } = this.#platform;
    const begun = clock.monotonic();
    const waitMs = Math.min(
      AHEAD_MS_MAX,
      context.deadlineMs === undefined ? AHEAD_MS_MAX : context.deadlineMs - clock.now(),
    );
    while (timestamp > this.#newest && timestamp > (await this.allocate(1))) {
      const aheadMs = physicalMs(timestamp) - physicalMs(this.#newest);
      const restMs = waitMs - (clock.monotonic() - begun);
      if (aheadMs > restMs || restMs <= 0) throw tooFarAhead(timestamp, aheadMs, waitMs);
      await timers.sleep(Math.max(1, Math.min(PAUSE_MS_MAX, aheadMs, restMs)), context.signal);
    }
  }
}

const tooFarAhead = (timestamp: bigint, aheadMs: number, waitMs: number): ElanusError =>
  new ElanusError(
    'deadline_exceeded',
    `guarantee timestamp ${timestamp} is ${aheadMs} ms ahead of the time of the cluster and the call waits at most ${Math.max(0, Math.round(waitMs))} ms; send a timestamp that a write returned`,
  );
