// Lists of JSON to the bytes of each dense vector type, and the elements that do not fit.

import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { jsonBytesOfText } from '#model/json/json-bytes.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { JsonColumns } from './json-columns.js';

const schemaOf = (dataType: DataType, dim: number, nullable = false) =>
  parseCollectionSchema(
    CollectionSchema.fromPartial({
      fields: [
        { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
        { name: 'v', dataType, nullable, typeParams: [{ key: 'dim', value: `${dim}` }] },
      ],
    }),
    { collectionName: 'c' },
  );
const columnOf = (dataType: DataType, dim: number, ...lists: string[]) => {
  const columns = new JsonColumns(schemaOf(dataType, dim, lists.includes('null')));
  for (const [row, list] of lists.entries()) columns.add(jsonBytesOfText(`{"id": ${row}, "v": ${list}}`));
  return columns.finish().columns[1];
};

describe('vectors in JSON', () => {
  it('become the bytes of their type', () => {
    const list = '[0.5, -2, 0.1, 65504]';
    expect(columnOf(DataType.FloatVector, 4, list)?.data).toEqual(
      bytesView(Float32Array.of(0.5, -2, 0.1, 65_504)),
    );
    expect(columnOf(DataType.Float16Vector, 4, list)?.data).toEqual(
      bytesView(Uint16Array.of(0x3800, 0xc000, 0x2e66, 0x7bff)),
    );
    expect(columnOf(DataType.BFloat16Vector, 4, list)?.data).toEqual(
      bytesView(Uint16Array.of(0x3f00, 0xc000, 0x3dcd, 0x4780)),
    );
    expect(columnOf(DataType.Int8Vector, 3, '[-128, 127, 0]', '[1, 2, 3]')?.data).toEqual(
      Uint8Array.of(128, 127, 0, 1, 2, 3),
    );
    expect(columnOf(DataType.BinaryVector, 16, '[255, 1]')?.data).toEqual(Uint8Array.of(255, 1));
  });
  it('may be null where the field is nullable', () => {
    const column = columnOf(DataType.Int8Vector, 2, '[1, 2]', 'null', '[3, 4]');
    expect([column?.data, column?.valid]).toEqual([Uint8Array.of(1, 2, 0, 0, 3, 4), Uint8Array.of(1, 0, 1)]);
  });
  it.each([
    [DataType.Int8Vector, 2, '[1, 128]', 'integers from -128 to 127, element 1'],
    [DataType.Int8Vector, 2, '[1.5, 1]', 'integers from -128 to 127, element 0'],
    [DataType.BinaryVector, 16, '[0, 256]', 'integers from 0 to 255, element 1'],
    [DataType.BinaryVector, 16, '[0, 1, 2]', 'vector has 3 values, expected 2 (a byte for 8 of its 16 bits)'],
    [DataType.Float16Vector, 2, '[1, 65520]', 'finite numbers, element 1'],
    [DataType.BFloat16Vector, 2, '[1, 1e39]', 'finite numbers, element 1'],
    [DataType.BFloat16Vector, 2, '[1, "2"]', 'finite numbers, element 1'],
    [DataType.Float16Vector, 2, '"AAAA"', 'a list of 2 numbers'],
    [DataType.Float16Vector, 3, '[1, 2]', 'vector has 2 values, expected 3 (the dim of the field)'],
  ])('of type %i, dim %i refuse %s', (dataType, dim, list, text) => {
    expect(() => columnOf(dataType, dim, list)).toThrow(text);
  });
});
