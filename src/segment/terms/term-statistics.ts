// How often words are among the rows of segments, counted over the rows that a read sees. What segments count is added up, and so is what
// shards do: sums of whole numbers, so that scores do not depend on where rows are.
import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { type AskedExpiry, readTimeOf } from '#base/read-time.js';
import type {
  IndexStatisticsInput,
  RowStatisticsInput,
  TermStatistics,
} from '#index/sparse/bm25-statistics.js';
import type { TermStatisticsRequest, TermStatisticsResponse } from '#proto/elanus/roles.js';
import { settled } from '#segment/fields/settled.js';
import type { SparseVectors } from '#segment/fields/sparse-vectors.js';
import { type ReadableSegment, readTsFor } from '#segment/readable-segment.js';
import { uint32sOf } from '#segment/search/hits.js';
import type { SegmentData } from '#segment/segment-data.js';
import { segmentsWith } from '#segment/segments-with.js';

export interface RowsAndTerms {
  readonly rows: number;
  readonly totalLength: number;
  /** By the place of the word in the request. */
  readonly frequencies: Uint32Array;
}

/** At least so many bytes of rows or of lists are read in a microsecond. */
const BYTES_PER_MICRO = 1000;
/** Bytes of rows that one task reads. */
const TASK_BYTES = 4 << 20;

export async function termStatistics(
  segments: readonly ReadableSegment[],
  request: Pick<TermStatisticsRequest, 'fieldId' | 'terms' | keyof AskedExpiry>,
  readTimestamp: bigint,
  signal: AbortSignal,
): Promise<RowsAndTerms> {
  const terms = Uint32Array.from(uint32sOf(request.terms));
  const readTs = readTimeOf(readTimestamp, request);
  const found = await Promise.all(
    segmentsWith(segments, request.fieldId).map((segment) => {
      const store = segment.data.vectorStore(request.fieldId);
      if (store.kind !== 'sparse')
        throw new ElanusError(
          'invalid_parameter',
          `field ${request.fieldId} has no words; name the output of BM25`,
        );
      const { bits, passing } = segment.data.excludedRows(store, readTsFor(segment, readTs), {});
      return ofSegment(segment.data, { store, terms, excluded: bits, rows: passing }, signal);
    }),
  );
  return addedUp([{ rows: 0, totalLength: 0, frequencies: new Uint32Array(terms.length) }, ...found]);
}

interface Counting {
  readonly store: SparseVectors;
  readonly terms: Uint32Array;
  readonly excluded: Uint8Array | undefined;
  readonly rows: number;
}

/** Rows of the index by its lists, those behind it by their pairs. */
async function ofSegment(
  { workers, rowCount }: SegmentData,
  { store, terms, excluded, rows }: Counting,
  signal: AbortSignal,
): Promise<RowsAndTerms> {
  const counted = { terms, ...(excluded && { excluded }) };
  const tasks: (() => Promise<TermStatistics>)[] = [];
  const { index, region } = store;
  if (index !== undefined) {
    const input: IndexStatisticsInput = { index: index.placement, ...counted };
    tasks.push(() => workers.run<TermStatistics>('bm25IndexStatistics', input, [index.region], signal, 20));
  }
  for (let rowBegin = index?.placement.rowCount ?? 0; rowBegin < rowCount; ) {
    const offset = store.offsetOf(rowBegin);
    let rowEnd = rowBegin + 1;
    while (rowEnd < rowCount && store.offsetOf(rowEnd) - offset < TASK_BYTES) rowEnd++;
    const input: RowStatisticsInput = { offset, rowBegin, rowEnd, ...counted };
    const micros = 5 + (store.offsetOf(rowEnd) - offset) / BYTES_PER_MICRO;
    tasks.push(() => workers.run<TermStatistics>('bm25RowStatistics', input, [region], signal, micros));
    rowBegin = rowEnd;
  }
  const found = await store.hold(() => settled(tasks));
  return addedUp([
    { rows, totalLength: 0, frequencies: new Uint32Array(terms.length) },
    ...found.map((one) => ({ ...one, rows: 0 })),
  ]);
}

/** @param parts at least one, all of the same words */
export function addedUp(parts: readonly RowsAndTerms[]): RowsAndTerms {
  const [first, ...others] = parts;
  const sum = must(first, 'statistics of something');
  if (others.length === 0) return sum;
  const frequencies = sum.frequencies.slice();
  let { rows, totalLength } = sum;
  for (const part of others) {
    rows += part.rows;
    totalLength += part.totalLength;
    for (let at = 0; at < frequencies.length; at++)
      frequencies[at] = (frequencies[at] as number) + (part.frequencies[at] ?? 0);
  }
  return { rows, totalLength, frequencies };
}

export const statisticsOf = ({ rows, totalLength, frequencies }: TermStatisticsResponse): RowsAndTerms => ({
  rows,
  totalLength,
  frequencies: uint32sOf(frequencies),
});

export const statisticsAnswer = (
  { rows, totalLength, frequencies }: RowsAndTerms,
  readTimestamp: bigint,
): TermStatisticsResponse => ({
  status: undefined,
  rows,
  totalLength,
  frequencies: bytesView(frequencies),
  readTimestamp,
  importsKnown: 0n,
  importsSeen: 0n,
});
