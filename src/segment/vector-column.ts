// One dense vector field of a segment: its vectors in a shared region of their own, where worker threads scan them in place, and which
// rows have no vector. A sealed segment says its row count first and gets a region of that size; a growing one's region grows.
import { assert, must } from '#base/assert.js';
import { elementTypeOf } from '#index/element-type.js';
import { REGION_BYTES_MAX, WASM_PAGE_BYTES } from '#index/region-layout.js';
import { roundUpBlockRows, VectorStore } from '#index/vector-store.js';
import { column } from '#model/column.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import type { GrowingIndex } from './growing-index.js';
import { bytesForBits, hasBitAt, setBit } from './row-versions.js';
import { ScanBatches } from './scan-batches.js';
import type { SegmentIndex } from './segment-index.js';

/** Room that an index built over the vectors may take in the same region. */
const INDEX_BYTES_PER_ROW = 1024;
const pageAlign = (bytes: number): number => Math.min(REGION_BYTES_MAX, Math.ceil(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES);

export class VectorColumn {
  readonly fieldId: bigint;
  readonly dataType: number;
  readonly dim: number;
  readonly region: SharedRegion;
  readonly store: VectorStore;
  /** Searches that read all vectors. */
  readonly scans = new ScanBatches();
  readonly #workers: Workers;
  /** Bit set: the row has no vector. */
  #nullBits: Uint8Array | undefined;
  #index: SegmentIndex | undefined;
  /** While the segment grows; see `GrowingIndex`. */
  growing: GrowingIndex | undefined;
  #searches = 0;
  #isReleased = false;

  /** @param dataType of a dense vector */
  constructor(workers: Workers, fieldId: bigint, dataType: number, dim: number, rowsHint: number) {
    const elementType = must(elementTypeOf(dataType), `element type of field ${fieldId}`);
    this.fieldId = fieldId;
    this.dataType = dataType;
    this.dim = dim;
    this.#workers = workers;
    const options = {
      dim,
      elementType,
      inverseNorms: elementType !== 'binary',
      ...(rowsHint > 0 && { blockRows: roundUpBlockRows(rowsHint) }),
    };
    const bytes = pageAlign(VectorStore.bytesFor(Math.max(1, rowsHint), options));
    const bytesMax = rowsHint > 0 ? pageAlign(bytes * 2 + rowsHint * INDEX_BYTES_PER_ROW) : REGION_BYTES_MAX;
    this.region = workers.allocate(bytes, bytesMax);
    this.store = new VectorStore(this.region, options);
  }
  get rowCount(): number {
    return this.store.rowCount;
  }
  get bytes(): number {
    return this.store.endOffset - this.store.offset + (this.#nullBits?.length ?? 0) + this.indexBytes;
  }
  get indexBytes(): number {
    return (this.#index?.bytes ?? 0) + (this.growing?.bytes ?? 0);
  }
  get nullBits(): Uint8Array | undefined {
    return this.#nullBits;
  }
  /** Over all rows, when there is one; it is released with the vectors. */
  get index(): SegmentIndex | undefined {
    return this.#index;
  }
  attachIndex(index: SegmentIndex | undefined): void {
    this.#index?.release();
    this.#index = index;
    if (this.#isReleased) index?.release();
  }
  append(from: Column, rows: number): void {
    if (from.packed) {
      this.#appendPacked(from, rows);
      return;
    }
    const first = this.store.append(from.data);
    if (from.valid.length > 0) for (let i = 0; i < rows; i++) if (from.valid[i] === 0) this.#setNull(first + i);
  }
  appendNulls(rows: number): void {
    const first = this.store.appendEmpty(rows);
    for (let row = first; row < first + rows; row++) this.#setNull(row);
  }
  /** The data has no bytes of rows that are null: run after run of vectors and of nulls. */
  #appendPacked({ data, valid }: Column, rows: number): void {
    const width = this.store.vectorBytes;
    // All at once, so that it fails before the first row or not at all.
    this.store.reserve(this.rowCount + rows);
    let at = 0;
    for (let row = 0; row < rows; ) {
      const isNull = valid[row] === 0;
      let end = row + 1;
      while (end < rows && (valid[end] === 0) === isNull) end++;
      const bytes = isNull ? 0 : (end - row) * width;
      if (isNull) this.appendNulls(end - row);
      else this.store.append(data.subarray(at, at + bytes));
      at += bytes;
      row = end;
    }
  }
  #setNull(row: number): void {
    const bytes = bytesForBits(row + 1);
    if (!this.#nullBits || this.#nullBits.length < bytes) {
      const grown = new Uint8Array(Math.max(bytes, (this.#nullBits?.length ?? 0) * 2));
      if (this.#nullBits) grown.set(this.#nullBits);
      this.#nullBits = grown;
    }
    setBit(this.#nullBits, row);
  }
  isNull(row: number): boolean {
    return this.#nullBits !== undefined && row >> 3 < this.#nullBits.length && hasBitAt(this.#nullBits, row);
  }
  /** Copies of the rows' vectors. */
  gather(rows: Uint32Array): Column {
    const valid = this.#nullBits ? Uint8Array.from(rows, (row) => (this.isNull(row) ? 0 : 1)) : undefined;
    const hasNulls = valid?.includes(0) ?? false;
    return column(this.fieldId, this.dataType, this.store.copyRows(rows), undefined, hasNulls ? valid : undefined);
  }
  /** Keeps the region while a task reads it. */
  async hold<T>(task: () => Promise<T>): Promise<T> {
    assert(!this.#isReleased, `vectors of field ${this.fieldId} were released`);
    this.#searches++;
    try {
      return await task();
    } finally {
      this.#searches--;
      if (this.#isReleased && this.#searches === 0) this.#workers.release(this.region);
    }
  }
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#index?.release();
    this.growing?.release();
    if (this.#searches === 0) this.#workers.release(this.region);
  }
}
