// Copies of chosen rows of one segment as a batch, each field from its store; the timestamps come from when the rows were written.
import { bytesView } from '#base/bytes.js';
import { batchOf, column } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { FieldStores } from '#segment/fields/field-stores.js';
import type { RowVersions } from '#segment/fields/row-versions.js';

export class RowFetch {
  readonly #fields: FieldStores;
  readonly #versions: RowVersions;

  constructor(fields: FieldStores, versions: RowVersions) {
    this.#fields = fields;
    this.#versions = versions;
  }

  /** Copies of the rows in that order. A field that the segment does not have is null in each. */
  fetch(rows: Uint32Array, fieldIds: readonly bigint[]): ColumnBatch {
    return batchOf(
      rows.length,
      fieldIds.map((fieldId) =>
        fieldId === TIMESTAMP_FIELD ? this.#timesOf(rows) : this.#fields.gather(rows, fieldId),
      ),
    );
  }

  /** As `fetch`, and vectors that are in files too. Which values the rows have does not change while it reads. */
  async fetchAll(rows: Uint32Array, fieldIds: readonly bigint[]): Promise<ColumnBatch> {
    // Mostly nothing is in files: then the copies are made in this turn.
    if (fieldIds.every((fieldId) => this.#fields.file(fieldId) === undefined))
      return this.fetch(rows, fieldIds);
    const columns = fieldIds.map((fieldId) =>
      fieldId === TIMESTAMP_FIELD ? this.#timesOf(rows) : this.#fields.gatherAll(rows, fieldId),
    );
    return batchOf(rows.length, await Promise.all(columns));
  }

  /** The time at which each row was written. */
  times(): Column {
    const { rowCount } = this.#versions;
    return this.#timesOf(Uint32Array.from({ length: rowCount }, (_, row) => row));
  }

  #timesOf(rows: Uint32Array): Column {
    return column(TIMESTAMP_FIELD, DataType.Int64, bytesView(this.#versions.writtenTimes(rows)));
  }
}
