// The exact scores of what a search in a disk index has read. Vectors are copied out of their pages and scored many at a time, by the
// kernel that scans memory: scores equal those of an exact search to the last bit.
import type { DiskIndex } from './disk-index.js';
import { elementCodes } from './element-type.js';
import { flatKernel } from './flat-kernel.js';
import { flatSearch } from './flat-search.js';
import { compareScores, type MetricType } from './metric.js';

export interface Hit {
  readonly row: number;
  readonly score: number;
}
const ROWS_MIN = 64;

export class DiskFound {
  readonly #index: DiskIndex;
  readonly #query: Uint8Array;
  readonly #width: number;
  #rows: Uint32Array;
  #vectors: Uint8Array;
  #count = 0;
  #hits: Hit[] = [];

  constructor(index: DiskIndex, query: Uint8Array) {
    this.#index = index;
    this.#query = query;
    this.#width = index.layout.vectorBytes;
    const rows = Math.min(ROWS_MIN, index.work.exactRows);
    this.#rows = new Uint32Array(rows);
    this.#vectors = new Uint8Array(rows * this.#width);
  }
  add(row: number, vector: Uint8Array): void {
    if (this.#count === this.#rows.length) {
      if (this.#count === this.#index.work.exactRows) this.#score();
      else this.#grow();
    }
    this.#rows[this.#count] = row;
    this.#vectors.set(vector, this.#count * this.#width);
    this.#count++;
  }
  /** All that was added, best first, equal scores by row. */
  hits(): Hit[] {
    this.#score();
    const metric = this.#metric;
    return this.#hits.sort((a, b) => compareScores(metric, a.score, b.score) || a.row - b.row);
  }
  get #metric(): MetricType {
    return this.#index.placement.metric as MetricType;
  }
  #grow(): void {
    const rows = new Uint32Array(Math.min(this.#rows.length * 2, this.#index.work.exactRows));
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
    const { region, walkAt, work, elementType, placement } = this.#index;
    const { memory } = region;
    const vectorsOffset = walkAt + work.exact;
    const inverseNormsOffset = walkAt + work.norms;
    new Uint8Array(memory.buffer, vectorsOffset, count * this.#width).set(this.#vectors.subarray(0, count * this.#width));
    if (this.#metric === 'COSINE') {
      flatKernel.on(memory).norms(elementCodes[elementType], vectorsOffset, placement.dim, count, inverseNormsOffset);
    }
    const { rows, scores } = flatSearch(
      {
        ...{ elementType, dim: placement.dim, metric: this.#metric, queries: this.#query, k: count },
        ...{ rowBegin: 0, rowEnd: count, vectorsOffset, inverseNormsOffset },
      },
      { memories: [memory] },
    );
    for (let i = 0; i < rows.length; i++) {
      this.#hits.push({ row: this.#rows[rows[i] as number] as number, score: scores[i] as number });
    }
  }
}
