// The k best of scored rows, larger scores first, equal scores by row: a heap with the worst at its root.
export class TopScores {
  readonly #k: number;
  readonly #scores: Float32Array;
  readonly #rows: Uint32Array;
  #size = 0;

  constructor(k: number) {
    this.#k = k;
    this.#scores = new Float32Array(k);
    this.#rows = new Uint32Array(k);
  }

  get size(): number {
    return this.#size;
  }

  /** A score at most this does not get in, unless its row is smaller than those that have it. -Infinity while there is room. */
  get worst(): number {
    return this.#size < this.#k
      ? Number.NEGATIVE_INFINITY
      : this.#k === 0
        ? Number.POSITIVE_INFINITY
        : (this.#scores[0] as number);
  }

  offer(score: number, row: number): void {
    if (this.#size < this.#k) {
      let at = this.#size++;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!this.#isWorse(score, row, parent)) break;
        this.#move(parent, at);
        at = parent;
      }
      this.#set(at, score, row);
    } else if (this.#k > 0 && !this.#isWorse(score, row, 0)) this.#sink(0, score, row, this.#size);
  }

  /** Writes best first, from `at` on. @returns how many */
  take(rows: Uint32Array, scores: Float32Array, at: number): number {
    const count = this.#size;
    for (let end = count - 1; end >= 0; end--) {
      rows[at + end] = this.#rows[0] as number;
      scores[at + end] = this.#scores[0] as number;
      this.#sink(0, this.#scores[end] as number, this.#rows[end] as number, end);
    }
    this.#size = 0;
    return count;
  }

  #isWorse(score: number, row: number, than: number): boolean {
    const other = this.#scores[than] as number;
    return score < other || (score === other && row > (this.#rows[than] as number));
  }

  #sink(from: number, score: number, row: number, size: number): void {
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= size) break;
      if (
        child + 1 < size &&
        this.#isWorse(this.#scores[child + 1] as number, this.#rows[child + 1] as number, child)
      )
        child++;
      if (this.#isWorse(score, row, child)) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, score, row);
  }

  #move(from: number, to: number): void {
    this.#scores[to] = this.#scores[from] as number;
    this.#rows[to] = this.#rows[from] as number;
  }

  #set(at: number, score: number, row: number): void {
    this.#scores[at] = score;
    this.#rows[at] = row;
  }
}
