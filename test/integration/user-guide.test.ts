// Steps of Milvus's user guide that have no suite of their own: a dynamic field for a collection that has rows, isolation by partition key,
// groups in the order of a field, a size of segments that the server chooses.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  createLoaded,
  failureOf,
  keyField,
  lastingWorld,
  mustSucceed,
  vectorField,
  vectorOf,
} from './support.js';

let client: MilvusClient;
const world = lastingWorld({ logLevel: 'error' }, (begun) => {
  client = begun;
});

/** Vectors on a line. */
const place = (at: number): number[] => [at, 0, 0, 0, 0, 0, 0, 0];
const index = [{ field_name: 'vector', index_type: 'HNSW', metric_type: 'L2' }] as const;
const create = (collection_name: string, more: object): Promise<void> =>
  mustSucceed(
    client.createCollection({
      collection_name,
      fields: [keyField, vectorField],
      index_params: [...index],
      ...more,
    } as Parameters<MilvusClient['createCollection']>[0]),
  );
const insert = (collection_name: string, data: Record<string, unknown>[]): Promise<void> =>
  mustSucceed(
    client.insert({
      collection_name,
      data: data.map((row) => ({ vector: vectorOf(Number(row.id)), ...row })),
    } as Parameters<MilvusClient['insert']>[0]),
  );

describe('a dynamic field that is enabled later', () => {
  const collection_name = 'later';
  const enable = (value: unknown, more: object = {}) =>
    client.alterCollectionProperties({
      collection_name,
      properties: { 'dynamicfield.enabled': value, ...more } as Record<string, string>,
    });
  const rows = async (filter: string): Promise<unknown[]> => {
    const answer = client.query({ collection_name, filter, limit: 100, output_fields: ['id', '$meta'] });
    return (await answer).data.map(({ id, $meta }) => [Number(id), $meta]);
  };
  const expectRows = async (): Promise<void> => {
    expect(await rows('id >= 0')).toEqual([
      [1, {}],
      [2, {}],
      [3, { color: 'red' }],
      [4, {}],
    ]);
    expect(await rows('color == "red"')).toEqual([[3, { color: 'red' }]]);
    expect(await rows('exists $meta["color"]')).toHaveLength(1);
  };

  it('has no keys in rows that are older, growing, in files and after a restart', async () => {
    await create(collection_name, {});
    await insert(collection_name, [{ id: 1 }]);
    await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
    await insert(collection_name, [{ id: 2 }]);
    await mustSucceed(enable(true));
    await mustSucceed(enable('true'));
    const { schema } = await client.describeCollection({ collection_name });
    expect(schema.enable_dynamic_field).toBe(true);
    await insert(collection_name, [{ id: 3, color: 'red' }, { id: 4 }]);
    await expectRows();
    await world.restart();
    await expectRows();
    await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
    await mustSucceed(client.releaseCollection({ collection_name }));
    await mustSucceed(client.loadCollectionSync({ collection_name }));
    await expectRows();
  });

  it('is not disabled again, and changes alone', async () => {
    expect(await failureOf(() => enable(false))).toMatchObject({
      code: 1100,
      reason: 'dynamic schema cannot supported to be disabled: invalid parameter',
    });
    const both = await failureOf(() => enable(true, { 'collection.ttl.seconds': 60 }));
    expect(both.reason).toContain('cannot alter dynamic schema with other properties at the same time');
  });
});

describe('isolation by partition key', () => {
  const collection_name = 'tenants';
  const search = (filter: string) => client.search({ collection_name, data: vectorOf(1), filter, limit: 50 });

  beforeAll(async () => {
    const tenant = { name: 'tenant', data_type: DataType.VarChar, max_length: 20, is_partition_key: true };
    await create(collection_name, {
      fields: [keyField, vectorField, tenant],
      properties: { 'partitionkey.isolation': true },
    });
    await insert(
      collection_name,
      Array.from({ length: 40 }, (_, id) => ({ id, tenant: `t${id % 4}` })),
    );
  });

  it('searches the rows of one tenant, and refuses to search those of several', async () => {
    expect((await search('tenant == "t2" and id < 20')).results).toHaveLength(5);
    for (const [filter, reason] of [
      ['', 'partition key not found in expr'],
      ['tenant in ["t1", "t2"]', 'does not support IN'],
      ['tenant == "t1" or id == 3', 'does not support OR'],
    ] as const)
      expect(await failureOf(() => search(filter))).toMatchObject({
        code: 1100,
        reason: expect.stringContaining(reason),
      });
    const legs = [{ anns_field: 'vector', data: vectorOf(1), limit: 3 }];
    const hybrid = await failureOf(() => client.hybridSearch({ collection_name, data: legs, limit: 3 }));
    expect(hybrid.reason).toContain('partition key not found in expr');
    // Reads without vectors are not held to one tenant, as in Milvus.
    const all = await client.query({ collection_name, filter: '', output_fields: ['count(*)'] });
    expect(Number(all.data[0]?.['count(*)'])).toBe(40);
  });

  it('needs a partition key, and is taken back', async () => {
    const properties = { 'partitionkey.isolation': 'true' };
    for (const call of [
      () => create('keyless', { properties }),
      () => client.alterCollectionProperties({ collection_name: 'later', properties }),
    ])
      expect(await failureOf(call)).toMatchObject({
        code: 1100,
        reason: expect.stringContaining('no partition key field is set'),
      });
    await mustSucceed(
      client.alterCollectionProperties({
        collection_name,
        properties: { 'partitionkey.isolation': 'false' },
      }),
    );
    expect((await search('')).results).toHaveLength(40);
  });
});

describe('groups in the order of a field', () => {
  const collection_name = 'ordered';
  const price = [30, 10, null, 10];
  beforeAll(async () => {
    const fields = [
      { name: 'doc', data_type: DataType.Int64 },
      { name: 'price', data_type: DataType.Double, nullable: true },
    ];
    await createLoaded(client, collection_name, { fields, metric: 'L2' });
    await insert(
      collection_name,
      Array.from({ length: 16 }, (_, id) => {
        const of = price[id % 4] ?? null;
        // The price of a group is that of its best hit; others are cheaper.
        return { id, vector: place(id), doc: id % 4, price: of === null || id < 4 ? of : of - id };
      }),
    );
  });
  const keys = (results: readonly object[]) => results.map((hit) => Number((hit as { id: string }).id));
  const ask = {
    collection_name,
    data: place(0),
    group_by_field: 'doc',
    group_size: 2,
    strict_group_size: true,
  };

  it('is that of the best hits, nulls behind, equal groups by score, and pages are of groups by score', async () => {
    const order = (order_by_fields: string, more: object = {}) =>
      client.search({
        ...{ ...ask, limit: 4, output_fields: ['id'], params: { order_by_fields } },
        ...more,
      } as Parameters<MilvusClient['search']>[0]);
    expect(keys((await order('price:asc')).results)).toEqual([1, 5, 3, 7, 0, 4, 2, 6]);
    expect(keys((await order('price:desc')).results)).toEqual([2, 6, 0, 4, 1, 5, 3, 7]);
    expect(keys((await order('price:asc', { limit: 2 })).results)).toEqual([1, 5, 0, 4]);
    expect(keys((await order('price:asc', { limit: 2, offset: 1 })).results)).toEqual([1, 5, 2, 6]);
  });
});

describe('a compaction', () => {
  it('takes the largest size as a question to the server', async () => {
    const compact = (target_size: string) =>
      client.compact({ collection_name: 'ordered', target_size } as Parameters<MilvusClient['compact']>[0]);
    await mustSucceed(compact('9223372036854775807'));
    expect(await failureOf(() => compact('5000'))).toMatchObject({ code: 1100 });
  });
});
