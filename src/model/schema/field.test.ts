import { expect, it } from 'vitest';
import { dimOf } from './field.js';

it.each([
  ['128', 128],
  ['0', 0],
  ['007', 7],
  ['9007199254740991', 2 ** 53 - 1],
  ['9007199254740992', 0],
  ['99999999999999999999', 0],
  ['', 0],
  ['12a', 0],
  ['-4', 0],
  ['4.5', 0],
  ['1e3', 0],
  [' 8', 0],
  ['８', 0],
])('the dimension %j is %i', (value, dim) => {
  expect(
    dimOf({
      typeParams: [
        { key: 'max_length', value: '3' },
        { key: 'dim', value },
      ],
    }),
  ).toBe(dim);
});

it('a field without a dimension has 0', () => {
  expect(dimOf({ typeParams: [] })).toBe(0);
});
