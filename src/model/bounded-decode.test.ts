import { describe, expect, it } from 'vitest';
import { PlaceholderGroup } from '#proto/milvus/common.js';
import { GetFlushStateRequest, InsertRequest, SearchRequest } from '#proto/milvus/milvus.js';
import { CollectionSchema, FieldData } from '#proto/milvus/schema.js';
import { decodeBounded } from './bounded-decode.js';

/** The bytes of a message with one element, `count` times; protobuf reads them as a message with that many. */
const repeated = (one: Uint8Array, count: number): Uint8Array => Buffer.alloc(one.length * count, one);
const texts = Array.from({ length: 1000 }, (_, at) => `row ${at}`);
const field = FieldData.fromPartial({
  fieldName: 's',
  field: { $case: 'scalars', value: { data: { $case: 'stringData', value: { data: texts } } } },
});

describe('decodeBounded', () => {
  it('decodes what the plain decoder does', () => {
    const sent = InsertRequest.fromPartial({ collectionName: 'c', numRows: 1000, fieldsData: [field] });
    const bytes = InsertRequest.encode(sent).finish();
    const { message, units } = decodeBounded(InsertRequest, bytes, 1e6);
    expect(message).toEqual(InsertRequest.decode(bytes));
    // A tag and a length for each text, little for the rest.
    expect(units).toBeGreaterThan(2000);
    expect(units).toBeLessThan(2100);
  });
  it.each([
    [
      'empty pairs',
      SearchRequest,
      SearchRequest.encode(SearchRequest.fromPartial({ searchParams: [{}] })).finish(),
    ],
    [
      'empty fields of a schema',
      CollectionSchema,
      CollectionSchema.encode(CollectionSchema.fromPartial({ fields: [{}] })).finish(),
    ],
    [
      'empty vectors',
      PlaceholderGroup,
      PlaceholderGroup.encode(PlaceholderGroup.fromPartial({ placeholders: [{}] })).finish(),
    ],
    [
      'empty field data',
      InsertRequest,
      InsertRequest.encode(InsertRequest.fromPartial({ fieldsData: [{}] })).finish(),
    ],
  ])('stops at the bound: %s', (_what, type, one) => {
    // Nested messages weigh 12: this breaks when generated decoders no longer report where messages begin.
    expect(decodeBounded<object>(type, repeated(one, 100), 1300).units).toBe(100 * 12 + 2 * 5);
    expect(() => decodeBounded<object>(type, repeated(one, 110), 1300)).toThrow(
      expect.objectContaining({
        key: 'invalid_parameter',
        message: expect.stringContaining('too many elements'),
      }),
    );
  });
  it('stops at the bound: packed 64-bit numbers', () => {
    const bytes = GetFlushStateRequest.encode(
      GetFlushStateRequest.fromPartial({ segmentIDs: Array<bigint>(1000).fill(1n) }),
    ).finish();
    expect(() => decodeBounded(GetFlushStateRequest, bytes, 7000)).toThrow('too many elements');
    expect(decodeBounded(GetFlushStateRequest, bytes, 8100).message.segmentIDs.length).toBe(1000);
  });
  it('leaves what is no such message to the decoder', () => {
    expect(() => decodeBounded(SearchRequest, Buffer.from('ffffffffff', 'hex'), 1e6)).toThrow();
  });
});
