// Search of MinHash signatures in a segment without an index over them: a scan of all rows, in ranges on worker threads.
import type { FlatSearchOutput } from '#index/flat/flat-search.js';
import type { MinhashScanInput } from '#index/minhash/minhash-search.js';
import type { Workers } from '#platform/workers.js';
import type { SegmentHits } from '#segment/fields/segment-hits.js';
import { mergeHits, type SegmentSearch } from '#segment/fields/segment-hits.js';
import { settled } from '#segment/fields/settled.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';

/** Bits of an element where the index does not say: Milvus's default. */
const ELEMENT_BITS = 8;
/** Bytes of signatures that are worth a task of their own, a few milliseconds. */
const TASK_BYTES_MIN = 4 << 20;

/** @param request k is at least 1 and at most the rows. */
export async function scanSignatures(
  workers: Workers,
  vectors: VectorColumn,
  request: Pick<SegmentSearch, 'queries' | 'k' | 'radius' | 'rangeFilter' | 'params'>,
  excluded: Uint8Array | undefined,
  rowCount: number,
  signal?: AbortSignal,
): Promise<SegmentHits> {
  const { k, radius, rangeFilter, params = {} } = request;
  const { buffer, byteOffset, byteLength } = request.queries;
  const queries = new Uint8Array(buffer, byteOffset, byteLength);
  const queryCount = byteLength / vectors.store.vectorBytes;
  const { region } = vectors;
  const { vectorsOffset, blocks, dim } = vectors.store.place;
  const width = params.mhElementBitWidth;
  const common = {
    dim,
    elementBits: typeof width === 'number' ? width : ELEMENT_BITS,
    vectorsOffset,
    queries,
    k,
    ...(excluded && { excluded }),
    ...(blocks && { blocks }),
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  const tasks = Math.max(
    1,
    Math.min(workers.parallelism, Math.floor((rowCount * byteLength) / TASK_BYTES_MIN)),
  );
  const rowsPerTask = Math.ceil(rowCount / tasks);
  const begins = Array.from({ length: Math.ceil(rowCount / rowsPerTask) }, (_, task) => task * rowsPerTask);
  const run = (rowBegin: number): Promise<FlatSearchOutput> => {
    const input: MinhashScanInput = {
      ...common,
      rowBegin,
      rowEnd: Math.min(rowCount, rowBegin + rowsPerTask),
    };
    return workers.run<FlatSearchOutput>('minhashScan', input, [region], signal);
  };
  return mergeHits(
    'MHJACCARD',
    queryCount,
    k,
    await vectors.hold(() => settled(begins.map((begin) => () => run(begin)))),
  );
}
