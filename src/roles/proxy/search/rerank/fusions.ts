// Rerankers as contributions to the score of a hit. Scores of different metrics are brought to one scale first, where the reranker asks for it.
import { assertNever } from '#base/assert.js';
import type { Reranker } from '#model/params/rank/rerankers.js';
import { isLargerBetter, type MetricName } from '#model/schema/metric-type.js';
import type { Fusion } from './fuse-hits.js';

/** A distance as a similarity in (0, 1]. */
const flipped = (distance: number): number => 1 - (2 * Math.atan(distance)) / Math.PI;

/** A score in [0, 1], larger is better. */
function normalized(metric: MetricName, score: number): number {
  if (metric === 'COSINE') return (1 + score) / 2;
  if (metric === 'BM25') return (2 * Math.atan(score)) / Math.PI;
  return isLargerBetter(metric) ? 0.5 + Math.atan(score) / Math.PI : flipped(score);
}

/** @param metrics of the searches, one each */
export function fusionOf(reranker: Reranker, metrics: readonly MetricName[]): Fusion {
  switch (reranker.kind) {
    case 'rrf':
      return {
        isLargerBetter: true,
        combine: 'sum',
        contribution: (_leg, _score, rank) => 1 / (reranker.k + rank + 1),
      };
    case 'weighted':
      return weighted(reranker, metrics);
    case 'decay':
      return {
        isLargerBetter: true,
        combine: reranker.scoreMode,
        contribution: (leg, score) =>
          reranker.isNormalized
            ? normalized(metricAt(metrics, leg), score)
            : similarity(metricAt(metrics, leg), score),
      };
    case 'model':
      // Which hits there are is all that is asked of the searches.
      return {
        isLargerBetter: true,
        combine: 'max',
        contribution: (leg, score) => similarity(metricAt(metrics, leg), score),
      };
    default:
      return assertNever(reranker);
  }
}

const metricAt = (metrics: readonly MetricName[], leg: number): MetricName => metrics[leg] as MetricName;

const similarity = (metric: MetricName, score: number): number =>
  isLargerBetter(metric) ? score : flipped(score);

/** Without normalisation scores stay as they are if all point the same way; else distances become similarities. */
function weighted(
  { weights, isNormalized }: Extract<Reranker, { kind: 'weighted' }>,
  metrics: readonly MetricName[],
): Fusion {
  const areDistances = metrics.every((metric) => !isLargerBetter(metric));
  const scaled = (metric: MetricName, score: number): number => {
    if (isNormalized) return normalized(metric, score);
    return areDistances ? score : similarity(metric, score);
  };
  return {
    isLargerBetter: isNormalized || !areDistances,
    combine: 'sum',
    contribution: (leg, score) => (weights[leg] as number) * scaled(metricAt(metrics, leg), score),
  };
}
