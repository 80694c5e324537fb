// Scores as the definition of each metric says, in double precision: what the product's kernels are compared with.
import type { SimMetric } from './collection-spec.js';
import { floatsOf } from './rows.js';

/** Tolerance of sums of a few float32 products. */
export const SCORE_TOLERANCE = 2e-5;

export function scoreOf(metric: SimMetric, query: Float32Array, key: number, version: number): number {
  const row = floatsOf(key, version);
  let [dot, squares, distance] = [0, 0, 0];
  for (const [at, value] of row.entries()) {
    const asked = query[at] ?? 0;
    dot += value * asked;
    squares += value * value;
    distance += (value - asked) ** 2;
  }
  if (metric === 'L2') return distance;
  if (metric === 'IP') return dot;
  const norm = Math.sqrt(squares * query.reduce((sum, value) => sum + value * value, 0));
  return norm === 0 ? 0 : dot / norm;
}

/** Larger is worse, whatever the metric. */
export const badness = (metric: SimMetric, score: number): number => (metric === 'L2' ? score : -score);
