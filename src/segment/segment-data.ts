// The rows of one segment in memory, growing or loaded: a store for each field, rows by key, and when rows were written and deleted.
// Rows are appended and never move; reads name a timestamp and see what was written and not deleted by then. Searches are in `search/`.

import { assert, must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { ReadTime } from '#base/read-time.js';
import type { Timestamp } from '#base/timestamp.js';
import type { VectorStore } from '#index/flat/vector-store.js';
import type { Key } from '#model/columns/column.js';
import { primaryField, TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Platform } from '#platform/platform.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { type ExcludedRows, ExcludedRowsOf, type RowFilter } from '#segment/fields/excluded-rows.js';
import { FieldStores, type VectorStoreOfField } from '#segment/fields/field-stores.js';
import type { FileVectors } from '#segment/fields/file-vectors.js';
import { KeyedRows } from '#segment/fields/keyed-rows.js';
import type { ScalarView } from '#segment/fields/scalar-view.js';
import type { SparseVectors } from '#segment/fields/sparse-vectors.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import type { VectorLists } from '#segment/fields/vector-lists.js';
import { JsonPaths } from '#segment/filters/json-paths.js';
import { SealedParts } from '#segment/filters/sealed-parts.js';
import type { SegmentStatistics } from '#segment/filters/segment-statistics.js';
import type { KeptTotal } from '#segment/kept/kept-total.js';
import { SegmentWords } from '#segment/words/segment-words.js';
import { BatchAppend } from './batch-append.js';
import { RowsWithExpiry } from './expiring-rows.js';
import { OrderedRows } from './ordered-rows.js';
import { RowFetch } from './row-fetch.js';

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

/** What a segment takes in memory, in bytes. */
export interface SegmentMemory {
  readonly rows: number;
  readonly vectors: number;
  readonly keys: number;
  readonly indexes: number;
}

export class SegmentData {
  readonly id: bigint;
  readonly collectionId: bigint;
  readonly partitionId: bigint;
  /** The threads that search its vectors. */
  readonly workers: Workers;
  #schema: CollectionSchema;
  readonly #fields: FieldStores;
  readonly #rows: KeyedRows;
  readonly #appends: BatchAppend;
  readonly #copies: RowFetch;
  /** Its rows in the order of their keys. */
  readonly ordered: OrderedRows;
  /** Values at paths of its JSON fields. */
  readonly jsonPaths = new JsonPaths();
  /** Words of its fields. */
  readonly words: SegmentWords;
  /** Excluded rows of each vector field that was searched. */
  readonly #excluded = new Map<bigint, ExcludedRowsOf>();
  /** By field: rows that expire at the times which it says. */
  readonly #expiries = new Map<bigint, RowsWithExpiry>();
  #isReleased = false;
  #sealed: SealedParts | undefined;

  constructor(platform: Platform, options: SegmentOptions) {
    const { id, schema, rowsHint = 0, disk, commitTimestamp = 0n } = options;
    this.id = id;
    this.collectionId = options.collectionId;
    this.partitionId = options.partitionId;
    this.workers = platform.workers;
    this.words = new SegmentWords(platform.workers);
    this.#schema = schema;
    this.#fields = new FieldStores({ platform, segmentId: id, rowsHint, schema, files: disk });
    const keys = must(this.#fields.scalar(primaryField(schema).fieldID), 'key column');
    this.#rows = new KeyedRows(keys, rowsHint);
    this.#rows.versions.setCommit(commitTimestamp);
    this.#appends = new BatchAppend({ segmentId: id, fields: this.#fields, rows: this.#rows });
    this.#copies = new RowFetch(this.#fields, this.#rows.versions);
    this.#rows.versions.setExpiring((fieldId) => this.#expiring(fieldId));
    this.ordered = new OrderedRows(keys, this.#rows.versions);
  }

  #expiring(fieldId: bigint): RowsWithExpiry {
    const known = this.#expiries.get(fieldId);
    if (known !== undefined) return known;
    const made = new RowsWithExpiry(
      (rowCount) => this.scalars(fieldId, 0, rowCount),
      () => this.rowCount,
    );
    this.#expiries.set(fieldId, made);
    return made;
  }

  get schema(): CollectionSchema {
    return this.#schema;
  }

  get rowCount(): number {
    return this.#rows.versions.rowCount;
  }

  /** Timestamp of the oldest row; 0 without rows. */
  get timestampFrom(): Timestamp {
    return this.#rows.versions.from;
  }

  get timestampTo(): Timestamp {
    return this.#rows.versions.to;
  }

  get deletedCount(): number {
    return this.#rows.versions.deletedCount;
  }

  get memoryBytes(): number {
    const { rows, vectors, keys, indexes } = this.memoryParts;
    return rows + vectors + keys + indexes;
  }

  get memoryParts(): SegmentMemory {
    let rows = this.#rows.versions.bytes;
    let vectors = 0;
    let indexes = this.#sealed?.indexBytes ?? 0;
    for (const store of this.#fields.all()) {
      indexes += store.indexBytes;
      if (store.kind === 'scalar') rows += store.bytes;
      else vectors += store.bytes - store.indexBytes;
    }
    for (const excluded of this.#excluded.values()) rows += excluded.bytes;
    for (const expiries of this.#expiries.values()) rows += expiries.bytes;
    const keys = this.#rows.indexBytes + this.ordered.bytes + (this.#sealed?.statistics?.bytes ?? 0);
    return { rows, vectors, keys, indexes };
  }

  /** Gives the memory of indexes back that files can bring again; searches scan meanwhile. */
  dropIndexes(): void {
    this.#sealed?.dropIndexes();
    for (const store of this.#fields.all()) store.dropIndexes();
  }

  /** Says that the rows are complete. What is known beside them is not used any more if rows come all the same. @param statistics of their files */
  seal(statistics?: SegmentStatistics): void {
    this.#sealed ??= new SealedParts(this.rowCount, statistics);
  }

  /** What is known beside the rows once they are complete; undefined while the segment grows. */
  get sealed(): SealedParts | undefined {
    return this.#sealed;
  }

  setCommitTimestamp(timestamp: Timestamp): void {
    this.#rows.versions.setCommit(timestamp);
  }

  /**
   * Fields that are new get their default, or null, in the rows that are here. Those of dropped fields stay until the segment goes: a read
   * that began before may still want them. @throws memory_limit; then some of the new fields may be there, and the schema is the old one
   */
  updateSchema(schema: CollectionSchema): void {
    this.#fields.followSchema(schema, this.rowCount);
    this.#schema = schema;
  }

  hasField(fieldId: bigint): boolean {
    return fieldId === TIMESTAMP_FIELD || this.#fields.get(fieldId) !== undefined;
  }

  /**
   * Takes memory for a batch that is to be appended, so that the append cannot fail for want of it. Adds up over the batches of a group,
   * until `dropReservations`.
   * @throws data_corrupt when the batch does not fit the schema; memory_limit
   */
  reserve(batch: ColumnBatch): void {
    assert(!this.#isReleased, `segment ${this.id} was released`);
    this.#appends.reserve(batch, this.#schema);
  }

  /** What was reserved is appended by now, or will not be. */
  dropReservations(): void {
    this.#appends.dropReservations();
  }

  /**
   * Appends all rows, or on an error none. @param timestamp of every row; without it the batch's Timestamp column gives each its own.
   * @throws data_corrupt when the batch does not fit the schema; memory_limit
   */
  appendBatch(batch: ColumnBatch, timestamp?: Timestamp): void {
    assert(!this.#isReleased, `segment ${this.id} was released`);
    this.#appends.append(batch, this.#schema, timestamp);
  }

  /** Deletes the rows of that key written before (not at) the timestamp. @returns how many it deleted. */
  applyDelete(key: Key, timestamp: Timestamp): number {
    return this.#rows.delete(key, timestamp);
  }

  /** As `applyDelete`, by the key of that row in a key column of the same type. Bounds of the keys here settle most misses. */
  applyDeleteOf(keys: Column, row: number, timestamp: Timestamp): number {
    return this.#rows.deleteKeyOf(keys, row, timestamp);
  }

  /** Rows deleted at any time, and when; for writing delta logs and for compaction. */
  deletes(): { rows: Uint32Array; timestamps: BigUint64Array } {
    return this.#rows.versions.deletes();
  }

  /** The visible row of that key: the newest, if the key was inserted twice. */
  find(key: Key, readTs: ReadTime): number | undefined {
    return this.#rows.find(key, readTs);
  }

  /** As `find`, by the key of that row in a key column of the same type. */
  findKeyOf(keys: Column, row: number, readTs: ReadTime): number | undefined {
    return this.#rows.findKeyOf(keys, row, readTs);
  }

  /** How many rows of that key live, the newest and its older copies. */
  countOf(key: Key, readTs: ReadTime): number {
    return this.#rows.countOf(key, readTs);
  }

  /** All rows of the keys, whatever a read sees of them. */
  rowsOf(keys: Iterable<Key>): Iterable<number> {
    return this.#rows.rowsOf(keys);
  }

  timestampOf(row: number): Timestamp {
    return this.#rows.versions.writtenAt(row);
  }

  timestampsOf(rows: Uint32Array): BigUint64Array {
    return this.#rows.versions.writtenTimes(rows);
  }

  keyOf(row: number): Key {
    return this.#rows.keyOf(row);
  }

  /** Lives, and is the newest row of its key in this segment. */
  isVisible(row: number, readTs: ReadTime): boolean {
    return this.#rows.versions.isVisible(row, readTs);
  }

  /** Bit (row & 7) of byte row >> 3 set: not visible. Not to be written to, nor kept across a turn: it may be the live state. */
  liveBitset(readTs: ReadTime): Uint8Array {
    return this.#rows.versions.hiddenBits(readTs);
  }

  /** As `liveBitset`, but older rows of a key that live are not set. */
  deadBitset(readTs: ReadTime): Uint8Array {
    return this.#rows.versions.deadBits(readTs);
  }

  /** Rows written and not deleted by then, older rows of a key among them. */
  liveCount(readTs: ReadTime): number {
    return this.#rows.versions.liveCount(readTs);
  }

  visibleRows(readTs: ReadTime): Uint32Array {
    return this.#rows.visibleRows(readTs);
  }

  /** A scalar column of all rows, as views. */
  column(fieldId: bigint): Column | undefined {
    if (fieldId === TIMESTAMP_FIELD) return this.#copies.times();
    return this.#fields.scalar(fieldId)?.view();
  }

  /** Rows [begin, end) of a scalar field, typed, for readers that go column by column. Undefined: the segment has no such column. */
  scalars(fieldId: bigint, begin = 0, end = this.rowCount): ScalarView | undefined {
    return this.#fields.scalar(fieldId)?.scalars(begin, end);
  }

  vectors(fieldId: bigint): { readonly region: SharedRegion; readonly store: VectorStore } | undefined {
    return this.#fields.dense(fieldId);
  }

  /** Whether some row has no vector in this field. */
  hasNullVectors(fieldId: bigint): boolean {
    return this.#fields.get(fieldId)?.nullBits !== undefined;
  }

  diskVectors(fieldId: bigint): FileVectors | undefined {
    return this.#fields.file(fieldId);
  }

  /** Whether a disk index with this file was given up because it could not be read. */
  hasLost(key: string): boolean {
    return this.#fields.hasLost(key);
  }

  /** From now on the vectors of the field are in that file, or else in memory; what held them before goes when its last read ends. */
  placeVectors(fieldId: bigint, vectors: FileVectors | VectorColumn): void {
    assert(vectors.rowCount === this.rowCount, `${vectors.rowCount} vectors for ${this.rowCount} rows`);
    this.#fields.place(fieldId, vectors);
  }

  denseVectors(fieldId: bigint): VectorColumn | undefined {
    return this.#fields.dense(fieldId);
  }

  vectorLists(fieldId: bigint): VectorLists | undefined {
    return this.#fields.lists(fieldId);
  }

  sparseVectors(fieldId: bigint): SparseVectors | undefined {
    return this.#fields.sparse(fieldId);
  }

  /** Vectors of the rows; undefined where they are not in memory, one beside the other. @param into memory for them, when it is large enough */
  copyVectors(fieldId: bigint, rows: Uint32Array, into?: Uint8Array): Column | undefined {
    return this.#fields.dense(fieldId)?.gather(rows, into);
  }

  /** @throws invalid_parameter for a field without vectors */
  vectorStore(fieldId: bigint): VectorStoreOfField {
    const store = this.#fields.get(fieldId);
    if (store !== undefined && store.kind !== 'scalar') return store;
    throw new ElanusError(
      'invalid_parameter',
      `field ${fieldId} has no vectors, expected a vector field: search another field`,
    );
  }

  /** Which rows do not count in a search of the field. */
  excludedRows(store: VectorStoreOfField, readTs: ReadTime, filter: RowFilter): ExcludedRows {
    let excluded = this.#excluded.get(store.fieldId);
    if (excluded?.vectors !== store) {
      excluded = new ExcludedRowsOf(this.#rows.versions, store);
      this.#excluded.set(store.fieldId, excluded);
    }
    return excluded.at(readTs, filter);
  }

  vectorAt(fieldId: bigint, row: number): Float32Array {
    const vectors = must(this.#fields.dense(fieldId), `dense vectors of field ${fieldId}`);
    return new Float32Array(vectors.store.view(row).buffer as ArrayBuffer);
  }

  /** Reads vectors in a file; when it is damaged or gone, `again` reads those that came into memory instead. */
  orRestored<T>(file: FileVectors, read: () => Promise<T>, again: () => Promise<T>): Promise<T> {
    return this.#fields.orRestored(file, read, again);
  }

  /** Copies of the rows in that order. A field that the segment does not have is null in each. */
  fetch(rows: Uint32Array, fieldIds: readonly bigint[]): ColumnBatch {
    return this.#copies.fetch(rows, fieldIds);
  }

  /** Copies of the keys of rows, for one call. */
  keysFor(rows: Uint32Array, keyFieldId: bigint): Column {
    return this.#fields.scalar(keyFieldId)?.gatherBriefly(rows) ?? this.#fields.gather(rows, keyFieldId);
  }

  /** As `fetch`, and vectors that are in files too. Which values the rows have does not change while it reads. */
  fetchAll(rows: Uint32Array, fieldIds: readonly bigint[]): Promise<ColumnBatch> {
    return this.#copies.fetchAll(rows, fieldIds);
  }

  /** What filters have kept of its rows. */
  get keptBytes(): number {
    return this.jsonPaths.bytes + this.words.bytes;
  }

  /** Counts what filters keep in that total. Called before the first filter. */
  countKeptIn(total: KeptTotal): void {
    this.jsonPaths.countIn(total);
    this.words.countIn(total);
  }

  dropKept(): void {
    this.jsonPaths.drop();
    this.words.drop();
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Gives the vectors' memory back, as soon as running searches end. */
  release(): void {
    this.#isReleased = true;
    this.jsonPaths.close();
    this.words.close();
    this.#fields.release();
  }
}
