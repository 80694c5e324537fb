// The unmodified Node SDK of Milvus against `open()`: rows, the types of their fields, and reading them back, in memory and on a folder.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createLoaded,
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

  describe('rows', () => {
    test('insert answers the keys; query, get and count read them back exactly', async () => {
      await createLoaded(client, 'rows');
      const inserted = await client.insert({
        collection_name: 'rows',
        data: [3, 1, 2].map((id) => ({ id, vector: vectorOf(id) })),
      });
      expect(inserted.status.error_code).toBe('Success');
      expect(Number(inserted.insert_cnt)).toBe(3);
      expect(inserted.succ_index).toEqual([0, 1, 2]);
      expect('int_id' in inserted.IDs && inserted.IDs.int_id.data).toEqual(['3', '1', '2']);
      expect(Number(inserted.timestamp)).toBeGreaterThan(0);
      const all = await client.query({
        collection_name: 'rows',
        filter: 'id in [1, 2, 3, 4]',
        output_fields: ['id', 'vector'],
      });
      expect(all.data).toEqual([1, 2, 3].map((id) => ({ id: String(id), vector: vectorOf(id) })));
      expect(idsOf((await client.get({ collection_name: 'rows', ids: [2] })).data)).toEqual([2]);
      expect((await client.count({ collection_name: 'rows' })).data).toBe(3);
      expect((await client.count({ collection_name: 'rows', expr: 'id in [1, 9]' })).data).toBe(1);
    });
    test('upsert replaces, delete removes, deleting nothing is fine', async () => {
      await createLoaded(client, 'changing', { fields: [{ name: 'n', data_type: DataType.Int32 }] });
      await insertRange(client, 'changing', 0, 20, (id) => ({ n: id }));
      const upserted = await client.upsert({
        collection_name: 'changing',
        data: [18, 19, 20].map((id) => ({ id, vector: vectorOf(id + 1000), n: -id })),
      });
      expect(Number(upserted.upsert_cnt)).toBe(3);
      const changed = await client.query({
        collection_name: 'changing',
        filter: 'id in [17, 18, 20]',
        output_fields: ['n', 'vector'],
      });
      expect(changed.data).toEqual([
        { id: '17', n: 17, vector: vectorOf(17) },
        { id: '18', n: -18, vector: vectorOf(1018) },
        { id: '20', n: -20, vector: vectorOf(1020) },
      ]);
      const deleted = await client.delete({ collection_name: 'changing', ids: [0, 1, 20, 999] });
      expect(Number(deleted.delete_cnt)).toBe(4);
      expect('int_id' in deleted.IDs).toBe(false);
      await mustSucceed(client.deleteEntities({ collection_name: 'changing', filter: 'id in [2]' }));
      expect((await client.count({ collection_name: 'changing' })).data).toBe(17);
      expect(
        (await client.query({ collection_name: 'changing', filter: 'id in [0, 1, 2, 20]' })).data,
      ).toEqual([]);
      await insertRange(client, 'changing', 0, 1, () => ({ n: 7 }));
      expect(
        (await client.get({ collection_name: 'changing', ids: [0], output_fields: ['n'] })).data,
      ).toEqual([{ id: '0', n: 7 }]);
    });
    test('upsert and delete reach rows that are in files', async () => {
      await createLoaded(client, 'filed', { fields: [{ name: 'n', data_type: DataType.Int32 }] });
      await insertRange(client, 'filed', 0, 50, (id) => ({ n: id }));
      await mustSucceed(client.flushSync({ collection_names: ['filed'] }));
      await mustSucceed(
        client.upsert({ collection_name: 'filed', data: [{ id: 7, vector: vectorOf(7), n: 700 }] }),
      );
      await mustSucceed(client.delete({ collection_name: 'filed', ids: [8] }));
      const read = async () =>
        (
          await client.query({ collection_name: 'filed', filter: 'id in [6, 7, 8]', output_fields: ['n'] })
        ).data.map(({ id, n }) => [id, n]);
      const expected = [
        ['6', 6],
        ['7', 700],
      ];
      expect(await read()).toEqual(expected);
      await mustSucceed(client.flushSync({ collection_names: ['filed'] }));
      expect(await read()).toEqual(expected);
      expect((await client.count({ collection_name: 'filed' })).data).toBe(49);
    });
    test('limit and offset page by key', async () => {
      await createLoaded(client, 'pages', { shards: 2 });
      await insertRange(client, 'pages', 0, 30);
      await mustSucceed(client.flushSync({ collection_names: ['pages'] }));
      await insertRange(client, 'pages', 30, 60);
      const page = async (offset: number) =>
        idsOf((await client.query({ collection_name: 'pages', filter: '', limit: 25, offset })).data);
      const seen = [...(await page(0)), ...(await page(25)), ...(await page(50))];
      expect(seen).toEqual(Array.from({ length: 60 }, (_, id) => id));
      expect(await page(60)).toEqual([]);
    });
    test('two shards: every row once, exact count, deletes of either', async () => {
      await createLoaded(client, 'sharded', { shards: 2 });
      await insertRange(client, 'sharded', 0, 500);
      await mustSucceed(
        client.delete({ collection_name: 'sharded', ids: Array.from({ length: 250 }, (_, at) => at * 2) }),
      );
      expect((await client.count({ collection_name: 'sharded' })).data).toBe(250);
      const hits = await client.search({ collection_name: 'sharded', data: vectorOf(1), limit: 300 });
      expect(hits.results.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 250 }, (_, at) => at * 2 + 1),
      );
    });
    test('VarChar keys', async () => {
      const name = 'texts';
      await mustSucceed(
        client.createCollection({
          collection_name: name,
          fields: [
            { name: 'id', data_type: DataType.VarChar, is_primary_key: true, max_length: 32 },
            vectorField,
          ],
          shards_num: 2,
        }),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'L2',
        }),
      );
      await mustSucceed(client.loadCollection({ collection_name: name }));
      const keys = ['b', 'a', 'Ünïcode', 'with "quotes"', "it's", ''];
      await mustSucceed(
        client.insert({ collection_name: name, data: keys.map((id, at) => ({ id, vector: vectorOf(at) })) }),
      );
      expect(
        (await client.get({ collection_name: name, ids: ['a', 'Ünïcode'] })).data.map(({ id }) => id),
      ).toEqual(['a', 'Ünïcode']);
      const hits = await client.search({
        collection_name: name,
        data: vectorOf(2),
        limit: 1,
        output_fields: ['id'],
      });
      expect(hits.results[0]?.id).toBe('Ünïcode');
      await mustSucceed(client.delete({ collection_name: name, ids: ['b', 'Ünïcode'] }));
      expect((await client.count({ collection_name: name })).data).toBe(4);
    });
    test('automatic ids are distinct and can be asked for', async () => {
      const name = 'auto';
      await mustSucceed(
        client.createCollection({
          collection_name: name,
          fields: [{ ...keyField, autoID: true }, vectorField],
        }),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type: 'AUTOINDEX',
          metric_type: 'L2',
        }),
      );
      await mustSucceed(client.loadCollection({ collection_name: name }));
      const inserted = await client.insert({
        collection_name: name,
        data: [0, 1, 2, 3].map((at) => ({ vector: vectorOf(at) })),
      });
      const ids = 'int_id' in inserted.IDs ? inserted.IDs.int_id.data : [];
      expect(new Set(ids).size).toBe(4);
      const got = await client.get({
        collection_name: name,
        ids: [String(ids[2])],
        output_fields: ['vector'],
      });
      expect(got.data).toEqual([{ id: String(ids[2]), vector: vectorOf(2) }]);
    });
  });

  describe('fields', () => {
    test('every scalar type, nulls and defaults, growing and in files', async () => {
      const name = 'types';
      await createLoaded(client, name, {
        fields: [
          { name: 'b', data_type: DataType.Bool },
          { name: 'i8', data_type: DataType.Int8 },
          { name: 'i16', data_type: DataType.Int16 },
          { name: 'i32', data_type: DataType.Int32 },
          { name: 'i64', data_type: DataType.Int64 },
          { name: 'f', data_type: DataType.Float },
          { name: 'd', data_type: DataType.Double },
          { name: 's', data_type: DataType.VarChar, max_length: 100 },
          { name: 'j', data_type: DataType.JSON },
          { name: 'maybe', data_type: DataType.Int32, nullable: true },
          { name: 'maybe_text', data_type: DataType.VarChar, max_length: 10, nullable: true },
          { name: 'preset', data_type: DataType.Int32, default_value: 42 },
        ],
      });
      const common = {
        b: true,
        i8: -128,
        i16: 32_767,
        i32: -2_147_483_648,
        i64: '9007199254740993',
        f: 0.5,
        d: 0.1,
        s: 'žluťoučký',
        j: { a: [1, { b: null }] },
      };
      await mustSucceed(
        client.insert({
          collection_name: name,
          data: [
            { id: 1, vector: vectorOf(1), ...common, maybe: 5, maybe_text: 'x', preset: 1 },
            { id: 2, vector: vectorOf(2), ...common, maybe: null, maybe_text: null },
          ],
        }),
      );
      const read = async () =>
        (await client.query({ collection_name: name, filter: 'id in [1, 2]', output_fields: ['*'] })).data;
      const expected = [
        { id: '1', vector: vectorOf(1), ...common, maybe: 5, maybe_text: 'x', preset: 1 },
        { id: '2', vector: vectorOf(2), ...common, maybe: null, maybe_text: null, preset: 42 },
      ];
      expect(await read()).toEqual(expected);
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      expect(await read()).toEqual(expected);
      const hits = await client.search({
        collection_name: name,
        data: vectorOf(2),
        limit: 1,
        output_fields: ['id', 'j', 'maybe', 's', 'preset'],
      });
      expect(hits.results).toEqual([
        expect.objectContaining({ id: '2', j: common.j, maybe: null, s: common.s, preset: 42 }),
      ]);
    });
    test('dynamic fields', async () => {
      await createLoaded(client, 'dynamic', { dynamic: true });
      await insertRange(client, 'dynamic', 0, 6, (id) =>
        id % 2 === 0 ? { color: `c${id}`, size: id } : { nested: { deep: [id] } },
      );
      const read = async () =>
        (
          await client.query({
            collection_name: 'dynamic',
            filter: 'id in [2, 3]',
            output_fields: ['color', 'nested'],
          })
        ).data;
      const before = await read();
      // A query of this SDK shows the dynamic column, which has the keys that were asked for; a search takes the keys out.
      expect(before[0]).toEqual({ id: '2', $meta: { color: 'c2' } });
      expect(before[1]).toMatchObject({ id: '3', $meta: { nested: { deep: [3] } } });
      await mustSucceed(client.flushSync({ collection_names: ['dynamic'] }));
      expect(await read()).toEqual(before);
      const hits = await client.search({
        collection_name: 'dynamic',
        data: vectorOf(4),
        limit: 1,
        output_fields: ['id', 'color', 'size'],
      });
      expect(hits.results[0]).toMatchObject({ id: '4', color: 'c4', size: 4 });
    });
    test('a field that does not exist is an error without dynamic fields', async () => {
      await createLoaded(client, 'fixed');
      const answer = await client.query({
        collection_name: 'fixed',
        filter: 'id in [1]',
        output_fields: ['ghost'],
      });
      expect(answer.status.code).toBe(65_535);
      expect(answer.status.reason).toContain('field ghost not exist');
    });
  });

  describe('flush and statistics', () => {
    test('flush names the segments, its state becomes true, rows are counted once', async () => {
      await createLoaded(client, 'flushed');
      await insertRange(client, 'flushed', 0, 40);
      expect((await client.getCollectionStatistics({ collection_name: 'flushed' })).data.row_count).toBe(
        '40',
      );
      const flushed = await client.flushSync({ collection_names: ['flushed'] });
      expect(flushed.flushed).toBe(true);
      expect((await client.getFlushState({ segmentIDs: [] })).flushed).toBe(true);
      expect((await client.getCollectionStatistics({ collection_name: 'flushed' })).data.row_count).toBe(
        '40',
      );
      const segments = await client.getPersistentSegmentInfo({
        collectionName: 'flushed',
        dbName: '',
      } as never);
      expect(segments.infos.reduce((sum, info) => sum + Number(info.num_rows), 0)).toBe(40);
      await mustSucceed(client.flushSync({ collection_names: ['flushed'] }));
      expect((await client.count({ collection_name: 'flushed' })).data).toBe(40);
    });
  });
});
