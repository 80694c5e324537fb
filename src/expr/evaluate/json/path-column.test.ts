// Kept values against the text they come from, where a column has to send its reader back to it: texts that are long, many or escaped, ints
// that no double holds, arrays, doubled keys, no memory.
import { describe, expect, it } from 'vitest';
import type { VariableView } from '#expr/evaluate/column-view.js';
import { FilterEvaluator } from '#expr/evaluate/filter-evaluator.js';
import type { FieldRef, Leaf, Operand, Predicate } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import { KeptPaths } from '../../../../test/support/kept-paths.js';

const field: FieldRef = {
  fieldId: 5n,
  name: '$meta',
  dataType: DataType.JSON,
  elementType: DataType.None,
  nullable: true,
};
const at = (...path: string[]): Operand & { kind: 'json' } => ({ kind: 'json', type: 'json', field, path });

function viewOf(texts: readonly string[], valid = new Uint8Array(0)): VariableView {
  const bytes = texts.map((text) => new TextEncoder().encode(text));
  const offsets = new Uint32Array(texts.length + 1);
  for (const [row, one] of bytes.entries()) offsets[row + 1] = (offsets[row] as number) + one.length;
  return { kind: 'variable', data: new Uint8Array(Buffer.concat(bytes)), offsets, valid };
}

/** The bits of all rows: looked through, found and kept, and kept already. */
function answers(predicate: Predicate, view: VariableView, kept = new KeptPaths()): Uint32Array[] {
  const rowCount = view.offsets.length - 1;
  const source = { view: () => view };
  return [source, kept.over(source), kept.over(source)].map((one) => {
    const bits = new Uint32Array(Math.ceil(rowCount / 32));
    new FilterEvaluator(predicate, one).evaluate(0, rowCount, bits);
    return bits;
  });
}

function expectSame(predicate: Predicate, view: VariableView, kept?: KeptPaths): number {
  const [plain, found, again] = answers(predicate, view, kept);
  expect(found).toEqual(plain);
  expect(again).toEqual(plain);
  return plain?.reduce((count, word) => count + (word.toString(2).match(/1/g)?.length ?? 0), 0) ?? 0;
}

const equals = (path: Operand, value: string): Leaf => ({
  kind: 'compare',
  operand: path,
  op: '==',
  value: { type: 'text', value },
});
const prefix = (path: Operand, text: string): Leaf => ({
  kind: 'like',
  operand: path,
  pattern: { kind: 'prefix', text },
});
const not = (leaf: Leaf): Predicate => ({ kind: 'not', operand: leaf });

describe('kept values of a JSON path', () => {
  it('reads texts that are too long, too many or written in escapes like those it keeps', () => {
    const long = 'x'.repeat(65);
    const texts = Array.from({ length: 70_000 }, (_, row) =>
      row % 3 === 0 ? `{"k":"same","n":${row}}` : `{"n":1,"k":"own ${row}"}`,
    );
    texts.push(`{"k":"${long}"}`, '{"k":"s\\u0061me"}', '{"\\u006b":"same"}', '{"k":"a\\"b"}', '{"k":"\\ud800"}', '{"k":""}'); // biome-ignore format: rows that are unusual
    const view = viewOf(texts);
    const kept = new KeptPaths();
    expect(expectSame(equals(at('k'), 'same'), view, kept)).toBe(23_334 + 2);
    expect(expectSame(equals(at('k'), 'own 69998'), view, kept)).toBe(1);
    expect(expectSame(equals(at('k'), long), view, kept)).toBe(1);
    expect(expectSame(equals(at('k'), 'a"b'), view, kept)).toBe(1);
    expect(expectSame(equals(at('k'), '\ufffd'), view, kept)).toBe(1);
    expect(expectSame(equals(at('k'), ''), view, kept)).toBe(1);
    expectSame(prefix(at('k'), 'own 6'), view, kept);
    expectSame(not(prefix(at('k'), 'own 6')), view, kept);
    expectSame({ kind: 'exists', operand: at('k') }, view, kept);
  });

  it('is not slowed or misled by texts whose hashes meet', () => {
    // Words of one length from few letters meet in few slots; the same texts come twice.
    const words = Array.from(
      { length: 5000 },
      (_, row) => `{"k":"${(row % 2500).toString(2).padStart(12, '0')}"}`,
    );
    const view = viewOf(words);
    const kept = new KeptPaths();
    for (const row of [0, 7, 1023, 2499])
      expect(expectSame(equals(at('k'), row.toString(2).padStart(12, '0')), view, kept)).toBe(2);
  });

  it('keeps numbers exactly: ints, doubles, ints that no double holds, and none for what overflows', () => {
    const spelled = ['1', '1.0', '1e0', '-0', '-0.0', '9007199254740991', '9007199254740992', '9007199254740993', '9223372036854775807', '-9223372036854775808', '9223372036854775808', '1e999', '-1e999', '0.1', '0.10000000000000001', '5e-324', '"1"', 'true', 'null', '[1]', '{"a":1}']; // biome-ignore format: one line of numbers
    const rows = [...spelled.map((one) => `{"n":${one}}`), '{}', '', '{"n":1,"n":2}'];
    const valid = Uint8Array.from(rows, (row) => Number(row !== ''));
    const view = viewOf(rows, valid);
    const bounds = [1n, 0n, 9007199254740992n, 9007199254740993n, 2n ** 63n - 1n, -(2n ** 63n)];
    for (const op of ['==', '<', '<=', '>', '>='] as const) {
      for (const value of bounds) {
        const leaf: Leaf = { kind: 'compare', operand: at('n'), op, value: { type: 'int', value } };
        expectSame(leaf, view);
        expectSame(not(leaf), view);
      }
      for (const value of [0.1, Infinity, -Infinity, Number.NaN, 2 ** 63, 5e-324]) {
        const leaf: Leaf = { kind: 'compare', operand: at('n'), op, value: { type: 'double', value } };
        expectSame(leaf, view);
        expectSame(not(leaf), view);
      }
    }
    const above: Leaf = {
      kind: 'compare',
      operand: at('n'),
      op: '>',
      value: { type: 'int', value: 9007199254740992n },
    };
    // 9007199254740993, the largest int64, 2^63 and 1e999; not the double 9007199254740992.
    expect(expectSame(above, view)).toBe(4);
  });

  it('divides ints as ints and doubles as doubles, kept or not', () => {
    const view = viewOf(['{"n":7}', '{"n":7.0}', '{"n":9007199254740993}', '{"n":"7"}', '{}']);
    const half: Operand = {
      kind: 'arithmetic',
      type: 'json',
      op: '/',
      left: at('n'),
      right: { kind: 'constant', type: 'int', value: 2n },
    };
    const equalTo = (value: Leaf & { kind: 'compare' } extends { value: infer V } ? V : never): Leaf => ({
      kind: 'compare',
      operand: half,
      op: '==',
      value,
    });
    expect(expectSame(equalTo({ type: 'int', value: 3n }), view)).toBe(1);
    expect(expectSame(equalTo({ type: 'double', value: 3.5 }), view)).toBe(1);
    expect(expectSame(equalTo({ type: 'int', value: 4503599627370496n }), view)).toBe(1);
  });

  it('answers the same when memory ends in the middle', () => {
    const rows = Array.from(
      { length: 6000 },
      (_, row) => [`{"n":${row}}`, `{"n":"t${row % 10}"}`, `{"n":[${row}]}`, '{"n":null}'][row % 4] as string,
    );
    const view = viewOf(rows);
    const leaf: Leaf = { kind: 'compare', operand: at('n'), op: '<', value: { type: 'int', value: 3000n } };
    for (const bytes of [0, 2304, 2400, 20_000, 30_000, 60_000]) {
      const kept = KeptPaths.within(bytes);
      expect(expectSame(leaf, view, kept)).toBe(750);
      expect(expectSame(equals(at('n'), 't1'), view, kept)).toBe(300);
    }
  });
});
