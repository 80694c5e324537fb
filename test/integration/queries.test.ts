// Queries through the real client that do more than find rows: over two shards, with rows in files and rows that still grow.
import { DataType, type RowData } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, keyField, mustSucceed, openWorld, vectorField, vectorOf, type World } from './support.js';

type Tag = number | string | boolean | object | null | undefined;

interface Row {
  /** A dynamic key. */
  readonly tag: Tag;
  readonly doc: { readonly in: { readonly tag: Tag } } | null;
  readonly id: number;
  readonly price: number;
  readonly stock: number | null;
  readonly name: string;
  readonly at: string;
}

const colours = ['red', 'green', 'blue', 'Ångström', 'ängel'];
/** Values of every kind, and of most of them several rows. */
const tagOf = (id: number): Tag =>
  [(id % 40) - 20, id / 8, `t${id % 30}`, 'say "é"', id % 2 === 0, null, undefined, [id], { id }][id % 9];
const rowOf = (id: number, price = (id * 37) % 101): Row => ({
  id,
  tag: tagOf(id),
  doc: id % 11 === 0 ? null : { in: { tag: tagOf(id + 4) } },
  price,
  stock: id % 5 === 0 ? null : id % 7,
  name: colours[id % colours.length] as string,
  at: new Date(Date.UTC(2025, 0, 1) + ((id * 13) % 97) * 60_000).toISOString().replace('.000', ''),
});
const fields = [
  keyField,
  vectorField,
  { name: 'price', data_type: DataType.Int64 },
  { name: 'stock', data_type: DataType.Int32, nullable: true },
  { name: 'name', data_type: DataType.VarChar, max_length: 64 },
  { name: 'at', data_type: DataType.Timestamptz },
  { name: 'doc', data_type: DataType.JSON, nullable: true },
  { name: 'list', data_type: DataType.Array, element_type: DataType.Int64, max_capacity: 4, nullable: true },
];

describe('queries', () => {
  let world: World;
  const rows = new Map<number, Row>();
  const write = async (call: 'insert' | 'upsert', written: readonly Row[]): Promise<void> => {
    const data = written.map((row): RowData => ({ ...row, vector: vectorOf(row.id) }));
    await mustSucceed(world.client[call]({ collection_name: 'c', data }));
    for (const row of written) rows.set(row.id, row);
  };
  beforeAll(async () => {
    world = await openWorld('memory');
    const { client } = world;
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
    await write(
      'insert',
      Array.from({ length: 200 }, (_, id) => rowOf(id)),
    );
    await client.flushSync({ collection_names: ['c'] });
    await write(
      'insert',
      Array.from({ length: 100 }, (_, at) => rowOf(200 + at)),
    );
    // Rows in files that are out of date: once replaced, and once beside a newer row of their key.
    await write(
      'upsert',
      Array.from({ length: 20 }, (_, at) => rowOf(at * 3, 1000 - at)),
    );
    await write(
      'insert',
      Array.from({ length: 20 }, (_, at) => rowOf(at * 3 + 1, -1 - at)),
    );
  });
  afterAll(() => world.close());

  describe('order by', () => {
    const byText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
    const nullsLast = (a: number | null, b: number | null): number =>
      a === null || b === null ? Number(a === null) - Number(b === null) : a - b;
    const rank = (tag: Tag): number => ['boolean', 'number', 'string'].indexOf(typeof tag);
    /** What has no order is null. */
    const byTag = (a: Tag, b: Tag): number => {
      if (rank(a) < 0 || rank(b) < 0) return Number(rank(a) < 0) - Number(rank(b) < 0);
      if (rank(a) !== rank(b)) return rank(a) - rank(b);
      return typeof a === 'string' && typeof b === 'string' ? byText(a, b) : Number(a) - Number(b);
    };
    const inDoc = ({ doc }: Row): Tag => doc?.in.tag;
    const orders: readonly (readonly [string | (string | object)[], (a: Row, b: Row) => number])[] = [
      ['price:asc', (a, b) => a.price - b.price],
      ['price:desc', (a, b) => b.price - a.price],
      ['stock', (a, b) => nullsLast(a.stock, b.stock)],
      ['stock:desc', (a, b) => nullsLast(b.stock, a.stock)],
      [
        'stock:desc:nulls_last',
        (a, b) => (a.stock === null || b.stock === null ? nullsLast(a.stock, b.stock) : b.stock - a.stock),
      ],
      [
        [{ field: 'name', order: 'desc' }, { field: 'price' }],
        (a, b) => byText(b.name, a.name) || a.price - b.price,
      ],
      [[{ field: 'at', order: 'asc' }, 'id:desc'], (a, b) => byText(a.at, b.at) || b.id - a.id],
      ['id:desc', (a, b) => b.id - a.id],
      ['tag', (a, b) => byTag(a.tag, b.tag)],
      ['$meta["tag"]:desc,price', (a, b) => byTag(b.tag, a.tag) || a.price - b.price],
      ['doc["in"]["tag"],tag:descending', (a, b) => byTag(inDoc(a), inDoc(b)) || byTag(b.tag, a.tag)],
      ['absent,price:desc', (a, b) => b.price - a.price],
      ['id', (a, b) => a.id - b.id],
    ];

    it.each(orders)('%j', async (order, compare) => {
      const { client } = world;
      const all = [...rows.values()].sort((a, b) => compare(a, b) || a.id - b.id);
      const filters = [
        ['', () => true],
        ['price >= 40', ({ price }: Row) => price >= 40],
        ['id in [0, 1, 2, 3, 4, 250, 299, 999]', ({ id }: Row) => id < 5 || id === 250 || id === 299],
      ] as const;
      for (const [filter, passes] of filters) {
        const wanted = all.filter(passes).map(({ id }) => id);
        for (const page of [
          { limit: 10 },
          { limit: 7, offset: 5 },
          { limit: 1000, offset: 150 },
          { limit: 1000 },
        ]) {
          const found = await client.query({
            collection_name: 'c',
            filter,
            output_fields: ['price'],
            order_by_fields: order as never,
            ...page,
          });
          expect(found.status.reason).toBe('');
          const { offset = 0, limit } = page;
          expect(found.data.map(({ id }) => Number(id))).toEqual(wanted.slice(offset, offset + limit));
          expect(found.data.map(({ price }) => Number(price))).toEqual(
            wanted.slice(offset, offset + limit).map((id) => rows.get(id)?.price),
          );
        }
      }
    });

    it('a filter without a limit gives every row in order', async () => {
      const found = await world.client.query({
        collection_name: 'c',
        filter: 'price > 90',
        output_fields: ['name'],
        order_by: 'price',
      });
      const wanted = [...rows.values()].filter(({ price }) => price > 90);
      expect(found.data.map(({ id }) => Number(id))).toEqual(
        wanted.sort((a, b) => a.price - b.price || a.id - b.id).map(({ id }) => id),
      );
      // What it is ordered by comes only when it is asked for.
      expect(Object.keys(found.data[0] ?? {}).sort()).toEqual(['id', 'name']);
    });

    it.each([
      ['vector:asc', 1100, 'order by field vector has unsupported data type FloatVector'],
      ['doc', 1100, 'order by field doc has unsupported data type JSON'],
      ['list', 1100, 'order by field list has unsupported data type Array'],
      ['$meta', 65535, 'field $meta not exist'],
      ['price["a"]', 1100, 'order by field price has data type Int64, which has no paths'],
      ['tag + 1', 1100, 'cannot parse json path'],
      ['price:up', 1100, 'order by field price has an invalid direction "up"'],
    ])('%s is refused', async (order, code, reason) => {
      const failure = await failureOf(() =>
        world.client.query({ collection_name: 'c', filter: '', limit: 3, order_by_fields: order }),
      );
      expect(failure.code).toBe(code);
      expect(failure.reason).toContain(reason);
    });
  });

  describe('aggregates', () => {
    const ask = (more: object) => world.client.query({ collection_name: 'c', ...more } as never);
    const plain = (data: readonly Record<string, unknown>[]) =>
      data.map((row) => Object.values(row).map((value) => (value === null ? null : String(value))));
    /** Rows that were inserted twice count twice, as in Milvus. */
    const all = (): Row[] => [...rows.values(), ...Array.from({ length: 20 }, (_, at) => rowOf(at * 3 + 1))];
    const groupsOf = (by: (row: Row) => string | number | null, from = all()) => {
      const groups = new Map<string | number | null, Row[]>();
      for (const row of from) groups.set(by(row), [...(groups.get(by(row)) ?? []), row]);
      return groups;
    };
    const sum = (of: readonly Row[]) => of.reduce((total, { price }) => total + price, 0);

    it('of all rows', async () => {
      const { data } = await ask({
        filter: '',
        output_fields: ['count(*)', 'count(stock)', 'SUM(price)', 'avg( price )', 'min(at)', 'max(name)'],
      });
      const of = all();
      const stocked = of.filter(({ stock }) => stock !== null).length;
      const first = of.map(({ at }) => at).sort()[0];
      expect(data).toEqual([
        {
          'count(*)': String(of.length),
          'count(stock)': String(stocked),
          'SUM(price)': String(sum(of)),
          'avg( price )': sum(of) / of.length,
          'min(at)': first,
          'max(name)': 'ängel',
        },
      ]);
    });

    it('of groups, in their order or another, a page of them', async () => {
      const groups = groupsOf(({ name }) => name);
      const names = [...groups.keys()]
        .map(String)
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const wanted = names.map((name) => [
        name,
        String(groups.get(name)?.length),
        String(sum(groups.get(name) ?? [])),
      ]);
      const output_fields = ['name', 'count(*)', 'sum(price)'];
      const grouped = { filter: '', group_by_fields: ['name'], output_fields };
      expect(plain((await ask(grouped)).data)).toEqual(wanted);
      expect(plain((await ask({ ...grouped, limit: 2, offset: 1 })).data)).toEqual(wanted.slice(1, 3));
      const bySum = [...wanted].sort((a, b) => Number(b[2]) - Number(a[2]));
      expect(plain((await ask({ ...grouped, order_by: 'sum(price):desc', limit: 3 })).data)).toEqual(
        bySum.slice(0, 3),
      );
    });

    it('nulls are a group, the last one; a filter is asked first', async () => {
      const { data } = await ask({
        filter: 'price >= 50 and id not in [9]',
        group_by_fields: ['stock', 'name'],
        output_fields: ['stock', 'name', 'count(*)'],
      });
      const passing = all().filter(({ price, id }) => price >= 50 && id !== 9);
      const groups = groupsOf(({ stock, name }) => `${stock} ${name}`, passing);
      expect(data.length).toBe(groups.size);
      for (const row of data)
        expect(Number(row['count(*)'])).toBe(groups.get(`${row.stock} ${row.name}`)?.length);
      const stocks = data.map(({ stock }) => (stock === null ? 99 : Number(stock)));
      expect(stocks).toEqual([...stocks].sort((a, b) => a - b));
    });

    it('of no rows: one row of nothing, or no groups', async () => {
      const none = 'price > 100000';
      const { data } = await ask({
        filter: none,
        output_fields: ['count(price)', 'sum(price)', 'avg(price)', 'max(name)'],
      });
      expect(data).toEqual([
        { 'count(price)': '0', 'sum(price)': null, 'avg(price)': null, 'max(name)': null },
      ]);
      const grouped = await ask({
        filter: none,
        group_by_fields: ['name'],
        output_fields: ['name', 'max(price)'],
      });
      expect([grouped.status.reason, grouped.data]).toEqual(['', []]);
    });

    it('a sum beyond Int64 is an error, its mean is not', async () => {
      const big = '9223372036854775807';
      const { client } = world;
      await mustSucceed(
        client.upsert({
          collection_name: 'c',
          data: [9001, 9002].map((id) => ({ ...rowOf(id), price: big, vector: vectorOf(id) })) as never,
        }),
      );
      const only = { filter: 'id in [9001, 9002]' };
      const failure = await failureOf(() => ask({ ...only, output_fields: ['sum(price)'] }));
      expect(failure).toMatchObject({ code: 1100, reason: expect.stringContaining('18446744073709551614') });
      const { data } = await ask({ ...only, output_fields: ['max(price)', 'avg(price)'] });
      expect(data).toEqual([{ 'max(price)': big, 'avg(price)': 2 ** 63 }]);
      await mustSucceed(client.delete({ collection_name: 'c', ids: [9001, 9002] }));
    });

    it.each([
      [['vector'], ['count(price)'], 1100, 'group by field vector has unsupported data type FloatVector'],
      [['doc'], ['count(price)'], 1100, 'group by field doc has unsupported data type JSON'],
      [['nothing'], ['count(price)'], 65535, 'field nothing not exist'],
      [['name', 'name'], ['count(price)'], 1100, 'a field comes twice'],
      [['name'], ['name', 'sum(name)'], 65535, 'aggregation operator sum does not support data type VarChar'],
      [['name'], ['name', 'max(doc)'], 65535, 'aggregation operator max does not support data type JSON'],
      [
        ['name'],
        ['name', 'count(vector)'],
        65535,
        'aggregation operator count does not support data type FloatVector',
      ],
      [['name'], ['name', 'price', 'count(id)'], 65535, 'no indices found for output field: price'],
      [['name'], ['name', 'median(price)'], 65535, 'no indices found for output field: median(price)'],
      [['name'], ['name', 'count(price'], 65535, 'no indices found for output field: count(price'],
      [['name'], ['name', 'count()'], 65535, 'not exist'],
      [[], ['sum(nothing)'], 65535, 'field nothing not exist'],
      [[], ['id', 'count(*)'], 65535, 'no indices found for output field: id'],
    ])('group by %j of %j is refused', async (group_by_fields, output_fields, code, reason) => {
      const failure = await failureOf(() => ask({ filter: 'id >= 0', group_by_fields, output_fields }));
      expect(failure.code).toBe(code);
      expect(failure.reason).toContain(reason);
    });
  });
});

describe('a key twice in one batch', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
  });
  afterAll(() => world.close());

  it.each(['insert', 'upsert'] as const)('its last row is the row: %s', async (call) => {
    const { client } = world;
    for (const [name, isKeyed] of [
      [`plain_${call}`, false],
      [`keyed_${call}`, true],
    ] as const) {
      const team = { name: 'team', data_type: DataType.Int64, is_partition_key: isKeyed };
      await mustSucceed(
        client.createCollection({
          collection_name: name,
          fields: [keyField, vectorField, team],
          ...(isKeyed && { num_partitions: 8 }),
        } as never),
      );
      await mustSucceed(
        client.createIndex({
          collection_name: name,
          field_name: 'vector',
          index_type: 'FLAT',
          metric_type: 'L2',
        }),
      );
      await client.loadCollectionSync({ collection_name: name });
      const data = Array.from({ length: 60 }, (_, at) => ({ id: at % 20, team: at, vector: vectorOf(at) }));
      const answer = await client[call]({ collection_name: name, data });
      expect(Number(call === 'insert' ? answer.insert_cnt : answer.upsert_cnt)).toBe(60);
      const wanted = Array.from({ length: 20 }, (_, id) => [id, 40 + id]);
      for (const filter of ['id >= 0', 'team >= 0', `id in [${Array.from({ length: 20 }, (_, id) => id)}]`]) {
        const found = await client.query({ collection_name: name, filter, output_fields: ['team'] });
        expect(found.data.map(({ id, team: of }) => [Number(id), Number(of)])).toEqual(wanted);
      }
      const hits = await client.search({
        collection_name: name,
        data: vectorOf(45),
        limit: 20,
        output_fields: ['id', 'team'],
      });
      expect(
        hits.results
          .map((hit) => [Number(hit.id), Number(hit.team)])
          .sort((a, b) => Number(a[0]) - Number(b[0])),
      ).toEqual(wanted);
      await client.flushSync({ collection_names: [name] });
      const flushed = await client.query({
        collection_name: name,
        filter: 'team < 40',
        output_fields: ['team'],
      });
      expect(flushed.data).toEqual([]);
    }
  });
});
