// Carries out the plan for sparse vectors: the index where there is one, and scans of the rows behind it. Both give exact scores, so their
// hits are merged as they are.
import { countingRows } from '#index/block/counting-rows.js';
import type { SearchOutput } from '#index/block/search-output.js';
import { bm25Norm } from '#index/sparse/bm25.js';
import type { SparseScanInput } from '#index/sparse/sparse-scan.js';
import { isSparseAlgorithm, type SparseSearchInput } from '#index/sparse/sparse-search.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { ExcludedRows } from '#segment/fields/excluded-rows.js';
import { mergeHits, type SegmentHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import { settled } from '#segment/fields/settled.js';
import type { SparseVectors } from '#segment/fields/sparse-vectors.js';
import type { SparsePlan, SparseRowsPlan } from './segment-plan.js';

export interface SparseSearch {
  readonly workers: Workers;
  readonly vectors: SparseVectors;
  readonly request: SegmentSearch;
  readonly queries: Uint8Array;
  readonly queryCount: number;
  readonly k: number;
  readonly rowCount: number;
  readonly excluded: ExcludedRows;
  readonly signal: AbortSignal | undefined;
}

/** About so many bytes of rows are looked through in a microsecond, and more of an index. */
const BYTES_PER_MICRO = 1200;

export async function runSparse(
  plan: SparsePlan | SparseRowsPlan,
  search: SparseSearch,
): Promise<SegmentHits> {
  const { vectors, queryCount, k } = search;
  const tasks = plan.kind === 'sparse' ? indexAndScans(plan, search) : scansOfRows(plan.rowsPerTask, search);
  return mergeHits('IP', queryCount, k, await vectors.hold(() => settled(tasks)));
}

type Task = () => Promise<SearchOutput>;

function taskOf(
  { workers, queryCount, signal }: SparseSearch,
  task: string,
  input: SparseScanInput | SparseSearchInput,
  { region, bytes }: { readonly region: SharedRegion; readonly bytes: number },
): Task {
  const micros = 5 + (bytes * queryCount) / BYTES_PER_MICRO;
  return () => workers.run<SearchOutput>(task, input, [region], signal, micros);
}

const commonOf = ({ queries, k, request: { radius, rangeFilter, bm25 } }: SparseSearch) => ({
  queries,
  k,
  ...(radius !== undefined && { radius }),
  ...(rangeFilter !== undefined && { rangeFilter }),
  ...(bm25 && { bm25: bm25Norm(bm25) }),
});

function indexAndScans({ firstScanned, rowsPerTask }: SparsePlan, search: SparseSearch): Task[] {
  const { vectors, request, rowCount, excluded } = search;
  const common = { ...commonOf(search), ...(excluded.bits && { excluded: excluded.bits }) };
  const tasks: Task[] = [];
  const { index } = vectors;
  if (index !== undefined) {
    const { invertedIndexAlgo: algorithm, dropRatioSearch } = request.params ?? {};
    const more = {
      ...(isSparseAlgorithm(algorithm) && { algorithm }),
      ...(typeof dropRatioSearch === 'number' && { dropRatio: dropRatioSearch }),
    };
    tasks.push(taskOf(search, 'sparseSearch', { index: index.placement, ...common, ...more }, index));
  }
  const { region } = vectors;
  for (let rowBegin = firstScanned; rowBegin < rowCount; rowBegin += rowsPerTask) {
    const rowEnd = Math.min(rowCount, rowBegin + rowsPerTask);
    const offset = vectors.offsetOf(rowBegin);
    const bytes = vectors.offsetOf(rowEnd) - offset;
    tasks.push(taskOf(search, 'sparseScan', { offset, rowBegin, rowEnd, ...common }, { region, bytes }));
  }
  return tasks;
}

/** The rows that count, one by one. */
function scansOfRows(rowsPerTask: number, search: SparseSearch): Task[] {
  const { vectors, rowCount, excluded } = search;
  const { region } = vectors;
  const { bits, passing } = excluded;
  const all = excluded.rows ?? (bits ? countingRows(bits, rowCount, passing) : new Uint32Array(0));
  const tasks: Task[] = [];
  for (let begin = 0; begin < all.length; begin += rowsPerTask) {
    const rows = all.slice(begin, begin + rowsPerTask);
    const offsets = new Uint32Array(rows.length);
    let bytes = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      offsets[i] = vectors.offsetOf(row);
      bytes += vectors.offsetOf(row + 1) - (offsets[i] as number);
    }
    const input = {
      ...commonOf(search),
      offset: 0,
      rowBegin: 0,
      rowEnd: rowCount,
      places: { rows, offsets },
    };
    tasks.push(taskOf(search, 'sparseScan', input, { region, bytes }));
  }
  return tasks;
}
