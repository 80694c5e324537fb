// Shards that serve what nobody loaded let go of it, and a release of what is served nowhere waits for nobody.
import { expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { Leftovers, type LeftoversParts } from './leftovers.js';

function shards(served: Set<bigint>, loaded: ReadonlySet<bigint> = new Set()) {
  const cluster = simulatedCluster(1);
  const state = { fails: 0, isDead: false };
  const answered = async (): Promise<void> => {
    if (state.isDead) await deferred<void>().promise;
    if (state.fails-- > 0) throw new ElanusError('service_unavailable', 'not now');
  };
  const leftovers = new Leftovers({
    platform: openMemoryPlatform({ cluster, host: 'qc' }),
    peers: {
      nodes: { isAway: () => false },
      channelRegistry: {
        listSegments: async ({ collectionId }: { readonly collectionId: bigint }) => ({
          channels: [{ vchannel: String(collectionId) }],
        }),
      },
      streamingNode: {
        servedCollections: () => answered().then(() => ({ collectionIds: [...served] })),
        releaseTarget: ({ vchannel }: { readonly vchannel: string }) =>
          answered().then(() => served.delete(BigInt(vchannel))),
      },
    } as unknown as LeftoversParts['peers'],
    isLoaded: (id) => loaded.has(id),
    betweenRounds: (_, task) => task(),
  });
  return { leftovers, state, advance: (ms: number) => cluster.world.advance(ms) };
}

test('a look releases what is not loaded, and comes again until it has', async () => {
  const served = new Set([1n, 2n, 3n]);
  const { leftovers, state, advance } = shards(served, new Set([2n]));
  state.fails = 2;
  leftovers.look();
  await advance(900);
  expect([...served]).toEqual([1n, 2n, 3n]);
  await advance(5000);
  expect([...served]).toEqual([2n]);
});

test('a release of what is not loaded asks the shards until it is known that none serves it, and again when one failed since', async () => {
  const served = new Set([1n]);
  const { leftovers, state, advance } = shards(served);
  state.fails = 1;
  await expect(leftovers.finish(1n)).rejects.toMatchObject({ key: 'service_unavailable' });
  await advance(100);
  expect([...served]).toEqual([]);
  state.isDead = true;
  await leftovers.finish(1n);
  state.isDead = false;
  served.add(5n);
  state.fails = 1;
  await expect(leftovers.release(5n)).rejects.toMatchObject({ key: 'service_unavailable' });
  await leftovers.finish(5n);
  expect([...served]).toEqual([]);
});
