// The rows of one segment in memory, growing or loaded: columns, vectors in shared regions, the key index, and when rows were written and deleted.
// Rows are appended and never move; reads name a timestamp and see what was written and not deleted by then.
import { assert, must } from '#base/assert.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { Timestamp } from '#base/ids.js';
import type { VectorStore } from '#index/flat/vector-store.js';
import {
  batchOf,
  checkBatch,
  column,
  columnFromInt64,
  findColumn,
  gatherColumn,
  int64Values,
  type Key,
  keyAt,
} from '#model/columns/column.js';
import { isDenseVector } from '#model/columns/dense-vector.js';
import { DataType } from '#model/schema/data-type.js';
import { dimOf, fieldById, primaryField, ROW_ID_FIELD, TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import type { SharedRegion } from '#platform/workers.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { ColumnStore, defaultBytes } from '#segment/fields/column-store.js';
import { ExcludedRowsOf } from '#segment/fields/excluded-rows.js';
import type { FileVectors } from '#segment/fields/file-vectors.js';
import { KeyIndex } from '#segment/fields/key-index.js';
import { hasBitAt, RowVersions } from '#segment/fields/row-versions.js';
import type { SegmentHits, SegmentSearch } from '#segment/fields/segment-hits.js';
import { SparseVectors } from '#segment/fields/sparse-vectors.js';
import { VectorColumn } from '#segment/fields/vector-column.js';
import { isLostFile } from '#segment/files/page-cache.js';
import type { SearchHooks } from '#segment/search/search-hooks.js';
import { searchVectors } from '#segment/search/segment-search.js';
import { searchSparseVectors } from '#segment/search/sparse-segment-search.js';
import { selectSmallest, selectSmallestPaced, sortByKey } from './key-order.js';

export interface SegmentOptions {
  readonly id: bigint;
  readonly collectionId: bigint;
  readonly partitionId: bigint;
  readonly schema: CollectionSchema;
  /** Not 0: every row counts as written then (import). */
  readonly commitTimestamp?: Timestamp;
  /** Rows that will come, when known: storage of that size, vectors contiguous. */
  readonly rowsHint?: number;
  /** Fields whose vectors stay in files; batches are taken without them. The segment owns them from then on. */
  readonly disk?: ReadonlyMap<bigint, FileVectors>;
}

interface Promised {
  readonly rows: number;
  /** Of scalar and sparse fields. */
  readonly bytes: ReadonlyMap<bigint, number>;
}

const NOTHING_PROMISED: Promised = { rows: 0, bytes: new Map() };

export class SegmentData {
  readonly id: bigint;
  readonly collectionId: bigint;
  readonly partitionId: bigint;
  readonly #platform: Platform;
  readonly #rowsHint: number;
  #schema: CollectionSchema;
  readonly #columns = new Map<bigint, ColumnStore>();
  readonly #vectors = new Map<bigint, VectorColumn>();
  readonly #sparse = new Map<bigint, SparseVectors>();
  /** A dense field is either here or among `#vectors`. */
  readonly #disk: Map<bigint, FileVectors>;
  /** Files of such indexes that could not be read when they were needed. */
  readonly #lostKeys = new Set<string>();
  readonly #versions: RowVersions;
  /** By vector field, once it was searched. */
  readonly #excluded = new Map<bigint, ExcludedRowsOf>();
  readonly #keyField: FieldSchema;
  readonly #keys: ColumnStore;
  readonly #index: KeyIndex;
  #isReleased = false;
  /** Of batches that memory was taken for and that are not appended yet. */
  #promised: Promised = NOTHING_PROMISED;
  /** Batches that memory was taken for: they fit the schema. Their columns by field. */
  readonly #checked = new Map<ColumnBatch, ReadonlyMap<bigint, Column>>();

  constructor(platform: Platform, options: SegmentOptions) {
    this.#platform = platform;
    this.id = options.id;
    this.collectionId = options.collectionId;
    this.partitionId = options.partitionId;
    this.#rowsHint = options.rowsHint ?? 0;
    this.#schema = options.schema;
    this.#disk = new Map(options.disk);
    this.#keyField = primaryField(options.schema);
    this.#versions = new RowVersions(this.#rowsHint);
    this.#versions.setCommit(options.commitTimestamp ?? 0n);
    this.#columns.set(ROW_ID_FIELD, new ColumnStore(ROW_ID_FIELD, DataType.Int64, 0, this.#rowsHint));
    this.#keys = new ColumnStore(this.#keyField.fieldID, this.#keyField.dataType, 0, this.#rowsHint);
    this.#columns.set(this.#keyField.fieldID, this.#keys);
    this.#index = new KeyIndex(this.#keys, this.#rowsHint);
    try {
      for (const field of options.schema.fields) this.#addField(field);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  get schema(): CollectionSchema {
    return this.#schema;
  }

  get rowCount(): number {
    return this.#versions.rowCount;
  }

  /** Of the oldest row; 0 without rows. */
  get timestampFrom(): Timestamp {
    return this.#versions.from;
  }

  get timestampTo(): Timestamp {
    return this.#versions.to;
  }

  get deletedCount(): number {
    return this.#versions.deletedCount;
  }

  get memoryBytes(): number {
    let bytes = this.#versions.bytes + this.#index.bytes;
    for (const store of this.#columns.values()) bytes += store.bytes;
    for (const vectors of [...this.#vectors.values(), ...this.#sparse.values(), ...this.#disk.values()])
      bytes += vectors.bytes;
    return bytes;
  }

  /** The parts of `memoryBytes`. */
  get memoryParts(): {
    readonly rows: number;
    readonly vectors: number;
    readonly keys: number;
    readonly indexes: number;
  } {
    let rows = this.#versions.bytes;
    let vectors = 0;
    let indexes = 0;
    for (const store of this.#columns.values()) rows += store.bytes;
    for (const one of [...this.#vectors.values(), ...this.#sparse.values()]) {
      vectors += one.bytes - one.indexBytes;
      indexes += one.indexBytes;
    }
    // The codes are what is left of the vectors in memory.
    for (const disk of this.#disk.values()) vectors += disk.bytes;
    return { rows, vectors, keys: this.#index.bytes, indexes };
  }

  /** Gives the memory of indexes back that files can bring again; searches scan meanwhile. */
  dropIndexes(): void {
    for (const vectors of this.#vectors.values()) vectors.attachIndex(undefined);
    for (const sparse of this.#sparse.values()) if (sparse.index !== undefined) sparse.attach(undefined);
  }

  setCommitTimestamp(timestamp: Timestamp): void {
    this.#versions.setCommit(timestamp);
  }

  /** Fields that are new get their default, or null, in the rows that are here. */
  updateSchema(schema: CollectionSchema): void {
    this.#schema = schema;
    for (const field of schema.fields) this.#addField(field);
  }

  #addField(field: FieldSchema): void {
    if (this.hasField(field.fieldID)) return;
    if (isDenseVector(field.dataType)) {
      const vectors = new VectorColumn(
        this.#platform.workers,
        field.fieldID,
        field.dataType,
        dimOf(field),
        this.#rowsHint,
      );
      this.#vectors.set(field.fieldID, vectors);
      vectors.appendNulls(this.rowCount);
    } else if (field.dataType === DataType.SparseFloatVector) {
      const sparse = new SparseVectors(this.#platform.workers, field.fieldID, this.#rowsHint);
      this.#sparse.set(field.fieldID, sparse);
      sparse.appendNulls(this.rowCount);
    } else {
      const store = new ColumnStore(field.fieldID, field.dataType, dimOf(field), this.#rowsHint);
      store.appendSame(defaultBytes(field), this.rowCount);
      this.#columns.set(field.fieldID, store);
    }
  }

  hasField(fieldId: bigint): boolean {
    if (fieldId === TIMESTAMP_FIELD || this.#columns.has(fieldId)) return true;
    return this.#vectors.has(fieldId) || this.#sparse.has(fieldId) || this.#disk.has(fieldId);
  }

  /**
   * Takes memory for a batch that is to be appended, so that the append cannot fail for want of it. Adds up over the batches of a group,
   * until `dropReservations`.
   * @throws data_corrupt when the batch does not fit the schema; memory_limit
   */
  reserve(batch: ColumnBatch): void {
    assert(!this.#isReleased, `segment ${this.id} was released`);
    checkBatch(batch, this.#schema);
    const promised = this.#promised;
    const rows = promised.rows + batch.rowCount;
    const byField = columnsOf(batch);
    const bytesOf = (fieldId: bigint, missing: number): number =>
      (promised.bytes.get(fieldId) ?? 0) + (byField.get(fieldId)?.data.length ?? missing * batch.rowCount);
    const bytes = new Map<bigint, number>();
    for (const vectors of this.#vectors.values()) vectors.reserve(this.rowCount + rows);
    for (const [fieldId, sparse] of this.#sparse) {
      sparse.checkRows(byField.get(fieldId), batch.rowCount);
      const wanted = bytesOf(fieldId, 0);
      bytes.set(fieldId, wanted);
      sparse.reserveBytes(rows, wanted);
    }
    for (const [fieldId, store] of this.#columns) {
      const wanted = bytesOf(fieldId, byField.has(fieldId) ? 0 : this.#missingBytes(fieldId, store));
      bytes.set(fieldId, wanted);
      store.reserve(rows, wanted);
    }
    this.#versions.reserve(rows);
    this.#index.reserve(this.rowCount, rows);
    this.#promised = { rows, bytes };
    this.#checked.set(batch, byField);
  }

  /** Of a value that a batch does not have. */
  #missingBytes(fieldId: bigint, store: ColumnStore): number {
    if (store.width !== undefined) return store.width;
    const field = fieldById(this.#schema, fieldId);
    return (field && defaultBytes(field)?.length) ?? 0;
  }

  /** What was reserved is appended by now, or will not be. */
  dropReservations(): void {
    this.#promised = NOTHING_PROMISED;
    this.#checked.clear();
  }

  /**
   * Appends all rows, or on an error none. @param timestamp of every row; without it the batch's Timestamp column gives each its own.
   * @throws data_corrupt when the batch does not fit the schema; memory_limit
   */
  appendBatch(batch: ColumnBatch, timestamp?: Timestamp): void {
    assert(!this.#isReleased, `segment ${this.id} was released`);
    const reserved = this.#checked.get(batch);
    if (reserved === undefined) checkBatch(batch, this.#schema);
    const rows = batch.rowCount;
    const own = timestamp === undefined ? findColumn(batch, TIMESTAMP_FIELD) : undefined;
    const missing = !findColumn(batch, this.#keyField.fieldID)
      ? this.#keyField.name
      : timestamp === undefined && !own
        ? 'Timestamp'
        : undefined;
    if (missing) {
      throw new ElanusError(
        'data_corrupt',
        `a batch for segment ${this.id} has no column ${missing}, expected one: write the batch again`,
      );
    }
    const first = this.rowCount;
    for (const vectors of this.#vectors.values()) vectors.reserve(first + rows);
    const byField = reserved ?? columnsOf(batch);
    for (const [fieldId, sparse] of this.#sparse) sparse.reserve(byField.get(fieldId), rows);
    for (const all of [this.#vectors, this.#sparse]) {
      for (const [fieldId, vectors] of all) {
        const from = byField.get(fieldId);
        if (from) vectors.append(from, rows);
        else vectors.appendNulls(rows);
      }
    }
    for (const [fieldId, store] of this.#columns) {
      const from = byField.get(fieldId);
      if (from) store.append(from, rows);
      else if (fieldId === ROW_ID_FIELD) store.appendSame(new Uint8Array(8), rows);
      else store.appendSame(defaultBytes(fieldById(this.#schema, fieldId) as FieldSchema), rows);
    }
    this.#versions.append(rows, timestamp ?? int64Values(own as Column));
    for (let row = first; row < first + rows; row++) {
      const older = this.#index.insert(row);
      if (older >= 0) this.#supersede(row, older);
    }
  }

  /** Notes which of the rows of the row's key is not the newest any more; of equal times the later row is. */
  #supersede(row: number, firstOlder: number): void {
    const timestamp = this.timestampOf(row);
    for (let older = firstOlder; older >= 0; older = this.#index.older(older)) {
      if (this.timestampOf(older) > timestamp) this.#versions.supersede(row, this.timestampOf(older));
      else this.#versions.supersede(older, timestamp);
      // In the order of a log, those before it are superseded already.
      if (this.#versions.isSorted) return;
    }
  }

  /** Deletes the rows of that key written before (not at) the timestamp. @returns how many it deleted. */
  applyDelete(key: Key, timestamp: Timestamp): number {
    let deleted = 0;
    for (let row = this.#index.newest(key); row >= 0; row = this.#index.older(row)) {
      const outcome = this.#versions.delete(row, timestamp);
      if (outcome === 'deleted') deleted++;
      // In the order of a log, whatever deleted this row deleted the older ones too; a key written a million times stays cheap.
      if (outcome === 'earlier' && this.#versions.isSorted) break;
    }
    return deleted;
  }

  applyDeletes(keys: Column, timestamp: Timestamp): number {
    let deleted = 0;
    const count = keys.offsets.length > 0 ? keys.offsets.length / 4 - 1 : keys.data.length / 8;
    for (let row = 0; row < count; row++) deleted += this.applyDelete(keyAt(keys, row), timestamp);
    return deleted;
  }

  /** Rows deleted at any time, and when; for writing delta logs and for compaction. */
  deletes(): { rows: Uint32Array; timestamps: BigUint64Array } {
    return this.#versions.deletes();
  }

  /** The visible row of that key: the newest, if the key was inserted twice. */
  find(key: Key, readTs: Timestamp): number | undefined {
    return this.#visibleFrom(this.#index.newest(key), readTs);
  }

  /** As `find`, by the key of that row in a key column of the same type. */
  findKeyOf(keys: Column, row: number, readTs: Timestamp): number | undefined {
    return this.#visibleFrom(this.#index.newestOf(keys, row), readTs);
  }

  #visibleFrom(newest: number, readTs: Timestamp): number | undefined {
    for (let row = newest; row >= 0; row = this.#index.older(row))
      if (this.isVisible(row, readTs)) return row;
    return undefined;
  }

  /** How many rows of that key live, the newest and its older copies. */
  countOf(key: Key, readTs: Timestamp): number {
    let count = 0;
    for (let row = this.#index.newest(key); row >= 0; row = this.#index.older(row))
      if (this.#versions.lives(row, readTs)) count++;
    return count;
  }

  timestampOf(row: number): Timestamp {
    return this.#versions.writtenAt(row);
  }

  keyOf(row: number): Key {
    return keyAt(this.#keys.view(), row);
  }

  /** Lives, and is the newest row of its key in this segment. */
  isVisible(row: number, readTs: Timestamp): boolean {
    return this.#versions.isVisible(row, readTs);
  }

  /** Bit (row & 7) of byte row >> 3 set: not visible. Not to be written to, nor kept across a turn: it may be the live state. */
  liveBitset(readTs: Timestamp): Uint8Array {
    return this.#versions.hiddenBits(readTs);
  }

  /** Rows written and not deleted by then, older rows of a key among them. */
  liveCount(readTs: Timestamp): number {
    return this.#versions.liveCount(readTs);
  }

  visibleRows(readTs: Timestamp): Uint32Array {
    const hidden = this.liveBitset(readTs);
    const rows = new Uint32Array(this.rowCount);
    let count = 0;
    for (let row = 0; row < rows.length; row++) if (!hasBitAt(hidden, row)) rows[count++] = row;
    return rows.slice(0, count);
  }

  /** At most `limit` visible rows with the smallest keys after `afterKey`, in key order; only of `filterRows` when given. */
  smallestKeys(limit: number, readTs: Timestamp, afterKey?: Key, filterRows?: Uint32Array): Uint32Array {
    return selectSmallest(this.#keys, {
      limit,
      hidden: this.liveBitset(readTs),
      afterKey,
      filterRows,
      rowCount: this.rowCount,
    });
  }

  /** As `smallestKeys`, in slices: the same rows, whatever is written or deleted meanwhile. @throws cancelled, deadline_exceeded */
  smallestKeysPaced(limit: number, readTs: Timestamp, pace: Pace): Promise<Uint32Array> {
    const { rowCount } = this;
    const hidden = this.liveBitset(readTs).slice();
    return selectSmallestPaced(
      this.#keys,
      { limit, hidden, afterKey: undefined, filterRows: undefined, rowCount },
      pace,
    );
  }

  /** The rows in the order of their keys. @throws cancelled, deadline_exceeded */
  sortedByKey(rows: Uint32Array, pace: Pace): Promise<Uint32Array> {
    return sortByKey(this.#keys, rows, pace);
  }

  /** A scalar column of all rows, as views. */
  column(fieldId: bigint): Column | undefined {
    if (fieldId === TIMESTAMP_FIELD) return this.#timestampColumn(0, this.rowCount);
    return this.#columns.get(fieldId)?.view();
  }

  vectors(fieldId: bigint): { readonly region: SharedRegion; readonly store: VectorStore } | undefined {
    return this.#vectors.get(fieldId);
  }

  /** Whether some row has no vector in this field. */
  hasNullVectors(fieldId: bigint): boolean {
    return (
      (this.#vectors.get(fieldId) ?? this.#sparse.get(fieldId) ?? this.#disk.get(fieldId))?.nullBits !==
      undefined
    );
  }

  diskVectors(fieldId: bigint): FileVectors | undefined {
    return this.#disk.get(fieldId);
  }

  /** Whether a disk index with this file was given up because it could not be read. */
  hasLost(key: string): boolean {
    return this.#lostKeys.has(key);
  }

  /** From now on the vectors of the field are in that file, or else in memory; what held them before goes when its last read ends. */
  placeVectors(fieldId: bigint, vectors: FileVectors | VectorColumn): void {
    assert(vectors.rowCount === this.rowCount, `${vectors.rowCount} vectors for ${this.rowCount} rows`);
    const held = this.#disk.get(fieldId) ?? this.#vectors.get(fieldId);
    if (held !== vectors) held?.release();
    this.#disk.delete(fieldId);
    this.#vectors.delete(fieldId);
    this.#excluded.delete(fieldId);
    if (vectors instanceof VectorColumn) this.#vectors.set(fieldId, vectors);
    else this.#disk.set(fieldId, vectors);
    if (this.#isReleased) vectors.release();
  }

  denseVectors(fieldId: bigint): VectorColumn | undefined {
    return this.#vectors.get(fieldId);
  }

  sparseVectors(fieldId: bigint): SparseVectors | undefined {
    return this.#sparse.get(fieldId);
  }

  vectorAt(fieldId: bigint, row: number): Float32Array {
    return new Float32Array(this.#vectorsOf(fieldId).store.view(row).buffer as ArrayBuffer);
  }

  /** As `fetch`, and vectors that are in files too. Which values the rows have does not change while it reads. */
  async fetchAll(rows: Uint32Array, fieldIds: readonly bigint[]): Promise<ColumnBatch> {
    const inFiles = fieldIds.filter((fieldId) => this.#disk.has(fieldId));
    const rest = this.fetch(
      rows,
      fieldIds.filter((fieldId) => !inFiles.includes(fieldId)),
    );
    const read = await Promise.all(inFiles.map((fieldId) => this.#gatherFromFile(fieldId, rows)));
    const columns = new Map([...rest.columns, ...read].map((one) => [one.fieldId, one]));
    return batchOf(
      rows.length,
      fieldIds.map((fieldId) => must(columns.get(fieldId), `column ${fieldId}`)),
    );
  }

  async #gatherFromFile(fieldId: bigint, rows: Uint32Array): Promise<Column> {
    const disk = this.#disk.get(fieldId);
    if (disk === undefined) return this.#vectorsOf(fieldId).gather(rows);
    return this.#orRestored(
      disk,
      () => disk.gather(rows),
      () => this.#gatherFromFile(fieldId, rows),
    );
  }

  /** A file that is damaged or gone costs memory, not answers: the vectors come back from the insert log. */
  async #orRestored<T>(disk: FileVectors, read: () => Promise<T>, again: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!isLostFile(error)) throw error;
      const { key, fieldId } = disk;
      this.#platform.logger.warn('disk_index_lost', {
        segmentId: this.id,
        fieldId,
        key,
        reason: messageOf(error),
      });
      this.#lostKeys.add(key);
      const vectors = await disk.restore();
      if (this.#disk.get(fieldId) === disk) this.placeVectors(fieldId, vectors);
      else if (this.#vectors.get(fieldId) !== vectors) vectors.release();
      return again();
    }
  }

  /** Copies of the rows in that order. A field that the segment does not have is null in each. */
  fetch(rows: Uint32Array, fieldIds: readonly bigint[]): ColumnBatch {
    const columns = fieldIds.map((fieldId) => {
      assert(!this.#disk.has(fieldId), `vectors of field ${fieldId} are in a file`);
      const vectors = this.#vectors.get(fieldId) ?? this.#sparse.get(fieldId);
      if (vectors) return vectors.gather(rows);
      if (fieldId === TIMESTAMP_FIELD) {
        return columnFromInt64(
          TIMESTAMP_FIELD,
          BigUint64Array.from(rows, (row) => this.timestampOf(row)),
        );
      }
      const store = this.#columns.get(fieldId);
      if (store) return gatherColumn(store.view(), rows, this.rowCount);
      return column(
        fieldId,
        DataType.None,
        new Uint8Array(0),
        new Uint8Array((rows.length + 1) * 4),
        new Uint8Array(rows.length),
      );
    });
    return batchOf(rows.length, columns);
  }

  #timestampColumn(begin: number, end: number): Column {
    return columnFromInt64(
      TIMESTAMP_FIELD,
      BigUint64Array.from({ length: end - begin }, (_, i) => this.timestampOf(begin + i)),
    );
  }

  /** The best rows visible at `readTs` for each query. @throws invalid_parameter for a field without vectors */
  async search(request: SegmentSearch, signal?: AbortSignal, hooks?: SearchHooks): Promise<SegmentHits> {
    const sparse = this.#sparse.get(request.fieldId);
    const disk = this.#disk.get(request.fieldId);
    const vectors = sparse ?? disk ?? this.#vectorsOf(request.fieldId);
    const excludedOf = this.#excluded.get(request.fieldId) ?? new ExcludedRowsOf(this.#versions, vectors);
    this.#excluded.set(request.fieldId, excludedOf);
    const excluded = excludedOf.at(request.readTs, request);
    // Every sparse search scores exactly.
    if (sparse) {
      const { index } = sparse;
      const form = {
        indexType: index?.placement.indexType ?? '',
        plan: index ? 'lists' : 'scan',
        widthName: '',
        width: 0,
      };
      hooks?.report?.({ ...form, rows: this.rowCount, passing: excluded.passing, computed: 0n, recall: 1 });
    }
    if (sparse)
      return searchSparseVectors(
        this.#platform.workers,
        sparse,
        request,
        excluded.bits,
        this.rowCount,
        signal,
      );
    if (disk) {
      return this.#orRestored(
        disk,
        () => disk.search(request, excluded, signal, hooks),
        () => this.search(request, signal, hooks),
      );
    }
    return searchVectors(
      this.#platform.workers,
      this.#vectorsOf(request.fieldId),
      request,
      excluded,
      this.rowCount,
      signal,
      hooks,
    );
  }

  #vectorsOf(fieldId: bigint): VectorColumn {
    const vectors = this.#vectors.get(fieldId);
    if (vectors) return vectors;
    throw new ElanusError(
      'invalid_parameter',
      `field ${fieldId} has no vectors, expected a vector field: search another field`,
    );
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Gives the vectors' memory back, as soon as running searches end. */
  release(): void {
    this.#isReleased = true;
    for (const vectors of [...this.#vectors.values(), ...this.#sparse.values(), ...this.#disk.values()])
      vectors.release();
  }
}

const columnsOf = ({ columns }: ColumnBatch): ReadonlyMap<bigint, Column> => {
  const byField = new Map<bigint, Column>();
  for (const from of columns) byField.set(from.fieldId, from);
  return byField;
};
