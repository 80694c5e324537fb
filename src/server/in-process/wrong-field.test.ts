// Values that the protocol has no place for are named by their field, and what fits is not.
import { expect, it } from 'vitest';
import { InsertRequest, SearchRequest } from '#proto/milvus/milvus.js';
import { wrongField } from './wrong-field.js';

const ofSearch = (partial: object): string | undefined =>
  wrongField(SearchRequest, { ...SearchRequest.fromPartial({}), ...partial });

it.each([
  ['a number for a text', { collectionName: 5 }, 'field "collectionName" is a number, expected a string'],
  ['a number for a bigint', { nq: 1 }, 'field "nq" cannot be sent (Cannot convert 1 to a BigInt)'],
  [
    'a text in a list of texts',
    { outputFields: ['id', 7] },
    'field "outputFields[1]" is a number, expected a string',
  ],
  ['a text for a number', { dslType: '1x' }, 'field "dslType" cannot be sent'],
  [
    'an object inside an object',
    { searchParams: [{ key: 'a', value: 3 }] },
    'field "searchParams[0].value" is a number, expected a string',
  ],
  ['a text for a message', { functionScore: 'x' }, 'field "functionScore"'],
  ['a text for bytes', { searchInput: { $case: 'placeholderGroup', value: 'abc' } }, 'field "searchInput'],
])('%s', (_what, partial, expected) => {
  expect(ofSearch(partial)).toContain(expected);
});

it('finds nothing in messages that can be sent', () => {
  expect(
    ofSearch({
      collectionName: 'a',
      nq: 1n,
      searchParams: [{ key: 'a', value: '' }],
      searchInput: undefined,
    }),
  ).toBeUndefined();
  const fieldsData = [
    {
      fieldName: 'v',
      type: 101,
      field: {
        $case: 'vectors',
        value: { dim: 2n, data: { $case: 'floatVector', value: { data: new Uint8Array(8) } } },
      },
    },
  ];
  expect(
    wrongField(
      InsertRequest,
      InsertRequest.fromPartial({ collectionName: 'a', numRows: 1, fieldsData } as object),
    ),
  ).toBeUndefined();
});
