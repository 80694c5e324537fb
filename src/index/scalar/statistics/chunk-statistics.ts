// What is known of a column in one row group of a file before a row is read.
import type { SplitBlockBloom } from '#base/hashes/split-block-bloom.js';

/** An end of the values: numbers as they are, ints of 64 bits as bigint, texts as UTF-8. A text may be cut: then it is below all of them, or above. */
export type Bound = number | bigint | Uint8Array;

export interface ChunkStatistics {
  /** Rows that are null. */
  readonly nulls: number;
  /** No value is below. Undefined: nobody knows, or there is no value. */
  readonly least: Bound | undefined;
  /** No value is above. */
  readonly most: Bound | undefined;
  /** Which values are certainly not there; primary keys have one. */
  readonly bloom: SplitBlockBloom | undefined;
}

export interface RowGroupStatistics {
  readonly rows: number;
  /** By field id; a field that is not here is not known. */
  readonly columns: ReadonlyMap<bigint, ChunkStatistics>;
}
