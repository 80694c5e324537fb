// What the typed client does, over whatever transport: each one runs this suite.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boost, type Client, decay, filter, rrf, weighted, where } from '#client/connect.js';
import { book, books, everything, others, v } from './books.js';
import { definitionTests } from './suite-definitions.js';
import { fullTextTests } from './suite-full-text.js';
import { namespaceTests } from './suite-namespaces.js';

export interface ClientWorld {
  readonly client: Client;
  close(): Promise<void>;
}

export function clientSuite(name: string, openWorld: () => Promise<ClientWorld>): void {
  describe(`typed client, ${name}`, () => {
    let world: ClientWorld;
    beforeAll(async () => {
      world = await openWorld();
    });
    afterAll(() => world.close());
    const client = (): Client => world.client;

    definitionTests(client);
    namespaceTests(client);
    fullTextTests(client);
    readTests(client);
    typeTests(client);
    otherTests(client);
  });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function readTests(client: () => Client): void {
  describe('books', () => {
    const shelf = () => client().collection(books);
    beforeAll(async () => {
      await shelf().create();
      const written = await shelf().insert(Array.from({ length: 100 }, (_, n) => book(n)));
      expect([written.count, written.ids[99]]).toEqual([100, 99n]);
      await shelf().flush();
      await shelf().insert.columns({
        id: BigInt64Array.from({ length: 50 }, (_, n) => BigInt(100 + n)),
        title: Array.from({ length: 50 }, (_, n) => `title ${100 + n}`),
        price: Float64Array.from({ length: 50 }, (_, n) => (100 + n) / 2),
        tags: Array.from({ length: 50 }, () => []),
        v: Float32Array.from(Array.from({ length: 50 }, (_, n) => [...v(100 + n)]).flat()),
      });
    });
    afterAll(() => shelf().drop());

    test('a row comes back as it was written', async () => {
      const { at, v: vector, ...rest } = book(4);
      const row = await shelf().get(4n);
      expect(row).toEqual({ ...rest, ok: true, at: at.toISOString().replace('.000', '') });
      expect((await shelf().get(4n, { output: ['v'] }))?.v).toEqual(vector);
      expect(await shelf().get(1000n)).toBeUndefined();
      expect((await shelf().getMany([7n, 3n, 1000n], { output: ['title'] })).toArray()).toEqual([
        { id: 3n, title: 'title 3' },
        { id: 7n, title: 'title 7' },
      ]);
      expect(await shelf().get(120n)).toMatchObject({
        stock: null,
        ok: true,
        at: null,
        meta: null,
        tags: [],
      });
    });

    test('columns come as typed arrays, rows when they are looked at', async () => {
      const rows = await shelf().query({ where: (f) => f.id.lt(10n), output: ['price', 'stock', 'v', 'id'] });
      expect(rows.length).toBe(10);
      expect(rows.column('id').data).toEqual(BigInt64Array.from({ length: 10 }, (_, n) => BigInt(n)));
      expect(rows.column('price').data).toEqual(Float64Array.from({ length: 10 }, (_, n) => n / 2));
      expect([...rows.column('stock')]).toEqual([null, 1, 2, null, 4, 5, null, 7, 8, null]);
      expect(rows.column('v').at(3)).toEqual(v(3));
      expect(rows.at(-1)).toMatchObject({ id: 9n, stock: null });
      expect(rows.at(10)).toBeUndefined();
    });

    test('filters of fields and of text', async () => {
      const ids = async (condition: Parameters<ReturnType<typeof shelf>['query']>[0]) =>
        [...(await shelf().query({ ...condition, output: [] })).column('id')].map(Number);
      expect(await ids({ where: (f) => f.tags.containsAny(['n4', 'n8']).and(f.price.gt(2)) })).toEqual([8]);
      expect(await ids({ where: (f) => f.meta.at('lang').eq('de').and(f.id.le(5n)) })).toEqual([1, 3, 5]);
      expect(await ids({ where: (f) => f.meta.at('big').eq(2n ** 60n + 7n) })).toEqual([7]);
      expect(await ids({ where: (f) => f.stock.isNull().and(f.id.between(0n, 6n)) })).toEqual([0, 3, 6]);
      expect(await ids({ where: (f) => f.at.ge(new Date(Date.UTC(2025, 3, 9))) })).toEqual([98, 99]);
      expect(await ids({ where: (f) => f.title.endsWith('e 77') })).toEqual([77]);
      expect(
        await ids({ where: (f) => f.tags.any((tag) => tag.startsWith('n1')).and(f.id.lt(17n)) }),
      ).toEqual([10, 12, 14, 16]);
      const [least, pattern] = [95, 'title 9%'];
      const nine = filter`id > ${least} and title like ${pattern}`;
      expect(await ids({ where: nine })).toEqual([96, 97, 98, 99]);
      expect(await ids({ where: filter`${nine} and tags == ${['odd']}` })).toEqual([97, 99]);
      const nasty = `" or id > 0 or title == "`;
      expect(await ids({ where: filter`title == ${nasty}` })).toEqual([]);
    });

    test('pages, order, counts', async () => {
      const cheap = where(books, (f) => f.price.lt(5));
      expect(await shelf().count({ where: cheap })).toBe(10);
      expect(await shelf().count()).toBe(150);
      const page = await shelf().query({
        where: cheap,
        orderBy: { price: 'desc' },
        limit: 2,
        offset: 1,
        output: [],
      });
      expect([...page.column('id')]).toEqual([8n, 7n]);
    });

    test('a scan sees the rows as they were when it began, in the order of keys', async () => {
      const scan = shelf().scan({ batch: 40, output: ['title'], where: (f) => f.price.ge(1) });
      const titles: string[] = [];
      let pages = 0;
      for await (const rows of scan.batches()) {
        titles.push(...rows.column('title'));
        if (pages++ === 0) {
          await shelf().insert([{ ...book(5000) }]);
          await shelf().delete([60n]);
        }
      }
      expect(titles).toEqual(Array.from({ length: 148 }, (_, n) => `title ${n + 2}`));
      expect(pages).toBe(4);
      await shelf().upsert([book(60)]);
      await shelf().delete((f) => f.id.gt(4000n));
      expect((await collect(shelf().scan({ output: [] }))).length).toBe(150);
    });

    test('search by one vector, by many, by rows, in a range, in groups', async () => {
      const hits = await shelf().search('v', v(20), { limit: 3, output: ['title'] });
      expect([...hits.ids].sort()).toEqual([19n, 20n, 21n]);
      expect(hits.at(0)).toEqual({
        id: 20n,
        score: expect.closeTo(1, 5),
        row: { title: 'title 20' },
        offset: undefined,
      });
      expect(hits.scores).toBeInstanceOf(Float32Array);
      const many = await shelf().searchMany('v', [v(5), v(90)], { limit: 1, output: ['id', 'price'] });
      expect(many.map((one) => one.at(0)?.row)).toEqual([
        { id: 5n, price: 2.5 },
        { id: 90n, price: 45 },
      ]);
      expect([...(many[1]?.rows.column('price') ?? [])]).toEqual([45]);
      const near = await shelf().searchByIds('v', [30n], { limit: 2, output: [] });
      expect([...(near[0]?.ids ?? [])].map(Number).every((id) => Math.abs(id - 30) <= 1)).toBe(true);
      const range = await shelf().search('v', v(50), {
        limit: 50,
        range: { radius: Math.cos(2.5 / 50) },
        output: [],
      });
      expect([...range.ids].map(Number).sort((a, b) => a - b)).toEqual([48, 49, 50, 51, 52]);
      const groups = await shelf().search('v', v(50), { limit: 2, groupBy: { field: 'ok' }, output: ['ok'] });
      expect(groups.toArray().map(({ row }) => row.ok)).toEqual([true]);
      const none = await shelf().search('v', v(1), { where: (f) => f.id.lt(0n) });
      expect([none.length, none.ids, [...none]]).toEqual([0, new BigInt64Array(0), []]);
    });

    test('hybrid search, and pages of hits', async () => {
      const parts = [
        { field: 'v', vector: v(10), limit: 5 },
        { field: 'v', vector: v(11), limit: 5, where: filter`id > ${10}` },
      ] as const;
      for (const rank of [rrf(), weighted([0.9, 0.1])]) {
        const hits = await shelf().hybrid(parts, { limit: 4, rank, output: ['title'] });
        expect([...hits.ids]).toContain(11n);
        expect(hits.at(0)?.row.title).toMatch(/^title 1[0-2]$/);
      }
      const pages = await collect(shelf().searchPages('v', v(0), { batch: 60, output: [] }));
      const ids = pages.flatMap((hits) => [...hits.ids]);
      expect([ids.length, new Set(ids).size]).toEqual([150, 150]);
      expect(pages.length).toBeGreaterThanOrEqual(3);
    });

    test('scores are boosted, and fall with the distance of a number', async () => {
      const ids = async (options: object) =>
        [...(await shelf().search('v', v(50), { limit: 5, output: [], ...options })).ids].map(Number);
      expect((await ids({}))[0]).toBe(50);
      const lifted = boost(100, { where: where(books, (f) => f.id.eq(51n)) });
      expect((await ids({ score: lifted }))[0]).toBe(51);
      const both = [boost(2), boost(50, { where: filter`id == ${51n} and ok == ${true}` })];
      const boosts = { together: 'sum', withScore: 'multiply' };
      const okay = (await shelf().get(51n))?.ok === true ? 51 : 50;
      expect((await ids({ score: both, boosts }))[0]).toBe(okay);
      const random = boost(0.5, { random: { seed: 7, field: 'id' } });
      expect(await ids({ score: random })).toEqual(await ids({ score: random }));
      // The price is half of the id: 51 has the one of the origin.
      const near = { origin: 25.5, scale: 0.1, shape: 'exp' } as const;
      expect((await ids({ score: decay('price', near) }))[0]).toBe(51);
      const parts = [{ field: 'v', vector: v(50), limit: 5 }] as const;
      const rank = decay('price', { ...near, of: 'sum' });
      const hits = await shelf().hybrid(parts, { limit: 1, rank, output: ['price'] });
      expect(hits.at(0)?.row.price).toBe(25.5);
      expect(() => boost(2, { where: filter`title == ${'" or true'}` })).toThrow(/type string/);
    });

    test('rows are changed in part and deleted', async () => {
      await shelf().update([
        { id: 1n, price: 99 },
        { id: 2n, price: 98 },
      ]);
      expect(await shelf().get(1n)).toMatchObject({ title: 'title 1', price: 99 });
      await shelf().upsert([book(1), book(2)]);
      expect(await shelf().get(1n, { output: ['price'] })).toEqual({ id: 1n, price: 0.5 });
      await shelf().delete([149n, 148n]);
      expect(await shelf().count({ where: filter`id >= ${148n}` })).toBe(0);
    });
  });
}

function typeTests(client: () => Client): void {
  test('a row of every type', async () => {
    const all = client().collection(everything);
    await all.create();
    const row = {
      id: 'one',
      a: true,
      b: -128,
      c: 32767,
      d: -(2 ** 31),
      e: -(2n ** 63n),
      f: Math.fround(0.1),
      g: 0.1,
      h: 'ä "quoted" \\ \n',
      i: null,
      j: { n: 2n ** 62n, list: [1, 'x', null] },
      k: [1n, 2n ** 53n + 1n],
      l: [true, false],
      m: 'POINT (1 2)',
      n: '2025-01-31T08:00:00.000001Z',
      o: [
        { page: 1n, word: 'a', emb: Float32Array.of(1, 0, 0, 0) },
        { page: 2n, word: 'b', emb: Float32Array.of(0, 1, 0, 0) },
      ],
      v32: Float32Array.of(1, 2, 3, 4),
      v16: Float32Array.of(1, 0.5, 0.25, -2),
      b16: Float32Array.of(1, 0.5, 0.25, -2),
      v8: Int8Array.of(-128, 0, 1, 127),
    };
    await all.insert([row, { ...row, id: 'two', i: 'text', l: null, o: [] }]);
    const output = Object.keys(everything.fields) as (keyof typeof everything.fields)[];
    const found = (await all.getMany(['one', 'two'], { output })).toArray();
    expect(found[0]).toEqual(row);
    expect(found[1]).toEqual({ ...row, id: 'two', i: 'text', l: null, o: [] });
    expect(
      await all.count({ where: (f) => f.o.any((chunk) => chunk.page.gt(1n).and(chunk.word.eq('b'))) }),
    ).toBe(1);
    expect(await all.count({ where: (f) => f.m.near('POINT (1 2)', 10) })).toBe(2);
    const lists = await all.search('o[emb]', [row.o[0]?.emb ?? [], row.o[1]?.emb ?? []], {
      limit: 1,
      output: [],
    });
    expect([...lists.ids]).toEqual(['one']);
    const bytes = await all.search('v8', Int8Array.of(-128, 0, 1, 127), { limit: 1, output: ['h'] });
    expect(bytes.at(0)?.row.h).toBe(row.h);
    await all.drop();
  });
}

function otherTests(client: () => Client): void {
  test('keys that the server gives, dynamic keys, sparse and binary vectors, a null vector', async () => {
    const world = client().collection(others);
    await world.create();
    const { ids } = await world.insert([
      { shop: 'a', bits: Uint8Array.of(1, 2), sparse: { 7: 0.5, 1: 2 }, maybe: [1, 0, 0, 0], colour: 'red' },
      { shop: 'b', bits: Uint8Array.of(3, 4), sparse: new Map([[7, 1]]), size: 2n ** 60n },
    ]);
    expect(ids).toBeInstanceOf(BigInt64Array);
    const [row] = await world.query({ where: (_f, dynamic) => dynamic('colour').eq('red') });
    expect(row).toMatchObject({ id: ids[0], shop: 'a', colour: 'red' });
    const [second] = await world.query({
      where: (f) => f.shop.eq('b'),
      output: ['bits', 'sparse', 'maybe', 'size'],
    });
    expect(second).toEqual({
      id: ids[1],
      bits: Uint8Array.of(3, 4),
      sparse: { indices: Uint32Array.of(7), values: Float32Array.of(1) },
      maybe: null,
      size: 2n ** 60n,
    });
    const hits = await world.search('sparse', { indices: [7], values: [1] }, { limit: 2, output: [] });
    expect([...hits.ids]).toEqual([ids[1], ids[0]]);
    const near = await world.search('bits', Uint8Array.of(1, 2), { limit: 1, output: [] });
    expect([...near.ids]).toEqual([ids[0]]);
    await world.drop();
  });
}
