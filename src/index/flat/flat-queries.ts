// Query vectors in a thread's scratch, each with a top-k state: what every exact scan begins and ends with.

import { alignUp, bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { type ElementType, elementCodes, vectorBytes } from '#index/block/element-type.js';
import { type MemoryViews, viewsOf } from '#index/block/memory-views.js';
import { isLargerBetter, metricCodes } from '#index/block/metric.js';
import { SCRATCH_BYTES_PER_THREAD, scratchOffsetOf } from '#index/block/region-layout.js';
import type { SearchOutput } from '#index/block/search-output.js';
import type { MetricName } from '#model/schema/metric-type.js';
import { type FlatKernel, flatKernel, floatOf, KEY_END, KEY_LOWEST, keyOf } from './flat-kernel.js';

export const FLAT_K_MAX = 16_384;
const TOP_HEADER_BYTES = 16;
/** Queries shorter than one part in so many, or as many times as long as 1, are scaled for COSINE. */
const LENGTHS_KEPT = 2 ** 20;
export interface QueryInput {
  /** Default float32. */
  readonly elementType?: ElementType;
  readonly dim: number;
  /** L2, IP or COSINE; of binary vectors HAMMING, JACCARD, SUBSTRUCTURE or SUPERSTRUCTURE. */
  readonly metric: MetricName;
  /** Vectors one after the other, bytes as they are in a row. */
  readonly queries: Float32Array | Uint8Array;
  /** 0 to 16,384. */
  readonly k: number;
  /** Smaller is better (L2 …): rangeFilter <= score < radius; larger is better (IP, COSINE): radius < score <= rangeFilter. */
  readonly radius?: number;
  readonly rangeFilter?: number;
  /** Default: the scratch of the context's thread. */
  readonly scratchOffset?: number;
  readonly scratchBytes?: number;
}

export interface FlatSearchContext {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread?: number;
}

const binaryMetrics: readonly MetricName[] = ['HAMMING', 'JACCARD', 'SUBSTRUCTURE', 'SUPERSTRUCTURE'];
const floatMetrics: readonly MetricName[] = ['L2', 'IP', 'COSINE'];
const metricsOf = (type: ElementType): readonly MetricName[] =>
  type === 'binary' ? binaryMetrics : floatMetrics;

/** Scratch is [the caller's `ownBytes` | top-k states | queries]; as many queries as fit are there at a time. */
export class FlatQueries {
  readonly kernel: FlatKernel;
  readonly element: number;
  readonly metric: number;
  readonly rowBytes: number;
  readonly count: number;
  readonly k: number;
  /** Key bounds of the range request. */
  readonly low: number;
  readonly high: number;
  /** The caller's part of scratch, at a multiple of 16. */
  readonly own: number;
  /** Queries that are in scratch at a time. */
  readonly group: number;
  readonly tops: number;
  readonly topStride: number;
  readonly queries: number;
  readonly queryStride: number;
  readonly views: MemoryViews;
  readonly #input: QueryInput;
  readonly #bytes: Uint8Array;
  readonly #isLargerBetter: boolean;

  /** @param rows that may be hits at most. */
  constructor(input: QueryInput, context: FlatSearchContext, rows: number, ownBytes: number) {
    const { dim, elementType = 'float32', metric, k, queries, radius, rangeFilter } = input;
    const memory = context.memories[0];
    if (!memory) throw new ElanusError('internal', 'exact search got no memory, expected the segment region');
    if (!metricsOf(elementType).includes(metric)) {
      throw new ElanusError(
        'invalid_parameter',
        `metric ${metric} on ${elementType} vectors, expected ${metricsOf(elementType).join(', ')}`,
      );
    }
    if (!(k >= 0 && k <= FLAT_K_MAX))
      throw new ElanusError('invalid_parameter', `k is ${k}, expected 0 to ${FLAT_K_MAX}`);
    if (Number.isNaN(radius) || Number.isNaN(rangeFilter)) {
      throw new ElanusError(
        'invalid_parameter',
        'radius or range_filter is not a number, expected a finite bound',
      );
    }
    this.#input = input;
    this.views = viewsOf(memory);
    this.#bytes = queries instanceof Uint8Array ? queries : bytesView(queries);
    this.kernel = flatKernel.on(memory);
    this.element = elementCodes[elementType];
    this.metric = metricCodes[metric];
    this.rowBytes = vectorBytes(elementType, dim);
    this.count = this.#bytes.length / this.rowBytes;
    if (!Number.isInteger(this.count)) {
      throw new ElanusError(
        'vector_dim_mismatch',
        `${this.#bytes.length} bytes of queries, expected a multiple of ${this.rowBytes} (${elementType}, dim ${dim})`,
      );
    }
    this.#isLargerBetter = isLargerBetter(metric);
    const sign = this.#isLargerBetter ? -1 : 1;
    this.low = rangeFilter === undefined ? KEY_LOWEST : keyOf(sign * rangeFilter);
    this.high = radius === undefined ? KEY_END : keyOf(sign * radius);
    this.k = Math.min(k, Math.max(0, rows));
    const offset = input.scratchOffset ?? scratchOffsetOf(context.thread ?? 0);
    const bytes = input.scratchBytes ?? SCRATCH_BYTES_PER_THREAD;
    this.own = alignUp(offset, 16);
    this.tops = alignUp(this.own + ownBytes, 16);
    this.topStride = alignUp(TOP_HEADER_BYTES + this.k * 8, 16);
    // Two-byte floats become float32 there, int8 becomes int16.
    this.queryStride = alignUp(
      elementType === 'binary' || elementType === 'float32'
        ? this.rowBytes
        : elementType === 'int8'
          ? dim * 2
          : dim * 4,
      16,
    );
    this.group = Math.min(
      this.count,
      Math.floor((offset + bytes - this.tops) / (this.topStride + this.queryStride)),
    );
    if (this.group < 1 && this.count > 0) {
      throw new ElanusError(
        'internal',
        `scratch of ${bytes} bytes is too small for one query of dim ${dim} with k ${k}`,
      );
    }
    this.queries = this.tops + this.group * this.topStride;
  }

  /** Runs `scan` for each group of loaded queries and collects the hits. */
  collect(scan: (group: number) => void): SearchOutput {
    const counts = new Uint32Array(this.count);
    const rows = new Uint32Array(this.count * this.k);
    const scores = new Float32Array(this.count * this.k);
    let total = 0;
    for (let first = 0; first < this.count && this.k > 0; first += this.group) {
      const group = Math.min(this.group, this.count - first);
      this.load(first, group);
      scan(group);
      for (let i = 0; i < group; i++) total += counts[first + i] = this.#take(i, rows, scores, total);
    }
    return total === rows.length
      ? { counts, rows, scores }
      : { counts, rows: rows.slice(0, total), scores: scores.slice(0, total) };
  }

  /** Puts queries into scratch with empty top-k states. */
  load(first: number, group: number): void {
    const { dim, metric } = this.#input;
    const { bytes, words } = this.views;
    for (let i = 0; i < group; i++) {
      const at = this.queries + i * this.queryStride;
      const top = this.tops + i * this.topStride;
      // At the end of its place, from where `widen` spreads it over all of it.
      const from = at + this.queryStride - this.rowBytes;
      const isOnly = this.#bytes.length === this.rowBytes;
      bytes.set(
        isOnly
          ? this.#bytes
          : this.#bytes.subarray((first + i) * this.rowBytes, (first + i + 1) * this.rowBytes),
        from,
      );
      words[top >>> 2] = 0;
      words[(top >>> 2) + 1] = 0;
      words[(top >>> 2) + 2] = this.k;
      if (metric === 'COSINE') this.kernel.norms(this.element, from, dim, 1, top + 4);
      this.kernel.widen(this.element, dim, from, at);
      if (metric === 'COSINE') this.#bringNearToOne(at, top + 4);
    }
  }

  /**
   * Products of two tiny or huge vectors leave the range of float32 before they meet the norms: such a query is brought to a length near
   * to 1, by a power of two, so that every digit stays as it is.
   */
  #bringNearToOne(query: number, inverseNorm: number): void {
    const { floats } = this.views;
    const inverse = floats[inverseNorm >>> 2] as number;
    if (
      inverse === 0 ||
      (inverse <= LENGTHS_KEPT && inverse >= 1 / LENGTHS_KEPT) ||
      this.#input.elementType === 'int8'
    )
      return;
    const by = 2 ** Math.floor(Math.log2(inverse));
    const first = query >>> 2;
    for (let i = first; i < first + this.#input.dim; i++) floats[i] = (floats[i] as number) * by;
    floats[inverseNorm >>> 2] = inverse / by;
  }

  /** Moves the hits of loaded query i to `at`; returns how many there are. */
  #take(i: number, rows: Uint32Array, scores: Float32Array, at: number): number {
    const top = this.tops + i * this.topStride;
    const count = this.kernel.finish(top);
    const { words } = this.views;
    for (let j = 0, entry = (top + TOP_HEADER_BYTES) >>> 2; j < count; j++, entry += 2) {
      rows[at + j] = words[entry] as number;
      const value = floatOf(words[entry + 1] as number);
      scores[at + j] = this.#isLargerBetter ? 0 - value : value;
    }
    return count;
  }
}
