import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { resolveOutputFields } from '#model/params/output-fields.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { CollectionSchema, DataType, FieldSchema } from '#proto/milvus/schema.js';
import { parseIndexParams, sameIndex } from './index-params.js';
import { checkSearchMetric, parseQueryParams, parseSearchParams } from './search-params.js';

const vector = (name: string) => ({
  name,
  dataType: DataType.FloatVector,
  typeParams: [{ key: 'dim', value: '4' }],
});

const schemaOf = (vectorNames: string[], enableDynamicField = false) =>
  parseCollectionSchema(
    CollectionSchema.fromPartial({
      enableDynamicField,
      fields: [
        { name: 'id', isPrimaryKey: true, dataType: DataType.Int64 },
        ...vectorNames.map(vector),
        { name: 'age', dataType: DataType.Int32 },
      ],
    }),
    { collectionName: 'c' },
  );
const one = schemaOf(['vec']);
const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([key, value]) => ({ key, value }));
const search = (values: Record<string, string>, schema = one) => parseSearchParams(schema, pairs(values));
const refusal = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
  throw new Error('accepted');
};

describe('parseSearchParams', () => {
  it('reads what clients send', () => {
    const params = search({
      anns_field: 'vec',
      topk: '10',
      offset: '5',
      metric_type: 'L2',
      round_decimal: '-1',
      ignore_growing: 'true',
      params: '{"radius":2.5,"range_filter":"1","ef":64}',
      guarantee_timestamp: '461000000000000000',
      group_by_field: '',
    });
    expect(params).toMatchObject({
      topK: 10,
      offset: 5,
      metricType: 'L2',
      radius: 2.5,
      rangeFilter: 1,
      explain: false,
      roundDecimal: -1,
      ignoreGrowing: true,
    });
    expect(params.annsField.name).toBe('vec');
    expect(params.guaranteeTimestamp).toBe(461000000000000000n);
    expect(params.params).toEqual({ radius: 2.5, range_filter: '1', ef: 64 });
    expect(params.vector).toEqual({ radius: 2.5, rangeFilter: 1, ef: 64 });
    expect(search({ limit: '"3"' })).toMatchObject({
      topK: 3,
      offset: 0,
      metricType: undefined,
      iterator: undefined,
      roundDecimal: -1,
    });
    expect(
      search({
        limit: '3',
        search_iter_v2: 'True',
        search_iter_batch_size: '7',
        search_iter_id: 'tok',
        search_iter_last_bound: '0.5',
      }).iterator,
    ).toEqual({
      isV1: false,
      isV2: true,
      batchSize: 7,
      lastBound: 0.5,
      token: 'tok',
    });
  });
  it('checks ranges with the texts of Milvus', () => {
    expect(refusal(() => search({}))).toContain('topk not found in search_params');
    for (const topk of ['0', '16385', '-1'])
      expect(refusal(() => search({ topk }))).toContain(
        `topk [${topk}] is invalid, it should be in range [1, 16384]`,
      );
    expect(refusal(() => search({ topk: '1', offset: '-1' }))).toContain(
      'offset [-1] is invalid, it should be in range [1, 16384]',
    );
    expect(refusal(() => search({ topk: '16384', offset: '1' }))).toContain(
      'invalid max query result window, (offset+limit) should be in range [1, 16384]',
    );
    expect(refusal(() => search({ topk: 'x' }))).toContain('topk [x] is invalid');
    expect(refusal(() => search({ topk: '1', round_decimal: '7' }))).toContain('round_decimal [7]');
    expect(refusal(() => search({ topk: '1', params: '[1]' }))).toContain('JSON object');
    expect(refusal(() => search({ topk: '1', params: '{' }))).toContain('not JSON');
    expect(refusal(() => search({ topk: '1', anns_field: 'nope' }))).toContain('fieldName(nope) not found');
    expect(refusal(() => search({ topk: '1', anns_field: 'age' }))).toContain('not of vector type');
    expect(refusal(() => search({ topk: '1' }, schemaOf(['a', 'b'])))).toContain(
      'multiple anns_fields exist',
    );
    expect(refusal(() => search({ topk: '1', group_size: '2' }))).toContain('without group_by_field');
  });
  it('compares metric and range with the index', () => {
    expect(refusal(() => checkSearchMetric('COSINE', search({ topk: '1', metric_type: 'L2' })))).toContain(
      'metric type not match: invalid parameter[expected=COSINE][actual=L2]',
    );
    checkSearchMetric('L2', search({ topk: '1' }));
    checkSearchMetric('L2', search({ topk: '1', radius: '2', range_filter: '1' }));
    expect(
      refusal(() => checkSearchMetric('L2', search({ topk: '1', radius: '1', range_filter: '2' }))),
    ).toContain('must be less than radius');
    expect(
      refusal(() => checkSearchMetric('IP', search({ topk: '1', radius: '2', range_filter: '1' }))),
    ).toContain('must be greater than radius');
    expect(
      refusal(() => checkSearchMetric('FOO', search({ topk: '1', radius: '1', range_filter: '2' }))),
    ).toContain('metric type FOO is not known');
    checkSearchMetric('JACCARD', search({ topk: '1', radius: '0.5', range_filter: '0.1' }));
    expect(
      refusal(() => checkSearchMetric('HAMMING', search({ topk: '1', radius: '1', range_filter: '2' }))),
    ).toContain('must be less than radius(1) for metric type HAMMING');
  });
});

it('parseQueryParams', () => {
  const query = (values: Record<string, string>) => parseQueryParams(pairs(values));
  expect(query({ limit: '10', offset: '2', iterator: 'True', reduce_stop_for_best: 'true' })).toMatchObject({
    limit: 10,
    offset: 2,
    isIterator: true,
    reduceStopForBest: true,
  });
  expect(query({})).toMatchObject({ limit: undefined, offset: 0, isIterator: false });
  expect(refusal(() => query({ limit: '1', offset: '-1' }))).toContain(
    'invalid max query result window, offset [-1] is invalid, should be gte than 0',
  );
  expect(refusal(() => query({ limit: '0' }))).toContain('should be greater than 0');
  expect(refusal(() => query({ limit: '16385' }))).toContain('(offset+limit) should be in range [1, 16384]');
  expect(query({ order_by_fields: 'age:desc' }).orderBy).toEqual([
    { name: 'age', descending: true, nullsFirst: true },
  ]);
});

it('the zone of times is one that is known', () => {
  const pairs = (zone: string) => [{ key: 'timezone', value: zone }];
  expect(parseQueryParams(pairs('Asia/Shanghai')).zone).toBe('Asia/Shanghai');
  expect(parseQueryParams([]).zone).toBeUndefined();
  expect(() => parseQueryParams(pairs('Mars/Olympus'))).toThrow('invalid timezone');
});

describe('parseIndexParams', () => {
  const field = FieldSchema.fromPartial(vector('vec'));
  const index = (values: Record<string, string>, of = field) => parseIndexParams(of, pairs(values));
  it('reads flat and nested forms', () => {
    expect(index({})).toEqual({
      indexType: 'AUTOINDEX',
      metricType: 'COSINE',
      params: {},
      asSent: { index_type: 'AUTOINDEX', metric_type: 'COSINE' },
      build: { kind: 'AUTOINDEX' },
    });
    const nested = index({ index_type: 'FLAT', metric_type: 'l2', params: '{"nlist":128}' });
    expect(nested).toMatchObject({ indexType: 'FLAT', metricType: 'L2', params: { nlist: '128' } });
    expect(nested.asSent.params).toBe('{"nlist":128}');
    expect(sameIndex(nested, index({ index_type: 'FLAT', metric_type: 'L2', nlist: '128' }))).toBe(true);
    expect(sameIndex(nested, index({ index_type: 'FLAT', metric_type: 'IP', nlist: '128' }))).toBe(false);
    expect(index({ params: '{"metric_type":"IP","index_type":"FLAT"}' })).toMatchObject({
      indexType: 'FLAT',
      metricType: 'IP',
    });
  });
  it('distinguishes later types from unknown ones', () => {
    expect(refusal(() => index({ index_type: 'GPU_CAGRA' }))).toMatch(/^unsupported: .*HNSW/);
    expect(refusal(() => index({ index_type: 'MAGIC' }))).toMatch(
      /^invalid_parameter: invalid index type: MAGIC/,
    );
    expect(refusal(() => index({ metric_type: 'HAMMING' }))).toContain(
      'float vector index does not support metric type: HAMMING',
    );
    expect(refusal(() => index({ params: 'x' }))).toContain('not a JSON object');
    expect(refusal(() => index({ index_type: 'BITMAP' }))).toContain('bitmap index are only supported on');
  });
});

describe('resolveOutputFields', () => {
  const dynamic = schemaOf(['vec'], true);
  const resolve = (names: string[], call: 'search' | 'query', schema = one) =>
    resolveOutputFields(schema, names, { call });
  it('resolves names, wildcards and the key', () => {
    expect(resolve([], 'search')).toEqual({ isCount: false, fieldIds: [], names: [], dynamicKeys: [] });
    expect(resolve(['age'], 'query')).toMatchObject({ fieldIds: [100n, 102n], names: ['id', 'age'] });
    expect(resolve(['age', 'id', 'age'], 'query')).toMatchObject({
      fieldIds: [102n, 100n],
      names: ['age', 'id'],
    });
    expect(resolve(['*'], 'search')).toMatchObject({ names: ['id', 'vec', 'age'] });
    expect(resolve(['*'], 'search', dynamic)).toMatchObject({
      fieldIds: [100n, 101n, 102n, 103n],
      names: ['id', 'vec', 'age', '$meta'],
    });
    expect(resolve(['age', 'colour', '$meta["size"]'], 'search', dynamic)).toEqual({
      isCount: false,
      fieldIds: [102n, 103n],
      names: ['age', 'colour', 'size'],
      dynamicKeys: ['colour', 'size'],
      pickedKeys: new Set(['colour', 'size']),
    });
    expect(refusal(() => resolve(['nope'], 'search'))).toBe('refused: field nope not exist');
  });
  it('knows count(*)', () => {
    expect(resolve(['count(*)'], 'query')).toMatchObject({ isCount: true, names: ['count(*)'] });
    expect(refusal(() => resolve(['count(*)', 'age'], 'query'))).toMatch(/^unsupported/);
    expect(refusal(() => resolve(['sum(age)'], 'query'))).toMatch(/^unsupported/);
    expect(refusal(() => resolve(['count(*)'], 'search'))).toMatch(/^invalid_parameter/);
  });
});
