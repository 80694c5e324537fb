// A streaming-node that is given channels and never says so: the next one gets them, and at any time one node alone can commit to a channel.
import { expect, it } from 'vitest';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { CHANNEL, COLLECTION, commit, flushedOf, segment, start } from '../../../test/support/data-coord.js';

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
