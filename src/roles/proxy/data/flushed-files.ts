// How a flush waits for its files: for most callers its answer already means durable files, and the others ask for the rest.
import { ElanusError } from '#base/errors.js';
import { joinSignals } from '#base/on-abort.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';

type WaitParts = Pick<ProxyParts, 'platform' | 'streamingNode'>;

/** How long a flush itself waits for the files before it leaves the rest to GetFlushState and GetFlushAllState, in ms. */
const FLUSH_WAIT_MS_MAX = 10_000;

/** Runs a task that waits for files until then, or for half of the caller's time. @returns undefined: not in time */
export async function withinFlushWait<T>(
  { platform }: Pick<WaitParts, 'platform'>,
  context: CallContext,
  task: (until: CallContext) => Promise<T>,
): Promise<T | undefined> {
  const now = platform.clock.now();
  const waitMs = Math.min(
    FLUSH_WAIT_MS_MAX,
    context.deadlineMs === undefined ? FLUSH_WAIT_MS_MAX : Math.max(0, (context.deadlineMs - now) / 2),
  );
  const abort = new AbortController();
  const timer = platform.timers.after(waitMs, () => abort.abort());
  // A client that has gone waits no longer.
  const stop = joinSignals([context.signal, abort.signal]);
  try {
    return await task({ signal: stop.signal, deadlineMs: now + waitMs, metadata: {} });
  } catch (error) {
    if (!(error instanceof ElanusError)) throw error;
    // A call to another process that is given up here has no other word for it.
    const isGivenUp = error.key === 'cancelled' && abort.signal.aborted && !context.signal.aborted;
    if (isGivenUp || error.key === 'deadline_exceeded') return undefined;
    throw error;
  } finally {
    timer.cancel();
    stop.release();
  }
}

/** Until what was written to the channels before the time is in files. @throws deadline_exceeded */
export async function awaitFiles(
  { streamingNode }: WaitParts,
  vchannels: readonly string[],
  timestamp: bigint,
  until: CallContext,
): Promise<void> {
  await Promise.all(
    vchannels.map((vchannel) => streamingNode.awaitCheckpoint({ vchannel, timestamp }, until)),
  );
}
