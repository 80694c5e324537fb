// Metrics of lists of vectors: of each query vector the best match among the vectors of a row counts, and these are added up. Which of two
// sums is better follows from the metric of the vectors, as in Milvus: similarities are better when larger, distances when smaller.
import { isMetricName, type MetricName } from './metric-type.js';

const elementMetrics = {
  MAX_SIM: 'COSINE',
  MAX_SIM_COSINE: 'COSINE',
  MAX_SIM_IP: 'IP',
  MAX_SIM_L2: 'L2',
  MAX_SIM_HAMMING: 'HAMMING',
  MAX_SIM_JACCARD: 'JACCARD',
} as const satisfies Record<string, MetricName>;

export type ListMetricName = keyof typeof elementMetrics;

export const isListMetric = (name: string): name is ListMetricName => Object.hasOwn(elementMetrics, name);

/** The metric by which single vectors are compared; undefined for a name that is no metric. */
export function elementMetricOf(name: string): MetricName | undefined {
  if (isListMetric(name)) return elementMetrics[name];
  return isMetricName(name) ? name : undefined;
}

/** The metric of lists whose vectors are compared so; undefined when there is none. */
export const listMetricOf = (metric: MetricName): ListMetricName | undefined =>
  Object.keys(elementMetrics).find(
    (name): name is ListMetricName =>
      isListMetric(name) && name !== 'MAX_SIM' && elementMetrics[name] === metric,
  );
