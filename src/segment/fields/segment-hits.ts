// What a search in one segment is asked and answers, and the merge of answers for parts of its rows.

import { briefFloats, briefUint32s } from '#base/brief-arrays.js';
import type { ReadTime } from '#base/read-time.js';
import { compareScores } from '#index/block/metric.js';
import type { SearchOutput } from '#index/block/search-output.js';
import type { Bm25 } from '#index/sparse/bm25.js';
import type { MetricName } from '#model/schema/metric-type.js';
import type { PassingBits } from './excluded-rows.js';

/** Hits of query q, best first, at [q * k, q * k + counts[q]). `k` may be less than asked for: never more than the segment's rows. */
export interface SegmentHits {
  readonly queryCount: number;
  readonly k: number;
  readonly counts: Uint32Array;
  readonly rows: Uint32Array;
  readonly scores: Float32Array;
  /** Where hits are elements of rows, the place of each in its row. */
  readonly offsets?: Uint32Array;
  /** Distances computed, where the index counts them. */
  readonly computed?: number;
  /** Walks of a graph that were given up for another plan. */
  readonly givenUp?: number;
}

export interface SegmentSearch {
  readonly fieldId: bigint;
  readonly metric: MetricName;
  /** nq vectors, one after the other, in the type of the field; float32 ones may come as numbers. */
  readonly queries: Float32Array | Uint8Array;
  /** Instead of `queries`, for a sparse field: as `unpackSparseQueries` reads them. */
  readonly sparseQueries?: Uint8Array;
  /** In an array of vectors: how many of `queries` each query has. Left out, each vector is a query that looks for vectors. */
  readonly lists?: Uint32Array;
  /** With the metric BM25: values of queries are weights of words, those of rows are counts of them. */
  readonly bm25?: Bm25;
  /** What the search asks of an index, checked already. */
  readonly params?: Readonly<Record<string, number | string | boolean>>;
  readonly k: number;
  /** No index is asked, and no scan is shared: equal searches give equal scores. */
  readonly exact?: boolean;
  readonly readTs: ReadTime;
  readonly radius?: number;
  readonly rangeFilter?: number;
  /** Rows that match the filter; others do not count. */
  readonly filterRows?: Uint32Array;
  /** `filterRows` are the rows that do not match. */
  readonly negated?: boolean;
  /** Rows that a predicate lets pass, instead of `filterRows`. */
  readonly passing?: PassingBits;
  /** In an array of vectors: vectors that a filter of elements lets pass. */
  readonly passingElements?: PassingBits;
  /** Rows that do not count whatever the filter says. */
  readonly supersededRows?: Uint32Array;
  /** Ascending: of the rows that count, only these are looked at. */
  readonly among?: Uint32Array;
}

export const emptyHits = (queryCount: number, k: number): SegmentHits => ({
  queryCount,
  k,
  counts: briefUint32s(queryCount),
  rows: briefUint32s(queryCount * k),
  scores: briefFloats(queryCount * k),
});

/** Parts cover ascending ranges of rows, so the first part wins between equal scores. */
export function mergeHits(
  metric: MetricName,
  queryCount: number,
  k: number,
  parts: readonly SearchOutput[],
): SegmentHits {
  const [only] = parts;
  // One query's hits, or full lists, lie where they belong already.
  if (only !== undefined && parts.length === 1 && (queryCount === 1 || only.rows.length === queryCount * k)) {
    return { queryCount, k, counts: only.counts, rows: only.rows, scores: only.scores };
  }
  const hits = emptyHits(queryCount, k);
  const cursors = parts.map((part) => ({ part, at: 0, end: 0 }));
  for (let q = 0; q < queryCount; q++) {
    for (const cursor of cursors) {
      cursor.at = cursor.end;
      cursor.end += cursor.part.counts[q] as number;
    }
    let count = 0;
    for (; count < k; count++) {
      let best: (typeof cursors)[number] | undefined;
      for (const cursor of cursors) {
        if (cursor.at === cursor.end) continue;
        const score = cursor.part.scores[cursor.at] as number;
        if (!best || compareScores(metric, score, best.part.scores[best.at] as number) < 0) best = cursor;
      }
      if (!best) break;
      hits.rows[q * k + count] = best.part.rows[best.at] as number;
      hits.scores[q * k + count] = best.part.scores[best.at] as number;
      best.at++;
    }
    hits.counts[q] = count;
  }
  return hits;
}
