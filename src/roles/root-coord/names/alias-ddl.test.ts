// Aliases among changes that go on at the same time: a name never means two collections, and no change of a record is lost.
import { expect, it } from 'vitest';
import { context, createRequest, openRootCoord } from '../../../../test/support/root-coord.js';

async function openTwo() {
  const world = await openRootCoord();
  await world.create({ collectionName: 'a' });
  await world.create({ collectionName: 'b' });
  const { handlers, cluster } = world;
  const named = (name: string, alias: string) => ({ collection: { database: '', name, id: 0n }, alias });
  return {
    ...world,
    createAlias: (name: string, alias: string) => handlers.createAlias(named(name, alias), context),
    alterAlias: (name: string, alias: string) => handlers.alterAlias(named(name, alias), context),
    createPartition: (name: string, partition: string) =>
      handlers.createPartition({ collection: { database: '', name, id: 0n }, partition }, context),
    /** All side by side; the keys of those that failed. */
    async outcomes(...calls: readonly Promise<unknown>[]): Promise<string[]> {
      const settled = await cluster.world.runUntil(Promise.allSettled(calls));
      return settled.map((one) => (one.status === 'fulfilled' ? 'done' : String(one.reason.key)));
    },
    async owners(alias: string): Promise<string[]> {
      const records = await world.records();
      return records.filter(({ aliases }) => aliases.includes(alias)).map(({ schema }) => schema?.name ?? '');
    },
  };
}

it.each(Array.from({ length: 40 }, (_, turns) => turns - 20))(
  'an alias and a collection of one name, %i turns apart: one of them',
  async (turns) => {
    const { handlers, createAlias, outcomes, records, owners } = await openTwo();
    const calls = [
      () => createAlias('a', 'x'),
      () => handlers.createCollection(createRequest({ collectionName: 'x' }), context),
    ];
    if (turns < 0) calls.reverse();
    const under = [];
    for (const call of calls) {
      under.push(call());
      for (let turn = 0; turn < Math.abs(turns); turn++) await Promise.resolve();
    }
    expect((await outcomes(...under)).toSorted()).toEqual(['alias_clash', 'done']);
    const named = (await records()).filter(
      ({ schema, state }) => schema?.name === 'x' && state === 'created',
    );
    expect(named.length + (await owners('x')).length).toBe(1);
  },
);

it('one alias for two collections at the same time: the second is refused', async () => {
  const { createAlias, outcomes, owners } = await openTwo();
  expect((await outcomes(createAlias('a', 'x'), createAlias('b', 'x'))).toSorted()).toEqual([
    'alias_exists',
    'done',
  ]);
  expect(await owners('x')).toHaveLength(1);
});

it.each(Array.from({ length: 20 }, (_, turns) => turns))(
  'changes through an alias that has been moving for %i turns: none of either collection is lost',
  async (turns) => {
    const { cluster, createAlias, alterAlias, createPartition, outcomes, owners, records } = await openTwo();
    await cluster.world.runUntil(createAlias('a', 'x'));
    const moving = alterAlias('b', 'x');
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    const calls = [
      // This one reads the record well before it writes it, the next does both at once.
      createPartition('x', 'p0'),
      createAlias('b', 'y'),
      createPartition('a', 'p1'),
      createPartition('x', 'p2'),
      createAlias('b', 'z'),
    ];
    expect(new Set(await outcomes(moving, ...calls))).toEqual(new Set(['done']));
    for (const alias of ['x', 'y', 'z']) expect(await owners(alias)).toEqual(['b']);
    const partitions = (await records()).flatMap((record) => record.partitions.map(({ name }) => name));
    expect(partitions.filter((name) => name !== '_default').toSorted()).toEqual(['p0', 'p1', 'p2']);
  },
);

it('a move that the store refuses leaves the alias where it was', async () => {
  const { cluster, createAlias, alterAlias, owners, handlers } = await openTwo();
  await cluster.world.runUntil(createAlias('a', 'x'));
  const { transact } = cluster.metaStore;
  cluster.metaStore.transact = () => Promise.reject(new Error('no disk'));
  await expect(cluster.world.runUntil(alterAlias('b', 'x'))).rejects.toThrow('no disk');
  cluster.metaStore.transact = transact;
  expect(await owners('x')).toEqual(['a']);
  const described = handlers.describeCollection({ database: '', name: 'x', id: 0n }, context);
  expect((await cluster.world.runUntil(described)).collection?.schema?.name).toBe('a');
});
