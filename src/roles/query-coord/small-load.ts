// Who loads something small, and then asks whether it is loaded, need not ask twice: the load is answered when it is done.
import type { Timers } from '#platform/time.js';

/** What a load may take to be waited for; clients look again after some hundred ms. */
const SMALL_LOAD_MS = 100;

/** Resolves when the work has ended, however it did, and soon in any case. */
export function endedSoon(
  timers: Timers,
  work: Promise<unknown>,
  withinMs: number = SMALL_LOAD_MS,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = timers.after(withinMs, resolve);
    const end = (): void => {
      timer.cancel();
      resolve();
    };
    work.then(end, end);
  });
}
