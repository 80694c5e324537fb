// How a batch of rows comes into one segment: it is checked against the schema, memory is taken for all of it, and only then do its columns
// go to the fields' stores and its keys to the rows by key. So it is appended whole or not at all.
import { ElanusError } from '#base/errors.js';
import type { Timestamp } from '#base/timestamp.js';
import { checkBatch, findColumn, int64Values } from '#model/columns/column.js';
import { primaryField, TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { ColumnsByField, FieldStores } from '#segment/fields/field-stores.js';
import type { KeyedRows } from '#segment/fields/keyed-rows.js';

export interface BatchAppendParts {
  readonly segmentId: bigint;
  readonly fields: FieldStores;
  readonly rows: KeyedRows;
}

export class BatchAppend {
  readonly #parts: BatchAppendParts;
  /** Batches that memory was taken for: they fit the schema. */
  readonly #checked = new Map<ColumnBatch, ColumnsByField>();

  constructor(parts: BatchAppendParts) {
    this.#parts = parts;
  }

  /**
   * Takes memory for a batch that is to be appended, so that the append cannot fail for want of it. Adds up over the batches of a group,
   * until `dropReservations`.
   * @throws data_corrupt when the batch does not fit the schema; memory_limit
   */
  reserve(batch: ColumnBatch, schema: CollectionSchema): void {
    const { fields, rows } = this.#parts;
    checkBatch(batch, schema);
    const columns = columnsOf(batch);
    fields.reserve(columns, batch.rowCount);
    rows.reserve(fields.promisedRows);
    this.#checked.set(batch, columns);
  }

  /** What was reserved is appended by now, or will not be. */
  dropReservations(): void {
    this.#parts.fields.dropReservations();
    this.#checked.clear();
  }

  /**
   * Appends all rows, or on an error none. @param timestamp of every row; without it the batch's Timestamp column gives each its own.
   * @throws data_corrupt when the batch does not fit the schema; memory_limit
   */
  append(batch: ColumnBatch, schema: CollectionSchema, timestamp: Timestamp | undefined): void {
    const { fields, rows } = this.#parts;
    const reserved = this.#checked.get(batch);
    if (reserved === undefined) checkBatch(batch, schema);
    const keyField = primaryField(schema);
    if (findColumn(batch, keyField.fieldID) === undefined) throw this.#lacks(keyField.name);
    const writtenAt = timestamp ?? this.#timesIn(batch);
    fields.append(reserved ?? columnsOf(batch), batch.rowCount);
    rows.append(batch.rowCount, writtenAt);
  }

  #timesIn(batch: ColumnBatch): BigInt64Array {
    const own = findColumn(batch, TIMESTAMP_FIELD);
    if (own === undefined) throw this.#lacks('Timestamp');
    return int64Values(own);
  }

  #lacks(name: string): ElanusError {
    return new ElanusError(
      'data_corrupt',
      `a batch for segment ${this.#parts.segmentId} has no column ${name}, expected one: write the batch again`,
    );
  }
}

const columnsOf = ({ columns }: ColumnBatch): ColumnsByField => {
  const byField = new Map<bigint, Column>();
  for (const from of columns) byField.set(from.fieldId, from);
  return byField;
};
