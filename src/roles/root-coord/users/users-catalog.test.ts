// Users and grants beside definitions: what is dropped or renamed takes its grants along in the same transaction, also where the process dies
// between any two of them, and no change overtakes another.
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { UsersRecord } from '#proto/elanus/data.js';
import type { UsersChange } from '#proto/elanus/roles.js';
import { context, openRootCoord } from '../../../../test/support/root-coord.js';

type Change = NonNullable<UsersChange['change']>;
const grantOn = (objectName: string, database = 'default'): Change => ({
  $case: 'changeGrant',
  value: {
    role: 'r',
    grant: { objectType: 'Collection', objectName, database, privilege: 'Search', grantor: 'root' },
    revoke: false,
  },
});

async function openWorld(cluster?: Parameters<typeof openRootCoord>[0]) {
  const world = await openRootCoord(cluster);
  const users = world.rootCoord.usersHandlers;
  const run = <T>(call: Promise<T>): Promise<T> => world.cluster.world.runUntil(call);
  return {
    ...world,
    run,
    change: (change: Change) => run(users.changeUsers({ change }, context)),
    read: (knownVersion = -1n) => run(users.readUsers({ knownVersion }, context)),
    /** As the store has it, whatever memory says. */
    async granted(): Promise<string[]> {
      const [entry] = await world.cluster.metaStore.range('root-coord/users/');
      const record = UsersRecord.decode(must(entry, 'record').value);
      const role = must(
        record.roles.find(({ name }) => name === 'r'),
        'role r',
      );
      return role.grants.map(({ database, objectName }) => `${database}.${objectName}`);
    },
  };
}

const withRole = async (
  world: Awaited<ReturnType<typeof openWorld>>,
  ...names: readonly string[]
): Promise<void> => {
  await world.change({ $case: 'createRole', value: { name: 'r', description: '' } });
  for (const name of names) await world.change(grantOn(name));
};

it('has no record until something is changed, and gives it to who does not know it', async () => {
  const world = await openWorld();
  expect(await world.cluster.metaStore.range('root-coord/users/')).toEqual([]);
  expect(await world.read()).toMatchObject({ version: 0n, record: { users: [{ name: 'root' }] } });
  expect(await world.read(0n)).toEqual({ version: 0n });
  await withRole(world);
  const { version, record } = await world.read(0n);
  expect(version).toBeGreaterThan(0n);
  expect(record?.roles?.map((role) => role.name)).toEqual(['admin', 'public', 'r']);
  // Another life of the process has the same version for the same record.
  const next = await openWorld(world.cluster);
  expect(await next.read(version)).toEqual({ version });
});

it('a drop takes the grants that name the collection along, and no others', async () => {
  const world = await openWorld();
  await world.create({ collectionName: 'a' });
  await world.create({ collectionName: 'b' });
  await withRole(world, 'a', 'b', '*', 'later');
  await world.drop('a');
  expect(await world.granted()).toEqual(['default.b', 'default.*', 'default.later']);
  // The next of that name begins without.
  await world.create({ collectionName: 'a' });
  expect(await world.granted()).not.toContain('default.a');
  // What never was whole took nothing: grants to a name wait for who makes it.
  world.peers.failures.set('watchChannels', () => Promise.reject(new Error('down')));
  await expect(world.create({ collectionName: 'later' })).rejects.toThrow();
  expect(await world.granted()).toContain('default.later');
});

it('grants follow a collection to its new name, and databases take theirs along', async () => {
  const world = await openWorld();
  const { handlers, run } = world;
  await run(handlers.createDatabase({ id: 0n, name: 'd', createdTimestamp: 0n, properties: {} }, context));
  await world.create({ collectionName: 'a' });
  await withRole(world, 'a');
  await world.change(grantOn('*', 'd'));
  const collection = { database: '', name: 'a', id: 0n };
  await run(handlers.renameCollection({ collection, newDatabase: 'd', newName: 'n' }, context));
  expect(await world.granted()).toEqual(['d.n', 'd.*']);
  await run(handlers.dropCollection({ database: 'd', name: 'n', id: 0n }, context));
  expect(await world.granted()).toEqual(['d.*']);
  await run(handlers.dropDatabase({ id: 0n, name: 'd', createdTimestamp: 0n, properties: {} }, context));
  expect(await world.granted()).toEqual([]);
});

describe('where the store fails', () => {
  it.each([1, 2, 3])(
    'at transaction %i of a drop: collection and grant are both there, or both are not',
    async (nth) => {
      const world = await openWorld();
      await world.create({ collectionName: 'a' });
      await withRole(world, 'a');
      const { metaStore } = world.cluster;
      const transact = metaStore.transact.bind(metaStore);
      let count = 0;
      metaStore.transact = (...from) => {
        count++;
        // The process is gone from the nth on, and nobody hears of it.
        return count >= nth ? new Promise(() => {}) : transact(...from);
      };
      void world.rootCoord.definitionHandlers.dropCollection({ database: '', name: 'a', id: 0n }, context);
      await world.run(world.cluster.world.timers.sleep(1000));
      metaStore.transact = transact;
      const records = await world.records();
      const isThere = records.some(({ state, schema }) => state === 'created' && schema?.name === 'a');
      expect((await world.granted()).includes('default.a')).toBe(isThere);
      expect(isThere).toBe(nth === 1);
    },
  );
});

it('changes that come together are all made', async () => {
  const world = await openWorld();
  await withRole(world);
  const names = Array.from({ length: 20 }, (_, at) => `c${at}`);
  await world.create({ collectionName: 'c0' });
  const { usersHandlers, definitionHandlers } = world.rootCoord;
  await world.run(
    Promise.all([
      ...names.map((name) => usersHandlers.changeUsers({ change: grantOn(name) }, context)),
      definitionHandlers.dropCollection({ database: '', name: 'c0', id: 0n }, context),
    ]),
  );
  const granted = await world.granted();
  expect(granted.filter((name) => name !== 'default.c0')).toEqual(
    names.slice(1).map((name) => `default.${name}`),
  );
});
