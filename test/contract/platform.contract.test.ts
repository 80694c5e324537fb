// Whole platforms: the data folder's lock and reopening, and the death and restart of a simulated process.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { crc32 } from '#base/crc32.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { lockFolder } from '#platform/node/files/folder-lock.js';
import { openNodePlatform } from '#platform/node/node-platform.js';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'elanus-platform-'));
  cleanups.push(() => rm(made, { recursive: true }));
  return made;
}

const value = Uint8Array.of(1, 2, 3);

describe('openNodePlatform', () => {
  test('keeps everything over reopening, and one opener at a time', async () => {
    const dataFolder = path.join(await folder(), 'new');
    const first = await openNodePlatform({ dataFolder, logLevel: 'silent' });
    await first.metaStore.transact([], [{ kind: 'put', key: 'k', value }]);
    await first.objectStore.put('a/b', [value]);
    const log = await first.files.openAppend('wal/1');
    await log.append([value]);
    await log.close();
    await expect(openNodePlatform({ dataFolder })).rejects.toMatchObject({ key: 'folder_in_use' });
    expect(first.crc32(value)).toBe(crc32(value));
    expect(first.crc32(value.subarray(1), first.crc32(value.subarray(0, 1)))).toBe(crc32(value));
    await first.close();
    await first.close();
    const second = await openNodePlatform({ dataFolder, logLevel: 'silent' });
    expect((await second.metaStore.get('k'))?.value).toEqual(value);
    expect(new Uint8Array(await second.objectStore.get('a/b'))).toEqual(value);
    expect(await second.files.list('wal')).toEqual(['wal/1']);
    await second.close();
  });
  test('without a folder it works in memory', async () => {
    const platform = await openNodePlatform({ logLevel: 'silent' });
    await platform.objectStore.put('a', [value]);
    expect(await platform.objectStore.list('')).toEqual(['a']);
    expect(platform.random.nextUint32()).not.toBe(platform.random.nextUint32());
    await platform.close();
  });
});

describe('lockFolder', () => {
  test('names the holder to a second process', async () => {
    const at = await folder();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const died = new Promise((resolve) => child.once('exit', resolve));
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => undefined);
    const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    await writeFile(path.join(at, 'LOCK'), JSON.stringify({ pid: child.pid, host: hostname(), started }));
    await expect(lockFolder(at)).rejects.toMatchObject({
      key: 'folder_in_use',
      message: expect.stringContaining(`pid ${child.pid}`),
    });
    child.kill('SIGKILL');
    await died;
    const lock = await lockFolder(at); // Its holder is dead now.
    await lock.release();
  });
  test('takes over from a reused pid and from a torn file, not from another host', async () => {
    const at = await folder();
    for (const stale of [
      JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }),
      '',
      '{"pid":',
    ]) {
      await writeFile(path.join(at, 'LOCK'), stale);
      await (await lockFolder(at)).release();
    }
    await writeFile(path.join(at, 'LOCK'), JSON.stringify({ pid: 1, host: 'elsewhere', started: '1' }));
    await expect(lockFolder(at)).rejects.toMatchObject({
      key: 'folder_in_use',
      message: expect.stringContaining('elsewhere'),
    });
  });
  test('one of many openers gets it, over a stale file too', async () => {
    const at = await folder();
    await writeFile(
      path.join(at, 'LOCK'),
      JSON.stringify({ pid: 999_999_999, host: hostname(), started: '1' }),
    );
    const won = (await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(at)))).filter(
      (one) => one.status === 'fulfilled',
    );
    expect(won.length).toBe(1);
  });
});

describe('openMemoryPlatform', () => {
  test('processes share stores and network, each has its own disk; a crash silences one, a restart finds its disk', async () => {
    const cluster = simulatedCluster(5);
    const { world } = cluster;
    const [a, b] = [openMemoryPlatform({ cluster, host: 'a' }), openMemoryPlatform({ cluster, host: 'b' })];
    const listen = (platform: typeof b) =>
      platform.transport.listen({
        host: '0.0.0.0',
        port: 9000,
        methods: new Map([['/p.S/Echo', async (request: Uint8Array) => request]]),
        receiveBytesMax: 100,
        sendBytesMax: 100,
      });
    await world.runUntil(listen(b));
    const connection = a.transport.connect('b:9000');
    const call = () =>
      connection.call('/p.S/Echo', value, { signal: new AbortController().signal, metadata: {} });
    expect(await world.runUntil(call())).toEqual(value);
    await world.runUntil(b.objectStore.put('x', [value]));
    expect(await world.runUntil(a.objectStore.get('x'))).toEqual(value);
    await world.runUntil(b.files.write('own', [value]));
    expect(await world.runUntil(a.files.size('own'))).toBeUndefined();

    const after: string[] = [];
    b.timers.after(10, () => after.push('timer'));
    void b.files.write('late', [value]).then(
      () => after.push('write'),
      () => after.push('write failed'),
    );
    b.crash();
    void b.metaStore.transact([], [{ kind: 'put', key: 'zombie', value }]).then(() => after.push('meta'));
    await expect(world.runUntil(call())).rejects.toMatchObject({ key: 'service_unavailable' });
    await world.advance(1000);
    expect(after).toEqual([]);
    expect(await a.metaStore.get('zombie')).toBeUndefined();

    const again = openMemoryPlatform({ cluster, host: 'b', disk: b.disk });
    expect(await world.runUntil(again.files.list(''))).toEqual(['own']);
    await world.runUntil(listen(again));
    expect(await world.runUntil(call())).toEqual(value);
  });
});
