// About how long searches compute, in microseconds of one thread: what decides whether a search is worth handing to another thread, and
// in how many parts. Measured on one machine (docs/performance.md); right within a factor of two is enough.
import type { ElementType } from './element-type.js';
import { vectorBytes } from './element-type.js';
import type { IndexPlacement, IndexSearchInput } from './vector-index.js';

/** Setup of a task, and of each of its queries. */
const TASK_MICROS = 3;
const QUERY_MICROS = 3;
/** Bytes of vectors that a scan reads in a microsecond while they are in a core's caches. */
const SCAN_BYTES = 20_000;
/** A row that lies anywhere: what waiting for it costs beside its bytes. */
const ROW_MICROS = 0.1;

export const scanMicros = (rows: number, rowBytes: number, queries: number): number =>
  TASK_MICROS + queries * (QUERY_MICROS + (rows * rowBytes) / SCAN_BYTES);
export const rowsMicros = (rows: number, rowBytes: number, queries: number): number =>
  TASK_MICROS + queries * (QUERY_MICROS + rows * (ROW_MICROS + rowBytes / SCAN_BYTES));

/** Microseconds of one query. Undefined: not known for this kind of index. */
export function indexQueryMicros(
  task: string,
  input: Pick<IndexSearchInput, 'index' | 'k' | 'params' | 'excluded'>,
): number | undefined {
  if (task === 'graphSearch' || task === 'qgSearch' || task === 'graphCodesSearch') return graphMicros(input);
  if (task === 'ivfSearch') return ivfMicros(input);
  return undefined;
}

/** Each of `ef` steps scores a node's neighbours; in a large graph every one of them comes from memory. */
function graphMicros({
  index,
  k,
  params,
  excluded,
}: Pick<IndexSearchInput, 'index' | 'k' | 'params' | 'excluded'>): number {
  const ef = Math.max(Number(params.ef ?? 0), k, 1);
  const walk = ef * (0.4 + index.dim * 0.004) * Math.min(4, 1 + index.rowCount / 100_000);
  // With a filter more nodes are looked at, or what counts is scored without a walk.
  return QUERY_MICROS + (excluded === undefined ? walk : walk * 4);
}

function ivfMicros({ index, params }: Pick<IndexSearchInput, 'index' | 'params'>): number | undefined {
  const { nlist } = index.params;
  if (typeof nlist !== 'number' || nlist < 1) return undefined;
  const share = Math.min(1, Number(params.nprobe ?? 8) / nlist);
  const lists = nlist * vectorBytes(index.elementType as ElementType, index.dim);
  return QUERY_MICROS + (bytesOf(index) * share + lists) / (SCAN_BYTES / 4);
}

const bytesOf = ({ sections }: IndexPlacement): number =>
  Object.values(sections).reduce((sum, { bytes }) => sum + bytes, 0);
