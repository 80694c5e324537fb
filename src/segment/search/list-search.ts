// Searches of arrays of vectors. With lists of vectors as queries rows are found, by the sum of the best matches; with single vectors the
// vectors themselves are found, as if each were a row, and the hits say where in its row each is.
import { bytesView } from '#base/bytes.js';
import { rowsMicros } from '#index/block/search-cost.js';
import type { SearchOutput } from '#index/block/search-output.js';
import type { MaxSimInput } from '#index/flat/max-sim.js';
import type { Workers } from '#platform/workers.js';
import type { ExcludedRows, PassingBits } from '#segment/fields/excluded-rows.js';
import { countBits, hasBitAt, setBit } from '#segment/fields/row-versions.js';
import { emptyHits, mergeHits, type SegmentHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import type { SegmentIndex } from '#segment/fields/segment-index.js';
import { settled } from '#segment/fields/settled.js';
import type { VectorLists } from '#segment/fields/vector-lists.js';
import { ownBytes } from './query-slices.js';

export interface ListSearch {
  readonly workers: Workers;
  readonly vectors: VectorLists;
  readonly request: SegmentSearch;
  /** Vectors of each query. */
  readonly lists: Uint32Array;
  readonly k: number;
  /** Rows that count, ascending, each with a vector at least. */
  readonly rows: Uint32Array;
  readonly signal: AbortSignal | undefined;
}

/** Multiply-adds that are worth a task of their own, and the most of one task. */
const TASK_WORK_MIN = 1 << 23;
const TASK_WORK_MAX = 1 << 27;

/** Exact scores of the rows, in ranges on worker threads. */
export async function scanLists(search: ListSearch): Promise<SegmentHits> {
  const { workers, vectors, request, lists, k, rows, signal } = search;
  const { elements } = vectors;
  const { metric, radius, rangeFilter } = request;
  const { region, store } = elements;
  const spans = vectors.spansOf(rows);
  const common = {
    metric,
    queries: ownBytes(request.queries),
    k,
    lists,
    ...store.place,
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  const perTask = rowsPerTask(search, spans);
  const tasks: (() => Promise<SearchOutput>)[] = [];
  for (let begin = 0; begin < rows.length; begin += perTask) {
    const end = Math.min(rows.length, begin + perTask);
    const input: MaxSimInput = {
      ...common,
      rows: rows.slice(begin, end),
      spans: spans.slice(begin * 2, end * 2),
    };
    const micros = rowsMicros(elementsIn(input.spans), store.vectorBytes, queryVectors(lists));
    tasks.push(() => workers.run<SearchOutput>('maxSim', input, [region], signal, micros));
  }
  const parts = await elements.hold(() => settled(tasks, workers.parallelism));
  return mergeHits(metric, lists.length, k, parts);
}

function rowsPerTask({ workers, vectors, lists, rows }: ListSearch, spans: Uint32Array): number {
  const { dim } = vectors.elements;
  const work = elementsIn(spans) * queryVectors(lists) * dim;
  const useful = Math.min(workers.parallelism, Math.floor(work / TASK_WORK_MIN));
  const tasks = Math.max(1, useful, Math.ceil(work / TASK_WORK_MAX));
  return Math.max(1, Math.ceil(rows.length / tasks));
}

const queryVectors = (lists: Uint32Array): number => lists.reduce((sum, count) => sum + count, 0);

function elementsIn(spans: Uint32Array): number {
  let count = 0;
  for (let at = 0; at < spans.length; at += 2) count += (spans[at + 1] as number) - (spans[at] as number);
  return count;
}

/** So many vectors must count before an index names rows: fewer are scored as fast as they are found. */
export const INDEXED_VECTORS_MIN = 16_384;
/** Vectors that are looked for with each query vector, at least: the best rows have one of the best matches of some query vector. */
const CANDIDATES_MIN = 128;
const CANDIDATES_MAX = 16_384;

/**
 * The index finds the best vectors for each query vector; the rows that these are in are scored exactly.
 * @param excluded by vector
 * @returns undefined when too few rows were found: all of them have to be scored
 */
export async function searchListsByIndex(
  search: ListSearch,
  index: SegmentIndex,
  excluded: ExcludedRows,
): Promise<SegmentHits | undefined> {
  const { vectors, request, lists, k, rows, signal } = search;
  const { elements } = vectors;
  const candidates = Math.min(elements.rowCount, CANDIDATES_MAX, Math.max(CANDIDATES_MIN, k * 2));
  const params = { ...request.params, ef: Math.max(candidates, Number(request.params?.ef ?? 0)) };
  const queries = ownBytes(request.queries);
  const { bits, passing } = excluded;
  const asked = { queries, k: candidates, params, passing, ...(bits && { excluded: bits }) };
  const found = await index.search(elements, asked, signal);
  const hits = emptyHits(lists.length, k);
  const width = elements.store.vectorBytes;
  const bytes = bytesOf(queries);
  let first = 0;
  for (const [list, count] of lists.entries()) {
    const named = rowsOfHits(vectors, found, first, first + count);
    if (named.length < Math.min(k, rows.length)) return undefined;
    const own = { ...request, queries: bytes.slice(first * width, (first + count) * width) };
    const best = await scanLists({ ...search, request: own, lists: Uint32Array.of(count), rows: named });
    hits.counts[list] = best.counts[0] ?? 0;
    hits.rows.set(best.rows.subarray(0, best.counts[0]), list * k);
    hits.scores.set(best.scores.subarray(0, best.counts[0]), list * k);
    first += count;
  }
  return hits;
}

const bytesOf = (queries: Float32Array | Uint8Array): Uint8Array =>
  queries instanceof Uint8Array ? queries : bytesView(queries);

/** The rows, ascending, that the vectors found for queries [begin, end) are in. */
function rowsOfHits(vectors: VectorLists, found: SegmentHits, begin: number, end: number): Uint32Array {
  const rows = new Set<number>();
  for (let query = begin; query < end; query++) {
    const at = query * found.k;
    for (let hit = at; hit < at + (found.counts[query] ?? 0); hit++)
      rows.add(vectors.rowOf(found.rows[hit] as number));
  }
  return Uint32Array.from(rows).sort();
}

/** The rows whose bit is clear. */
export function countedRows({ bits, rows, passing }: ExcludedRows, rowCount: number): Uint32Array {
  if (rows !== undefined) return Uint32Array.from(rows).sort();
  if (bits === undefined) return Uint32Array.from({ length: rowCount }, (_, row) => row);
  const counted = new Uint32Array(passing);
  let found = 0;
  for (let row = 0; row < rowCount && found < passing; row++)
    if (!hasBitAt(bits, row)) counted[found++] = row;
  return counted;
}

/**
 * Which vectors do not count: those of rows that do not, and those that the filter keeps out.
 * @param passing by vector; what it says of rows of `excluded` that do not count makes no difference
 */
export function excludedElements(
  vectors: VectorLists,
  excluded: ExcludedRows,
  rowCount: number,
  passing: PassingBits | undefined,
): ExcludedRows {
  const count = vectors.elements.rowCount;
  if (excluded.bits === undefined && passing === undefined) return { bits: undefined, passing: count };
  const bits = new Uint8Array(Math.ceil(count / 64) * 8);
  for (let row = 0; excluded.bits !== undefined && row < rowCount; row++) {
    if (!hasBitAt(excluded.bits, row)) continue;
    const end = vectors.endOf(row);
    for (let element = vectors.firstOf(row); element < end; element++) setBit(bits, element);
  }
  for (let element = 0; passing !== undefined && element < count; element++) {
    const word = passing.bits[element >>> 5] ?? 0;
    if (((word >>> (element & 31)) & 1) === 0) setBit(bits, element);
  }
  const left = count - countBits(bits);
  return left === count ? { bits: undefined, passing: count } : { bits, passing: left };
}

/** Hits whose rows are vectors, with the rows that these are in and their places there. */
export function inRows(vectors: VectorLists, found: SegmentHits): SegmentHits {
  const rows = new Uint32Array(found.rows.length);
  const offsets = new Uint32Array(found.rows.length);
  for (let query = 0; query < found.queryCount; query++) {
    const begin = query * found.k;
    const end = begin + (found.counts[query] ?? 0);
    for (let at = begin; at < end; at++) {
      const element = found.rows[at] as number;
      const row = vectors.rowOf(element);
      rows[at] = row;
      offsets[at] = element - vectors.firstOf(row);
    }
  }
  return { ...found, rows, offsets };
}
