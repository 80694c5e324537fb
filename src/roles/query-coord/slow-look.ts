// Looks at everything once in an interval, some at a time: a look at very many at once would hold up whatever else there is to do.
import type { Timer, Timers } from '#platform/time.js';

/** What is looked at together, until there are too many of them for the shortest pause. */
export const LOOK_MAX = 64;
export const LOOK_PAUSE_MS_MIN = 500;

export class SlowLook {
  readonly #timers: Timers;
  readonly #intervalMs: number;
  readonly #all: ReadonlyMap<bigint, unknown>;
  readonly #look: (ids: readonly bigint[]) => void;
  #due: bigint[] = [];
  #timer: Timer | undefined;

  /** @param look of what may be gone meanwhile; never of none */
  constructor(
    timers: Timers,
    intervalMs: number,
    all: ReadonlyMap<bigint, unknown>,
    look: (ids: readonly bigint[]) => void,
  ) {
    this.#timers = timers;
    this.#intervalMs = intervalMs;
    this.#all = all;
    this.#look = look;
  }

  start(): void {
    const slicesMax = Math.max(1, Math.floor(this.#intervalMs / LOOK_PAUSE_MS_MIN));
    const slices = Math.max(1, Math.min(slicesMax, Math.ceil(this.#all.size / LOOK_MAX)));
    this.#timer = this.#timers.after(this.#intervalMs / slices, () => {
      if (this.#due.length === 0) this.#due = [...this.#all.keys()];
      const ids = this.#due.splice(0, Math.max(LOOK_MAX, Math.ceil(this.#all.size / slices)));
      if (ids.length > 0) this.#look(ids);
      this.start();
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
