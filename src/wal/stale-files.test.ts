// Files of owners before that came late or could not be removed: no truncation may leave one without the files that say it does not count.
import { expect, it } from 'vitest';
import type { WriteAheadLog } from '#platform/log.js';
import type { MemoryFiles } from '#platform/memory/memory-files.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { Platform } from '#platform/platform.js';
import { openFileLog } from './file-log.js';

const FOLDER = 'wal/c';
const open = (platform: Platform, epoch: bigint): Promise<WriteAheadLog> =>
  openFileLog(platform, { folder: FOLDER, epoch, fileBytesMax: 200 });

async function append(log: WriteAheadLog, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await log.append([new TextEncoder().encode('entry')]);
}

async function numbers(log: WriteAheadLog): Promise<bigint[]> {
  const found: bigint[] = [];
  for await (const { lsn } of log.read(log.firstLsn)) found.push(lsn);
  return found;
}

async function onDisk(work: (platform: Platform, disk: MemoryFiles) => Promise<void>): Promise<void> {
  const cluster = simulatedCluster(1);
  const platform = openMemoryPlatform({ cluster, host: 'a' });
  await cluster.world.runUntil(work(platform, platform.disk));
}

/** @returns the log as its next owner finds it, from the first of the last two entries on */
async function expectWhole(platform: Platform, from: bigint): Promise<void> {
  const log = await open(platform, 9n);
  const found = await numbers(log);
  expect(found.slice(-2)).toEqual([from, from + 1n]);
  expect(found).toEqual(found.map((_, at) => (found[0] ?? 0n) + BigInt(at)));
}

const refuseRemovals = (disk: MemoryFiles): void => {
  disk.fault = (operation, path) =>
    operation === 'remove' && path.endsWith('.log') ? { code: 'EIO' } : undefined;
};

it('a file that an owner began after it was replaced goes before what hides it', async () => {
  await onDisk(async (platform, disk) => {
    const old = await open(platform, 1n);
    await append(old, 5);
    const log = await open(platform, 2n);
    refuseRemovals(disk);
    await expect(append(old, 1)).rejects.toMatchObject({ key: 'wal_fenced' });
    disk.fault = undefined;
    await append(log, 30);
    await log.truncate(34n);
    expect(log.firstLsn).toBeGreaterThan(6n);
    await expectWhole(platform, 34n);
  });
});

it('while a file that does not count cannot be removed, none of those that hide it goes', async () => {
  await onDisk(async (platform, disk) => {
    await append(await open(platform, 1n), 1);
    const log = await open(platform, 2n);
    await append(log, 30);
    refuseRemovals(disk);
    await log.truncate(30n).catch(() => {});
    const [oldest] = (await platform.files.list(FOLDER)).filter((path) => path.endsWith('.log'));
    disk.fault = (operation, path) =>
      operation === 'remove' && path === oldest ? { code: 'EIO' } : undefined;
    await log.truncate(30n);
    await expectWhole(platform, 30n);
    disk.fault = undefined;
    const again = await open(platform, 10n);
    await append(again, 1);
    await again.truncate(31n);
    expect(await platform.files.list(FOLDER)).not.toContain(oldest);
  });
});
