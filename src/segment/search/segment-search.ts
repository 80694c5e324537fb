// Exact vector search in one segment: which rows count, the scan on worker threads over ranges of rows, and one best-first list per
// query out of their answers.
import { ElanusError } from '#base/errors.js';
import { countingRows } from '#index/block/counting-rows.js';
import { rowsMicros, scanMicros } from '#index/block/search-cost.js';
import type { FlatIdsInput } from '#index/flat/flat-ids.js';
import { FLAT_K_MAX, type FlatSearchInput, type FlatSearchOutput } from '#index/flat/flat-search.js';
import type { Workers } from '#platform/workers.js';
import type { ExcludedRows } from '#segment/fields/excluded-rows.js';
import type { Scan } from '#segment/fields/scan-batches.js';
import { emptyHits, mergeHits, type SegmentHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import type { SegmentIndex } from '#segment/fields/segment-index.js';
import { settled } from '#segment/fields/settled.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import { scanSignatures } from './minhash-segment-search.js';
import { searchInSlices } from './query-slices.js';
import { type AskedSearch, type RecallChoice, widthNameOf } from './recall-controller.js';
import type { SearchHooks } from './search-hooks.js';
import type { PlanOfSegment } from './search-report.js';

/** Multiply-adds that are worth a task of their own, a few milliseconds. */
const TASK_WORK_MIN = 1 << 23;
/** The most of one task, tens of milliseconds: others that wait for the thread get their turn then. */
const TASK_WORK_MAX = 1 << 27;

/** A shorter scan runs on the calling thread, at once. */
const SHARED_MICROS_MIN = 120;
/** A request of more queries reads the vectors for enough of them. */
const SHARED_QUERIES_MAX = 4;
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Queries of a scan that is cut into many tasks: more compute longer than they read, and each task's hits of all of them are held. */
const SCAN_QUERIES_MAX = 32;
/** Tasks for each thread from which a scan counts as cut into many. */
const TASKS_PER_THREAD_MAX = 16;

/** So few rows that a filter named are scored one by one, index or not: that is exact, and as fast as an index that must look past the others. */
const NAMED_ROWS_MAX = 1000;
/** Where fewer than one row in so many counts, rows are named one by one: they are fetched ahead, and no bits are looked through. */
const SPARSE_SHARE = 32;

export async function searchVectors(
  workers: Workers,
  vectors: VectorColumn,
  request: SegmentSearch,
  { bits: excluded, passing, rows: named }: ExcludedRows,
  rowCount: number,
  signal?: AbortSignal,
  hooks: SearchHooks = {},
): Promise<SegmentHits> {
  const { metric, radius, rangeFilter } = request;
  const { dim } = vectors;
  const { vectorBytes, elementType } = vectors.store;
  const queryCount = request.queries.byteLength / vectorBytes;
  if (!Number.isInteger(queryCount)) {
    throw new ElanusError(
      'vector_dim_mismatch',
      `query vectors have ${request.queries.byteLength} bytes, expected a multiple of ${vectorBytes} (dim ${dim})`,
    );
  }
  if (!(request.k >= 1 && request.k <= FLAT_K_MAX)) {
    throw new ElanusError(
      'invalid_parameter',
      `limit is ${request.k}, expected 1 to ${FLAT_K_MAX}: ask for fewer hits`,
    );
  }
  const k = Math.min(request.k, rowCount);
  if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
  // A view of a larger buffer would take that whole buffer along to the worker. (slice of a Buffer would be a view again.)
  const { buffer, byteOffset, byteLength } = request.queries;
  const queries =
    byteLength === buffer.byteLength
      ? request.queries
      : new Uint8Array(buffer, byteOffset, byteLength).slice();
  const bounds = {
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  const { index } = vectors;
  // An index is over the rows of a sealed segment, all of them.
  if (
    index !== undefined &&
    index.metric === metric &&
    index.rowCount === rowCount &&
    !(named !== undefined && passing <= NAMED_ROWS_MAX)
  ) {
    const { params = {} } = request;
    const asked = { queries, k, params, passing, ...(excluded && { excluded }) };
    const chosen = hooks.choose?.(vectors, index, asked);
    if (chosen?.isExact !== true) {
      const hits = await index.search(
        vectors,
        { ...asked, ...bounds, ...(chosen && { params: chosen.params }) },
        signal,
      );
      hooks.report?.({ ...planOfIndex(index, asked, chosen), computed: BigInt(hits.computed ?? 0) });
      return hits;
    }
  }
  if (metric === 'MHJACCARD')
    return scanSignatures(workers, vectors, { ...request, queries, k }, excluded, rowCount, signal);
  // Together, and in the turn in which they begin to be held: rows that come may move the vectors elsewhere.
  const { region } = vectors;
  const { place } = vectors.store;
  const common = { metric, queries, k, ...place, ...bounds };
  const tasksFor = (rows: number, count = queryCount): number => {
    const work = rows * (elementType === 'binary' ? dim / 32 : dim) * count;
    const useful = Math.min(workers.parallelism, Math.floor(work / TASK_WORK_MIN));
    return Math.max(1, Math.min(Math.max(useful, Math.ceil(work / TASK_WORK_MAX)), Math.ceil(rows / 64)));
  };
  if (queryCount > SCAN_QUERIES_MAX && tasksFor(passing) > workers.parallelism * TASKS_PER_THREAD_MAX) {
    const excludedRows = { bits: excluded, passing, ...(named && { rows: named }) };
    const scanSome = (some: Uint8Array, more: SearchHooks): Promise<SegmentHits> =>
      searchVectors(workers, vectors, { ...request, queries: some }, excludedRows, rowCount, signal, more);
    return searchInSlices(bytesOf(queries), vectorBytes, SCAN_QUERIES_MAX, scanSome, hooks);
  }
  const report = (form: Pick<PlanOfSegment, 'plan'> & Partial<PlanOfSegment>): void =>
    hooks.report?.({ ...scanned, rows: rowCount, passing, computed: BigInt(passing * queryCount), ...form });
  const jobs: (() => Promise<FlatSearchOutput>)[] = [];
  if (
    excluded !== undefined &&
    (passing * SPARSE_SHARE < rowCount || (named !== undefined && passing <= NAMED_ROWS_MAX))
  ) {
    report({ plan: 'rows' });
    const ids = named ?? countingRows(excluded, rowCount, passing);
    const perTask = Math.max(1, Math.ceil(passing / tasksFor(passing)));
    for (let begin = 0; begin < passing; begin += perTask) {
      const input: FlatIdsInput = { ...common, ids: ids.slice(begin, begin + perTask) };
      const micros = rowsMicros(input.ids.length, vectorBytes, queryCount);
      jobs.push(() => workers.run<FlatSearchOutput>('flatIds', input, [region], signal, micros));
    }
  } else {
    // A recall that was asked for is kept by a scan: nothing is measured of a graph that grows.
    const covered =
      hooks.choose === undefined ? vectors.growing?.covered(metric, excluded, rowCount) : undefined;
    const first = covered?.rowCount ?? 0;
    if (covered !== undefined) {
      jobs.push(() =>
        covered.search(
          { queries, k, params: request.params ?? {}, vectors: place, ...bounds },
          region,
          signal,
        ),
      );
    }
    if (covered === undefined) report({ plan: 'scan' });
    else
      report({
        plan: 'walk and scan',
        ...widthOf('HNSW', request.params),
        indexType: 'HNSW',
        computed: 0n,
        recall: 0,
      });
    vectors.growing?.advance();
    const scanJobs = (
      some: Pick<FlatSearchInput, 'queries' | 'k'>,
      count: number,
      stop?: AbortSignal,
    ): (() => Promise<FlatSearchOutput>)[] => {
      const perTask = Math.max(
        64,
        Math.ceil((rowCount - first) / tasksFor(rowCount - first, count) / 64) * 64,
      );
      return Array.from({ length: Math.ceil((rowCount - first) / perTask) }, (_, task) => {
        const rowBegin = first + task * perTask;
        const rowEnd = Math.min(rowCount, rowBegin + perTask);
        const input: FlatSearchInput = {
          ...common,
          ...some,
          rowBegin,
          rowEnd,
          ...(excluded && { excluded }),
        };
        const micros = scanMicros(rowEnd - rowBegin, vectorBytes, count);
        return () => workers.run<FlatSearchOutput>('flatSearch', input, [region], stop, micros);
      });
    };
    const isPlain = covered === undefined && radius === undefined && rangeFilter === undefined;
    if (
      isPlain &&
      queryCount <= SHARED_QUERIES_MAX &&
      scanMicros(rowCount, vectorBytes, queryCount) >= SHARED_MICROS_MIN
    ) {
      const asked = { over: `${metric} ${rowCount}`, excluded, queries: bytesOf(queries), queryCount, k };
      const scan: Scan = async (all, count, most) =>
        mergeHits(
          metric,
          count,
          most,
          await settled(scanJobs({ queries: all, k: most }, count), workers.parallelism),
        );
      const atOnce = Math.max(1, Math.floor(workers.parallelism / tasksFor(rowCount)));
      return vectors.hold(() => vectors.scans.run(asked, scan, atOnce, signal));
    }
    jobs.push(...scanJobs({ queries, k }, queryCount, signal));
  }
  return mergeHits(metric, queryCount, k, await vectors.hold(() => settled(jobs, workers.parallelism)));
}

const scanned: PlanOfSegment = {
  indexType: '',
  plan: 'scan',
  widthName: '',
  width: 0,
  rows: 0,
  passing: 0,
  computed: 0n,
  recall: 1,
};

/** The width that a search in such an index has, under the name that clients know. */
function widthOf(
  indexType: string,
  params: AskedSearch['params'] = {},
): Pick<PlanOfSegment, 'widthName' | 'width'> {
  const name = widthNameOf(indexType);
  return name === undefined
    ? { widthName: '', width: 0 }
    : { widthName: name === 'searchList' ? 'search_list' : name, width: Number(params[name] ?? 0) };
}

function planOfIndex(
  index: SegmentIndex,
  { params, passing }: AskedSearch,
  chosen: RecallChoice | undefined,
): PlanOfSegment {
  const width = widthOf(index.indexType, chosen?.isExact === false ? chosen.params : params);
  const isGraph = width.widthName === 'ef';
  const plan = isGraph ? index.planOf(passing, width.width) : width.widthName === 'nprobe' ? 'probe' : 'walk';
  return {
    ...scanned,
    ...width,
    indexType: index.indexType,
    plan,
    rows: index.rowCount,
    passing,
    recall: chosen?.isExact === false ? chosen.recall : 0,
  };
}
