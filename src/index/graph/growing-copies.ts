// Which rows of a growing segment have nodes in its graph: a vector that several rows have is one node, as in a graph that is built
// (build/row-copies.ts). What a search was given of copies stays as it was: more rows make it anew.
import { assert } from '#base/assert.js';
import type { CopiedRows, ExactVectors, IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { type MetRows, metRowsBytes, newMetRows, widenMetRows } from '#index/graph/build/met-rows.js';
import type { MeetRowsInput, MeetRowsOutput } from '#index/graph/build/row-copies.js';

/** Rows that one task looks at. */
const PIECE_ROWS = 16_384;

export class GrowingCopies {
  #met: MetRows | undefined;
  /** Room of `met`. */
  #room = 0;
  #rowCount = 0;
  #rows = new Uint32Array(0);
  #nodes = 0;
  #copies: CopiedRows | undefined;

  /** Rows that were met. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Those of them that are no copies. */
  get nodes(): number {
    return this.#nodes;
  }

  /** The row of each node. */
  get rows(): Uint32Array {
    return this.#rows.subarray(0, this.#nodes);
  }

  /** Undefined: each row has a node. */
  get copies(): CopiedRows | undefined {
    return this.#copies;
  }

  get bytes(): number {
    const copies = this.#copies;
    const words = copies === undefined ? 0 : copies.firsts.length + copies.ends.length + copies.copies.length;
    return (this.#room === 0 ? 0 : metRowsBytes(this.#room)) + (this.#rows.length + words) * 4;
  }

  /** Takes in the rows up to `rowCount`. One call at a time. */
  async meet<Region extends IndexRegion>(
    workers: IndexWorkers<Region>,
    { region, place }: { readonly region: Region; readonly place: ExactVectors },
    rowCount: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const met = this.#metFor(rowCount);
    while (this.#rowCount < rowCount) {
      const begin = this.#rowCount;
      const end = Math.min(rowCount, begin + PIECE_ROWS);
      const input: MeetRowsInput = { place, met, begin, end };
      const { fresh, copies } = await workers.run<MeetRowsOutput>('meetNewRows', input, [region], signal);
      assert(this.#rowCount === begin, 'rows are met by one caller');
      this.#note(fresh);
      this.#copies = copies;
      this.#rowCount = end;
    }
  }

  #note(fresh: Uint32Array): void {
    const count = this.#nodes + fresh.length;
    if (count > this.#rows.length) {
      const rows = new Uint32Array(Math.max(count, this.#rows.length * 2));
      rows.set(this.rows);
      this.#rows = rows;
    }
    this.#rows.set(fresh, this.#nodes);
    this.#nodes = count;
  }

  #metFor(rowCount: number): MetRows {
    const now = this.#met;
    if (now !== undefined && rowCount <= this.#room) return now;
    this.#room = rowCount * 2;
    const next = newMetRows(this.#room, (count) => new Uint32Array(new SharedArrayBuffer(count * 4)));
    if (now !== undefined) widenMetRows(now, next, this.#rowCount);
    this.#met = next;
    return next;
  }
}
