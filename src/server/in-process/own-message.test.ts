// Hits, the most frequent answer, are made by a short way: what comes out is what any answer would be.
import { describe, expect, test } from 'vitest';
import { SearchRequest, SearchResults } from '#proto/milvus/milvus.js';
import { FieldData } from '#proto/milvus/schema.js';
import { whole } from '#rpc/service.js';
import { successStatus } from '#rpc/wire-status.js';
import { ownAnswer, ownRequest } from './own-message.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const texts = (...data: string[]): FieldData =>
  FieldData.fromPartial({
    type: 21,
    fieldName: 'title',
    field: { $case: 'scalars', value: { data: { $case: 'stringData', value: { data } } } },
  });

const hits = (more: object = {}): SearchResults => ({
  ...SearchResults.fromPartial({
    status: { ...successStatus(), extraInfo: { report_value: '1' } },
    collectionName: 'books',
    sessionTs: 7n,
    results: {
      numQueries: 1n,
      topK: 2n,
      scores: bytes(0, 0, 128, 63, 0, 0, 0, 64),
      ids: { idField: { $case: 'intId', value: { data: bytes(1, 2) } } },
      topks: [2n],
      outputFields: ['title'],
      fieldsData: [texts('a', 'b')],
      allSearchCount: 2n,
      recalls: [0.5],
      primaryFieldName: 'id',
      ...more,
    },
  }),
});

describe('hits', () => {
  test.each([
    ['numbers as ids', {}],
    ['texts as ids', { ids: { idField: { $case: 'strId', value: { data: ['x', 'y'] } } } }],
    ['none', { ids: undefined, scores: bytes(), topks: [0n], fieldsData: [] }],
    ['those of groups', { groupByFieldValue: texts('g', 'h') }],
    ['elements', { elementIndices: { data: bytes(0, 1) } }],
  ])('%s: as any answer, and nothing of them is shared', (_name, more) => {
    const sent = hits(more);
    const { message, bytes: size } = ownAnswer(SearchResults, whole(hits(more)));
    expect(message).toEqual(SearchResults.fromPartial(sent));
    expect(SearchResults.encode(message as SearchResults).finish()).toEqual(
      SearchResults.encode(sent).finish(),
    );
    expect(size).toBeGreaterThan(0);
  });

  test('whoever gets them may change them', () => {
    const sent = whole(hits());
    const own = ownAnswer(SearchResults, sent).message as SearchResults;
    own.results?.scores.fill(0);
    own.results?.topks.push(9n);
    own.results?.outputFields.push('more');
    own.results?.recalls.push(1);
    if (own.status !== undefined) own.status.extraInfo.more = '1';
    const [ids, field] = [own.results?.ids?.idField, own.results?.fieldsData[0]];
    if (ids?.$case === 'intId') ids.value.data.fill(9);
    if (field?.field?.$case === 'scalars' && field.field.value.data?.$case === 'stringData')
      field.field.value.data.value.data.push('more');
    expect(SearchResults.encode(sent).finish()).toEqual(SearchResults.encode(hits()).finish());
  });
});

describe('a request that is whole', () => {
  const request = (dsl: string): SearchRequest => whole({ ...SearchRequest.fromPartial({ dsl, nq: 1n }) });

  test('goes on as it is, with its bytes counted', () => {
    const sent = request('a > 1');
    const value = bytes(...Array(100).keys());
    sent.searchInput = { $case: 'placeholderGroup', value };
    const { message, bytes: size } = ownRequest(SearchRequest, sent, { method: 'Search' });
    expect(message).toBe(sent);
    expect(sent.searchInput.value).toBe(value);
    expect(size).toBeGreaterThan(100);
  });

  test('with half of a surrogate pair in it is refused', () => {
    expect(() => ownRequest(SearchRequest, request('a == "\ud800"'), { method: 'Search' })).toThrow(/UTF-8/);
    const named = request('');
    named.outputFields = ['fine', '\udc00'];
    expect(() => ownRequest(SearchRequest, named, { method: 'Search' })).toThrow(/UTF-8/);
  });
});
