// How much of what a client seldom does it may do: streams that are reset, empty frames, streams beyond the bound. A bucket that fills with time.
const TAKES_MAX = 1000;
const PER_SECOND = 50;

export class FloodBound {
  readonly #nowMs: () => number;
  #left = TAKES_MAX;
  #filledMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#filledMs = nowMs();
  }

  /** @returns false when it was too much */
  take(): boolean {
    const now = this.#nowMs();
    this.#left = Math.min(TAKES_MAX, this.#left + ((now - this.#filledMs) / 1000) * PER_SECOND);
    this.#filledMs = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
