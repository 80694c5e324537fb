// Fields come and go while a collection has rows: old rows have the default or null, in every way of reading, growing and in files, and after
// a restart.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { createLoaded, insertRange, lastingWorld, mustSucceed, vectorOf } from './support.js';

let client: MilvusClient;
const world = lastingWorld({ logLevel: 'error' }, (begun) => {
  client = begun;
});

const flush = (name: string) => mustSucceed(client.flushSync({ collection_names: [name] }));
const reload = async (collection_name: string): Promise<void> => {
  await mustSucceed(client.releaseCollection({ collection_name }));
  await mustSucceed(client.loadCollection({ collection_name }));
};
const fieldOf = async (collection_name: string, name: string) =>
  (await client.describeCollection({ collection_name })).schema.fields.find((field) => field.name === name);

const added = [
  { name: 'note', data_type: DataType.VarChar, max_length: 20, nullable: true },
  { name: 'level', data_type: DataType.Int64, default_value: 7 },
  { name: 'ratio', data_type: DataType.Double, nullable: true, default_value: 0.5 },
  { name: 'tags', data_type: DataType.Array, element_type: DataType.Int32, max_capacity: 4, nullable: true },
  { name: 'extra', data_type: DataType.JSON, nullable: true },
  { name: 'at', data_type: DataType.Timestamptz, nullable: true, default_value: '2025-01-02T03:04:05Z' },
] as const;
const names = added.map(({ name }) => name);
const newRow = (id: number) => ({
  note: `n${id}`,
  level: id,
  ratio: id / 4,
  tags: [id],
  extra: { id },
  at: '2026-01-01T00:00:00Z',
});

/** Rows below 40 are older than the fields, those from 40 on have values. */
async function expectAll(collection_name: string): Promise<void> {
  const { data } = await client.query({
    collection_name,
    filter: 'id >= 0',
    output_fields: ['id', ...names],
    limit: 1000,
  });
  const rows = new Map(data.map((row) => [Number(row.id), row]));
  expect([...rows.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 80 }, (_, id) => id));
  for (const [id, row] of rows) {
    const expected =
      id < 40
        ? { note: null, level: '7', ratio: 0.5, tags: null, extra: null, at: '2025-01-02T03:04:05Z' }
        : { ...newRow(id), level: String(id) };
    expect(row).toMatchObject(expected);
  }
  const keys = async (filter: string): Promise<number> =>
    (await client.query({ collection_name, filter, output_fields: ['id'], limit: 1000 })).data.length;
  expect(await keys('note is null')).toBe(40);
  expect(await keys('level == 7')).toBe(40);
  expect(await keys('ratio == 0.5')).toBe(40);
  expect(await keys('note like "n4%"')).toBe(10);
  expect(await keys('array_contains(tags, 41)')).toBe(1);
  expect(await keys('extra["id"] == 42')).toBe(1);
  expect(await keys('at < ISO "2025-06-01T00:00:00Z"')).toBe(40);
  const found = await client.search({
    collection_name,
    data: vectorOf(5),
    limit: 1,
    filter: 'level == 7 and note is null',
    output_fields: ['id', 'level', 'note'],
  });
  expect(found.results).toMatchObject([{ id: '5', level: '7', note: null }]);
  const grouped = await client.query({
    collection_name,
    filter: 'id >= 0',
    group_by_fields: ['level'],
    output_fields: ['level', 'count(*)'],
  } as Parameters<MilvusClient['query']>[0]);
  expect(grouped.data.find(({ level }) => level === '7')).toMatchObject({ 'count(*)': '40' });
}

describe('a field that is added', () => {
  test.each([1, 3])(
    'has its default or null in old rows, %i shards',
    async (shards) => {
      const collection_name = `added_${shards}`;
      await createLoaded(client, collection_name, { shards });
      await insertRange(client, collection_name, 0, 20);
      await flush(collection_name);
      await insertRange(client, collection_name, 20, 40); // In the log alone.
      const before = await client.describeCollection({ collection_name });
      await mustSucceed(client.addCollectionFields({ collection_name, fields: [...added] }));
      const after = await client.describeCollection({ collection_name });
      expect(BigInt(after.update_timestamp)).toBeGreaterThan(BigInt(before.update_timestamp));
      expect(after.update_timestamp_str).toBe(String(after.update_timestamp));
      expect(after.schema.fields.map(({ fieldID }) => String(fieldID))).toEqual(
        Array.from({ length: 8 }, (_, at) => String(100 + at)),
      );
      await insertRange(client, collection_name, 40, 60, newRow);
      await flush(collection_name);
      await insertRange(client, collection_name, 60, 80, newRow);
      await expectAll(collection_name);
      await world.restart();
      await expectAll(collection_name);
      await flush(collection_name);
      await reload(collection_name);
      await expectAll(collection_name);
      for (const [field_name, index_type] of [
        ['note', 'INVERTED'],
        ['level', 'STL_SORT'],
      ] as const)
        await mustSucceed(client.createIndex({ collection_name, field_name, index_type }));
      await expectAll(collection_name);
      await world.restart();
      await expectAll(collection_name);
    },
    60_000,
  );

  test('may be a vector that is null in old rows, searched by scan and by index', async () => {
    const collection_name = 'added_vector';
    await createLoaded(client, collection_name);
    await insertRange(client, collection_name, 0, 1200);
    await flush(collection_name);
    await insertRange(client, collection_name, 1200, 1300);
    await mustSucceed(
      client.addCollectionFields({
        collection_name,
        fields: [
          { name: 'second', data_type: DataType.FloatVector, dim: 4, nullable: true },
          { name: 'sparse', data_type: DataType.SparseFloatVector, nullable: true },
        ],
      }),
    );
    const search = async (anns_field = 'second', data: object = vectorOf(1310, 4)) =>
      (
        await client.search({
          collection_name,
          anns_field,
          data,
          limit: 3,
          output_fields: ['id'],
        } as Parameters<MilvusClient['search']>[0])
      ).results.map(({ id }) => Number(id));
    expect(await search()).toEqual([]);
    await insertRange(client, collection_name, 1300, 1320, (id) => ({
      second: vectorOf(id, 4),
      sparse: { [id]: 1 },
    }));
    const expectFound = async (): Promise<void> => {
      expect((await search())[0]).toBe(1310);
      expect(await search('sparse', { 1311: 1 })).toEqual([1311]);
    };
    await expectFound();
    await flush(collection_name);
    await expectFound();
    for (const [field_name, index_type, metric_type] of [
      ['second', 'HNSW', 'L2'],
      ['sparse', 'SPARSE_INVERTED_INDEX', 'IP'],
    ] as const)
      await mustSucceed(client.createIndex({ collection_name, field_name, index_type, metric_type }));
    await expectFound();
    await reload(collection_name);
    await expectFound();
    await world.restart();
    await expectFound();
  }, 60_000);

  test('is refused where old rows would have no value, or the schema no room', async () => {
    const collection_name = 'refused';
    await createLoaded(client, collection_name);
    const add = async (field: object) =>
      client.addCollectionField({
        collection_name,
        field: { name: 'f', data_type: DataType.Int64, nullable: true, ...field },
      });
    const reasons = {
      'nullable or have a default': { nullable: false },
      'not support to add pk field': { is_primary_key: true },
      'not support to add partition key field': { is_partition_key: true },
      'duplicate field name: id': { name: 'id' },
      'Invalid field name': { name: '1f' },
      'exceeds max length (5)': { default_value: 'too long', data_type: DataType.VarChar, max_length: 5 },
      'type param(max_length) should be specified': { data_type: DataType.VarChar },
    };
    for (const [reason, field] of Object.entries(reasons)) {
      const status = await add(field);
      expect(status.reason).toContain(reason);
      expect(status.code).toBe(1100);
    }
    for (let count = 2; count < 64; count++) await mustSucceed(add({ name: `f${count}` }));
    expect((await add({})).reason).toContain('The number of fields has reached the maximum value 64');
    expect((await client.describeCollection({ collection_name })).schema.fields).toHaveLength(64);
  });

  test('takes the place of a dynamic key of its name, which stays readable in $meta', async () => {
    const collection_name = 'shadow';
    await createLoaded(client, collection_name, { dynamic: true });
    await insertRange(client, collection_name, 0, 5, (id) => ({ color: `c${id}` }));
    const count = async (filter: string): Promise<number> =>
      (await client.query({ collection_name, filter, output_fields: ['id'] })).data.length;
    expect(await count('color == "c1"')).toBe(1);
    await mustSucceed(
      client.addCollectionField({
        collection_name,
        field: { name: 'color', data_type: DataType.VarChar, max_length: 9, nullable: true },
      }),
    );
    expect(await count('color == "c1"')).toBe(0);
    expect(await count('$meta["color"] == "c1"')).toBe(1);
    await insertRange(client, collection_name, 5, 6, () => ({ color: 'c1' }));
    expect(await count('color == "c1"')).toBe(1);
  });
});

test('properties of a field hold for what is written from then on', async () => {
  const collection_name = 'altered';
  const text = { name: 'text', data_type: DataType.VarChar, max_length: 4 };
  await createLoaded(client, collection_name, { fields: [text] });
  const insert = async (id: number, value: string) =>
    (await client.insert({ collection_name, data: [{ id, vector: vectorOf(id), text: value }] })).status;
  const alter = (properties: Record<string, string | number | boolean>, field_name = 'text') =>
    client.alterCollectionFieldProperties({ collection_name, field_name, properties });
  expect((await insert(1, 'longer')).reason).toContain('exceeds max length');
  await mustSucceed(alter({ max_length: 9 }));
  await mustSucceed(insert(1, 'longer').then((status) => ({ status })));
  await mustSucceed(alter({ max_length: 2 }));
  expect((await insert(2, 'longer')).reason).toContain('exceeds max length');
  await mustSucceed(alter({ 'mmap.enabled': true, description: 'words' }));
  const field = await fieldOf(collection_name, 'text');
  expect(field?.description).toBe('words');
  expect(Object.fromEntries((field?.type_params ?? []).map(({ key, value }) => [key, value]))).toEqual({
    max_length: '2',
    'mmap.enabled': 'true',
  });
  expect(
    (await client.query({ collection_name, filter: 'id == 1', output_fields: ['text'] })).data,
  ).toMatchObject([{ text: 'longer' }]);
  expect((await alter({ max_length: 70_000 })).reason).toContain('should be in (0, 65535]');
  expect((await alter({ max_length: 5 }, 'id')).reason).toContain('non-string types');
  expect((await alter({ dim: 5 })).reason).toContain('does not allow update in collection field param');
  expect((await alter({ max_length: 5 }, 'none')).reason).toContain('field does not exist in collection');
});

test('hints of an index are changed, shown and taken away, and nothing else is', async () => {
  const collection_name = 'hints';
  await createLoaded(client, collection_name);
  const index_name = 'vector';
  const alter = (params: Record<string, string | boolean>) =>
    client.alterIndexProperties({ collection_name, index_name, params });
  const shown = async () => {
    const { index_descriptions } = await client.describeIndex({ collection_name });
    return Object.fromEntries((index_descriptions[0]?.params ?? []).map(({ key, value }) => [key, value]));
  };
  await mustSucceed(alter({ 'mmap.enabled': true }));
  expect(await shown()).toMatchObject({ 'mmap.enabled': 'true', index_type: 'FLAT' });
  await mustSucceed(
    client.createIndex({ collection_name, field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' }),
  );
  await mustSucceed(
    client.dropIndexProperties({ collection_name, index_name, properties: ['mmap.enabled'] }),
  );
  expect(await shown()).not.toHaveProperty('mmap.enabled');
  expect((await alter({ index_type: 'HNSW' })).reason).toContain('is not a configable index property');
  expect((await alter({ 'mmap.enabled': 'maybe' })).reason).toContain('expected true or false');
  const none = await client.alterIndexProperties({
    collection_name,
    index_name: 'none',
    params: { warmup: 'sync' },
  });
  expect(none.code).toBe(700);
});
