// One sparse vector as bytes: pairs of uint32 index and float32 value, little-endian, by ascending index. The same bytes come over the
// wire, lie in columns and files, and are what searches read; this file says which bytes are such a vector, and writes them from JSON.
import { uint32At } from './column.js';

export const SPARSE_PAIR_BYTES = 8;
/** 2^32 - 1 itself is no index. */
const SPARSE_INDEX_END = 0xffffffff;

/**
 * Why the bytes are no sparse vector; undefined when they are one. No pairs at all is one: it matches nothing.
 * Negative values are refused as Milvus does: pruning while searching rests on a row's score only growing with every shared index.
 */
export function sparseProblem(row: Uint8Array): string | undefined {
  if (row.length % SPARSE_PAIR_BYTES !== 0)
    return `invalid data length in sparse float vector: ${row.length}, expected a multiple of 8`;
  let previous = -1;
  for (let word = 0; word < row.length / 4; word += 2) {
    const index = uint32At(row, word);
    if (index === SPARSE_INDEX_END) return 'invalid index in sparse float vector: must be less than 2^32-1';
    if (index <= previous) return 'unsorted or same indices in sparse float vector';
    previous = index;
    const bits = uint32At(row, word + 1);
    if ((bits & 0x7f800000) === 0x7f800000) return 'value in sparse float vector is not a number or infinity';
    if (bits > 0x80000000) return 'negative value in sparse float vector';
  }
  return undefined;
}

/** 1 + the largest index of a valid vector, 0 without pairs. */
export const sparseDim = (row: Uint8Array): number =>
  row.length === 0 ? 0 : uint32At(row, row.length / 4 - 2) + 1;

/** Sorted bytes of pairs in any order. @returns why they are no vector otherwise */
export function sparseFromPairs(
  pairs: readonly (readonly [index: number, value: number])[],
): Uint8Array | string {
  for (const [index, value] of pairs) {
    if (!Number.isInteger(index) || index < 0 || index >= SPARSE_INDEX_END)
      return `index ${index}, expected an integer from 0 to 2^32-2`;
    if (!Number.isFinite(Math.fround(value)) || value < 0)
      return `value ${value} at index ${index}, expected a finite number of at least 0`;
  }
  const sorted = [...pairs].sort(([a], [b]) => a - b);
  const row = new Uint8Array(sorted.length * SPARSE_PAIR_BYTES);
  const view = new DataView(row.buffer);
  let previous = -1;
  for (const [at, [index, value]] of sorted.entries()) {
    if (index === previous) return `index ${index} twice, expected once`;
    previous = index;
    view.setUint32(at * SPARSE_PAIR_BYTES, index, true);
    view.setFloat32(at * SPARSE_PAIR_BYTES + 4, value, true);
  }
  return row;
}

/** A sparse vector from JSON text: `{"1": 0.5, "7": 2}` or `{"indices": [1, 7], "values": [0.5, 2]}`. @returns why it is none otherwise */
export function sparseFromJson(raw: string): Uint8Array | string {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return 'no JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'no object';
  const { indices, values } = value as { indices?: unknown; values?: unknown };
  if (indices !== undefined || values !== undefined) {
    if (!Array.isArray(indices) || !Array.isArray(values) || indices.length !== values.length)
      return 'indices and values are not lists of one length';
    if (![...indices, ...values].every((one) => typeof one === 'number'))
      return 'indices and values are not all numbers';
    return sparseFromPairs(indices.map((index, at) => [Number(index), Number(values[at])]));
  }
  const pairs: [number, number][] = [];
  for (const [key, one] of Object.entries(value)) {
    if (!/^\d{1,10}$/.test(key))
      return `index ${JSON.stringify(key.slice(0, 20))}, expected an integer from 0 to 2^32-2`;
    if (typeof one !== 'number') return `a value at index ${key} that is no number`;
    pairs.push([Number(key), one]);
  }
  return sparseFromPairs(pairs);
}
