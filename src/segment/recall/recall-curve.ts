// How much of the true neighbours a search of some width finds, learned from samples: recall as a function of width, with a lower bound
// that tightens as samples come. Pure: the same samples always choose the same width.

export interface Choice {
  readonly width: number;
  /** Expected recall at this width. */
  readonly recall: number;
  /** The lower bound reaches the target; else it is the widest there is. */
  readonly isMet: boolean;
}

/** Samples behind which a curve forgets half of what it knows: queries change. */
const WEIGHT_MAX = 512;
/** Standard deviations of a one-sided bound that holds nine times of ten. */
const BOUND_DEVIATIONS = 1.28;

/** Sums over sampled queries: they add up and halve, and no sample is kept. */
export class RecallCurve {
  readonly k: number;
  /** Ascending. */
  readonly widths: readonly number[];
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #weight = 0;

  constructor(k: number, widths: readonly number[]) {
    this.k = k;
    this.widths = widths;
    this.#sums = new Float64Array(widths.length);
    this.#squares = new Float64Array(widths.length);
  }

  /** Queries that were sampled, as far as they are remembered. */
  get weight(): number {
    return this.#weight;
  }

  /** @param recalls of one query, one for each width. */
  add(recalls: ArrayLike<number>): void {
    if (this.#weight >= WEIGHT_MAX) this.#scale(0.5);
    for (let i = 0; i < this.widths.length; i++) {
      const recall = recalls[i] ?? 1;
      this.#sums[i] = (this.#sums[i] as number) + recall;
      this.#squares[i] = (this.#squares[i] as number) + recall * recall;
    }
    this.#weight++;
  }

  /** Takes over what another curve knows, as if it were at most `weightMax` samples; of widths that it lacks, what it knows of narrower ones. */
  addCurve(other: RecallCurve, weightMax = Number.POSITIVE_INFINITY): void {
    if (other.#weight === 0) return;
    const factor = Math.min(1, weightMax / other.#weight);
    for (const [i, width] of this.widths.entries()) {
      const from = Math.max(
        0,
        other.widths.findLastIndex((one) => one <= width),
      );
      this.#sums[i] = (this.#sums[i] as number) + (other.#sums[from] as number) * factor;
      this.#squares[i] = (this.#squares[i] as number) + (other.#squares[from] as number) * factor;
    }
    this.#weight += other.#weight * factor;
  }

  #scale(factor: number): void {
    for (let i = 0; i < this.widths.length; i++) {
      this.#sums[i] = (this.#sums[i] as number) * factor;
      this.#squares[i] = (this.#squares[i] as number) * factor;
    }
    this.#weight *= factor;
  }

  /** Mean and lower bound at each width; neither falls as the width grows. */
  estimates(): readonly { readonly width: number; readonly mean: number; readonly low: number }[] {
    const n = this.#weight;
    if (n === 0) return [];
    let meanBefore = 0;
    let lowBefore = 0;
    return this.widths.map((width, i) => {
      const mean = Math.min(1, (this.#sums[i] as number) / n);
      const spread = Math.max(0, (this.#squares[i] as number) / n - mean * mean);
      // Few samples that all found everything do not prove that nothing is ever missed: each could have missed a quarter of a hit.
      const variance = Math.max(spread, (mean * (1 - mean)) / this.k) + 1 / (4 * n * this.k);
      const low = Math.max(0, mean - BOUND_DEVIATIONS * Math.sqrt(variance / n));
      meanBefore = Math.max(meanBefore, mean);
      lowBefore = Math.max(lowBefore, low);
      return { width, mean: meanBefore, low: lowBefore };
    });
  }

  /** The least width whose lower bound reaches the target. Undefined: nothing is known yet. */
  choose(target: number): Choice | undefined {
    const estimates = this.estimates();
    const found = estimates.find(({ low }) => low >= target);
    const chosen = found ?? estimates.at(-1);
    return chosen && { width: chosen.width, recall: chosen.mean, isMet: found !== undefined };
  }
}

/** k of one curve: the next of 1, 2, 3, 5, 7, 10, 15, 20 ... A search for fewer hits finds at least as large a part of them. */
export function bucketOf(k: number): number {
  for (let decade = 1; ; decade *= 10) {
    for (const step of decade === 1 ? [1, 2, 3, 5, 7] : [1, 1.5, 2, 3, 5, 7])
      if (step * decade >= k) return step * decade;
  }
}

const STEP = 1.3;
/** Widths from `first` to `last`, both of them, each about a third more than the one before. */
export function widthLadder(first: number, last: number): number[] {
  const widths: number[] = [];
  for (let width = first; width < last; width = Math.max(width + 1, Math.round(width * STEP)))
    widths.push(width);
  return [...widths, Math.max(first, last)];
}
