// Long computation on the thread that serves everyone, in slices: whoever loops asks now and then whether its slice is over, and rests.
// Others get their turn then, and work whose caller has gone, or whose deadline passed, ends.
import { ElanusError } from '#base/errors.js';
import type { Platform } from './platform.js';
import type { CallContext } from './transport.js';

/** The longest a caller of `Pace` keeps the thread, in ms, as far as it asks often enough. */
const SLICE_MS = 8;
export type Caller = Pick<CallContext, 'signal' | 'deadlineMs'>;

/** The pace of one piece of work. */
export class Pace {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #caller: Caller;
  #begunMs: number;

  constructor(platform: Pick<Platform, 'clock' | 'timers'>, caller: Caller) {
    this.#platform = platform;
    this.#caller = caller;
    this.#begunMs = platform.clock.monotonic();
  }

  /** Whether to rest. Reads a clock: ask after some microseconds of work, not after each row. */
  get isDue(): boolean {
    return this.spentMs >= SLICE_MS;
  }

  /** Since the last rest. */
  get spentMs(): number {
    return this.#platform.clock.monotonic() - this.#begunMs;
  }

  /** Reading of a clock that never goes back. */
  get nowMs(): number {
    return this.#platform.clock.monotonic();
  }

  /** @throws cancelled, deadline_exceeded */
  check(): void {
    const { signal, deadlineMs } = this.#caller;
    if (deadlineMs !== undefined && this.#platform.clock.now() >= deadlineMs)
      throw new ElanusError(
        'deadline_exceeded',
        'the deadline passed while the answer was put together; allow more time or ask for less',
      );
    if (signal.aborted)
      throw new ElanusError('cancelled', 'the caller has gone; the work for its answer was stopped');
  }

  /** Lets others run. @throws cancelled, deadline_exceeded */
  async rest(): Promise<void> {
    this.check();
    await this.#platform.timers.yield();
    this.check();
    this.#begunMs = this.#platform.clock.monotonic();
  }
}
