// Exact vector search in one segment: which rows count, the scan on worker threads over ranges of rows, and one best-first list per
// query out of their answers.
import { ElanusError } from '#base/errors.js';
import type { FlatIdsInput } from '#index/flat-ids.js';
import { FLAT_K_MAX, type FlatSearchInput, type FlatSearchOutput } from '#index/flat-search.js';
import type { Workers } from '#platform/workers.js';
import { scanSignatures } from './minhash-segment-search.js';
import { bytesForBits, clearBit, hasBitAt, setBit } from './row-versions.js';
import { emptyHits, mergeHits, type SegmentHits, type SegmentSearch } from './segment-hits.js';
import type { VectorColumn } from './vector-column.js';

/** Multiply-adds that are worth a task of their own, a few milliseconds. */
const TASK_WORK_MIN = 1 << 23;

/** Bit set: the row does not count. A new array, exactly as long as needed: it is cloned to each worker. */
export function excludedBits(
  rowCount: number,
  hidden: Uint8Array,
  vectors: { readonly nullBits: Uint8Array | undefined },
  filterRows: Uint32Array | undefined,
  negated: boolean,
): Uint8Array {
  const bytes = bytesForBits(rowCount);
  let bits: Uint8Array;
  if (filterRows && !negated) {
    bits = new Uint8Array(bytes).fill(0xff);
    for (const row of filterRows) if (row < rowCount && !hasBitAt(hidden, row)) clearBit(bits, row);
  } else {
    bits = hidden.slice(0, bytes);
    if (filterRows) for (const row of filterRows) if (row < rowCount) setBit(bits, row);
  }
  const nulls = vectors.nullBits;
  if (nulls) for (let i = Math.min(nulls.length, bytes) - 1; i >= 0; i--) bits[i] = (bits[i] as number) | (nulls[i] as number);
  return bits;
}

/** Where fewer than one row in so many counts, rows are named one by one: they are fetched ahead, and no bits are looked through. */
const SPARSE_SHARE = 32;
export function countPassing(excluded: Uint8Array, rowCount: number): number {
  let count = rowCount;
  for (let at = 0; at < excluded.length; at++) {
    const byte = excluded[at] as number;
    if (byte === 0) continue;
    const last = rowCount - at * 8;
    count -= bitCounts[last >= 8 ? byte : byte & ((1 << Math.max(0, last)) - 1)] as number;
  }
  return count;
}
const bitCounts = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);
function passingRows(excluded: Uint8Array, rowCount: number, count: number): Uint32Array {
  const rows = new Uint32Array(count);
  let end = 0;
  for (let at = 0; at < excluded.length; at++) {
    if (excluded[at] === 0xff) continue;
    for (let row = at * 8; row < Math.min(rowCount, at * 8 + 8); row++) if (!hasBitAt(excluded, row)) rows[end++] = row;
  }
  return rows;
}

export async function searchVectors(
  workers: Workers,
  vectors: VectorColumn,
  request: SegmentSearch,
  excluded: Uint8Array,
  rowCount: number,
  signal?: AbortSignal,
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
    throw new ElanusError('invalid_parameter', `limit is ${request.k}, expected 1 to ${FLAT_K_MAX}: ask for fewer hits`);
  }
  const k = Math.min(request.k, rowCount);
  if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
  // A view of a larger buffer would take that whole buffer along to the worker. (slice of a Buffer would be a view again.)
  const { buffer, byteOffset, byteLength } = request.queries;
  const queries = byteLength === buffer.byteLength ? request.queries : new Uint8Array(buffer, byteOffset, byteLength).slice();
  const bounds = { ...(radius !== undefined && { radius }), ...(rangeFilter !== undefined && { rangeFilter }) };
  const passing = countPassing(excluded, rowCount);
  const { index } = vectors;
  // An index is over the rows of a sealed segment, all of them.
  if (index !== undefined && index.metric === metric && index.rowCount === rowCount) {
    const { params = {} } = request;
    return index.search(vectors, { queries, k, params, excluded, passing, ...bounds }, signal);
  }
  if (metric === 'MHJACCARD') return scanSignatures(workers, vectors, { ...request, queries, k }, excluded, rowCount, signal);
  const common = { metric, queries, k, ...vectors.store.place, ...bounds };
  const workOf = (rows: number): number => rows * (elementType === 'binary' ? dim / 32 : dim) * queryCount;
  const tasksFor = (rows: number): number =>
    Math.max(1, Math.min(workers.parallelism, Math.floor(workOf(rows) / TASK_WORK_MIN), Math.ceil(rows / 64)));
  const jobs: (() => Promise<FlatSearchOutput>)[] = [];
  if (passing * SPARSE_SHARE < rowCount) {
    const ids = passingRows(excluded, rowCount, passing);
    const perTask = Math.max(1, Math.ceil(passing / tasksFor(passing)));
    for (let begin = 0; begin < passing; begin += perTask) {
      const input: FlatIdsInput = { ...common, ids: ids.slice(begin, begin + perTask) };
      jobs.push(() => workers.run<FlatSearchOutput>('flatIds', input, [vectors.region], signal));
    }
  } else {
    const covered = vectors.growing?.covered(metric, excluded, rowCount);
    const first = covered?.rowCount ?? 0;
    if (covered !== undefined) {
      jobs.push(() => covered.search({ ...{ queries, k, params: request.params ?? {} }, vectors: vectors.store.place, ...bounds }, signal));
    }
    vectors.growing?.advance();
    const perTask = Math.max(64, Math.ceil((rowCount - first) / tasksFor(rowCount - first) / 64) * 64);
    for (let rowBegin = first; rowBegin < rowCount; rowBegin += perTask) {
      const input: FlatSearchInput = { ...common, rowBegin, rowEnd: Math.min(rowCount, rowBegin + perTask), excluded };
      jobs.push(() => workers.run<FlatSearchOutput>('flatSearch', input, [vectors.region], signal));
    }
  }
  const settled = await vectors.hold(() => Promise.allSettled(jobs.map((job) => job()))); // All of them: the region is theirs until then.
  const parts = settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  return mergeHits(metric, queryCount, k, parts);
}
