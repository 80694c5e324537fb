// Fields of insert requests, made of plain values.
import { ElanusError } from '#base/errors.js';
import { batchFromFields } from '#model/columns/field-data-in.js';
import { encodeInt32s, encodeInt64s } from '#model/columns/packed-array.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { CollectionSchema, DataType, FieldData, type FieldSchema } from '#proto/milvus/schema.js';

type PartialField = Parameters<typeof FieldSchema.fromPartial>[0];
export const pk: PartialField = { name: 'id', isPrimaryKey: true, dataType: DataType.Int64 };
export const vec: PartialField = {
  name: 'vec',
  dataType: DataType.FloatVector,
  typeParams: [{ key: 'dim', value: '2' }],
};

export const schemaOf = (fields: PartialField[], more = {}) =>
  parseCollectionSchema(CollectionSchema.fromPartial({ fields: [pk, vec, ...fields], ...more }), {
    collectionName: 'c',
  });

export const longs = (name: string, values: readonly bigint[], more: Partial<FieldData> = {}): FieldData =>
  FieldData.create({
    type: DataType.Int64,
    fieldName: name,
    field: {
      $case: 'scalars',
      value: {
        data: {
          $case: 'longData',
          value: { data: encodeInt64s(new Uint8Array(BigInt64Array.from(values).buffer)) },
        },
      },
    },
    ...more,
  });
export const ints = (
  name: string,
  type: DataType,
  values: readonly number[],
  more: Partial<FieldData> = {},
): FieldData =>
  FieldData.create({
    type,
    fieldName: name,
    field: { $case: 'scalars', value: { data: { $case: 'intData', value: { data: encodeInt32s(values) } } } },
    ...more,
  });
export const texts = (name: string, data: string[], more: Partial<FieldData> = {}): FieldData =>
  FieldData.create({
    type: DataType.VarChar,
    fieldName: name,
    field: { $case: 'scalars', value: { data: { $case: 'stringData', value: { data } } } },
    ...more,
  });
export const jsons = (name: string, values: string[], more: Partial<FieldData> = {}): FieldData =>
  FieldData.create({
    type: DataType.JSON,
    fieldName: name,
    field: {
      $case: 'scalars',
      value: {
        data: { $case: 'jsonData', value: { data: values.map((text) => new TextEncoder().encode(text)) } },
      },
    },
    ...more,
  });
export const floats = (name: string, values: readonly number[], more: Partial<FieldData> = {}): FieldData =>
  FieldData.create({
    type: DataType.Float,
    fieldName: name,
    field: {
      $case: 'scalars',
      value: {
        data: { $case: 'floatData', value: { data: new Uint8Array(Float32Array.from(values).buffer) } },
      },
    },
    ...more,
  });
export const vectors = (values: readonly number[], dim = 2n): FieldData =>
  FieldData.create({
    type: DataType.FloatVector,
    fieldName: 'vec',
    field: {
      $case: 'vectors',
      value: {
        dim,
        data: { $case: 'floatVector', value: { data: new Uint8Array(Float32Array.from(values).buffer) } },
      },
    },
  });
export const refusal = (...input: Parameters<typeof batchFromFields>): string => {
  try {
    batchFromFields(...input);
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
  throw new Error('accepted');
};

export const two = [longs('id', [1n, 2n]), vectors([1, 2, 3, 4])];
