import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { sameSchema } from './same-schema.js';
import { parseCollectionSchema, shardCountOf } from './schema-check.js';
import { publicSchema } from './schema-view.js';

type PartialField = Parameters<typeof FieldSchema.fromPartial>[0];
const pk: PartialField = { name: 'id', isPrimaryKey: true, dataType: DataType.Int64 };
const vec = (dim: string | undefined = '8', name = 'vec'): PartialField => ({
  name,
  dataType: DataType.FloatVector,
  typeParams: dim === '' ? [] : [{ key: 'dim', value: dim }],
});

const schemaOf = (fields: PartialField[], more: Parameters<typeof CollectionSchema.fromPartial>[0] = {}) =>
  CollectionSchema.fromPartial({ ...more, fields });
const parse = (fields: PartialField[], more = {}, numPartitions = 0n) =>
  parseCollectionSchema(schemaOf(fields, more), { collectionName: 'c', numPartitions });
const refusal = (...input: Parameters<typeof parse>): string => {
  try {
    parse(...input);
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
  throw new Error('accepted');
};

describe('parseCollectionSchema', () => {
  it('gives ids from 100 and appends $meta last', () => {
    const bytes = CollectionSchema.encode(
      schemaOf([pk, vec()], { name: 'c', enableDynamicField: true, autoID: true }),
    ).finish();
    const schema = parseCollectionSchema(bytes, { collectionName: 'c' });
    expect(schema.fields.map((field) => [field.name, field.fieldID])).toEqual([
      ['id', 100n],
      ['vec', 101n],
      ['$meta', 102n],
    ]);
    expect(schema.fields[0]?.autoID).toBe(true);
    expect(schema.fields[2]).toMatchObject({ isDynamic: true, nullable: false, dataType: DataType.JSON });
    expect(publicSchema(schema).fields).toHaveLength(2);
    expect(publicSchema(schema).enableDynamicField).toBe(true);
  });
  it('is stable: parsing its own result changes nothing', () => {
    const schema = parse([pk, vec()], { enableDynamicField: true });
    expect(parseCollectionSchema(schema, { collectionName: 'c' })).toEqual(schema);
  });
  it('checks primary key, names and vectors', () => {
    expect(refusal([vec()])).toContain('primary key is not specified');
    expect(refusal([pk, { ...pk, name: 'b' }, vec()])).toContain(
      'there are more than one primary key, field name = id, b',
    );
    expect(refusal([{ ...pk, dataType: DataType.Float }, vec()])).toContain(
      'the data type of primary key should be Int64 or VarChar',
    );
    expect(refusal([pk, pk, vec()])).toContain('duplicated field name');
    expect(refusal([pk])).toContain('schema does not contain vector field');
    expect(refusal([pk, vec('1')])).toContain(
      'invalid dimension: 1 of field vec. float vector dimension should be in range 2 ~ 32768',
    );
    expect(refusal([pk, vec('x')])).toContain('invalid dimension');
    expect(refusal([pk, vec('')])).toContain('dimension is not defined');
    expect(refusal([pk, ...Array.from({ length: 11 }, (_, at) => vec('2', `v${at}`))])).toContain(
      'limited to 10',
    );
    expect(parse([pk, ...Array.from({ length: 10 }, (_, at) => vec('2', `v${at}`))]).fields).toHaveLength(11);
    expect(refusal([pk, ...Array.from({ length: 64 }, (_, at) => vec('2', `v${at}`))])).toContain(
      "maximum field's number",
    );
    expect(refusal([{ ...pk, nullable: true }, vec()])).toContain('primary field not support null');
    expect(refusal([pk, vec(), { name: 'a', dataType: DataType.Int8, autoID: true }])).toContain(
      'only primary field',
    );
    expect(refusal([pk, vec()], { name: 'other' })).toContain('schema.Name=other');
  });
  it('checks max_length', () => {
    const text = (params: { key: string; value: string }[]): PartialField => ({
      name: 't',
      dataType: DataType.VarChar,
      typeParams: params,
    });
    expect(refusal([pk, vec(), text([])])).toContain(
      'type param(max_length) should be specified for the field(t) of collection c',
    );
    for (const value of ['0', '65536', '-1'])
      expect(refusal([pk, vec(), text([{ key: 'max_length', value }])])).toContain('should be in (0, 65535]');
    expect(refusal([pk, vec(), text([{ key: 'max_length', value: 'q' }])])).toContain('must be an integer');
    expect(parse([pk, vec(), text([{ key: 'max_length', value: '65535' }])]).fields).toHaveLength(3);
  });
  it('answers later types and features with unsupported', () => {
    for (const dataType of [DataType.Mol, DataType.Struct]) {
      expect(refusal([pk, vec(), { name: 'x', dataType }])).toMatch(/^unsupported: .*supported: Bool/);
    }
    expect(refusal([pk, vec(), { name: 'x' }])).toMatch(/^invalid_parameter/);
    expect(refusal([pk, vec(), { name: 'x', dataType: DataType.ArrayOfVector }])).toContain(
      'array of vector can only be in the struct array field, field name: x',
    );
    expect(refusal([pk, vec()], { structArrayFields: [{ name: 'f' }] })).toContain('has no sub-fields');
  });
  it('checks arrays, and takes times, geometries and texts', () => {
    const list = (elementType: DataType, params: Record<string, string>): PartialField => ({
      name: 'x',
      dataType: DataType.Array,
      elementType,
      typeParams: Object.entries(params).map(([key, value]) => ({ key, value })),
    });
    expect(parse([pk, vec(), list(DataType.Int8, { max_capacity: '4096' })]).fields).toHaveLength(3);
    expect(refusal([pk, vec(), list(DataType.JSON, { max_capacity: '4' })])).toContain(
      'element data type JSON',
    );
    expect(refusal([pk, vec(), list(DataType.Int8, {})])).toContain('type param(max_capacity) should be');
    for (const capacity of ['0', '4097', '-1', 'x'])
      expect(refusal([pk, vec(), list(DataType.Int8, { max_capacity: capacity })])).toMatch(
        /max_capacity|capacity/,
      );
    expect(refusal([pk, vec(), list(DataType.VarChar, { max_capacity: '4' })])).toContain('max_length');
    for (const dataType of [DataType.Geometry, DataType.Timestamptz, DataType.Text])
      expect(parse([pk, vec(), { name: 'x', dataType, nullable: true }]).fields).toHaveLength(3);
  });
  it('checks the dim of every dense vector type', () => {
    const of = (dataType: DataType, dim: string): PartialField => ({
      ...vec(),
      dataType,
      typeParams: [{ key: 'dim', value: dim }],
    });
    for (const dataType of [DataType.Float16Vector, DataType.BFloat16Vector, DataType.Int8Vector]) {
      expect(parse([pk, { ...of(dataType, '32768'), nullable: true }]).fields[1]?.nullable).toBe(true);
      for (const dim of ['1', '32769', 'x'])
        expect(refusal([pk, of(dataType, dim)])).toContain('should be in range 2 ~ 32768');
    }
    expect(parse([pk, of(DataType.BinaryVector, '262144')]).fields).toHaveLength(2);
    for (const dim of ['0', '262152'])
      expect(refusal([pk, of(DataType.BinaryVector, dim)])).toContain('should be in range 8 ~ 262144');
    expect(refusal([pk, of(DataType.BinaryVector, '12')])).toContain(
      'binary vector dimension should be multiple of 8',
    );
    expect(refusal([pk, { ...vec(), dataType: DataType.Int8Vector, typeParams: [] }])).toContain(
      'dimension is not defined',
    );
  });
  it('checks partition keys', () => {
    const key: PartialField = { name: 'p', dataType: DataType.Int64, isPartitionKey: true };
    expect(parse([pk, vec(), key], {}, 64n).fields).toHaveLength(3);
    expect(refusal([pk, vec()], {}, 2n)).toContain(
      'num_partitions should only be specified with partition key field enabled',
    );
    expect(refusal([pk, vec(), key], {}, -1n)).toContain('num_partitions');
    expect(parse([pk, vec(), key], {}, 4096n).fields).toHaveLength(3);
    expect(refusal([pk, vec(), key], {}, 4097n)).toContain(
      'partition number (4097) exceeds max configuration (4096)',
    );
    expect(refusal([pk, vec(), key, { ...key, name: 'q' }])).toContain('more than one partition key');
    expect(refusal([{ ...pk, isPartitionKey: true }, vec()])).toContain('must not be primary');
    expect(refusal([pk, vec(), { ...key, nullable: true }])).toContain('nullable');
    expect(refusal([pk, vec(), { ...key, dataType: DataType.Float }])).toContain('Int64 or VarChar');
  });
  it('checks defaults', () => {
    const withDefault = (
      dataType: DataType,
      data: NonNullable<FieldSchema['defaultValue']>['data'],
    ): PartialField => ({
      name: 'd',
      dataType,
      defaultValue: { data },
      typeParams: [{ key: 'max_length', value: '3' }],
    });
    expect(
      parse([pk, vec(), withDefault(DataType.Int8, { $case: 'intData', value: -128 })]).fields,
    ).toHaveLength(3);
    expect(refusal([pk, vec(), withDefault(DataType.Int8, { $case: 'intData', value: 128 })])).toContain(
      'out of range',
    );
    expect(refusal([pk, vec(), withDefault(DataType.VarChar, { $case: 'longData', value: 1n })])).toContain(
      'type (VarChar) of field (d) is not equal to the type(Int64) of default_value',
    );
    expect(
      refusal([pk, vec(), withDefault(DataType.VarChar, { $case: 'stringData', value: 'éé' })]),
    ).toContain('exceeds max length');
    expect(
      refusal([pk, vec(), withDefault(DataType.JSON, { $case: 'bytesData', value: new Uint8Array() })]),
    ).toContain('not support default_value');
    expect(refusal([{ ...pk, defaultValue: { data: { $case: 'longData', value: 1n } } }, vec()])).toContain(
      'primary field not support default',
    );
    const empty = parse([pk, vec(), { name: 'd', dataType: DataType.Bool, defaultValue: {} }]);
    expect(empty.fields[2]?.defaultValue).toBeUndefined();
  });
  it('refuses bytes that are no schema', () => {
    expect(() => parseCollectionSchema(new Uint8Array([0x0a, 0xff]), { collectionName: 'c' })).toThrow(
      'cannot be decoded',
    );
  });
});

describe('sameSchema', () => {
  it('ignores ids and the order of pairs, and sees everything else', () => {
    const base = parse([pk, vec()]);
    expect(sameSchema(base, parse([{ ...pk, fieldID: 7n }, vec()], { dbName: 'x' }))).toBe(true);
    expect(sameSchema(base, parse([pk, vec('16')]))).toBe(false);
    expect(sameSchema(base, parse([pk, vec()], { enableDynamicField: true }))).toBe(false);
    expect(sameSchema(base, parse([{ ...pk, autoID: true }, vec()]))).toBe(false);
  });
});

it('shardCountOf', () => {
  expect([0, 1, 16].map(shardCountOf)).toEqual([1, 1, 16]);
  for (const bad of [-1, 17]) expect(() => shardCountOf(bad)).toThrow(ElanusError);
});
