// Endpoints below indexes/.
import { z } from 'zod';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { indexAnswer, indexesOf } from './collection-describe.js';
import { createIndexRequest, indexShape } from './index-params.js';
import { name, named, ofCollection, propertyPairs, texts, values } from './shapes.js';

const ofIndex = ofCollection.extend({ indexName: name });

export const indexEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'indexes/create',
    summary: 'Builds indexes of fields.',
    body: ofCollection.extend({ indexParams: z.array(indexShape).min(1) }),
    calls: ['createIndex'],
    answer: async (body, call) => {
      for (const index of body.indexParams)
        await call.rpc('createIndex', createIndexRequest(index, body, call));
      return undefined;
    },
  }),
  endpoint({
    path: 'indexes/list',
    summary: 'Names of the indexes of a collection.',
    body: ofCollection,
    calls: ['describeIndex'],
    answer: async (body, call) => (await indexesOf(body, call)).map(({ indexName }) => indexName),
  }),
  endpoint({
    path: 'indexes/describe',
    summary: 'Type, parameters and state of an index.',
    body: ofIndex,
    calls: ['describeIndex'],
    answer: async (body, call) => {
      const request = { ...named(body, call), indexName: body.indexName };
      return (await call.rpc('describeIndex', request)).indexDescriptions.map(indexAnswer);
    },
  }),
  command({
    path: 'indexes/drop',
    summary: 'Drops an index.',
    body: ofIndex,
    rpc: 'dropIndex',
    request: (body, call) => ({ ...named(body, call), indexName: body.indexName }),
  }),
  command({
    path: 'indexes/alter_properties',
    summary: 'Sets properties of an index.',
    body: ofIndex.extend({ properties: values }),
    rpc: 'alterIndex',
    request: (body, call) => ({
      ...named(body, call),
      indexName: body.indexName,
      extraParams: propertyPairs(body.properties),
    }),
  }),
  command({
    path: 'indexes/drop_properties',
    summary: 'Takes properties of an index back to their defaults.',
    body: ofIndex.extend({ propertyKeys: texts }),
    rpc: 'alterIndex',
    request: (body, call) => ({
      ...named(body, call),
      indexName: body.indexName,
      deleteKeys: body.propertyKeys,
    }),
  }),
];
