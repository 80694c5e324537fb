// A shard whose rows find no memory at a start serves as soon as they do, with all of them.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { MemoryLogger } from '#platform/memory/memory-logger.js';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { ChannelRecord } from '#proto/elanus/data.js';
import { started, vchannelOf, type World } from '../../../../test/support/recovery-world.js';
import { LaterRebuilds } from './later-rebuilds.js';

/** Starts anew without memory, and has rows of one shard that nothing could be made of. */
async function stopped(): Promise<World> {
  const world = await started('a', 'b');
  await world.insert('a', 0, 5);
  await world.flush('a');
  await world.insert('a', 10, 2);
  world.hasMemory = false;
  await world.start();
  await expect(world.rows('a')).rejects.toMatchObject({ key: 'shard_stopped' });
  expect(await world.rows('b')).toBe(0);
  return world;
}

describe('a shard that lacked memory at its replay', () => {
  it('is rebuilt once there is some, takes writes, and outlives the next death', async () => {
    const world = await stopped();
    await world.cluster.world.advance(20_000);
    await expect(world.rows('a')).rejects.toMatchObject({ key: 'shard_stopped' });
    world.hasMemory = true;
    await world.insert('b', 0, 1);
    await world.cluster.world.advance(30_000);
    expect([await world.rows('a'), await world.rows('b')]).toEqual([7, 1]);
    await world.insert('a', 20, 1);
    await world.flush('a');
    await world.start();
    expect(await world.rows('a')).toBe(8);
  });

  it('is not taken for a new one when its first checkpoint cannot be saved', async () => {
    const world = await stopped();
    world.hasMemory = true;
    world.catalog.refuses = () => true;
    await world.cluster.world.advance(10_000);
    await expect(world.rows('a')).rejects.toMatchObject({ key: 'channel_not_available' });
    world.catalog.refuses = () => false;
    await world.run(
      world.calls.openChannel({ channel: world.catalog.channel('a'), persistedSegmentIds: [] }),
    );
    expect(await world.rows('a')).toBe(7);
  });

  it('says of no rows that they are in files while it is let go, and nothing of what was dropped', async () => {
    const world = await stopped();
    const vchannel = vchannelOf('a');
    const isInFiles = () => world.run(world.calls.awaitCheckpoint({ vchannel, timestamp: 1n << 60n }));
    await expect(isInFiles()).rejects.toMatchObject({ key: 'shard_stopped' });
    world.hasMemory = true;
    world.catalog.refuses = () => true;
    await world.cluster.world.advance(10_000);
    await expect(isInFiles()).rejects.toMatchObject({ key: 'channel_not_available' });
    await world.run(world.calls.closeChannel({ vchannel }));
    await isInFiles();
  });

  it('says so neither before a start has taken the channels over', async () => {
    const world = await started('a');
    await world.insert('a', 0, 5);
    const vchannel = vchannelOf('a');
    const said: string[] = [];
    world.catalog.whileAcquired = async () => {
      void world.calls
        .awaitCheckpoint({ vchannel, timestamp: 1n << 60n })
        .then(() => said.push('all are in files'));
      await world.cluster.world.timers.sleep(1000);
    };
    await world.start();
    await world.cluster.world.advance(1000);
    expect(said).toEqual([]);
  });

  it('is left to the next owner, and under its epoch nothing is rebuilt', async () => {
    const world = await stopped();
    world.hasMemory = true;
    const channel = world.catalog.channel('a');
    world.catalog.channels.set(vchannelOf('a'), { ...channel, epoch: channel.epoch + 1n });
    await world.cluster.world.advance(120_000);
    await expect(world.rows('a')).rejects.toMatchObject({ key: 'channel_not_available' });
    expect(world.catalog.channel('a').checkpointLsn).toBe(channel.checkpointLsn);
  });

  it('waits longer each time, and not at all once it is forgotten', async () => {
    const { world } = simulatedCluster(1);
    const channel = ChannelRecord.fromPartial({ vchannel: 'log_1v0' });
    const cause = new ElanusError('memory_limit', 'no memory');
    const lacking = new ElanusError('shard_stopped', 'it stopped', { cause });
    const times: number[] = [];
    const rebuilds = new LaterRebuilds(
      { timers: world.timers, logger: new MemoryLogger(() => 0) },
      async () => {
        times.push(world.clock.monotonic());
        rebuilds.rebuilt(channel, lacking);
      },
    );
    rebuilds.rebuilt(channel, new ElanusError('shard_stopped', 'a record is not understood'));
    expect(rebuilds.wants('log_1v0')).toBe(false);
    rebuilds.rebuilt(channel, lacking);
    await world.advance(100_000);
    expect(times.map((time) => Math.round(time / 1000))).toEqual([1, 3, 7, 15, 31, 61, 91]);
    // Offered again meanwhile, and rebuilt: one time to wait for, not two.
    rebuilds.rebuilt(channel, lacking);
    await world.advance(100_000);
    expect(times.length).toBe(10);
    rebuilds.forget('log_1v0');
    await world.advance(100_000);
    expect(times.length).toBe(10);
  });
});
