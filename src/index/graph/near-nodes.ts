// The nodes around some nodes of a graph, as near to each other as they are among all. A sample thins rows out: codes that distinguish rows of
// it may not distinguish those of all, on lines and planes above all.
import { vectorBytes } from '#index/block/element-type.js';
import type { SearchOutput } from '#index/block/search-output.js';
import { addressOfRow } from '#index/block/vector-floats.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { runLanes } from '#index/block/work-lanes.js';
import type { FlatSearchInput } from '#index/flat/flat-search.js';
import { NEAR_NODES, RANKED_ROWS } from '#index/graph/build/code-fit.js';
import type { BuildPlace } from '#index/graph/build/graph-tasks.js';

export interface BuildThreads<Region extends IndexRegion> {
  readonly workers: IndexWorkers<Region>;
  /** The vectors, the build. */
  readonly regions: readonly [Region, Region];
  readonly signal: AbortSignal | undefined;
}

/** Nodes around which is looked. */
const QUERIES = 28;
/** Values that one task reads, and the least rows: some tens of milliseconds. */
const SCANNED_VALUES = 2 ** 21;
const SCANNED_ROWS_MIN = 4096;

/**
 * @param nodes the first so many have vectors. @returns lists of nodes, each beginning with the one whose neighbours the others are; none where
 * a sample of the rows is all of them, or nothing says how long rows are
 * @throws cancelled
 */
export async function nearNodes<Region extends IndexRegion>(
  { workers, regions, signal }: BuildThreads<Region>,
  place: BuildPlace,
  nodes: number,
): Promise<Uint32Array[]> {
  const { metric, source } = place;
  if (nodes <= RANKED_ROWS || (metric === 'COSINE' && source.inverseNormsOffset === undefined)) return [];
  const rows = new Uint32Array(regions[1].memory.buffer, place.layout.rows, nodes).slice();
  const rowCount = (rows[nodes - 1] as number) + 1;
  const asked = Array.from({ length: QUERIES }, (_, i) => Math.floor(((i + 0.5) * nodes) / QUERIES));
  const input = {
    ...source,
    metric,
    queries: vectorsOf(
      place,
      regions[0],
      asked.map((node) => rows[node] as number),
    ),
    k: NEAR_NODES,
    ...(nodes < rowCount && { excluded: allBut(rows, rowCount) }),
  };
  const scannedRows = Math.max(SCANNED_ROWS_MIN, Math.floor(SCANNED_VALUES / place.dim));
  const pieces = Math.ceil(rowCount / scannedRows);
  const found: SearchOutput[] = [];
  const scan = async (piece: number): Promise<void> => {
    const rowBegin = piece * scannedRows;
    const share: FlatSearchInput = {
      ...input,
      rowBegin,
      rowEnd: Math.min(rowCount, rowBegin + scannedRows),
    };
    found.push(await workers.run<SearchOutput>('flatSearch', share, [regions[0]], signal));
  };
  await runLanes(pieces, workers.parallelism, scan, signal);
  return nearestOf(found, metric === 'L2' ? 1 : -1).map((near, i) => {
    const node = asked[i] as number;
    const others = Array.from(near, (row) => nodeOf(rows, row)).filter((one) => one !== node);
    return Uint32Array.from([node, ...others]);
  });
}

function vectorsOf({ dim, source }: BuildPlace, region: IndexRegion, rows: readonly number[]): Uint8Array {
  const bytes = vectorBytes(source.elementType ?? 'float32', dim);
  const vectors = new Uint8Array(rows.length * bytes);
  const memory = new Uint8Array(region.memory.buffer);
  for (const [i, row] of rows.entries()) {
    const at = addressOfRow(source, row, bytes);
    vectors.set(memory.subarray(at, at + bytes), i * bytes);
  }
  return vectors;
}

/** Bits of the rows that have no node: copies, and rows without a vector. */
function allBut(rows: Uint32Array, rowCount: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(rowCount / 8)).fill(0xff);
  for (const row of rows) bits[row >> 3] = (bits[row >> 3] as number) & ~(1 << (row & 7));
  return bits;
}

/** Each query's nearest of all pieces, in no order. @param sign 1 where less is nearer */
function nearestOf(pieces: readonly SearchOutput[], sign: 1 | -1): Uint32Array[] {
  const hits: { row: number; key: number }[][] = Array.from({ length: QUERIES }, () => []);
  for (const { counts, rows, scores } of pieces) {
    let at = 0;
    for (let q = 0; q < QUERIES; q++)
      for (const end = at + (counts[q] ?? 0); at < end; at++)
        hits[q]?.push({ row: rows[at] as number, key: sign * (scores[at] as number) });
  }
  return hits.map((all) => {
    all.sort((a, b) => a.key - b.key || a.row - b.row);
    return Uint32Array.from(all.slice(0, NEAR_NODES), ({ row }) => row);
  });
}

/** Rows of nodes rise. */
function nodeOf(rows: Uint32Array, row: number): number {
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}
