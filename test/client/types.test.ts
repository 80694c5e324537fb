// What the compiler knows of a declaration, and what it refuses. `npm run typecheck` is the test of the lines with @ts-expect-error; nothing
// here makes a call.
import { describe, expectTypeOf, test } from 'vitest';
import {
  array,
  bm25,
  type Client,
  collection,
  decay,
  type FoundHits,
  filter,
  floatVector,
  type InsertRow,
  int64,
  json,
  type Key,
  type Rows,
  type SparseVector,
  sparseVector,
  structArray,
  type TypedCollection,
  text,
  timestamptz,
  type UpdateRow,
  type UpsertRow,
  varchar,
  where,
} from '#client/connect.js';
import { books, type Meta, others, v } from './books.js';

type BookFields = (typeof books)['fields'];
type Shelf = TypedCollection<BookFields, false>;
type OtherFields = (typeof others)['fields'];
type Others = TypedCollection<OtherFields, true>;

/** Lines that are compiled and never run. */
const compiled = (_lines: (shelf: Shelf, world: Others) => unknown): void => {};

describe('rows', () => {
  test('that are inserted', () => {
    expectTypeOf<InsertRow<BookFields>>().toEqualTypeOf<{
      readonly id: bigint;
      readonly title: string;
      readonly price: number;
      readonly tags: readonly string[];
      readonly v: Float32Array | readonly number[];
      readonly stock?: number | null | undefined;
      readonly ok?: boolean | undefined;
      readonly at?: Date | string | null | undefined;
      readonly meta?: Meta | null | undefined;
    }>();
    expectTypeOf<Key<BookFields>>().toEqualTypeOf<bigint>();
    expectTypeOf<UpdateRow<BookFields>['id']>().toEqualTypeOf<bigint>();
    expectTypeOf<UpdateRow<BookFields>['price']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<InsertRow<OtherFields>['id']>().toEqualTypeOf<undefined>();
    expectTypeOf<UpsertRow<OtherFields>['id']>().toEqualTypeOf<bigint>();
  });

  test('that are read have the fields that were named, or all but vectors', () => {
    compiled(async (shelf, world) => {
      const row = await shelf.get(1n);
      expectTypeOf(row).toEqualTypeOf<
        | {
            id: bigint;
            title: string;
            price: number;
            stock: number | null;
            ok: boolean;
            tags: string[];
            at: string | null;
            meta: Meta | null;
          }
        | undefined
      >();
      const rows = await shelf.query({ output: ['title', 'v'] });
      expectTypeOf(rows).toEqualTypeOf<Rows<{ id: bigint; title: string; v: Float32Array }>>();
      const hits = await shelf.search('v', v(1), { output: ['title'] });
      expectTypeOf(hits).toEqualTypeOf<FoundHits<BookFields, 'title', false>>();
      expectTypeOf(hits.ids).toEqualTypeOf<BigInt64Array>();
      expectTypeOf(rows.column('id').data).toEqualTypeOf<BigInt64Array>();
      expectTypeOf(rows.column('title').data).toEqualTypeOf<readonly string[]>();
      expectTypeOf(hits.at(0)?.row).toEqualTypeOf<{ title: string } | undefined>();
      for await (const one of shelf.scan({ output: ['price'] }))
        expectTypeOf(one).toEqualTypeOf<{ id: bigint; price: number }>();
      const [other] = await world.query({ output: ['sparse', 'maybe'] });
      expectTypeOf(other?.sparse).toEqualTypeOf<SparseVector | undefined>();
      expectTypeOf(other?.maybe).toEqualTypeOf<Float32Array | null | undefined>();
    });
  });

  test('a declaration is made of another one, with its fields and settings', () => {
    const more = collection('more', { ...others.fields, lang: varchar(8) }, others.settings);
    const shelfOf = (client: Client) => client.collection(more);
    expectTypeOf<ReturnType<typeof shelfOf>>().toEqualTypeOf<TypedCollection<typeof more.fields, true>>();
    const mine = collection('mine', books.fields, { namespaces: 'partition' });
    expectTypeOf(collection('yours', mine.fields, mine.settings).namespaces).toEqualTypeOf<'partition'>();
  });

  test('wrong ones do not compile', () => {
    const row = { id: 1n, title: 'a', price: 1, tags: [], v: v(1) };
    const notes = collection('notes', { id: int64().primaryKey(), t: text().analyzer(), words: bm25('t') });
    const noteShelf = (one: unknown) => (one as Client).collection(notes);
    compiled((shelf, world) => [
      shelf.insert([row]),
      // @ts-expect-error a key that is no field
      shelf.insert([{ ...row, titel: 'a' }]),
      // @ts-expect-error int64 is bigint
      shelf.insert([{ ...row, id: 1 }]),
      // @ts-expect-error not nullable
      shelf.insert([{ ...row, title: null }]),
      // @ts-expect-error no vector
      shelf.insert([{ id: 1n, title: 'a', price: 1, tags: [] }]),
      // @ts-expect-error JSON of another type
      shelf.insert([{ ...row, meta: { pages: [1] } }]),
      // @ts-expect-error the server gives the key
      world.insert([{ id: 1n, shop: 'a', bits: new Uint8Array(2), sparse: {} }]),
      world.insert([{ shop: 'a', bits: new Uint8Array(2), sparse: {}, anything: 1 }]),
      shelf.insert.columns({ id: BigInt64Array.of(1n), title: ['a'], price: [1], tags: [[]], v: v(1) }),
      // @ts-expect-error a typed array of another type
      shelf.insert.columns({ id: Float64Array.of(1), title: ['a'], price: [1], tags: [[]], v: v(1) }),
      // @ts-expect-error no such field
      shelf.query({ output: ['titel'] }),
      // @ts-expect-error values that the server makes are not read
      noteShelf(shelf).query({ output: ['words'] }),
      // @ts-expect-error an array has no words
      shelf.count({ where: (f) => f.tags.textMatch('a') }),
      // @ts-expect-error no such field
      shelf.query({ limit: 1, orderBy: { titel: 'asc' } }),
      // @ts-expect-error no vector field
      shelf.search('title', v(1)),
      // @ts-expect-error a vector of another kind
      shelf.search('v', { indices: [1], values: [1] }),
      shelf.search('v', v(1), { score: decay('price', { origin: 1, scale: 2 }) }),
      // @ts-expect-error no such field
      shelf.search('v', v(1), { score: decay('prize', { origin: 1, scale: 2 }) }),
      // @ts-expect-error keys are bigints
      shelf.get(1),
      // @ts-expect-error keys are bigints
      shelf.delete(['a']),
      // @ts-expect-error an update has its key
      shelf.update([{ price: 1 }]),
    ]);
  });
});

describe('collections with namespaces', () => {
  test('give their rows through a namespace alone', () => {
    const fields = { id: int64().primaryKey(), v: floatVector(4) } as const;
    const tenants = collection('tenants', fields, { namespaces: 'partition_key' });
    const shops = collection('shops', fields, { namespaces: 'partition' });
    const run = (_lines: (client: Client) => unknown): void => {};
    run(async (client) => {
      const acme = client.collection(tenants).namespace('acme');
      const hits = await acme.search('v', [1, 2, 3, 4], { output: [] });
      expectTypeOf(hits.ids).toEqualTypeOf<BigInt64Array>();
      expectTypeOf(await acme.get(1n)).toEqualTypeOf<{ id: bigint } | undefined>();
      return [
        client.collection(shops).namespaces.create('acme'),
        client
          .collection(shops)
          .namespace('acme')
          .insert([{ id: 1n, v: [1, 2, 3, 4] }]),
        // @ts-expect-error whose rows?
        client.collection(tenants).insert([{ id: 1n, v: [1, 2, 3, 4] }]),
        // @ts-expect-error whose rows?
        client.collection(shops).query({ limit: 1 }),
        // @ts-expect-error these are there with their first row
        client.collection(tenants).namespaces,
        // @ts-expect-error a namespace has rows; the collection is dropped as a whole
        acme.drop(),
        // @ts-expect-error the books have no namespaces
        client.collection(books).namespace('acme'),
        // @ts-expect-error no such mode
        collection('tenants', fields, { namespaces: 'tenant' }),
      ];
    });
  });
});

describe('filters', () => {
  test('compare fields with their own type', () => {
    where(books, (f) => f.id.gt(5n).and(f.title.like('a%'), f.tags.containsAny(['a']), f.at.lt(new Date(0))));
    where(books, (f) => f.meta.at('lang').eq('de').or(f.stock.isNull(), f.tags.length().gt(1)));
    compiled(() => [
      // @ts-expect-error int64 is bigint
      where(books, (f) => f.id.gt(5)),
      // @ts-expect-error a number is no text
      where(books, (f) => f.title.eq(1)),
      // @ts-expect-error numbers have no patterns
      where(books, (f) => f.price.like('a%')),
      // @ts-expect-error elements are texts
      where(books, (f) => f.tags.contains(1)),
      // @ts-expect-error not nullable
      where(books, (f) => f.title.isNull()),
      // @ts-expect-error a boolean has no order
      where(books, (f) => f.ok.lt(true)),
      // @ts-expect-error no such field
      where(books, (f) => f.titel.eq('a')),
      // @ts-expect-error vectors are not compared
      where(books, (f) => f.v.eq([1])),
      // @ts-expect-error the collection has no dynamic keys
      where(books, (_f, dynamic) => dynamic('a').eq(1)),
      // @ts-expect-error null is no value
      filter`price == ${null}`,
      where(others, (_f, dynamic) => dynamic('a').eq(1)),
    ]);
  });

  test('look into struct arrays', () => {
    const docs = collection('docs', {
      id: varchar(8).primaryKey(),
      chunks: structArray({ page: int64(), text: varchar(10), emb: floatVector(4) }),
      sizes: array(int64()),
    });
    where(docs, (f) => f.chunks.any((chunk) => chunk.page.gt(3n).and(chunk.text.startsWith('a'))));
    where(docs, (f) => f.sizes.least(2, (size) => size.gt(3n)));
    type Docs = TypedCollection<(typeof docs)['fields'], false>;
    const run = (_lines: (docs: Docs) => unknown): void => {};
    run((world) => [
      world.search('chunks[emb]', [1, 2, 3, 4]),
      world.search('chunks[emb]', [Float32Array.of(1, 2, 3, 4)]),
      // @ts-expect-error no such vector
      world.search('chunks[page]', [1, 2, 3, 4]),
      // @ts-expect-error pages are bigints
      where(docs, (f) => f.chunks.any((chunk) => chunk.page.gt(3))),
    ]);
    expectTypeOf<Key<(typeof docs)['fields']>>().toEqualTypeOf<string>();
  });
});

describe('declarations', () => {
  test('refuse what a type has not', () => {
    compiled(() => [
      // @ts-expect-error JSON is no key
      json().primaryKey(),
      // @ts-expect-error times are no keys
      timestamptz().primaryKey(),
      // @ts-expect-error a default of another type
      varchar(10).default(1),
      // @ts-expect-error vectors have no default
      floatVector(4).default([1]),
      // @ts-expect-error no such metric
      floatVector(4).index({ metric: 'EUCLID' }),
      // @ts-expect-error no vectors in arrays
      array(sparseVector()),
    ]);
  });
});
