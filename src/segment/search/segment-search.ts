// A search in one segment: the facts about the field's store and the rows that count, the plan made of them, and the plan carried out.
// Answers of tasks over ranges of rows become one best-first list for each query.
import { assertNever } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { FLAT_K_MAX } from '#index/flat/flat-search.js';
import { sparseQueryCount } from '#index/sparse/sparse-query.js';
import { sparsePostings } from '#index/sparse/sparse-search.js';
import type { ExcludedRows } from '#segment/fields/excluded-rows.js';
import type { FileVectors } from '#segment/fields/file-vectors.js';
import { emptyHits, type SegmentHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import type { SegmentIndex } from '#segment/fields/segment-index.js';
import type { SparseVectors } from '#segment/fields/sparse-vectors.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import type { VectorLists } from '#segment/fields/vector-lists.js';
import type { SegmentData } from '#segment/segment-data.js';
import type { DenseSearch } from './dense-input.js';
import { runDense } from './dense-search.js';
import { describePlan } from './describe-plan.js';
import {
  countedRows,
  excludedElements,
  INDEXED_VECTORS_MIN,
  inRows,
  scanLists,
  searchListsByIndex,
} from './list-search.js';
import { ownBytes } from './query-slices.js';
import type { SearchHooks } from './search-hooks.js';
import {
  type CommonFacts,
  type DenseFacts,
  isIndexUsable,
  planSegmentSearch,
  type SegmentPlan,
} from './segment-plan.js';
import { runSparse } from './sparse-segment-search.js';

const NO_HOOKS: SearchHooks = {};
const NO_PARAMS = {};
/** So many bytes of sparse rows are looked through faster than the lists of a query are measured. */
const FEW_SPARSE_BYTES = 32 << 10;

/** What one search of one segment is made of. */
interface Asked {
  readonly data: SegmentData;
  readonly request: SegmentSearch;
  readonly excluded: ExcludedRows;
  /** How many are searched: rows, or vectors of rows. */
  readonly rowCount: number;
  readonly signal: AbortSignal | undefined;
  readonly hooks: SearchHooks;
}

/**
 * The best rows visible at `readTs` for each query.
 * @throws invalid_parameter for a field without vectors, vector_dim_mismatch
 */
export async function searchSegment(
  data: SegmentData,
  request: SegmentSearch,
  signal?: AbortSignal,
  hooks: SearchHooks = NO_HOOKS,
): Promise<SegmentHits> {
  const store = data.vectorStore(request.fieldId);
  const excluded = data.excludedRows(store, request.readTs, request);
  const asked: Asked = { data, request, excluded, rowCount: data.rowCount, signal, hooks };
  switch (store.kind) {
    case 'dense':
      return await searchDense(asked, store);
    case 'lists':
      return request.lists === undefined
        ? searchElements(asked, store)
        : searchLists(asked, store, request.lists);
    case 'sparse':
      return searchSparse(asked, store);
    case 'file':
      return data.orRestored(
        store,
        () => searchFile(asked, store),
        () => searchSegment(data, request, signal, hooks),
      );
    default:
      return assertNever(store);
  }
}

/** Reports the plan, if a report is wanted, when the search is done: some searches count what they compute. */
function reportedWhenDone(
  { hooks: { report } }: Asked,
  plan: SegmentPlan,
  facts: CommonFacts,
  running: Promise<SegmentHits>,
): Promise<SegmentHits> {
  if (report === undefined) return running;
  return running.then((hits) => {
    report(describePlan(plan, facts, hits));
    return hits;
  });
}

function commonFacts({ data, request, excluded, rowCount }: Asked, queryCount: number): CommonFacts {
  const { workers } = data;
  return {
    metric: request.metric,
    queryCount,
    kAsked: request.k,
    k: Math.min(request.k, rowCount),
    params: request.params ?? NO_PARAMS,
    rowCount,
    passing: excluded.passing,
    parallelism: workers.parallelism,
  };
}

function searchDense(asked: Asked, vectors: VectorColumn): Promise<SegmentHits> {
  const { request, excluded, hooks, signal, data } = asked;
  const { vectorBytes, elementType, normsOwed } = vectors.store;
  if (normsOwed > 0 && request.metric === 'COSINE')
    return vectors.settleNorms().then(() => searchDense(asked, vectors));
  const queryCount = checkedQueryCount(request, vectorBytes, vectors.dim);
  const common = commonFacts(asked, queryCount);
  const { k, rowCount } = common;
  if (k === 0 || queryCount === 0) return Promise.resolve(emptyHits(queryCount, k));
  const { queries } = request;
  const { bits } = excluded;
  const known: DenseFacts = {
    ...common,
    store: 'dense',
    dim: vectors.dim,
    elementType,
    vectorBytes,
    queryBytes: queries.byteLength,
    isAlone: request.radius !== undefined || request.rangeFilter !== undefined || request.exact === true,
    isNarrowed: bits !== undefined,
    index: request.exact ? undefined : vectors.index,
    keepsRecall: hooks.choose !== undefined,
    grownRows: request.exact ? 0 : (vectors.growing?.coveredRows(request.metric, rowCount) ?? 0),
  };
  const search: DenseSearch = { workers: data.workers, vectors, request, queries, k, excluded, signal };
  const facts = withChoice(known, search, hooks);
  const plan = planSegmentSearch(facts);
  return reportedWhenDone(asked, plan, facts, runDense(plan, facts, search));
}

/** With a recall that was asked for, how the index has to be searched for it. */
function withChoice(facts: DenseFacts, search: DenseSearch, hooks: SearchHooks): DenseFacts {
  const { index } = search.vectors;
  if (hooks.choose === undefined || index === undefined || !isIndexUsable(facts)) return facts;
  const { queries, k, excluded } = search;
  const { params, passing } = facts;
  const choice = hooks.choose(search.vectors, index, {
    queries,
    k,
    params,
    passing,
    ...(excluded.bits && { excluded: excluded.bits }),
  });
  return { ...facts, choice };
}

/** Vectors one by one, whatever rows they are in. */
async function searchElements(asked: Asked, vectors: VectorLists): Promise<SegmentHits> {
  const { excluded, request, rowCount } = asked;
  const found = await searchDense(
    {
      ...asked,
      excluded: excludedElements(vectors, excluded, rowCount, request.passingElements),
      rowCount: vectors.elements.rowCount,
    },
    vectors.elements,
  );
  return inRows(vectors, found);
}

async function searchLists(asked: Asked, vectors: VectorLists, lists: Uint32Array): Promise<SegmentHits> {
  const { request, excluded, signal, data } = asked;
  const { vectorBytes } = vectors.elements.store;
  const vectorCount = checkedQueryCount(request, vectorBytes, vectors.elements.dim);
  if (lists.reduce((sum, count) => sum + count, 0) !== vectorCount)
    throw new ElanusError('internal', `${vectorCount} query vectors, but the lists have another number`);
  const common = commonFacts(asked, lists.length);
  const { k, rowCount } = common;
  if (k === 0 || lists.length === 0) return emptyHits(lists.length, k);
  const rows = countedRows(excluded, rowCount);
  const search = { workers: data.workers, vectors, request, lists, k, rows, signal };
  const index = indexForLists(asked, vectors, rows.length);
  const byIndex =
    index &&
    (await searchListsByIndex(search, index, excludedElements(vectors, excluded, rowCount, undefined)));
  const running = byIndex === undefined ? scanLists(search) : Promise.resolve(byIndex);
  const indexType = byIndex === undefined ? undefined : index?.indexType;
  return reportedWhenDone(asked, { kind: 'max-sim', indexType }, common, running);
}

/** The index that names rows to be scored; undefined: all are scored, because that is exact or as fast. */
function indexForLists(
  { request: { metric, radius, rangeFilter, exact }, hooks, rowCount }: Asked,
  { elements }: VectorLists,
  passing: number,
): SegmentIndex | undefined {
  const { index } = elements;
  if (index === undefined || index.metric !== metric || index.rowCount !== elements.rowCount)
    return undefined;
  // What a target recall asks for is known of searches for vectors only.
  if (radius !== undefined || rangeFilter !== undefined || hooks.choose !== undefined || exact)
    return undefined;
  return (elements.rowCount * passing) / rowCount < INDEXED_VECTORS_MIN ? undefined : index;
}

async function searchSparse(asked: Asked, vectors: SparseVectors): Promise<SegmentHits> {
  const { request, excluded, signal, data } = asked;
  if (request.metric !== (request.bm25 === undefined ? 'IP' : 'BM25')) {
    throw new ElanusError('invalid_parameter', `metric ${request.metric} on sparse vectors, expected IP`);
  }
  checkLimit(request);
  // A view of a larger buffer would take that whole buffer along to the worker.
  const queries = Uint8Array.from(request.sparseQueries ?? []);
  const queryCount = sparseQueryCount(queries);
  const common = commonFacts(asked, queryCount);
  const { k, rowCount } = common;
  if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
  const { index } = vectors;
  const indexedRows = index?.placement.rowCount ?? 0;
  const rowBytes = (vectors.offsetOf(rowCount) - vectors.offsetOf(0)) / rowCount;
  const plan = planSegmentSearch({
    ...common,
    store: 'sparse',
    indexType: index?.placement.indexType,
    indexedRows,
    scannedBytes: vectors.offsetOf(rowCount) - vectors.offsetOf(indexedRows),
    rowBytes,
    postings:
      index && excluded.bits && excluded.passing * rowBytes > FEW_SPARSE_BYTES
        ? sparsePostings(index.region.memory, index.placement, queries)
        : undefined,
  });
  const running = runSparse(plan, {
    workers: data.workers,
    vectors,
    request,
    queries,
    queryCount,
    k,
    rowCount,
    excluded,
    signal,
  });
  return reportedWhenDone(asked, plan, common, running);
}

async function searchFile(asked: Asked, vectors: FileVectors): Promise<SegmentHits> {
  const { request, excluded, signal } = asked;
  const { metric, radius, rangeFilter } = request;
  const queryCount = checkedQueryCount(request, vectors.vectorBytes, vectors.dim);
  if (metric !== vectors.metric) {
    const remedy = 'search with the metric of the index';
    throw new ElanusError(
      'invalid_parameter',
      `metric ${metric}, the index was built for ${vectors.metric}; ${remedy}`,
    );
  }
  const common = commonFacts(asked, queryCount);
  const { k } = common;
  if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
  const plan = planSegmentSearch({ ...common, store: vectors.form, index: vectors });
  const search = {
    metric,
    queries: ownBytes(request.queries),
    queryCount,
    k,
    params: plan.params,
    passing: excluded.passing,
    ...(excluded.bits && { excluded: excluded.bits }),
    ...(excluded.rows && { rows: excluded.rows }),
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  return reportedWhenDone(asked, plan, common, vectors.search(search, signal));
}

/** @throws vector_dim_mismatch, invalid_parameter */
function checkedQueryCount(request: SegmentSearch, vectorBytes: number, dim: number): number {
  const { byteLength } = request.queries;
  const queryCount = byteLength / vectorBytes;
  if (!Number.isInteger(queryCount)) {
    throw new ElanusError(
      'vector_dim_mismatch',
      `query vectors have ${byteLength} bytes, expected a multiple of ${vectorBytes} (dim ${dim})`,
    );
  }
  checkLimit(request);
  return queryCount;
}

function checkLimit({ k }: SegmentSearch): void {
  if (k >= 1 && k <= FLAT_K_MAX) return;
  throw new ElanusError(
    'invalid_parameter',
    `limit is ${k}, expected 1 to ${FLAT_K_MAX}: ask for fewer hits`,
  );
}
