// The examples of docs/queries.md answer what the page says.
import { readFileSync } from 'node:fs';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyField, mustSucceed, openWorld, vectorField, vectorOf, type World } from './support.js';

const page = readFileSync(new URL('../../docs/queries.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```query\n(.*?)```/gs)].flatMap(([, block = '']) =>
  block
    .trim()
    .split(/\n\n+/)
    .map((text) => text.split('\n→ ').map((part) => part.trim()) as [string, string]),
);
const books = [
  { id: 1, title: 'Dune', shop: 'north', price: 9.5, stock: 3, year: 1965 },
  { id: 2, title: 'Emma', shop: 'north', price: 7, stock: null, year: 1815 },
  { id: 3, title: 'Ubik', shop: 'south', price: 12.25, stock: 0, year: 1969 },
  { id: 4, title: 'Watt', shop: 'south', price: 9.5, stock: 8, year: 1953 },
  { id: 5, title: 'Zeno', shop: null, price: 20, stock: null, year: 1923 },
];

/** 64-bit numbers come as text from this client. */
const plain = (rows: readonly Record<string, unknown>[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value,
      ]),
    ),
  );

describe('docs/queries.md', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
    const { client } = world;
    await mustSucceed(
      client.createCollection({
        collection_name: 'books',
        fields: [
          keyField,
          vectorField,
          { name: 'title', data_type: DataType.VarChar, max_length: 64 },
          { name: 'shop', data_type: DataType.VarChar, max_length: 64, nullable: true },
          { name: 'price', data_type: DataType.Double },
          { name: 'stock', data_type: DataType.Int32, nullable: true },
          { name: 'year', data_type: DataType.Int64 },
        ],
      }),
    );
    await mustSucceed(
      client.createIndex({
        collection_name: 'books',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await client.loadCollectionSync({ collection_name: 'books' });
    await mustSucceed(
      client.insert({
        collection_name: 'books',
        data: books.map((book) => ({ ...book, vector: vectorOf(book.id) })),
      }),
    );
  });
  afterAll(() => world.close());

  it('has the rows of the page', () => {
    const cell = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
    const lines = books.map((book) => `| ${Object.values(book).map(cell).join(' | ')} |`);
    expect(page).toContain(lines.join('\n'));
    expect(examples.length).toBeGreaterThan(4);
  });

  it.each(examples)('%s', async (asked, answer) => {
    const found = await world.client.query({ collection_name: 'books', ...JSON.parse(asked) });
    expect(found.status.reason).toBe('');
    expect(plain(found.data)).toEqual(JSON.parse(answer));
  });
});
