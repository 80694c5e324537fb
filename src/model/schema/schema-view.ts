// Small lookups in a normalised collection schema: who the dynamic field is, what a type is called, a type parameter.
// The checks live in schema-check.ts; whoever reads through these may trust what it gets.
import { isNamespaceField } from '#model/properties/namespaces.js';
import { CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { isVectorType } from './data-type.js';
import { ownFields } from './struct-arrays.js';

export const META_FIELD_NAME = '$meta';

const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(DataType).map(([name, value]) => [value, name]),
);
export const dataTypeName = (type: number): string => typeNames.get(type) ?? `type ${type}`;

export const typeParam = (field: FieldSchema, key: string): string | undefined =>
  field.typeParams.find((pair) => pair.key === key)?.value;
/** Type params that begin so are the server's own: no client sends them or sees them. */
export const OWN_KEYS = 'elanus.';
/** Where the parameters of an analyzer are, with the words of the files that they name. */
export const wordsKeyOf = (key: AnalyzerKey): string => `${OWN_KEYS}${key}`;
type AnalyzerKey = 'analyzer_params' | 'multi_analyzer_params';
/** What texts of the field are analyzed by. */
export const analyzerParam = (field: FieldSchema, key: AnalyzerKey): string | undefined =>
  typeParam(field, wordsKeyOf(key)) ?? typeParam(field, key);
/** What clients see of type params. */
export const publicTypeParams = ({ typeParams }: FieldSchema): FieldSchema['typeParams'] =>
  typeParams.filter(({ key }) => !key.startsWith(OWN_KEYS));
/** Bytes of UTF-8 a VarChar value may have; 0 when the field has no such limit. */
export const maxLengthOf = (field: FieldSchema): number => Number(typeParam(field, 'max_length') ?? 0);

export const fieldByName = (schema: CollectionSchema, name: string): FieldSchema | undefined =>
  schema.fields.find((field) => field.name === name);
export const dynamicField = (schema: CollectionSchema): FieldSchema | undefined =>
  schema.fields.find((field) => field.isDynamic);
export const partitionKeyField = (schema: CollectionSchema): FieldSchema | undefined =>
  schema.fields.find((field) => field.isPartitionKey);
export const vectorFields = (schema: CollectionSchema): FieldSchema[] =>
  schema.fields.filter((field) => isVectorType(field.dataType));

/**
 * The schema as clients see it: `$meta` shows only as `enable_dynamic_field`, `$namespace_id` as `enable_namespace`, and columns of struct
 * arrays only in these.
 */
export const publicSchema = (schema: CollectionSchema): CollectionSchema =>
  CollectionSchema.create({
    ...schema,
    fields: ownFields(schema)
      .filter((field) => !field.isDynamic && !isNamespaceField(field))
      .map((field) => ({ ...field, typeParams: publicTypeParams(field) })),
  });
