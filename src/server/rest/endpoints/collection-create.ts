// collections/create, in both forms: a vector field and its dimension, where everything else has a default, or a schema. With indexes, which the
// quick form always has, the collection is loaded as well.
import { z } from 'zod';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { type Endpoint, endpoint } from '#server/rest/endpoint.js';
import type { Request, RestCall } from '#server/rest/rest-calls.js';
import { missing, RestFailure } from '#server/rest/rest-failure.js';
import { createIndexRequest, indexShape } from './index-params.js';
import { fieldOf, functionOf, schemaShape, structFieldOf } from './schemas.js';
import {
  consistencyLevel,
  invalid,
  levelOf,
  name,
  named,
  ofCollection,
  pairsOf,
  propertyPairs,
  values,
} from './shapes.js';

const count = z.union([z.int(), z.string().regex(/^\d{1,9}$/)]).transform(Number);

const paramsShape = z.strictObject({
  max_length: count.optional(),
  enableDynamicField: z.union([z.boolean(), z.stringbool()]).optional(),
  shardsNum: count.optional(),
  partitionsNum: count.optional(),
  consistencyLevel: consistencyLevel.optional(),
  ttlSeconds: z.union([count, z.int()]).optional(),
  ttlField: z.string().optional(),
  partitionKeyIsolation: z.union([z.boolean(), z.string()]).optional(),
  'mmap.enabled': z.union([z.boolean(), z.string()]).optional(),
  'warmup.vectorField': z.string().optional(),
  'warmup.scalarField': z.string().optional(),
  'warmup.vectorIndex': z.string().optional(),
  'warmup.scalarIndex': z.string().optional(),
});

const body = ofCollection.extend({
  description: z.string().default(''),
  dimension: z.int().optional(),
  metricType: z.string().optional(),
  idType: z.enum(['Int64', 'VarChar', 'Varchar']).optional(),
  autoID: z.boolean().optional(),
  primaryFieldName: name.optional(),
  vectorFieldName: name.optional(),
  vectorFieldType: name.optional(),
  schema: schemaShape.optional(),
  indexParams: z.array(indexShape).default([]),
  params: paramsShape.default({}),
  properties: values.optional(),
});
type Body = z.output<typeof body>;

export const createEndpoint: Endpoint = endpoint({
  path: 'collections/create',
  summary:
    'Creates a collection from a schema, or from the dimension of its vectors, and indexes and loads it.',
  body,
  calls: ['createCollection', 'createIndex', 'loadCollection'],
  answer: async (given, call) => {
    const isQuick = given.schema === undefined;
    const schema = given.schema === undefined ? quickSchema(given) : fullSchema(given, given.schema);
    await call.rpc('createCollection', createRequest(given, schema, call));
    const indexes = isQuick ? [quickIndex(given)] : given.indexParams;
    if (indexes.length > 0) await indexAndLoad(given, indexes, call);
    return undefined;
  },
});

/** When an index is refused, the collection stays: it may have been there before, with rows. */
async function indexAndLoad(given: Body, indexes: Body['indexParams'], call: RestCall): Promise<void> {
  try {
    for (const index of indexes) await call.rpc('createIndex', createIndexRequest(index, given, call));
    await call.rpc('loadCollection', { ...named(given, call), replicaNumber: 1 });
  } catch (error) {
    if (!(error instanceof RestFailure)) throw error;
    throw new RestFailure(
      error.code,
      `collection ${given.collectionName} is there, but not indexed and loaded: ${error.message}`,
      error.status,
    );
  }
}

function createRequest(given: Body, schema: CollectionSchema, call: RestCall): Request<'createCollection'> {
  const { params } = given;
  const { shardsNum, partitionsNum, consistencyLevel: level } = params;
  return {
    ...named(given, call),
    schema: CollectionSchema.encode(schema).finish(),
    shardsNum: shardsNum ?? 1,
    numPartitions: BigInt(partitionsNum ?? 0),
    consistencyLevel: levelOf(level ?? 'Bounded'),
    properties: propertyPairs({ ...propertiesOf(params), ...given.properties }),
  };
}

const propertyNames = {
  ttlSeconds: 'collection.ttl.seconds',
  ttlField: 'ttl_field',
  partitionKeyIsolation: 'partitionkey.isolation',
  'mmap.enabled': 'mmap.enabled',
  'warmup.vectorField': 'warmup.vectorField',
  'warmup.scalarField': 'warmup.scalarField',
  'warmup.vectorIndex': 'warmup.vectorIndex',
  'warmup.scalarIndex': 'warmup.scalarIndex',
} as const satisfies Partial<Record<keyof Body['params'], string>>;

const propertiesOf = (params: Body['params']): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(propertyNames).flatMap(([key, property]) => {
      const value = params[key as keyof typeof propertyNames];
      return value === undefined ? [] : [[property, value]];
    }),
  );

/** Parts of the quick form, with the values that the Node client adds to every body: those say nothing. */
const quickParts = {
  dimension: undefined,
  idType: undefined,
  vectorFieldType: undefined,
  metricType: 'COSINE',
  primaryFieldName: 'id',
  vectorFieldName: 'vector',
} as const satisfies Partial<Record<keyof Body, string | undefined>>;

/** A schema says it all; what says something else beside it would have to be passed over. */
function refuseQuickParts(given: Body): void {
  for (const [part, unsaid] of Object.entries(quickParts)) {
    const value = given[part as keyof typeof quickParts];
    if (value !== undefined && value !== unsaid)
      invalid(`${part} and schema are both given; the schema says it all, leave ${part} out`);
  }
  if (given.params.max_length !== undefined)
    invalid('params.max_length is of the quick form; give it to the field, in its elementTypeParams');
}

function quickSchema(given: Body): CollectionSchema {
  const {
    primaryFieldName = 'id',
    vectorFieldName = 'vector',
    vectorFieldType = 'FloatVector',
    dimension,
  } = given;
  const isSparse = vectorFieldType === 'SparseFloatVector';
  if (dimension === undefined && !isSparse)
    return missing('dimension is required: the dimension of the vectors, or a schema');
  if (given.indexParams.length > 0)
    invalid('indexParams go with a schema; the quick form makes its index, with metricType');
  const isText = given.idType !== undefined && given.idType !== 'Int64';
  const maxLength = given.params.max_length;
  if (isText && maxLength === undefined)
    return missing('params.max_length is required for keys of type VarChar');
  return CollectionSchema.fromPartial({
    name: given.collectionName,
    description: given.description,
    autoID: given.autoID ?? false,
    enableDynamicField: given.params.enableDynamicField ?? true,
    fields: [
      {
        name: primaryFieldName,
        isPrimaryKey: true,
        dataType: isText ? DataType.VarChar : DataType.Int64,
        autoID: given.autoID ?? false,
        typeParams: pairsOf(isText ? { max_length: maxLength } : {}),
      },
      fieldOf({
        ...plainField,
        fieldName: vectorFieldName,
        dataType: vectorFieldType,
        elementTypeParams: isSparse ? {} : { dim: dimension },
      }),
    ],
  });
}

const plainField = {
  isPrimary: false,
  autoID: false,
  isPartitionKey: false,
  isClusteringKey: false,
  nullable: false,
  description: '',
};

const quickIndex = ({
  vectorFieldName = 'vector',
  vectorFieldType,
  metricType,
}: Body): Body['indexParams'][number] => ({
  fieldName: vectorFieldName,
  indexName: vectorFieldName,
  indexType: 'AUTOINDEX',
  metricType: metricType ?? quickMetric(vectorFieldType),
});

function quickMetric(type = 'FloatVector'): string {
  if (type === 'SparseFloatVector') return 'IP';
  return type === 'BinaryVector' ? 'HAMMING' : 'COSINE';
}

function fullSchema(given: Body, schema: z.output<typeof schemaShape>): CollectionSchema {
  refuseQuickParts(given);
  const autoID = schema.autoID ?? schema.autoId ?? given.autoID ?? false;
  const fields = schema.fields.map(fieldOf);
  return CollectionSchema.fromPartial({
    name: given.collectionName,
    description: schema.description || given.description,
    autoID,
    enableDynamicField:
      schema.enableDynamicField ?? schema.enabledDynamicField ?? given.params.enableDynamicField ?? false,
    enableNamespace: schema.enableNamespace,
    fields: fields.map((field) => (field.isPrimaryKey && autoID ? { ...field, autoID } : field)),
    functions: schema.functions.map(functionOf),
    structArrayFields: schema.structFields.map(structFieldOf),
  });
}
