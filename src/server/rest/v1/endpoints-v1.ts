// REST v1 (`/v1/vector/…`), which Milvus keeps for callers of its first days: a dozen endpoints, each of which is one of v2 in other words. It
// is served only where the settings ask for it. What worked has code 200 in the body, and rows come without anything around them.
import { z } from 'zod';
import { must } from '#base/assert.js';
import { jsonBytesOfText } from '#model/json/json-bytes.js';
import { isVectorType } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { maxLengthOf } from '#model/schema/schema-view.js';
import { LoadState } from '#proto/milvus/common.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import type { Answer } from '#server/rest/answers/json-text.js';
import { type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { createEndpoint } from '#server/rest/endpoints/collection-create.js';
import { indexesOf } from '#server/rest/endpoints/collection-describe.js';
import { readEndpoints } from '#server/rest/endpoints/entities-read.js';
import { searchEndpoints, vectorShape } from '#server/rest/endpoints/entities-search.js';
import { rowsShape, writeEndpoints } from '#server/rest/endpoints/entities-write.js';
import { keyShape } from '#server/rest/endpoints/keys.js';
import { enumName, name, named, ofCollection, ofDatabase, texts } from '#server/rest/endpoints/shapes.js';
import { RawJson } from '#server/rest/raw-json.js';
import { missing, RestFailure } from '#server/rest/rest-failure.js';
import { aggregationShape } from '#server/rest/rows/aggregation.js';

export const V1_PATH = '/v1/vector/';

export interface EndpointV1 extends Endpoint {
  /** A GET says in its query what a POST says in its body. */
  readonly method: 'GET' | 'POST';
}

const of = (path: string, endpoints: readonly Endpoint[]): Endpoint =>
  must(
    endpoints.find((one) => one.path === path),
    path,
  );

/** An endpoint of v2 under another name. @param bodyOf gives what the schema of v2 would make of its body */
function as<Body extends z.ZodObject>(
  to: Endpoint,
  written: {
    readonly path: string;
    readonly body: Body;
    bodyOf(body: z.output<Body>): object;
    dataOf?(data: Answer): Answer;
  },
): EndpointV1 {
  const { path, body, bodyOf, dataOf } = written;
  return {
    path,
    body,
    method: 'POST',
    summary: to.summary,
    calls: to.calls,
    answer: async (given, call) => {
      const { data, aggBuckets, aggTopks } = await to.answer(
        to.body.parse(bodyOf(given as z.output<Body>)),
        call,
      );
      return { data: dataOf === undefined ? data : dataOf(data), aggBuckets, aggTopks };
    },
  };
}

const query = ofCollection.extend({
  filter: name,
  outputFields: texts.optional(),
  limit: z.int().optional(),
  offset: z.int().optional(),
});

const rows = ofCollection.extend({ data: rowsShape });

export const v1Endpoints: readonly EndpointV1[] = [
  {
    method: 'GET',
    ...endpoint({
      path: 'collections',
      summary: 'Names of the collections of a database.',
      body: ofDatabase,
      calls: ['showCollections'],
      answer: async (_body, call) =>
        (await call.rpc('showCollections', { dbName: call.dbName })).collectionNames,
    }),
  },
  {
    method: 'GET',
    ...endpoint({
      path: 'collections/describe',
      summary: 'Fields, indexes and load state of a collection.',
      body: ofCollection,
      calls: ['describeCollection', 'getLoadState', 'describeIndex'],
      answer: async (body, call) => {
        const { schema, collectionName, shardsNum } = await call.rpc('describeCollection', named(body, call));
        const { state } = await call.rpc('getLoadState', named(body, call));
        return {
          collectionName,
          description: schema?.description ?? '',
          fields: schema?.fields.map(fieldAnswer) ?? [],
          indexes: (await indexesOf(body, call)).map(({ indexName, fieldName, params }) => ({
            fieldName,
            indexName,
            metricType: params.find(({ key }) => key === 'metric_type')?.value ?? '',
          })),
          load: enumName(LoadState, state),
          shardsNum,
          enableDynamic: schema?.enableDynamicField ?? false,
        };
      },
    }),
  },
  as(createEndpoint, {
    path: 'collections/create',
    body: ofCollection.extend({
      dimension: z.int(),
      description: z.string().optional(),
      metricType: z.string().optional(),
      primaryField: name.optional(),
      vectorField: name.optional(),
    }),
    bodyOf: ({ primaryField, vectorField, ...body }) => ({
      ...body,
      autoID: true,
      ...(primaryField === undefined ? {} : { primaryFieldName: primaryField }),
      ...(vectorField === undefined ? {} : { vectorFieldName: vectorField }),
    }),
  }),
  {
    method: 'POST',
    ...endpoint({
      path: 'collections/drop',
      summary: 'Drops a collection, which has to be there.',
      body: ofCollection,
      calls: ['hasCollection', 'dropCollection'],
      answer: async (body, call) => {
        const { value } = await call.rpc('hasCollection', named(body, call));
        if (!value) throw new RestFailure(100, `can't find collection: ${body.collectionName}`);
        await call.rpc('dropCollection', named(body, call));
        return undefined;
      },
    }),
  },
  as(of('entities/insert', writeEndpoints), { path: 'insert', body: rows, bodyOf: (body) => body }),
  as(of('entities/upsert', writeEndpoints), { path: 'upsert', body: rows, bodyOf: (body) => body }),
  as(of('entities/delete', writeEndpoints), {
    path: 'delete',
    body: ofCollection.extend({ id: keyShape.optional(), filter: z.string().optional() }),
    bodyOf: (body) => body,
    dataOf: () => ({}),
  }),
  as(of('entities/get', readEndpoints), {
    path: 'get',
    body: ofCollection.extend({ id: keyShape, outputFields: texts.optional() }),
    bodyOf: (body) => body,
  }),
  as(of('entities/query', readEndpoints), { path: 'query', body: query, bodyOf: (body) => body }),
  as(of('entities/search', searchEndpoints), {
    path: 'search',
    body: query.extend({
      filter: z.string().optional(),
      vector: vectorShape,
      params: z.record(z.string(), z.number()).optional(),
      searchAggregation: aggregationShape.optional(),
    }),
    bodyOf: ({ vector, params, ...body }) => {
      if (!vector.text.startsWith('[')) return missing('vector is required: a list of numbers');
      return {
        ...body,
        data: new RawJson(jsonBytesOfText(`[${vector.text}]`)),
        ...(params === undefined ? {} : { searchParams: { params } }),
      };
    },
  }),
];

/** Types have the length or the dimension behind them. */
function fieldAnswer(field: FieldSchema): Answer {
  const type = enumName(DataType, field.dataType);
  const size = sizeOf(field);
  return {
    name: field.name,
    type: size === undefined ? type : `${type}(${size})`,
    primaryKey: field.isPrimaryKey,
    partitionKey: field.isPartitionKey,
    autoId: field.autoID,
    description: field.description,
  };
}

function sizeOf(field: FieldSchema): number | undefined {
  if (field.dataType === DataType.VarChar) return maxLengthOf(field);
  return isVectorType(field.dataType) && field.dataType !== DataType.SparseFloatVector
    ? dimOf(field)
    : undefined;
}
