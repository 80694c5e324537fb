// An index of one scalar column of a sealed segment: its distinct values in order, and behind each the rows that have it. It serves as sorted
// and as inverted index: a comparison, a range, `in` and a beginning of texts are a few runs of values, found in logarithmic time, whose rows
// are counted before they are touched. Null rows, and NaN, which no comparison finds, are not in it. Its bytes are `ordered-index-bytes.ts`.
import { assert } from '#base/assert.js';
import type { ColumnView, FixedView, VariableView } from '#expr/evaluate/column-view.js';
import { type SortKeys, sortRows } from './sort-rows.js';
import { countBefore, lengthOf, prefixRange, type Value, type ValueList } from './value-list.js';

export interface OrderedIndexParts {
  /** Rows of the column. */
  readonly rowCount: number;
  readonly values: ValueList;
  /** The rows of value v are `rows[starts[v], starts[v + 1])`, ascending. */
  readonly starts: Uint32Array;
  readonly rows: Uint32Array;
}

/** Values [begin, end) of the list. */
export interface ValueRun {
  readonly begin: number;
  readonly end: number;
}

export interface Bound {
  readonly value: Value;
  readonly isInclusive: boolean;
}

export class OrderedIndex {
  readonly parts: OrderedIndexParts;

  constructor(parts: OrderedIndexParts) {
    this.parts = parts;
  }

  /** @param view of numbers, bools, times or texts */
  static build(view: ColumnView, rowCount: number): OrderedIndex {
    return new OrderedIndex(view.kind === 'fixed' ? numberParts(view, rowCount) : textParts(view, rowCount));
  }

  /** The values between two bounds; without one, from the first or to the last. */
  between(lower?: Bound, upper?: Bound): ValueRun {
    const { values } = this.parts;
    if (isUnordered(lower) || isUnordered(upper)) return { begin: 0, end: 0 };
    const begin = lower === undefined ? 0 : countBefore(values, lower.value, !lower.isInclusive);
    const end = upper === undefined ? lengthOf(values) : countBefore(values, upper.value, upper.isInclusive);
    return { begin, end: Math.max(begin, end) };
  }

  equalTo(value: Value): ValueRun {
    const bound = { value, isInclusive: true };
    return this.between(bound, bound);
  }

  /** Texts that begin with these bytes. */
  beginningWith(prefix: Uint8Array): ValueRun {
    const { values } = this.parts;
    assert(values.form === 'text', `an index of ${values.form} values has no texts`);
    const [begin, end] = prefixRange(values, prefix);
    return { begin, end };
  }

  /** How many rows have a value of the run: no row is touched. */
  countRows({ begin, end }: ValueRun): number {
    const { starts } = this.parts;
    return (starts[end] as number) - (starts[begin] as number);
  }

  /** Sets the bits of rows that have a value of the run. @param bits bit (row & 31) of word (row >> 5) */
  addRows({ begin, end }: ValueRun, bits: Uint32Array): void {
    const { starts, rows } = this.parts;
    const last = starts[end] as number;
    for (let at = starts[begin] as number; at < last; at++) {
      const row = rows[at] as number;
      bits[row >>> 5] = (bits[row >>> 5] as number) | (1 << (row & 31));
    }
  }
}

const isUnordered = (bound: Bound | undefined): boolean => Number.isNaN(bound?.value);

function numberParts(view: FixedView, rowCount: number): OrderedIndexParts {
  const numbers = numbersOf(view, rowCount);
  const present = presentRows(view.valid, rowCount, numbers);
  const words = new Uint32Array(numbers.buffer);
  const isDouble = numbers instanceof Float64Array;
  const keys = sortKeys(words, isDouble);
  const rows = sortRows(present, keys);
  const starts: number[] = [];
  for (let at = 0; at < rows.length; at++) {
    const [row, before] = [rows[at] as number, rows[at - 1] as number];
    if (at === 0 || keys.low[row] !== keys.low[before] || keys.high[row] !== keys.high[before])
      starts.push(at);
  }
  const firsts = starts.map((at) => rows[at] as number);
  const values = isDouble
    ? Float64Array.from(firsts, (row) => numbers[row] as number)
    : BigInt64Array.from(firsts, (row) => numbers[row] as bigint);
  starts.push(rows.length);
  return {
    rowCount,
    values: { form: isDouble ? 'double' : 'int64', values },
    starts: Uint32Array.from(starts),
    rows,
  };
}

/** Copies: zeros of both signs are one value. */
function numbersOf(view: FixedView, rowCount: number): BigInt64Array | Float64Array {
  switch (view.form) {
    case 'float':
    case 'double':
      return Float64Array.from({ length: rowCount }, (_, row) => (view.values[row] as number) + 0);
    case 'int64': {
      const words = view.values.slice(0, rowCount * 2);
      return new BigInt64Array(words.buffer);
    }
    default:
      return BigInt64Array.from({ length: rowCount }, (_, row) => BigInt(view.values[row] as number));
  }
}

function presentRows(
  valid: Uint8Array,
  rowCount: number,
  numbers: BigInt64Array | Float64Array | undefined,
): Uint32Array {
  const rows = new Uint32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    if (valid.length > 0 && valid[row] === 0) continue;
    if (Number.isNaN(numbers?.[row])) continue;
    rows[count++] = row;
  }
  return rows.slice(0, count);
}

const SIGN = 0x80000000;

/** Bits whose order as unsigned numbers is that of the values. */
function sortKeys(words: Uint32Array, isDouble: boolean): SortKeys {
  const count = words.length >>> 1;
  const low = new Uint32Array(count);
  const high = new Uint32Array(count);
  for (let row = 0; row < count; row++) {
    const upper = words[row * 2 + 1] as number;
    // Among negative doubles the larger bits are the smaller value.
    const isTurned = isDouble && upper >= SIGN;
    low[row] = isTurned ? ~(words[row * 2] as number) : (words[row * 2] as number);
    high[row] = isTurned ? ~upper : upper ^ SIGN;
  }
  return { low, high };
}

function textParts({ data, offsets, valid }: VariableView, rowCount: number): OrderedIndexParts {
  const rows = presentRows(valid, rowCount, undefined);
  const compare = (a: number, b: number): number => {
    const [begin, from] = [offsets[a] as number, offsets[b] as number];
    const [length, other] = [(offsets[a + 1] as number) - begin, (offsets[b + 1] as number) - from];
    for (let at = 0; at < length && at < other; at++) {
      const difference = (data[begin + at] as number) - (data[from + at] as number);
      if (difference !== 0) return difference;
    }
    return length - other;
  };
  rows.sort((a, b) => compare(a, b) || a - b);
  const starts: number[] = [];
  for (let at = 0; at < rows.length; at++)
    if (at === 0 || compare(rows[at - 1] as number, rows[at] as number) !== 0) starts.push(at);
  const firsts = starts.map((at) => rows[at] as number);
  starts.push(rows.length);
  const texts = new Uint32Array(firsts.length + 1);
  for (const [at, row] of firsts.entries())
    texts[at + 1] = (texts[at] as number) + (offsets[row + 1] as number) - (offsets[row] as number);
  const bytes = new Uint8Array(texts[firsts.length] as number);
  for (const [at, row] of firsts.entries())
    bytes.set(data.subarray(offsets[row] as number, offsets[row + 1] as number), texts[at] as number);
  return {
    rowCount,
    values: { form: 'text', offsets: texts, bytes },
    starts: Uint32Array.from(starts),
    rows,
  };
}
