// What carrying out a plan for dense vectors in memory takes beside the plan and its facts.
import type { Workers } from '#platform/workers.js';
import type { ExcludedRows } from '#segment/fields/excluded-rows.js';
import type { SegmentSearch } from '#segment/fields/segment-hits.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';

export interface DenseSearch {
  readonly workers: Workers;
  readonly vectors: VectorColumn;
  readonly request: SegmentSearch;
  /** Whole queries in a buffer of their own. */
  readonly queries: Float32Array | Uint8Array;
  readonly k: number;
  readonly excluded: ExcludedRows;
  readonly signal: AbortSignal | undefined;
}
