// How long a thread looks for its next task before it waits for the bell. To look pays where tasks follow each other closely, as callers in
// this process bring them. Where they come in bursts with pauses between, as from a network, each look would take a core for nothing, which
// the programs that ask may need: so it is learned.

/** To be woken takes as long. */
const LOOK_MS = 0.06;
/** Each look counts so much of what is known. */
const WEIGHT = 1 / 8;
/** It pays where such a share of looks finds a task. */
const PAYS = 1 / 3;
/** Where it does not, one of so many is made all the same: callers change. */
const TRIED_EACH = 16;

export class LookTime {
  /** Share of the last looks that found a task. */
  #found = 1;
  #isLooking = false;
  #skipped = 0;

  /** Behind a task, or when it was fetched: so long it looks now, in ms. */
  next(): number {
    if (this.#found >= PAYS || ++this.#skipped % TRIED_EACH === 0) return LOOK_MS;
    return 0;
  }

  /** It looked, and there was none yet. */
  looking(): void {
    this.#isLooking = true;
  }

  /** There was a task, or the time is over. What was there at the first look says nothing. */
  ended(isFound: boolean): void {
    if (!this.#isLooking) return;
    this.#isLooking = false;
    this.#found += ((isFound ? 1 : 0) - this.#found) * WEIGHT;
  }
}
