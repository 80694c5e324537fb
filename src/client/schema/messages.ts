// A declaration as the messages of the protocol: the schema that creates the collection, and the parameters of its indexes.
import type { KeyValuePair } from '#proto/milvus/common.js';
import type {
  FieldSchema,
  FunctionSchema,
  FunctionType,
  StructArrayFieldSchema,
  ValueField,
} from '#proto/milvus/schema.js';
import type { DeepPartial } from '#rpc/service.js';
import type { AnyDeclaration } from './collection.js';
import {
  type DefaultValue,
  dataTypes,
  type FieldIndexSpec,
  type FieldSpec,
  isVectorName,
} from './field-spec.js';

/** The property that says where rows of a namespace are; `partition_key` where it is not set. */
export const NAMESPACE_MODE = 'namespace.mode';

/** Its number in the protocol, which is not loaded for it. */
const BM25 = 1 satisfies FunctionType;

export const pairsOf = (record: Readonly<Record<string, string>>): KeyValuePair[] =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

function valueField(spec: FieldSpec, value: DefaultValue): ValueField {
  switch (typeof value) {
    case 'boolean':
      return { data: { $case: 'boolData', value } };
    case 'bigint':
      return { data: { $case: 'longData', value } };
    case 'string':
      return { data: { $case: 'stringData', value } };
    default:
      if (spec.type === 'Float') return { data: { $case: 'floatData', value } };
      if (spec.type === 'Double') return { data: { $case: 'doubleData', value } };
      return { data: { $case: 'intData', value } };
  }
}

export function fieldMessage(name: string, spec: FieldSpec): DeepPartial<FieldSchema> {
  return {
    name,
    dataType: dataTypes[spec.type],
    elementType: spec.element === undefined ? 0 : dataTypes[spec.element],
    description: spec.description ?? '',
    typeParams: pairsOf(spec.params),
    isPrimaryKey: spec.isPrimaryKey ?? false,
    autoID: spec.isAutoId ?? false,
    isPartitionKey: spec.isPartitionKey ?? false,
    isClusteringKey: spec.isClusteringKey ?? false,
    nullable: spec.isNullable ?? false,
    isFunctionOutput: spec.wordsOf !== undefined,
    defaultValue: spec.defaultValue === undefined ? undefined : valueField(spec, spec.defaultValue),
  };
}

/** Fields of a struct array are arrays, or arrays of vectors, as large as the array. */
export function structMessage(name: string, spec: FieldSpec): DeepPartial<StructArrayFieldSchema> {
  const capacity = { max_capacity: spec.params.max_capacity ?? '' };
  const fields = Object.entries(spec.members ?? {}).map(([member, memberSpec]) => ({
    ...fieldMessage(member, { ...memberSpec, params: { ...memberSpec.params, ...capacity } }),
    dataType: isVectorName(memberSpec.type) ? dataTypes.ArrayOfVector : dataTypes.Array,
    elementType: dataTypes[memberSpec.type],
  }));
  const description = spec.description ?? '';
  return { name, description, fields, typeParams: pairsOf(capacity), nullable: spec.isNullable ?? false };
}

const bm25Of = (output: string, input: string): DeepPartial<FunctionSchema> => ({
  name: `bm25_${output}`,
  type: BM25,
  inputFieldNames: [input],
  outputFieldNames: [output],
});

const isStruct = (spec: FieldSpec): boolean => spec.type === 'ArrayOfStruct';

/** Properties that the declaration names, and the mode of its namespaces where that is not the usual one. */
export const declaredProperties = ({ settings }: AnyDeclaration): Readonly<Record<string, string>> => ({
  ...(settings.namespaces === 'partition' ? { [NAMESPACE_MODE]: 'partition' } : {}),
  ...settings.properties,
});

/** Bytes of the schema. The messages of the protocol are loaded for it. */
export async function schemaBytes({ name, fields, settings }: AnyDeclaration): Promise<Uint8Array> {
  const { CollectionSchema } = await import('#proto/milvus/schema.js');
  const specs = Object.entries(fields).map(([field, { spec }]) => [field, spec] as const);
  const message = CollectionSchema.fromPartial({
    name,
    description: settings.description ?? '',
    enableDynamicField: settings.dynamic ?? false,
    enableNamespace: settings.namespaces !== undefined,
    fields: specs.filter(([, spec]) => !isStruct(spec)).map(([field, spec]) => fieldMessage(field, spec)),
    structArrayFields: specs
      .filter(([, spec]) => isStruct(spec))
      .map(([field, spec]) => structMessage(field, spec)),
    functions: specs.flatMap(([field, { wordsOf }]) =>
      wordsOf === undefined ? [] : [bm25Of(field, wordsOf)],
    ),
  } as Parameters<typeof CollectionSchema.fromPartial>[0]);
  return CollectionSchema.encode(message).finish();
}

/** Bytes of one field, to add it. */
export async function fieldBytes(name: string, spec: FieldSpec): Promise<Uint8Array> {
  const { FieldSchema } = await import('#proto/milvus/schema.js');
  type Partial = Parameters<typeof FieldSchema.fromPartial>[0];
  return FieldSchema.encode(FieldSchema.fromPartial(fieldMessage(name, spec) as Partial)).finish();
}

/** An index that the declaration has, and the field or sub-field that it is on. */
export interface DeclaredIndex {
  readonly field: string;
  readonly name: string;
  readonly spec: FieldIndexSpec;
  /** Without a vector index nothing is loaded; the server may give it one of its own choice. */
  readonly isVector: boolean;
}

/** Vector fields have an index in any case, others where the declaration says so. */
export function indexesOf({ fields }: AnyDeclaration): DeclaredIndex[] {
  return Object.entries(fields).flatMap(([name, { spec }]) => {
    const own = indexOf(name, spec);
    const members = Object.entries(spec.members ?? {}).flatMap(([member, memberSpec]) =>
      indexOf(`${name}[${member}]`, memberSpec),
    );
    return [...own, ...members];
  });
}

function indexOf(field: string, { type, index }: FieldSpec): DeclaredIndex[] {
  const isVector = isVectorName(type);
  if (index === undefined && !isVector) return [];
  return [{ field, name: index?.name ?? '', spec: index ?? {}, isVector }];
}

export function indexParams({ spec: { type, metric, params }, isVector }: DeclaredIndex): KeyValuePair[] {
  return [
    { key: 'index_type', value: type ?? (isVector ? 'AUTOINDEX' : '') },
    ...(metric === undefined ? [] : [{ key: 'metric_type', value: metric }]),
    ...(params === undefined ? [] : [{ key: 'params', value: JSON.stringify(params) }]),
  ];
}
