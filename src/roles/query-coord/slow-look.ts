// Looks at everything once in a while, some at a time. Many at once would be a burst of calls, and a heap that grows for it and stays large.
import type { Timer, Timers } from '#platform/time.js';

/** What is looked at together. */
export const LOOK_MAX = 64;
/** Very many take longer than an interval to be looked at, so that an idle database stays one. */
export const LOOK_PAUSE_MS_MIN = 500;

export class SlowLook {
  readonly #timers: Timers;
  readonly #intervalMs: number;
  readonly #all: ReadonlyMap<bigint, unknown>;
  readonly #look: (id: bigint) => void;
  #due: bigint[] = [];
  #timer: Timer | undefined;

  /** @param look of what may be gone meanwhile */
  constructor(
    timers: Timers,
    intervalMs: number,
    all: ReadonlyMap<bigint, unknown>,
    look: (id: bigint) => void,
  ) {
    this.#timers = timers;
    this.#intervalMs = intervalMs;
    this.#all = all;
    this.#look = look;
  }

  start(): void {
    const slices = Math.max(1, Math.ceil(this.#all.size / LOOK_MAX));
    const pauseMs = Math.max(this.#intervalMs / slices, Math.min(this.#intervalMs, LOOK_PAUSE_MS_MIN));
    this.#timer = this.#timers.after(pauseMs, () => {
      if (this.#due.length === 0) this.#due = [...this.#all.keys()];
      for (const id of this.#due.splice(0, LOOK_MAX)) this.#look(id);
      this.start();
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
