import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnView } from '#expr/evaluate/column-view.js';
import { OrderedIndex, type ValueRun } from './ordered-index.js';
import { decodeOrderedIndex, encodeOrderedIndex } from './ordered-index-bytes.js';
import type { Value } from './value-list.js';

const utf8 = new TextEncoder();
const NONE = new Uint8Array(0);

type Plain = bigint | number | string | null;

function viewOf(values: readonly Plain[], form: 'int64' | 'int16' | 'float' | 'double' | 'text'): ColumnView {
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => Number(value !== null)) : NONE;
  if (form === 'text') {
    const texts = values.map((value) => utf8.encode(String(value ?? '')));
    const offsets = new Uint32Array(values.length + 1);
    for (const [row, text] of texts.entries()) offsets[row + 1] = (offsets[row] as number) + text.length;
    return { kind: 'variable', data: new Uint8Array(Buffer.concat(texts)), offsets, valid };
  }
  const numbers = values.map((value) => Number(value));
  if (form === 'int64') {
    const longs = BigInt64Array.from(values, (value) => (typeof value === 'bigint' ? value : 0n));
    return { kind: 'fixed', form, values: new Int32Array(longs.buffer), valid };
  }
  if (form === 'int16') return { kind: 'fixed', form, values: Int16Array.from(numbers), valid };
  if (form === 'float') return { kind: 'fixed', form, values: Float32Array.from(numbers), valid };
  return { kind: 'fixed', form, values: Float64Array.from(numbers), valid };
}

function rowsOf(index: OrderedIndex, run: ValueRun): number[] {
  const bits = new Uint32Array(Math.ceil(index.parts.rowCount / 32));
  index.addRows(run, bits);
  const rows = Array.from({ length: index.parts.rowCount }, (_, row) => row);
  const found = rows.filter((row) => (((bits[row >>> 5] as number) >>> (row & 31)) & 1) === 1);
  expect(index.countRows(run)).toBe(found.length);
  return found;
}

const order = (a: Plain, b: Plain): number => {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  const [x, y] = [a as number, b as number];
  return x < y ? -1 : x > y ? 1 : x >= y ? 0 : Number.NaN;
};
const rowsWhere = (values: readonly Plain[], holds: (value: Plain) => boolean): number[] =>
  values.flatMap((value, row) => (value !== null && holds(value) ? [row] : []));
const boundOf = (value: Plain): Value =>
  typeof value === 'string' ? utf8.encode(value) : (value as bigint | number);

function expectAnswers(index: OrderedIndex, values: readonly Plain[], a: Plain, b: Plain): void {
  const [low, high] = [boundOf(a), boundOf(b)];
  for (const isInclusive of [true, false]) {
    const above = (value: Plain): boolean => (isInclusive ? order(value, a) >= 0 : order(value, a) > 0);
    const below = (value: Plain): boolean => (isInclusive ? order(value, b) <= 0 : order(value, b) < 0);
    expect(rowsOf(index, index.between({ value: low, isInclusive }))).toEqual(rowsWhere(values, above));
    expect(rowsOf(index, index.between(undefined, { value: high, isInclusive }))).toEqual(
      rowsWhere(values, below),
    );
    expect(rowsOf(index, index.between({ value: low, isInclusive }, { value: high, isInclusive }))).toEqual(
      rowsWhere(values, (value) => above(value) && below(value)),
    );
  }
  expect(rowsOf(index, index.equalTo(low))).toEqual(rowsWhere(values, (value) => order(value, a) === 0));
}

const int = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 65_536n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const small = fc.integer({ min: -300, max: 300 }).map(BigInt);
const double = fc.oneof(
  fc.constantFrom(0, -0, 1.5, -1.5, Number.NaN, Infinity, -Infinity, Number.MIN_VALUE),
  fc.double(),
);
const text = fc.oneof(
  fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'é', '😀', '\uffff'),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
const cases = [
  ['int64', int],
  ['int16', small],
  ['double', double],
  ['float', double.map(Math.fround)],
  ['text', text],
] as const;

describe('an ordered index', () => {
  for (const [form, value] of cases) {
    it(`answers as a scan of ${form} does, also from its bytes`, () => {
      const one: fc.Arbitrary<Plain> = value;
      fc.assert(
        fc.property(fc.array(fc.option(one, { freq: 5 }), { maxLength: 80 }), one, one, (values, a, b) => {
          const index = OrderedIndex.build(viewOf(values, form), values.length);
          expectAnswers(index, values, a, b);
          const bytes = encodeOrderedIndex(index);
          // At an address that no array of numbers may begin at.
          const shifted = new Uint8Array(bytes.length + 3);
          shifted.set(bytes, 3);
          expectAnswers(decodeOrderedIndex(shifted.subarray(3)), values, a, b);
          expect(encodeOrderedIndex(decodeOrderedIndex(bytes))).toEqual(bytes);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('finds texts by how they begin', () => {
    fc.assert(
      fc.property(fc.array(fc.option(text, { freq: 5 }), { maxLength: 80 }), text, (values, prefix) => {
        const index = OrderedIndex.build(viewOf(values, 'text'), values.length);
        const found = rowsOf(index, index.beginningWith(utf8.encode(prefix)));
        expect(found).toEqual(rowsWhere(values, (value) => String(value).startsWith(prefix)));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses bytes of which one is another, or that are cut off', () => {
    for (const index of [
      OrderedIndex.build(viewOf([3n, null, -5n, 3n], 'int64'), 4),
      OrderedIndex.build(viewOf(['x', 'ab', null, 'ab'], 'text'), 4),
      OrderedIndex.build(viewOf([], 'double'), 0),
    ]) {
      const bytes = encodeOrderedIndex(index);
      for (let at = 0; at < bytes.length; at++) {
        const wrong = bytes.slice();
        wrong[at] = (wrong[at] as number) ^ 0x10;
        expect(() => decodeOrderedIndex(wrong)).toThrow(/scalar index/);
        expect(() => decodeOrderedIndex(bytes.subarray(0, at))).toThrow(/scalar index/);
      }
    }
  });

  it('refuses what a writer got wrong and gave a checksum', () => {
    const { values, rows } = OrderedIndex.build(viewOf([1n, 2n, 3n], 'int64'), 3).parts;
    const starts = Uint32Array.of(0, 2, 1, 3);
    expect(() =>
      decodeOrderedIndex(encodeOrderedIndex(new OrderedIndex({ rowCount: 3, values, rows, starts }))),
    ).toThrow(/end before they begin/);
    const far = new OrderedIndex({ rowCount: 2, values, rows, starts: Uint32Array.of(0, 1, 2, 3) });
    expect(() => decodeOrderedIndex(encodeOrderedIndex(far))).toThrow(/names row 2 of 2/);
  });

  it('sorts many rows', () => {
    const values = Array.from(
      { length: 70_000 },
      (_, row) => BigInt((row * 7919) % 50_021) * 1_000_003n - 25_000_000_000n,
    );
    const index = OrderedIndex.build(viewOf(values, 'int64'), values.length);
    const list = index.parts.values;
    expect(list.form === 'text' ? 0 : list.values.length).toBe(50_021);
    const bound = { value: 0n, isInclusive: true };
    expect(index.countRows(index.between(bound))).toBe(values.filter((value) => value >= 0n).length);
    expect(rowsOf(index, index.equalTo(values[123] as bigint))).toEqual([123, 50_144]);
  });
});
