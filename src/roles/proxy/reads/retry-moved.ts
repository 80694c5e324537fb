// A read that loses what it reads between two of its steps starts over.
import { ElanusError, type ErrorKey } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import { deadlineOf, type ProxyParts } from '#roles/proxy/proxy-parts.js';

/** What a read meets while segments move or are loaded again. */
const movedKeys: ReadonlySet<ErrorKey> = new Set<ErrorKey>([
  'segment_not_found',
  'collection_not_fully_loaded',
  'channel_not_available',
]);

/** So long a read waits for what a backfill has made and hands over, in ms; for one that takes longer it says so. */
const OUTPUTS_MS_MAX = 2000;

/** Pauses between two attempts are a sixteenth of what was waited so far, so that little is added to it, and within these bounds, in ms. */
const RETRY_MS_MIN = 5;
const RETRY_MS_MAX = 100;
const WAITED_SHARE = 16;

/**
 * A segment may move from the growing to the sealed side, or a node may restart and load what it served, between two steps: then the
 * read starts over, until its deadline.
 */
export function retryWhileMoved<T>(
  parts: Pick<ProxyParts, 'platform' | 'settings'>,
  context: CallContext,
  run: () => Promise<T>,
): Promise<T> {
  return run().catch((error: unknown) => runAgain(parts, context, run, error));
}

async function runAgain<T>(
  parts: Pick<ProxyParts, 'platform' | 'settings'>,
  context: CallContext,
  run: () => Promise<T>,
  first: unknown,
): Promise<T> {
  const { clock, timers } = parts.platform;
  const deadlineMs = deadlineOf(context, parts);
  const beganMs = clock.monotonic();
  let error = first;
  for (;;) {
    const waitedMs = clock.monotonic() - beganMs;
    const isMoved =
      error instanceof ElanusError &&
      (movedKeys.has(error.key) || (error.key === 'outputs_not_ready' && waitedMs < OUTPUTS_MS_MAX));
    const share = Math.floor(waitedMs / WAITED_SHARE);
    const pauseMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, share));
    if (!isMoved || clock.now() + pauseMs >= deadlineMs) throw error;
    await timers.sleep(pauseMs, context.signal);
    try {
      return await run();
    } catch (failure) {
      error = failure;
    }
  }
}
