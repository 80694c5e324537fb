// Requests of many connections that come at the same time begin at the same time, as those of one connection of HTTP/2 do: what they ask of the
// same rows is then read once for all of them. One that is alone begins at once.
import { type Deferred, deferred } from '#base/async.js';

export class SharedTurn {
  /** Runs that have begun, or are to begin, and are not over. */
  #running = 0;
  #next: Deferred<void> | undefined;

  /** While others run, begins behind what the network has brought in this turn of the event loop. */
  async run<T>(begin: () => Promise<T>): Promise<T> {
    this.#running++;
    try {
      if (this.#running > 1) await this.#turn();
      return await begin();
    } finally {
      this.#running--;
    }
  }

  #turn(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = deferred<void>();
      setImmediate(this.#begin);
    }
    return this.#next.promise;
  }

  readonly #begin = (): void => {
    const next = this.#next;
    this.#next = undefined;
    next?.resolve();
  };
}
