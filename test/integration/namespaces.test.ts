// Namespaces: every write and read of such a collection says whose rows it is about, and meets no others. The Node client has no option that
// creates such a collection; it passes the namespace of its requests on.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Status } from '#proto/milvus/common.js';
import {
  CreateCollectionRequest,
  CreateNamespaceRequest,
  CreateNamespaceResponse,
  DropNamespaceRequest,
  DropNamespaceResponse,
  GetNamespaceStatsRequest,
  GetNamespaceStatsResponse,
  HasNamespaceRequest,
  HasNamespaceResponse,
  HybridSearchRequest,
  ListNamespacesRequest,
  ListNamespacesResponse,
  SearchRequest,
  SearchResults,
} from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { connectRaw, placeholderGroup, type RawClient } from './raw-client.js';
import { DIM, failureOf, mustSucceed, openWorld, vectorOf, type World } from './support.js';

interface Codec<T> {
  fromPartial(partial: object): T;
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

const MISSING = 'namespace data is not set but namespace enabled';
const TOO_MUCH = 'namespace data is set but namespace disabled';

function schemaOf(name: string, more: object = {}): Uint8Array {
  const schema = CollectionSchema.fromPartial({
    name,
    enableNamespace: true,
    enableDynamicField: true,
    fields: [
      { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      { name: 'vector', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
      { name: 'n', dataType: DataType.Int64, nullable: true },
    ],
    ...more,
  });
  return CollectionSchema.encode(schema).finish();
}

describe('namespaces', () => {
  let world: World;
  let raw: RawClient;
  let client: MilvusClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    client = world.client;
    raw = connectRaw(world.database.address);
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });

  async function call<T>(name: string, request: Codec<T>, response: Codec<unknown>, partial: object) {
    const bytes = request.encode(request.fromPartial(partial)).finish();
    return response.decode(await raw.call(name, bytes));
  }
  async function create(name: string, more: object = {}, schema: object = {}): Promise<Status> {
    const request = { collectionName: name, schema: schemaOf(name, schema), ...more };
    const bytes = CreateCollectionRequest.encode(CreateCollectionRequest.fromPartial(request)).finish();
    return Status.decode(await raw.call('CreateCollection', bytes));
  }
  async function createLoaded(name: string, more: object = {}): Promise<void> {
    expect((await create(name, more)).reason).toBe('');
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
  /** What the client's types do not know it passes on. */
  const asked = (name: string, namespace: string | undefined, more: object): never =>
    ({ collection_name: name, ...(namespace === undefined ? {} : { namespace }), ...more }) as never;
  const insert = (name: string, namespace: string | undefined, ids: readonly number[], more: object = {}) =>
    mustSucceed(
      client.insert(
        asked(name, namespace, { data: ids.map((id) => ({ id, vector: vectorOf(id), n: id, ...more })) }),
      ),
    );
  async function idsOf(
    name: string,
    namespace: string,
    filter: string,
    more: object = {},
  ): Promise<number[]> {
    const answer = await client.query(asked(name, namespace, { filter, output_fields: ['*'], ...more }));
    expect(answer.status.reason).toBe('');
    for (const row of answer.data) expect(row).not.toHaveProperty('$namespace_id');
    return answer.data.map(({ id }) => Number(id)).sort((a, b) => a - b);
  }
  async function searched(name: string, namespace: string | undefined, more: object = {}) {
    const answer = (await call('Search', SearchRequest, SearchResults, {
      collectionName: name,
      nq: 1n,
      ...(namespace === undefined ? {} : { namespace }),
      searchInput: { $case: 'placeholderGroup', value: placeholderGroup([vectorOf(1)]) },
      searchParams: [{ key: 'topk', value: '100' }],
      ...more,
    })) as SearchResults;
    const ids = answer.results?.ids?.idField;
    const bytes = ids?.$case === 'intId' ? ids.value.data : new Uint8Array(0);
    return { reason: answer.status?.reason ?? '', bytes };
  }

  describe.each([
    ['values of a hidden key', {}],
    ['partitions', { properties: [{ key: 'namespace.mode', value: 'partition' }] }],
  ] as const)('%s', (kind, more) => {
    const name = `rows_${kind.replaceAll(' ', '_')}`;
    beforeAll(async () => {
      await createLoaded(name, more);
      if (kind === 'partitions')
        for (const namespaceName of ['ada', 'bob'])
          await call('CreateNamespace', CreateNamespaceRequest, CreateNamespaceResponse, {
            collectionName: name,
            namespaceName,
          });
      await insert(name, 'ada', [1, 2, 3], { color: 'red' });
      await insert(name, 'bob', [11, 12, 13, 14], { color: 'blue' });
    });

    it('are not shown as a field', async () => {
      const { schema } = await client.describeCollection({ collection_name: name });
      expect(schema.fields.map((field) => field.name)).toEqual(['id', 'vector', 'n']);
    });

    it('pass their own rows alone, whatever the filter says', async () => {
      expect(await idsOf(name, 'ada', 'id > 0')).toEqual([1, 2, 3]);
      expect(await idsOf(name, 'bob', 'id in [1, 2, 11, 12]')).toEqual([11, 12]);
      expect(await idsOf(name, 'bob', '', { limit: 100 })).toEqual([11, 12, 13, 14]);
      expect(await idsOf(name, 'ada', 'id > 0 or true')).toEqual([1, 2, 3]);
      expect(await idsOf(name, 'ada', 'color == "blue"')).toEqual([]);
      expect(await idsOf(name, 'ada', 'id > {least}', { exprValues: { least: 1 } })).toEqual([2, 3]);
      expect(await idsOf(name, 'ada', 'id > 0 and random_sample(0.999)')).toHaveLength(2);
      const counted = await client.query(asked(name, 'bob', { filter: '', output_fields: ['count(*)'] }));
      expect(counted.data).toMatchObject([{ 'count(*)': '4' }]);
    });

    it('are refused when brackets of the filter reach out of it', async () => {
      for (const filter of ['id > 0) or (id > 0', 'true) or (true', 'false) or true or (false']) {
        const { status, data } = await client.query(asked(name, 'ada', { filter, output_fields: ['id'] }));
        expect([filter, status.code, data.length]).toEqual([filter, 1100, 0]);
      }
    });

    it('are searched by themselves', async () => {
      const own = await searched(name, 'ada');
      expect([own.reason, own.bytes.length]).toEqual(['', 3]);
      const filtered = await searched(name, 'bob', { dsl: 'n in [1, 2, 11]' });
      expect([...filtered.bytes]).toEqual([11]);
      const ids = { $case: 'ids', value: { idField: { $case: 'intId', value: { data: Uint8Array.of(1) } } } };
      expect((await searched(name, 'ada', { searchInput: ids })).bytes.length).toBe(3);
      expect((await searched(name, 'bob', { searchInput: ids })).reason).toContain('missing IDs = [1]');
    });

    it('hold for all searches of a hybrid search', async () => {
      const leg = {
        collectionName: name,
        nq: 1n,
        searchInput: { $case: 'placeholderGroup', value: placeholderGroup([vectorOf(1)]) },
        searchParams: [{ key: 'topk', value: '10' }],
      };
      const hybrid = (namespace: string, requests: object[]) =>
        call('HybridSearch', HybridSearchRequest, SearchResults, {
          collectionName: name,
          namespace,
          requests,
          rankParams: [{ key: 'limit', value: '10' }],
        }) as Promise<SearchResults>;
      const answer = await hybrid('bob', [leg, { ...leg, dsl: 'n > 12' }]);
      expect([answer.status?.reason, answer.results?.scores.length]).toEqual(['', 16]);
      const other = await hybrid('bob', [leg, { ...leg, namespace: 'ada' }]);
      expect(other.status?.code).toBe(1100);
    });

    it('are changed and deleted by themselves', async () => {
      await mustSucceed(
        client.upsert(asked(name, 'ada', { data: [{ id: 2, vector: vectorOf(2), n: 20, color: 'red' }] })),
      );
      expect(await idsOf(name, 'ada', 'n == 20')).toEqual([2]);
      await mustSucceed(
        client.upsert(asked(name, 'ada', { data: [{ id: 3, n: 30 }], partial_update: true })),
      );
      expect(await idsOf(name, 'ada', 'n == 30 and color == "red"')).toEqual([3]);
      // Keys of others are no keys here.
      await mustSucceed(client.delete(asked(name, 'ada', { filter: 'id in [1, 11, 12]' })));
      expect(await idsOf(name, 'ada', 'id > 0')).toEqual([2, 3]);
      expect(await idsOf(name, 'bob', 'id > 0')).toEqual([11, 12, 13, 14]);
      await mustSucceed(client.delete(asked(name, 'bob', { filter: 'n >= 0 and n < 14' })));
      expect(await idsOf(name, 'bob', 'id > 0')).toEqual([14]);
      expect(await idsOf(name, 'ada', 'id > 0')).toEqual([2, 3]);
      await insert(name, 'ada', [1], { color: 'red' });
      await insert(name, 'bob', [11, 12, 13], { color: 'blue' });
    });

    it('have to be said in every request about rows', async () => {
      const rows = { data: [{ id: 90, vector: vectorOf(90), n: 1 }] };
      for (const run of [
        () => client.insert(asked(name, undefined, rows)),
        () => client.upsert(asked(name, undefined, rows)),
        () => client.delete(asked(name, undefined, { filter: 'id in [1]' })),
        () => client.query(asked(name, undefined, { filter: 'id > 0' })),
      ])
        expect(await failureOf(run)).toMatchObject({ code: 1100, reason: expect.stringContaining(MISSING) });
      expect((await searched(name, undefined)).reason).toContain(MISSING);
      expect(await idsOf(name, 'ada', 'id > 0')).toEqual([1, 2, 3]);
    });

    it('stay as they are', async () => {
      const altered = await client.alterCollectionProperties({
        collection_name: name,
        properties: { 'namespace.mode': kind === 'partitions' ? 'partition_key' : 'partition' },
      });
      expect(altered.code).toBe(1100);
    });
  });

  it('by a hidden key: cannot be left by a column that says another', async () => {
    await createLoaded('columns');
    await insert('columns', 'ada', [1]);
    const answer = await client.insert(
      asked('columns', 'ada', { data: [{ id: 2, vector: vectorOf(2), n: 2, $namespace_id: 'bob' }] }),
    );
    expect(answer.status.code).toBe(1100);
    const isolated = await client.alterCollectionProperties({
      collection_name: 'columns',
      properties: { 'partitionkey.isolation': false },
    });
    expect(isolated.code).toBe(1100);
    expect(await idsOf('columns', 'ada', 'id > 0')).toEqual([1]);
    expect(await idsOf('columns', 'bob', 'id > 0')).toEqual([]);
  });

  it('by a hidden key: a partial update does not take a row of another namespace', async () => {
    await createLoaded('taken', { numPartitions: 1n });
    await insert('taken', 'ada', [1], { color: 'red' });
    const answer = await client.upsert(
      asked('taken', 'bob', { data: [{ id: 1, n: 5 }], partial_update: true }),
    );
    expect(answer.status).toMatchObject({ code: 1100, reason: expect.stringContaining('another namespace') });
    expect(await idsOf('taken', 'ada', 'n == 1')).toEqual([1]);
    // Both are in the one partition, and an id of the other has no row to be searched by.
    const ids = { $case: 'ids', value: { idField: { $case: 'intId', value: { data: Uint8Array.of(1) } } } };
    expect((await searched('taken', 'bob', { searchInput: ids })).reason).toContain('missing IDs = [1]');
    expect(await idsOf('taken', 'bob', 'id > 0')).toEqual([]);
  });

  it('are loaded with part of the fields', async () => {
    expect((await create('part')).reason).toBe('');
    await mustSucceed(
      client.createIndex({
        collection_name: 'part',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await insert('part', 'ada', [1, 2]);
    await mustSucceed(client.flushSync({ collection_names: ['part'] }));
    await mustSucceed(
      client.loadCollection({ collection_name: 'part', load_fields: ['id', 'vector'] } as never),
    );
    expect((await searched('part', 'ada')).bytes.length).toBe(2);
    expect((await searched('part', 'bob')).bytes.length).toBe(0);
  });

  it.each([
    [
      'a partition key',
      {
        fields: [
          { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
          { name: 'vector', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '8' }] },
          { name: 'k', dataType: DataType.Int64, isPartitionKey: true },
        ],
      },
      {},
      'not supported with partition key mode',
    ],
    [
      'no isolation',
      {},
      { properties: [{ key: 'partitionkey.isolation', value: 'false' }] },
      'isolation property is false',
    ],
    [
      'an unknown mode',
      {},
      { properties: [{ key: 'namespace.mode', value: 'multitenant' }] },
      'namespace.mode',
    ],
    [
      'a mode alone',
      { enableNamespace: false },
      { properties: [{ key: 'namespace.mode', value: 'partition' }] },
      'enable_namespace',
    ],
  ])('are not created with %s', async (_what, schema, more, reason) => {
    expect(await create('wrong', more, schema)).toMatchObject({
      code: 1100,
      reason: expect.stringContaining(reason),
    });
  });

  it('are nothing that a collection without them takes', async () => {
    expect((await create('plain', {}, { enableNamespace: false })).reason).toBe('');
    const failure = await failureOf(() =>
      client.insert(asked('plain', 'ada', { data: [{ id: 1, vector: vectorOf(1), n: 1 }] })),
    );
    expect(failure).toMatchObject({ code: 1100, reason: expect.stringContaining(TOO_MUCH) });
    expect((await create('plain')).code).not.toBe(0);
  });

  it('that are partitions are created, listed, counted and dropped', async () => {
    const collectionName = 'listed';
    const more = { properties: [{ key: 'namespace.mode', value: 'partition' }] };
    expect((await create(collectionName, more)).reason).toBe('');
    for (const namespaceName of ['c', 'a', 'b', 'other'])
      expect(
        await call('CreateNamespace', CreateNamespaceRequest, CreateNamespaceResponse, {
          collectionName,
          namespaceName,
        }),
      ).toMatchObject({ status: { code: 0 }, namespace: { collectionName, namespaceName } });
    const list = async (partial: object) => {
      const answer = (await call('ListNamespaces', ListNamespacesRequest, ListNamespacesResponse, {
        collectionName,
        ...partial,
      })) as ListNamespacesResponse;
      return [answer.namespaces.map(({ namespaceName }) => namespaceName).join(), answer.nextPageToken];
    };
    expect(await list({})).toEqual(['a,b,c,other', '']);
    expect(await list({ pageSize: 3n })).toEqual(['a,b,c', 'c']);
    expect(await list({ pageSize: 3n, pageToken: 'c' })).toEqual(['other', '']);
    expect(await list({ prefix: 'o' })).toEqual(['other', '']);
    await insert(collectionName, 'a', [1, 2]);
    // One key may be in several of them.
    await insert(collectionName, 'b', [1]);
    expect(
      await call('GetNamespaceStats', GetNamespaceStatsRequest, GetNamespaceStatsResponse, {
        collectionName,
        namespaceName: 'a',
      }),
    ).toMatchObject({ namespaceName: 'a', stats: { entityCount: 2n } });
    await call('DropNamespace', DropNamespaceRequest, DropNamespaceResponse, {
      collectionName,
      namespaceName: 'c',
    });
    expect(
      await call('HasNamespace', HasNamespaceRequest, HasNamespaceResponse, {
        collectionName,
        namespaceName: 'c',
      }),
    ).toMatchObject({ value: false });
    expect(
      await failureOf(() =>
        client.insert(asked(collectionName, 'c', { data: [{ id: 1, vector: vectorOf(1), n: 1 }] })),
      ),
    ).toMatchObject({ code: 200 });
    expect(
      await call('ListNamespaces', ListNamespacesRequest, ListNamespacesResponse, {
        collectionName: 'columns',
      }),
    ).toMatchObject({ status: { code: 1100 } });
  });
});
