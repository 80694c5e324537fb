// What a row holds: all of it follows from its key and its version (the number of the write that made it), so that any answer can be
// checked value by value. Vectors are quarters of small whole numbers: L2 and IP scores have one right float32 value in any order of sums.
import type { RowData } from '@zilliz/milvus2-sdk-node';
import { chanceOf } from './random.js';
import type { Metric, Shape } from './shapes.js';

export type Key = number;
export type Version = number;
export const ABSENT = 0;

export function vectorOf(version: Version, dim: number): number[] {
  const chance = chanceOf(version * 7919 + 13);
  return Array.from({ length: dim }, () => (Math.floor(chance() * 129) - 64) / 4);
}

export const wireKey = (shape: Shape, key: Key): number | string => (shape.hasTextKeys ? `k${key}` : key);
export const keyOfWire = (id: unknown): Key => Number(String(id).replace('k', ''));
export const partitionOf = (shape: Shape, key: Key): string | undefined =>
  shape.partitions[key % Math.max(1, shape.partitions.length)];

export function rowOf(shape: Shape, key: Key, version: Version): RowData {
  return {
    id: wireKey(shape, key),
    vector: vectorOf(version, shape.dim),
    value: version,
    text: `row ${key} of ${version}`,
    maybe: version % 3 === 0 ? null : version / 8,
    extra: { version, odd: version % 2 === 1 },
    // The partition key goes by the key: an upsert stays in its partition.
    ...(shape.hasPartitionKey ? { tenant: key % 23 } : {}),
  };
}

/** What is wrong with a row as the client returned it, or undefined. */
export function wrongIn(shape: Shape, row: Readonly<Record<string, unknown>>): string | undefined {
  const key = keyOfWire(row.id);
  const version = Number(row.value);
  const expected = rowOf(shape, key, version);
  for (const [name, value] of Object.entries(expected)) {
    if (name === 'id') continue;
    const found = name === 'value' || name === 'tenant' ? Number(row[name]) : row[name];
    if (JSON.stringify(found) !== JSON.stringify(value))
      return `key ${key} of version ${version}: field ${name} is ${JSON.stringify(row[name])}, expected ${JSON.stringify(value)}`;
  }
  return undefined;
}

export function scoreOf(metric: Metric, a: readonly number[], b: readonly number[]): number {
  let dot = 0;
  let squares = 0;
  let aa = 0;
  let bb = 0;
  for (const [at, value] of a.entries()) {
    const other = b[at] ?? 0;
    dot += value * other;
    squares += (value - other) ** 2;
    aa += value * value;
    bb += other * other;
  }
  if (metric === 'L2') return squares;
  return metric === 'IP' ? dot : aa * bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** Best first. */
export const compareScores = (metric: Metric, a: number, b: number): number =>
  metric === 'L2' ? a - b : b - a;
export const isSameScore = (a: number, b: number): boolean =>
  Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a), Math.abs(b));
