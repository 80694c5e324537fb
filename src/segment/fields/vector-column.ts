// One dense vector field of a segment: its vectors in shared memory, where worker threads scan them in place, and which rows have no
// vector. Few vectors lie in a slab of a region that segments share, and move to a larger one as they grow; many have a region of their
// own, which grows, and never move again. A search takes `region` and `store.place` in one turn, in which it begins to hold them: what it
// took stays as it is until then, wherever rows go meanwhile.

import { assert, must } from '#base/assert.js';
import { alignUp, bytesForBits } from '#base/bytes.js';
import { elementTypeOf } from '#index/block/element-type.js';
import { REGION_BYTES_MAX, WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import { SLAB_BYTES_MAX, type Slab, slabBytes } from '#index/block/region-pool.js';
import { roundUpBlockRows, VectorStore, type VectorStoreOptions } from '#index/flat/vector-store.js';
import { column } from '#model/columns/column.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import { type FieldStore, fieldReleased } from './field-store.js';
import type { GrowingIndex } from './growing-index.js';
import { regionPoolOf } from './region-pools.js';
import { hasBitAt, setBit } from './row-versions.js';
import { ScanBatches } from './scan-batches.js';
import type { SegmentIndex } from './segment-index.js';

/** Untouched pages of a slab take no memory: of each end of what is touched, one may. */
const TOUCHED_BYTES = 8192;
/** Vectors whose norms are one task: a few milliseconds. */
const NORMS_BYTES = 16 << 20;
const pageAlign = (bytes: number): number => Math.min(REGION_BYTES_MAX, alignUp(bytes, WASM_PAGE_BYTES));

interface Place {
  readonly region: SharedRegion;
  readonly store: VectorStore;
  /** Undefined: the region is this column's own. */
  readonly slab: Slab<SharedRegion> | undefined;
}

export class VectorColumn implements FieldStore {
  readonly kind = 'dense';
  /** A row takes as much as its vector, also without one. */
  readonly missingBytes = 0;
  readonly fieldId: bigint;
  readonly dataType: number;
  readonly dim: number;
  /** Searches that read all vectors. */
  readonly scans = new ScanBatches();
  readonly #workers: Workers;
  readonly #options: VectorStoreOptions;
  #place: Place;
  /** What rows have left, or the last place of all, until the searches that may read it end. */
  readonly #retired: Pick<Place, 'region' | 'slab'>[] = [];
  /** Bit set: the row has no vector. */
  #nullBits: Uint8Array | undefined;
  /** Vectors that were read to their place and whose rows have not come yet. */
  #filled = 0;
  /** Norms that are owed are being computed. */
  #settling: Promise<void> | undefined;
  #isPrepared = true;
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
    this.#options = { dim, elementType, inverseNorms: elementType !== 'binary' };
    this.#place = this.#placeFor(Math.max(1, rowsHint), rowsHint > 0);
  }

  get region(): SharedRegion {
    return this.#place.region;
  }

  get store(): VectorStore {
    return this.#place.store;
  }

  /** Room for so many rows: in a slab, or in a region of their own. @param isAll no more will come */
  #placeFor(rows: number, isAll: boolean): Place {
    const options = this.#options;
    const blockRows = roundUpBlockRows(rows);
    const needed = VectorStore.bytesFor(rows, { ...options, blockRows, offset: 0 });
    if (slabBytes(needed) <= SLAB_BYTES_MAX) {
      const slab = regionPoolOf(this.#workers).take(needed);
      const { region, offset, bytes } = slab;
      return {
        region,
        slab,
        store: new VectorStore(region, { ...options, blockRows, offset, end: offset + bytes }),
      };
    }
    const own: VectorStoreOptions = isAll ? { ...options, blockRows } : options;
    const bytes = pageAlign(VectorStore.bytesFor(rows, own));
    const region = this.#workers.allocate(bytes, REGION_BYTES_MAX);
    return { region, slab: undefined, store: new VectorStore(region, own) };
  }

  /** Vectors of a column that fits the schema fit the store. */
  check(): void {}

  /** Vectors in a slab that is too small move. @throws memory_limit, and nothing has changed */
  reserve(rows: number): void {
    const { store, slab } = this.#place;
    const total = store.rowCount + rows;
    if (slab === undefined || total <= store.blocks.rows) {
      store.reserve(total);
      return;
    }
    const next = this.#placeFor(Math.max(total, store.blocks.rows * 2), false);
    next.store.appendAll(store);
    this.#place = next;
    this.#retired.push({ region: slab.region, slab });
    if (this.#searches === 0) this.#giveRetired();
  }

  #giveRetired(): void {
    for (const { region, slab } of this.#retired.splice(0)) {
      if (slab === undefined) this.#workers.release(region);
      else regionPoolOf(this.#workers).give(slab);
    }
  }

  get rowCount(): number {
    return this.store.rowCount;
  }

  get bytes(): number {
    const { store, slab } = this.#place;
    const touched = store.rowCount * (store.vectorBytes + 4) + TOUCHED_BYTES;
    const bytes = store.endOffset - store.offset;
    return (
      (slab === undefined ? bytes : Math.min(bytes, touched)) +
      (this.#nullBits?.length ?? 0) +
      this.indexBytes
    );
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

  dropIndexes(): void {
    this.attachIndex(undefined);
  }

  append(from: Column, rows: number): void {
    if (from.packed) {
      this.#appendPacked(from);
      return;
    }
    this.reserve(rows);
    const first = this.store.append(from.data);
    for (let i = from.valid.indexOf(0); i >= 0; i = from.valid.indexOf(0, i + 1)) this.#setNull(first + i);
  }

  /**
   * Where the vectors of the next rows will lie; whoever fills it from a file says so by `filled`, and the rows then come in batches without
   * this field. Undefined: not all in one piece. @throws memory_limit
   */
  unfilled(rows: number): Uint8Array | undefined {
    assert(this.#filled === 0, `${this.#filled} vectors of field ${this.fieldId} wait for their rows`);
    this.reserve(rows);
    return this.store.unwritten(rows);
  }

  /** What is kept beside vectors [begin, end) of those that are being read, once their bytes are there. */
  prepare(begin: number, end: number): void {
    this.store.prepareUnwritten(begin, end);
  }

  /** @param isPrepared all of them; else their norms are computed when a search needs them */
  filled(rows: number, isPrepared: boolean): void {
    this.#filled = rows;
    this.#isPrepared = isPrepared;
  }

  /** Norms of all rows, which `store.normsOwed` may lack, for a search that needs them. @throws segment_not_found released */
  settleNorms(): Promise<void> {
    // Searches that come meanwhile wait for the same.
    this.#settling ??= this.#computeNorms().finally(() => {
      this.#settling = undefined;
    });
    return this.#settling;
  }

  #computeNorms(): Promise<void> {
    return this.hold(async () => {
      const { region, store } = this;
      const rows = Math.max(1, Math.floor(NORMS_BYTES / store.vectorBytes));
      for (let owed = store.owedNorms(rows); owed !== undefined; owed = store.owedNorms(rows)) {
        await this.#workers.run<number>('owedNorms', owed, [region]);
        store.normsComputed(owed);
      }
    });
  }

  appendMissing(rows: number): void {
    if (this.#filled > 0) {
      assert(rows <= this.#filled, `${rows} rows, expected the ${this.#filled} whose vectors were read`);
      this.store.appendWritten(rows, this.#isPrepared);
      this.#filled -= rows;
      return;
    }
    this.reserve(rows);
    const first = this.store.appendEmpty(rows);
    for (let row = first; row < first + rows; row++) this.#setNull(row);
  }

  /** The data has no bytes of rows that are null. */
  #appendPacked({ data, valid }: Column): void {
    this.reserve(valid.length);
    const first = this.store.appendPresent(data, valid);
    for (let i = valid.indexOf(0); i >= 0; i = valid.indexOf(0, i + 1)) this.#setNull(first + i);
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

  /** Copies of the rows' vectors. @param into memory for them, when it is large enough. @throws segment_not_found released */
  gather(rows: Uint32Array, into?: Uint8Array): Column {
    if (this.#isReleased) throw fieldReleased(this.fieldId);
    const valid = this.#nullBits ? Uint8Array.from(rows, (row) => (this.isNull(row) ? 0 : 1)) : undefined;
    const hasNulls = valid?.includes(0) ?? false;
    return column(
      this.fieldId,
      this.dataType,
      this.store.copyRows(rows, into),
      undefined,
      hasNulls ? valid : undefined,
    );
  }

  /** Keeps the region while a task reads it. @throws segment_not_found released */
  hold<T>(task: () => Promise<T>): Promise<T> {
    if (this.#isReleased) return Promise.reject(fieldReleased(this.fieldId));
    this.#searches++;
    const letGo = (): void => {
      this.#searches--;
      if (this.#searches === 0) this.#giveRetired();
    };
    let running: Promise<T>;
    try {
      running = task();
    } catch (error) {
      letGo();
      return Promise.reject(error);
    }
    return running.then(
      (found) => {
        letGo();
        return found;
      },
      (error: unknown) => {
        letGo();
        throw error;
      },
    );
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#index?.release();
    this.growing?.release();
    this.#retired.push(this.#place);
    if (this.#searches === 0) this.#giveRetired();
  }
}
