// Queries that are run exactly and at a ladder of widths, so that a curve learns what a search of each width finds.

import { compareScores } from '#index/block/metric.js';
import type { SearchOutput } from '#index/block/search-output.js';
import type { FlatSearchInput } from '#index/flat/flat-search.js';
import type { MetricName } from '#model/schema/metric-type.js';
import type { Workers } from '#platform/workers.js';
import { mergeHits, type SegmentHits } from '#segment/fields/segment-hits.js';
import type { SegmentIndex } from '#segment/fields/segment-index.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import type { RecallCurve } from './recall-curve.js';

export interface Sampled {
  readonly queries: readonly Uint8Array[];
  /** Rows that each query is, or was made of: they are found too easily, and do not count. */
  readonly leftOut?: readonly (readonly number[])[];
}

/** What is searched, and how. */
export interface Measured {
  readonly workers: Workers;
  readonly vectors: VectorColumn;
  readonly index: SegmentIndex;
  /** Rows that count. */
  readonly passing: number;
  /** Bit set: the row does not count. */
  readonly excluded?: Uint8Array | undefined;
  readonly paramsOf: (width: number, k: number) => Readonly<Record<string, number | string | boolean>>;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of vectors that one exact task scans: a search that waits behind it gets its turn soon. */
const TASK_BYTES = 32 << 20;

/** Runs the queries exactly and at each width, until one width finds everything: wider ones would too. */
export async function measureRecall(
  curve: RecallCurve,
  { queries, leftOut = [] }: Sampled,
  measured: Measured,
): Promise<void> {
  if (queries.length === 0) return;
  const { vectors, index, passing, excluded, paramsOf, signal } = measured;
  const { vectorBytes } = vectors.store;
  const bytes = new Uint8Array(queries.length * vectorBytes);
  for (const [i, query] of queries.entries()) bytes.set(query, i * vectorBytes);
  // A stored vector is its own nearest neighbour: as many more are asked for as are left out.
  const more = leftOut.reduce((most, { length }) => Math.max(most, length), 0);
  const k = Math.min(index.rowCount, curve.k + more);
  const exact = await exactHits(measured, bytes, k);
  const recalls = queries.map(() => new Float64Array(curve.widths.length).fill(1));
  for (const [at, width] of curve.widths.entries()) {
    // To ask for more than a width would be to search wider.
    const asked = Math.min(k, Math.max(width, curve.k));
    const params = paramsOf(width, asked);
    const search = { queries: bytes, k: asked, params, passing, ...(excluded && { excluded }) };
    const found = await index.search(vectors, search, signal);
    let isAll = true;
    for (const [query, ofQuery] of recalls.entries()) {
      const recall = recallOf(index.metric as MetricName, exact, found, query, leftOut[query]);
      ofQuery[at] = recall;
      isAll &&= recall === 1;
    }
    if (isAll) break;
  }
  for (const ofQuery of recalls) curve.add(ofQuery);
}

async function exactHits(
  { workers, vectors, index, excluded, signal }: Measured,
  queries: Uint8Array,
  k: number,
): Promise<SegmentHits> {
  const { store, region } = vectors;
  const metric = index.metric as MetricName;
  const { rowCount } = index;
  const perTask = Math.max(64, Math.floor(TASK_BYTES / store.vectorBytes / 64) * 64);
  const parts: SearchOutput[] = [];
  for (let rowBegin = 0; rowBegin < rowCount; rowBegin += perTask) {
    const range = { rowBegin, rowEnd: Math.min(rowCount, rowBegin + perTask) };
    const input: FlatSearchInput = {
      ...store.place,
      metric,
      queries,
      k,
      ...range,
      ...(excluded && { excluded }),
    };
    parts.push(await vectors.hold(() => workers.run<SearchOutput>('flatSearch', input, [region], signal)));
  }
  return mergeHits(metric, queries.length / store.vectorBytes, k, parts);
}

/**
 * The part of the exact hits that were found, of as many as were looked for; a row as near as the last of them counts like it.
 * @param leftOut rows that are left out of both
 */
export function recallOf(
  metric: MetricName,
  exact: SegmentHits,
  found: SegmentHits,
  query: number,
  leftOut: readonly number[] = [],
): number {
  const listOf = ({ rows, scores, counts, k }: SegmentHits) =>
    Array.from({ length: Math.min(counts[query] ?? 0, found.k) }, (_, i) => ({
      row: rows[query * k + i],
      score: scores[query * k + i] as number,
    })).filter(({ row }) => row === undefined || !leftOut.includes(row));
  const wanted = listOf(exact).slice(0, Math.max(1, exact.k - leftOut.length));
  const last = wanted.at(-1);
  if (last === undefined) return 1;
  const wantedRows = new Set(wanted.map(({ row }) => row));
  const hits = listOf(found)
    .slice(0, wanted.length)
    .filter(({ row, score }) => wantedRows.has(row) || compareScores(metric, score, last.score) <= 0);
  return hits.length / wanted.length;
}
