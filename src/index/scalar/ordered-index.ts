// An index of the values of one scalar column, array or JSON path of a sealed segment: its distinct values in order, and behind each the rows
// that have it. It serves as sorted and as inverted index: a comparison, a range, `in` and a beginning of texts are a few runs of values, found
// in logarithmic time, whose rows are counted before they are touched. Null rows, and NaN, which no comparison finds, are not in it. Its bytes
// are `ordered-index-bytes.ts`.
import { assert } from '#base/assert.js';
import type { ColumnView } from '#expr/evaluate/column-view.js';
import { entriesOfView } from './column-entries.js';
import type { Entries, NumberEntries, TextEntries } from './entries.js';
import { PackedRows, packRows } from './packed-rows.js';
import { type SortKeys, sortRows } from './sort-rows.js';
import { countBefore, lengthOf, prefixRange, type Value, type ValueList } from './value-list.js';

export interface OrderedIndexParts {
  /** Rows of the column. */
  readonly rowCount: number;
  readonly values: ValueList;
  /** The entries of value v are [starts[v], starts[v + 1]). */
  readonly starts: Uint32Array;
  /** The row of each entry, of one value ascending; or in containers, where that takes less. */
  readonly rows: Uint32Array | PackedRows;
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
    return OrderedIndex.of(entriesOfView(view, rowCount), rowCount);
  }

  static of(entries: Entries, rowCount: number): OrderedIndex {
    const sorted = entries.form === 'text' ? sortedTexts(entries) : sortedNumbers(entries);
    return new OrderedIndex({ rowCount, ...sorted, rows: packRows(sorted) ?? sorted.rows });
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
    if (rows instanceof PackedRows) {
      rows.addTo(begin, end, bits);
      return;
    }
    const last = starts[end] as number;
    for (let at = starts[begin] as number; at < last; at++) {
      const row = rows[at] as number;
      bits[row >>> 5] = (bits[row >>> 5] as number) | (1 << (row & 31));
    }
  }
}

const isUnordered = (bound: Bound | undefined): boolean => Number.isNaN(bound?.value);

type Sorted = Omit<OrderedIndexParts, 'rowCount' | 'rows'> & { readonly rows: Uint32Array };

function sortedNumbers({ form, rows: rowOf, numbers }: NumberEntries): Sorted {
  const words = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length * 2);
  const keys = sortKeys(words, form === 'double');
  const order = sortRows(
    Uint32Array.from(rowOf, (_, entry) => entry),
    keys,
  );
  const isSame = (one: number, other: number): boolean =>
    keys.low[one] === keys.low[other] && keys.high[one] === keys.high[other];
  const { firsts, starts, rows } = grouped(order, rowOf, isSame);
  const values =
    numbers instanceof Float64Array
      ? Float64Array.from(firsts, (entry) => numbers[entry] as number)
      : BigInt64Array.from(firsts, (entry) => numbers[entry] as bigint);
  return { values: { form, values }, starts, rows };
}

/** Entries in order, those of one value together. A row that has a value twice is listed once. */
function grouped(
  order: Uint32Array,
  rowOf: Uint32Array,
  isSame: (one: number, other: number) => boolean,
): { readonly firsts: number[]; readonly starts: Uint32Array; readonly rows: Uint32Array } {
  const firsts: number[] = [];
  const starts: number[] = [];
  const rows = new Uint32Array(order.length);
  let count = 0;
  for (let at = 0; at < order.length; at++) {
    const entry = order[at] as number;
    const row = rowOf[entry] as number;
    const isNew = at === 0 || !isSame(entry, order[at - 1] as number);
    if (isNew) {
      firsts.push(entry);
      starts.push(count);
    } else if (rows[count - 1] === row) continue;
    rows[count++] = row;
  }
  starts.push(count);
  return { firsts, starts: Uint32Array.from(starts), rows: rows.slice(0, count) };
}

const SIGN = 0x80000000;

/** Bits whose order as unsigned numbers is that of the values. */
function sortKeys(words: Uint32Array, isDouble: boolean): SortKeys {
  const count = words.length >>> 1;
  const low = new Uint32Array(count);
  const high = new Uint32Array(count);
  for (let entry = 0; entry < count; entry++) {
    const upper = words[entry * 2 + 1] as number;
    // Among negative doubles the larger bits are the smaller value.
    const isTurned = isDouble && upper >= SIGN;
    low[entry] = isTurned ? ~(words[entry * 2] as number) : (words[entry * 2] as number);
    high[entry] = isTurned ? ~upper : upper ^ SIGN;
  }
  return { low, high };
}

function sortedTexts({ data, rows: rowOf, begins, ends }: TextEntries): Sorted {
  const compare = (a: number, b: number): number => {
    const [begin, from] = [begins[a] as number, begins[b] as number];
    const [length, other] = [(ends[a] as number) - begin, (ends[b] as number) - from];
    for (let at = 0; at < length && at < other; at++) {
      const difference = (data[begin + at] as number) - (data[from + at] as number);
      if (difference !== 0) return difference;
    }
    return length - other;
  };
  const order = Uint32Array.from(rowOf, (_, entry) => entry);
  order.sort((a, b) => compare(a, b) || a - b);
  const { firsts, starts, rows } = grouped(order, rowOf, (one, other) => compare(one, other) === 0);
  const offsets = new Uint32Array(firsts.length + 1);
  for (const [at, entry] of firsts.entries())
    offsets[at + 1] = (offsets[at] as number) + (ends[entry] as number) - (begins[entry] as number);
  const bytes = new Uint8Array(offsets[firsts.length] as number);
  for (const [at, entry] of firsts.entries())
    bytes.set(data.subarray(begins[entry] as number, ends[entry] as number), offsets[at] as number);
  return { values: { form: 'text', offsets, bytes }, starts, rows };
}
