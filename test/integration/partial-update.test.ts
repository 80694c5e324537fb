// Partial updates through the real client: what is not sent stays to the bit, also of rows in files, and nothing is lost between two clients
// who change one row at the same time.
import { DataType, type MilvusClient, type RowData } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, mustSucceed, openWorld, vectorField, vectorOf, type World } from './support.js';

const APPEND = 1;
const REMOVE = 2;
const fields = [
  { name: 'id', data_type: DataType.Int64, is_primary_key: true },
  vectorField,
  { name: 'a', data_type: DataType.Int64 },
  { name: 'b', data_type: DataType.VarChar, max_length: 64, nullable: true },
  { name: 'c', data_type: DataType.Int32, default_value: 7 },
  { name: 'doc', data_type: DataType.JSON, nullable: true },
  {
    name: 'tags',
    data_type: DataType.Array,
    element_type: DataType.VarChar,
    max_capacity: 6,
    max_length: 8,
    nullable: true,
  },
  { name: 'nums', data_type: DataType.Array, element_type: DataType.Double, max_capacity: 8, nullable: true },
];
const full = (id: number) => ({
  id,
  vector: vectorOf(id),
  a: '9007199254740993',
  b: `b${id}`,
  c: id,
  doc: { k: id, l: [1] },
  tags: ['x', 'y', 'x'],
  nums: [1, 0, 2.5],
  dyn: id,
  other: 'o',
});

describe.each([['growing'], ['sealed']])('partial update of %s rows', (kind) => {
  let world: World;
  let client: MilvusClient;
  const update = (data: object[], more: object = {}) =>
    client.upsert({ collection_name: 'c', data: data as RowData[], partial_update: true, ...more });
  const get = async (...ids: number[]) =>
    (
      await client.query({
        collection_name: 'c',
        filter: `id in [${ids}]`,
        output_fields: ['*'],
      })
    ).data;
  beforeAll(async () => {
    world = await openWorld('memory');
    ({ client } = world);
    await mustSucceed(
      client.createCollection({ collection_name: 'c', fields, shards_num: 2, enable_dynamic_field: true }),
    );
    await mustSucceed(
      client.createIndex({
        collection_name: 'c',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await client.loadCollectionSync({ collection_name: 'c' });
    await mustSucceed(
      client.insert({ collection_name: 'c', data: Array.from({ length: 40 }, (_, id) => full(id)) as never }),
    );
    if (kind === 'sealed') await client.flushSync({ collection_names: ['c'] });
  });
  afterAll(() => world.close());

  it('columns that are not sent stay, the others are replaced', async () => {
    const before = await get(1, 2);
    const answer = await update([
      { id: 1, a: '-1' },
      { id: 2, a: '-2' },
    ]);
    expect(answer).toMatchObject({ upsert_cnt: '2', status: { code: 0 } });
    expect(await get(1, 2)).toEqual(before.map((row) => ({ ...row, a: row.id === '1' ? '-1' : '-2' })));
    await mustSucceed(update([{ id: 1, vector: vectorOf(999), b: null, doc: { z: true } }]));
    const [row] = await get(1);
    expect(row).toMatchObject({ a: '-1', b: null, c: 1, doc: { z: true }, tags: ['x', 'y', 'x'] });
    expect(row?.vector).toEqual(vectorOf(999));
    const found = await client.search({
      collection_name: 'c',
      data: vectorOf(999),
      limit: 1,
      output_fields: ['id'],
    });
    expect(found.results[0]?.id).toBe('1');
    expect((await client.count({ collection_name: 'c', expr: '' })).data).toBe(40);
  });

  it('dynamic keys are put over those that are there', async () => {
    await mustSucceed(update([{ id: 3, dyn: '12345678901234567890', more: [1, { q: null }] }]));
    expect((await get(3))[0]).toMatchObject({
      $meta: { dyn: '12345678901234567890', other: 'o', more: [1, { q: null }] },
      b: 'b3',
    });
  });

  it('a null becomes the default where there is one', async () => {
    await mustSucceed(update([{ id: 4, c: null }]));
    expect((await get(4))[0]).toMatchObject({ c: 7, b: 'b4' });
  });

  it('arrays are added to and taken from', async () => {
    const tags = (op: number) => ({ field_ops: [{ field_name: 'tags', op }] });
    await mustSucceed(update([{ id: 5, tags: ['z', 'x'] }], tags(APPEND)));
    expect((await get(5))[0]?.tags).toEqual(['x', 'y', 'x', 'z', 'x']);
    await mustSucceed(update([{ id: 5, tags: ['x', 'q'] }], tags(REMOVE)));
    expect((await get(5))[0]).toMatchObject({ tags: ['y', 'z'], nums: [1, 0, 2.5], b: 'b5' });
    await mustSucceed(
      update([{ id: 5, nums: [0, Number.NaN] }], { field_ops: [{ field_name: 'nums', op: REMOVE }] }),
    );
    expect((await get(5))[0]?.nums).toEqual([1, 2.5]);
    // A null has nothing to take from, and stays one.
    await mustSucceed(update([{ id: 11, tags: null }]));
    await mustSucceed(update([{ id: 11, tags: ['x'] }], tags(REMOVE)));
    expect((await get(11))[0]).toMatchObject({ tags: null, b: 'b11' });
    await mustSucceed(update([{ id: 11, tags: ['x'] }], tags(APPEND)));
    expect((await get(11))[0]?.tags).toEqual(['x']);
    // An operation is a partial update, said or not.
    await mustSucceed(
      client.upsert({
        collection_name: 'c',
        data: [{ id: 5, tags: ['w'] }] as never,
        ...tags(APPEND),
      } as never),
    );
    expect((await get(5))[0]).toMatchObject({ tags: ['y', 'z', 'w'], b: 'b5' });
    const failure = await failureOf(() => update([{ id: 6, tags: ['1', '2', '3', '4'] }], tags(APPEND)));
    expect(failure).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('exceeds max capacity (6)'),
    });
    expect((await get(6))[0]?.tags).toEqual(['x', 'y', 'x']);
  });

  it('a key without a row needs a whole one, and then nothing of the request is written', async () => {
    const failure = await failureOf(() =>
      update([
        { id: 7, a: '1' },
        { id: 700, a: '1' },
      ]),
    );
    expect(failure).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('has no corresponding fieldData pass in'),
    });
    expect((await get(7, 700)).map(({ a }) => a)).toEqual(['9007199254740993']);
    await mustSucceed(
      update([
        { id: 701, vector: vectorOf(701), a: '5' },
        { id: 8, vector: vectorOf(8), a: '6' },
      ]),
    );
    expect(await get(701)).toMatchObject([{ a: '5', b: null, c: 7, tags: null }]);
    expect((await get(8))[0]).toMatchObject({ a: '6', b: 'b8', c: 8 });
    await mustSucceed(client.delete({ collection_name: 'c', ids: [701] }));
  });

  it('what cannot be is refused', async () => {
    expect(
      await failureOf(() =>
        update([
          { id: 9, a: '1' },
          { id: 9, a: '2' },
        ]),
      ),
    ).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('duplicate primary keys are not allowed in the same batch'),
    });
    for (const [field_name, op] of [
      ['b', APPEND],
      ['nothing', APPEND],
      ['nums', REMOVE],
    ] as const)
      expect(
        (await failureOf(() => update([{ id: 9, a: '1' }], { field_ops: [{ field_name, op }] }))).code,
      ).toBe(1100);
  });

  it('no update is lost when many change one row at once', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `k${at}`);
    const rest = { field_ops: [{ field_name: 'nums', op: APPEND }] };
    await mustSucceed(
      update([
        { id: 10, nums: [] },
        { id: 11, nums: [] },
      ]),
    );
    await Promise.all([
      ...names.map((name, at) =>
        mustSucceed(
          update([
            { id: 10, [name]: at },
            { id: 11, [name]: at },
          ]),
        ),
      ),
      ...Array.from({ length: 8 }, (_, at) => mustSucceed(update([{ id: 10, nums: [at] }], rest))),
      mustSucceed(update([{ id: 10, a: '42' }])),
      mustSucceed(update([{ id: 10, b: 'new' }])),
    ]);
    const { data } = await client.query({
      collection_name: 'c',
      filter: 'id in [10, 11]',
      output_fields: ['*'],
    });
    for (const row of data)
      expect(row.$meta).toMatchObject(Object.fromEntries(names.map((name, at) => [name, at])));
    expect(data[0]).toMatchObject({ a: '42', b: 'new', c: 10 });
    expect([...(data[0] as { readonly nums: number[] }).nums].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('partial updates of rows in several partitions', () => {
  let world: World;
  let client: MilvusClient;
  const name = { collection_name: 'parted' };
  const update = (data: object[], more: object = {}) =>
    client.upsert({ ...name, data: data as RowData[], partial_update: true, ...more });
  const rowsIn = async (...partition_names: string[]) =>
    (
      await client.query({
        ...{ ...name, filter: 'id >= 0', output_fields: ['id', 'a', 'b'] },
        ...(partition_names.length > 0 && { partition_names }),
      })
    ).data.map(({ id, a, b }) => [Number(id), Number(a), b]);
  const insert = (partition_name: string, ...ids: number[]) =>
    mustSucceed(client.insert({ ...name, partition_name, data: ids.map(full) as never }));
  beforeAll(async () => {
    world = await openWorld('memory');
    ({ client } = world);
    await mustSucceed(
      client.createCollection({ ...name, fields, shards_num: 2, enable_dynamic_field: true }),
    );
    const index = { field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' };
    await mustSucceed(client.createIndex({ ...name, ...index }));
    for (const partition_name of ['p', 'q'])
      await mustSucceed(client.createPartition({ ...name, partition_name }));
    await client.loadCollectionSync(name);
    await insert('p', 1, 2, 3);
    await insert('q', 4, 5);
    await insert('_default', 6);
    await client.flushSync({ collection_names: ['parted'] });
    await insert('q', 7);
  });
  afterAll(() => world.close());

  it('each is found without a name, and stays where it is', async () => {
    const ids = [1, 3, 4, 6, 7];
    await mustSucceed(update(ids.map((id) => ({ id, a: 100 + id }))));
    expect(await rowsIn('p')).toEqual([
      [1, 101, 'b1'],
      [2, expect.any(Number), 'b2'],
      [3, 103, 'b3'],
    ]);
    expect((await rowsIn('q')).map(([id, a]) => [id, a === 100 + Number(id)])).toEqual([
      [4, true],
      [5, false],
      [7, true],
    ]);
    expect(await rowsIn('_default')).toEqual([[6, 106, 'b6']]);
    expect((await client.count(name)).data).toBe(7);
  });

  it('a new key goes to _default, also beside others that stay', async () => {
    await mustSucceed(
      client.upsert({ ...name, data: [full(8), { ...full(2), a: 5 }] as never, partial_update: true }),
    );
    expect((await rowsIn('_default')).map(([id]) => id)).toEqual([6, 8]);
    expect((await rowsIn('p')).map(([id]) => id)).toEqual([1, 2, 3]);
    const { code, reason } = await failureOf(() => update([{ id: 9, a: 1 }]));
    expect([code, reason]).toEqual([1100, expect.stringContaining('no corresponding fieldData')]);
  });

  it('a named partition is the only one that is looked in', async () => {
    await mustSucceed(update([{ id: 2, a: 200 }], { partition_name: 'p' }));
    expect(await rowsIn('p')).toContainEqual([2, 200, 'b2']);
    expect((await failureOf(() => update([{ id: 2, a: 1 }], { partition_name: 'q' }))).code).toBe(1100);
    expect(await rowsIn('p')).toContainEqual([2, 200, 'b2']);
  });

  it('a key that inserts put into two partitions has its newest values in one row afterwards', async () => {
    await insert('p', 10);
    await mustSucceed(
      client.insert({ ...name, partition_name: 'q', data: [{ ...full(10), b: 'newer' }] as never }),
    );
    await mustSucceed(update([{ id: 10, a: 1 }]));
    expect((await rowsIn()).filter(([id]) => id === 10)).toEqual([[10, 1, 'newer']]);
    expect(
      (await client.query({ ...name, filter: 'id == 10', output_fields: ['count(*)'] })).data,
    ).toMatchObject([{ 'count(*)': '1' }]);
  });

  it('many at once at one row of a partition lose nothing', async () => {
    const append = (at: number) => update([{ id: 5, [`k${at}`]: at }]);
    await Promise.all(Array.from({ length: 10 }, (_, at) => mustSucceed(append(at))));
    const { data } = await client.query({ ...name, filter: 'id == 5', output_fields: ['*'] });
    const keys = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`k${at}`, at]));
    expect(data[0]?.$meta).toMatchObject(keys);
    expect((await rowsIn('q')).map(([id]) => id)).toContain(5);
  });

  it('where some partitions are not loaded it says so, and writes nothing', async () => {
    await mustSucceed(client.releasePartitions({ ...name, partition_names: ['q'] }));
    const { code, reason } = await failureOf(() => update([{ id: 1, a: 0 }]));
    expect([code, reason]).toEqual([1100, expect.stringContaining('2 of 3 are loaded')]);
    await mustSucceed(update([{ id: 1, a: 11 }], { partition_name: 'p' }));
    await mustSucceed(client.loadPartitions({ ...name, partition_names: ['q'] }));
    await client.loadCollectionSync(name);
    expect(await rowsIn('p')).toContainEqual([1, 11, 'b1']);
  });

  it('where some fields are not loaded it says so, and writes nothing', async () => {
    await mustSucceed(client.releaseCollection(name));
    await mustSucceed(client.loadCollectionSync({ ...name, load_fields: ['id', 'vector', 'a'] } as never));
    const { code, reason } = await failureOf(() => update([{ id: 3, a: 0 }]));
    expect([code, reason]).toEqual([1100, expect.stringContaining('needs all fields')]);
    await mustSucceed(client.releaseCollection(name));
    await client.loadCollectionSync(name);
    expect(await rowsIn('p')).toContainEqual([3, 103, 'b3']);
  });
});
