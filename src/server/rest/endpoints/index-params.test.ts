// How a REST body names the type of an index.
import { describe, expect, it } from 'vitest';
import { createIndexRequest, indexShape } from './index-params.js';

const typeOf = (index: Record<string, unknown>): string | undefined =>
  createIndexRequest(indexShape.parse({ fieldName: 'vector', ...index }), { collectionName: 'c' }, {
    dbName: 'default',
  } as Parameters<typeof createIndexRequest>[2]).extraParams?.find(({ key }) => key === 'index_type')?.value;

describe('the type of an index in JSON', () => {
  it.each([
    { indexType: 'HNSW' },
    { index_type: 'HNSW' },
    { params: { index_type: 'HNSW' } },
    { indexType: 'HNSW', index_type: 'HNSW', params: { index_type: 'HNSW' } },
  ])('has each name in use: %j', (index) => expect(typeOf(index)).toBe('HNSW'));
  it.each([
    { indexType: 'HNSW', index_type: 'FLAT' },
    { index_type: 'FLAT', params: { index_type: 'HNSW' } },
  ])('is one: %j', (index) => expect(() => typeOf(index)).toThrow(/given twice/));
  it('may be left out', () => expect(typeOf({ metricType: 'L2' })).toBeUndefined());
});
