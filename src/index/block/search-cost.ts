// About how long searches compute, in microseconds of one thread: what decides whether a search is worth handing to another thread, and
// in how many parts. Measured on one machine (docs/performance.md); right within a factor of two is enough.
import type { ElementType } from './element-type.js';
import { vectorBytes } from './element-type.js';
import type { IndexPlacement, IndexSearchInput } from './vector-index.js';
import { CACHED_BYTES, filteredMicros, walkedBytes } from './walk-plan.js';

/** Setup of a task, and of each of its queries. */
const TASK_MICROS = 3;
const QUERY_MICROS = 3;
/** Bytes of vectors that a scan reads in a microsecond while they are in a core's caches. */
const SCAN_BYTES = 20_000;
/** A row that lies anywhere: what waiting for it costs beside its bytes, and where all of them are in a core's caches. */
const ROW_MICROS = 0.1;
const CACHED_ROW_MICROS = 0.01;

export const scanMicros = (rows: number, rowBytes: number, queries: number): number =>
  TASK_MICROS + queries * (QUERY_MICROS + (rows * rowBytes) / SCAN_BYTES);
export const rowsMicros = (rows: number, rowBytes: number, queries: number): number =>
  TASK_MICROS +
  queries *
    (QUERY_MICROS +
      rows * ((rows * rowBytes <= CACHED_BYTES ? CACHED_ROW_MICROS : ROW_MICROS) + rowBytes / SCAN_BYTES));

type GraphQuestion = Pick<
  IndexSearchInput,
  'index' | 'k' | 'params' | 'excluded' | 'passing' | 'radius' | 'rangeFilter'
>;

/** Microseconds of one query. Undefined: not known for this kind of index. */
export function indexQueryMicros(task: string, input: GraphQuestion): number | undefined {
  if (task === 'graphSearch' || task === 'qgSearch' || task === 'graphCodesSearch')
    return graphMicros(input, task === 'qgSearch');
  if (task === 'ivfSearch') return ivfMicros(input);
  return undefined;
}

/** Each of `ef` steps scores a node's neighbours; in a large graph every one of them comes from memory. */
function graphMicros(asked: GraphQuestion, readsRecords: boolean): number {
  const { index, k, params, excluded, passing, radius, rangeFilter } = asked;
  const ef = Math.max(Number(params.ef ?? 0), k, 1);
  const walk = ef * (0.4 + index.dim * 0.004) * Math.min(4, 1 + index.rowCount / 100_000);
  if (excluded === undefined) return QUERY_MICROS + walk;
  // With a filter more nodes are looked at, or what counts is scored without a walk.
  const { dim, elementType, rowCount } = index;
  const codeBytes = walkedBytes(Number(index.params.codeStride ?? dim), dim);
  const bytes = vectorBytes(elementType as ElementType, dim);
  const question = {
    nodes: rowCount,
    passing: passing ?? rowCount,
    ef,
    k: radius === undefined && rangeFilter === undefined ? k : ef,
    vectorBytes: bytes,
    codeBytes,
    readsRecords,
  };
  return QUERY_MICROS + Math.max(walk, filteredMicros(question));
}

/** What it costs to look whether a row of a list counts. */
const COUNTED_MICROS = 0.0015;

/** With a filter rows that count are scored one by one, and at least as many as fill some lists or a few for each hit. */
function ivfMicros({ index, k, params, excluded, passing }: GraphQuestion): number | undefined {
  const { nlist } = index.params;
  if (typeof nlist !== 'number' || nlist < 1) return undefined;
  const { elementType, dim, rowCount } = index;
  const share = Math.min(1, Number(params.nprobe ?? 8) / nlist);
  const width = vectorBytes(elementType as ElementType, dim);
  const lists = (nlist * width) / (SCAN_BYTES / 4);
  const all = QUERY_MICROS + lists + (bytesOf(index) * share) / (SCAN_BYTES / 4);
  if (excluded === undefined || passing === undefined || passing >= rowCount) return all;
  const probed = rowCount * share;
  const counted = Math.max((probed * passing) / rowCount, Math.min(passing, probed, k * 16));
  const looked = Math.min(rowCount, (counted * rowCount) / Math.max(1, passing));
  const filtered =
    QUERY_MICROS + lists + looked * COUNTED_MICROS + counted * (ROW_MICROS + width / SCAN_BYTES);
  return Math.min(Math.max(all, QUERY_MICROS + lists + looked * COUNTED_MICROS), filtered);
}

const bytesOf = ({ sections }: IndexPlacement): number =>
  Object.values(sections).reduce((sum, { bytes }) => sum + bytes, 0);
