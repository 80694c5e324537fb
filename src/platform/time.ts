// Time as the platform gives it.
export interface Clock {
  /** Wall clock, milliseconds since the epoch; may step back or forth. */
  now(): number;
  /** Milliseconds from an unknown start; never goes back. Fractions allowed. */
  monotonic(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls `run` once after `delayMs`. A pending timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`; rejects with `cancelled` when the signal aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Yields to other work once (a turn of the event loop). */
  yield(): Promise<void>;
}

/** Resolves when the work has ended, however it did, and after this time in any case. */
export function endedSoon(timers: Timers, work: Promise<unknown>, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = timers.after(withinMs, resolve);
    const end = (): void => {
      timer.cancel();
      resolve();
    };
    work.then(end, end);
  });
}
