// Writes: rows or columns in, keys out. An upsert and a delete made twice do what they do once, so they are made again when their answer
// was lost; an insert is made again only where the server says that it did not begin.
import type { Caller, CallOptions, Repetition } from '#client/caller.js';
import { ClientError } from '#client/errors.js';
import { Filter } from '#client/filters/filter.js';
import type { Where } from '#client/filters/filter-types.js';
import { type BatchRules, batchOfColumns, batchOfRows, type SentBatch } from '#client/rows/batches.js';
import type { ColumnValues } from '#client/rows/columns-in.js';
import { type Keys, keysOf } from '#client/rows/results.js';
import type { AnyDeclaration } from '#client/schema/collection.js';
import { dataTypes } from '#client/schema/field-spec.js';
import type {
  Fields,
  InsertColumns,
  InsertRow,
  Key,
  UpdateRow,
  UpsertColumns,
  UpsertRow,
} from '#client/schema/row-types.js';
import type { MutationResult } from '#proto/milvus/milvus.js';
import { filterText } from './read-options.js';
import { SearchCalls } from './search-calls.js';

export interface WriteOptions extends CallOptions {
  readonly partition?: string | undefined;
}

export interface Written<K> {
  /** Keys of the rows, in their order, those that the server gave among them. */
  readonly ids: Keys<K>;
  readonly count: number;
}

/** Writes rows; `columns` writes a batch by columns, without an object for each row. */
export interface Insert<F extends Fields, Dynamic extends boolean> {
  (rows: readonly InsertRow<F, Dynamic>[], options?: WriteOptions): Promise<Written<Key<F>>>;
  columns(columns: InsertColumns<F>, options?: WriteOptions): Promise<Written<Key<F>>>;
}

/** Writes rows, in place of those that have their keys. */
export interface Upsert<F extends Fields, Dynamic extends boolean> {
  (rows: readonly UpsertRow<F, Dynamic>[], options?: WriteOptions): Promise<Written<Key<F>>>;
  columns(columns: UpsertColumns<F>, options?: WriteOptions): Promise<Written<Key<F>>>;
}

const INSERTED: BatchRules = { withoutAutoKey: true, isPartial: false };
const UPSERTED: BatchRules = { withoutAutoKey: false, isPartial: false };
const UPDATED: BatchRules = { withoutAutoKey: false, isPartial: true };

type AnyRows = readonly Readonly<Record<string, unknown>>[];
type AnyColumns = Readonly<Record<string, ColumnValues | undefined>>;

export class WriteCalls<F extends Fields, Dynamic extends boolean> extends SearchCalls<F, Dynamic> {
  readonly insert: Insert<F, Dynamic>;
  readonly upsert: Upsert<F, Dynamic>;

  constructor(caller: Caller, declaration: AnyDeclaration<F, Dynamic>, namespace?: string) {
    super(caller, declaration, namespace);
    const insertRows = async (rows: AnyRows, options?: WriteOptions) =>
      this.#insert(batchOfRows(declaration, rows, INSERTED), options);
    const insertColumns = async (columns: AnyColumns, options?: WriteOptions) =>
      this.#insert(batchOfColumns(declaration, columns), options);
    this.insert = Object.assign(insertRows, { columns: insertColumns }) as Insert<F, Dynamic>;
    const upsertRows = async (rows: AnyRows, options?: WriteOptions) =>
      this.#upsert(batchOfRows(declaration, rows, UPSERTED), false, options);
    const upsertColumns = async (columns: AnyColumns, options?: WriteOptions) =>
      this.#upsert(batchOfColumns(declaration, columns), false, options);
    this.upsert = Object.assign(upsertRows, { columns: upsertColumns }) as Upsert<F, Dynamic>;
  }

  /** Changes the fields that rows name, and leaves the others as they are. All rows of a call name the same fields. */
  async update(rows: readonly UpdateRow<F, Dynamic>[], options?: WriteOptions): Promise<Written<Key<F>>> {
    return this.#upsert(batchOfRows(this.declaration, rows as AnyRows, UPDATED), true, options);
  }

  /** @param target keys, or which rows. @returns how many keys were deleted, whether they were there or not */
  async delete(target: readonly Key<F>[] | Where<F, Dynamic>, options: WriteOptions = {}): Promise<number> {
    if (Array.isArray(target) && target.length === 0) return 0;
    const request = {
      collectionName: this.declaration.name,
      partitionName: options.partition ?? '',
      namespace: this.rowsOf,
      ...this.#targetText(target),
    };
    if (request.expr === '')
      throw ClientError.ofInput('a delete has no condition; truncate deletes all rows', 'delete');
    return Number((await this.#written('delete', request, options, 'safe')).deleteCnt);
  }

  #targetText(target: readonly Key<F>[] | Where<F, Dynamic>) {
    if (!isKeys<Key<F>>(target)) return filterText(this.declaration, target);
    return new Filter([`${this.declaration.key} in `, ''], [target]).render();
  }

  async #insert(batch: SentBatch, options: WriteOptions = {}): Promise<Written<Key<F>>> {
    return this.#writtenOf(await this.#written('insert', this.#request(batch, options), options, 'unsent'));
  }

  async #upsert(
    batch: SentBatch,
    partialUpdate: boolean,
    options: WriteOptions = {},
  ): Promise<Written<Key<F>>> {
    const isAuto = this.declaration.fields[this.declaration.key]?.spec.isAutoId === true;
    const request = { ...this.#request(batch, options), partialUpdate };
    // A server may give the new row another key, so made twice it would make two.
    return this.#writtenOf(await this.#written('upsert', request, options, isAuto ? 'unsent' : 'safe'));
  }

  #request({ fieldsData, numRows }: SentBatch, { partition = '' }: WriteOptions) {
    const { name } = this.declaration;
    return { collectionName: name, partitionName: partition, namespace: this.rowsOf, fieldsData, numRows };
  }

  async #written<Method extends 'insert' | 'upsert' | 'delete'>(
    method: Method,
    request: Parameters<typeof Caller.prototype.call<Method>>[1],
    options: WriteOptions,
    repetition: Repetition,
  ): Promise<MutationResult> {
    const result = await this.caller.call(method, request, options, repetition);
    if (result.timestamp > this.caller.lastWrite) this.caller.lastWrite = result.timestamp;
    return result;
  }

  #writtenOf({ IDs }: MutationResult): Written<Key<F>> {
    const ids = keysOf(IDs, dataTypes[this.declaration.fields[this.declaration.key]?.spec.type ?? 'Int64']);
    return { ids: ids as Keys<Key<F>>, count: ids.length };
  }
}

const isKeys = <K>(target: unknown): target is readonly K[] & readonly (bigint | string)[] =>
  Array.isArray(target);
