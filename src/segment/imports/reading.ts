// What every reader of an import is given, and what it gives: columns of rows in batches of bounded size. One reader a format; whoever calls
// it does not know which.
import type { ImportFormat } from '#model/imports/import-format.js';
import type { Platform } from '#platform/platform.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';

export interface ImportLimits {
  readonly sliceBytes: number;
  /** A batch is handed over when it has as many rows, or as many bytes. */
  readonly batchRows: number;
  readonly batchBytes: number;
  /** Memory of all segments being filled. */
  readonly segmentBytes: number;
  /** The largest file, and the most that a packed one becomes. */
  readonly fileBytesMax: number;
}

export const importLimits: ImportLimits = {
  sliceBytes: 4 << 20,
  batchRows: 4096,
  batchBytes: 4 << 20,
  segmentBytes: 512 << 20,
  fileBytesMax: 16 * 1024 ** 3,
};

/** How far a job is, as it is read. */
export interface ImportCount {
  bytes: number;
  rows: number;
}

export interface Reading {
  readonly platform: Platform;
  readonly schema: CollectionSchema;
  /** The zone of times that are written without an offset. */
  readonly zone: string | undefined;
  readonly csv: CsvOptions;
  readonly limits: ImportLimits;
  readonly signal: AbortSignal;
  readonly count: ImportCount;
}

export interface CsvOptions {
  readonly separator: string;
  /** The text of a cell that stands for no value. */
  readonly nullKey: string;
}

/** Files that hold one set of rows, and their format. */
export interface FileGroup {
  readonly keys: readonly string[];
  readonly format: ImportFormat;
}

/** Batches are views of the reader's memory until the next one is asked for. @throws import_failed naming file, row and field */
export type FileReader = (group: FileGroup, reading: Reading) => AsyncGenerator<ColumnBatch, void, undefined>;
