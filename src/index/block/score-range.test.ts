// Ranges of a metric: a range request keeps exactly the rows whose moved scores lie within its bounds, whatever was computed.
import { expect, it } from 'vitest';
import { nextBelow, nextFloat, seededRandom } from '#base/random.js';
import type { MetricName } from '#model/schema/metric-type.js';
import { isInRange } from './metric.js';
import { boundsOnComputed, moveIntoRange } from './score-range.js';

it('a range means the scores that are answered, also at the edges', () => {
  const edges = [-1 - 2 ** -22, -1, 0, -0, 1, 1 + 2 ** -22, 1 - 2 ** -24, -(2 ** -20), 2 ** -20, 0.5, 1e9];
  for (let seed = 0; seed < 20_000; seed++) {
    const random = seededRandom(seed);
    const pick = (): number =>
      nextBelow(random, 3) === 0 ? nextFloat(random) * 4 - 2 : (edges[nextBelow(random, edges.length)] ?? 0);
    const metric = (['COSINE', 'L2', 'IP'] satisfies MetricName[])[nextBelow(random, 3)] ?? 'IP';
    const asked = {
      ...(nextBelow(random, 4) > 0 && { radius: pick() }),
      ...(nextBelow(random, 4) > 0 && { rangeFilter: pick() }),
    };
    const computed = Math.fround(pick());
    const moved = Float32Array.of(computed);
    moveIntoRange(metric, moved);
    const score = moved[0] ?? 0;
    const bounds = boundsOnComputed(metric, asked);
    const isKept = bounds !== undefined && isInRange(metric, computed, bounds.radius, bounds.rangeFilter);
    expect([metric, computed, asked, isKept]).toEqual([
      metric,
      computed,
      asked,
      isInRange(metric, score, asked.radius, asked.rangeFilter),
    ]);
  }
});

it('moves only what lies outside', () => {
  const scores = Float32Array.of(1.0000001, 1, 0.25, -1.0000001, Number.NaN);
  moveIntoRange('COSINE', scores);
  expect([...scores]).toEqual([1, 1, 0.25, -1, Number.NaN]);
  const distances = Float32Array.of(-1e-6, 0, 5);
  moveIntoRange('L2', distances);
  expect([...distances]).toEqual([0, 0, 5]);
});
