import { expect, it } from 'vitest';
import { CollectionRecord } from '#proto/elanus/data.js';
import { SearchRequest } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { SearchPlans } from './search-plan.js';

const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '4' }] },
    { fieldID: 102n, name: 'n', dataType: DataType.Int64 },
  ],
});

const collection = () => ({
  record: CollectionRecord.fromPartial({ schema, indexes: [] }),
  schema,
  database: 'default',
  databaseId: 1n,
  databaseProperties: {},
});

const request = (params: Record<string, string>, outputFields: string[] = []) =>
  SearchRequest.fromPartial({
    searchParams: Object.entries(params).map(([key, value]) => ({ key, value })),
    outputFields,
  });

it('keeps plans by text and record: another limit, field or definition is another plan', () => {
  const plans = new SearchPlans();
  const one = collection();
  const plan = plans.of(one, request({ topk: '3', metric_type: 'IP' }));
  expect(plan).toMatchObject({ topK: 3, metric: 'IP', shardParams: {} });
  expect(plans.of(one, request({ topk: '3', metric_type: 'IP' }))).toBe(plan);
  expect(plans.of(one, request({ topk: '4', metric_type: 'IP' })).topK).toBe(4);
  expect(plans.of(one, request({ topk: '3', metric_type: 'IP' }, ['n'])).output.names).toEqual(['n']);
  expect(plans.of(one, request({ topk: '3', offset: '5' })).topK).toBe(8);
  expect(plans.of(collection(), request({ topk: '3', metric_type: 'IP' }))).not.toBe(plan);
});

it('refuses what is wrong each time, and holds a bounded number', () => {
  const plans = new SearchPlans();
  const one = collection();
  for (let i = 0; i < 2; i++) expect(() => plans.of(one, request({ topk: '0' }))).toThrow('topk');
  const first = plans.of(one, request({ topk: '1' }));
  for (let topk = 2; topk < 80; topk++) plans.of(one, request({ topk: `${topk}` }));
  expect(plans.of(one, request({ topk: '1' }))).not.toBe(first);
});
