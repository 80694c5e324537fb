// The bytes of a search's queries, and many queries searched some after others: what all their tasks find is not held at once.
import { bytesView } from '#base/bytes.js';
import { emptyHits, type SegmentHits } from '#segment/fields/segment-hits.js';

/** A view of a larger buffer would take that whole buffer along to a worker. (slice of a Buffer would be a view again.) */
export const ownBytes = (queries: Float32Array | Uint8Array): Float32Array | Uint8Array =>
  queries.byteLength === queries.buffer.byteLength ? queries : bytesView(queries).slice();

/** Searches some of the queries after others, and puts their hits together. */
export async function searchInSlices(
  queries: Uint8Array,
  vectorBytes: number,
  perSlice: number,
  search: (queries: Uint8Array) => Promise<SegmentHits>,
): Promise<SegmentHits> {
  const parts: SegmentHits[] = [];
  for (let begin = 0; begin < queries.length; begin += perSlice * vectorBytes)
    parts.push(await search(queries.slice(begin, begin + perSlice * vectorBytes)));
  const k = parts[0]?.k ?? 0;
  const all = emptyHits(queries.length / vectorBytes, k);
  let query = 0;
  for (const part of parts) {
    all.counts.set(part.counts, query);
    all.rows.set(part.rows.subarray(0, part.queryCount * k), query * k);
    all.scores.set(part.scores.subarray(0, part.queryCount * k), query * k);
    query += part.queryCount;
  }
  return all;
}
