// Search of sparse vectors in one segment: through its index where it has one, and by scan over the other rows. Both give exact
// scores, so their hits are merged as they are.
import { ElanusError } from '#base/errors.js';
import { FLAT_K_MAX, type FlatSearchOutput } from '#index/flat/flat-search.js';
import { sparseQueryCount } from '#index/sparse/sparse-query.js';
import type { SparseScanInput } from '#index/sparse/sparse-scan.js';
import { isSparseAlgorithm, type SparseSearchInput } from '#index/sparse/sparse-search.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { SegmentHits } from '#segment/fields/segment-hits.js';
import { emptyHits, mergeHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import { settled } from '#segment/fields/settled.js';
import type { SparseVectors } from '#segment/fields/sparse-vectors.js';

/** Bytes of rows that are worth a scan task of their own, a few milliseconds. */
const TASK_BYTES_MIN = 4 << 20;
/** At least so many bytes of rows or of an index are read in a microsecond. */
const BYTES_PER_MICRO = 1000;

export async function searchSparseVectors(
  workers: Workers,
  vectors: SparseVectors,
  request: SegmentSearch,
  excluded: Uint8Array | undefined,
  rowCount: number,
  signal?: AbortSignal,
): Promise<SegmentHits> {
  if (request.metric !== 'IP') {
    throw new ElanusError('invalid_parameter', `metric ${request.metric} on sparse vectors, expected IP`);
  }
  if (!(request.k >= 1 && request.k <= FLAT_K_MAX)) {
    throw new ElanusError(
      'invalid_parameter',
      `limit is ${request.k}, expected 1 to ${FLAT_K_MAX}: ask for fewer hits`,
    );
  }
  // A view of a larger buffer would take that whole buffer along to the worker.
  const queries = Uint8Array.from(request.sparseQueries ?? []);
  const queryCount = sparseQueryCount(queries);
  const k = Math.min(request.k, rowCount);
  if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
  const { radius, rangeFilter, params = {} } = request;
  const common = {
    queries,
    k,
    ...(excluded && { excluded }),
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  const tasks: (() => Promise<FlatSearchOutput>)[] = [];
  const run = (
    task: string,
    input: SparseScanInput | SparseSearchInput,
    region: SharedRegion,
    bytes: number,
  ): void => {
    const micros = 5 + (bytes * queryCount) / BYTES_PER_MICRO;
    tasks.push(() => workers.run<FlatSearchOutput>(task, input, [region], signal, micros));
  };
  const { index } = vectors;
  const indexed = index?.placement.rowCount ?? 0;
  if (index) {
    const { invertedIndexAlgo: algorithm, dropRatioSearch } = params;
    const more = {
      ...(isSparseAlgorithm(algorithm) && { algorithm }),
      ...(typeof dropRatioSearch === 'number' && { dropRatio: dropRatioSearch }),
    };
    run('sparseSearch', { index: index.placement, ...common, ...more }, index.region, index.bytes);
  }
  const bytes = vectors.offsetOf(rowCount) - vectors.offsetOf(indexed);
  const parts = Math.max(1, Math.min(workers.parallelism, Math.floor((bytes * queryCount) / TASK_BYTES_MIN)));
  const rowsPerTask = Math.ceil((rowCount - indexed) / parts);
  for (let begin = indexed; begin < rowCount; begin += rowsPerTask) {
    const range = {
      offset: vectors.offsetOf(begin),
      rowBegin: begin,
      rowEnd: Math.min(rowCount, begin + rowsPerTask),
    };
    run('sparseScan', { ...range, ...common }, vectors.region, vectors.offsetOf(range.rowEnd) - range.offset);
  }
  return mergeHits('IP', queryCount, k, await vectors.hold(() => settled(tasks)));
}
