// Endpoints below collections/ that change a schema: fields, struct arrays, functions.
import { z } from 'zod';
import type { AlterCollectionSchemaRequest_DropRequest } from '#proto/milvus/milvus.js';
import { FieldSchema } from '#proto/milvus/schema.js';
import { command, type Endpoint } from '#server/rest/endpoint.js';
import type { Request } from '#server/rest/rest-calls.js';
import { fieldOf, fieldShape, functionOf, functionShape, structFieldOf, structShape } from './schemas.js';
import { name, named, ofCollection, propertyPairs, values } from './shapes.js';

type Named = Parameters<typeof named>;

const dropRequest = (
  body: Named[0],
  call: Named[1],
  value: AlterCollectionSchemaRequest_DropRequest,
): Request<'alterCollectionSchema'> => ({
  ...named(body, call),
  action: { op: { $case: 'dropRequest', value } },
});

const fields: readonly Endpoint[] = [
  command({
    path: 'collections/fields/add',
    summary: 'Adds a field; rows that are there get its default, or null.',
    body: ofCollection.extend({ schema: fieldShape }),
    rpc: 'addCollectionField',
    request: (body, call) => ({
      ...named(body, call),
      schema: FieldSchema.encode(fieldOf(body.schema)).finish(),
    }),
  }),
  command({
    path: 'collections/fields/alter_properties',
    summary: 'Sets properties of a field, such as max_length.',
    body: ofCollection.extend({ fieldName: name, fieldParams: values }),
    rpc: 'alterCollectionField',
    request: (body, call) => ({
      ...named(body, call),
      fieldName: body.fieldName,
      properties: propertyPairs(body.fieldParams),
    }),
  }),
  command({
    path: 'collections/fields/drop',
    summary: 'Drops a field and its values.',
    body: ofCollection.extend({ fieldName: name }),
    rpc: 'alterCollectionSchema',
    request: (body, call) =>
      dropRequest(body, call, {
        identifier: { $case: 'fieldName', value: body.fieldName },
        dropFunctionOutputFields: false,
      }),
  }),
  command({
    path: 'collections/struct_fields/add',
    summary: 'Adds an array of structs.',
    body: ofCollection.extend({ schema: structShape }),
    rpc: 'addCollectionStructField',
    request: (body, call) => ({ ...named(body, call), structArrayFieldSchema: structFieldOf(body.schema) }),
  }),
];

const functions: readonly Endpoint[] = [
  command({
    path: 'collections/add_function',
    summary: 'Adds a function to the schema.',
    body: ofCollection.extend({ function: functionShape }),
    rpc: 'addCollectionFunction',
    request: (body, call) => ({ ...named(body, call), functionSchema: functionOf(body.function) }),
  }),
  command({
    path: 'collections/alter_function',
    summary: 'Changes a function of the schema.',
    body: ofCollection.extend({ functionName: z.string().optional(), function: functionShape }),
    rpc: 'alterCollectionFunction',
    request: (body, call) => ({
      ...named(body, call),
      functionName: body.functionName ?? body.function.name,
      functionSchema: functionOf(body.function),
    }),
  }),
  command({
    path: 'collections/drop_function',
    summary: 'Drops a function; its field stays.',
    body: ofCollection.extend({ functionName: name }),
    rpc: 'dropCollectionFunction',
    request: (body, call) => ({ ...named(body, call), functionName: body.functionName }),
  }),
  command({
    path: 'collections/add_function_field',
    summary: 'Adds a function together with the field that it fills.',
    body: ofCollection.extend({ schema: fieldShape, function: functionShape }),
    rpc: 'alterCollectionSchema',
    request: (body, call) => ({
      ...named(body, call),
      action: {
        op: {
          $case: 'addRequest',
          value: {
            fieldInfos: [{ fieldSchema: fieldOf(body.schema), indexName: '', extraParams: [] }],
            funcSchema: [functionOf(body.function)],
            doPhysicalBackfill: false,
          },
        },
      },
    }),
  }),
  command({
    path: 'collections/drop_function_field',
    summary: 'Drops a function together with the field that it fills.',
    body: ofCollection.extend({ functionName: name }),
    rpc: 'alterCollectionSchema',
    request: (body, call) =>
      dropRequest(body, call, {
        identifier: { $case: 'functionName', value: body.functionName },
        dropFunctionOutputFields: true,
      }),
  }),
];

export const schemaEndpoints: readonly Endpoint[] = [...fields, ...functions];
