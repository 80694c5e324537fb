// Looks at everything once in an interval, some at a time: a look at very many at once would hold up whatever else there is to do. While
// nothing changes that a look would see, none is needed.
import type { Timer, Timers } from '#platform/time.js';

/** What is looked at together, until there are too many of them for the shortest pause. */
export const LOOK_MAX = 64;
export const LOOK_PAUSE_MS_MIN = 500;

export class SlowLook {
  readonly #timers: Timers;
  readonly #intervalMs: number;
  readonly #all: ReadonlyMap<bigint, unknown>;
  readonly #look: (ids: readonly bigint[]) => void;
  readonly #isStill: () => Promise<boolean>;
  #due: bigint[] = [];
  #timer: Timer | undefined;
  #isClosed = false;

  /**
   * @param look of what may be gone meanwhile; never of none
   * @param isStill asked before a look at all: whether it would find nothing to do. Never rejects
   */
  constructor(
    timers: Timers,
    intervalMs: number,
    all: ReadonlyMap<bigint, unknown>,
    look: (ids: readonly bigint[]) => void,
    isStill: () => Promise<boolean> = async () => false,
  ) {
    this.#timers = timers;
    this.#intervalMs = intervalMs;
    this.#all = all;
    this.#look = look;
    this.#isStill = isStill;
  }

  start(): void {
    const slices = this.#slices();
    this.#timer = this.#timers.after(this.#intervalMs / slices, () => {
      if (this.#due.length === 0) void this.#begin();
      else this.#lookAtSome(slices);
    });
  }

  #slices(): number {
    const slicesMax = Math.max(1, Math.floor(this.#intervalMs / LOOK_PAUSE_MS_MIN));
    return Math.max(1, Math.min(slicesMax, Math.ceil(this.#all.size / LOOK_MAX)));
  }

  async #begin(): Promise<void> {
    const isStill = await this.#isStill();
    if (this.#isClosed) return;
    if (isStill) {
      this.#timer = this.#timers.after(this.#intervalMs, () => void this.#begin());
      return;
    }
    this.#due = [...this.#all.keys()];
    this.#lookAtSome(this.#slices());
  }

  #lookAtSome(slices: number): void {
    const ids = this.#due.splice(0, Math.max(LOOK_MAX, Math.ceil(this.#all.size / slices)));
    if (ids.length > 0) this.#look(ids);
    this.start();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}
