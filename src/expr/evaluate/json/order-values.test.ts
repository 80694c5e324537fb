import { expect, it } from 'vitest';
import { compareValues, hasValue } from '#model/columns/value-order.js';
import { jsonOrder } from './order-values.js';

const orderOf = (values: readonly string[], path: readonly string[], valid?: Uint8Array) => {
  const texts = values.map((value) => new TextEncoder().encode(value));
  const offsets = new Uint32Array(values.length + 1);
  for (const [at, text] of texts.entries()) offsets[at + 1] = (offsets[at] as number) + text.length;
  const { column, read } = jsonOrder(path, { data: Buffer.concat(texts), offsets, valid }, values.length);
  for (const row of values.keys()) read(row);
  return column;
};

it('puts booleans before numbers before texts, each by its value', () => {
  const ascending = [
    'false',
    'true',
    '-1e400',
    '-9007199254740993',
    '-9007199254740992',
    '-0.5',
    '0',
    '9007199254740992',
    '9007199254740993',
    '9223372036854775806',
    '9223372036854775807',
    '1e19',
    '""',
    '"A"',
    '"a"',
    String.raw`"a\u0042"`,
    '"aC"',
    String.raw`"a\""`.replace('a', 'b'),
    '"\u00e9"',
  ];
  const column = orderOf(
    ascending.map((value) => `{"a":[0,${value}]}`),
    ['a', '1'],
  );
  for (const [a, one] of ascending.entries())
    for (const [b, other] of ascending.entries())
      expect(Math.sign(compareValues(column, a, column, b)), `${one} and ${other}`).toBe(Math.sign(a - b));
});

it('compares numbers by value, however they are written, and texts by what they say', () => {
  const column = orderOf(['1', '1.0', '10e-1', String.raw`"\u0061"`, '"a"', '-0', '0'], []);
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [3, 4],
    [5, 6],
  ] as const)
    expect(Math.abs(compareValues(column, a, column, b))).toBe(0);
});

it('has no value where nothing is at the path, or what has no order', () => {
  const values = ['{"a":1}', '{"a":null}', '{}', '{"a":[1]}', '{"a":{}}', '', '{"a":2}', '7'];
  const column = orderOf(values, ['a'], Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 1));
  expect(values.map((_, row) => hasValue(column, row))).toEqual([
    true,
    ...Array.from({ length: 7 }, () => false),
  ]);
});
