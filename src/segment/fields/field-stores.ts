// The stores of a segment's fields, by field: made from the schema, filled batch by batch, read by rows. A batch is checked and its memory
// taken for all fields before the first of them gets a row, so that it is appended whole or not at all.
import { assert, must } from '#base/assert.js';
import { messageOf } from '#base/errors.js';
import { column } from '#model/columns/column.js';
import { DataType, fixedWidth, isDenseVector } from '#model/schema/data-type.js';
import { dimOf, ROW_ID_FIELD } from '#model/schema/field.js';
import { fieldsLeftOut } from '#model/schema/loaded-fields.js';
import type { Platform } from '#platform/platform.js';
import type { Column } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { ColumnStore, defaultBytes } from './column-store.js';
import { type FileVectors, isLostFile } from './file-vectors.js';
import { SparseVectors } from './sparse-vectors.js';
import { VectorColumn } from './vector-column.js';
import { VectorLists } from './vector-lists.js';

/** Vectors in memory or in a file. How each kind is searched is planned in `search/segment-plan.ts`. */
export type VectorStoreOfField = VectorColumn | VectorLists | SparseVectors | FileVectors;
export type AnyFieldStore = ColumnStore | VectorStoreOfField;

/** A batch's columns by field. */
export type ColumnsByField = ReadonlyMap<bigint, Column>;

/** Rows, and bytes of each field, of batches that memory was taken for and that are not appended yet. */
interface Promised {
  readonly rows: number;
  readonly bytes: ReadonlyMap<bigint, number>;
}

const NOTHING_PROMISED: Promised = { rows: 0, bytes: new Map() };

export interface FieldStoresParts {
  readonly platform: Platform;
  readonly segmentId: bigint;
  /** Rows that will come, when known. */
  readonly rowsHint: number;
  readonly schema: CollectionSchema;
  /** Fields whose vectors stay in files; they belong to the stores from then on. */
  readonly files: ReadonlyMap<bigint, FileVectors> | undefined;
}

export class FieldStores {
  readonly #parts: FieldStoresParts;
  readonly #byField = new Map<bigint, AnyFieldStore>();
  /** Files of vectors that could not be read when they were needed. */
  readonly #lostKeys = new Set<string>();
  /** Fields that the rows are to have, and that they lack. */
  #lacked: ReadonlyMap<bigint, FieldSchema> = new Map();
  #promised: Promised = NOTHING_PROMISED;
  #isReleased = false;

  constructor(parts: FieldStoresParts) {
    this.#parts = parts;
    const rowIds = new ColumnStore(ROW_ID_FIELD, DataType.Int64, 0, parts.rowsHint);
    rowIds.setDefault(new Uint8Array(8));
    this.#byField.set(ROW_ID_FIELD, rowIds);
    for (const [fieldId, file] of parts.files ?? []) this.#byField.set(fieldId, file);
    try {
      this.followSchema(parts.schema, 0);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Fields that are new get their default, or null, in the rows that are here. */
  followSchema(schema: CollectionSchema, rowCount: number): void {
    this.#lacked = new Map(fieldsLeftOut(schema).map((field) => [field.fieldID, field]));
    for (const field of schema.fields) {
      const known = this.#byField.get(field.fieldID);
      const store = known ?? this.#storeFor(field);
      if (store.kind === 'scalar') store.setDefault(defaultBytes(field));
      if (known !== undefined) continue;
      // A store that is seen has all rows: where there is no memory for them the field stays unknown.
      try {
        store.appendMissing(rowCount);
      } catch (error) {
        store.release();
        throw error;
      }
      this.#byField.set(field.fieldID, store);
    }
  }

  #storeFor(field: FieldSchema): AnyFieldStore {
    const { platform, rowsHint } = this.#parts;
    const { fieldID, dataType } = field;
    const dim = dimOf(field);
    if (isDenseVector(dataType)) return new VectorColumn(platform.workers, fieldID, dataType, dim, rowsHint);
    if (dataType === DataType.SparseFloatVector)
      return new SparseVectors(platform.workers, fieldID, rowsHint);
    if (dataType === DataType.ArrayOfVector)
      return new VectorLists(platform.workers, fieldID, field.elementType, dim);
    return new ColumnStore(fieldID, dataType, dim, rowsHint);
  }

  get(fieldId: bigint): AnyFieldStore | undefined {
    return this.#byField.get(fieldId);
  }

  all(): Iterable<AnyFieldStore> {
    return this.#byField.values();
  }

  scalar(fieldId: bigint): ColumnStore | undefined {
    const store = this.#byField.get(fieldId);
    return store?.kind === 'scalar' ? store : undefined;
  }

  dense(fieldId: bigint): VectorColumn | undefined {
    const store = this.#byField.get(fieldId);
    return store?.kind === 'dense' ? store : undefined;
  }

  lists(fieldId: bigint): VectorLists | undefined {
    const store = this.#byField.get(fieldId);
    return store?.kind === 'lists' ? store : undefined;
  }

  sparse(fieldId: bigint): SparseVectors | undefined {
    const store = this.#byField.get(fieldId);
    return store?.kind === 'sparse' ? store : undefined;
  }

  file(fieldId: bigint): FileVectors | undefined {
    const store = this.#byField.get(fieldId);
    return store?.kind === 'file' ? store : undefined;
  }

  /** Takes memory for a batch beside what was promised before. @throws data_corrupt, memory_limit */
  reserve(columns: ColumnsByField, rows: number): void {
    const promised = this.#promised;
    const total = promised.rows + rows;
    const bytes = new Map<bigint, number>();
    for (const [fieldId, store] of this.#byField) {
      const from = columns.get(fieldId);
      store.check(from, rows);
      const wanted = (promised.bytes.get(fieldId) ?? 0) + (from?.data.length ?? store.missingBytes * rows);
      bytes.set(fieldId, wanted);
      store.reserve(total, wanted);
    }
    this.#promised = { rows: total, bytes };
  }

  /** Rows that memory is taken for and that are not appended yet. */
  get promisedRows(): number {
    return this.#promised.rows;
  }

  /** What was reserved is appended by now, or will not be. */
  dropReservations(): void {
    this.#promised = NOTHING_PROMISED;
  }

  /** Appends all rows, or on an error none. @throws data_corrupt, memory_limit */
  append(columns: ColumnsByField, rows: number): void {
    for (const [fieldId, store] of this.#byField) {
      const from = columns.get(fieldId);
      store.check(from, rows);
      store.reserve(rows, from?.data.length ?? store.missingBytes * rows);
    }
    for (const [fieldId, store] of this.#byField) {
      const from = columns.get(fieldId);
      if (from === undefined) store.appendMissing(rows);
      else store.append(from, rows);
    }
  }

  /** Copies of the rows in that order. A field that is not here is null in each; of one whose vectors are in a file it is an error. */
  gather(rows: Uint32Array, fieldId: bigint): Column {
    const store = this.#byField.get(fieldId);
    if (store === undefined) return nullColumn(fieldId, rows.length, this.#lacked.get(fieldId));
    assert(store.kind !== 'file', `vectors of field ${fieldId} are in a file`);
    return store.gather(rows);
  }

  /** As `gather`, of vectors in a file too. Which values the rows have does not change while it reads. */
  async gatherAll(rows: Uint32Array, fieldId: bigint): Promise<Column> {
    const file = this.file(fieldId);
    if (file === undefined) return this.gather(rows, fieldId);
    return this.orRestored(
      file,
      () => file.gather(rows),
      () => this.gatherAll(rows, fieldId),
    );
  }

  /** A file that is damaged or gone costs memory, not answers: the vectors come back from the insert log. */
  async orRestored<T>(file: FileVectors, read: () => Promise<T>, again: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!isLostFile(error)) throw error;
      const { key, fieldId } = file;
      const { platform, segmentId } = this.#parts;
      platform.logger.warn('disk_index_lost', { segmentId, fieldId, key, reason: messageOf(error) });
      this.#lostKeys.add(key);
      const vectors = await file.restore();
      if (this.file(fieldId) === file) this.place(fieldId, vectors);
      else if (this.dense(fieldId) !== vectors) vectors.release();
      return again();
    }
  }

  /** Whether a file of vectors was given up because it could not be read. */
  hasLost(key: string): boolean {
    return this.#lostKeys.has(key);
  }

  /** From now on the vectors of the field are there; what held them before goes when its last read ends. */
  place(fieldId: bigint, vectors: FileVectors | VectorColumn): void {
    const held = must(this.#byField.get(fieldId), `store of field ${fieldId}`);
    if (held !== vectors) held.release();
    this.#byField.set(fieldId, vectors);
    if (this.#isReleased) vectors.release();
  }

  release(): void {
    this.#isReleased = true;
    for (const store of this.#byField.values()) store.release();
  }
}

/** @param field that the rows are to have: the column lies as those of other rows, so that they can be put together */
function nullColumn(fieldId: bigint, rows: number, field: FieldSchema | undefined): Column {
  const dataType = field?.dataType ?? DataType.None;
  const width = field && fixedWidth(dataType, dimOf(field));
  const offsets = new Uint8Array(width === undefined ? (rows + 1) * 4 : 0);
  return column(fieldId, dataType, new Uint8Array(rows * (width ?? 0)), offsets, new Uint8Array(rows));
}
