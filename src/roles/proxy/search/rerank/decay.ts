// Decay: the further the value of a field is from an origin, the less of its score a hit keeps.
import { assertNever, must } from '#base/assert.js';
import { int64At, keyAt } from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import type { DecayCurve } from '#model/params/rank/chain-expr.js';
import type { Decay } from '#model/params/rank/rerankers.js';
import { DataType } from '#model/schema/data-type.js';
import type { Pace } from '#platform/pace.js';
import type { Column } from '#proto/elanus/data.js';
import type { Hits } from '#segment/search/hits.js';
import { pickHits } from '#segment/search/merge-hits.js';

/** What is left of a score, from 1 at the origin to 0. */
export function decayAt({ shape, origin, scale, offset, decay }: DecayCurve, value: number): number {
  const distance = Math.max(0, Math.abs(value - origin) - offset);
  switch (shape) {
    case 'gauss':
      return Math.exp((distance * distance * Math.log(decay)) / (scale * scale));
    case 'exp':
      return Math.exp((distance * Math.log(decay)) / scale);
    case 'linear':
      return Math.max(0, 1 - (distance * (1 - decay)) / scale);
    default:
      return assertNever(shape);
  }
}

/** @param values of the field, by hit. Larger scores are better. @throws cancelled, deadline_exceeded */
export async function decayedHits(hits: Hits, decay: Decay, values: Column, pace: Pace): Promise<Hits> {
  const valueAt = numbersOf(values);
  const scores = hits.scores.map((score, at) => score * decayAt(decay, valueAt(at)));
  const chosen = new Uint32Array(hits.rows.length);
  let begin = 0;
  for (const count of hits.counts) {
    const order = Array.from({ length: count }, (_, at) => begin + at).sort(
      (a, b) =>
        must(scores[b], 'score') - must(scores[a], 'score') ||
        compareKeys(keyAt(hits.keys, a), keyAt(hits.keys, b)),
    );
    chosen.set(order, begin);
    begin += count;
    if (pace.isDue) await pace.rest();
  }
  return pickHits({ ...hits, scores }, chosen, hits.counts);
}

export function numbersOf(from: Column): (row: number) => number {
  const view = new DataView(from.data.buffer, from.data.byteOffset, from.data.byteLength);
  switch (from.dataType) {
    case DataType.Int8:
      return (row) => view.getInt8(row);
    case DataType.Int16:
      return (row) => view.getInt16(row * 2, true);
    case DataType.Int32:
      return (row) => view.getInt32(row * 4, true);
    case DataType.Int64:
      return (row) => Number(int64At(from, row));
    case DataType.Float:
      return (row) => view.getFloat32(row * 4, true);
    default:
      return (row) => view.getFloat64(row * 8, true);
  }
}
