// Endpoints below databases/, where the database is what the call is about and no place for something else.
import { z } from 'zod';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { name, pairAnswer, propertyPairs, texts, values } from './shapes.js';

const ofNamed = z.strictObject({ dbName: name });
const alter = {
  summary: 'Sets properties of a database.',
  body: ofNamed.extend({ properties: values }),
  rpc: 'alterDatabase',
  request: (body: { readonly dbName: string; readonly properties: Readonly<Record<string, unknown>> }) => ({
    dbName: body.dbName,
    properties: propertyPairs(body.properties),
  }),
} as const;

export const databaseEndpoints: readonly Endpoint[] = [
  command({
    path: 'databases/create',
    summary: 'Creates a database.',
    body: ofNamed.extend({ properties: values.optional() }),
    rpc: 'createDatabase',
    request: ({ dbName, properties }) => ({ dbName, properties: propertyPairs(properties) }),
  }),
  command({
    path: 'databases/drop',
    summary: 'Drops a database without collections.',
    body: ofNamed,
    rpc: 'dropDatabase',
    request: ({ dbName }) => ({ dbName }),
  }),
  endpoint({
    path: 'databases/list',
    summary: 'Names of the databases.',
    // Clients name theirs in every body.
    body: z.strictObject({ dbName: z.string().optional() }),
    calls: ['listDatabases'],
    answer: async (_body, call) => (await call.rpc('listDatabases', {})).dbNames,
  }),
  endpoint({
    path: 'databases/describe',
    summary: 'Id and properties of a database.',
    body: ofNamed,
    calls: ['describeDatabase'],
    answer: async ({ dbName }, call) => {
      const { dbID, properties } = await call.rpc('describeDatabase', { dbName });
      return { dbName, dbID, properties: pairAnswer(properties) };
    },
  }),
  command({ path: 'databases/alter', ...alter }),
  command({ path: 'databases/alter_properties', ...alter }),
  command({
    path: 'databases/drop_properties',
    summary: 'Takes properties of a database back to their defaults.',
    body: ofNamed.extend({ propertyKeys: texts }),
    rpc: 'alterDatabase',
    request: ({ dbName, propertyKeys }) => ({ dbName, deleteKeys: propertyKeys }),
  }),
];
