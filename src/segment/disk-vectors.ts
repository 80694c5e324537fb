// A dense vector field of a sealed segment whose vectors stay in the file of its disk index: searched by codes in memory and pages of the
// file, read row by row for output. What is in memory goes back as soon as the last read ends.
import { assert } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { type DiskIndex, NO_NODE } from '#index/disk-index.js';
import { pageOf, recordAt } from '#index/disk-layout.js';
import { type DiskPages, diskSearch } from '#index/disk-search.js';
import { FLAT_K_MAX } from '#index/flat-search.js';
import { column } from '#model/column.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import type { ExcludedRows } from './excluded-rows.js';
import { emptyHits, mergeHits, type SegmentHits, type SegmentSearch } from './segment-hits.js';
import type { VectorColumn } from './vector-column.js';

export interface DiskVectorsParts {
  readonly workers: Workers;
  readonly index: DiskIndex<SharedRegion>;
  readonly pages: DiskPages & { close(): void };
  /** Of the file. */
  readonly key: string;
  readonly fieldId: bigint;
  readonly dataType: number;
  /** Brings the vectors into memory from the insert log, for when the file is lost. */
  readonly restore: () => Promise<VectorColumn>;
}
/** Rows whose pages are asked for at a time. */
const GATHER_ROWS = 256;

export class DiskVectors {
  readonly key: string;
  readonly fieldId: bigint;
  readonly #parts: DiskVectorsParts;
  #restored: Promise<VectorColumn> | undefined;
  #readers = 0;
  #isReleased = false;

  constructor(parts: DiskVectorsParts) {
    this.#parts = parts;
    this.key = parts.key;
    this.fieldId = parts.fieldId;
  }
  /** In memory, without cached pages, which all indexes share. */
  get bytes(): number {
    return this.#parts.index.bytes;
  }
  get rowCount(): number {
    return this.#parts.index.placement.rowCount;
  }
  /** Bit set: the row has no vector. */
  get nullBits(): Uint8Array | undefined {
    return this.#parts.index.nullBits;
  }
  async search(request: SegmentSearch, excluded: ExcludedRows, signal?: AbortSignal): Promise<SegmentHits> {
    const { index, pages, workers } = this.#parts;
    const { queries, radius, rangeFilter, params = {} } = request;
    const { placement, layout } = index;
    const queryCount = queries.byteLength / layout.vectorBytes;
    if (!Number.isInteger(queryCount)) {
      const expected = `expected a multiple of ${layout.vectorBytes} (dim ${placement.dim})`;
      throw new ElanusError('vector_dim_mismatch', `query vectors have ${queries.byteLength} bytes, ${expected}`);
    }
    if (!(request.k >= 1 && request.k <= FLAT_K_MAX)) {
      throw new ElanusError('invalid_parameter', `limit is ${request.k}, expected 1 to ${FLAT_K_MAX}: ask for fewer hits`);
    }
    if (request.metric !== placement.metric) {
      const remedy = 'search with the metric of the index';
      throw new ElanusError('invalid_parameter', `metric ${request.metric}, the disk index was built for ${placement.metric}; ${remedy}`);
    }
    const k = Math.min(request.k, this.rowCount);
    if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
    const { bits, passing, rows } = excluded;
    const input = {
      ...{ queries, k, params, passing },
      ...(bits && { excluded: bits }),
      ...(rows && { rows }),
      ...(radius !== undefined && { radius }),
      ...(rangeFilter !== undefined && { rangeFilter }),
    };
    const hits = await this.#hold(() => diskSearch(index, pages, workers, input, signal));
    return mergeHits(request.metric, queryCount, k, [hits]);
  }
  /** Copies of the rows' vectors. */
  gather(rows: Uint32Array): Promise<Column> {
    return this.#hold(async () => {
      const { index, pages, fieldId, dataType } = this.#parts;
      const { layout, nodeOf } = index;
      const width = layout.vectorBytes;
      const data = new Uint8Array(rows.length * width);
      const nodes = nodeOf === undefined ? rows : Uint32Array.from(rows, (row) => nodeOf[row] ?? NO_NODE);
      for (let begin = 0; begin < nodes.length; begin += GATHER_ROWS) {
        const some = nodes.subarray(begin, begin + GATHER_ROWS);
        const read = await Promise.all(Array.from(some, (node) => (node === NO_NODE ? undefined : pages.page(pageOf(layout, node)))));
        for (const [i, node] of some.entries()) {
          const at = recordAt(layout, node) + layout.links * 4;
          const page = read[i];
          if (page !== undefined) data.set(page.subarray(at, at + width), (begin + i) * width);
        }
      }
      const hasNulls = nodes.includes(NO_NODE);
      const valid = hasNulls ? Uint8Array.from(nodes, (node) => (node === NO_NODE ? 0 : 1)) : undefined;
      return column(fieldId, dataType, data, undefined, valid);
    });
  }
  /** The vectors in memory. All who ask get the same; it belongs to the segment. */
  restore(): Promise<VectorColumn> {
    this.#restored ??= this.#parts.restore().catch((error: unknown) => {
      this.#restored = undefined;
      throw error;
    });
    return this.#restored;
  }
  async #hold<T>(read: () => Promise<T>): Promise<T> {
    assert(!this.#isReleased, `the disk index of field ${this.fieldId} was released`);
    this.#readers++;
    try {
      return await read();
    } finally {
      this.#readers--;
      this.#giveBack();
    }
  }
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#parts.pages.close();
    this.#giveBack();
  }
  #giveBack(): void {
    if (this.#isReleased && this.#readers === 0) this.#parts.workers.release(this.#parts.index.region);
  }
}
