// An owner that is away when a function comes is asked again until it seals; the others are not waited for.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { LateSeals } from './late-seals.js';

test('channels whose owner is away are sealed when it is back', async () => {
  const cluster = simulatedCluster(3);
  const platform = openMemoryPlatform({ cluster, host: 'dc' });
  const channels = new Map(['a', 'b', 'gone'].map((vchannel) => [vchannel, { vchannel }]));
  const asked: string[] = [];
  const sealed: [bigint, readonly bigint[]][] = [];
  let isAway = true;
  const seals = new LateSeals({
    platform,
    catalog: { channels, channelsOf: () => [...channels.values()] } as never,
    peers: {
      streamingNode: {
        sealChannel: async ({ vchannel = '', schemaVersion }) => {
          asked.push(`${vchannel} ${schemaVersion}`);
          if (vchannel !== 'a' && isAway) throw new ElanusError('service_unavailable', 'away');
          return { flushTimestamp: vchannel === 'a' ? 5n : 6n, timestamp: 0n, segmentIds: [] } as never;
        },
      },
    },
    onSealed: (id, at) => sealed.push([id, at]),
  });
  const { timers } = cluster.world;
  await cluster.world.runUntil(seals.seal(7n, 4));
  expect(sealed).toEqual([[7n, [5n]]]);
  channels.delete('gone');
  await cluster.world.runUntil(timers.sleep(1500));
  expect(asked).toEqual(['a 4', 'b 4', 'gone 4', 'b 4']);
  isAway = false;
  await cluster.world.runUntil(timers.sleep(2500));
  expect(sealed.at(-1)).toEqual([7n, [6n]]);
  await cluster.world.runUntil(timers.sleep(100_000));
  expect(asked).toEqual(['a 4', 'b 4', 'gone 4', 'b 4', 'b 4']);
});
