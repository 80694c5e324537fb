// Where walks among the rows of one filter ended that had to begin far from their query: later walks for queries nearby begin there. What counts
// is far from them, too, and nearly the same, so that no sample has to be looked at again. Entries are nodes; they decide where a walk begins,
// never which rows may be found.
// The words are shared, and threads write without turns: a part that two of them write holds entries of both, which are nodes of the same index.

/** Words of a region: which it is, how many walks asked, how many entries were put, and the entries. */
const WORDS = 64;
const HEAD = 3;
export const ENTRIES_MAX = WORDS - HEAD;
/** One region for so many nodes, about as many as layer 2 has; at least and at most. */
const NODES_A_REGION = 256;
const REGIONS_MIN = 8;
const REGIONS_MAX = 512;
/** The first walks of a region look everywhere, then ever fewer, and in the end one in so many. */
const LOOKS = 8;
const LOOKS_AGAIN = 16;
/** Entries of one walk at most. */
export const FOUND_MAX = 10;

export function entriesBytes(nodes: number): number {
  const regions = Math.min(REGIONS_MAX, Math.max(REGIONS_MIN, nodes / NODES_A_REGION));
  return 2 ** Math.floor(Math.log2(regions)) * WORDS * Uint32Array.BYTES_PER_ELEMENT;
}

/** The words of one region. */
export class KnownEntries {
  readonly #words: Uint32Array;
  /** Where the region has its words. */
  readonly #at: number;
  readonly #name: number;

  /** @param words of `entriesBytes`, zero at first @param region a node, by which the way down the layers went */
  constructor(words: Uint32Array, region: number) {
    this.#words = words;
    this.#name = region + 1;
    const first = ((Math.imul(region, 0x9e3779b1) >>> 7) & (words.length / WORDS - 1)) * WORDS;
    const second = first ^ WORDS;
    if (words[first] === this.#name) this.#at = first;
    else if (words[second] === this.#name) this.#at = second;
    // Where it may be put, in place of one that is asked for less.
    else this.#at = (words[first + 1] as number) <= (words[second + 1] as number) ? first : second;
  }

  get #isThis(): boolean {
    return this.#words[this.#at] === this.#name;
  }

  /** Asked once a walk. @returns where it may begin; undefined: it is to look everywhere */
  take(): Uint32Array | undefined {
    if (!this.#isThis) return undefined;
    const walks = (this.#words[this.#at + 1] as number) + 1;
    this.#words[this.#at + 1] = walks;
    const count = Math.min(ENTRIES_MAX, this.#words[this.#at + 2] as number);
    const isPower = (walks & (walks - 1)) === 0;
    if (walks <= LOOKS || isPower || walks % LOOKS_AGAIN === 0 || count === 0) return undefined;
    return this.#words.subarray(this.#at + HEAD, this.#at + HEAD + count);
  }

  /** A walk that looked everywhere had to begin far from its query, and found these: they take the place of the oldest. */
  noteFar(nodes: Uint32Array): void {
    if (!this.#isThis) this.#words.set([this.#name, 1, 0], this.#at);
    const from = this.#at + HEAD;
    let put = this.#words[this.#at + 2] as number;
    for (const node of nodes) {
      if (this.#words.subarray(from, from + Math.min(put, ENTRIES_MAX)).includes(node)) continue;
      this.#words[from + (put % ENTRIES_MAX)] = node;
      put++;
    }
    // So that it never overflows: what counts is where the next goes.
    this.#words[this.#at + 2] = put < 2 * ENTRIES_MAX ? put : put - ENTRIES_MAX;
  }
}
