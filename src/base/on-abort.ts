// Many waiters on one AbortSignal behind a single listener. A search over many segments, or a flush of many shards, waits in dozens of
// places for the same signal; as a listener each they would look like a leak to Node, which warns from the eleventh on.

const waiters = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `run` once when the signal aborts, at once (before this returns) when it has already.
 * @returns takes it back; must be called when the wait is over, or the signal keeps `run` as long as it lives.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  if (signal.aborted) {
    run();
    return () => {};
  }
  const known = waiters.get(signal);
  const set = known ?? new Set();
  const one = (): void => run(); // The same function may wait twice.
  set.add(one);
  if (known === undefined) {
    waiters.set(signal, set);
    signal.addEventListener('abort', () => fire(signal, set), { once: true });
  }
  return () => void set.delete(one);
}
function fire(signal: AbortSignal, set: Set<() => void>): void {
  waiters.delete(signal);
  for (const one of set) one();
}

/** The work's outcome, or the failure as soon as the signal aborts. The work itself goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, failure: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(failure()));
    work.then(resolve, reject).finally(forget);
  });
}
