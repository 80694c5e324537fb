// How many rows of a segment a filter is asked about before the clock is looked at. A row may take nanoseconds or, with a regular expression
// over a long text, two seconds: nobody knows before it was tried. So a costly filter begins with one row, and the time that a run took
// decides about the next one.

/** What a run is to take at least and at most, in ms. */
interface RunTimes {
  readonly shortMs: number;
  readonly longMs: number;
}

/** How long runs on the thread that serves everyone are. */
const HERE: RunTimes = { shortMs: 0.5, longMs: 2 };
/** How long runs on other threads are, where handing one over costs a part of a millisecond. */
export const ON_THREADS: RunTimes = { shortMs: 4, longMs: 20 };

export class RunLength {
  readonly #rowsMax: number;
  readonly #times: RunTimes;
  #rows: number;

  /** @param rowsMax a multiple of 32 @param isCheap no row can take long: runs have their full length from the beginning */
  constructor(rowsMax: number, isCheap: boolean, times: RunTimes = HERE) {
    this.#times = times;
    this.#rowsMax = rowsMax;
    this.#rows = isCheap ? rowsMax : 1;
  }

  /** Where the run ends that begins at a row. It ends within the word of bits that it begins in, or it is whole words but for the last. */
  endOf(begin: number, rowCount: number): number {
    const isWhole = this.#rows >= 32 && (begin & 31) === 0;
    const end = isWhole ? begin + (this.#rows & ~31) : Math.min(begin + this.#rows, (begin | 31) + 1);
    return Math.min(end, rowCount);
  }

  /** @param ms that the last run took */
  took(ms: number): void {
    const { shortMs, longMs } = this.#times;
    if (ms > longMs) this.#rows = Math.max(1, Math.floor((this.#rows * longMs) / ms));
    else if (ms < shortMs) this.#rows = Math.min(this.#rowsMax, this.#rows * 4);
  }
}
