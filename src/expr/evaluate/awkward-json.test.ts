// JSON that random cases seldom make: escapes, doubled keys, numbers in every spelling, text that is cut off.
import { describe, expect, it } from 'vitest';
import type { Operand } from '#expr/typed.js';
import {
  compare,
  DOUBLES,
  expectSame,
  found,
  INTS,
  OPS,
  rowsOf,
} from '../../../test/support/awkward-values.js';
import { json } from '../../../test/support/row-cases.js';
import { FilterEvaluator } from './filter-evaluator.js';
import { isBitSet } from './rows.js';

describe('awkward JSON', () => {
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
});
