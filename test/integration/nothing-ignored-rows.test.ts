// Nothing that rows say is passed over in silence: keys of the dynamic field, and partitions that are named where keys choose them.
import { DataType } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { QueryResults, SearchResults } from '#proto/milvus/milvus.js';
import { FieldData } from '#proto/milvus/schema.js';
import { KEY_MODE, useAskedWorld } from './asked-world.js';
import { searchRequest } from './raw-client.js';
import { DIM, failureOf, mustSucceed, vectorOf } from './support.js';

describe('nothing that rows say is ignored', () => {
  const world = useAskedWorld();
  const { call, statusOf, nothingChanged } = world;

  const jsonOf = (text: string) =>
    FieldData.fromPartial({
      type: DataType.JSON,
      fieldName: '$meta',
      isDynamic: true,
      field: {
        $case: 'scalars',
        value: { data: { $case: 'jsonData', value: { data: [new TextEncoder().encode(text)] } } },
      },
    });
  const longOf = (fieldName: string, ...values: bigint[]) =>
    FieldData.fromPartial({
      type: DataType.Int64,
      fieldName,
      field: {
        $case: 'scalars',
        value: {
          data: {
            $case: 'longData',
            value: { data: encodeInt64s(new Uint8Array(BigInt64Array.from(values).buffer)) },
          },
        },
      },
    });
  const vectorData = FieldData.fromPartial({
    type: DataType.FloatVector,
    fieldName: 'vector',
    field: {
      $case: 'vectors',
      value: {
        dim: 8n,
        data: {
          $case: 'floatVector',
          value: { data: new Uint8Array(Float32Array.from(vectorOf(77)).buffer) },
        },
      },
    },
  });
  test.each([
    [
      'the name of a field',
      '{"s":"shadow","id":78}',
      'dynamic field name cannot include the static field name: id',
    ],
    ['the field itself', '{"$meta":1}', 'cannot set json key to: $meta'],
    ['a key twice', '{"s":1,"s":2}', 'the dynamic key "s" is given twice'],
    ['a key that is a column', '{"k":1}', 'the dynamic key "k" is given twice'],
  ])('a dynamic object with %s is not written', async (_what, text, reason) => {
    for (const method of ['insert', 'upsert'] as const) {
      const fieldsData = [longOf('id', 77n), vectorData, longOf('k', 5n), jsonOf(text)];
      const status = await statusOf(method, { collectionName: 'good', numRows: 1, fieldsData });
      expect(status).toMatchObject({ code: 1100, reason: expect.stringContaining(reason) });
    }
    await nothingChanged();
  });
  test('of the dynamic field a read answers the keys that were asked for', async () => {
    const { client } = world;
    const row = { id: 50, vector: vectorOf(50), age: 1, x: 1, y: { z: 2 }, big: '9' };
    await mustSucceed(client.insert({ collection_name: 'good', data: [row] }));
    const metaOf = async (outputFields: string[]): Promise<(string | undefined)[]> => {
      const query = { collectionName: 'good', expr: 'id == 50', outputFields };
      const search = { ...searchRequest('good', [50]), outputFields };
      const queried = await call('query', query);
      const searched = await call('search', search);
      return [
        QueryResults.decode(queried).fieldsData,
        SearchResults.decode(searched).results?.fieldsData ?? [],
      ].map((columns) => {
        const column = columns.find(({ fieldName }) => fieldName === '$meta')?.field;
        if (column?.$case !== 'scalars' || column.value.data?.$case !== 'jsonData') return undefined;
        return new TextDecoder().decode(column.value.data.value.data[0]);
      });
    };
    expect(await metaOf(['x'])).toEqual(['{"x":1}', '{"x":1}']);
    expect(await metaOf(['age', '$meta["y"]', 'ghost'])).toEqual(['{"y":{"z":2}}', '{"y":{"z":2}}']);
    expect(await metaOf(['ghost'])).toEqual(['{}', '{}']);
    expect(await metaOf(['age'])).toEqual([undefined, undefined]);
    for (const all of [['*'], ['$meta', 'x']]) {
      for (const text of await metaOf(all))
        expect(JSON.parse(text ?? '')).toEqual({ x: 1, y: { z: 2 }, big: '9' });
    }
    const read = await client.query({
      collection_name: 'good',
      filter: 'id == 50',
      output_fields: ['x', 'y'],
    });
    expect(read.data).toEqual([{ id: '50', $meta: { x: 1, y: { z: 2 } } }]);
    const subkey = { collectionName: 'good', expr: 'id == 50', outputFields: ['y["z"]'] };
    expect(await statusOf('query', subkey)).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('multiple level of dynamic field'),
    });
    await mustSucceed(client.delete({ collection_name: 'good', ids: [50] }));
    await nothingChanged();
  });

  test('an insert whose partition is named writes nothing', async () => {
    const row = { id: 99, vector: vectorOf(99, DIM), tenant: 1 };
    for (const write of ['insert', 'upsert'] as const) {
      const failure = await failureOf(() =>
        world.client[write]({ collection_name: 'keyed', partition_name: '_default_0', data: [row] }),
      );
      expect(failure).toMatchObject({ code: 1100, reason: expect.stringContaining(KEY_MODE) });
    }
    await nothingChanged();
  });
});
