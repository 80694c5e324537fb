// What must not go through in the name of a namespace: names that are none, filters that reach for the rows of others, and pages of one
// namespace that go on in another.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Status } from '#proto/milvus/common.js';
import {
  CreateCollectionRequest,
  CreatePartitionRequest,
  QueryRequest,
  QueryResults,
  SearchRequest,
  SearchResults,
} from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { connectRaw, placeholderGroup, type RawClient } from './raw-client.js';
import { DIM, failureOf, mustSucceed, openWorld, vectorOf, type World } from './support.js';

describe('namespaces that are attacked', () => {
  let world: World;
  let raw: RawClient;
  let client: MilvusClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    client = world.client;
    raw = connectRaw(world.database.address);
    for (const [name, mode] of [
      ['keyed', 'partition_key'],
      ['parts', 'partition'],
    ] as const) {
      await create(name, mode);
      if (mode === 'partition')
        for (const partitionName of ['ada', 'bob']) await createPartition(name, partitionName);
      for (const [namespace, begin] of [
        ['ada', 0],
        ['bob', 100],
      ] as const) {
        const data = Array.from({ length: 40 }, (_, at) => ({
          id: begin + at,
          vector: vectorOf(begin + at),
          n: at,
        }));
        await mustSucceed(client.insert({ collection_name: name, namespace, data } as never));
      }
    }
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });

  async function create(name: string, mode: string): Promise<void> {
    const schema = CollectionSchema.fromPartial({
      name,
      enableNamespace: true,
      fields: [
        { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
        { name: 'vector', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
        { name: 'n', dataType: DataType.Int64 },
      ],
    });
    const request = CreateCollectionRequest.fromPartial({
      collectionName: name,
      schema: CollectionSchema.encode(schema).finish(),
      // One partition, which all share.
      ...(mode === 'partition_key' ? { numPartitions: 1n } : {}),
      properties: [{ key: 'namespace.mode', value: mode }],
    });
    const status = Status.decode(
      await raw.call('CreateCollection', CreateCollectionRequest.encode(request).finish()),
    );
    expect(status.reason).toBe('');
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: name }));
  }

  async function createPartition(collectionName: string, partitionName: string): Promise<void> {
    const request = CreatePartitionRequest.fromPartial({ collectionName, partitionName });
    const status = Status.decode(
      await raw.call('CreatePartition', CreatePartitionRequest.encode(request).finish()),
    );
    expect(status.reason).toBe('');
  }

  async function queried(partial: object) {
    const bytes = QueryRequest.encode(
      QueryRequest.fromPartial({ outputFields: ['id'], ...partial }),
    ).finish();
    const { status, fieldsData } = QueryResults.decode(await raw.call('Query', bytes));
    const [ids] = fieldsData;
    const data = ids?.field?.$case === 'scalars' ? ids.field.value.data : undefined;
    const count = data?.$case === 'longData' ? [...varints(data.value.data)] : [];
    return { code: status?.code ?? 0, reason: status?.reason ?? '', ids: count };
  }

  async function searched(
    collectionName: string,
    namespace: string,
    params: Record<string, string>,
    more: object = {},
  ) {
    const request = SearchRequest.fromPartial({
      ...{ collectionName, namespace, nq: 1n, outputFields: ['id'] },
      searchInput: { $case: 'placeholderGroup', value: placeholderGroup([vectorOf(1)]) },
      searchParams: Object.entries(params).map(([key, value]) => ({ key, value })),
      ...more,
    });
    const answer = SearchResults.decode(await raw.call('Search', SearchRequest.encode(request).finish()));
    const ids = answer.results?.ids?.idField;
    return {
      reason: answer.status?.reason ?? '',
      ids: ids?.$case === 'intId' ? [...varints(ids.value.data)] : [],
      iterator: answer.results?.searchIteratorV2Results,
    };
  }

  it.each([
    ['keyed', 'x'.repeat(65_536), 'more than 65535 bytes'],
    ['keyed', 'é'.repeat(32_768), 'more than 65535 bytes'],
    ['parts', '', 'Partition name should not be empty'],
    ['parts', 'a b', 'can only contain numbers, letters and underscores'],
    ['parts', '$ada', 'must be an underscore or letter'],
    ['parts', `ada') or ('`, 'can only contain'],
    ['parts', 'x'.repeat(256), 'must be less than 255'],
    ['parts', 'nobody', 'partition not found[partition=nobody]'],
    ['parts', '_default', 'there is no namespace of the name'],
  ])('%s: no namespace is called %.12s', async (collectionName, namespace, reason) => {
    const read = await queried({ collectionName, namespace, expr: 'id >= 0' });
    expect(read).toMatchObject({ reason: expect.stringContaining(reason), ids: [] });
    const data = [{ id: 999, vector: vectorOf(1), n: 1 }];
    const { status } = await client.insert({ collection_name: collectionName, namespace, data } as never);
    expect(status.reason).toContain(reason);
  });

  it.each(['', 'ада', '"', "' or 1 == 1", '{elanus_namespace}', '\u0000', '__proto__'])(
    'keyed: the name %j is text, and has no rows',
    async (namespace) => {
      const read = await queried({ collectionName: 'keyed', namespace, expr: 'id >= 0' });
      expect(read).toEqual({ code: 0, reason: '', ids: [] });
    },
  );

  it.each([
    '$namespace_id == "bob"',
    '$namespace_id != "ada"',
    '$namespace_id in ["ada", "bob"] and id >= 100',
    'id >= 100',
    'not (id < 100)',
    'id == {elanus_namespace}',
    '$namespace_id == {elanus_namespace}',
    'n >= 0 or n >= 0',
  ])('no filter finds rows of others: %s', async (expr) => {
    const values = [{ elanus_namespace: 'bob' }, { elanus_namespace: 100n }] as const;
    for (const collectionName of ['keyed', 'parts'])
      for (const { elanus_namespace: value } of values) {
        const val =
          typeof value === 'string'
            ? { $case: 'stringVal' as const, value }
            : { $case: 'int64Val' as const, value };
        const exprTemplateValues = { elanus_namespace: { val } };
        const read = await queried({ collectionName, namespace: 'ada', expr, exprTemplateValues });
        expect(read.ids.filter((id) => id >= 100)).toEqual([]);
        const { ids } = await searched(
          collectionName,
          'ada',
          { topk: '100' },
          { dsl: expr, exprTemplateValues },
        );
        expect(ids.filter((id) => id >= 100)).toEqual([]);
      }
  });

  it.each(['keyed', 'parts'])(
    '%s: a page of one namespace goes on with rows of the one that is named',
    async (name) => {
      const begin = { topk: '10', search_iter_v2: 'true', search_iter_batch_size: '10', iterator: 'true' };
      const first = await searched(name, 'ada', begin);
      expect([first.reason, first.ids.length]).toEqual(['', 10]);
      const { token = '', lastBound = 0 } = first.iterator ?? {};
      const next = { ...begin, search_iter_id: token, search_iter_last_bound: String(lastBound) };
      const own = await searched(name, 'ada', next);
      expect(own.ids.every((id) => id < 100 && !first.ids.includes(id))).toBe(true);
      const other = await searched(name, 'bob', next);
      expect(other.ids.every((id) => id >= 100)).toBe(true);
    },
  );

  it('no file brings rows without a namespace', async () => {
    const imported = (partition_name: string) =>
      failureOf(() =>
        client.bulkInsert({ collection_name: 'parts', partition_name, files: ['a.json'] } as never),
      );
    expect(await imported('')).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('name the namespace as the partition of the import'),
    });
    expect(await imported('nobody')).toMatchObject({ code: 200 });
    expect(await imported('_default')).toMatchObject({ code: 200 });
  });

  it.each(['keyed', 'parts'])('%s: groups, buckets and counts are of its rows', async (name) => {
    const { ids } = await searched(name, 'ada', { topk: '100', group_by_field: 'n', group_size: '3' });
    expect(ids.length).toBeGreaterThan(0);
    expect(ids.every((id) => id < 100)).toBe(true);
    const counted = await client.query({
      ...{ collection_name: name, namespace: 'ada', filter: '', output_fields: ['count(*)', 'max(id)'] },
    } as never);
    expect(counted.data).toMatchObject([{ 'count(*)': '40', 'max(id)': '39' }]);
  });
});

function* varints(bytes: Uint8Array): Generator<number> {
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte >= 0x80) continue;
    yield value;
    value = 0;
    scale = 1;
  }
}
