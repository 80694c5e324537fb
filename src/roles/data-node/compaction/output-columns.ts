// The columns of a new segment, part by part, from those of its sources: the file is written while it is made, so that memory has the columns of
// one file of the sources, and some MiB of what becomes of them. Rows that lie together stay where they are until they are in the file.
import {
  batchBytes,
  batchOf,
  columnFromInt64,
  concatBatches,
  findColumn,
  gatherBatch,
  sliceColumn,
} from '#model/columns/column.js';
import { TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { TimedRows } from './deleted-rows.js';
import { type OutputRows, rowsBySource } from './output-rows.js';

/** Columns of the sources for one file. */
export class OutputColumns {
  readonly #output: OutputRows;
  /** Undefined: the source has no row in the new segment. */
  readonly #sources: readonly (ColumnBatch | undefined)[];

  constructor(output: OutputRows, sources: readonly (ColumnBatch | undefined)[]) {
    this.#output = output;
    this.#sources = sources;
  }

  get rowCount(): number {
    return this.#output.rows.length;
  }

  /** Bytes of a row, on average over all rows of the sources. */
  get rowBytes(): number {
    const rows = this.#sources.reduce((sum, source) => sum + (source?.rowCount ?? 0), 0);
    const bytes = this.#sources.reduce(
      (sum, source) => sum + (source === undefined ? 0 : batchBytes(source)),
      0,
    );
    return bytes / Math.max(1, rows);
  }

  hasNulls(fieldId: bigint): boolean {
    return this.#sources.some((source) => {
      const column = source && findColumn(source, fieldId);
      return column !== undefined && column.valid.length > 0;
    });
  }

  /** Rows [begin, end) of the new segment. */
  rows(begin: number, end: number): ColumnBatch {
    const part: OutputRows = {
      sources: this.#output.sources.subarray(begin, end),
      rows: this.#output.rows.subarray(begin, end),
    };
    const found: ColumnBatch[] = [];
    const inOrder = new Uint32Array(end - begin);
    let isSame = true;
    let next = 0;
    for (const [index, places] of rowsBySource(part, this.#sources.length).entries()) {
      const source = this.#sources[index];
      if (source === undefined || places.length === 0) continue;
      found.push(
        taken(
          source,
          places.map((place) => part.rows[place] as number),
        ),
      );
      for (const place of places) {
        if (place !== next) isSame = false;
        inOrder[place] = next++;
      }
    }
    const together = concatBatches(found);
    return isSame ? together : gatherBatch(together, inOrder);
  }
}

/** A view where the rows lie together. */
function taken(source: ColumnBatch, rows: Uint32Array): ColumnBatch {
  const [first = 0] = rows;
  const isRange = rows.every((row, at) => row === first + at);
  if (!isRange) return gatherBatch(source, rows);
  const end = first + rows.length;
  const columns = source.columns.map((column) => sliceColumn(column, first, end, source.rowCount));
  return batchOf(rows.length, columns);
}

/** Rows of an import count as written at its commit, which from here on is said of each row. */
export function withTimes(batch: ColumnBatch, { times }: TimedRows): ColumnBatch {
  if (findColumn(batch, TIMESTAMP_FIELD) === undefined) return batch;
  const written = columnFromInt64(TIMESTAMP_FIELD, times);
  return batchOf(
    batch.rowCount,
    batch.columns.map((column) => (column.fieldId === TIMESTAMP_FIELD ? written : column)),
  );
}
