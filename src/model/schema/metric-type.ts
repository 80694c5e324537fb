// The metric types of vector search, by name, and which way each of them is better. The one list of them: index and wire codes build on it.
// L2 is the squared distance; MHJACCARD is an estimate of similarity, so that larger is better although JACCARD is a distance.
const table = {
  L2: { isLargerBetter: false },
  IP: { isLargerBetter: true },
  COSINE: { isLargerBetter: true },
  HAMMING: { isLargerBetter: false },
  JACCARD: { isLargerBetter: false },
  SUBSTRUCTURE: { isLargerBetter: false },
  SUPERSTRUCTURE: { isLargerBetter: false },
  MHJACCARD: { isLargerBetter: true },
  BM25: { isLargerBetter: true },
} as const;
export type MetricName = keyof typeof table;

export const isMetricName = (name: string): name is MetricName => Object.hasOwn(table, name);
export const metricNames: readonly MetricName[] = Object.keys(table).filter(isMetricName);
export const isLargerBetter = (metric: MetricName): boolean => table[metric].isLargerBetter;
