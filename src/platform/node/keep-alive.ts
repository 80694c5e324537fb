// Keeps the process alive while something of the database runs. A database that listens does so by its port; one that does not would let
// the process end in the middle of a call that waits for nothing but a timer.

/** As long as a timer can be; it does nothing when it fires. */
const FOREVER_MS = 2 ** 31 - 1;

export class KeepAlive {
  #timer: NodeJS.Timeout | undefined;
  #held = 0;

  hold(isHeld: boolean): void {
    this.#held += isHeld ? 1 : -1;
    // One timer for all calls: making one for each would cost more than what it is for.
    this.#timer ??= setInterval(() => {}, FOREVER_MS);
    if (this.#held > 0) this.#timer.ref();
    else this.#timer.unref();
  }

  /** Nothing is held any more. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async during<T>(work: Promise<T>): Promise<T> {
    this.hold(true);
    try {
      return await work;
    } finally {
      this.hold(false);
    }
  }
}
