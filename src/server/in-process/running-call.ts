// A call that runs, and the end of those that run for too long: one timer for all of them, as making one for each would cost more than what
// it is for.

import { ElanusError } from '#base/errors.js';
import type { Clock, Timer, Timers } from '#platform/time.js';
import type { CallContext } from '#platform/transport.js';

/** Who makes calls: what goes beside each of them. Its identity says which calls are its own. */
export interface Caller {
  readonly metadata: CallContext['metadata'];
}

export class RunningCall {
  readonly name: string;
  readonly caller: Caller;
  /** Takes back that it is ended when its caller gives it up. */
  forget: (() => void) | undefined;
  /** On the clock that never goes back; infinite: it has no deadline. */
  endsMs = Infinity;
  readonly #abort = new AbortController();
  readonly #reject: (error: ElanusError) => void;
  readonly #onSettled: () => void;
  #isSettled = false;

  constructor(name: string, caller: Caller, reject: (error: ElanusError) => void, onSettled: () => void) {
    this.name = name;
    this.caller = caller;
    this.#reject = reject;
    this.#onSettled = onSettled;
  }

  /** Its handler's: aborts when the call is ended. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** @returns whether it ran until now */
  settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.forget?.();
    this.#onSettled();
    return true;
  }

  /** For its caller and for its handler. */
  end(error: ElanusError): void {
    if (!this.settle()) return;
    this.#reject(error);
    this.#abort.abort();
  }
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #running: ReadonlySet<RunningCall>;
  #timer: Timer | undefined;
  #firesMs = Infinity;

  /** @param running all calls that run */
  constructor(
    { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
    running: Set<RunningCall>,
  ) {
    this.#clock = clock;
    this.#timers = timers;
    this.#running = running;
  }

  /** @param deadlineMs wall-clock time at which the call is ended */
  watch(call: RunningCall, deadlineMs: number): void {
    const nowMs = this.#clock.monotonic();
    call.endsMs = nowMs + (deadlineMs - this.#clock.now());
    this.#fireBy(call.endsMs, nowMs);
  }

  /** A timer that is too early for all looks again: most calls have long ended when it fires. */
  #fireBy(endsMs: number, nowMs: number): void {
    if (endsMs >= this.#firesMs) return;
    this.#timer?.cancel();
    this.#firesMs = endsMs;
    this.#timer = this.#timers.after(endsMs - nowMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#firesMs = Infinity;
    const nowMs = this.#clock.monotonic();
    let nextMs = Infinity;
    for (const call of [...this.#running]) {
      if (call.endsMs <= nowMs) call.end(late(call.name));
      else nextMs = Math.min(nextMs, call.endsMs);
    }
    this.#fireBy(nextMs, nowMs);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

export const late = (name: string): ElanusError =>
  new ElanusError('deadline_exceeded', `${name}: no answer before the deadline: allow more time or retry`);
