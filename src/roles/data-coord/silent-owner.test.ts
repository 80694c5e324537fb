// A streaming-node that is given channels and never says so: the next one gets them, and at any time one node alone can commit to a channel.
import { expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { ALL_PARTITIONS } from '#model/states/segment.js';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { SERVER_ID_HEADER } from '#rpc/remote-role.js';
import {
  CHANNEL,
  COLLECTION,
  commit,
  down,
  flushedOf,
  restart,
  segment,
  start,
  watch,
} from '../../../test/support/data-coord.js';
import { anyNodes } from '../../../test/support/role-nodes.js';

const OTHER = 'by-dev-rootcoord-dml_1_7v1';

it('loses its channels to the one that comes, and its commits are refused', async () => {
  const opened: string[] = [];
  const running = await start(simulatedCluster(11), {
    streamingNode: {
      openChannel: ({ channel }) => {
        opened.push(channel?.vchannel ?? '');
        return new Promise<never>(() => {});
      },
    },
  });
  const { registry, calls, run, cluster } = running;
  const acquire = async (serverId: bigint) =>
    new Map(
      (await run(registry.acquireChannels({ serverId }))).channels.map(({ channel }) => [
        channel?.vchannel,
        channel,
      ]),
    );
  await acquire(9n);
  void calls
    .watchChannels({
      ...{ collectionID: COLLECTION, channelNames: [CHANNEL, OTHER] },
      ...{ schema: { name: 'c' }, createTimestamp: 5n },
    })
    .catch(() => undefined);
  await cluster.world.advance(5000);
  expect(opened).toContain(CHANNEL);
  const first = await acquire(9n);
  const second = await acquire(10n);
  expect([...second.keys()].sort()).toEqual([CHANNEL, OTHER].sort());
  for (const vchannel of [CHANNEL, OTHER]) {
    expect(second.get(vchannel)?.ownerServerId).toBe(10n);
    expect(second.get(vchannel)?.epoch).toBeGreaterThan(first.get(vchannel)?.epoch ?? 0n);
  }
  const epochOf = (of: typeof first): bigint => of.get(CHANNEL)?.epoch ?? 0n;
  await expect(commit(running, epochOf(first), [segment(11n)], 8n)).rejects.toMatchObject({
    key: 'channel_moved',
  });
  await commit(running, epochOf(second), [segment(12n)], 9n);
  await expect(commit(running, epochOf(first), [segment(13n)], 10n)).rejects.toThrow(/epoch/);
  expect(await flushedOf(running)).toEqual([12n]);
});

it('a channel that nobody has taken goes with its collection, as soon as somebody can say so, and is given to nobody afterwards', async () => {
  let isThere = false;
  const answer = async () => (isThere ? {} : down());
  const running = await start(simulatedCluster(12), {
    streamingNode: { openChannel: answer, closeChannel: answer },
  });
  const { registry, run } = running;
  await watch(running);
  const dropped = { collectionId: COLLECTION, partitionId: ALL_PARTITIONS };
  await expect(run(registry.dropCollectionData(dropped))).rejects.toMatchObject({
    key: 'service_unavailable',
  });
  isThere = true;
  for (let round = 0; round < 2; round++) await run(registry.dropCollectionData(dropped));
  expect((await run(registry.acquireChannels({ serverId: 9n }))).channels).toEqual([]);
  const again = await restart(running);
  expect((await again.run(again.registry.acquireChannels({ serverId: 10n }))).channels).toEqual([]);
});

it('a drop waits for a dead owner as long as its session, and has the one that was coming close them', async () => {
  const cluster = simulatedCluster(13);
  const { world } = cluster;
  const sessionEndsMs = world.clock.now() + 5000;
  const state = { comes: false, closed: [] as string[] };
  const silent = async (deadlineMs: number | undefined): Promise<never> => {
    await world.timers.sleep((deadlineMs ?? 0) - world.clock.now());
    throw new ElanusError('deadline_exceeded', 'silent');
  };
  const running = await start(cluster, {
    nodes: {
      ...anyNodes,
      of: () => (state.comes ? [{ serverId: 9n, address: 'sn:1', epoch: 1 }] : []),
      isAway: () => !state.comes && world.clock.now() >= sessionEndsMs,
    },
    streamingNode: {
      closeChannel: async ({ vchannel }, { deadlineMs, metadata }) => {
        if (!state.comes) return silent(deadlineMs);
        // By the channel nobody is found any more.
        if (metadata[SERVER_ID_HEADER] !== '9') throw new ElanusError('channel_not_available', 'no owner');
        state.closed.push(vchannel);
        return {};
      },
    },
  });
  const { calls, registry, run } = running;
  const channelNames = [CHANNEL, OTHER];
  await run(
    calls.watchChannels({
      ...{ collectionID: COLLECTION, channelNames },
      ...{ schema: { name: 'c' }, createTimestamp: 5n },
    }),
  );
  await run(registry.dropCollectionData({ collectionId: COLLECTION, partitionId: ALL_PARTITIONS }));
  expect(world.clock.now() - sessionEndsMs).toBeLessThan(2000);
  expect((await run(registry.acquireChannels({ serverId: 9n }))).channels).toEqual([]);
  state.comes = true;
  await world.advance(60_000);
  expect(state.closed.sort()).toEqual([CHANNEL, OTHER].sort());
});
