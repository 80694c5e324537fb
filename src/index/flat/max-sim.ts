// Exact search with lists of vectors in rows that are lists of vectors: the score of a row is the sum, over the query's vectors, of the
// best match among the row's. Runs as a task on any thread, in the shared memory of one segment.
import { isInRange, isLargerBetter } from '#index/block/metric.js';
import type { SearchOutput } from '#index/block/search-output.js';
import { TopScores } from '#index/block/top-scores.js';
import { NO_BLOCKS } from './flat-ids.js';
import { FlatQueries, type FlatSearchContext } from './flat-queries.js';
import { checkNorms, type FlatSearchInput } from './flat-search.js';

export interface MaxSimInput extends Omit<FlatSearchInput, 'rowBegin' | 'rowEnd' | 'excluded'> {
  /** How many of `queries` each query has, in order; none has 0. */
  readonly lists: Uint32Array;
  /** Numbers of the rows that count, each once. */
  readonly rows: Uint32Array;
  /** The first vector of each of these rows and the end of its vectors; no row is empty. */
  readonly spans: Uint32Array;
}

/** Rows whose spans and sums are in scratch at a time: 12 bytes each. */
const CHUNK_ROWS = 4096;

export function maxSim(input: MaxSimInput, context: FlatSearchContext): SearchOutput {
  const { lists, rows, metric, radius, rangeFilter } = input;
  const k = Math.min(input.k, rows.length);
  const scan = new ListScan(input, context);
  const counts = new Uint32Array(lists.length);
  const found = { rows: new Uint32Array(lists.length * k), scores: new Float32Array(lists.length * k) };
  const top = new TopScores(k);
  const sign = isLargerBetter(metric) ? -1 : 1;
  let total = 0;
  let first = 0;
  for (const [list, vectors] of lists.entries()) {
    const sums = scan.distances(first, vectors);
    first += vectors;
    for (let at = 0; at < rows.length; at++) {
      const distance = sums[at] as number;
      const isHit = isInRange(metric, sign * distance, radius, rangeFilter);
      if (isHit) top.offer(-distance, rows[at] as number);
    }
    const begin = total;
    total += counts[list] = top.take(found.rows, found.scores, begin);
    // Scores were kept so that larger is better.
    for (let at = begin; at < total; at++) found.scores[at] = -sign * (found.scores[at] as number) + 0;
  }
  return { counts, rows: found.rows.slice(0, total), scores: found.scores.slice(0, total) };
}

class ListScan {
  readonly #input: MaxSimInput;
  readonly #state: FlatQueries;
  readonly #sums: Float32Array;

  constructor(input: MaxSimInput, context: FlatSearchContext) {
    checkNorms(input);
    this.#input = input;
    const chunk = Math.min(CHUNK_ROWS, input.rows.length);
    this.#state = new FlatQueries({ ...input, k: 0 }, context, 0, chunk * 12);
    this.#sums = new Float32Array(input.rows.length);
  }

  /** The distance of each row from the query vectors [first, first + count). Good until the next call. */
  distances(first: number, count: number): Float32Array {
    this.#sums.fill(0);
    const { group } = this.#state;
    for (let done = 0; done < count; done += group) {
      const many = Math.min(group, count - done);
      this.#state.load(first + done, many);
      this.#addAll(many);
    }
    return this.#sums;
  }

  /** Adds the distances of the loaded query vectors. */
  #addAll(queryCount: number): void {
    const { dim, vectorsOffset, inverseNormsOffset = 0, blocks = NO_BLOCKS, spans } = this.#input;
    const { kernel, element, metric, queries, queryStride, tops, topStride, own, views } = this.#state;
    const sums = this.#sums;
    for (let begin = 0; begin < sums.length; begin += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, sums.length - begin);
      const at = own + count * 8;
      views.words.set(spans.subarray(begin * 2, (begin + count) * 2), own >>> 2);
      views.floats.set(sums.subarray(begin, begin + count), at >>> 2);
      kernel.maxSim(
        element,
        metric,
        dim,
        vectorsOffset,
        inverseNormsOffset,
        blocks.rows,
        blocks.bytes,
        own,
        count,
        queryCount,
        queries,
        queryStride,
        tops,
        topStride,
        at,
      );
      sums.set(views.floats.subarray(at >>> 2, (at >>> 2) + count), begin);
    }
  }
}
