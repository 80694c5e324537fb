// Params of an index that are sent twice, by different ways, and what a refusal advises.
import { describe, expect, it } from 'vitest';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import { parseIndexParams, storedBuildParams } from './index-params.js';

describe('params that are sent twice', () => {
  const vector = FieldSchema.fromPartial({
    name: 'v',
    dataType: DataType.FloatVector,
    typeParams: [{ key: 'dim', value: '8' }],
  });
  const run =
    (...pairs: [key: string, value: string][]) =>
    () =>
      parseIndexParams(vector, [
        { key: 'index_type', value: 'HNSW' },
        ...pairs.map(([key, value]) => ({ key, value })),
      ]);
  it('are refused when they differ, and no key is lost', () => {
    expect(run(['params', '{"M":8,"metric_type":"l2"}'], ['M', '8'], ['metric_type', 'L2'])()).toMatchObject({
      metricType: 'L2',
    });
    expect(run(['params', '{"M":8}'], ['M', '16'])).toThrow(
      'index param M is 16 and, in params, 8; send it once',
    );
    expect(run(['params', '{"M":8,"M":16}'])).toThrow('index params has the key M twice');
    expect(run(['__proto__', '8'])).toThrow('index param __proto__ of field v is not valid');
  });
  it('but an index that was accepted so is still read', () => {
    expect(storedBuildParams(vector, 'HNSW', { params: '{"M":8}', M: '16' })).toMatchObject({ kind: 'HNSW' });
  });
  it('every type that a refusal names is taken', () => {
    for (const type of ['GPU_CAGRA', 'GPU_IVF_PQ', 'GPU_BRUTE_FORCE']) {
      let text = '';
      try {
        parseIndexParams(vector, [{ key: 'index_type', value: type }]);
      } catch (error) {
        text = String(error);
      }
      const advised = /use (\w+)$/.exec(text)?.[1] ?? '';
      expect(parseIndexParams(vector, [{ key: 'index_type', value: advised }])).toMatchObject({
        indexType: advised,
      });
    }
  });
});
