// One sparse float vector field of a segment: rows one after another in shared memory, each as a count of pairs and the pairs, where
// worker threads scan them in place; and, once it is loaded, the inverted index over them. Like dense vectors (vector-column.ts), few lie
// in a slab of a region that segments share and move as they grow; a search takes `region` and offsets in the turn in which it holds them.

import { assert } from '#base/assert.js';
import { bytesForBits } from '#base/bytes.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { REGION_BYTES_MAX, WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import { SLAB_BYTES_MAX, type Slab, slabBytes } from '#index/block/region-pool.js';
import type { LoadedIndex } from '#index/block/vector-index.js';
import { bytesAt, columnFromBytes } from '#model/columns/column.js';
import { SPARSE_PAIR_BYTES } from '#model/columns/sparse-vector.js';
import { DataType } from '#model/schema/data-type.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import { type FieldStore, fieldReleased } from './field-store.js';
import { regionPoolOf } from './region-pools.js';
import { hasBitAt, setBit } from './row-versions.js';

/** Address 0 is left out, so that a wrong one shows. */
const BEGIN = 64;
const COUNT_BYTES = 4;
/** A first guess of a row's size, for a region that rarely has to grow. */
const ROW_BYTES_HINT = 512;

interface Place {
  readonly region: SharedRegion;
  /** Offset of the rows in it. */
  readonly begin: number;
  /** Undefined: the region is this column's own. */
  readonly slab: Slab<SharedRegion> | undefined;
}

export class SparseVectors implements FieldStore {
  readonly kind = 'sparse';
  readonly missingBytes = 0;
  readonly fieldId: bigint;
  readonly #workers: Workers;
  #place: Place;
  /** Byte offset of each row, and of the end, from the beginning of the place. */
  #offsets: Uint32Array;
  #rowCount = 0;
  #nullBits: Uint8Array | undefined;
  #index: LoadedIndex<SharedRegion> | undefined;
  #indexKey = '';
  /** Regions of indexes that were replaced while searches ran. */
  readonly #retired: SharedRegion[] = [];
  /** That rows have left, or the last of all. */
  readonly #retiredPlaces: Place[] = [];
  #searches = 0;
  #isReleased = false;

  constructor(workers: Workers, fieldId: bigint, rowsHint: number) {
    this.fieldId = fieldId;
    this.#workers = workers;
    this.#place = this.#placeFor(Math.max(1, rowsHint * ROW_BYTES_HINT));
    this.#offsets = new Uint32Array(rowsHint + 1);
  }

  get region(): SharedRegion {
    return this.#place.region;
  }

  #placeFor(bytes: number): Place {
    if (slabBytes(bytes) > SLAB_BYTES_MAX) {
      const region = this.#workers.allocate(Math.min(REGION_BYTES_MAX, BEGIN + bytes), REGION_BYTES_MAX);
      return { region, begin: BEGIN, slab: undefined };
    }
    const slab = regionPoolOf(this.#workers).take(bytes);
    return { region: slab.region, begin: slab.offset, slab };
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get bytes(): number {
    return this.#rowBytes + this.#offsets.byteLength + (this.#nullBits?.length ?? 0) + this.indexBytes;
  }

  get indexBytes(): number {
    return this.#index?.bytes ?? 0;
  }

  /** Bit set: the row has no vector. */
  get nullBits(): Uint8Array | undefined {
    return this.#nullBits;
  }

  /** Covers the first rows; those after it are scanned. */
  get index(): LoadedIndex<SharedRegion> | undefined {
    return this.#index;
  }

  offsetOf(row: number): number {
    return this.#place.begin + (this.#offsets[row] as number);
  }

  get #rowBytes(): number {
    return this.#offsets[this.#rowCount] as number;
  }

  /** @throws data_corrupt when a row is no list of pairs */
  check(from: Column | undefined, rows: number): void {
    for (let row = 0; from && row < rows; row++) {
      if (bytesAt(from, row).length % SPARSE_PAIR_BYTES !== 0) {
        throw new ElanusError(
          'data_corrupt',
          `row ${row} of a batch has a sparse vector of a wrong length: write the batch again`,
        );
      }
    }
  }

  reserve(rows: number, bytes: number): void {
    this.#reserveOffsets(rows);
    const wanted = this.#rowBytes + rows * COUNT_BYTES + bytes;
    const { slab } = this.#place;
    if (slab !== undefined && wanted > slab.bytes) this.#move(Math.max(wanted, slab.bytes * 2));
    if (this.#place.slab !== undefined) return;
    const needed = BEGIN + wanted;
    const missing = needed - this.region.memory.buffer.byteLength;
    if (missing <= 0) return;
    const refuse = (why: string, cause?: unknown): ElanusError =>
      new ElanusError(
        'memory_limit',
        `sparse vectors of a segment need ${needed} bytes: ${why}; use smaller segments`,
        { cause },
      );
    if (needed > REGION_BYTES_MAX) throw refuse(`expected at most ${REGION_BYTES_MAX}`);
    try {
      // In large steps: views of the memory are made anew after each.
      const step = Math.max(
        missing,
        Math.min(this.region.memory.buffer.byteLength, 16 << 20, REGION_BYTES_MAX - needed),
      );
      this.region.memory.grow(Math.ceil(step / WASM_PAGE_BYTES));
    } catch (error) {
      throw refuse(messageOf(error), error);
    }
  }

  #move(bytes: number): void {
    const from = this.#place;
    const to = this.#placeFor(bytes);
    const rows = new Uint8Array(from.region.memory.buffer, from.begin, this.#rowBytes);
    new Uint8Array(to.region.memory.buffer, to.begin, rows.length).set(rows);
    this.#place = to;
    this.#retiredPlaces.push(from);
    if (this.#searches === 0) this.#freeRetired();
  }

  append(from: Column, rows: number): void {
    this.check(from, rows);
    this.reserve(rows, from.data.length);
    const memory = new Uint8Array(this.region.memory.buffer);
    const view = new DataView(this.region.memory.buffer);
    for (let row = 0; row < rows; row++) {
      const isNull = from.valid.length > 0 && from.valid[row] === 0;
      const pairs = isNull ? new Uint8Array(0) : bytesAt(from, row);
      const at = this.offsetOf(this.#rowCount);
      view.setUint32(at, pairs.length / SPARSE_PAIR_BYTES, true);
      memory.set(pairs, at + COUNT_BYTES);
      if (isNull) this.#setNull(this.#rowCount);
      this.#offsets[++this.#rowCount] = at - this.#place.begin + COUNT_BYTES + pairs.length;
    }
  }

  appendMissing(rows: number): void {
    this.append(
      columnFromBytes(this.fieldId, DataType.SparseFloatVector, new Array<null>(rows).fill(null)),
      rows,
    );
  }

  #reserveOffsets(rows: number): void {
    const needed = this.#rowCount + rows + 1;
    if (needed <= this.#offsets.length) return;
    const grown = new Uint32Array(Math.max(needed, this.#offsets.length * 2, 64));
    grown.set(this.#offsets);
    this.#offsets = grown;
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

  #isNull(row: number): boolean {
    return this.#nullBits !== undefined && row >> 3 < this.#nullBits.length && hasBitAt(this.#nullBits, row);
  }

  /** Copies of the rows' vectors. */
  gather(rows: Uint32Array): Column {
    const memory = new Uint8Array(this.region.memory.buffer);
    const values = Array.from(rows, (row) =>
      this.#isNull(row) ? null : memory.subarray(this.offsetOf(row) + COUNT_BYTES, this.offsetOf(row + 1)),
    );
    return columnFromBytes(this.fieldId, DataType.SparseFloatVector, values);
  }

  dropIndexes(): void {
    if (this.#index !== undefined) this.attach(undefined);
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** The file the index came from; empty without one. */
  get indexKey(): string {
    return this.#indexKey;
  }

  /** From now on searches of the rows it covers go through it; undefined: through none. */
  attach(index: LoadedIndex<SharedRegion> | undefined, key = ''): void {
    assert(!this.#isReleased, `vectors of field ${this.fieldId} were released`);
    const covered = index?.placement.rowCount ?? 0;
    assert(covered <= this.#rowCount, `an index of ${covered} rows over ${this.#rowCount}`);
    if (this.#index) this.#retired.push(this.#index.region);
    this.#index = index;
    this.#indexKey = index ? key : '';
    if (this.#searches === 0) this.#freeRetired();
  }

  #freeRetired(): void {
    for (const region of this.#retired.splice(0)) this.#workers.release(region);
    for (const { region, slab } of this.#retiredPlaces.splice(0)) {
      if (slab === undefined) this.#workers.release(region);
      else regionPoolOf(this.#workers).give(slab);
    }
  }

  /** Keeps the regions while a task reads them. */
  async hold<T>(task: () => Promise<T>): Promise<T> {
    if (this.#isReleased) throw fieldReleased(this.fieldId);
    this.#searches++;
    try {
      return await task();
    } finally {
      this.#searches--;
      if (this.#searches === 0) this.#freeRetired();
      if (this.#isReleased && this.#searches === 0) this.#free();
    }
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#searches === 0) this.#free();
  }

  #free(): void {
    this.#retiredPlaces.push(this.#place);
    this.#freeRetired();
    if (this.#index) this.#workers.release(this.#index.region);
  }
}
