// Real time. Timers of a database are unref'd: pending maintenance never keeps a process alive by itself, its listeners and calls do. Those of
// a client are not: a program waits for its calls, and a pause within one is part of it.
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import type { Clock, Timers } from '#platform/time.js';

// Taken as the module is loaded. Tests of programs put others in their places later (fake timers): their code is stopped then, the database is not.
const { setTimeout: startTimer, clearTimeout: endTimer, setImmediate: behindTurn } = globalThis;
const { now } = Date;
const monotonic = performance.now.bind(performance);

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
