// Many waiters on one AbortSignal behind a single listener. A search over many segments, or a flush of many shards, waits in dozens of
// places for the same signal; as a listener each they would look like a leak to Node, which warns from the eleventh on.

/** The signal of what nobody ever stops. It lives as long as the program, so nothing is hung on it: who is never called needs not be kept. */
export const neverAborted: AbortSignal = new AbortController().signal;

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
  if (signal === neverAborted) return () => {};
  const known = waiters.get(signal);
  const set = known ?? new Set();
  const one = (): void => run(); // The same function may wait twice.
  set.add(one);
  if (known === undefined) watch(signal, set);
  return () => {
    if (set.delete(one) && set.size === 0) listening.get(set)?.();
  };
}

/** How each set stops listening: a signal that nobody waits for any more keeps nothing, and nothing keeps it. */
const listening = new WeakMap<Set<() => void>, () => void>();

function watch(signal: AbortSignal, set: Set<() => void>): void {
  const stop = (): void => {
    signal.removeEventListener('abort', fire);
    if (waiters.get(signal) === set) waiters.delete(signal);
  };
  const fire = (): void => {
    stop();
    for (const one of set) one();
  };
  waiters.set(signal, set);
  listening.set(set, stop);
  signal.addEventListener('abort', fire, { once: true });
}

/**
 * A signal that aborts as soon as one of several does. Node's own `AbortSignal.any` keeps each of its signals that was ever listened to
 * alive until it aborts, and with it whatever its listeners hold: a call a second would never be given back.
 * @returns `release` must be called when the wait is over, or the sources keep the signal as long as they live
 */
export function joinSignals(signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal;
  release(): void;
} {
  const joint = new AbortController();
  const forget = signals.map((signal) => onAbort(signal, () => joint.abort(signal.reason)));
  return {
    signal: joint.signal,
    release: () => {
      for (const one of forget) one();
    },
  };
}

/** The work's outcome, or the failure as soon as the signal aborts. The work itself goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, failure: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(failure()));
    work.then(resolve, reject).finally(forget);
  });
}
