// What a client sees while coordinators take over: whoever answers knows what the one before it knew, and who does not know yet is not asked.
import { expect, test } from 'vitest';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { LoadState } from '#proto/milvus/common.js';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import type { RoleName } from '#rpc/role-names.js';
import {
  clientOf,
  configOf,
  coordinators,
  dyingAt,
  held,
  makeCollection,
  schemaOf,
  workers,
} from '../../test/support/take-over.js';
import { startNode } from './node.js';

/** A cluster whose coordinator has died, while the next one waits for what it reads below the prefix. */
async function whileTakenOver(prefix: string) {
  const cluster = simulatedCluster(21);
  const { world } = cluster;
  const open = (host: string): MemoryPlatform => openMemoryPlatform({ cluster, host });
  const first = open('first');
  await world.runUntil(
    Promise.all([
      startNode(first, configOf('first', coordinators)),
      startNode(open('work'), configOf('work', workers)),
    ]),
  );
  const client = clientOf(cluster);
  const make = (name: string): Promise<void> => makeCollection(client, name);
  const prepare = async (): Promise<void> => {
    for (const name of ['books', 'loaded', 'old']) await make(name);
    for (const collectionName of ['loaded', 'books']) await client.loadCollection({ collectionName });
  };
  await world.runUntil(prepare());
  first.crash();
  const next = open('next');
  const { store, letGo } = held(next.metaStore, prefix);
  const starting = startNode({ ...next, metaStore: store }, configOf('next', coordinators));
  // Its session is over, and the next one has come to where it waits.
  await world.advance(6000);
  return {
    client,
    world,
    make,
    /** What the calls gave that begin now; those of the window first, then the others. */
    outcomes: async (calls: Readonly<Record<string, Promise<unknown>>>) => {
      const early = new Set<string>();
      const outcomes: Record<string, unknown> = {};
      let isOpen = false;
      const all = Object.entries(calls).map(async ([name, call]) => {
        outcomes[name] = await call.catch((error: unknown) => error);
        if (!isOpen) early.add(name);
      });
      await world.advance(3000);
      isOpen = true;
      letGo();
      await world.runUntil(Promise.all([...all, starting]));
      return { outcomes, early };
    },
  };
}

test.each([
  ['what is loaded', 'querycoord-collection-loadinfo/'],
  ['what is defined', 'root-coord/collection/'],
  ['segments and channels', 'datacoord-meta/'],
])('a coordinator that has not read %s yet says of nothing that it is not there', async (_what, prefix) => {
  const { client, make, outcomes, world } = await whileTakenOver(prefix);
  const books = { collectionName: 'books' };
  const { outcomes: of } = await outcomes({
    describe: client.describeCollection(books),
    query: client.query({ ...books, outputFields: ['count(*)'] }),
    state: client.getLoadState(books),
    load: client.loadCollection(books),
    alter: client.alterCollection({
      ...books,
      properties: [{ key: 'collection.ttl.seconds', value: '86400' }],
    }),
    drop: client.dropCollection({ collectionName: 'old' }),
    create: make('new'),
    release: client.releaseCollection({ collectionName: 'loaded' }),
  });
  for (const [name, outcome] of Object.entries(of))
    expect(outcome instanceof Error ? `${name}: ${outcome.message}` : name).toBe(name);
  // It may be brought to its nodes anew, but it is loaded.
  const states = [LoadState.LoadStateLoaded, LoadState.LoadStateLoading];
  expect(of).toMatchObject({
    describe: { collectionName: 'books' },
    state: { state: expect.toBeOneOf(states) },
  });
  // And what was answered is so.
  const after = world.runUntil(
    Promise.all([
      client.getLoadState({ collectionName: 'loaded' }),
      client.getLoadState(books),
      client.showCollections({}),
      client.describeCollection(books),
    ]),
  );
  expect(await after).toMatchObject([
    { state: LoadState.LoadStateNotLoad },
    { state: LoadState.LoadStateLoaded },
    {
      collectionNames: expect.toSatisfy((names: string[]) => [...names].sort().join() === 'books,loaded,new'),
    },
    { properties: expect.arrayContaining([expect.objectContaining({ key: 'collection.ttl.seconds' })]) },
  ]);
});

test('a coordinator that comes back at its address and stands by is not taken for the one that was there', async () => {
  const cluster = simulatedCluster(25);
  const { world } = cluster;
  const open = (): MemoryPlatform => openMemoryPlatform({ cluster, host: 'first' });
  const start = (platform: MemoryPlatform) => startNode(platform, configOf('first', coordinators));
  const first = open();
  const worker = startNode(openMemoryPlatform({ cluster, host: 'work' }), configOf('work', workers));
  await world.runUntil(Promise.all([start(first), worker]));
  const client = clientOf(cluster);
  await world.runUntil(makeCollection(client, 'c'));
  first.crash();
  // The session of the one before is not over for a while.
  const starting = start(open());
  await world.advance(300);
  const calls = world.runUntil(
    Promise.all([
      client.createRole({ entity: { name: 'readers' } }),
      client.flush({ collectionNames: ['c'] }),
      client.loadCollection({ collectionName: 'c' }),
      client.getLoadState({ collectionName: 'c' }),
      starting,
    ]),
  );
  await expect(calls).resolves.toBeDefined();
});

test('a drop of a collection, or of a partition, is carried to its end by whoever takes over', async () => {
  const cluster = simulatedCluster(22);
  const { world } = cluster;
  const due = { is: false };
  const first = dyingAt(openMemoryPlatform({ cluster, host: 'first' }), /^root-coord\/collection\//, due);
  const open = (host: string, roles: readonly RoleName[]) =>
    startNode(openMemoryPlatform({ cluster, host }), configOf(host, roles));
  await world.runUntil(
    Promise.all([startNode(first, configOf('first', coordinators)), open('work', workers)]),
  );
  const client = clientOf(cluster);
  await world.runUntil(makeCollection(client, 'c').then(() => makeCollection(client, 'd')));
  const partition = { collectionName: 'd', partitionName: 'p' };
  await world.runUntil(client.createPartition(partition));
  for (const [host, drop] of [
    ['second', () => client.dropCollection({ collectionName: 'c' })],
    ['third', () => client.dropPartition(partition)],
  ] as const) {
    due.is = true;
    const standing = startNode(
      dyingAt(openMemoryPlatform({ cluster, host }), /^root-coord\/collection\//, due),
      configOf(host, coordinators),
    );
    const dropped = drop().finally(() => {});
    await world.advance(10);
    expect(due.is).toBe(false);
    await world.runUntil(Promise.all([dropped, standing]));
  }
  const [{ collectionNames }, { partitionNames }] = await world.runUntil(
    Promise.all([client.showCollections({}), client.showPartitions({ collectionName: 'd' })]),
  );
  expect([collectionNames, partitionNames]).toEqual([['d'], ['_default']]);
});

const flatIndex = [
  { key: 'index_type', value: 'FLAT' },
  { key: 'metric_type', value: 'L2' },
];
const between = { sourceResourceGroup: '__default_resource_group', targetResourceGroup: 'quick' };
/** What a client changes and cannot take back by sending it again: each of these has the coordinator die over it, before and after its record. */
const changes: readonly (readonly [string, (client: ReturnType<typeof clientOf>) => Promise<unknown>])[] = [
  ['create collection', (client) => client.createCollection({ collectionName: 'f', schema: schemaOf('f') })],
  ['create partition', (client) => client.createPartition({ collectionName: 'f', partitionName: 'q' })],
  [
    'create index',
    (client) => client.createIndex({ collectionName: 'f', fieldName: 'vec', extraParams: flatIndex }),
  ],
  ['create database', (client) => client.createDatabase({ dbName: 'shelf' })],
  [
    'alter database',
    (client) =>
      client.alterDatabase({
        dbName: 'shelf',
        properties: [{ key: 'database.max.collections', value: '9' }],
      }),
  ],
  ['drop database', (client) => client.dropDatabase({ dbName: 'shelf' })],
  ['create alias', (client) => client.createAlias({ collectionName: 'c', alias: 'a' })],
  ['alter alias', (client) => client.alterAlias({ collectionName: 'd', alias: 'a' })],
  ['drop alias', (client) => client.dropAlias({ alias: 'a' })],
  [
    'alter collection',
    (client) =>
      client.alterCollection({
        collectionName: 'c',
        properties: [{ key: 'collection.ttl.seconds', value: '9000' }],
      }),
  ],
  [
    'alter index',
    (client) =>
      client.alterIndex({
        ...{ collectionName: 'c', indexName: 'vec' },
        extraParams: [{ key: 'mmap.enabled', value: 'true' }],
      }),
  ],
  ['drop index', (client) => client.dropIndex({ collectionName: 'c', indexName: 'vec' })],
  [
    'add field',
    (client) =>
      client.addCollectionField({
        collectionName: 'c',
        schema: FieldSchema.encode(
          FieldSchema.fromPartial({ name: 'year', dataType: DataType.Int64, nullable: true }),
        ).finish(),
      }),
  ],
  ['rename', (client) => client.renameCollection({ oldName: 'c', newName: 'e' })],
  ['truncate', (client) => client.truncateCollection({ collectionName: 'e' })],
  ['create user', (client) => client.createCredential({ username: 'reader', password: 'cmVhZGVycw==' })],
  ['create role', (client) => client.createRole({ entity: { name: 'readers' } })],
  ['create group', (client) => client.createResourceGroup({ resourceGroup: 'quick' })],
  ['transfer node', (client) => client.transferNode({ ...between, numNode: 1 })],
  [
    'update group',
    (client) =>
      client.updateResourceGroups({
        resourceGroups: { quick: { requests: { nodeNum: 0 }, limits: { nodeNum: 0 } } },
      }),
  ],
  ['drop group', (client) => client.dropResourceGroup({ resourceGroup: 'quick' })],
  ['drop role', (client) => client.dropRole({ roleName: 'readers' })],
  ['drop partition', (client) => client.dropPartition({ collectionName: 'd', partitionName: 'p' })],
  ['drop collection', (client) => client.dropCollection({ collectionName: 'd' })],
  ['drop user', (client) => client.deleteCredential({ username: 'reader' })],
];

test.each(['before', 'after'] as const)(
  'a change is carried out once when the coordinator dies %s its record',
  async (when) => {
    const cluster = simulatedCluster(23);
    const { world } = cluster;
    const due = { is: false };
    const coordinator = (host: string) =>
      startNode(
        dyingAt(openMemoryPlatform({ cluster, host }), /^receipt\//, due, when),
        configOf(host, coordinators),
      );
    await world.runUntil(
      Promise.all([
        coordinator('first'),
        startNode(openMemoryPlatform({ cluster, host: 'work' }), configOf('work', workers)),
      ]),
    );
    const client = clientOf(cluster);
    await world.runUntil(makeCollection(client, 'c').then(() => makeCollection(client, 'd')));
    await world.runUntil(client.createPartition({ collectionName: 'd', partitionName: 'p' }));
    const outcomes: Record<string, unknown> = {};
    for (const [at, [name, change]] of changes.entries()) {
      due.is = true;
      const standing = coordinator(`next-${at}`);
      const changed = change(client).then(
        () => 'done',
        (error: unknown) => error,
      );
      await world.advance(20);
      expect(due.is, name).toBe(false);
      outcomes[name] = await world.runUntil(changed);
      await world.runUntil(standing);
    }
    expect(outcomes).toEqual(Object.fromEntries(changes.map(([name]) => [name, 'done'])));
    const read = world.runUntil(
      Promise.all([
        client.showCollections({}),
        client.describeCollection({ collectionName: 'e' }),
        client.showPartitions({ collectionName: 'f' }),
        client.describeIndex({ collectionName: 'f' }),
        client.listDatabases({}),
        client.listAliases({}),
        client.listCredUsers({}),
      ]),
    );
    expect(await read).toMatchObject([
      { collectionNames: expect.toSatisfy((names: string[]) => [...names].sort().join() === 'e,f') },
      { schema: { fields: [{}, {}, { name: 'year' }] } },
      { partitionNames: ['_default', 'q'] },
      { indexDescriptions: [{ fieldName: 'vec' }] },
      { dbNames: ['default'] },
      { aliases: [] },
      { usernames: ['root'] },
    ]);
  },
);

test.each(['before', 'after'] as const)(
  'an import and a compaction are begun once when the coordinator dies %s their record',
  async (when) => {
    const cluster = simulatedCluster(24);
    const { world, objectStore, metaStore } = cluster;
    const due = { is: false };
    const journals = /^datacoord-meta\/(import-job|compaction)\//;
    const coordinator = (host: string) =>
      startNode(
        dyingAt(openMemoryPlatform({ cluster, host }), journals, due, when),
        configOf(host, coordinators),
      );
    const worker = startNode(openMemoryPlatform({ cluster, host: 'work' }), configOf('work', workers));
    await world.runUntil(Promise.all([coordinator('first'), worker]));
    const client = clientOf(cluster);
    await world.runUntil(makeCollection(client, 'c'));
    const row = new TextEncoder().encode('{"id":1,"vec":[1,2,3,4]}');
    await world.runUntil(objectStore.put('in/a.json', [row]));
    for (const [host, begin] of [
      ['second', () => client.import({ collectionName: 'c', files: ['in/a.json'] })],
      ['third', () => client.manualCompaction({ collectionName: 'c' })],
    ] as const) {
      due.is = true;
      const standing = coordinator(host);
      const begun = begin().finally(() => {});
      await world.advance(100);
      expect(due.is).toBe(false);
      await world.runUntil(Promise.all([begun, standing]));
    }
    const kept = async (journal: string) => (await metaStore.range(`datacoord-meta/${journal}/`)).length;
    expect([await world.runUntil(kept('import-job')), await world.runUntil(kept('compaction'))]).toEqual([
      1, 1,
    ]);
  },
);
