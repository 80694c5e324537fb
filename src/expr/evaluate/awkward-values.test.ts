// Pairs of values that random cases seldom bring together.
import { describe, expect, it } from 'vitest';
import type { ComparisonOp, FieldRef, Leaf, LikePattern, Literal, Operand, Predicate } from '#expr/typed.js';
import { evaluate, type Row } from '../../../test/oracle/predicate-oracle.js';
import {
  double,
  float,
  int64,
  int64s,
  json,
  otherInt64,
  text,
  time,
} from '../../../test/support/row-cases.js';
import { columnOf } from '../../../test/support/row-columns.js';
import { viewOf } from './column-view.js';
import { FilterEvaluator } from './filter-evaluator.js';
import { isBitSet } from './rows.js';

const OPS: readonly ComparisonOp[] = ['==', '!=', '<', '<=', '>', '>='];
const INTS = [0, 1, 31, 32, 52, 53, 54, 62, 63]
  .map((power) => 2n ** BigInt(power))
  .flatMap((value) => [value - 1n, value, value + 1n, -value - 1n, -value, 1n - value])
  .filter((value) => value >= -(2n ** 63n) && value < 2n ** 63n);
const DOUBLES = [
  0,
  -0,
  0.5,
  Number.NaN,
  Infinity,
  -Infinity,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  Number.MAX_VALUE,
  ...INTS.map(Number),
];

function found(predicate: Predicate, fields: readonly FieldRef[], rows: readonly Row[]): number[] {
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  const bits = new Uint32Array(Math.ceil(rows.length / 32));
  new FilterEvaluator(predicate, { view: (fieldId) => views.get(fieldId) }).evaluate(0, rows.length, bits);
  return rows.flatMap((_, row) => (isBitSet(bits, row) ? [row] : []));
}

function expectSame(predicate: Predicate, fields: readonly FieldRef[], rows: readonly Row[]): void {
  const wanted = rows.flatMap((row, at) => (evaluate(predicate, row) === true ? [at] : []));
  expect(found(predicate, fields, rows)).toEqual(wanted);
}

const rowsOf = (field: FieldRef, values: readonly unknown[]): Row[] =>
  values.map((value) => new Map([[field.fieldId, value]]));
const field = (of: FieldRef, type: Operand['type']): Operand => ({
  kind: 'field',
  type: type as 'int',
  field: of,
});
const pairs = <A, B>(left: readonly A[], right: readonly B[]): (readonly [A, B])[] =>
  left.flatMap((a) => right.map((b) => [a, b] as const));

describe('awkward values', () => {
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

  it('compares JSON numbers by value, whatever they are written as', () => {
    const rows = rowsOf(
      json,
      [...INTS, ...DOUBLES.filter(Number.isFinite)].map((value) => ({ json: { a: value } })),
    );
    const operand: Operand = { kind: 'json', type: 'json', field: json, path: ['a'] };
    for (const value of INTS)
      for (const op of OPS) expectSame(compare(operand, op, { type: 'int', value }), [json], rows);
    for (const value of [0.5, Number.MIN_VALUE, Number.MAX_VALUE, 2 ** 64, Number.NaN])
      for (const op of OPS) expectSame(compare(operand, op, { type: 'double', value }), [json], rows);
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

  it('finds a text within one row only', () => {
    const infix = (one: string): Leaf => ({
      kind: 'like',
      operand: field(text, 'text'),
      pattern: { kind: 'infix', text: one },
    });
    const rows = rowsOf(text, ['xa', 'bx', '', 'ab', 'aab', 'a', '', 'b', 'éab', 'abab', 'a']);
    expect(found(infix('ab'), [text], rows)).toEqual([3, 4, 8, 9]);
    expect(found(infix('b'), [text], rows)).toEqual([1, 3, 4, 7, 8, 9]);
    expect(found(infix('aab'), [text], rows)).toEqual([4]);
  });

  it('counts code points, not bytes, where a pattern says so', () => {
    const like = (...parts: readonly ('_' | '%' | string)[]): Leaf => ({
      kind: 'like',
      operand: field(text, 'text'),
      pattern: {
        kind: 'general',
        parts: parts.map((part) =>
          part === '_' ? { kind: 'one' } : part === '%' ? { kind: 'any' } : { kind: 'text', text: part },
        ),
      },
    });
    const rows = rowsOf(text, ['é', 'aé', 'aéb', 'a😀', 'a😀é', '', 'éb', 'ab😀b']);
    expect(found(like('_'), [text], rows)).toEqual([0]);
    expect(found(like('a', '%', '_', '_'), [text], rows)).toEqual([2, 4, 7]);
    expect(found(like('%', '_', '_', 'b'), [text], rows)).toEqual([2, 7]);
    expect(found(like('%', '_', 'b', '%'), [text], rows)).toEqual([2, 6, 7]);
    expect(found(like('_', '_'), [text], rows)).toEqual([1, 3, 6]);
    expect(found(like('%', 'é', '%', '_'), [text], rows)).toEqual([2, 6]);
    expect(found(like('%', '', '%', '_'), [text], rows)).toEqual(found(like('%', '_'), [text], rows));
    expect(found(like('a', '%', 'ab'), [text], rows)).toEqual([]);
  });

  it('finds texts of one letter over and over in linear time, and finds them at all', () => {
    const asked: [LikePattern, string, boolean][] = [
      // A long beginning matches at every place, and the last byte, too.
      [{ kind: 'infix', text: `${'a'.repeat(20_000)}ba` }, 'a'.repeat(60_000), false],
      [{ kind: 'infix', text: `b${'a'.repeat(20_000)}` }, 'a'.repeat(60_000), false],
      [{ kind: 'infix', text: `${'a'.repeat(20_000)}b` }, `${'a'.repeat(60_000)}b`, true],
      [{ kind: 'infix', text: `${'ab'.repeat(9000)}a` }, `${'ab'.repeat(8000)}b${'ab'.repeat(20_000)}`, true],
      [{ kind: 'infix', text: `a${'ba'.repeat(9000)}a` }, `${'ab'.repeat(30_000)}`, false],
      [
        {
          kind: 'general',
          parts: [
            { kind: 'any' },
            { kind: 'text', text: `b${'a'.repeat(20_000)}` },
            { kind: 'any' },
            { kind: 'one' },
          ],
        },
        'a'.repeat(60_000),
        false,
      ],
    ];
    for (const [pattern, value, isFound] of asked) {
      const rows = rowsOf(
        text,
        Array.from({ length: 40 }, () => value),
      );
      const leaf: Leaf = { kind: 'like', operand: field(text, 'text'), pattern };
      const begin = performance.now();
      expect(found(leaf, [text], rows).length).toBe(isFound ? 40 : 0);
      // 40 texts of 60,000 bytes: milliseconds, and minutes where each place compares 20,000 bytes.
      expect(performance.now() - begin).toBeLessThan(5000);
    }
  });

  it('looks past texts that are shorter than what is looked for', () => {
    const needle = 'a'.repeat(3000);
    const values = Array.from({ length: 60_000 }, (_, row) => (row % 30_000 === 7 ? needle : 'a'));
    const leaf: Leaf = {
      kind: 'like',
      operand: field(text, 'text'),
      pattern: { kind: 'infix', text: needle },
    };
    const begin = performance.now();
    expect(found(leaf, [text], rowsOf(text, values))).toEqual([7, 30_007]);
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('asks for fewer rows at once, the more a row costs', () => {
    const rowsAtOnce = (leaf: Leaf, fields: readonly FieldRef[], rows: readonly Row[]): number => {
      const views = new Map(fields.map((one) => [one.fieldId, viewOf(columnOf(one, rows))]));
      return new FilterEvaluator(leaf, { view: (fieldId) => views.get(fieldId) }).rowsAtOnce;
    };
    const exists = (rows: readonly Row[]): number =>
      rowsAtOnce(
        { kind: 'exists', operand: { kind: 'json', type: 'json', field: json, path: ['a'] } },
        [json],
        rows,
      );
    const regex = (rows: readonly Row[]): number =>
      rowsAtOnce({ kind: 'regex', operand: field(text, 'text'), source: 'a' }, [text], rows);
    const number = compare(field(int64, 'int'), '<', { type: 'int', value: 1n });
    expect(rowsAtOnce(number, [int64], rowsOf(int64, INTS))).toBe(16_384);
    expect(exists(rowsOf(json, [{ json: { a: 1n } }]))).toBeGreaterThan(8192);
    expect(exists(rowsOf(json, [{ json: { a: 'x'.repeat(60_000) } }]))).toBe(32);
    expect(regex(rowsOf(text, ['abc']))).toBeGreaterThan(1024);
    expect(regex(rowsOf(text, ['x'.repeat(5000)]))).toBe(32);
  });

  it('takes the first of a key that is there twice, and no key for another that is written in escapes', () => {
    const source = ['{"a":1,"a":2}', '{"\\u0061":1}', '{"b\\\\":1,"a":3}', '{"a" : {"b":[1,{"c":1}]}}'];
    const bytes = source.map((one) => new TextEncoder().encode(one));
    const offsets = new Uint32Array(source.length + 1);
    for (const [row, one] of bytes.entries()) offsets[row + 1] = (offsets[row] as number) + one.length;
    const data = new Uint8Array(Buffer.concat(bytes));
    const view = { kind: 'variable' as const, data, offsets, valid: new Uint8Array(0) };
    const rowsWhere = (path: readonly string[]): number[] => {
      const bits = new Uint32Array(1);
      const leaf = compare({ kind: 'json', type: 'json', field: json, path }, '==', {
        type: 'int',
        value: 1n,
      });
      new FilterEvaluator(leaf, { view: () => view }).evaluate(0, source.length, bits);
      return source.flatMap((_, row) => (isBitSet(bits, row) ? [row] : []));
    };
    expect(rowsWhere(['a'])).toEqual([0, 1]);
    expect(rowsWhere(['b\\'])).toEqual([2]);
    expect(rowsWhere(['a', 'b', '1', 'c'])).toEqual([3]);
    expect(rowsWhere(['a', 'b', '01', 'c'])).toEqual([]);
  });

  it('reads JSON as its rules say', () => {
    const jsonRows = rowsOf(json, [
      { json: { a: 'x😀', b: [1n, 1n] } },
      { json: { a: 7n, b: [2n, 1n, 1n] } },
      { json: { b: { '0': 1n } } },
      { json: { a: 7.5, b: [] } },
    ]);
    const at = (...path: string[]): Operand & { kind: 'json' } => ({
      kind: 'json',
      type: 'json',
      field: json,
      path,
    });
    const view = new TextEncoder().encode('{"a":"x\\ud83d\\ude00"}');
    const escaped = {
      kind: 'variable' as const,
      data: view,
      offsets: Uint32Array.of(0, view.length),
      valid: new Uint8Array(0),
    };
    const emoji = compare(at('a'), '==', { type: 'text', value: 'x😀' });
    expect(new FilterEvaluator(emoji, { view: () => escaped }).evaluate(0, 1, new Uint32Array(1))).toBe(1);
    // A division of two ints by 0 is unknown; what is no int is not.
    const left = at('a');
    const right: Operand = { kind: 'constant', type: 'int', value: 0n };
    const remainder: Operand = { kind: 'arithmetic', type: 'json', op: '%', left, right };
    const leaf = compare(remainder, '==', { type: 'int', value: 1n });
    expect(found({ kind: 'not', operand: leaf }, [json], jsonRows)).toEqual([0, 2, 3]);
    const [bools, doubles, texts, lists] = [[], new Float64Array(0), [], []];
    const values = { bools, ints: BigInt64Array.of(1n, 2n), doubles, texts, lists };
    expect(found({ kind: 'contains', operand: at('b'), mode: 'all', values }, [json], jsonRows)).toEqual([1]);
  });

  it('distinguishes doubles that differ in the last digit only', () => {
    const values = [
      0.12345678901234566, 0.12345678901234568, 98765.43210987654, 98765.43210987656, -3.3333333333333335,
    ];
    const rows = rowsOf(
      json,
      values.map((a) => ({ json: { a } })),
    );
    const operand: Operand = { kind: 'json', type: 'json', field: json, path: ['a'] };
    for (const value of values)
      for (const op of OPS) expectSame(compare(operand, op, { type: 'double', value }), [json], rows);
  });

  it('looks through the JSON of every block', () => {
    const rows = rowsOf(
      json,
      Array.from({ length: 5000 }, (_, row) => ({ json: { a: BigInt(row) } })),
    );
    const operand: Operand = { kind: 'json', type: 'json', field: json, path: ['a'] };
    const later = compare(operand, '>=', { type: 'int', value: 4990n });
    expect(found(later, [json], rows)).toEqual([4990, 4991, 4992, 4993, 4994, 4995, 4996, 4997, 4998, 4999]);
  });

  it('stays within the bytes of JSON that is cut off', () => {
    const whole = new TextEncoder().encode(
      '{"a":{"b\\u00e9":["x\\n\\ud83d\\ude00",-12.5e3,true]},"c":"\\\\"}',
    );
    for (let length = 0; length <= whole.length; length++) {
      const view = {
        kind: 'variable' as const,
        data: whole.slice(0, length),
        offsets: Uint32Array.of(0, length),
        valid: new Uint8Array(0),
      };
      for (const path of [['a', 'bé', '1'], ['a', 'bé', '0'], ['c'], ['d'], []]) {
        const operand: Operand & { kind: 'json' } = { kind: 'json', type: 'json', field: json, path };
        for (const leaf of [
          compare(operand, '>', { type: 'int', value: 0n }),
          compare(operand, '==', { type: 'text', value: 'x' }),
          { kind: 'exists', operand } as const,
        ])
          expect(
            new FilterEvaluator(leaf, { view: () => view }).evaluate(0, 1, new Uint32Array(1)),
          ).toBeLessThan(2);
      }
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

function compare(operand: Operand, op: ComparisonOp, value: Literal): Leaf & { readonly kind: 'compare' } {
  return { kind: 'compare', operand, op, value };
}
