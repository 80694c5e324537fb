// Scores of rows that a search in a graph found, or that a filter left: by the vectors themselves, to the last bit those of an exact
// search. Where only codes are in memory, code-scores.ts takes this place.
import { vectorBytes } from '#index/block/element-type.js';
import type { MetricType } from '#index/block/metric.js';
import type { ExactVectors } from '#index/block/vector-index.js';
import { flatIds } from './flat-ids.js';
import { FLAT_K_MAX, type FlatSearchContext } from './flat-queries.js';
import { flatSearch } from './flat-search.js';

export interface Hits {
  readonly rows: Uint32Array;
  readonly scores: Float32Array;
}

export interface ScoreBounds {
  readonly radius?: number;
  readonly rangeFilter?: number;
}

export interface RowScores {
  /** Size of what a row is scored by, in bytes. */
  readonly rowBytes: number;
  /** Whether codes are all there is: the query has to be framed and coded before `useQuery`. */
  readonly isByCodes: boolean;
  useQuery(query: Uint8Array): void;
  /**
   * The best `k` of the rows, best first, equal scores by row.
   * @param worth so many of them, the nearest by their codes, are worth a score; it does not matter where a score costs no more than that
   */
  best(rows: Uint32Array, k: number, worth: number, bounds?: ScoreBounds): Hits;
  /** The best `k` of all rows that count. Undefined: the nearest of all by their codes are looked for first. */
  bestOfAll?(k: number, excluded?: Uint8Array): Hits;
}

const NO_QUERY = new Uint8Array(0);
const NO_BOUNDS: ScoreBounds = {};

export class VectorScores implements RowScores {
  readonly rowBytes: number;
  readonly isByCodes = false;
  readonly #vectors: ExactVectors;
  readonly #metric: MetricType;
  readonly #rowCount: number;
  readonly #context: FlatSearchContext;
  #query: Uint8Array = NO_QUERY;

  /** @param context whose first memory has the vectors */
  constructor(vectors: ExactVectors, metric: MetricType, rowCount: number, context: FlatSearchContext) {
    this.#vectors = vectors;
    this.#metric = metric;
    this.#rowCount = rowCount;
    this.#context = context;
    this.rowBytes = vectorBytes(vectors.elementType ?? 'float32', vectors.dim);
  }

  useQuery(query: Uint8Array): void {
    this.#query = query;
  }

  best(ids: Uint32Array, k: number, _worth: number, bounds: ScoreBounds = NO_BOUNDS): Hits {
    const { radius, rangeFilter } = bounds;
    const input = {
      ...this.#vectors,
      metric: this.#metric,
      queries: this.#query,
      k: Math.min(k, FLAT_K_MAX),
      ids,
    };
    if (radius === undefined && rangeFilter === undefined) return flatIds(input, this.#context);
    return flatIds(
      {
        ...input,
        ...(radius !== undefined && { radius }),
        ...(rangeFilter !== undefined && { rangeFilter }),
      },
      this.#context,
    );
  }

  bestOfAll(k: number, excluded?: Uint8Array): Hits {
    const range = { rowBegin: 0, rowEnd: this.#rowCount };
    const input = { ...this.#vectors, metric: this.#metric, queries: this.#query, k, ...range };
    return flatSearch({ ...input, ...(excluded && { excluded }) }, this.#context);
  }
}
