// Many queries of a search, some after others: what all their tasks find is not held at once.

import { emptyHits, type SegmentHits } from '#segment/fields/segment-hits.js';
import type { SearchHooks } from './search-hooks.js';

/** Searches some of the queries after others, and puts their hits together. The plan is told once. */
export async function searchInSlices(
  queries: Uint8Array,
  vectorBytes: number,
  perSlice: number,
  search: (queries: Uint8Array, hooks: SearchHooks) => Promise<SegmentHits>,
  hooks: SearchHooks,
): Promise<SegmentHits> {
  const parts: SegmentHits[] = [];
  for (let begin = 0; begin < queries.length; begin += perSlice * vectorBytes) {
    const { report: _told, ...rest } = hooks;
    parts.push(
      await search(queries.slice(begin, begin + perSlice * vectorBytes), begin === 0 ? hooks : rest),
    );
  }
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
