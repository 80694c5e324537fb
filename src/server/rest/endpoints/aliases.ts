// Endpoints below aliases/.
import { z } from 'zod';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { dbName, name, named, ofCollection } from './shapes.js';

const ofAlias = z.strictObject({ dbName, aliasName: name });
const both = ofCollection.extend({ aliasName: name });
/** The Node client names the collection when it drops an alias. */
const perhapsBoth = ofAlias.extend({ collectionName: z.string().optional() });

export const aliasEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'aliases/list',
    summary: 'Names of the aliases of a database, or of one collection.',
    body: z.strictObject({ dbName, collectionName: z.string().default('') }),
    calls: ['listAliases'],
    answer: async (body, call) => (await call.rpc('listAliases', named(body, call))).aliases,
  }),
  endpoint({
    path: 'aliases/describe',
    summary: 'The collection that an alias stands for.',
    body: ofAlias,
    calls: ['describeAlias'],
    answer: async ({ aliasName }, call) => {
      const {
        dbName: database,
        collection,
        alias,
      } = await call.rpc('describeAlias', {
        dbName: call.dbName,
        alias: aliasName,
      });
      return { dbName: database, collectionName: collection, aliasName: alias };
    },
  }),
  command({
    path: 'aliases/create',
    summary: 'Gives a collection a second name.',
    body: both,
    rpc: 'createAlias',
    request: (body, call) => ({ ...named(body, call), alias: body.aliasName }),
  }),
  command({
    path: 'aliases/alter',
    summary: 'Makes an alias stand for another collection.',
    body: both,
    rpc: 'alterAlias',
    request: (body, call) => ({ ...named(body, call), alias: body.aliasName }),
  }),
  command({
    path: 'aliases/drop',
    summary: 'Drops an alias; the collection stays.',
    body: perhapsBoth,
    rpc: 'dropAlias',
    request: ({ aliasName }, call) => ({ dbName: call.dbName, alias: aliasName }),
  }),
];
