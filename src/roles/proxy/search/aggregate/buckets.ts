// Hits as buckets, level by level. Pure.
import type { Key } from '#model/columns/column.js';
import { type GroupValue, groupText } from '#roles/proxy/search/group/group-values.js';
import type { BucketLevel, BucketMetric, BucketOrder, HitSort } from './aggregation-request.js';
import { compareRowValues, type RowValue } from './row-values.js';

/** A hit with what buckets need of its row. */
export interface BucketHit {
  readonly key: Key;
  readonly score: number;
  /** The number of its row in the batch of values. */
  readonly row: number;
  /** By name of key field. */
  readonly keyValues: ReadonlyMap<string, GroupValue>;
}

export interface Bucket {
  readonly level: BucketLevel;
  readonly values: readonly GroupValue[];
  readonly count: number;
  readonly metrics: ReadonlyMap<BucketMetric, RowValue>;
  readonly hits: readonly BucketHit[];
  readonly subGroups: readonly Bucket[];
}

/** The value of a field in a row. */
export type ValueOf = (fieldId: bigint, row: number) => RowValue;

/** @param hits best first */
export function bucketsOf(
  hits: readonly BucketHit[],
  levels: readonly BucketLevel[],
  fieldValue: ValueOf,
): Bucket[] {
  const [level, ...inner] = levels;
  if (level === undefined) return [];
  const groups = new Map<string, { readonly values: readonly GroupValue[]; readonly hits: BucketHit[] }>();
  for (const hit of hits) {
    const values = level.keys.map(({ name }) => hit.keyValues.get(name) ?? null);
    const text = groupText(values);
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { values, hits: [hit] });
    else group.hits.push(hit);
  }
  const measured = [...groups.values()].map((group) => ({
    ...group,
    metrics: new Map(level.metrics.map((metric) => [metric, metricOf(metric, group.hits, fieldValue)])),
  }));
  // The sort is stable: what the order leaves equal stays as it was found.
  measured.sort((a, b) => compareBuckets(a, b, level.order));
  return measured.slice(0, level.size).map(({ values, hits: own, metrics }) => ({
    level,
    values,
    count: own.length,
    metrics,
    hits: level.topHits === undefined ? [] : topHits(own, level.topHits, fieldValue),
    subGroups: bucketsOf(own, inner, fieldValue),
  }));
}

interface Measured {
  readonly values: readonly GroupValue[];
  readonly hits: readonly BucketHit[];
  readonly metrics: ReadonlyMap<BucketMetric, RowValue>;
}

function compareBuckets(a: Measured, b: Measured, orders: readonly BucketOrder[]): number {
  for (const order of orders) {
    const { by } = order;
    if (by === 'count') {
      const difference = compareRowValues(a.hits.length, b.hits.length, order);
      if (difference !== 0) return difference;
    } else if (by === 'key') {
      for (let at = 0; at < a.values.length; at++) {
        const difference = compareRowValues(a.values[at] ?? null, b.values[at] ?? null, order);
        if (difference !== 0) return difference;
      }
    } else {
      const difference = compareRowValues(a.metrics.get(by) ?? null, b.metrics.get(by) ?? null, order);
      if (difference !== 0) return difference;
    }
  }
  return 0;
}

function topHits(
  hits: readonly BucketHit[],
  { size, sort }: { readonly size: number; readonly sort: readonly HitSort[] },
  fieldValue: ValueOf,
): BucketHit[] {
  const valueFor = ({ by }: HitSort, hit: BucketHit): RowValue =>
    by === 'score' ? hit.score : fieldValue(by.fieldID, hit.row);
  return [...hits]
    .sort((a, b) => {
      for (const one of sort) {
        const difference = compareRowValues(valueFor(one, a), valueFor(one, b), one);
        if (difference !== 0) return difference;
      }
      return 0;
    })
    .slice(0, size);
}

function metricOf({ op, source }: BucketMetric, hits: readonly BucketHit[], fieldValue: ValueOf): RowValue {
  if (source === 'all') return BigInt(hits.length);
  const values = hits
    .map((hit) => (source === 'score' ? hit.score : fieldValue(source.fieldID, hit.row)))
    .filter((value) => value !== null);
  if (op === 'count') return BigInt(values.length);
  const [first, ...others] = values;
  if (first === undefined) return null;
  if (op === 'sum') return sumOf(values);
  if (op === 'avg') return Number(sumOf(values)) / values.length;
  const order = { descending: op === 'max', nullsFirst: false };
  return others.reduce((best, value) => (compareRowValues(value, best, order) < 0 ? value : best), first);
}

/** A sum of integers is exact as long as it has 64 bits. */
function sumOf(values: readonly RowValue[]): bigint | number {
  if (values.every((value) => typeof value === 'bigint')) {
    const sum = values.reduce((total, value) => total + value, 0n);
    return BigInt.asIntN(64, sum) === sum ? sum : Number(sum);
  }
  return values.reduce<number>((total, value) => total + Number(value), 0);
}
