// Search in a SPARSE_INVERTED_INDEX: the lists of a query's indices are merged by one of several algorithms that all give the same
// hits and scores, and differ in how much of the lists they skip. Runs as a task on any thread, in the shared memory of the index.

import { ElanusError } from '#base/errors.js';
import type { SearchOutput } from '#index/block/search-output.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { FLAT_K_MAX, type FlatSearchContext } from '#index/flat/flat-search.js';
import type { Bm25Norm } from './bm25.js';
import {
  SPARSE_TERMS_MAX,
  type SparseLists,
  type SparseWork,
  sparseLists,
  sparseWork,
} from './sparse-index.js';
import {
  ORDER_BYTES,
  ROW_END,
  scoreOfKey,
  sparseKernel,
  TERM_BYTES,
  TOP_HEADER_BYTES,
} from './sparse-kernel.js';
import { dropSmallest, type SparseQuery, scoreBounds, unpackSparseQueries } from './sparse-query.js';

/** SINDI is the window-at-a-time form of TAAT_NAIVE here, which is how TAAT_NAIVE runs too. */
export const sparseAlgorithms = [
  'DAAT_MAXSCORE',
  'DAAT_WAND',
  'TAAT_NAIVE',
  'BLOCK_MAX_MAXSCORE',
  'BLOCK_MAX_WAND',
  'SINDI',
] as const;

export type SparseAlgorithm = (typeof sparseAlgorithms)[number];
export const isSparseAlgorithm = (name: unknown): name is SparseAlgorithm =>
  sparseAlgorithms.some((one) => one === name);

export interface SparseSearchInput {
  readonly index: IndexPlacement;
  /** Packed queries, as `unpackSparseQueries` reads them. */
  readonly queries: Uint8Array;
  /** 0 to 16,384. */
  readonly k: number;
  /** Default: what the index was built for. */
  readonly algorithm?: SparseAlgorithm;
  /** Share of a query's smallest values that do not find rows, 0 to below 1. Scores of hits count all values. Not for range searches. */
  readonly dropRatio?: number;
  /** Bit i & 7 of byte i >> 3 set: row i is skipped. Rows past its end are not. */
  readonly excluded?: Uint8Array;
  /** radius < score <= rangeFilter */
  readonly radius?: number;
  readonly rangeFilter?: number;
  /** Scores are those of BM25: values of rows are counts of words. The index has to be one of BM25. */
  readonly bm25?: Bm25Norm;
}

export function sparseSearch(input: SparseSearchInput, context: FlatSearchContext): SearchOutput {
  const memory = context.memories[0];
  if (!memory)
    throw new ElanusError('internal', 'sparseSearch got no memory, expected the region of the index');
  if (!(input.k >= 0 && input.k <= FLAT_K_MAX))
    throw new ElanusError('invalid_parameter', `k is ${input.k}, expected 0 to ${FLAT_K_MAX}`);
  const { dropRatio = 0 } = input;
  if (!(dropRatio >= 0 && dropRatio < 1)) {
    throw new ElanusError(
      'invalid_parameter',
      `drop_ratio_search is ${dropRatio}, expected at least 0 and less than 1`,
    );
  }
  const queries = unpackSparseQueries(input.queries);
  const k = Math.min(input.k, input.index.rowCount);
  const counts = new Uint32Array(queries.length);
  const rows = new Uint32Array(queries.length * k);
  const scores = new Float32Array(queries.length * k);
  const search = new Search(input, memory, context.thread ?? 0, k);
  const isRange = input.radius !== undefined || input.rangeFilter !== undefined;
  let total = 0;
  for (const [q, query] of queries.entries()) {
    // With BM25 all words count: they are few, and a score is then the same whatever else is asked.
    const kept = isRange || input.bm25 !== undefined ? query : dropSmallest(query, dropRatio);
    const count = k === 0 ? 0 : search.run(kept, rows, scores, total);
    if (kept !== query)
      search.rescore(query, rows.subarray(total, total + count), scores.subarray(total, total + count));
    counts[q] = count;
    total += count;
  }
  return { counts, rows: rows.slice(0, total), scores: scores.slice(0, total) };
}

/** How many entries the lists of the queries' indices have, together. */
export function sparsePostings(
  memory: WebAssembly.Memory,
  index: IndexPlacement,
  queries: Uint8Array,
): number {
  const { dims, starts } = sparseLists(memory, index);
  let entries = 0;
  for (const { indices } of unpackSparseQueries(queries)) {
    for (const index of indices) {
      const list = find(dims, 0, dims.length, index);
      if (list >= 0) entries += (starts[list + 1] as number) - (starts[list] as number);
    }
  }
  return entries;
}

class Search {
  readonly #memory: WebAssembly.Memory;
  readonly #index: IndexPlacement;
  readonly #lists: SparseLists;
  readonly #work: SparseWork;
  readonly #view: DataView;
  readonly #algorithm: SparseAlgorithm;
  readonly #k: number;
  readonly #low: number;
  readonly #high: number;
  readonly #hasExcluded: boolean;
  readonly #bm25: Bm25Norm | undefined;

  constructor(input: SparseSearchInput, memory: WebAssembly.Memory, thread: number, k: number) {
    this.#memory = memory;
    this.#index = input.index;
    this.#lists = sparseLists(memory, input.index);
    this.#work = sparseWork(
      input.index.workOffset + thread * input.index.workBytes,
      input.index.rowCount,
      this.#lists.dims.length,
    );
    this.#view = new DataView(memory.buffer);
    const built = input.index.params.inverted_index_algo;
    this.#algorithm = input.algorithm ?? (isSparseAlgorithm(built) ? built : 'DAAT_MAXSCORE');
    this.#k = k;
    this.#bm25 = input.bm25;
    if (input.bm25 !== undefined && this.#lists.lengths.length !== input.index.rowCount)
      throw new ElanusError('internal', 'a search by BM25 got an index without lengths of rows');
    ({ low: this.#low, high: this.#high } = scoreBounds(input.radius, input.rangeFilter));
    // A task before this one may have ended in an error.
    sparseKernel.on(memory).clear(this.#work.sums, this.#work.top - this.#work.sums);
    this.#hasExcluded = input.excluded?.some((byte) => byte !== 0) ?? false;
    if (input.excluded && this.#hasExcluded) {
      const bits = new Uint8Array(memory.buffer, this.#work.excluded, Math.ceil(input.index.rowCount / 8));
      bits.fill(0).set(input.excluded.subarray(0, bits.length));
    }
  }

  /** Writes the hits from `at` on, best first. @returns how many */
  run(query: SparseQuery, rows: Uint32Array, scores: Float32Array, at: number): number {
    const count = this.#putTerms(query);
    if (count === 0) return 0;
    const { top, sums, marks, terms, order } = this.#work;
    new Uint32Array(this.#memory.buffer, top, 3).set([0, 0, this.#k]);
    const { sections, rowCount } = this.#index;
    const offset = (name: string): number => sections[name]?.offset ?? 0;
    const delta = offset('values') - offset('rows');
    const blockDelta = offset('block_maxima') - offset('block_lasts');
    const excluded = this.#hasExcluded ? this.#work.excluded : 0;
    const [kernel, low, high] = [sparseKernel.on(this.#memory), this.#low, this.#high];
    if (this.#bm25 !== undefined) {
      const { base, slope } = this.#bm25;
      const lengths = offset('lengths');
      kernel.bm25(terms, count, rowCount, sums, marks, delta, lengths, base, slope, top, low, high, excluded);
      return this.#take(rows, scores, at);
    }
    switch (this.#algorithm) {
      case 'TAAT_NAIVE':
      case 'SINDI':
        kernel.taat(terms, count, rowCount, sums, delta, top, low, high, excluded);
        break;
      case 'DAAT_MAXSCORE':
      case 'BLOCK_MAX_MAXSCORE': {
        const byBlock = this.#algorithm === 'BLOCK_MAX_MAXSCORE' ? 1 : 0;
        kernel.maxScore(order, count, rowCount, sums, delta, blockDelta, byBlock, top, low, high, excluded);
        break;
      }
      default:
        kernel.wand(
          order,
          count,
          delta,
          blockDelta,
          this.#algorithm === 'BLOCK_MAX_WAND' ? 1 : 0,
          top,
          low,
          high,
          excluded,
        );
    }
    return this.#take(rows, scores, at);
  }

  #take(rows: Uint32Array, scores: Float32Array, at: number): number {
    const { top } = this.#work;
    const found = sparseKernel.on(this.#memory).finish(top);
    const entries = new Uint32Array(this.#memory.buffer, top + TOP_HEADER_BYTES, found * 2);
    for (let i = 0; i < found; i++) {
      rows[at + i] = entries[i * 2] as number;
      scores[at + i] = scoreOfKey(entries[i * 2 + 1] as number);
    }
    return found;
  }

  /** Cursors at the beginning of the query's lists, the one with the smallest bound first. @returns how many lists there are */
  #putTerms({ indices, values }: SparseQuery): number {
    const { dims, maxima, starts, blockStarts, rows } = this.#lists;
    const found: { readonly list: number; readonly weight: number; readonly max: number }[] = [];
    for (const [i, index] of indices.entries()) {
      const list = find(dims, 0, dims.length, index);
      if (list < 0) continue;
      const weight = values[i] as number;
      found.push({ list, weight, max: weight * this.#mostOf(maxima[list] as number) });
    }
    if (found.length > SPARSE_TERMS_MAX) {
      throw new ElanusError(
        'invalid_parameter',
        `a sparse query has ${found.length} indices, expected at most ${SPARSE_TERMS_MAX}; send fewer`,
      );
    }
    found.sort((a, b) => a.max - b.max);
    const rowsAt = this.#index.sections.rows?.offset ?? 0;
    const blocksAt = this.#index.sections.block_lasts?.offset ?? 0;
    for (const [i, { list, weight, max }] of found.entries()) {
      const at = this.#work.terms + i * TERM_BYTES;
      const first = starts[list] as number;
      this.#view.setUint32(at, rowsAt + first * 4, true);
      this.#view.setUint32(at + 4, rowsAt + (starts[list + 1] as number) * 4, true);
      this.#view.setUint32(at + 8, rows[first] ?? ROW_END, true);
      this.#view.setUint32(at + 12, blocksAt + (blockStarts[list] as number) * 4, true);
      this.#view.setFloat64(at + 16, weight, true);
      this.#view.setFloat64(at + 24, max, true);
      this.#view.setFloat64(at + 32, max, true);
      this.#view.setUint32(at + 40, blocksAt + (blockStarts[list + 1] as number) * 4, true);
      this.#view.setUint32(this.#work.order + i * ORDER_BYTES, at, true);
    }
    return found.length;
  }

  /** What a value counts at most, in any row. */
  #mostOf(value: number): number {
    if (this.#bm25 === undefined) return value;
    const { base, slope } = this.#bm25;
    const { shortest } = this.#index.params;
    return value / (value + base + slope * (typeof shortest === 'number' ? shortest : 0));
  }

  /** Replaces the scores by those of the whole query and sorts again. */
  rescore({ indices, values }: SparseQuery, rows: Uint32Array, scores: Float32Array): void {
    const sums = new Float64Array(rows.length);
    const { dims, starts } = this.#lists;
    for (const [i, index] of indices.entries()) {
      const list = find(dims, 0, dims.length, index);
      if (list < 0) continue;
      for (const [hit, row] of rows.entries()) {
        const at = find(this.#lists.rows, starts[list] as number, starts[list + 1] as number, row);
        if (at >= 0)
          sums[hit] = (sums[hit] as number) + (values[i] as number) * (this.#lists.values[at] as number);
      }
    }
    const hits = Array.from(rows, (row, hit) => ({ row, score: Math.fround(sums[hit] as number) }));
    hits.sort((a, b) => b.score - a.score || a.row - b.row);
    for (const [hit, { row, score }] of hits.entries()) {
      rows[hit] = row;
      scores[hit] = score;
    }
  }
}

/** Place of a value in ascending ones, -1 when it is not there. */
function find(sorted: Uint32Array, begin: number, end: number, value: number): number {
  let [low, high] = [begin, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low < end && sorted[low] === value ? low : -1;
}
