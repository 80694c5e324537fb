// The distinct values of a column in ascending order: ints of 64 bits, doubles, or texts by their UTF-8 bytes.
import { compareTo, standsAt } from '#expr/evaluate/text/byte-strings.js';

export interface NumberList {
  readonly form: 'int64' | 'double';
  readonly values: BigInt64Array | Float64Array;
}
export interface TextList {
  readonly form: 'text';
  /** Text v is `bytes[offsets[v], offsets[v + 1])`. */
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}
export type ValueList = NumberList | TextList;

export type Value = bigint | number | Uint8Array;

export const lengthOf = (list: ValueList): number =>
  list.form === 'text' ? Math.max(0, list.offsets.length - 1) : list.values.length;

/** How many values come before one; with `orEqual` that one, too. Nothing comes before NaN. */
export function countBefore(list: ValueList, value: Value, orEqual: boolean): number {
  let low = 0;
  let high = lengthOf(list);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareAt(list, middle, value);
    if (order < 0 || (orEqual && order === 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Where values are in the list: pairs of begin and end, one for each that is there. Values that ascend are looked for from where the one before
 * was, in steps that double, so that many of them cost little more than a walk over the list.
 */
export function placesOf(list: ValueList, values: readonly Value[]): Uint32Array {
  const length = lengthOf(list);
  const places = new Uint32Array(values.length * 2);
  let count = 0;
  let from = 0;
  for (const value of values) {
    if (from > 0 && !(compareAt(list, from - 1, value) < 0)) from = 0;
    let low = from;
    let high = from;
    for (let step = 1; high < length && compareAt(list, high, value) < 0; step *= 2) {
      low = high + 1;
      high += step;
    }
    high = Math.min(high, length);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareAt(list, middle, value) < 0) low = middle + 1;
      else high = middle;
    }
    from = low;
    // Zero is there twice, with a sign and without.
    let end = low;
    while (end < length && compareAt(list, end, value) === 0) end++;
    if (end === low) continue;
    places[count++] = low;
    places[count++] = end;
  }
  return places.subarray(0, count);
}

/** Below 0: the value in the list is smaller; NaN: it has no order. */
function compareAt(list: ValueList, at: number, value: Value): number {
  if (list.form === 'text') {
    if (!(value instanceof Uint8Array)) throw new TypeError('a number where a text was expected');
    return compareTo(list.bytes, list.offsets[at] as number, list.offsets[at + 1] as number, value);
  }
  if (value instanceof Uint8Array) throw new TypeError('a text where a number was expected');
  const own = list.values[at] as bigint | number;
  // JavaScript compares an int of any size with a double by value.
  return own < value ? -1 : own > value ? 1 : own >= value ? 0 : Number.NaN;
}

/** How many texts come before all that begin with these bytes, and before those that come after them. */
export function prefixRange(list: TextList, prefix: Uint8Array): readonly [begin: number, end: number] {
  const begin = countBefore(list, prefix, false);
  let end = lengthOf(list);
  let low = begin;
  while (low < end) {
    const middle = (low + end) >>> 1;
    if (beginsWith(list, middle, prefix)) low = middle + 1;
    else end = middle;
  }
  return [begin, low];
}

function beginsWith({ bytes, offsets }: TextList, at: number, prefix: Uint8Array): boolean {
  const begin = offsets[at] as number;
  return (offsets[at + 1] as number) - begin >= prefix.length && standsAt(bytes, begin, prefix);
}
