// Requests of many connections that come at the same time begin at the same time, as those of one connection of HTTP/2 do: each step of theirs
// follows upon the same step of another, whose code and data are at hand, and what they ask of the same rows is read once for all of them.

/** So many begin at a time. Their answers go out before the next begin, so that clients need not wait for all to have theirs. */
const TOGETHER_MAX = 16;

export class SharedTurn {
  #waiting: (() => void)[] = [];
  #isSet = false;

  /** Calls `begin` behind what the network has brought in this turn of the event loop, in the order of coming. */
  add(begin: () => void): void {
    this.#waiting.push(begin);
    if (!this.#isSet) this.#set();
  }

  async run<T>(begin: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => this.add(resolve));
    return begin();
  }

  #set(): void {
    this.#isSet = true;
    setImmediate(this.#begin);
  }

  readonly #begin = (): void => {
    const waiting = this.#waiting;
    this.#waiting = waiting.length > TOGETHER_MAX ? waiting.splice(TOGETHER_MAX) : [];
    this.#isSet = false;
    if (this.#waiting.length > 0) this.#set();
    for (const begin of waiting) begin();
  };
}
