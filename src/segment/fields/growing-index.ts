// The graph over a dense vector field of a growing segment: begun and kept up on demand, by searches that would scan many rows. Ingest
// that nobody searches costs nothing. What the graph does not cover yet is scanned exactly.
import { messageOf } from '#base/errors.js';
import { indexQueryMicros } from '#index/block/search-cost.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { GROWING_ROWS_MIN, GrowingGraph, type GrowingSpec } from '#index/graph/growing-graph.js';
import { graphParams } from '#index/graph/nodes/graph-layout.js';
import type { Platform } from '#platform/platform.js';
import type { SharedRegion } from '#platform/workers.js';
import { clearBit, countBits, hasBitAt } from './row-versions.js';
import type { HeldVectors } from './segment-index.js';

/** Rows behind the graph that a scan passes over faster than a task adds them. */
const TAIL_ROWS = 4096;

export interface CoveredRows {
  /** Rows [0, rowCount) are the graph's. */
  readonly rowCount: number;
  search(
    input: Pick<IndexSearchInput, 'queries' | 'k' | 'params' | 'vectors' | 'radius' | 'rangeFilter'>,
    /** The region in which `input.vectors` lie. */
    region: SharedRegion,
    signal?: AbortSignal,
  ): Promise<IndexSearchOutput>;
}

type Vectors = HeldVectors & { readonly rowCount: number };

export class GrowingIndex {
  readonly metric: string;
  readonly #platform: Platform;
  readonly #vectors: Vectors;
  readonly #graph: GrowingGraph<SharedRegion>;
  #bits: RowBits | undefined;
  #isAdvancing = false;
  #work: Promise<void> = Promise.resolve();
  #isReleased = false;

  constructor(platform: Platform, vectors: Vectors, spec: GrowingSpec) {
    this.metric = spec.metric;
    this.#platform = platform;
    this.#vectors = vectors;
    this.#graph = new GrowingGraph(platform.workers, spec);
  }

  get bytes(): number {
    return this.#graph.bytes;
  }

  /** Resolves when no rows are being added. */
  get idle(): Promise<void> {
    return this.#work;
  }

  /** Rows that the graph covers. */
  get rowCount(): number {
    return this.#graph.rowCount;
  }

  /** Rows that `covered` would answer for; 0: none. */
  coveredRows(metric: string, rowCount: number): number {
    if (metric !== this.metric || this.#isReleased) return 0;
    return Math.min(rowCount, this.#graph.index?.placement.rowCount ?? 0);
  }

  /** @param excluded bit set: the row does not count. @returns undefined when the graph covers nothing that this search could use */
  covered(metric: string, excluded: Uint8Array | undefined, rowCount: number): CoveredRows | undefined {
    const index = this.#graph.index;
    if (index === undefined || metric !== this.metric || this.#isReleased) return undefined;
    const rows = Math.min(rowCount, index.placement.rowCount);
    // Nodes that are not there yet are of the row behind the last that there is room for.
    const room = graphParams(index.placement).rowRoom + 1;
    const { bits, passing } =
      excluded === undefined ? this.#firstRows(rows, room) : firstOf(excluded, rows, room);
    return {
      rowCount: rows,
      search: (input, region, signal) => {
        const full: IndexSearchInput = {
          ...input,
          index: { ...index.placement, rowCount: rows },
          excluded: bits,
          passing,
        };
        const regions = [region, index.region];
        const micros = indexQueryMicros('graphSearch', full);
        const queries = input.queries.byteLength / this.#vectors.store.vectorBytes;
        const estimate = micros === undefined ? undefined : micros * queries;
        return this.#graph.hold(() =>
          this.#platform.workers.run<IndexSearchOutput>('graphSearch', full, regions, signal, estimate),
        );
      },
    };
  }

  /** Where all of them count: the same bits until rows are added. */
  #firstRows(rows: number, room: number): RowBits {
    const last = this.#bits;
    if (last !== undefined && last.passing === rows && last.room === room) return last;
    const bits = new Uint8Array(new SharedArrayBuffer(Math.ceil(room / 8))).fill(0xff).fill(0, 0, rows >> 3);
    for (let row = rows & ~7; row < rows; row++) clearBit(bits, row);
    this.#bits = { bits, passing: rows, room };
    return this.#bits;
  }

  /** Adds rows in the background when enough are behind; returns at once. */
  advance(): void {
    const { rowCount } = this.#vectors;
    if (
      this.#isAdvancing ||
      this.#isReleased ||
      rowCount < GROWING_ROWS_MIN ||
      rowCount - this.#graph.rowCount < TAIL_ROWS
    )
      return;
    this.#isAdvancing = true;
    const { region, store } = this.#vectors;
    this.#work = this.#vectors
      .hold(() => this.#graph.advance({ region, place: store.place }, rowCount))
      .catch((error: unknown) => {
        // Without it the rows are scanned, as before.
        this.release();
        this.#platform.logger.warn('growing_index_dropped', { reason: messageOf(error) });
      })
      .finally(() => {
        this.#isAdvancing = false;
      });
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#graph.release();
  }
}

interface RowBits {
  readonly bits: Uint8Array;
  readonly passing: number;
  /** Rows that there are bits for. */
  readonly room: number;
}

/** Rows behind the first ones, which the graph may get while it is searched, do not count. */
function firstOf(excluded: Uint8Array, rows: number, room: number): RowBits {
  const bits = new Uint8Array(Math.ceil(room / 8)).fill(0xff);
  bits.set(excluded.subarray(0, rows >> 3));
  for (let row = rows & ~7; row < rows; row++) if (!hasBitAt(excluded, row)) clearBit(bits, row);
  return { bits, passing: bits.length * 8 - countBits(bits), room };
}
