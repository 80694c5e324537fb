// Real time. Timers are unref'd: pending maintenance never keeps a process alive by itself, its listeners and calls do.
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import type { Clock, Timers } from '#platform/time.js';

export const nodeClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

// setTimeout turns longer delays into 1 ms; such a timer is re-armed in steps instead.
const delayMax = 2 ** 31 - 1;

export const nodeTimers: Timers = {
  after(delayMs, run) {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      handle = setTimeout(
        () => (left > delayMax ? arm(left - delayMax) : run()),
        Math.min(Math.max(left, 0), delayMax),
      );
      handle.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        timer.cancel();
        reject(new ElanusError('cancelled', 'sleep: cancelled by its signal'));
      };
      const timer = nodeTimers.after(delayMs, () => {
        forget?.();
        resolve();
      });
      const forget = signal === undefined ? undefined : onAbort(signal, stop);
    });
  },
  yield: () => new Promise((resolve) => void setImmediate(resolve)),
};
