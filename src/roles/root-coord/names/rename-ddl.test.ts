// A rename among other changes and crashes: the collection has the old name or the new one, never both, none, or somebody else's.
import { expect, it } from 'vitest';
import { DatabaseRecord } from '#proto/elanus/data.js';
import { context, createRequest, openRootCoord } from '../../../../test/support/root-coord.js';

async function openOne(cluster?: Parameters<typeof openRootCoord>[0]) {
  const world = await openRootCoord(cluster);
  const { handlers } = world;
  const ref = (name: string, database = '') => ({ database, name, id: 0n });
  return {
    ...world,
    ref,
    rename: (name: string, newName: string, newDatabase = '') =>
      handlers.renameCollection({ collection: ref(name), newName, newDatabase }, context),
    async outcomes(...calls: readonly Promise<unknown>[]): Promise<string[]> {
      const settled = await world.cluster.world.runUntil(Promise.allSettled(calls));
      return settled.map((one) => (one.status === 'fulfilled' ? 'done' : String(one.reason.key)));
    },
    names: async () =>
      (await world.records())
        .filter(({ state }) => state === 'created')
        .map(({ database, schema }) => `${database}.${schema?.name}`)
        .toSorted(),
  };
}
const D = DatabaseRecord.create({ name: 'd' });
type World = Awaited<ReturnType<typeof openOne>>;

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};

it('changes the name, the database and the time of the schema, and nothing else', async () => {
  const { create, handlers, cluster, rename, records, ref } = await openOne();
  await create();
  const [before] = await records();
  await cluster.world.runUntil(handlers.createDatabase(D, context));
  await cluster.world.runUntil(rename('c', 'other', 'd'));
  const [after] = await records();
  expect(after?.updateTimestamp).toBeGreaterThan(before?.updateTimestamp ?? 0n);
  expect(after).toEqual({
    ...before,
    ...{ database: 'd', updateTimestamp: after?.updateTimestamp },
    schema: { ...before?.schema, name: 'other', dbName: 'd' },
  });
  const found = handlers.describeCollection(ref('other', 'd'), context);
  expect(await cluster.world.runUntil(found)).toMatchObject({
    collection: { id: before?.id },
  });
  await expect(cluster.world.runUntil(handlers.describeCollection(ref('c'), context))).rejects.toMatchObject({
    key: 'collection_not_found',
  });
  // The old name is free at once, and the database is not empty.
  await create();
  await expect(cluster.world.runUntil(handlers.dropDatabase(D, context))).rejects.toMatchObject({
    key: 'refused',
  });
});

it('a crash leaves the old name or the new one, and the next start knows it', async () => {
  for (const kept of [false, true]) {
    const world = await openOne();
    await world.create();
    const { metaStore } = world.cluster;
    const { transact } = metaStore;
    metaStore.transact = async (...args) => {
      if (kept) await transact.apply(metaStore, args);
      throw new Error('killed');
    };
    await world.outcomes(world.rename('c', 'd'));
    metaStore.transact = transact;
    const again = await openOne(world.cluster);
    const name = kept ? 'd' : 'c';
    expect(await again.names()).toEqual([`default.${name}`]);
    expect((await again.describe(name)).collection?.id).toBe((await world.records())[0]?.id);
    await again.drop(name);
    expect(await again.names()).toEqual([]);
  }
});

const rivals: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  'a create of the new name': ({ handlers }) =>
    handlers.createCollection(createRequest({ collectionName: 'x', shardsNum: 1 }), context),
  'a rename to the new name': ({ rename }) => rename('other', 'x'),
  'an alias of the new name': ({ handlers, ref }) =>
    handlers.createAlias({ collection: ref('other'), alias: 'x' }, context),
};
it.each(Object.keys(rivals))('%s at the same time: one of them gets it', async (rival) => {
  for (let apart = -24; apart < 24; apart++) {
    const world = await openOne();
    await world.create();
    await world.create({ collectionName: 'other' });
    const calls = [() => world.rename('c', 'x'), () => (rivals[rival] ?? world.create)(world)];
    if (apart < 0) calls.reverse();
    const under: Promise<unknown>[] = [];
    for (const call of calls) {
      under.push(call());
      await turns(Math.abs(apart));
    }
    expect((await world.outcomes(...under)).filter((end) => end === 'done')).toHaveLength(1);
    const records = await world.records();
    const meanX = records.flatMap(({ schema, aliases, state }) =>
      state === 'created' ? [schema?.name, ...aliases].filter((name) => name === 'x') : [],
    );
    expect(meanX).toHaveLength(1);
  }
});

it('a drop of the new database at the same time: the database stays, or the collection stays where it was', async () => {
  for (let apart = -24; apart < 24; apart++) {
    const world = await openOne();
    await world.create();
    const { handlers, cluster } = world;
    await cluster.world.runUntil(handlers.createDatabase(D, context));
    const calls = [() => world.rename('c', 'c', 'd'), () => handlers.dropDatabase(D, context)];
    if (apart < 0) calls.reverse();
    const under: Promise<unknown>[] = [];
    for (const call of calls) {
      // A database that is gone is noticed before anything is asked.
      under.push(Promise.resolve().then(call));
      await turns(Math.abs(apart));
    }
    await world.outcomes(...under);
    const databases = await cluster.world.runUntil(handlers.listDatabases({}, context));
    const [name = ''] = await world.names();
    expect(databases.databases?.map((one) => one.name)).toContain(name.split('.')[0]);
  }
});

it('changes by id and by the old name at the same time are of the same record, and none is lost', async () => {
  for (let apart = 0; apart < 24; apart++) {
    const world = await openOne();
    await world.create();
    const { handlers, ref } = world;
    const id = (await world.records())[0]?.id ?? 0n;
    const partition = (name: string, by: bigint) =>
      handlers.createPartition({ collection: { ...ref('c'), id: by }, partition: name }, context);
    const first = world.rename('c', 'x');
    await turns(apart);
    const ends = await world.outcomes(
      ...[first, partition('p0', id), partition('p1', 0n), partition('p2', id)],
      handlers.createAlias({ collection: ref('x'), alias: 'y' }, context),
    );
    const [record] = await world.records();
    expect(record?.schema?.name).toBe('x');
    const made = record?.partitions.map(({ name }) => name) ?? [];
    expect(made).toEqual(expect.arrayContaining(['p0', 'p2']));
    expect(made.includes('p1')).toBe(ends[2] === 'done');
    expect(record?.aliases).toEqual(ends[4] === 'done' ? ['y'] : []);
  }
});
