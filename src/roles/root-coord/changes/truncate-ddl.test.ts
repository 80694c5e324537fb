// A truncate among crashes and other changes: all partitions are new or none is, and what is left of the old ones goes in the end.
import { expect, it } from 'vitest';
import { context, openRootCoord, unavailable } from '../../../../test/support/root-coord.js';

const ref = { database: '', name: 'c', id: 0n };

async function openOne(cluster?: Parameters<typeof openRootCoord>[0]) {
  const world = await openRootCoord(cluster);
  const { handlers } = world;
  const run = <T>(call: Promise<T>): Promise<T> => world.cluster.world.runUntil(call);
  return {
    ...world,
    run,
    truncate: () => run(handlers.truncateCollection(ref, context)),
    createPartition: (partition: string) =>
      run(handlers.createPartition({ collection: ref, partition }, context)),
    async record() {
      const [record] = await world.records();
      if (record === undefined) throw new Error('no collection');
      return record;
    },
  };
}

it('gives every name a new partition, in the same order, and drops the old ones', async () => {
  const { create, createPartition, truncate, record, peers } = await openOne();
  await create();
  for (const name of ['a', 'b']) await createPartition(name);
  const before = await record();
  await truncate();
  const after = await record();
  expect(after.partitions.map(({ name }) => name)).toEqual(['_default', 'a', 'b']);
  const old = new Set(before.partitions.map(({ id }) => id));
  expect(after.partitions.some(({ id }) => old.has(id))).toBe(false);
  expect(after).toEqual({ ...before, partitions: after.partitions });
  expect(peers.seen.filter((call) => call.startsWith('dropCollectionData'))).toHaveLength(3);
});

it('killed before or after its record: all as it was, or all new; what was dropped is cleared by the next start', async () => {
  for (const kept of [false, true]) {
    const world = await openOne();
    await world.create();
    await world.createPartition('a');
    const before = await world.record();
    world.peers.failures.set('dropCollectionData', unavailable);
    const { metaStore } = world.cluster;
    const { transact } = metaStore;
    metaStore.transact = async (...args) => {
      if (kept) await transact.apply(metaStore, args);
      throw new Error('killed');
    };
    await expect(world.truncate()).rejects.toThrow('killed');
    metaStore.transact = transact;
    const crashed = await world.record();
    expect(crashed.droppingPartitions).toEqual(kept ? before.partitions : []);
    expect(crashed.partitions.every(({ id }) => before.partitions.some((one) => one.id === id))).toBe(!kept);
    const again = await openOne(world.cluster);
    expect(again.peers.seen).toEqual(
      kept ? before.partitions.map(() => `dropCollectionData ${before.id}`) : [],
    );
    expect(await again.record()).toEqual({ ...crashed, droppingPartitions: [] });
  }
});

it('while the data cannot be removed, the collection is empty and takes changes; the data goes later', async () => {
  const { create, createPartition, truncate, record, peers, cluster } = await openOne();
  await create();
  peers.failures.set('dropCollectionData', unavailable);
  await truncate();
  await createPartition('a');
  await truncate();
  expect((await record()).droppingPartitions).toHaveLength(3);
  peers.failures.delete('dropCollectionData');
  await cluster.world.advance(20_000);
  expect(await record()).toMatchObject({ droppingPartitions: [], partitions: [{}, { name: 'a' }] });
});

it('where single partitions are loaded, the new ones are loaded before they are there, and the old ones are released', async () => {
  const { create, createPartition, truncate, record, peers } = await openOne();
  await create();
  await createPartition('a');
  const [, a] = (await record()).partitions;
  peers.loaded.add(a?.id ?? 0n);
  const atLoad: unknown[] = [];
  peers.onLoad = async () => void atLoad.push((await record()).partitions.map(({ id }) => id));
  await truncate();
  const after = (await record()).partitions;
  expect(atLoad[0]).toContain(a?.id);
  expect([...peers.loaded]).toEqual([after[1]?.id]);
});
