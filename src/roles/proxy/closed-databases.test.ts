// Which calls a closed database refuses: each kind by its own property, all of them by `ddl`, in that database alone.
import { describe, expect, it } from 'vitest';
import { changeKinds } from '#model/properties/limits.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import { collectionRecord, openProxyWorld } from '../../../test/support/proxy-world.js';

const one = { collectionName: 'c' };
const calls: readonly (readonly [kind: string, method: PublicMethod, request: object])[] = [
  ['collectionDDL', 'createCollection', one],
  ['collectionDDL', 'dropCollection', one],
  ['collectionDDL', 'truncateCollection', one],
  ['collectionDDL', 'loadCollection', one],
  ['collectionDDL', 'releaseCollection', one],
  ['collectionDDL', 'alterCollection', one],
  ['collectionDDL', 'alterCollection', { collectionID: 1n }],
  ['collectionDDL', 'alterCollectionField', one],
  ['collectionDDL', 'alterCollectionSchema', one],
  ['collectionDDL', 'addCollectionField', one],
  ['collectionDDL', 'addCollectionStructField', one],
  ['collectionDDL', 'renameCollection', { oldName: 'c', newName: 'd' }],
  ['collectionDDL', 'createAlias', { ...one, alias: 'a' }],
  ['collectionDDL', 'dropAlias', { alias: 'a' }],
  ['collectionDDL', 'alterAlias', { ...one, alias: 'a' }],
  ['partitionDDL', 'createPartition', { ...one, partitionName: 'p' }],
  ['partitionDDL', 'dropPartition', { ...one, partitionName: 'p' }],
  ['partitionDDL', 'loadPartitions', { ...one, partitionNames: ['other'] }],
  ['partitionDDL', 'releasePartitions', { ...one, partitionNames: ['other'] }],
  ['index', 'createIndex', { ...one, fieldName: 'v' }],
  ['index', 'alterIndex', { ...one, indexName: 'v' }],
  ['index', 'dropIndex', { ...one, indexName: 'v' }],
  ['flush', 'flush', { collectionNames: ['c'] }],
];

const world = (properties: Readonly<Record<string, string>>) =>
  openProxyWorld({
    definitions: {
      // Collection 1 is in this database, whatever the caller names.
      describeCollection: async () => ({
        collection: collectionRecord({ database: 'closed' }),
        databaseId: 5n,
      }),
      listDatabases: async () => ({
        databases: [
          { name: 'default' },
          { name: 'closed', properties: { ...properties } },
          { name: 'other' },
        ],
      }),
    },
  });
const deny = (key: string) => world({ [`database.force.deny.${key}`]: 'true' });
type World = ReturnType<typeof world>;
const codeOf = async ({ call }: World, method: PublicMethod, request: object): Promise<number> => {
  const answer = await call(method, request as never);
  const status = 'alterStatus' in answer ? answer.alterStatus : 'status' in answer ? answer.status : answer;
  return (status as { readonly code: number }).code;
};

describe.each(calls)('%s: %s', (kind, method, request) => {
  it('is refused where it is closed, by its own property or by ddl, and nowhere else', async () => {
    const there = { dbName: 'closed', ...request };
    expect(await codeOf(deny(kind), method, there)).toBe(9);
    expect(await codeOf(deny('ddl'), method, there)).toBe(9);
    for (const other of changeKinds.filter((name) => name !== kind))
      expect(await codeOf(deny(other), method, there), other).not.toBe(9);
    expect(await codeOf(world({ [`database.force.deny.${kind}`]: 'false' }), method, there)).not.toBe(9);
    // An id is of the database that it is in.
    const isById = 'collectionID' in request;
    expect((await codeOf(deny(kind), method, { dbName: 'other', ...request })) === 9).toBe(isById);
  });
});

it('a collection is not renamed into a closed database either', async () => {
  const request = { dbName: 'other', oldName: 'c', newName: 'd', newDBName: 'closed' };
  expect(await codeOf(deny('collectionDDL'), 'renameCollection', request)).toBe(9);
});

it('the way back is open, and so are reads and writes', async () => {
  const { call } = deny('ddl');
  const alter = { dbName: 'closed', deleteKeys: ['database.force.deny.ddl'] };
  expect((await call('alterDatabase', alter)).code).not.toBe(9);
  expect((await call('query', { dbName: 'closed', ...one, expr: 'id > 0' })).status?.code).not.toBe(9);
  expect((await call('insert', { dbName: 'closed', ...one })).status?.code).not.toBe(9);
});
