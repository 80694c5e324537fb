// What must come to be, and may fail for a while: tried until it is done, with pauses that grow.
import type { Timers } from './time.js';

const FIRST_MS = 1000;
const PAUSE_MS_MAX = 30_000;

/** First after a second, then after twice as long each time, up to half a minute. @param act says whether it is done, and does not throw */
export async function tryAgain(
  { timers, signal }: { readonly timers: Timers; readonly signal: AbortSignal },
  act: () => Promise<boolean>,
): Promise<void> {
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)) {
    await timers.sleep(pauseMs, signal).catch(() => {}); // Only its end is of interest.
    if (signal.aborted || (await act())) return;
  }
}
