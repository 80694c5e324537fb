// How long the parts of a run may take, so that all of it ends in time: the sets share what is left, and in a set the loads share what the
// searches will not need.
const INSTALL_MS_MAX = 240_000;
const LOAD_MS_MIN = 20_000;
/** No load may take more than so many times what each of the rest would get. */
const LOAD_SHARES_MAX = 4;
/** What a search takes with `--seconds 2`, start, widths and warming up among it. */
const SEARCH_MS = 14_000;
const SEARCH_MS_MIN = 30_000;

export class Budget {
  #begunMs = performance.now();
  #endMs;
  #partEndMs;

  constructor(ms) {
    this.#endMs = this.#begunMs + ms;
    this.#partEndMs = this.#endMs;
  }

  /** The next part begins. @param parts that are to come, this one among them, all of one size */
  beginPart(parts) {
    const nowMs = performance.now();
    this.#partEndMs = nowMs + (this.#endMs - nowMs) / parts;
  }

  /** @param loads that are to come, this one among them @param searches of this part */
  loadMs({ loads, searches }) {
    const forLoads = this.#partEndMs - performance.now() - searches * SEARCH_MS;
    return forLoads < LOAD_MS_MIN ? 0 : whole(Math.min(forLoads, (forLoads / loads) * LOAD_SHARES_MAX));
  }

  /** Searches end by themselves, most after some seconds: the time that was kept for them is for all of them. */
  searchMs() {
    return whole(Math.max(SEARCH_MS_MIN, this.#partEndMs - performance.now()));
  }

  installMs() {
    return whole(Math.min(INSTALL_MS_MAX, (this.#endMs - performance.now()) / 4));
  }

  spentMs() {
    return performance.now() - this.#begunMs;
  }
}

/** As timers of processes want it. */
const whole = (ms) => Math.max(0, Math.round(ms));
