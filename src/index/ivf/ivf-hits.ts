// Hits and candidates of a search in lists, and how parts of them are put together.
import { isLargerBetter } from '#index/block/metric.js';
import type { MetricName } from '#model/schema/metric-type.js';

/** Hits of one query, best first. */
export interface Hits {
  readonly rows: Uint32Array;
  readonly scores: Float32Array;
}

export const NO_HITS: Hits = { rows: new Uint32Array(0), scores: new Float32Array(0) };

/** Parts one after the other; one part alone is no copy. */
export function joined(parts: readonly Uint32Array[]): Uint32Array {
  const only = parts[0];
  if (only && parts.length === 1) return only;
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The best k of two lists of hits, each best first. */
export function mergeHits(a: Hits, b: Hits, k: number, metric: MetricName): Hits {
  if (a.rows.length === 0) return b;
  if (b.rows.length === 0) return a;
  const count = Math.min(k, a.rows.length + b.rows.length);
  const rows = new Uint32Array(count);
  const scores = new Float32Array(count);
  const sign = isLargerBetter(metric) ? -1 : 1;
  for (let at = 0, i = 0, j = 0; at < count; at++) {
    const order =
      i >= a.rows.length
        ? 1
        : j >= b.rows.length
          ? -1
          : sign * ((a.scores[i] as number) - (b.scores[j] as number));
    const isFirst = order < 0 || (order === 0 && (a.rows[i] as number) < (b.rows[j] as number));
    rows[at] = isFirst ? (a.rows[i] as number) : (b.rows[j] as number);
    scores[at] = isFirst ? (a.scores[i++] as number) : (b.scores[j++] as number);
  }
  return { rows, scores };
}
