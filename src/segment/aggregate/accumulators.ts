// What a query keeps of each group while it goes over rows: one accumulator a call. Sums of integers are exact whatever comes, sums of floats
// are doubles in the order of the rows. Nulls are left out; a group without any value has a null for its sum, least and greatest.
import { bytesView } from '#base/bytes.js';
import { ANSWER_BYTES_MAX, answerTooLarge } from '#model/answer-bounds.js';
import { column, columnFromInt64, columnFromStrings, stringAt } from '#model/columns/column.js';
import { compareValues, hasValue, type OrderColumn, textBytesAt } from '#model/columns/value-order.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';

export interface Accumulator {
  /** Groups are numbered from 0 without a gap: a new one is at most one above those before. */
  add(row: number, group: number): void;
  /** The states, one row a group. */
  finish(): Column;
}

/** Beyond it a sum of numbers would stop being exact. */
const EXACT_MAX = 2 ** 52;

/** Rows, or rows with a value. */
export function counter(id: bigint, of: OrderColumn | undefined): Accumulator {
  const counts: number[] = [];
  return {
    add(row, group) {
      counts[group] = (counts[group] ?? 0) + (of === undefined || hasValue(of, row) ? 1 : 0);
    },
    finish: () => columnFromInt64(id, counts.map(BigInt)),
  };
}

/** Counts that were made before, added up. */
export function countSum(id: bigint, of: OrderColumn): Accumulator {
  const sums = integerSums(of);
  return {
    add: sums.add,
    finish: () =>
      columnFromInt64(
        id,
        sums.totals().map((total) => total ?? 0n),
      ),
  };
}

/** As text, which has no bound. */
export function integerSum(id: bigint, of: OrderColumn): Accumulator {
  const sums = integerSums(of);
  return { add: sums.add, finish: () => digits(id, sums.totals()) };
}

function integerSums(of: OrderColumn) {
  /** Undefined: no value yet. What is in `high` counts 2^32 times. */
  const totals: (bigint | undefined)[] = [];
  const [low, high]: [number[], number[]] = [[], []];
  const settle = (group: number): void => {
    const [l, h] = [low[group] ?? 0, high[group] ?? 0];
    totals[group] = (totals[group] ?? 0n) + (BigInt(h) << 32n) + BigInt(l);
    low[group] = 0;
    high[group] = 0;
  };
  const add = (row: number, group: number): void => {
    if (group >= totals.length) totals[group] = undefined;
    if (!hasValue(of, row)) return;
    totals[group] ??= 0n;
    let [l, h] = [low[group] ?? 0, high[group] ?? 0];
    if (of.kind === 'int64') {
      l += (of.words[row * 2] as number) >>> 0;
      h += of.words[row * 2 + 1] as number;
    } else if (of.kind === 'number') l += of.values[row] as number;
    low[group] = l;
    high[group] = h;
    if (l > EXACT_MAX || l < -EXACT_MAX || h > EXACT_MAX || h < -EXACT_MAX) settle(group);
  };
  return {
    add,
    totals: () => {
      for (const [group, total] of totals.entries()) if (total !== undefined) settle(group);
      return totals;
    },
  };
}

/** Sums as text that were made before, added up. */
export function digitSum(id: bigint, from: Column, of: OrderColumn): Accumulator {
  const totals: (bigint | undefined)[] = [];
  return {
    add(row, group) {
      const before = totals[group];
      totals[group] = hasValue(of, row) ? (before ?? 0n) + BigInt(stringAt(from, row)) : before;
    },
    finish: () => digits(id, totals),
  };
}

const digits = (id: bigint, totals: readonly (bigint | undefined)[]): Column =>
  columnFromStrings(
    id,
    DataType.VarChar,
    totals.map((total) => (total === undefined ? null : String(total))),
  );

export function floatSum(id: bigint, of: OrderColumn): Accumulator {
  const sums: (number | undefined)[] = [];
  return {
    add(row, group) {
      const before = sums[group];
      const value = of.kind === 'number' && hasValue(of, row) ? (of.values[row] as number) : undefined;
      sums[group] = value === undefined ? before : (before ?? 0) + value;
    },
    finish: () => doubles(id, sums),
  };
}

export const doubles = (id: bigint, values: readonly (number | undefined)[]): Column =>
  column(
    id,
    DataType.Double,
    bytesView(Float64Array.from(values, (value) => value ?? 0)),
    undefined,
    values.includes(undefined)
      ? Uint8Array.from(values, (value) => (value === undefined ? 0 : 1))
      : undefined,
  );

/** The least or the greatest value, in the order that `order_by_fields` knows. @param gather copies of the column's values */
export function extreme(
  of: OrderColumn,
  wanted: 'min' | 'max',
  gather: (rows: Uint32Array) => Column,
): Accumulator {
  /** By group: the row that has it; -1: no value yet. */
  const best: number[] = [];
  const sign = wanted === 'min' ? 1 : -1;
  return {
    add(row, group) {
      const known = best[group] ?? -1;
      best[group] = known;
      if (!hasValue(of, row)) return;
      if (known < 0 || sign * compareValues(of, row, of, known) < 0) best[group] = row;
    },
    finish() {
      const textBytes = best.reduce((sum, row) => sum + (row < 0 ? 0 : textBytesAt(of, row)), 0);
      if (textBytes > ANSWER_BYTES_MAX) throw answerTooLarge('query');
      const found = gather(Uint32Array.from(best, (row) => Math.max(row, 0)));
      return best.includes(-1)
        ? { ...found, valid: Uint8Array.from(best, (row) => (row < 0 ? 0 : 1)) }
        : found;
    },
  };
}
