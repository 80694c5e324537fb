// The scores that a metric can have. Float sums leave that range by a rounding step: the cosine of a vector with itself may come out as
// 1.0000001, and a range request up to 1 would miss the row itself. So scores are moved into the range where they leave a segment, and the
// bounds of a range request mean the moved scores.
import { isLargerBetter, type MetricName } from '#model/schema/metric-type.js';

interface ScoreRange {
  readonly low: number;
  readonly high: number;
}

/** Ranges that computed scores may leave by rounding. Inner products have no bounds, and the scores of binary vectors are quotients of counts. */
const scoreRanges: Partial<Record<MetricName, ScoreRange>> = {
  COSINE: { low: -1, high: 1 },
  L2: { low: 0, high: Number.POSITIVE_INFINITY },
};

export interface RangeBounds {
  readonly radius?: number;
  readonly rangeFilter?: number;
}

/**
 * The same rows by the scores before they are moved: a bound at or outside the metric's range holds for all, or for none.
 * Bounds count in float32, as scores do. Undefined: no score is within the bounds.
 */
export function boundsOnComputed(
  metric: MetricName,
  { radius, rangeFilter }: RangeBounds,
): RangeBounds | undefined {
  const range = scoreRanges[metric];
  const bounds = (far: number | undefined, near: number | undefined): RangeBounds => ({
    ...(far !== undefined && { radius: far }),
    ...(near !== undefined && { rangeFilter: near }),
  });
  if (range === undefined) return bounds(radius, rangeFilter);
  // As if smaller were better: range_filter <= score < radius.
  const sign = isLargerBetter(metric) ? -1 : 1;
  const [best, worst] = sign === 1 ? [range.low, range.high] : [-range.high, -range.low];
  const far = radius === undefined ? undefined : sign * Math.fround(radius);
  const near = rangeFilter === undefined ? undefined : sign * Math.fround(rangeFilter);
  if ((far !== undefined && far <= best) || (near !== undefined && near > worst)) return undefined;
  return bounds(
    far !== undefined && far > worst ? undefined : radius,
    near !== undefined && near <= best ? undefined : rangeFilter,
  );
}

/** Moves scores into the metric's range, in place. Their order stays, with more equal ones. */
export function moveIntoRange(metric: MetricName, scores: Float32Array): void {
  const range = scoreRanges[metric];
  if (range === undefined) return;
  const { low, high } = range;
  for (let at = 0; at < scores.length; at++) {
    const score = scores[at] as number;
    if (score > high) scores[at] = high;
    else if (score < low) scores[at] = low;
  }
}
