// The float metrics of vector search: their names, which way is better, and how a range request bounds them.
// L2 is the squared Euclidean distance (smaller is better), IP and COSINE are similarities (larger is better).
import { ElanusError } from '#base/errors.js';

export const metricTypes = ['L2', 'IP', 'COSINE'] as const;
export type MetricType = (typeof metricTypes)[number];
/** How kernels and index files number the metrics. */
export const metricCodes = { L2: 0, IP: 1, COSINE: 2 } as const satisfies Record<MetricType, number>;

export const isMetricType = (name: string): name is MetricType => (metricTypes as readonly string[]).includes(name);
/** @throws invalid_parameter when the name is no float metric; letter case does not matter. */
export function parseMetricType(name: string): MetricType {
  const upper = name.toUpperCase();
  if (isMetricType(upper)) return upper;
  throw new ElanusError('invalid_parameter', `metric_type is ${JSON.stringify(name)}, expected one of ${metricTypes.join(', ')}`);
}
export const isLargerBetter = (metric: MetricType): boolean => metric !== 'L2';
/** Negative when score `a` is better than `b`: sorts best first. */
export const compareScores = (metric: MetricType, a: number, b: number): number => (isLargerBetter(metric) ? b - a : a - b);

/**
 * Whether a score lies within a range request: L2 range_filter <= score < radius, IP and COSINE radius < score <= range_filter.
 * Bounds count in float32, as scores do. NaN never does.
 */
export function isInRange(metric: MetricType, score: number, radius?: number, rangeFilter?: number): boolean {
  if (Number.isNaN(score)) return false;
  const sign = isLargerBetter(metric) ? -1 : 1;
  if (radius !== undefined && !(sign * score < sign * Math.fround(radius))) return false;
  return rangeFilter === undefined || sign * score >= sign * Math.fround(rangeFilter);
}
