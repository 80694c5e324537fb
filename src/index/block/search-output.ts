// What every search task answers, exact or by an index, and how rows lie in blocks: what the rooms of the index share about rows.

/** Query i's hits are counts[i] entries, after those of the queries before it, best first, equal scores by row. */
export interface SearchOutput {
  readonly counts: Uint32Array;
  readonly rows: Uint32Array;
  readonly scores: Float32Array;
}

/** Rows in blocks: row r is at offset + floor(r / blockRows) * blockBytes + (r % blockRows) * size of one. */
export interface RowBlocks {
  /** A multiple of 64. */
  readonly rows: number;
  readonly bytes: number;
}
