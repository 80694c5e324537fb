// BM25 functions through the client: how a collection shows them, what may be sent and read, what schemas may change.
import { DataType, FunctionType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureOf, openWorld, type World } from './support.js';

const bm25 = {
  name: 'bm25',
  description: 'words',
  type: FunctionType.BM25,
  input_field_names: ['text'],
  output_field_names: ['sparse'],
  params: {},
};
const definition = {
  collection_name: 'texts',
  fields: [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true },
    { name: 'text', data_type: DataType.VarChar, max_length: 1000, enable_analyzer: true },
    { name: 'sparse', data_type: DataType.SparseFloatVector },
    { name: 'v', data_type: DataType.FloatVector, dim: 2 },
  ],
  functions: [bm25],
};
const rows = (...texts: string[]) => texts.map((text, id) => ({ id, text, v: [id, 1] }));

describe('functions', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
    expect((await world.client.createCollection(definition)).code).toBe(0);
    await world.client.createIndex({
      collection_name: 'texts',
      field_name: 'v',
      index_type: 'FLAT',
      metric_type: 'L2',
    });
  });
  afterAll(() => world.close());

  test('describe shows the function, and marks what it makes', async () => {
    const { schema } = await world.client.describeCollection({ collection_name: 'texts' });
    expect(schema.functions).toEqual([
      expect.objectContaining({
        name: 'bm25',
        type: 'BM25',
        input_field_names: ['text'],
        output_field_names: ['sparse'],
      }),
    ]);
    const marks = schema.fields.map(({ name, is_function_output }) => [name, is_function_output]);
    expect(marks).toEqual([
      ['id', false],
      ['text', false],
      ['sparse', true],
      ['v', false],
    ]);
    expect((await world.client.createCollection(definition)).code).toBe(0);
    const other = await failureOf(() =>
      world.client.createCollection({ ...definition, functions: [{ ...bm25, name: 'b' }] }),
    );
    expect(other.reason).toContain('create duplicate collection with different parameters');
  });

  test('rows come without the output, which cannot be sent', async () => {
    const { status } = await world.client.insert({
      collection_name: 'texts',
      data: rows('one text', 'two texts', ''),
    });
    expect(status.code).toBe(0);
  });

  test('the output is not read back', async () => {
    await world.client.createIndex({
      collection_name: 'texts',
      field_name: 'v',
      index_type: 'FLAT',
      metric_type: 'L2',
    });
    expect((await world.client.createIndex({ collection_name: 'texts', field_name: 'sparse' })).code).toBe(0);
    await world.client.loadCollectionSync({ collection_name: 'texts' });
    const query = (output_fields: string[]) =>
      world.client.query({ collection_name: 'texts', filter: 'id >= 0', output_fields });
    const { data } = await query(['*']);
    expect(data.map((row) => Object.keys(row).sort())).toEqual([
      ['id', 'text', 'v'],
      ['id', 'text', 'v'],
      ['id', 'text', 'v'],
    ]);
    const failure = await failureOf(() => query(['sparse']));
    expect(failure).toMatchObject({
      code: 65_535,
      reason: 'not allowed to retrieve raw data of field sparse',
    });
    const update = { collection_name: 'texts', data: [{ id: 1, text: 'changed' }], partial_update: true };
    expect((await world.client.upsert(update)).status.code).toBe(0);
    expect((await query(['text'])).data.map(({ text }) => text)).toEqual(['one text', 'changed', '']);
  });

  test('fields of a function are not dropped', async () => {
    const drop = (field_name: string) =>
      world.client.dropCollectionField({ collection_name: 'texts', field_name } as never);
    for (const name of ['text', 'sparse']) {
      const failure = await failureOf(() => drop(name));
      expect(failure.reason).toContain(`cannot drop field ${name}: it is used by function bm25`);
    }
  });
});
