// collections/describe: a definition as JSON, with its indexes and whether it is loaded.
import { ElanusError } from '#base/errors.js';
import { ConsistencyLevel, IndexState, LoadState } from '#proto/milvus/common.js';
import type { IndexDescription } from '#proto/milvus/milvus.js';
import {
  DataType,
  type FieldSchema,
  type FunctionSchema,
  FunctionType,
  type StructArrayFieldSchema,
  type ValueField,
} from '#proto/milvus/schema.js';
import type { Answer } from '#server/rest/answers/json-text.js';
import { type Endpoint, endpoint, Whole } from '#server/rest/endpoint.js';
import type { RestCall } from '#server/rest/rest-calls.js';
import { RestFailure } from '#server/rest/rest-failure.js';
import { enumName, named, ofCollection, pairAnswer } from './shapes.js';

type Named = { readonly collectionName: string };

export const describeEndpoint: Endpoint = endpoint({
  path: 'collections/describe',
  summary: 'Schema, properties, indexes and load state of a collection.',
  body: ofCollection,
  calls: ['describeCollection', 'getLoadState', 'describeIndex'],
  answer: async (body, call) => {
    const description = await call.rpc('describeCollection', named(body, call));
    // Who may see the schema alone sees no more, as in Milvus.
    const load = await ifPermitted(call.rpc('getLoadState', named(body, call)));
    const indexes = (await ifPermitted(indexesOf(body, call))) ?? [];
    const { schema } = description;
    const data: Answer = {
      collectionName: description.collectionName,
      collectionID: description.collectionID,
      description: schema?.description ?? '',
      autoId: schema?.fields.some(({ isPrimaryKey, autoID }) => isPrimaryKey && autoID) ?? false,
      fields: schema?.fields.map(fieldAnswer) ?? [],
      structFields: schema?.structArrayFields.map(structAnswer) ?? [],
      functions: schema?.functions.map(functionAnswer) ?? [],
      aliases: description.aliases,
      indexes: indexes.map(({ indexName, fieldName, params }) => ({
        indexName,
        fieldName,
        metricType: paramOf(params, 'metric_type'),
      })),
      load: load === undefined ? '' : enumName(LoadState, load.state),
      shardsNum: description.shardsNum,
      partitionsNum: Number(description.numPartitions),
      consistencyLevel: enumName(ConsistencyLevel, description.consistencyLevel),
      enableDynamicField: schema?.enableDynamicField ?? false,
      enableNamespace: schema?.enableNamespace || undefined,
      properties: pairAnswer(description.properties),
    };
    return new Whole({ data, message: '' });
  },
});

async function ifPermitted<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'permission_denied') return undefined;
    throw error;
  }
}

/** Those of a collection; without any, Milvus answers that there is none. */
export async function indexesOf(body: Named, call: RestCall): Promise<readonly IndexDescription[]> {
  try {
    return (await call.rpc('describeIndex', named(body, call))).indexDescriptions;
  } catch (error) {
    if (error instanceof RestFailure && error.code === 700) return [];
    throw error;
  }
}

const paramOf = (params: IndexDescription['params'], key: string): string =>
  params.find((param) => param.key === key)?.value ?? '';

function fieldAnswer(field: FieldSchema): Answer {
  return {
    name: field.name,
    type: enumName(DataType, field.dataType),
    primaryKey: field.isPrimaryKey,
    partitionKey: field.isPartitionKey,
    clusteringKey: field.isClusteringKey,
    autoId: field.autoID,
    description: field.description,
    nullable: field.nullable,
    id: Number(field.fieldID),
    params: pairAnswer(field.typeParams),
    elementType: field.elementType === DataType.None ? undefined : enumName(DataType, field.elementType),
    defaultValue: defaultAnswer(field.defaultValue),
    isFunctionOutput: field.isFunctionOutput || undefined,
  };
}

function defaultAnswer(value: ValueField | undefined): Answer | undefined {
  const { data } = value ?? {};
  if (data === undefined) return undefined;
  return data.$case === 'bytesData' ? undefined : data.value;
}

const structAnswer = (struct: StructArrayFieldSchema): Answer => ({
  name: struct.name,
  description: struct.description,
  nullable: struct.nullable,
  id: Number(struct.fieldID),
  params: pairAnswer(struct.typeParams),
  fields: struct.fields.map(fieldAnswer),
});

const functionAnswer = (one: FunctionSchema): Answer => ({
  name: one.name,
  description: one.description,
  type: enumName(FunctionType, one.type),
  id: Number(one.id),
  inputFieldNames: one.inputFieldNames,
  outputFieldNames: one.outputFieldNames,
  params: pairAnswer(one.params),
});

export const indexAnswer = (index: IndexDescription): Answer => ({
  indexName: index.indexName,
  fieldName: index.fieldName,
  indexType: paramOf(index.params, 'index_type'),
  metricType: paramOf(index.params, 'metric_type'),
  totalRows: Number(index.totalRows),
  indexedRows: Number(index.indexedRows),
  pendingRows: Number(index.pendingIndexRows),
  indexState: enumName(IndexState, index.state),
  failReason: index.indexStateFailReason,
  minIndexVersion: index.minIndexVersion,
  maxIndexVersion: index.maxIndexVersion,
  indexParams: pairAnswer(index.params),
  mmap: paramOf(index.params, 'mmap.enabled') || undefined,
});
