// The copies that belong to rows of a graph index (row-copies.ts), as its block has them: which rows count because a copy of theirs does,
// and the copies of what a walk found.
import { assert, must } from '#base/assert.js';
import { COPIES_SECTION, type IndexBlock } from '#index/block/index-block.js';
import type { CopiedRows, IndexPlacement } from '#index/block/vector-index.js';
import type { Hits } from '#index/flat/row-scores.js';

/** Names of the sections, uint32 each. */
export const COPY_SECTIONS = { firsts: 'copied', ends: 'copyEnds', copies: COPIES_SECTION } as const;

export class CopiesOfRows {
  readonly #firsts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #copies: Uint32Array;

  /** @returns undefined when the index has none */
  static in(
    memory: WebAssembly.Memory,
    { sections, copies }: Pick<IndexPlacement, 'sections' | 'copies'>,
  ): CopiesOfRows | undefined {
    if (copies !== undefined) return new CopiesOfRows(copies);
    if (sections[COPY_SECTIONS.copies] === undefined) return undefined;
    const words = (part: keyof typeof COPY_SECTIONS): Uint32Array => {
      const place = sections[COPY_SECTIONS[part]];
      assert(place !== undefined, `section ${COPY_SECTIONS[part]}`);
      return new Uint32Array(memory.buffer, place.offset, place.bytes >> 2);
    };
    return new CopiesOfRows({ firsts: words('firsts'), ends: words('ends'), copies: words('copies') });
  }

  private constructor({ firsts, ends, copies }: CopiedRows) {
    this.#firsts = firsts;
    this.#ends = ends;
    this.#copies = copies;
  }

  get count(): number {
    return this.#copies.length;
  }

  /** Clears the bits of first rows that do not count but have a copy that does: walks have to find them. */
  admit(bits: Uint8Array): void {
    const isOut = (row: number): boolean => ((bits[row >> 3] as number) & (1 << (row & 7))) !== 0;
    for (let group = 0; group < this.#firsts.length; group++) {
      const first = this.#firsts[group] as number;
      if (isOut(first) && !this.#of(group).every(isOut))
        bits[first >> 3] = (bits[first >> 3] as number) & ~(1 << (first & 7));
    }
  }

  /** The best `k` of the hits and of their copies, those that count: equal scores by row. @param hits best first */
  expanded({ rows, scores }: Hits, k: number, excluded?: Uint8Array): Hits {
    const counts = (row: number): boolean => ((excluded?.[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
    const outRows: number[] = [];
    const outScores: number[] = [];
    for (let i = 0; i < rows.length && outRows.length < k; ) {
      const score = scores[i] as number;
      const equal: number[] = [];
      for (const first = i; i < rows.length && (i === first || scores[i] === score); i++) {
        const row = rows[i] as number;
        if (counts(row)) equal.push(row);
        const group = this.#groupOf(row);
        if (group >= 0) for (const copy of this.#of(group)) if (counts(copy)) equal.push(copy);
      }
      equal.sort((a, b) => a - b);
      for (const row of equal.slice(0, k - outRows.length)) {
        outRows.push(row);
        outScores.push(score);
      }
    }
    return { rows: Uint32Array.from(outRows), scores: Float32Array.from(outScores) };
  }

  #of(group: number): Uint32Array {
    return this.#copies.subarray(group === 0 ? 0 : this.#ends[group - 1], this.#ends[group]);
  }

  #groupOf(row: number): number {
    let [low, high] = [0, this.#firsts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#firsts[middle] as number) < row) low = middle + 1;
      else high = middle;
    }
    return this.#firsts[low] === row ? low : -1;
  }
}

/** Each copy of a checked block, behind its first row. */
export function* copiesIn(block: IndexBlock): Iterable<readonly [first: number, copy: number]> {
  if (!block.sections.has(COPY_SECTIONS.copies)) return;
  const words = (name: string): DataView => {
    const bytes = must(block.sections.get(name), `section ${name}`);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  const [firsts, ends, copies] = [
    words(COPY_SECTIONS.firsts),
    words(COPY_SECTIONS.ends),
    words(COPY_SECTIONS.copies),
  ];
  for (let group = 0, at = 0; group * 4 < firsts.byteLength; group++) {
    const first = firsts.getUint32(group * 4, true);
    for (const end = ends.getUint32(group * 4, true); at < end; at++)
      yield [first, copies.getUint32(at * 4, true)];
  }
}

/** Bits of what does not count where a search has room for them; what is behind them counts. */
export function putBits(room: Uint8Array, bits: Uint8Array): void {
  room.fill(0, Math.min(room.length, bits.length));
  room.set(bits.subarray(0, room.length));
}
