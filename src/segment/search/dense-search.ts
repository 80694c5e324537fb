// Carries out the plans for dense vectors in memory: by their index, row by row, or by scans over ranges of rows on worker threads, which
// searches of the same rows share.

import { assertNever, must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { countingRows } from '#index/block/counting-rows.js';
import { rowsMicros, scanMicros } from '#index/block/search-cost.js';
import type { SearchOutput } from '#index/block/search-output.js';
import type { FlatIdsInput } from '#index/flat/flat-ids.js';
import type { FlatSearchInput } from '#index/flat/flat-search.js';
import type { Scan } from '#segment/fields/scan-batches.js';
import { mergeHits, type SegmentHits } from '#segment/fields/segment-hits.js';
import { settled } from '#segment/fields/settled.js';
import { searchByLevel } from '#segment/recall/far-queries.js';
import type { AskedParams } from './asked-params.js';
import type { DenseSearch } from './dense-input.js';
import { scanSignatures } from './minhash-segment-search.js';
import { searchInSlices } from './query-slices.js';
import { type DenseFacts, type DensePlan, planSegmentSearch, rowsPerScanTask } from './segment-plan.js';

type Task = () => Promise<SearchOutput>;

export function runDense(plan: DensePlan, facts: DenseFacts, search: DenseSearch): Promise<SegmentHits> {
  switch (plan.kind) {
    case 'index':
      return runIndex(plan.params, search);
    case 'signatures':
      return scanSignatures(plan.rowsPerTask, facts, search);
    case 'rows':
      return merged(facts, search, rowTasks(plan.rowsPerTask, facts, search));
    case 'walk and scan':
      return walkAndScan(facts, search);
    case 'scan':
      // What is scanned now, later searches of a growing segment find in its graph.
      search.vectors.growing?.advance();
      return plan.sharedAtOnce === undefined
        ? merged(facts, search, scanTasks(facts, search, 0, asAsked(facts, search)))
        : sharedScan(plan.sharedAtOnce, facts, search);
    case 'slices':
      return searchInSlices(bytesView(search.queries), facts.vectorBytes, plan.queriesPerSlice, (queries) => {
        const slice = {
          ...facts,
          queryCount: queries.length / facts.vectorBytes,
          queryBytes: queries.length,
        };
        return runDense(planSegmentSearch(slice), slice, { ...search, queries });
      });
    default:
      return assertNever(plan);
  }
}

function runIndex(params: AskedParams, search: DenseSearch): Promise<SegmentHits> {
  const { vectors, queries, k, excluded, signal, request } = search;
  const { bits, passing } = excluded;
  const { radius, rangeFilter } = request;
  const index = must(vectors.index, 'the index of the plan');
  const isRange = radius !== undefined || rangeFilter !== undefined;
  const asked =
    bits === undefined && !isRange
      ? { queries, k, params, passing }
      : {
          ...{ queries, k, params, passing, listRows: () => excluded.rows },
          ...(bits && { excluded: bits }),
          ...(excluded.keeper && { keeper: excluded.keeper }),
          ...boundsOf(search),
        };
  return isRange || params.level === undefined
    ? index.search(vectors, asked, signal)
    : searchByLevel(vectors, index, asked, signal);
}

async function merged(
  { metric, queryCount, k }: DenseFacts,
  { vectors, workers }: DenseSearch,
  tasks: readonly Task[],
): Promise<SegmentHits> {
  const [only] = tasks;
  // Most searches are one task: nothing to wait for beside it.
  const parts =
    only !== undefined && tasks.length === 1
      ? [await vectors.hold(only)]
      : await vectors.hold(() => settled(tasks, workers.parallelism));
  return mergeHits(metric, queryCount, k, parts);
}

const boundsOf = ({ request: { radius, rangeFilter } }: DenseSearch) => ({
  ...(radius !== undefined && { radius }),
  ...(rangeFilter !== undefined && { rangeFilter }),
});

function rowTasks(rowsPerTask: number, facts: DenseFacts, search: DenseSearch): Task[] {
  const { metric, rowCount, passing, vectorBytes, queryCount } = facts;
  const { workers, vectors, queries, k, excluded, signal } = search;
  const { region } = vectors;
  const common = { metric, queries, k, ...vectors.store.place, ...boundsOf(search) };
  const ids = excluded.rows ?? countingRows(must(excluded.bits, 'bits'), rowCount, passing);
  const tasks: Task[] = [];
  for (let begin = 0; begin < passing; begin += rowsPerTask) {
    // Ids that are all of their buffer go as they are: a thread would get a copy, the calling one needs none.
    const isWhole = passing <= rowsPerTask && ids.byteLength === ids.buffer.byteLength;
    const input: FlatIdsInput = { ...common, ids: isWhole ? ids : ids.slice(begin, begin + rowsPerTask) };
    const micros = rowsMicros(input.ids.length, vectorBytes, queryCount);
    tasks.push(() => workers.run<SearchOutput>('flatIds', input, [region], signal, micros));
  }
  return tasks;
}

/** Queries of one scan: those of this search, or of several that share it. */
interface Scanned extends Pick<FlatSearchInput, 'queries' | 'k'> {
  readonly queryCount: number;
  readonly signal: AbortSignal | undefined;
}

const asAsked = ({ queryCount }: DenseFacts, { queries, k, signal }: DenseSearch): Scanned => ({
  queries,
  k,
  queryCount,
  signal,
});

/** Region and place are taken together, and in the turn in which they begin to be held: rows that come may move the vectors elsewhere. */
function scanTasks(facts: DenseFacts, search: DenseSearch, first: number, scanned: Scanned): Task[] {
  const { metric, rowCount, vectorBytes } = facts;
  const { workers, vectors, excluded } = search;
  const { queries, k, queryCount, signal } = scanned;
  const { region } = vectors;
  const common = {
    ...vectors.store.place,
    ...boundsOf(search),
    ...(excluded.bits && { excluded: excluded.bits }),
    metric,
    queries,
    k,
  };
  const perTask = rowsPerScanTask(facts, rowCount - first, queryCount);
  const tasks: Task[] = [];
  for (let rowBegin = first; rowBegin < rowCount; rowBegin += perTask) {
    const rowEnd = Math.min(rowCount, rowBegin + perTask);
    const input: FlatSearchInput = { ...common, rowBegin, rowEnd };
    const micros = scanMicros(rowEnd - rowBegin, vectorBytes, queryCount);
    tasks.push(() => workers.run<SearchOutput>('flatSearch', input, [region], signal, micros));
  }
  return tasks;
}

function sharedScan(atOnce: number, facts: DenseFacts, search: DenseSearch): Promise<SegmentHits> {
  const { metric, rowCount, queryCount } = facts;
  const { vectors, queries, k, excluded, signal, workers } = search;
  const asked = {
    over: `${metric} ${rowCount}`,
    excluded: excluded.bits,
    queries: bytesView(queries),
    queryCount,
    k,
  };
  // A scan that others may share is never stopped.
  const scanAll: Scan = async (all, count, most) => {
    const scanned = { queries: all, k: most, queryCount: count, signal: undefined };
    const tasks = scanTasks(facts, search, 0, scanned);
    return mergeHits(metric, count, most, await settled(tasks, workers.parallelism));
  };
  return vectors.hold(() => vectors.scans.run(asked, scanAll, atOnce, signal));
}

/** The graph for the rows that it covers by now, beside a scan of those behind it. */
function walkAndScan(facts: DenseFacts, search: DenseSearch): Promise<SegmentHits> {
  const { metric, rowCount, params } = facts;
  const { vectors, queries, k, excluded, signal } = search;
  const { region } = vectors;
  const covered = vectors.growing?.covered(metric, excluded.bits, rowCount);
  vectors.growing?.advance();
  const tasks = scanTasks(facts, search, covered?.rowCount ?? 0, asAsked(facts, search));
  if (covered !== undefined) {
    const walked = { queries, k, params, vectors: vectors.store.place, ...boundsOf(search) };
    tasks.unshift(() => covered.search(walked, region, signal));
  }
  return merged(facts, search, tasks);
}
