// Search aggregation over REST: the buckets that the same search gives over gRPC, in the JSON form of the messages.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';

let database: Elanus;
const post = async (path: string, body: object, headers: Readonly<Record<string, string>> = {}) => {
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(`http://${database.address}/v2/vectordb/${path}`, init);
  return (await response.json()) as Readonly<Record<string, unknown>>;
};

beforeAll(async () => {
  database = await open(undefined, { logLevel: 'error' });
  const fields = [
    { fieldName: 'id', dataType: 'Int64', isPrimary: true },
    { fieldName: 'color', dataType: 'VarChar', elementTypeParams: { max_length: 20 } },
    { fieldName: 'size', dataType: 'Int32' },
    { fieldName: 'price', dataType: 'Double' },
    { fieldName: 'vector', dataType: 'FloatVector', elementTypeParams: { dim: 2 } },
  ];
  const indexParams = [{ fieldName: 'vector', metricType: 'L2', indexType: 'FLAT' }];
  expect(
    await post('collections/create', { collectionName: 'c', schema: { fields }, indexParams }),
  ).toMatchObject({ code: 0 });
  const data = Array.from({ length: 6 }, (_, id) => ({
    id,
    color: id % 2 === 0 ? 'red' : 'blue',
    size: id < 4 ? 1 : 2,
    price: id + 0.5,
    vector: [id, 0],
  }));
  expect(await post('entities/insert', { collectionName: 'c', data })).toMatchObject({ code: 0 });
});
afterAll(() => database.close());

const search = (searchAggregation: object, headers = {}) =>
  post(
    'entities/search',
    {
      collectionName: 'c',
      data: [[0, 0]],
      outputFields: ['price'],
      consistencyLevel: 'Strong',
      searchAggregation,
    },
    headers,
  );

describe('search aggregation over REST', () => {
  it('gives buckets in place of hits', async () => {
    const searchAggregation = {
      fields: ['color'],
      size: 5,
      metrics: { dearest: { op: 'max', fieldName: 'price' }, rows: { op: 'count', fieldName: '*' } },
      order: [{ key: '_key', direction: 'asc' }],
      topHits: { size: 1 },
    };
    const { code, message, data, aggTopks, aggBuckets } = await search(searchAggregation);
    expect([code, message]).toEqual([0, undefined]);
    expect(data).toEqual([]);
    expect(aggTopks).toEqual([2]);
    const [blue, red] = aggBuckets as readonly Readonly<Record<string, unknown>>[];
    expect(blue).toMatchObject({
      key: [{ fieldName: 'color', stringVal: 'blue' }],
      hits: [{ intPk: 1, score: 1 }],
      subGroups: [],
    });
    expect(red).toMatchObject({
      key: [{ fieldName: 'color', stringVal: 'red' }],
      hits: [
        { intPk: 0, score: 0, fields: expect.arrayContaining([{ fieldName: 'price', doubleVal: 0.5 }]) },
      ],
    });
    const exact = await search(searchAggregation, { 'accept-type-allow-int64': 'false' });
    expect(exact.aggBuckets).toMatchObject([{ hits: [{ intPk: '1' }] }, { hits: [{ intPk: '0' }] }]);
  });

  it('has levels, up to four', async () => {
    const { aggBuckets } = await search({
      fields: ['color'],
      size: 2,
      subAggregation: { fields: ['size'], size: 2 },
    });
    const [first] = aggBuckets as readonly { readonly subGroups: readonly unknown[] }[];
    expect(first?.subGroups).toMatchObject([
      { key: [{ fieldName: 'size', intVal: expect.any(Number) }] },
      {},
    ]);
    const deep = [1, 2, 3, 4].reduce<object>((sub) => ({ fields: ['size'], size: 1, subAggregation: sub }), {
      fields: ['size'],
      size: 1,
    });
    expect(await search(deep)).toMatchObject({ code: 1801 });
  });

  it.each([
    [{ fields: ['color'] }, 1802],
    [{ fields: ['color'], size: 0 }, 1100],
    [{ fields: ['absent'], size: 1 }, 1100],
    [{ fields: ['color'], size: 1, more: 1 }, 1801],
    [{ fields: ['color'], size: 1, metrics: { a: { op: 'median', fieldName: 'price' } } }, 1100],
  ])('of %j is refused with %i', async (searchAggregation, code) => {
    expect((await search(searchAggregation)).code).toBe(code);
  });
});
