// The exact scores of vectors that a search has read from a file. Vectors are copied out of their pages and scored many at a time, by the
// kernel that scans memory: scores equal those of an exact search to the last bit.
import { type ElementType, elementCodes, vectorBytes } from '#index/block/element-type.js';
import { compareScores, type MetricType } from '#index/block/metric.js';
import { flatKernel } from '#index/flat/flat-kernel.js';
import { flatSearch } from '#index/flat/flat-search.js';

export interface Hit {
  readonly row: number;
  readonly score: number;
}

/** Where vectors are scored: room in a region that no other code uses in the same turn. */
export interface ScoringPlace {
  readonly memory: WebAssembly.Memory;
  readonly metric: MetricType;
  readonly elementType: ElementType;
  readonly dim: number;
  /** Addresses of `rows` vectors and of as many inverse norms. */
  readonly vectors: number;
  readonly norms: number;
  readonly rows: number;
}

const ROWS_MIN = 64;

export class DiskFound {
  readonly #place: ScoringPlace;
  readonly #query: Uint8Array;
  readonly #width: number;
  #rows: Uint32Array;
  #vectors: Uint8Array;
  #count = 0;
  #hits: Hit[] = [];

  constructor(place: ScoringPlace, query: Uint8Array) {
    this.#place = place;
    this.#query = query;
    this.#width = vectorBytes(place.elementType, place.dim);
    const rows = Math.min(ROWS_MIN, place.rows);
    this.#rows = new Uint32Array(rows);
    this.#vectors = new Uint8Array(rows * this.#width);
  }

  add(row: number, vector: Uint8Array): void {
    if (this.#count === this.#rows.length) {
      if (this.#count === this.#place.rows) this.#score();
      else this.#grow();
    }
    this.#rows[this.#count] = row;
    this.#vectors.set(vector, this.#count * this.#width);
    this.#count++;
  }

  /** All that was added, best first, equal scores by row. */
  hits(): Hit[] {
    this.#score();
    const { metric } = this.#place;
    return this.#hits.sort((a, b) => compareScores(metric, a.score, b.score) || a.row - b.row);
  }

  #grow(): void {
    const rows = new Uint32Array(Math.min(this.#rows.length * 2, this.#place.rows));
    const vectors = new Uint8Array(rows.length * this.#width);
    rows.set(this.#rows);
    vectors.set(this.#vectors);
    this.#rows = rows;
    this.#vectors = vectors;
  }

  #score(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    const {
      memory,
      metric,
      elementType,
      dim,
      vectors: vectorsOffset,
      norms: inverseNormsOffset,
    } = this.#place;
    new Uint8Array(memory.buffer, vectorsOffset, count * this.#width).set(
      this.#vectors.subarray(0, count * this.#width),
    );
    if (metric === 'COSINE') {
      flatKernel.on(memory).norms(elementCodes[elementType], vectorsOffset, dim, count, inverseNormsOffset);
    }
    const { rows, scores } = flatSearch(
      {
        elementType,
        dim,
        metric,
        queries: this.#query,
        k: count,
        rowBegin: 0,
        rowEnd: count,
        vectorsOffset,
        inverseNormsOffset,
      },
      { memories: [memory] },
    );
    for (let i = 0; i < rows.length; i++) {
      this.#hits.push({ row: this.#rows[rows[i] as number] as number, score: scores[i] as number });
    }
  }
}
