// Boosts: hits of one segment get other scores by what a filter says of their rows, or by chance that a seed decides. Which rows are hits is
// settled before; a boost changes their order and what is left of them when segments are brought together.

import { must } from '#base/assert.js';
import { nextFloat, seededRandom } from '#base/random.js';
import type { ReadTime } from '#base/read-time.js';
import type { PredicateFilter } from '#expr/typed.js';
import { bytesAt, type Key } from '#model/columns/column.js';
import { fixedWidth } from '#model/schema/data-type.js';
import type { Pace } from '#platform/pace.js';
import type { Column } from '#proto/elanus/data.js';
import type { BoostFunction, BoostFunctions } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { SegmentHits } from '#segment/fields/segment-hits.js';
import { passingAt } from '#segment/passing-rows.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { filterKeys, matchingRows } from '#segment/segment-reads.js';
import { sentPredicate } from '#segment/sent-filter.js';

interface SegmentBoost {
  readonly keys: readonly Key[] | undefined;
  readonly isNegated: boolean;
  readonly predicate: PredicateFilter | undefined;
  readonly weight: number;
  readonly random: { readonly seed: bigint; readonly fieldId: bigint } | undefined;
}

/** Boosts as they are sent, with their filters read against the schema that is served. */
export interface SegmentBoosts {
  readonly boosts: readonly SegmentBoost[];
  readonly addValues: boolean;
  readonly addToScore: boolean;
}

/** @throws invalid_parameter */
export const segmentBoosts = (
  { functions, addValues, addToScore }: BoostFunctions,
  schema: CollectionSchema,
): SegmentBoosts => ({
  boosts: functions.map((one) => segmentBoost(one, schema)),
  addValues,
  addToScore,
});

const segmentBoost = (
  { filter, textFilter, weight, seed, randomFieldId }: BoostFunction,
  schema: CollectionSchema,
): SegmentBoost => ({
  keys: filter && filterKeys(filter),
  isNegated: filter?.negated ?? false,
  predicate: sentPredicate(textFilter, schema),
  weight,
  random: seed === undefined ? undefined : { seed, fieldId: randomFieldId },
});

interface BoostedPlace {
  readonly segment: ReadableSegment;
  readonly readTs: ReadTime;
  readonly isLargerBetter: boolean;
  readonly pace: Pace;
}

/** The same hits by their boosted scores, best first. @throws cancelled, deadline_exceeded */
export async function boostedHits(
  found: SegmentHits,
  { boosts, addValues, addToScore }: SegmentBoosts,
  { segment, readTs, isLargerBetter, pace }: BoostedPlace,
): Promise<SegmentHits> {
  const values: ((row: number, at: number) => number | undefined)[] = [];
  for (const boost of boosts) values.push(await boostValue(boost, found, segment, readTs, pace));
  const scores = found.scores.slice();
  for (let at = 0; at < scores.length; at++) {
    let value: number | undefined;
    for (const of of values) {
      const one = of(found.rows[at] as number, at);
      if (one === undefined) continue;
      if (value === undefined) value = one;
      else value = addValues ? value + one : value * one;
    }
    if (value === undefined) continue;
    const score = scores[at] as number;
    scores[at] = addToScore ? score + value : score * value;
  }
  if (pace.isDue) await pace.rest();
  return inOrder(found, scores, isLargerBetter);
}

/** What a boost says of a row; undefined: it does not apply. */
async function boostValue(
  boost: SegmentBoost,
  { rows }: SegmentHits,
  segment: ReadableSegment,
  readTs: ReadTime,
  pace: Pace,
): Promise<(row: number, at: number) => number | undefined> {
  const applies = await appliesTo(boost, segment, readTs, pace);
  const { weight, random } = boost;
  if (random === undefined) return (row) => (applies(row) ? weight : undefined);
  const drawn = randomOf(random.seed, must(segment.data.fetch(rows, [random.fieldId]).columns[0], 'column'));
  return (row, at) => (applies(row) ? weight * drawn(at) : undefined);
}

async function appliesTo(
  { keys, isNegated, predicate }: SegmentBoost,
  segment: ReadableSegment,
  readTs: ReadTime,
  pace: Pace,
): Promise<(row: number) => boolean> {
  if (keys !== undefined) {
    const rows = new Set(matchingRows(segment, keys, readTs));
    return (row) => rows.has(row) !== isNegated;
  }
  if (predicate === undefined) return () => true;
  const { bits, rowCount } = await passingAt(segment, predicate, readTs, pace);
  return (row) => row < rowCount && ((bits[row >> 5] as number) & (1 << (row & 31))) !== 0;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Numbers in [0, 1), the same for the same seed and value, wherever the row lies. */
function randomOf(seed: bigint, values: Column): (at: number) => number {
  const width = fixedWidth(values.dataType, 0);
  const base = Number(BigInt.asUintN(32, seed ^ (seed >> 32n)));
  return (at) => {
    const bytes =
      width === undefined ? bytesAt(values, at) : values.data.subarray(at * width, (at + 1) * width);
    let hash = FNV_OFFSET ^ base;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
    return nextFloat(seededRandom(hash));
  };
}

/** Among equal scores the hit that was better before stays ahead. */
function inOrder(found: SegmentHits, scores: Float32Array, isLargerBetter: boolean): SegmentHits {
  const rows = found.rows.slice();
  const sorted = scores.slice();
  const offsets = found.offsets?.slice();
  const sign = isLargerBetter ? -1 : 1;
  for (let query = 0; query < found.queryCount; query++) {
    const begin = query * found.k;
    const order = Array.from({ length: found.counts[query] as number }, (_, at) => begin + at).sort(
      (a, b) => sign * ((scores[a] as number) - (scores[b] as number)) || a - b,
    );
    for (const [at, from] of order.entries()) {
      rows[begin + at] = found.rows[from] as number;
      sorted[begin + at] = scores[from] as number;
      if (offsets !== undefined) offsets[begin + at] = found.offsets?.[from] ?? 0;
    }
  }
  return { ...found, rows, scores: sorted, ...(offsets && { offsets }) };
}
