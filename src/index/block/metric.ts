// The metrics of vector search: their codes for kernels and files, and how scores compare and a range request bounds them.
// Their names, and which way each is better, are in model/schema/metric-type.ts; here L2, IP and COSINE have a type of their own, for dense kernels.
import { ElanusError } from '#base/errors.js';
import { isLargerBetter as isLargerBetterByName, type MetricName } from '#model/schema/metric-type.js';

/** Metrics of dense vectors. */
export const metricTypes = ['L2', 'IP', 'COSINE'] as const;
export type MetricType = (typeof metricTypes)[number];
/** How kernels and index files number the metrics: never renumbered. */
export const metricCodes = {
  L2: 0,
  IP: 1,
  COSINE: 2,
  HAMMING: 3,
  JACCARD: 4,
  SUBSTRUCTURE: 5,
  SUPERSTRUCTURE: 6,
  MHJACCARD: 7,
  BM25: 8,
} as const satisfies Record<MetricName, number>;

export const isMetricType = (name: string): name is MetricType =>
  (metricTypes as readonly string[]).includes(name);
/** @throws invalid_parameter when the name is no float metric; letter case does not matter. */
export function parseMetricType(name: string): MetricType {
  const upper = name.toUpperCase();
  if (isMetricType(upper)) return upper;
  throw new ElanusError(
    'invalid_parameter',
    `metric_type is ${JSON.stringify(name)}, expected one of ${metricTypes.join(', ')}`,
  );
}

export const isLargerBetter = (metric: MetricName): boolean => isLargerBetterByName(metric);
/** Negative when score `a` is better than `b`: sorts best first. */
export const compareScores = (metric: MetricName, a: number, b: number): number =>
  isLargerBetter(metric) ? b - a : a - b;

/**
 * Whether a score lies within a range request: range_filter <= score < radius where smaller is better (L2), else
 * radius < score <= range_filter (IP, COSINE).
 * Bounds count in float32, as scores do. NaN never does.
 */
export function isInRange(metric: MetricName, score: number, radius?: number, rangeFilter?: number): boolean {
  if (Number.isNaN(score)) return false;
  const sign = isLargerBetter(metric) ? -1 : 1;
  if (radius !== undefined && !(sign * score < sign * Math.fround(radius))) return false;
  return rangeFilter === undefined || sign * score >= sign * Math.fround(rangeFilter);
}
