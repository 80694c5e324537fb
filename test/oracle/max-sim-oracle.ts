// Searches of arrays of vectors as slow loops: the rows that lists of query vectors find, and the single vectors that one finds.
import { type Metric, scoreOf } from '../integration/support.js';

export interface ListRow {
  readonly id: number;
  readonly vectors: readonly (readonly number[])[];
}

const isLarger = (metric: Metric): boolean => metric !== 'L2';

/** The sum over the query's vectors of the best match in the row. */
const maxSimOf = (metric: Metric, query: readonly number[][], { vectors }: ListRow): number =>
  query.reduce((sum, one) => {
    const scores = vectors.map((vector) => scoreOf(metric, one, vector));
    return sum + (isLarger(metric) ? Math.max(...scores) : Math.min(...scores));
  }, 0);

/** Best first, equal scores by key. Rows without vectors are never found. */
export function maxSimHits(metric: Metric, query: readonly number[][], rows: readonly ListRow[]) {
  const sign = isLarger(metric) ? -1 : 1;
  return rows
    .filter(({ vectors }) => vectors.length > 0)
    .map((row) => ({ id: row.id, score: maxSimOf(metric, query, row) }))
    .sort((a, b) => sign * (a.score - b.score) || a.id - b.id);
}

export function elementHits(
  metric: Metric,
  query: readonly number[],
  rows: readonly ListRow[],
  passes: (row: ListRow, offset: number) => boolean = () => true,
) {
  const sign = isLarger(metric) ? -1 : 1;
  return rows
    .flatMap((row) =>
      row.vectors.map((vector, offset) => ({
        id: row.id,
        offset,
        score: scoreOf(metric, query, vector),
        row,
      })),
    )
    .filter(({ row, offset }) => passes(row, offset))
    .map(({ id, offset, score }) => ({ id, offset, score }))
    .sort((a, b) => sign * (a.score - b.score) || a.id - b.id || a.offset - b.offset);
}
