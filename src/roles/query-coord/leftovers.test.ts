// Shards that serve what nobody loaded let go of it, and a release of what is served nowhere waits for nobody.
import { expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { ChannelRegistryDefinition, StreamingNodeDefinition } from '#proto/elanus/roles.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { anyNodes } from '../../../test/support/role-nodes.js';
import { Leftovers } from './leftovers.js';

function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
  return inProcessClient(definition, handlers as Handlers<D>);
}

/** @param served collections, each with the version of its target */
function shards(served: Map<bigint, bigint>, loaded: ReadonlySet<bigint> = new Set()) {
  const cluster = simulatedCluster(1);
  const state = { fails: 0, isDead: false, time: 100n, isReplaced: false, asked: [] as bigint[] };
  const answered = async (): Promise<void> => {
    if (state.isDead) await deferred<void>().promise;
    if (state.fails-- > 0) throw new ElanusError('service_unavailable', 'not now');
  };
  const leftovers = new Leftovers({
    platform: openMemoryPlatform({ cluster, host: 'qc' }),
    peers: {
      nodes: anyNodes,
      rootCoord: client(RootCoordDefinition, {
        allocTimestamp: async () => ({ timestamp: ++state.time }),
      }),
      channelRegistry: client(ChannelRegistryDefinition, {
        listSegments: async ({ collectionId }) => ({ channels: [{ vchannel: String(collectionId) }] }),
      }),
      streamingNode: client(StreamingNodeDefinition, {
        servedCollections: () => answered().then(() => ({ collectionIds: [...served.keys()] })),
        releaseTarget: async ({ vchannel, version }) => {
          await answered();
          if (version < (served.get(BigInt(vchannel)) ?? 0n))
            throw new ElanusError('target_outdated', 'newer');
          served.delete(BigInt(vchannel));
          return {};
        },
      }),
    },
    isLoaded: async (id) => {
      state.asked.push(state.time);
      if (state.isReplaced) throw new ElanusError('service_not_ready', 'another process has taken over');
      return loaded.has(id);
    },
    betweenRounds: (_, task) => task(),
  });
  return { leftovers, state, advance: (ms: number) => cluster.world.advance(ms) };
}

test('a look releases what is not loaded, and comes again until it has', async () => {
  const served = new Map([1n, 2n, 3n].map((id) => [id, 50n]));
  const { leftovers, state, advance } = shards(served, new Set([2n]));
  state.fails = 2;
  leftovers.look();
  await advance(900);
  expect([...served.keys()]).toEqual([1n, 2n, 3n]);
  await advance(5000);
  expect([...served.keys()]).toEqual([2n]);
  leftovers.close();
});

test('a release of what is not loaded asks the shards until it is known that none serves it, and again when one failed since', async () => {
  const served = new Map([[1n, 50n]]);
  const { leftovers, state, advance } = shards(served);
  state.fails = 1;
  await expect(leftovers.finish(1n)).rejects.toMatchObject({ key: 'service_unavailable' });
  await advance(100);
  expect([...served.keys()]).toEqual([]);
  state.isDead = true;
  expect(await leftovers.finish(1n)).toBe(true);
  state.isDead = false;
  served.set(5n, 50n);
  state.fails = 1;
  await expect(leftovers.release(5n, 60n)).rejects.toMatchObject({ key: 'service_unavailable' });
  await leftovers.finish(5n);
  expect([...served.keys()]).toEqual([]);
});

test('before each try it is read that nothing is loaded, after the time that the release carries', async () => {
  const served = new Map([[1n, 50n]]);
  const { leftovers, state, advance } = shards(served);
  state.fails = 3;
  leftovers.look();
  await advance(10_000);
  expect([...served.keys()]).toEqual([]);
  expect(state.asked).toEqual([101n]);
  expect(await shards(served, new Set([7n])).leftovers.finish(7n)).toBe(false);
});

test('a coordinator that was replaced releases nothing of what its successor has loaded', async () => {
  const served = new Map([[1n, 500n]]);
  const { leftovers, state, advance } = shards(served);
  // It has not heard of it yet: the version is older than the target.
  await expect(leftovers.finish(1n)).rejects.toMatchObject({ key: 'target_outdated' });
  state.isReplaced = true;
  state.time = 1000n;
  await expect(leftovers.finish(1n)).rejects.toMatchObject({ key: 'service_not_ready' });
  await expect(leftovers.release(1n, 60n)).rejects.toMatchObject({ key: 'service_not_ready' });
  await advance(5000);
  expect([...served.keys()]).toEqual([1n]);
  leftovers.close();
});
