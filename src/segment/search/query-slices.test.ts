import { expect, it } from 'vitest';
import { mergeHits } from '#segment/fields/segment-hits.js';
import { searchInSlices } from './query-slices.js';

it('puts the hits of slices together, whatever their lists have', async () => {
  // Query q has q % 4 hits of at most 3: rows q * 10, q * 10 + 1 ….
  const search = async (queries: Uint8Array) => {
    const counts = Uint32Array.from({ length: queries.length / 2 }, (_, at) => (queries[at * 2] ?? 0) % 4);
    const rows = [...counts].flatMap((count, at) =>
      Array.from({ length: count }, (_, hit) => (queries[at * 2] ?? 0) * 10 + hit),
    );
    return mergeHits('L2', counts.length, 3, [
      { counts, rows: Uint32Array.from(rows), scores: Float32Array.from(rows) },
    ]);
  };
  for (const queryCount of [1, 4, 5, 8, 9, 21]) {
    const queries = Uint8Array.from({ length: queryCount * 2 }, (_, at) => (at % 2 === 0 ? at / 2 : 0));
    const hits = await searchInSlices(queries, 2, 4, search);
    expect([hits.queryCount, hits.k]).toEqual([queryCount, 3]);
    for (let query = 0; query < queryCount; query++) {
      expect(hits.counts[query]).toBe(query % 4);
      const found = [...hits.rows.subarray(query * 3, query * 3 + (query % 4))];
      expect(found).toEqual(Array.from({ length: query % 4 }, (_, hit) => query * 10 + hit));
    }
  }
});
