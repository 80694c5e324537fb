// Carries out the plan for sparse vectors: the index where there is one, and scans of the rows behind it. Both give exact scores, so their
// hits are merged as they are.
import type { SearchOutput } from '#index/block/search-output.js';
import type { SparseScanInput } from '#index/sparse/sparse-scan.js';
import { isSparseAlgorithm, type SparseSearchInput } from '#index/sparse/sparse-search.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import { mergeHits, type SegmentHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import { settled } from '#segment/fields/settled.js';
import type { SparseVectors } from '#segment/fields/sparse-vectors.js';
import type { SparsePlan } from './segment-plan.js';

export interface SparseSearch {
  readonly workers: Workers;
  readonly vectors: SparseVectors;
  readonly request: SegmentSearch;
  readonly queries: Uint8Array;
  readonly queryCount: number;
  readonly k: number;
  readonly rowCount: number;
  /** Bit set: the row does not count. */
  readonly excluded: Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
}

/** At least so many bytes of rows or of an index are read in a microsecond. */
const BYTES_PER_MICRO = 1000;

export async function runSparse(
  { firstScanned, rowsPerTask }: SparsePlan,
  search: SparseSearch,
): Promise<SegmentHits> {
  const { workers, vectors, request, queries, queryCount, k, rowCount, excluded, signal } = search;
  const { radius, rangeFilter, params = {} } = request;
  const common = {
    queries,
    k,
    ...(excluded && { excluded }),
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  const tasks: (() => Promise<SearchOutput>)[] = [];
  const add = (
    task: string,
    input: SparseScanInput | SparseSearchInput,
    region: SharedRegion,
    bytes: number,
  ): void => {
    const micros = 5 + (bytes * queryCount) / BYTES_PER_MICRO;
    tasks.push(() => workers.run<SearchOutput>(task, input, [region], signal, micros));
  };
  const { index } = vectors;
  if (index !== undefined) {
    const { invertedIndexAlgo: algorithm, dropRatioSearch } = params;
    const more = {
      ...(isSparseAlgorithm(algorithm) && { algorithm }),
      ...(typeof dropRatioSearch === 'number' && { dropRatio: dropRatioSearch }),
    };
    add('sparseSearch', { index: index.placement, ...common, ...more }, index.region, index.bytes);
  }
  for (let rowBegin = firstScanned; rowBegin < rowCount; rowBegin += rowsPerTask) {
    const rowEnd = Math.min(rowCount, rowBegin + rowsPerTask);
    const offset = vectors.offsetOf(rowBegin);
    const bytes = vectors.offsetOf(rowEnd) - offset;
    add('sparseScan', { offset, rowBegin, rowEnd, ...common }, vectors.region, bytes);
  }
  return mergeHits('IP', queryCount, k, await vectors.hold(() => settled(tasks)));
}
