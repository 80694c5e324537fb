// Filters through the real client, in query, count, search and delete: each means the same over rows in memory and rows in files.
import { buildBloomFilter, buildRoaringBitmap, DataType, type RowData } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, keyField, mustSucceed, openWorld, vectorField, vectorOf, type World } from './support.js';

interface Row {
  readonly id: number;
  readonly age: number | null;
  readonly price: number;
  readonly name: string;
  readonly ok: boolean;
  readonly doc: { readonly kind: string; readonly size: number; readonly tags: readonly string[] };
  readonly tags: readonly string[];
  readonly at: string;
  readonly colour?: string;
  readonly rank: number;
}
const kinds = ['note', 'mail', 'page'];
const rowOf = (id: number): Row => ({
  id,
  age: id % 7 === 0 ? null : id % 100,
  price: id / 4,
  name: `${kinds[id % 3]}-${id}`,
  ok: id % 2 === 0,
  doc: { kind: kinds[id % 3] as string, size: id % 50, tags: [`t${id % 5}`, 'all'] },
  tags: id % 4 === 0 ? [] : [`t${id % 5}`, `u${id % 3}`],
  at: new Date(Date.UTC(2025, 0, 1) + id * 3_600_000).toISOString(),
  ...(id % 3 === 0 ? {} : { colour: id % 2 === 0 ? 'red' : 'blue' }),
  rank: id,
});
const fields = [
  keyField,
  vectorField,
  { name: 'age', data_type: DataType.Int32, nullable: true },
  { name: 'price', data_type: DataType.Double },
  { name: 'name', data_type: DataType.VarChar, max_length: 64 },
  { name: 'ok', data_type: DataType.Bool },
  { name: 'doc', data_type: DataType.JSON },
  {
    name: 'tags',
    data_type: DataType.Array,
    element_type: DataType.VarChar,
    max_capacity: 8,
    max_length: 16,
  },
  { name: 'at', data_type: DataType.Timestamptz },
];

/** A filter, and what it means. */
const cases: readonly (readonly [string, (row: Row) => boolean])[] = [
  ['age > 50', ({ age }) => age !== null && age > 50],
  ['not (age > 50)', ({ age }) => age !== null && age <= 50],
  ['10 <= age < 20', ({ age }) => age !== null && age >= 10 && age < 20],
  ['age in [1, 2, 3]', ({ age }) => age !== null && [1, 2, 3].includes(age)],
  ['age not in [1, 2, 3]', ({ age }) => age !== null && ![1, 2, 3].includes(age)],
  ['age is null', ({ age }) => age === null],
  ['age is not null and ok == true', ({ age, ok }) => age !== null && ok],
  ['price * 2 > 100', ({ price }) => price * 2 > 100],
  ['id % 10 == 3', ({ id }) => id % 10 === 3],
  ['id > 100 && id <= 110', ({ id }) => id > 100 && id <= 110],
  ['name like "mail%"', ({ name }) => name.startsWith('mail')],
  ['name like "%-1_"', ({ name }) => /-1.$/.test(name)],
  ['name == "note-30" or name == "mail-31"', ({ id }) => id === 30 || id === 31],
  ['name >= "page"', ({ name }) => name >= 'page'],
  ['doc["kind"] == "page"', ({ doc }) => doc.kind === 'page'],
  ['doc["size"] > 40 and doc["kind"] in ["note", "mail"]', ({ doc }) => doc.size > 40 && doc.kind !== 'page'],
  ['json_contains(doc["tags"], "t3")', ({ doc }) => doc.tags.includes('t3')],
  ['array_contains(tags, "u1")', ({ tags }) => tags.includes('u1')],
  ['array_contains_any(tags, ["t1", "t2"])', ({ tags }) => tags.includes('t1') || tags.includes('t2')],
  ['array_length(tags) == 0', ({ tags }) => tags.length === 0],
  ['tags[0] == "t1"', ({ tags }) => tags[0] === 't1'],
  ['colour == "red"', ({ colour }) => colour === 'red'],
  ['exists colour', ({ colour }) => colour !== undefined],
  [
    'rank > 290 or colour == "blue" and id < 12',
    ({ rank, colour, id }) => rank > 290 || (colour === 'blue' && id < 12),
  ],
  ['$meta["rank"] == 7', ({ rank }) => rank === 7],
  ["at < ISO '2025-01-02T00:00:00Z'", ({ id }) => id < 24],
  ["at + INTERVAL 'P1D' > ISO '2025-01-10T00:00:00Z'", ({ id }) => id > 8 * 24],
  ['ok', ({ ok }) => ok],
  ['age > 1000', () => false],
];

describe('filters', () => {
  let world: World;
  const rows = Array.from({ length: 300 }, (_, id) => rowOf(id));
  const data = (): RowData[] =>
    rows.map((row) => ({ ...row, tags: [...row.tags], vector: vectorOf(row.id) })) as RowData[];
  beforeAll(async () => {
    world = await openWorld('memory');
    const { client } = world;
    await mustSucceed(client.createCollection({ collection_name: 'c', fields, enable_dynamic_field: true }));
    await mustSucceed(
      client.createIndex({
        collection_name: 'c',
        field_name: 'vector',
        index_type: 'HNSW',
        metric_type: 'L2',
        params: { M: 8, efConstruction: 64 },
      }),
    );
    await client.loadCollectionSync({ collection_name: 'c' });
    // Half of the rows lie in a file, the others still grow.
    await mustSucceed(client.insert({ collection_name: 'c', data: data().slice(0, 150) }));
    await client.flushSync({ collection_names: ['c'] });
    await mustSucceed(client.insert({ collection_name: 'c', data: data().slice(150) }));
  });
  afterAll(() => world.close());

  it.each(cases)('%s', async (filter, means) => {
    const { client } = world;
    const wanted = rows.filter(means).map(({ id }) => id);
    const found = await client.query({ collection_name: 'c', filter, output_fields: ['id'], limit: 16_384 });
    expect(found.status.reason).toBe('');
    expect(found.data.map(({ id }) => Number(id))).toEqual(wanted);
    const page = await client.query({
      collection_name: 'c',
      filter,
      output_fields: ['id'],
      limit: 5,
      offset: 3,
    });
    expect(page.data.map(({ id }) => Number(id))).toEqual(wanted.slice(3, 8));
    const counted = await client.count({ collection_name: 'c', expr: filter });
    expect(counted.data).toBe(wanted.length);
    const hits = await client.search({
      collection_name: 'c',
      data: vectorOf(5000),
      filter,
      limit: 300,
      output_fields: ['id'],
    });
    expect(hits.status.reason).toBe('');
    expect(hits.results.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual(wanted);
  });

  it('take their values from templates', async () => {
    const { client } = world;
    const found = await client.query({
      collection_name: 'c',
      filter: 'age in {ages} and name like {pattern}',
      exprValues: { ages: [3, 4, 5], pattern: 'mail%' },
      output_fields: ['id'],
    });
    const wanted = rows.filter(
      ({ age, name }) => age !== null && [3, 4, 5].includes(age) && name.startsWith('mail'),
    );
    expect(found.data.map(({ id }) => Number(id))).toEqual(wanted.map(({ id }) => id));
  });

  it('ask whether values are in sets that the client made', async () => {
    const { client } = world;
    const idsOf = async (filter: string, set: Uint8Array): Promise<number[]> => {
      const found = await client.query({
        collection_name: 'c',
        filter,
        exprValues: { set },
        output_fields: ['id'],
      });
      expect(found.status.reason).toBe('');
      return found.data.map(({ id }) => Number(id));
    };
    const idsWhere = (test: (row: Row) => boolean): number[] => rows.filter(test).map(({ id }) => id);
    const ages = buildRoaringBitmap([3, 5, 40, -1]);
    const isAge = ({ age }: Row): boolean => age !== null && [3, 5, 40].includes(age);
    expect(await idsOf('membership_match(age, {set}, type=roaring)', ages)).toEqual(idsWhere(isAge));
    expect(await idsOf('not membership_match(age, {set}, type=roaring)', ages)).toEqual(
      idsWhere((row) => row.age !== null && !isAge(row)),
    );
    expect(await idsOf('membership_match(id, {set}, type=roaring)', ages)).toEqual(
      idsWhere(({ id }) => [3, 5, 40].includes(id)),
    );
    const rest = await fetch(`http://${world.database.address}/v2/vectordb/entities/query`, {
      method: 'POST',
      body: JSON.stringify({
        collectionName: 'c',
        filter: 'membership_match(age, {set}, type=roaring)',
        exprParams: { set: { bytesVal: Buffer.from(ages).toString('base64') } },
        outputFields: ['id'],
      }),
    });
    const { data } = (await rest.json()) as { data: { id: number }[] };
    expect(data.map(({ id }) => id)).toEqual(idsWhere(isAge));
    // One in ten thousand of other values may pass; these do not.
    const names = buildBloomFilter(['mail-1', 'page-2', 'note-299', 'nobody'], 0.0001);
    const isName = ({ name }: Row): boolean => ['mail-1', 'page-2', 'note-299'].includes(name);
    expect(await idsOf('membership_match(name, {set}, type=bloom)', names)).toEqual(idsWhere(isName));
    const kind = buildBloomFilter(['mail'], 0.0001);
    expect(await idsOf('membership_match(doc["kind"], {set}, type=bloom)', kind)).toEqual(
      idsWhere(({ doc }) => doc.kind === 'mail'),
    );
    const ranks = buildBloomFilter([7, 8], 0.0001);
    expect(await idsOf('membership_match(rank, {set}, type=bloom)', ranks)).toEqual([7, 8]);
    const hits = await client.search({
      collection_name: 'c',
      data: vectorOf(1),
      filter: 'membership_match(age, {set}, type=roaring)',
      exprValues: { set: ages },
      limit: 300,
      output_fields: ['id'],
    });
    expect(hits.results.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual(idsWhere(isAge));
    // What a Bloom filter lets through must not be deleted.
    const refused = await failureOf(() =>
      client.delete({
        collection_name: 'c',
        filter: 'ok and membership_match(age, {set}, type=bloom)',
        exprValues: { set: ranks },
      }),
    );
    expect(refused).toMatchObject({ code: 1100, reason: expect.stringContaining('use type=roaring') });
  });

  it('sample some of the rows that pass', async () => {
    const { client } = world;
    const filter = 'ok == true and random_sample(0.1)';
    const found = await client.query({ collection_name: 'c', filter, output_fields: ['id', 'ok'] });
    expect(found.status.reason).toBe('');
    // These are some of 75 in the file and 75 that grow.
    expect(found.data).toHaveLength(14);
    expect(found.data.every(({ ok }) => ok === true)).toBe(true);
  });

  it('that are wrong are refused with the place', async () => {
    const { client } = world;
    for (const [filter, text] of [
      ['age >', 'unexpected end'],
      ['nope[', 'cannot parse expression'],
      ['age == "x"', 'incompatible operands'],
      ['vector is null', 'not supported on vector fields'],
      ['text_match(name, "x")', 'text_match'],
    ] as const) {
      const failed = await failureOf(() =>
        client.query({ collection_name: 'c', filter, output_fields: ['id'] }),
      );
      expect(failed.reason).toContain(text);
    }
  });

  it('delete what they say and nothing else', async () => {
    const { client } = world;
    const deleted = await client.delete({
      collection_name: 'c',
      filter: 'doc["kind"] == "page" and id >= 20',
    });
    expect(deleted.status.reason).toBe('');
    const gone = rows.filter(({ id, doc }) => doc.kind === 'page' && id >= 20);
    expect(Number(deleted.delete_cnt)).toBe(gone.length);
    const left = await client.query({
      collection_name: 'c',
      filter: 'id >= 0',
      output_fields: ['id'],
      limit: 1000,
    });
    expect(left.data).toHaveLength(rows.length - gone.length);
    expect((await client.count({ collection_name: 'c', expr: 'doc["kind"] == "page"' })).data).toBe(
      rows.filter(({ id, doc }) => doc.kind === 'page' && id < 20).length,
    );
    await client.flushSync({ collection_names: ['c'] });
    expect((await client.count({ collection_name: 'c', expr: '' })).data).toBe(rows.length - gone.length);
  });

  it('an older row of a key does not pass for the newest', async () => {
    const { client } = world;
    await mustSucceed(
      client.insert({
        collection_name: 'c',
        data: [{ ...rowOf(10), name: 'moved', tags: [], vector: vectorOf(10) }] as RowData[],
      }),
    );
    const old = await client.query({
      collection_name: 'c',
      filter: 'name == "mail-10"',
      output_fields: ['id'],
    });
    expect(old.data).toEqual([]);
    const hits = await client.search({
      collection_name: 'c',
      data: vectorOf(10),
      filter: 'name == "mail-10"',
      limit: 3,
    });
    expect(hits.results).toEqual([]);
    const now = await client.query({
      collection_name: 'c',
      filter: 'name == "moved"',
      output_fields: ['id'],
    });
    expect(now.data.map(({ id }) => Number(id))).toEqual([10]);
  });
});
