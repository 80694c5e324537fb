// Fields of every type through the real client: what goes in comes out, from memory, from files, and after the folder was opened again.
import { DataType, type MilvusClient, type RowData } from '@zilliz/milvus2-sdk-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { failureOf, keyField, lastingWorld, mustSucceed, vectorField, vectorOf } from './support.js';

const list = (name: string, element_type: DataType, more: object = {}) => ({
  name,
  data_type: DataType.Array,
  element_type,
  max_capacity: 4096,
  ...more,
});
const fields = [
  keyField,
  vectorField,
  list('bools', DataType.Bool),
  list('bytes', DataType.Int8),
  list('shorts', DataType.Int16),
  list('ints', DataType.Int32),
  list('longs', DataType.Int64),
  list('floats', DataType.Float),
  list('doubles', DataType.Double),
  list('tags', DataType.VarChar, { max_length: 64 }),
  list('maybe', DataType.Int32, { nullable: true }),
  { name: 'at', data_type: DataType.Timestamptz, nullable: true },
  { name: 'place', data_type: DataType.Geometry, nullable: true },
];
const names = fields.map(({ name }) => name).filter((name) => name !== 'vector');

const rowOf = (id: number): RowData => ({
  id,
  vector: vectorOf(id),
  bools: id % 2 === 0 ? [true, false] : [],
  bytes: [-128, 127, id % 100],
  shorts: [-32_768, 32_767],
  ints: [-(2 ** 31), 2 ** 31 - 1],
  longs: ['-9223372036854775808', '9223372036854775807', String(id)],
  floats: [1.5, -0.25],
  doubles: [Math.PI, 1e300],
  tags: ['', `tag ${id}`, 'ünï ☃'],
  maybe: id % 3 === 0 ? null : [id],
  at: id % 4 === 0 ? null : `2025-01-01T00:00:${String(id % 60).padStart(2, '0')}.5+08:00`,
  place: id % 5 === 0 ? null : `POINT(${id} -1.5)`,
});
const answerOf = (id: number): RowData => {
  const { vector: _, ...row } = rowOf(id);
  return {
    ...row,
    id: String(id),
    at: id % 4 === 0 ? null : `2024-12-31T16:00:${String(id % 60).padStart(2, '0')}.5Z`,
    place: id % 5 === 0 ? null : `POINT (${id} -1.5)`,
  };
};

describe('fields of every type', () => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'error' }, (begun) => {
    client = begun;
  });
  const load = () => client.loadCollectionSync({ collection_name: 'all' });
  const readAll = async (ids: readonly number[]): Promise<RowData[]> => {
    const answer = await client.query({
      collection_name: 'all',
      filter: `id in [${ids.join(',')}]`,
      output_fields: names,
    });
    expect(answer.status.error_code).toBe('Success');
    return answer.data.toSorted((a, b) => Number(a.id) - Number(b.id));
  };
  beforeAll(async () => {
    await mustSucceed(client.createCollection({ collection_name: 'all', fields }));
    await mustSucceed(
      client.createIndex({
        collection_name: 'all',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await load();
  });
  const ids = Array.from({ length: 40 }, (_, id) => id);

  it('are described as they were created', async () => {
    const { schema } = await client.describeCollection({ collection_name: 'all' });
    expect(schema.fields.find(({ name }) => name === 'tags')).toMatchObject({
      data_type: 'Array',
      element_type: 'VarChar',
      max_capacity: '4096',
      max_length: '64',
    });
  });
  it('come out of memory as they went in', async () => {
    await mustSucceed(client.insert({ collection_name: 'all', data: ids.map(rowOf) }));
    expect(await readAll(ids)).toEqual(ids.map(answerOf));
  });
  it('come out of files, and with the hits of a search', async () => {
    await client.flushSync({ collection_names: ['all'] });
    expect(await readAll(ids)).toEqual(ids.map(answerOf));
    const hits = await client.search({
      collection_name: 'all',
      data: vectorOf(7),
      limit: 1,
      output_fields: names,
    });
    expect(hits.results[0]).toMatchObject(answerOf(7));
  });
  it('are there when the folder is opened again, flushed or not', async () => {
    await mustSucceed(client.insert({ collection_name: 'all', data: [rowOf(100)] }));
    await world.restart();
    await load();
    expect(await readAll([...ids, 100])).toEqual([...ids, 100].map(answerOf));
  });
  it.each([
    ['too many elements', { shorts: Array.from({ length: 4097 }, () => 1) }, 'exceeds max capacity'],
    ['an element out of range', { bytes: [128] }, 'out of range'],
    ['a text that is too long', { tags: ['x'.repeat(65)] }, 'exceeds max length'],
    ['a time that is none', { at: 'yesterday' }, 'timestamptz'],
    ['a geometry that is none', { place: 'POINT(1)' }, 'invalid geometry'],
  ])('%s is refused, and nothing is written', async (_, wrong, text) => {
    const failed = await failureOf(() =>
      client.insert({ collection_name: 'all', data: [rowOf(200), { ...rowOf(201), ...wrong }] }),
    );
    expect(failed.reason).toContain(text);
    expect(await readAll([200, 201])).toEqual([]);
  });
});
