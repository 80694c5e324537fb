// Which filters bound the key, and that what they ask besides is one object for all pages.
import { expect, it } from 'vitest';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { checkFilter } from './filter.js';
import { keyRangeOf } from './key-range.js';
import type { PredicateFilter } from './typed.js';

const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'pk', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'n', dataType: DataType.Int64 },
    { fieldID: 102n, name: 'text', dataType: DataType.VarChar },
  ],
});
const rangeOf = (text: string) => {
  const filter = checkFilter(schema, { text });
  if (filter.kind !== 'predicate') throw new Error(`${text} is ${filter.kind}`);
  return keyRangeOf(filter as PredicateFilter, 100n);
};

it.each([
  ['pk > 7', { key: 7n, inclusive: false }, undefined],
  ['pk >= 7 and pk < 9', { key: 7n, inclusive: true }, { key: 9n, inclusive: false }],
  ['pk <= -9223372036854775808', undefined, { key: -(2n ** 63n), inclusive: true }],
  ['(n > 1 or text == "x") and pk > 7', { key: 7n, inclusive: false }, undefined],
])('%s', (text, lower, upper) => {
  expect(rangeOf(text)).toMatchObject({ lower, upper });
});

it.each([
  'n > 7',
  'pk > 7 or n > 1',
  'not (pk > 7 and n > 1)',
  'pk + 1 > 7',
  'pk > n',
  'pk > 1 and random_sample(0.5)',
])('%s has none', (text) => {
  expect(rangeOf(text)).toBeUndefined();
});

it('what is asked besides is the same for every page', () => {
  const rest = (page: number) => rangeOf(`pk > ${page} and n in [1, 2, 3] and text like "a%"`)?.rest;
  expect(rest(1)).toBe(rest(2));
  expect(rest(1)).not.toBe(rangeOf('pk > 1 and n in [1, 2, 4] and text like "a%"')?.rest);
  expect(rangeOf('pk > 1')?.rest).toBeUndefined();
  // Too long to be compared: the page is read as any filter is.
  expect(rangeOf(`pk > 1 and text == "${'x'.repeat(5000)}"`)).toBeUndefined();
});
