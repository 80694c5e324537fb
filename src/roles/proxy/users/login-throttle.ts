// How many wrong passwords are listened to. Counted for a user from one address, for an address and for a user, in windows of a minute: one
// who guesses is stopped long before the user would be, and who was let in before is not asked here.
import type { Clock } from '#platform/time.js';

const WINDOW_MS = 60_000;
const limits = { pair: 10, peer: 50, user: 200 } as const;
const KEYS_MAX = 4096;

interface Window {
  readonly untilMs: number;
  failures: number;
}

export class LoginThrottle {
  readonly #clock: Clock;
  /** The one that was begun longest ago first. */
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns in how many ms an attempt is listened to again; 0: now */
  waitMs(user: string, peer: string | undefined): number {
    const now = this.#clock.monotonic();
    return keysOf(user, peer).reduce((longest, [key, max]) => {
      const window = this.#windows.get(key);
      if (window === undefined || window.failures < max) return longest;
      return Math.max(longest, Math.ceil(window.untilMs - now));
    }, 0);
  }

  failed(user: string, peer: string | undefined): void {
    const now = this.#clock.monotonic();
    for (const [key] of keysOf(user, peer)) {
      const window = this.#windows.get(key);
      if (window !== undefined && window.untilMs > now) {
        window.failures++;
        continue;
      }
      this.#windows.delete(key);
      this.#windows.set(key, { untilMs: now + WINDOW_MS, failures: 1 });
      const [oldest] = this.#windows.keys();
      if (this.#windows.size > KEYS_MAX && oldest !== undefined) this.#windows.delete(oldest);
    }
  }

  /** The attempt that was counted last was none. */
  wasRight(user: string, peer: string | undefined): void {
    for (const [key] of keysOf(user, peer)) {
      const window = this.#windows.get(key);
      if (window !== undefined && window.failures > 0) window.failures--;
    }
  }
}

function keysOf(user: string, peer: string | undefined): (readonly [key: string, max: number])[] {
  const ofUser = [`user ${user}`, limits.user] as const;
  if (peer === undefined) return [ofUser];
  return [[`pair ${peer} ${user}`, limits.pair], [`peer ${peer}`, limits.peer], ofUser];
}
