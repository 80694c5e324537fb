// The unmodified Node SDK of Milvus against `open()`: databases, collections, partitions, loads and indexes, in memory and on a folder.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createLoaded,
  DIM,
  insertRange,
  keyField,
  mustSucceed,
  openWorld,
  vectorField,
  vectorOf,
  type World,
} from './support.js';

describe.each(['memory', 'folder'] as const)('Node SDK, %s', (kind) => {
  let world: World;
  let client: MilvusClient;
  beforeAll(async () => {
    world = await openWorld(kind);
    client = world.client;
  });
  afterAll(() => world.close());
  const idsOf = (rows: readonly Record<string, unknown>[]): number[] => rows.map((row) => Number(row.id));

  describe('session', () => {
    test('version and health', async () => {
      expect((await client.getVersion()).version).toMatch(/^v\d/);
      expect((await client.checkHealth()).isHealthy).toBe(true);
    });
  });

  describe('databases', () => {
    test('create, list, describe, drop', async () => {
      await mustSucceed(client.createDatabase({ db_name: 'shop' }));
      expect((await client.listDatabases()).db_names).toEqual(expect.arrayContaining(['default', 'shop']));
      const described = await client.describeDatabase({ db_name: 'shop' });
      expect(described.db_name).toBe('shop');
      expect(Number(described.dbID)).toBeGreaterThan(0);
      await mustSucceed(client.dropDatabase({ db_name: 'shop' }));
      expect((await client.listDatabases()).db_names).not.toContain('shop');
    });
    test('equal names in two databases are two collections; a database with collections stays', async () => {
      await mustSucceed(client.createDatabase({ db_name: 'other' }));
      await mustSucceed(
        client.createCollection({
          db_name: 'other',
          collection_name: 'twin',
          fields: [keyField, vectorField],
        }),
      );
      expect((await client.hasCollection({ collection_name: 'twin' })).value).toBe(false);
      expect((await client.hasCollection({ db_name: 'other', collection_name: 'twin' })).value).toBe(true);
      const refused = await client.dropDatabase({ db_name: 'other' });
      expect(refused.code).not.toBe(0);
      expect(refused.reason).toContain('not empty');
      await mustSucceed(client.dropCollection({ db_name: 'other', collection_name: 'twin' }));
      await mustSucceed(client.dropDatabase({ db_name: 'other' }));
    });
    test('the default database stays, a missing one has code 800', async () => {
      expect((await client.dropDatabase({ db_name: 'default' })).code).not.toBe(0);
      expect((await client.describeDatabase({ db_name: 'nowhere' })).status.code).toBe(800);
      expect(
        (await client.describeCollection({ db_name: 'nowhere', collection_name: 'x' })).status.code,
      ).toBe(800);
    });
  });

  describe('collections', () => {
    const fields = [keyField, vectorField, { name: 'title', data_type: DataType.VarChar, max_length: 64 }];
    test('describe gives back what was created', async () => {
      await mustSucceed(
        client.createCollection({
          collection_name: 'described',
          description: 'of books',
          fields,
          shards_num: 2,
        }),
      );
      const described = await client.describeCollection({ collection_name: 'described' });
      expect(
        described.schema.fields.map((field) => [field.name, field.data_type, Number(field.fieldID)]),
      ).toEqual([
        ['id', 'Int64', 100],
        ['vector', 'FloatVector', 101],
        ['title', 'VarChar', 102],
      ]);
      expect(described.schema.description).toBe('of books');
      expect(described.shards_num).toBe(2);
      expect(described.virtual_channel_names).toHaveLength(2);
      expect(Number(described.collectionID)).toBeGreaterThan(0);
      expect(described.consistency_level).toBe('Bounded');
      expect(Number(described.update_timestamp)).toBeGreaterThan(0);
    });
    test('the same again is fine, another schema is not', async () => {
      await mustSucceed(client.createCollection({ collection_name: 'again', fields }));
      await mustSucceed(client.createCollection({ collection_name: 'again', fields }));
      // The SDK throws the status it got.
      const other = client.createCollection({
        collection_name: 'again',
        fields: [keyField, { ...vectorField, dim: DIM * 2 }],
      });
      await expect(other).rejects.toMatchObject({
        code: 1,
        error_code: 'UnexpectedError',
        reason: expect.stringContaining(
          'create duplicate collection with different parameters, collection: again',
        ),
      });
    });
    test('has, show, drop, drop again', async () => {
      await mustSucceed(client.createCollection({ collection_name: 'short_lived', fields }));
      expect((await client.hasCollection({ collection_name: 'short_lived' })).value).toBe(true);
      expect((await client.showCollections()).data.map(({ name }) => name)).toContain('short_lived');
      await mustSucceed(client.dropCollection({ collection_name: 'short_lived' }));
      await mustSucceed(client.dropCollection({ collection_name: 'short_lived' }));
      expect((await client.hasCollection({ collection_name: 'short_lived' })).value).toBe(false);
      expect((await client.showCollections()).data.map(({ name }) => name)).not.toContain('short_lived');
    });
    test('a dropped name can be used again, without the old rows', async () => {
      await createLoaded(client, 'phoenix');
      await insertRange(client, 'phoenix', 0, 10);
      await mustSucceed(client.dropCollection({ collection_name: 'phoenix' }));
      await createLoaded(client, 'phoenix');
      expect((await client.count({ collection_name: 'phoenix' })).data).toBe(0);
    });
  });

  describe('partitions', () => {
    test('create, list, has, rows of one, drop', async () => {
      await createLoaded(client, 'parted');
      await mustSucceed(client.createPartition({ collection_name: 'parted', partition_name: 'north' }));
      await mustSucceed(client.createPartition({ collection_name: 'parted', partition_name: 'north' }));
      expect((await client.listPartitions({ collection_name: 'parted' })).partition_names).toEqual([
        '_default',
        'north',
      ]);
      expect((await client.hasPartition({ collection_name: 'parted', partition_name: 'north' })).value).toBe(
        true,
      );
      expect((await client.hasPartition({ collection_name: 'parted', partition_name: 'south' })).value).toBe(
        false,
      );
      await insertRange(client, 'parted', 0, 5);
      await insertRange(client, 'parted', 5, 12, () => ({}), 'north');
      const north = await client.query({
        collection_name: 'parted',
        filter: 'id not in [-1]',
        partition_names: ['north'],
      });
      expect(idsOf(north.data)).toEqual([5, 6, 7, 8, 9, 10, 11]);
      const statistics = await client.getPartitionStatistics({
        collection_name: 'parted',
        partition_name: 'north',
      });
      expect(statistics.data.row_count).toBe('7');
      const hits = await client.search({
        collection_name: 'parted',
        data: vectorOf(0),
        limit: 20,
        partition_names: ['north'],
      });
      expect(hits.results.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10, 11]);

      const refused = await client.dropPartition({ collection_name: 'parted', partition_name: 'north' });
      expect(refused.reason).toContain(
        'partition cannot be dropped, partition is loaded, please release it first',
      );
      await mustSucceed(client.releaseCollection({ collection_name: 'parted' }));
      await mustSucceed(client.dropPartition({ collection_name: 'parted', partition_name: 'north' }));
      await mustSucceed(client.dropPartition({ collection_name: 'parted', partition_name: 'north' }));
      await mustSucceed(client.loadCollection({ collection_name: 'parted' }));
      expect((await client.count({ collection_name: 'parted' })).data).toBe(5);
    });
    test('load and release of single partitions', async () => {
      await mustSucceed(
        client.createCollection({ collection_name: 'half', fields: [keyField, vectorField] }),
      );
      await mustSucceed(client.createPartition({ collection_name: 'half', partition_name: 'kept' }));
      await mustSucceed(
        client.createIndex({
          collection_name: 'half',
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'L2',
        }),
      );
      await insertRange(client, 'half', 0, 4);
      await insertRange(client, 'half', 4, 9, () => ({}), 'kept');
      await mustSucceed(client.loadPartitionsSync({ collection_name: 'half', partition_names: ['kept'] }));
      const hits = await client.search({ collection_name: 'half', data: vectorOf(1), limit: 20 });
      expect(hits.results.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual([4, 5, 6, 7, 8]);
      await mustSucceed(client.releasePartitions({ collection_name: 'half', partition_names: ['kept'] }));
      expect((await client.getLoadState({ collection_name: 'half' })).state).toBe('LoadStateNotLoad');
    });
  });

  describe('load and index', () => {
    test('load needs an index; progress, state, release', async () => {
      const name = 'loading';
      await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));
      expect((await client.getLoadState({ collection_name: name })).state).toBe('LoadStateNotLoad');
      expect((await client.getLoadState({ collection_name: 'no_such' })).state).toBe('LoadStateNotExist');
      const early = await client.loadCollectionAsync({ collection_name: name });
      expect(early.code).toBe(700);
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'IP',
        }),
      );
      await mustSucceed(client.loadCollection({ collection_name: name }));
      await mustSucceed(client.loadCollection({ collection_name: name }));
      expect(Number((await client.getLoadingProgress({ collection_name: name })).progress)).toBe(100);
      expect((await client.getLoadState({ collection_name: name })).state).toBe('LoadStateLoaded');
      await mustSucceed(client.releaseCollection({ collection_name: name }));
      await mustSucceed(client.releaseCollection({ collection_name: name }));
      expect((await client.getLoadState({ collection_name: name })).state).toBe('LoadStateNotLoad');
      const unserved = await client.query({ collection_name: name, filter: 'id in [1]' });
      expect(unserved.status.code).toBe(101);
    });
    test('create, same again, another, describe, statistics, drop', async () => {
      const name = 'indexed';
      await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));
      expect((await client.describeIndex({ collection_name: name })).status.code).toBe(700);
      const index = {
        collection_name: name,
        field_name: 'vector',
        index_name: 'by_shape',
        index_type: 'FLAT',
        metric_type: 'COSINE',
      };
      await mustSucceed(client.createIndex(index));
      await mustSucceed(client.createIndex(index));
      const other = await client.createIndex({ ...index, metric_type: 'L2' });
      expect(other.reason).toContain('CreateIndex failed: at most one distinct index is allowed per field');
      await insertRange(client, name, 0, 100);
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      const { index_descriptions } = await client.describeIndex({ collection_name: name });
      expect(index_descriptions).toHaveLength(1);
      const [described] = index_descriptions;
      expect(described?.index_name).toBe('by_shape');
      expect(described?.field_name).toBe('vector');
      expect(described?.params).toEqual(
        expect.arrayContaining([
          { key: 'index_type', value: 'FLAT' },
          { key: 'metric_type', value: 'COSINE' },
        ]),
      );
      expect((await client.getIndexState({ collection_name: name, index_name: 'by_shape' })).state).toBe(
        'Finished',
      );
      const statistics = await client.getIndexStatistics({ collection_name: name, index_name: 'by_shape' });
      expect(Number(statistics.index_descriptions[0]?.total_rows)).toBe(100);
      await mustSucceed(client.loadCollection({ collection_name: name }));
      expect((await client.dropIndex({ collection_name: name, index_name: 'by_shape' })).reason).toContain(
        'index cannot be dropped, collection is loaded, please release it first',
      );
      await mustSucceed(client.releaseCollection({ collection_name: name }));
      await mustSucceed(client.dropIndex({ collection_name: name, index_name: 'by_shape' }));
      await mustSucceed(client.dropIndex({ collection_name: name, index_name: 'by_shape' }));
      expect((await client.describeIndex({ collection_name: name })).status.code).toBe(700);
    });
  });
});
