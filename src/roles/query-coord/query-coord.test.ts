// QueryCoord with fakes around it: what is loaded outlives a crash, and every shard is notified again until it has taken it.
import { describe, expect, it } from 'vitest';
import { ElanusError, type ErrorKey } from '#base/errors.js';
import {
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
  type SyncTargetRequest,
} from '#proto/elanus/roles.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { anyNodes } from '../../../test/support/role-nodes.js';
import { QueryCoord } from './query-coord.js';

const COLLECTION = 7n;
/** Longer than any test below but one. */
const CHECK_MS = 3_600_000;
async function start(cluster: SimulatedCluster, checkMs = CHECK_MS, served: bigint[] = []) {
  const platform = openMemoryPlatform({ cluster, host: 'qc' });
  const state = {
    partitions: [70n, 71n],
    exists: true,
    failures: 0,
    failure: 'channel_not_available' as ErrorKey,
    targets: new Map<string, SyncTargetRequest>(),
    syncs: 0,
    /** What a shard takes to serve its target. */
    syncMs: 0,
    released: [] as string[],
    releaseFailures: 0,
    /** Server ids of the query-nodes that are known. */
    nodes: [501n] as bigint[],
    /** Runs while a release, or a round, looks segments up. */
    during: undefined as (() => void) | undefined,
  };
  function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  let time = BigInt(cluster.world.now) << 18n;
  const segments = [
    { id: 1n, vchannel: 'a', partitionId: 70n },
    { id: 2n, vchannel: 'b', partitionId: 71n },
    { id: 3n, vchannel: 'a', partitionId: -1n, isLevelZero: true },
  ];
  const queryCoord = await QueryCoord.open(
    platform,
    { targetCheckIntervalMs: checkMs },
    {
      nodes: {
        ...anyNodes,
        of: () => state.nodes.map((serverId) => ({ serverId, address: undefined, epoch: 1 })),
      },
      rootCoord: client(RootCoordDefinition, { allocTimestamp: async () => ({ timestamp: ++time }) }),
      definitions: client(DefinitionsDefinition, {
        definitionRevisions: async () => ({ revisions: [3n] }),
        describeCollection: async () => {
          if (!state.exists) throw new ElanusError('collection_not_found', 'gone');
          return {
            collection: {
              id: COLLECTION,
              schema: { name: 'c' },
              vchannels: ['a', 'b'],
              partitions: state.partitions.map((id) => ({ id })),
            },
          };
        },
      }),
      channelRegistry: client(ChannelRegistryDefinition, {
        dataRevisions: async () => ({ collections: [{ revision: 5n, segments: 3, channels: 2 }] }),
        listSegments: async () => {
          state.during?.();
          return { segments, channels: ['a', 'b'].map((vchannel) => ({ vchannel, ownerServerId: 9n })) };
        },
      }),
      queryNode: client(QueryNodeDefinition, {
        memoryState: async () => ({ usedBytes: 0n, limitBytes: 1n << 40n }),
      }),
      streamingNode: client(StreamingNodeDefinition, {
        syncTarget: async (request) => {
          if (state.syncMs > 0) await platform.timers.sleep(state.syncMs);
          state.syncs++;
          if (state.failures > 0) {
            state.failures--;
            throw new ElanusError(state.failure, 'not yet');
          }
          state.targets.set(request.vchannel, request);
          return {};
        },
        settledTargets: async ({ vchannels }) => ({
          versions: vchannels.map((vchannel) => state.targets.get(vchannel)?.version ?? 0n),
        }),
        servedCollections: async () => ({ collectionIds: served }),
        releaseTarget: async ({ vchannel }) => {
          if (state.releaseFailures-- > 0) throw new ElanusError('channel_not_available', 'not now');
          state.released.push(vchannel);
          return {};
        },
      }),
    },
  );
  queryCoord.start();
  return {
    cluster,
    platform,
    queryCoord,
    state,
    run: <T>(call: Promise<T>) => cluster.world.runUntil(call),
    calls: client(QueryCoordDefinition, queryCoord.handlers),
  };
}

type Running = Awaited<ReturnType<typeof start>>;
const served = ({ state }: Running) =>
  Object.fromEntries(
    [...state.targets].map(([vchannel, target]) => [
      vchannel,
      target.segments.map(({ segment }) => segment?.id),
    ]),
  );

describe('query-coord', () => {
  it('sends each shard its own sealed segments and all its deletes', async () => {
    const running = await start(simulatedCluster(2));
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
    expect(served(running)).toEqual({ a: [1n], b: [2n] });
    expect(running.state.targets.get('a')?.deleteSegments.map(({ id }) => id)).toEqual([3n]);
    expect(running.state.targets.get('a')?.partitionIds).toEqual([70n, 71n]);
    expect(await running.run(running.calls.loadState({ collectionId: COLLECTION }))).toMatchObject({
      known: true,
      progress: 100,
    });
    expect(await running.run(running.calls.loadState({ collectionId: 8n }))).toMatchObject({ known: false });
    expect(
      (await running.run(running.calls.loadProgress({ collectionIds: [8n, COLLECTION, 9n] }))).percent,
    ).toEqual([-1, 100, -1]);
  });
  it('the first round is proof enough for later looks: of a load, a notice and a start', async () => {
    const first = await start(simulatedCluster(2), 10_000);
    const syncsAfter = async ({ cluster, state }: Running): Promise<number> => {
      await cluster.world.advance(60_000);
      return state.syncs;
    };
    await first.run(first.calls.loadCollection({ collectionId: COLLECTION }));
    expect(await syncsAfter(first)).toBe(2);
    await first.run(first.calls.segmentsChanged({ collectionId: COLLECTION }));
    expect(await syncsAfter(first)).toBe(4);
    first.platform.crash();
    expect(await syncsAfter(await start(first.cluster, 10_000))).toBe(2);
  });
  it('a small load is done when it is answered, a large one is answered soon', async () => {
    const progressAfter = async (syncMs: number): Promise<readonly [number | undefined, boolean]> => {
      const running = await start(simulatedCluster(2));
      running.state.syncMs = syncMs;
      const before = running.cluster.world.now;
      await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
      const isSoon = running.cluster.world.now - before < 200;
      const { progress } = await running.run(running.calls.loadState({ collectionId: COLLECTION }));
      return [progress, isSoon];
    };
    expect(await progressAfter(40)).toEqual([100, true]);
    expect(await progressAfter(5000)).toEqual([0, true]);
  });
  it('says which node a segment goes to, and where everything is', async () => {
    const running = await start(simulatedCluster(2));
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
    expect(running.state.targets.get('a')?.segments.map(({ nodeId }) => nodeId)).toEqual([501n]);
    const { channels } = await running.run(running.calls.loadState({ collectionId: COLLECTION }));
    expect(channels).toEqual([
      { vchannel: 'a', leaderId: 9n, nodeIds: [501n] },
      { vchannel: 'b', leaderId: 9n, nodeIds: [501n] },
    ]);
    // Another process runs the role now.
    running.state.nodes = [502n];
    await running.run(running.calls.segmentsChanged({ collectionId: COLLECTION, untilServed: true }));
    expect(running.state.targets.get('a')?.segments.map(({ nodeId }) => nodeId)).toEqual([502n]);
  });
  it('asks again until every shard has taken it, with growing pauses', async () => {
    const running = await start(simulatedCluster(2));
    running.state.failures = 4;
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
    await running.cluster.world.advance(5000);
    expect(served(running)).toEqual({ a: [1n], b: [2n] });
    const { syncs } = running.state;
    await running.cluster.world.advance(60_000);
    expect(running.state.syncs).toBe(syncs);
    expect(syncs).toBe(6);
  });
  it('warns of a failure that lasts or that no retry mends, not of an everyday race', async () => {
    const running = await start(simulatedCluster(2));
    const levels = () =>
      running.platform.logger.records
        .filter(({ event }) => event === 'load_round_failed')
        .map(({ level }) => level);
    running.state.failures = 10;
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
    await running.cluster.world.advance(60_000);
    // 20 ms doubled to 2.56 s, then 3 s.
    expect(levels()).toEqual([...Array.from({ length: 8 }, () => 'debug'), 'warn', 'warn']);
    running.state.failures = 1;
    running.state.failure = 'data_corrupt';
    await running.run(running.calls.segmentsChanged({ collectionId: COLLECTION }));
    await running.cluster.world.advance(1000);
    expect(levels().slice(10)).toEqual(['warn']);
  });
  it('loads again after a crash what was loaded before', async () => {
    const first = await start(simulatedCluster(2));
    await first.run(first.calls.loadCollection({ collectionId: COLLECTION, partitionIds: [71n] }));
    first.platform.crash();
    const second = await start(first.cluster);
    await second.cluster.world.advance(100);
    expect(served(second)).toEqual({ a: [], b: [2n] });
    expect(
      await second.run(second.calls.loadState({ collectionId: COLLECTION, partitionIds: [71n] })),
    ).toMatchObject({
      known: true,
      partitionIds: [71n],
    });
    expect(
      await second.run(second.calls.loadState({ collectionId: COLLECTION, partitionIds: [70n] })),
    ).toMatchObject({ known: false });
  });
  it('adds partitions to those loaded, and a release takes them away for good', async () => {
    const running = await start(simulatedCluster(2));
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION, partitionIds: [71n] }));
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION, partitionIds: [70n] }));
    expect(served(running)).toEqual({ a: [1n], b: [2n] });
    await running.run(running.calls.releaseCollection({ collectionId: COLLECTION, partitionIds: [71n] }));
    await running.cluster.world.advance(100);
    expect(served(running)).toEqual({ a: [1n], b: [] });
    await running.run(running.calls.releaseCollection({ collectionId: COLLECTION }));
    expect(running.state.released).toEqual(['a', 'b']);
    running.platform.crash();
    const again = await start(running.cluster);
    await again.cluster.world.advance(1000);
    expect(again.state.syncs).toBe(0);
  });
  it('forgets a collection that is gone, and stops asking', async () => {
    const running = await start(simulatedCluster(2));
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
    running.state.exists = false;
    await running.run(running.calls.segmentsChanged({ collectionId: COLLECTION }));
    await running.cluster.world.advance(10_000);
    expect(await running.run(running.calls.loadState({ collectionId: COLLECTION }))).toMatchObject({
      known: false,
    });
    expect(await running.cluster.metaStore.range('querycoord-')).toEqual([]);
  });
  it('a notice about what is not loaded does nothing; close ends the rounds', async () => {
    const running = await start(simulatedCluster(2));
    await running.run(running.calls.segmentsChanged({ collectionId: COLLECTION }));
    expect(running.state.syncs).toBe(0);
    running.state.failures = 1000;
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
    await running.queryCoord.close();
    const { syncs } = running.state;
    await running.cluster.world.advance(60_000);
    expect(running.state.syncs).toBe(syncs);
  });
  it('looks at every loaded collection from time to time: a shard that has forgotten is notified again', async () => {
    const running = await start(simulatedCluster(2));
    await running.run(running.calls.loadCollection({ collectionId: COLLECTION }));
    running.state.targets.clear();
    await running.cluster.world.advance(CHECK_MS + 1000);
    expect(served(running)).toEqual({ a: [1n], b: [2n] });
  });
  it('refuses more replicas than there are nodes', async () => {
    const running = await start(simulatedCluster(2));
    await expect(
      running.run(running.calls.loadCollection({ collectionId: COLLECTION, replicaNumber: 2 })),
    ).rejects.toMatchObject({
      key: 'invalid_parameter',
    });
  });
});

describe('segments that a client moves', () => {
  const places = ({ state }: Running) =>
    Object.fromEntries(
      [...state.targets.values()].flatMap(({ segments }) =>
        segments.map(({ segment, nodeId }) => [String(segment?.id), nodeId]),
      ),
    );
  const away = { collectionId: COLLECTION, sourceNodeId: 501n, targetNodeIds: [502n], segmentIds: [1n, 2n] };

  it('are where they were wanted when the wish comes again, also to a coordinator that has just begun', async () => {
    const cluster = simulatedCluster(2);
    const first = await start(cluster);
    first.state.nodes = [501n, 502n];
    await first.run(first.calls.loadCollection({ collectionId: COLLECTION }));
    for (const _ of [1, 2]) {
      await first.run(first.calls.moveSegments(away));
      expect(places(first)).toEqual({ 1: 502n, 2: 502n });
    }
    first.platform.crash();
    const next = await start(cluster);
    next.state.nodes = [501n, 502n];
    // It was asked before its first round.
    await next.run(next.calls.moveSegments(away));
    expect(places(next)).toEqual({ 1: 502n, 2: 502n });
  });
  it('are refused when neither the source nor a target serves them', async () => {
    const { calls, run, state } = await start(simulatedCluster(2));
    state.nodes = [501n, 502n];
    await run(calls.loadCollection({ collectionId: COLLECTION }));
    await expect(run(calls.moveSegments({ ...away, segmentIds: [1n, 9n] }))).rejects.toMatchObject({
      key: 'segment_not_found',
      message: expect.stringContaining('segment=9'),
    });
  });
});

describe('a load and a release at once', () => {
  it.each([
    ['another partition', [70n], [71n], [71n]],
    ['all partitions', [70n], [], []],
  ])('%s, loaded while one is released, stays', async (_, released, loaded, wanted) => {
    const { calls, run, state, cluster } = await start(simulatedCluster(3));
    await run(calls.loadCollection({ collectionId: COLLECTION, partitionIds: [70n] }));
    await cluster.world.advance(100);
    const late: Promise<unknown>[] = [];
    state.during = () => {
      state.during = undefined;
      late.push(calls.loadCollection({ collectionId: COLLECTION, partitionIds: loaded }));
    };
    const releasing = calls.releaseCollection({ collectionId: COLLECTION, partitionIds: released });
    await run(releasing);
    await run(Promise.all(late));
    await cluster.world.advance(100);
    expect(await run(calls.loadState({ collectionId: COLLECTION }))).toMatchObject({
      known: true,
      progress: 100,
      partitionIds: wanted,
    });
    expect([...state.targets.values()].map(({ partitionIds }) => partitionIds)).toEqual(
      Array.from({ length: 2 }, () => (wanted.length === 0 ? [70n, 71n] : wanted)),
    );
  });
  it('two processes on one store: the second change is decided on what the first left', async () => {
    const cluster = simulatedCluster(3);
    const first = await start(cluster);
    const second = await start(cluster);
    await first.run(first.calls.loadCollection({ collectionId: COLLECTION, partitionIds: [70n] }));
    await second.run(second.calls.loadCollection({ collectionId: COLLECTION, partitionIds: [71n] }));
    const third = await start(cluster);
    expect(
      (await third.run(third.calls.loadState({ collectionId: COLLECTION }))).partitionIds.sort(),
    ).toEqual([70n, 71n]);
  });
  it('a release whose process dies, or whose shards do not answer, before they have heard of it is finished when it comes again', async () => {
    const first = await start(simulatedCluster(3));
    await first.run(first.calls.loadCollection({ collectionId: COLLECTION }));
    first.state.releaseFailures = 1;
    await expect(first.run(first.calls.releaseCollection({ collectionId: COLLECTION }))).rejects.toThrow(
      'not now',
    );
    expect(await first.cluster.metaStore.range('querycoord-collection-loadinfo/')).toEqual([]);
    first.platform.crash();
    const next = await start(first.cluster);
    await next.run(next.calls.releaseCollection({ collectionId: COLLECTION }));
    expect([first.state.released, next.state.released]).toEqual([[], ['a', 'b']]);
  });
  it('a release that nobody asks for again is finished by the next process, or in the same life', async () => {
    const { calls, run, state, platform, cluster } = await start(simulatedCluster(3), CHECK_MS, [COLLECTION]);
    await cluster.world.advance(100);
    expect(state.released.splice(0)).toEqual(['a', 'b']);
    await run(calls.loadCollection({ collectionId: COLLECTION }));
    state.releaseFailures = 2;
    await expect(run(calls.releaseCollection({ collectionId: COLLECTION }))).rejects.toThrow('not now');
    await cluster.world.advance(5000);
    expect(state.released).toEqual(['a', 'b']);
    await run(calls.loadCollection({ collectionId: COLLECTION }));
    platform.crash();
    const next = await start(cluster, CHECK_MS, [COLLECTION]);
    await cluster.world.advance(5000);
    expect(next.state.released).toEqual([]);
  });
  it('until served: answers when the round after the call is over, or says why it is not', async () => {
    const { calls, run, state, cluster } = await start(simulatedCluster(3));
    await run(calls.segmentsChanged({ collectionId: COLLECTION, untilServed: true }));
    expect(state.syncs).toBe(0);
    await run(calls.loadCollection({ collectionId: COLLECTION }));
    await cluster.world.advance(100);
    const before = state.syncs;
    await run(calls.segmentsChanged({ collectionId: COLLECTION, untilServed: true }));
    expect(state.syncs).toBe(before + 2);
    state.failures = 1;
    await expect(
      run(calls.segmentsChanged({ collectionId: COLLECTION, untilServed: true })),
    ).rejects.toMatchObject({
      key: 'collection_not_fully_loaded',
    });
  });
});
