// A collection with a field of every kind that filters read, some of them nullable.
import {
  CollectionSchema,
  DataType,
  FieldSchema,
  StructArrayFieldSchema,
} from '../../src/proto/milvus/schema.js';

type Fields = Parameters<typeof FieldSchema.fromPartial>[0];

const fields: readonly Fields[] = [
  { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
  { name: 'b', dataType: DataType.Bool },
  { name: 'nb', dataType: DataType.Bool, nullable: true },
  { name: 'i8', dataType: DataType.Int8 },
  { name: 'n8', dataType: DataType.Int8, nullable: true },
  { name: 'i16', dataType: DataType.Int16 },
  { name: 'i32', dataType: DataType.Int32 },
  { name: 'i64', dataType: DataType.Int64 },
  { name: 'n64', dataType: DataType.Int64, nullable: true },
  { name: 'f', dataType: DataType.Float },
  { name: 'nf', dataType: DataType.Float, nullable: true },
  { name: 'd', dataType: DataType.Double },
  { name: 'nd', dataType: DataType.Double, nullable: true },
  { name: 's', dataType: DataType.VarChar, typeParams: [{ key: 'max_length', value: '99' }] },
  {
    name: 'ns',
    dataType: DataType.VarChar,
    nullable: true,
    typeParams: [{ key: 'enable_match', value: 'true' }],
  },
  { name: 't', dataType: DataType.Timestamptz },
  { name: 'nt', dataType: DataType.Timestamptz, nullable: true },
  { name: 'g', dataType: DataType.Geometry },
  { name: 'j', dataType: DataType.JSON },
  { name: 'nj', dataType: DataType.JSON, nullable: true },
  { name: 'ai', dataType: DataType.Array, elementType: DataType.Int64 },
  { name: 'na', dataType: DataType.Array, elementType: DataType.Int8, nullable: true },
  { name: 'as', dataType: DataType.Array, elementType: DataType.VarChar },
  { name: 'af', dataType: DataType.Array, elementType: DataType.Float },
  { name: 'ab', dataType: DataType.Array, elementType: DataType.Bool },
  { name: 'vec', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '4' }] },
];
const members: readonly Fields[] = [
  { name: 'x', dataType: DataType.Array, elementType: DataType.Int32 },
  { name: 'color', dataType: DataType.Array, elementType: DataType.VarChar },
  { name: 'v', dataType: DataType.ArrayOfVector, elementType: DataType.FloatVector },
];

function make(isDynamic: boolean): CollectionSchema {
  const meta: Fields = { name: '$meta', dataType: DataType.JSON, isDynamic: true };
  const all = isDynamic ? [...fields, meta] : fields;
  const numbered = all.map((field, at) => FieldSchema.fromPartial({ ...field, fieldID: BigInt(100 + at) }));
  const struct = StructArrayFieldSchema.fromPartial({
    fieldID: 200n,
    name: 'st',
    fields: members.map((field, at) => ({ ...field, fieldID: BigInt(201 + at) })),
  });
  return CollectionSchema.create({
    name: 'c',
    fields: numbered,
    structArrayFields: [struct],
    enableDynamicField: isDynamic,
  });
}

export const dynamicSchema = make(true);
export const plainSchema = make(false);
