// Search of MinHash signatures in a segment without an index over them: a scan of all rows, in ranges on worker threads.

import { bytesView } from '#base/bytes.js';
import type { SearchOutput } from '#index/block/search-output.js';
import type { MinhashScanInput } from '#index/minhash/minhash-search.js';
import { mergeHits, type SegmentHits } from '#segment/fields/segment-hits.js';
import { settled } from '#segment/fields/settled.js';
import type { DenseSearch } from './dense-input.js';
import type { DenseFacts } from './segment-plan.js';

/** Bits of an element where the index does not say: Milvus's default. */
const ELEMENT_BITS = 8;

export async function scanSignatures(
  rowsPerTask: number,
  { queryCount, rowCount, params }: DenseFacts,
  { workers, vectors, request, queries, k, excluded, signal }: DenseSearch,
): Promise<SegmentHits> {
  const { radius, rangeFilter } = request;
  const { region } = vectors;
  const { vectorsOffset, blocks, dim } = vectors.store.place;
  const width = params.mhElementBitWidth;
  const common = {
    dim,
    elementBits: typeof width === 'number' ? width : ELEMENT_BITS,
    vectorsOffset,
    queries: bytesView(queries),
    k,
    ...(excluded.bits && { excluded: excluded.bits }),
    ...(blocks && { blocks }),
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  const begins = Array.from({ length: Math.ceil(rowCount / rowsPerTask) }, (_, task) => task * rowsPerTask);
  const run = (rowBegin: number): Promise<SearchOutput> => {
    const rowEnd = Math.min(rowCount, rowBegin + rowsPerTask);
    const input: MinhashScanInput = { ...common, rowBegin, rowEnd };
    return workers.run<SearchOutput>('minhashScan', input, [region], signal);
  };
  const parts = await vectors.hold(() => settled(begins.map((begin) => () => run(begin))));
  return mergeHits('MHJACCARD', queryCount, k, parts);
}
