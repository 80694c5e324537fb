// A vector index over one field of a loaded segment: its own region beside the vectors', held while searches read it. A search in it
// answers what an exact search would, but for the recall.
import { assert } from '#base/assert.js';
import type { ExactVectors, IndexSearchInput, IndexSearchOutput } from '#index/vector-index.js';
import type { SearchableIndex } from '#index/vector-indexes.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { SegmentHits } from './segment-hits.js';

/** The vectors of a field, which stay while a task reads them. */
export interface HeldVectors {
  readonly region: SharedRegion;
  readonly store: { readonly place: ExactVectors };
  hold<T>(task: () => Promise<T>): Promise<T>;
}
interface IndexedSearch extends Pick<IndexSearchInput, 'queries' | 'k' | 'params' | 'radius' | 'rangeFilter'> {
  /** Bit set: the row does not count. */
  readonly excluded: Uint8Array;
  /** Rows that count. */
  readonly passing: number;
}
export class SegmentIndex {
  /** Of the object it was loaded from. */
  readonly key: string;
  readonly indexType: string;
  readonly metric: string;
  readonly bytes: number;
  readonly #index: SearchableIndex<SharedRegion>;
  readonly #workers: Workers;
  #searches = 0;
  #isReleased = false;

  constructor(workers: Workers, index: SearchableIndex<SharedRegion>, key: string) {
    this.key = key;
    this.#workers = workers;
    this.#index = index;
    this.indexType = index.placement.indexType;
    this.metric = index.placement.metric;
    this.bytes = index.bytes;
  }
  get rowCount(): number {
    return this.#index.placement.rowCount;
  }
  async search(vectors: HeldVectors, search: IndexedSearch, signal?: AbortSignal): Promise<SegmentHits> {
    assert(!this.#isReleased, 'the index was released');
    const { excluded, passing, ...rest } = search;
    const input: IndexSearchInput = {
      ...{ index: this.#index.placement, vectors: vectors.store.place, ...rest },
      ...(passing < this.rowCount && { excluded, passing }),
    };
    this.#searches++;
    try {
      const regions = [vectors.region, this.#index.region];
      return spread(await vectors.hold(() => this.#workers.run<IndexSearchOutput>(this.#index.task, input, regions, signal)), search.k);
    } finally {
      this.#searches--;
      this.#giveBack();
    }
  }
  /** Gives its memory back, as soon as running searches end. */
  release(): void {
    this.#isReleased = true;
    this.#giveBack();
  }
  #giveBack(): void {
    if (this.#isReleased && this.#searches === 0) this.#workers.release(this.#index.region);
  }
}
/** From hits one query after the other to hits of each query at its multiple of k. */
function spread({ counts, rows, scores }: IndexSearchOutput, k: number): SegmentHits {
  const queryCount = counts.length;
  const hits = { queryCount, k, counts, rows: new Uint32Array(queryCount * k), scores: new Float32Array(queryCount * k) };
  let at = 0;
  for (let q = 0; q < queryCount; q++) {
    const count = counts[q] as number;
    hits.rows.set(rows.subarray(at, at + count), q * k);
    hits.scores.set(scores.subarray(at, at + count), q * k);
    at += count;
  }
  return hits;
}
