// Several shards of one log and the catalog beside it, over crashes: nothing acts before all shards are whole, log and catalog agree or the
// node does not start, and what nobody needs is given back.

import { describe, expect, it } from 'vitest';
import { crc32 } from '#base/crc32.js';
import { columnFromInt64 } from '#model/columns/column.js';
import { openMemoryPlatform } from '#platform/memory/memory-platform.js';
import { LogRecord } from '#proto/elanus/data.js';
import { FOLDER, type Name, started, vchannelOf, World } from '../../../test/support/recovery-world.js';

describe('recovery', () => {
  it('checkpoint: flushes and truncates nothing before every shard of the log is whole', async () => {
    const world = await started('a', 'b', 'c');
    world.catalog.refuses = (vchannel) => vchannel === vchannelOf('a');
    await world.insert('a', 0, 3);
    await world.run(world.calls.sealChannel({ vchannel: vchannelOf('a') }));
    for (let index = 0; index < 40; index++) await world.insert('c', index * 10, 2);
    world.catalog.refuses = () => false;
    for (let life = 0; life < 2; life++) {
      world.catalog.commits.length = 0;
      world.disk.readPause = () => world.cluster.world.timers.sleep(300);
      const commitsAtFiles: number[] = [];
      world.disk.fault = (operation, path) => {
        if (operation === 'read' && path.endsWith('.log')) commitsAtFiles.push(world.catalog.commits.length);
        return undefined;
      };
      await world.start();
      expect(commitsAtFiles.length).toBeGreaterThan(10);
      expect(new Set(commitsAtFiles)).toEqual(new Set([0]));
      world.disk.readPause = undefined;
      await world.cluster.world.advance(5000);
      expect([await world.rows('a'), await world.rows('b'), await world.rows('c')]).toEqual([3, 0, 80]);
    }
    expect(world.catalog.segments.map(({ vchannel }) => vchannel)).toEqual([vchannelOf('a')]);
  });
  it('gives a new channel a checkpoint before it takes a write', async () => {
    const world = await started('a');
    expect(world.catalog.channel('a').checkpointLsn).toBe(1n);
    await world.insert('a', 0, 1);
    world.catalog.refuses = () => true;
    await expect(world.create('b')).rejects.toMatchObject({ key: 'service_unavailable' });
    await expect(world.insert('b', 0, 1)).rejects.toMatchObject({ key: 'channel_not_available' });
    world.catalog.refuses = () => false;
    await world.create('b');
    expect(world.catalog.channel('b').checkpointLsn).toBe(2n);
    await world.insert('b', 0, 1);
    await world.start();
    expect(await world.rows('b')).toBe(1);
  });
  it('does not start, and changes nothing, when the log is not the one of the catalog', async () => {
    const takeAway = {
      everything: () => true,
      'the newest': (_path: string, index: number, count: number) => index === count - 1,
      'the oldest': (_path: string, index: number) => index === 0,
    };
    for (const [what, isTaken] of Object.entries(takeAway)) {
      const world = await started('a', 'b');
      for (let index = 0; index < 10; index++) await world.insert('a', index * 10, 4);
      world.catalog.channels.set(vchannelOf('a'), { ...world.catalog.channel('a'), checkpointLsn: 11n });
      const files = await world.logFiles();
      for (const path of files.filter((one, index) => isTaken(one, index, files.length)))
        await world.run(world.disk.remove(path));
      const left = await world.logFiles();
      await expect(world.start(), what).rejects.toMatchObject({
        key: 'data_corrupt',
        message: expect.stringMatching(/entry|entries/),
      });
      await expect(world.start(), what).rejects.toMatchObject({ key: 'data_corrupt' });
      expect(await world.logFiles()).toEqual(left);
    }
  });
  it('moves the checkpoint of a shard that has nothing to save, before the log goes', async () => {
    const world = await started('a', 'b');
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 13; index++) await world.insert('a', round * 10_000 + index * 100, 100);
      await world.flush('a');
    }
    expect(await world.logBytes()).toBeLessThan(1_500_000);
    expect(world.catalog.channel('b').checkpointLsn).toBeGreaterThan(10n);
    await world.start();
    await world.insert('b', 0, 1);
    await world.start();
    expect([await world.rows('a'), await world.rows('b')]).toEqual([3900, 1]);
  });
  it('keeps the log from the checkpoint of a shard that has nothing to save, when there is little to give back', async () => {
    const world = await started('a', 'b');
    for (let index = 0; index < 20; index++) await world.insert('a', index * 10, 4);
    expect((await world.logFiles()).length).toBeGreaterThan(4);
    await world.flush('a');
    expect(world.catalog.channel('b').checkpointLsn).toBe(1n);
    await world.start();
    expect(await world.rows('a')).toBe(80);
  });
  it('gives back the log of what was dropped, whether the catalog forgets it before or after the channel is closed, nobody closes it, it is closed too early, or a crash comes', async () => {
    for (const how of ['catalog first', 'catalog later', 'unsaid', 'early', 'crash', 'all'] as const) {
      const world = await started('a', 'b');
      for (let index = 0; index < 13; index++) await world.insert('a', index * 100, 100);
      const drop = (name: Name) => {
        world.catalog.channels.delete(vchannelOf(name));
        return world.calls.closeChannel({ vchannel: vchannelOf(name) });
      };
      if (how === 'catalog later') await world.run(world.calls.closeChannel({ vchannel: vchannelOf('a') }));
      if (how === 'crash' || how === 'unsaid') world.catalog.channels.delete(vchannelOf('a'));
      else if (how !== 'early') await world.run(drop('a'));
      // The node was given the channel, and has not opened it.
      else world.catalog.whileAcquired = () => drop('a').then(() => {});
      if (how === 'unsaid') await world.run(world.calls.sealChannel({ vchannel: vchannelOf('a') }));
      if (how === 'all') world.catalog.channels.delete(vchannelOf('b'));
      if (how === 'early' || how === 'crash' || how === 'all') await world.start();
      await world.cluster.world.advance(500);
      expect(await world.logBytes(), how).toBeLessThan(200_000);
      if (how === 'all') await world.create('b');
      await world.insert('b', 0, 1);
      await world.start();
      expect(await world.rows('b'), how).toBe(1);
    }
  });
  it('rebuilds a channel that was closed and is offered again', async () => {
    const world = await started('a', 'b');
    await world.insert('a', 0, 5);
    await world.flush('a');
    await world.insert('a', 10, 2);
    await world.run(world.calls.closeChannel({ vchannel: vchannelOf('a') }));
    for (let index = 0; index < 13; index++) await world.insert('b', index * 100, 100);
    await world.flush('b');
    await world.run(
      world.calls.openChannel({ channel: world.catalog.channel('a'), persistedSegmentIds: [] }),
    );
    expect(await world.rows('a')).toBe(7);
    await world.insert('a', 20, 1);
    await world.start();
    expect(await world.rows('a')).toBe(8);
  });
  it('refuses the writes of an owner whose channels another one took, though its handle is open', async () => {
    const world = await started('a');
    await world.insert('a', 0, 1);
    const old = world.calls;
    await world.start(4096, true);
    await world.insert('a', 1, 1);
    const late = {
      vchannel: vchannelOf('a'),
      deletedPartitionId: 0n,
      inserts: [],
      deletedKeys: columnFromInt64(100n, [0n]),
    };
    for (let time = 0; time < 2; time++)
      await expect(world.run(old.append(late))).rejects.toMatchObject({ key: 'wal_fenced' });
    await world.insert('a', 2, 1);
    await world.start();
    expect(await world.rows('a')).toBe(3);
  });
  it('opens what an earlier version left: a log that begins behind the checkpoint of an idle channel', async () => {
    const world = new World();
    const payload = LogRecord.encode(
      LogRecord.fromPartial({ vchannel: vchannelOf('a'), timestamp: 5n, seal: { segmentIds: [] } }),
    ).finish();
    const file = new Uint8Array(32 + 16 + payload.length);
    const view = new DataView(file.buffer);
    file.set([0x45, 0x4c, 0x57, 0x4c, 1]);
    view.setBigUint64(8, 1n, true);
    view.setBigUint64(16, 40n, true);
    view.setUint32(28, crc32(file.subarray(0, 28)), true);
    view.setUint32(32, payload.length, true);
    view.setBigUint64(40, 40n, true);
    file.set(payload, 48);
    view.setUint32(36, crc32(file.subarray(40)), true);
    world.catalog.create('a', 41n);
    world.catalog.create('b', 7n);
    world.catalog.create('c');
    world.platform = openMemoryPlatform({ cluster: world.cluster, host: 'sn' });
    await world.run(world.disk.write(`${FOLDER}/0000000000000028.log`, [file]));
    world.catalog.refuses = () => true;
    for (let life = 0; life < 3; life++) await world.start();
    world.catalog.refuses = () => false;
    await world.start();
    expect((['a', 'b', 'c'] as const).map((name) => world.catalog.channel(name).checkpointLsn)).toEqual([
      41n,
      41n,
      41n,
    ]);
    for (const name of ['b', 'c'] as const) await world.insert(name, 0, 1);
    await world.start();
    expect([await world.rows('b'), await world.rows('c')]).toEqual([1, 1]);
    world.catalog.channels.set(vchannelOf('b'), { ...world.catalog.channel('b'), checkpointLsn: 7n });
    await expect(world.start()).rejects.toMatchObject({ key: 'data_corrupt' });
  });
});
