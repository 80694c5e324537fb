// What a walk found, as a range search sees it.
import { isInRange, type MetricType } from '#index/block/metric.js';
import type { Hits, ScoreBounds } from '#index/flat/row-scores.js';

/** Share of the found that may lie beyond the far end of a range. */
const PAST_SHARE = 0.1;

/** Hits within the range, and whether enough lie beyond its far end: a quantised graph also returns what it passed on its way. */
export function hitsInRange(
  { rows, scores }: Hits,
  metric: MetricType,
  { radius, rangeFilter }: ScoreBounds,
): { readonly hits: Hits; readonly isPast: boolean } {
  const kept = Array.from(scores.keys()).filter((i) =>
    isInRange(metric, scores[i] as number, radius, rangeFilter),
  );
  return {
    hits: {
      rows: Uint32Array.from(kept, (i) => rows[i] as number),
      scores: Float32Array.from(kept, (i) => scores[i] as number),
    },
    isPast:
      scores.reduce((past, score) => past + (isInRange(metric, score, radius) ? 0 : 1), 0) >
      scores.length * PAST_SHARE,
  };
}
