// Pairs of numbers and times that random cases seldom bring together.
import { describe, expect, it } from 'vitest';
import type { Leaf, Operand } from '#expr/typed.js';
import {
  compare,
  DOUBLES,
  expectSame,
  field,
  found,
  INTS,
  OPS,
  rowsOf,
} from '../../../test/support/awkward-values.js';
import { double, float, int64, int64s, otherInt64, time } from '../../../test/support/row-cases.js';

const pairs = <A, B>(left: readonly A[], right: readonly B[]): (readonly [A, B])[] =>
  left.flatMap((a) => right.map((b) => [a, b] as const));

describe('awkward numbers', () => {
  it('compares ints with ints around every power of two', () => {
    const rows = rowsOf(int64, INTS);
    for (const value of INTS)
      for (const op of OPS)
        expectSame(compare(field(int64, 'int'), op, { type: 'int', value }), [int64], rows);
  });

  it('compares doubles and floats with each other', () => {
    for (const value of DOUBLES) {
      for (const op of OPS) {
        expectSame(
          compare(field(double, 'double'), op, { type: 'double', value }),
          [double],
          rowsOf(double, DOUBLES),
        );
        const rounded = Math.fround(value);
        const floats = rowsOf(float, DOUBLES.map(Math.fround));
        expectSame(compare(field(float, 'float'), op, { type: 'float', value: rounded }), [float], floats);
      }
    }
  });

  it('compares an int field with an int field and with a double field by value', () => {
    const ints = pairs(INTS, INTS).map(
      ([a, b]) =>
        new Map([
          [int64.fieldId, a],
          [otherInt64.fieldId, b],
        ]),
    );
    const mixed = pairs(INTS, DOUBLES).map(
      ([a, b]) =>
        new Map<bigint, unknown>([
          [int64.fieldId, a],
          [double.fieldId, b],
        ]),
    );
    for (const op of OPS) {
      const sides = (right: Operand): Leaf => ({
        kind: 'compare-operands',
        left: field(int64, 'int'),
        op,
        right,
      });
      expectSame(sides(field(otherInt64, 'int')), [int64, otherInt64], ints);
      expectSame(sides(field(double, 'double')), [int64, double], mixed);
    }
  });

  it('wraps arithmetic on ints at 64 bits, and reports a division by 0', () => {
    const rows = pairs(INTS, INTS).map(
      ([a, b]) =>
        new Map([
          [int64.fieldId, a],
          [otherInt64.fieldId, b],
        ]),
    );
    const [left, right] = [field(int64, 'int'), field(otherInt64, 'int')];
    for (const op of ['+', '-', '*', '/', '%', '&', '|', '^'] as const) {
      const operand: Operand = { kind: 'arithmetic', type: 'int', op, left, right };
      for (const value of [0n, 1n, -1n, 2n ** 53n + 1n, -(2n ** 63n)]) {
        expectSame(compare(operand, '<=', { type: 'int', value }), [int64, otherInt64], rows);
        const leaf = compare(operand, '==', { type: 'int', value });
        expectSame({ kind: 'not', operand: leaf }, [int64, otherInt64], rows);
      }
    }
  });

  it('rounds each step of arithmetic on floats', () => {
    const sum: Operand = {
      kind: 'arithmetic',
      type: 'float',
      op: '+',
      left: field(float, 'float'),
      right: { kind: 'constant', type: 'float', value: 1 },
    };
    const rows = rowsOf(float, [16777216, 16777215]);
    expect(found(compare(sum, '==', { type: 'float', value: 16777216 }), [float], rows)).toEqual([0, 1]);
  });

  it('moves times by months as calendars do', () => {
    const days = Array.from({ length: 1500 }, (_, day) => BigInt(day - 700) * 86_400_000_000n + 5n);
    const rows = rowsOf(time, [...days, -62_135_596_800_000_000n, 253_402_300_799_999_999n]);
    for (const months of [1, -1, 11, 12, -13, 600]) {
      const operand: Operand = { kind: 'shifted', type: 'time', field: time, months, micros: -5n };
      for (const row of rows.slice(0, 1400)) {
        const at = row.get(time.fieldId) as bigint;
        const near = rowsOf(time, [at]);
        const asked = (value: bigint): Leaf => compare(operand, '==', { type: 'time', value });
        const date = new Date(Number(at / 86_400_000_000n - (at < 0n ? 1n : 0n)) * 86_400_000);
        const moved = date.setUTCFullYear(
          date.getUTCFullYear(),
          date.getUTCMonth() + months,
          date.getUTCDate(),
        );
        expect(found(asked(BigInt(moved) * 1000n), [time], near)).toEqual([0]);
      }
      expectSame(compare(operand, '>', { type: 'time', value: 0n }), [time], rows);
    }
  });

  it('counts elements of long arrays in several runs', () => {
    const rows = rowsOf(
      int64s,
      Array.from({ length: 9 }, (_, row) => Array.from({ length: row * 900 }, (_, at) => BigInt(at % 7))),
    );
    const threes: Leaf = {
      kind: 'match',
      quantifier: 'exact',
      threshold: 257,
      elements: {
        over: int64s,
        predicate: compare({ kind: 'current', type: 'int', field: int64s }, '==', { type: 'int', value: 3n }),
      },
    };
    expectSame(threes, [int64s], rows);
    expectSame({ ...threes, quantifier: 'least' }, [int64s], rows);
    expectSame({ ...threes, quantifier: 'most' }, [int64s], rows);
  });
});
