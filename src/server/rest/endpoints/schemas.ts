// Schemas in JSON: fields, struct arrays and functions, to the messages that create collections and change them. What they mean is checked
// where every client's schema is.
import { z } from 'zod';
import {
  DataType,
  FieldSchema,
  FunctionSchema,
  FunctionType,
  StructArrayFieldSchema,
  ValueField,
} from '#proto/milvus/schema.js';
import { RestFailure, restCodes } from '#server/rest/rest-failure.js';
import { name, pairsOf, texts, values, valueText } from './shapes.js';

/** The names of an enum that say something. */
const namesOf = (table: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(table).flatMap(([key, value]) => (Number(value) > 0 ? [key] : []));

const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean()]);

export const fieldShape = z.strictObject({
  fieldName: name,
  dataType: name.meta({ enum: namesOf(DataType) }),
  elementDataType: z.string().optional(),
  isPrimary: z.boolean().default(false),
  autoID: z.boolean().default(false),
  isPartitionKey: z.boolean().default(false),
  isClusteringKey: z.boolean().default(false),
  elementTypeParams: values.nullish(),
  nullable: z.boolean().default(false),
  defaultValue: scalar.nullish(),
  description: z.string().default(''),
});

export const functionShape = z.strictObject({
  name,
  description: z.string().default(''),
  type: name.meta({ enum: namesOf(FunctionType) }),
  inputFieldNames: texts,
  outputFieldNames: texts.default([]),
  params: values.nullish(),
});

export const structShape = z.strictObject({
  fieldName: name,
  description: z.string().default(''),
  elementTypeParams: values.nullish(),
  nullable: z.boolean().default(false),
  fields: z.array(fieldShape).min(1),
});

export const schemaShape = z.strictObject({
  autoId: z.boolean().optional(),
  autoID: z.boolean().optional(),
  enabledDynamicField: z.boolean().optional(),
  enableDynamicField: z.boolean().optional(),
  enableNamespace: z.boolean().default(false),
  description: z.string().default(''),
  fields: z.array(fieldShape),
  functions: z.array(functionShape).default([]),
  structFields: z.array(structShape).default([]),
});

const badSchema = (text: string): never => {
  throw new RestFailure(restCodes.bad_schema, `fail to marshal collection schema, error: ${text}`);
};

/** Types by the names that clients write; `ArrayOfVector` and its like are what a struct array makes of its own. */
function typeOf(text: string, place: string): DataType {
  const type = Object.entries(DataType).find(([key]) => key === text)?.[1];
  if (type === undefined || type === DataType.UNRECOGNIZED || type === DataType.None)
    return badSchema(
      `${place}: there is no data type ${text.slice(0, 64)}, names are written as in VarChar, Int64, FloatVector`,
    );
  return type;
}

export function fieldOf(field: z.output<typeof fieldShape>): FieldSchema {
  const dataType = typeOf(field.dataType, `field ${field.fieldName}`);
  return FieldSchema.fromPartial({
    name: field.fieldName,
    description: field.description,
    dataType,
    elementType: field.elementDataType
      ? typeOf(field.elementDataType, `field ${field.fieldName}`)
      : DataType.None,
    isPrimaryKey: field.isPrimary,
    autoID: field.autoID,
    isPartitionKey: field.isPartitionKey,
    isClusteringKey: field.isClusteringKey,
    nullable: field.nullable,
    typeParams: pairsOf(field.elementTypeParams ?? {}),
    ...defaultOf(dataType, field),
  });
}

function defaultOf(
  type: DataType,
  { defaultValue: value, fieldName }: z.output<typeof fieldShape>,
): { defaultValue?: ValueField } {
  if (value === undefined || value === null) return {};
  const data = defaultData(type, value);
  return data === undefined
    ? badSchema(`field ${fieldName}: the default ${valueText(value)} is no value of its type`)
    : { defaultValue: ValueField.fromPartial({ data }) };
}

function defaultData(type: DataType, value: z.output<typeof scalar>): ValueField['data'] {
  if (typeof value === 'boolean') return { $case: 'boolData', value };
  if (typeof value === 'string') return { $case: 'stringData', value };
  switch (type) {
    case DataType.Int8:
    case DataType.Int16:
    case DataType.Int32:
      return isWithin(value, 31) ? { $case: 'intData', value: Number(value) } : undefined;
    case DataType.Int64:
      return isWithin(value, 63) ? { $case: 'longData', value: BigInt(value) } : undefined;
    case DataType.Float:
      return { $case: 'floatData', value: Number(value) };
    default:
      return { $case: 'doubleData', value: Number(value) };
  }
}

function isWithin(value: number | bigint, bits: number): boolean {
  if (typeof value === 'number' && !Number.isInteger(value)) return false;
  const whole = BigInt(value);
  return whole >= -(2n ** BigInt(bits)) && whole < 2n ** BigInt(bits);
}

export const structFieldOf = (struct: z.output<typeof structShape>): StructArrayFieldSchema =>
  StructArrayFieldSchema.fromPartial({
    name: struct.fieldName,
    description: struct.description,
    nullable: struct.nullable,
    typeParams: pairsOf(struct.elementTypeParams ?? {}),
    fields: struct.fields.map(fieldOf),
  });

export function functionOf(shape: z.output<typeof functionShape>): FunctionSchema {
  const type = Object.entries(FunctionType).find(([key]) => key === shape.type)?.[1];
  if (type === undefined || type < 1)
    return badSchema(`function ${shape.name}: there is no type ${shape.type}`);
  return FunctionSchema.fromPartial({
    name: shape.name,
    description: shape.description,
    type,
    inputFieldNames: shape.inputFieldNames,
    outputFieldNames: shape.outputFieldNames,
    params: pairsOf(shape.params ?? {}),
  });
}
