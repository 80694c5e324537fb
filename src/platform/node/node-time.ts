// Real time. Timers of a database are unref'd: pending maintenance never keeps a process alive by itself, its listeners and calls do. Those of
// a client are not: a program waits for its calls, and a pause within one is part of it.
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import type { Clock, Timers } from '#platform/time.js';

interface OwnTimers {
  readonly setTimeout: typeof globalThis.setTimeout;
  readonly clearTimeout: typeof globalThis.clearTimeout;
  readonly setInterval: typeof globalThis.setInterval;
  readonly clearInterval: typeof globalThis.clearInterval;
  readonly setImmediate: typeof globalThis.setImmediate;
  readonly clearImmediate: typeof globalThis.clearImmediate;
  readonly queueMicrotask: typeof globalThis.queueMicrotask;
  readonly nextTick: typeof process.nextTick;
  readonly Date: typeof globalThis.Date;
  readonly performance: { readonly now: () => number };
}

/** Under this name the code of the bundle finds them, too: it is loaded with the first database (scripts/bundle.mjs). */
const OWN = Symbol.for('elanus.timers');
const shared = globalThis as typeof globalThis & { [OWN]?: OwnTimers };

shared[OWN] ??= {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  queueMicrotask: globalThis.queueMicrotask,
  nextTick: process.nextTick,
  Date: globalThis.Date,
  performance: { now: performance.now.bind(performance) },
};

/**
 * Timers and clocks as they are when the package is imported. Tests of programs put others in their places (fake timers), often before they open a
 * database: their code is stopped then, the database is not.
 */
export const ownTimers: OwnTimers = shared[OWN];

const { setTimeout: startTimer, clearTimeout: endTimer, setImmediate: behindTurn } = ownTimers;
const { now } = ownTimers.Date;
const monotonic = ownTimers.performance.now;

export const nodeClock: Clock = { now: () => now(), monotonic: () => monotonic() };

// setTimeout turns longer delays into 1 ms; such a timer is re-armed in steps instead.
const delayMax = 2 ** 31 - 1;

const timersOf = (keepsAlive: boolean): Timers => {
  const after: Timers['after'] = (delayMs, run) => {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      handle = startTimer(
        () => (left > delayMax ? arm(left - delayMax) : run()),
        Math.min(Math.max(left, 0), delayMax),
      );
      if (!keepsAlive) handle.unref();
    };
    arm(delayMs);
    return { cancel: () => endTimer(handle) };
  };
  const sleep: Timers['sleep'] = (delayMs, signal) =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        timer.cancel();
        reject(new ElanusError('cancelled', 'sleep: cancelled by its signal'));
      };
      const timer = after(delayMs, () => {
        forget?.();
        resolve();
      });
      const forget = signal === undefined ? undefined : onAbort(signal, stop);
    });
  return { after, sleep, yield: () => new Promise((resolve) => void behindTurn(resolve)) };
};

export const nodeTimers: Timers = timersOf(false);
/** While one of them is pending the process does not end. */
export const clientTimers: Timers = timersOf(true);
