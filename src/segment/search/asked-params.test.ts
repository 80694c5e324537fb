import { expect, test } from 'vitest';
import { searchParamNames, searchParamTable } from '#model/params/search-param-table.js';
import { IndexSearchParams } from '#proto/elanus/roles.js';
import { askedParams } from './asked-params.js';

test('every search parameter goes over the wire by itself, and nothing comes beside it', () => {
  const names = [...searchParamNames, 'radius', 'rangeFilter', 'mhElementBitWidth'] as const;
  for (const name of names) {
    const spec: { readonly kind: string } =
      name in searchParamTable ? searchParamTable[name as 'ef'] : { kind: '' };
    const asked = { [name]: spec.kind === 'boolean' ? false : spec.kind === 'number' ? 0.75 : 0 };
    const decoded = IndexSearchParams.decode(IndexSearchParams.encode(asked).finish());
    expect(askedParams(decoded)).toEqual(asked);
  }
});

test('a message is read once; none asks nothing', () => {
  const message: IndexSearchParams = { ef: 40, targetRecall: undefined };
  expect(askedParams(message)).toEqual({ ef: 40 });
  expect(askedParams(message)).toBe(askedParams(message));
  expect(askedParams(undefined)).toEqual({});
});
