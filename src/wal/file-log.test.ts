// The file log over simulated files: what was acknowledged comes back in order, torn ends are left out, other damage is reported, owners are fenced.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { FoundLog, WriteAheadLog } from '#platform/log.js';
import type { MemoryFiles } from '#platform/memory/memory-files.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { Platform } from '#platform/platform.js';
import { openFileLog } from './file-log.js';
import { frameBytes, headerBytesOf } from './frame.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);
const options = { folder: 'wal/c', epoch: 1n, fileBytesMax: 200 };

/** Runs with a platform on a simulated disk; the world turns until the work is done. */
async function onDisk<T>(
  work: (platform: Platform, disk: MemoryFiles) => Promise<T>,
  disk?: MemoryFiles,
): Promise<{ result: T; disk: MemoryFiles }> {
  const cluster = simulatedCluster(1);
  const platform = openMemoryPlatform({ cluster, host: 'a', ...(disk === undefined ? {} : { disk }) });
  const result = await cluster.world.runUntil(work(platform, platform.disk));
  return { result, disk: platform.disk };
}

async function entries(log: WriteAheadLog, begin = 0n): Promise<string[]> {
  const found: string[] = [];
  for await (const { lsn, payload } of log.read(begin)) found.push(`${lsn}:${text(payload)}`);
  return found;
}

/** `killed`: the process ends without closing the log. */
async function write(platform: Platform, count: number, how: 'closed' | 'killed' = 'closed'): Promise<void> {
  const log = await openFileLog(platform, options);
  for (let index = 0; index < count; index++) await log.append([bytes(`entry ${index}`)]);
  if (how === 'closed') await log.close();
}

const logFiles = async (platform: Platform): Promise<readonly string[]> =>
  (await platform.files.list(options.folder)).filter((path) => path.endsWith('.log'));
const lastFile = async (platform: Platform): Promise<string> => (await logFiles(platform)).at(-1) ?? '';
const v2 = { version: 2, salt: 0 } as const;

describe('file log', () => {
  it('gives back what was appended, over several files and a reopening', async () => {
    await onDisk(async (platform) => {
      const log = await openFileLog(platform, options);
      expect(await log.append([bytes('a'), bytes('b')])).toEqual([1n, 2n]);
      for (let index = 0; index < 20; index++) await log.append([bytes(`more ${index}`)]);
      await log.close();
      expect((await logFiles(platform)).length).toBeGreaterThan(2);
      const again = await openFileLog(platform, options);
      expect(again.nextLsn).toBe(23n);
      const all = await entries(again);
      expect(all.slice(0, 3)).toEqual(['1:a', '2:b', '3:more 0']);
      expect(all.length).toBe(22);
      expect(await entries(again, 21n)).toEqual(['21:more 18', '22:more 19']);
      expect(await again.append([bytes('next')])).toEqual([23n]);
    });
  });
  it('leaves out a torn end at every length and goes on after it', async () => {
    const { result: size } = await onDisk(async (platform) => {
      await write(platform, 2);
      return (await platform.files.size(await lastFile(platform))) ?? 0;
    });
    // The file was made, header and all, before an entry was acknowledged; its last append may be torn.
    for (let cut = headerBytesOf(v2); cut < size; cut++) {
      await onDisk(async (platform) => {
        await write(platform, 2, 'killed');
        await platform.files.truncate(await lastFile(platform), cut);
        const log = await openFileLog(platform, options);
        const kept = await entries(log);
        expect(['1:entry 0', '2:entry 1'].slice(0, kept.length)).toEqual(kept);
        // An entry is whole without its padding; anything more that is missing takes it along.
        expect(kept.length === 2).toBe(size - cut < 8 && cut >= size - (-'entry 1'.length & 7));
        await log.append([bytes('after')]);
        const last = BigInt(kept.length + 1);
        expect((await entries(log)).at(-1)).toBe(`${last}:after`);
        await log.close();
        expect((await entries(await openFileLog(platform, options))).at(-1)).toBe(`${last}:after`);
      });
    }
  });
  it('takes no damage for a torn end: only what the last append wrote may be missing', async () => {
    const { result: whole } = await onDisk(async (platform) => {
      await write(platform, 3, 'killed');
      return platform.files.read(await lastFile(platform));
    });
    const lastBegin = whole.length - frameBytes('entry 2'.length);
    for (let at = 0; at < whole.length; at++) {
      for (const how of ['killed', 'closed'] as const) {
        await onDisk(async (platform, disk) => {
          await write(platform, 3, how);
          disk.damage(await lastFile(platform), (content) => {
            content[at] = (content[at] ?? 0) ^ 0x41;
          });
          const opened = openFileLog(platform, options).then(entries);
          const all = ['1:entry 0', '2:entry 1', '3:entry 2'];
          const isPadding = at >= headerBytesOf(v2) && (at - headerBytesOf(v2)) % frameBytes(7) >= 24 + 7;
          if (isPadding) expect(await opened).toEqual(all);
          else if (at >= lastBegin && how === 'killed') expect(await opened).toEqual(all.slice(0, 2));
          else
            await expect(opened).rejects.toMatchObject({
              key: 'data_corrupt',
              message: expect.stringMatching(/\.log: .*(entry|header)/),
            });
        });
      }
    }
  });
  it('takes zeroed pages for damage when something later is sound, and says file, entry and byte', async () => {
    await onDisk(async (platform, disk) => {
      await write(platform, 12, 'killed');
      const [first = '', ...more] = await logFiles(platform);
      expect(more.length).toBeGreaterThan(0);
      disk.damage(first, (content) => content.fill(0, 48, 80));
      const opened = openFileLog(platform, options);
      await expect(opened).rejects.toMatchObject({
        key: 'data_corrupt',
        message: expect.stringContaining(`${first}: entry 1 at byte 48`),
      });
      await expect(openFileLog(platform, options)).rejects.toMatchObject({ key: 'data_corrupt' });
    });
  });
  it('removes nothing once it is being closed', async () => {
    await onDisk(async (platform) => {
      const log = await openFileLog(platform, options);
      for (let index = 0; index < 20; index++) await log.append([bytes(`entry ${index}`)]);
      const before = await logFiles(platform);
      expect(before.length).toBeGreaterThan(2);
      await Promise.all([log.close(), log.truncate(log.nextLsn)]);
      expect(await logFiles(platform)).toEqual(before);
    });
  });

  it('keeps torn bytes until the log is truncated, then gives everything back', async () => {
    await onDisk(async (platform) => {
      await write(platform, 2, 'killed');
      const torn = await lastFile(platform);
      const size = (await platform.files.size(torn)) ?? 0;
      await platform.files.truncate(torn, size - 9);
      const log = await openFileLog(platform, options);
      expect(await platform.files.size(torn)).toBe(size - 9);
      await log.append([bytes('after')]);
      await log.truncate(log.nextLsn);
      expect(await logFiles(platform)).toHaveLength(1);
      expect(log.bytes).toBe(headerBytesOf(v2));
      expect([log.firstLsn, log.nextLsn]).toEqual([3n, 3n]);
      expect(await log.append([bytes('next')])).toEqual([3n]);
    });
  });
  it('a file that no copy proves keeps its source until something was appended', async () => {
    await onDisk(async (platform, disk) => {
      await write(platform, 1, 'killed');
      const [source = ''] = await logFiles(platform);
      await openFileLog(platform, options);
      const copy = (await logFiles(platform)).find((path) => path !== source) ?? '';
      disk.damage(copy, (content) => content.fill(0));
      const again = await openFileLog(platform, options);
      expect(await entries(again)).toEqual(['1:entry 0']);
      await again.append([bytes('x')]);
      await again.truncate(0n);
      expect(await logFiles(platform)).toHaveLength(1);
    });
  });
  it('refuses an owner older than the one that wrote', async () => {
    await onDisk(async (platform) => {
      const log = await openFileLog(platform, { ...options, epoch: 5n });
      await log.append([bytes('a')]);
      await log.close();
      await expect(openFileLog(platform, { ...options, epoch: 4n })).rejects.toMatchObject({
        key: 'wal_fenced',
      });
      expect((await openFileLog(platform, { ...options, epoch: 6n })).nextLsn).toBe(2n);
    });
  });
  it('refuses the handle of an owner before at its next append, whatever it had open', async () => {
    await onDisk(async (platform) => {
      const old = await openFileLog(platform, options);
      await old.append([bytes('a')]);
      for (const epoch of [1n, 2n]) {
        const log = await openFileLog(platform, { ...options, epoch });
        await expect(old.append([bytes('stale')])).rejects.toMatchObject({ key: 'wal_fenced' });
        await expect(old.append([bytes('stale')])).rejects.toMatchObject({ key: 'wal_fenced' });
        await old.truncate(100n);
        expect(await entries(log)).toEqual(['1:a']);
      }
      const last = await openFileLog(platform, { ...options, epoch: 2n });
      expect(await entries(last)).toEqual(['1:a']);
      await expect(openFileLog(platform, options)).rejects.toMatchObject({ key: 'wal_fenced' });
      expect(await last.append([bytes('b')])).toEqual([2n]);
    });
  });
  it('of owners that open at once one goes on, and what any of them acknowledged stays', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const cluster = simulatedCluster(seed);
      const platform = openMemoryPlatform({ cluster, host: 'a' });
      const acknowledged: string[] = [];
      const own = async (name: string): Promise<void> => {
        const log = await openFileLog(platform, { ...options, epoch: BigInt(1 + (seed % 2)) });
        for (let index = 0; index < 12; index++) {
          const [lsn = 0n] = await log.append([bytes(`${name} ${index}`)]);
          acknowledged.push(`${lsn}:${name} ${index}`);
        }
      };
      const all = ['a', 'b', 'c'].map(async (name, index) => {
        await cluster.world.timers.sleep((index * seed) % 7);
        return own(name);
      });
      const results = await cluster.world.runUntil(Promise.allSettled(all));
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ key: 'wal_fenced' });
      const found = await cluster.world.runUntil(
        openFileLog(platform, { ...options, epoch: 9n }).then(entries),
      );
      expect(
        acknowledged.filter((entry) => !found.includes(entry)),
        `seed ${seed}`,
      ).toEqual([]);
    }
  });
  it('refuses an entry that no reader takes before it writes, and goes on', async () => {
    await onDisk(async (platform) => {
      const log = await openFileLog(platform, { ...options, payloadBytesMax: 10 });
      await expect(log.append([bytes('short'), bytes('longer than ten')])).rejects.toMatchObject({
        key: 'parameter_too_large',
      });
      expect(await log.append([bytes('0123456789')])).toEqual([1n]);
      expect(await entries(log)).toEqual(['1:0123456789']);
    });
  });
  it('changes nothing when the log is not the one that belongs here', async () => {
    await onDisk(async (platform) => {
      await write(platform, 3);
      const before = await logFiles(platform);
      const found: FoundLog[] = [];
      const check = (log: FoundLog): void => {
        found.push(log);
        throw new ElanusError('data_corrupt', 'not mine');
      };
      await expect(openFileLog(platform, { ...options, check })).rejects.toMatchObject({
        message: 'not mine',
      });
      expect(await logFiles(platform)).toEqual(before);
      for (const path of before) await platform.files.remove(path);
      await expect(openFileLog(platform, { ...options, check })).rejects.toMatchObject({
        message: 'not mine',
      });
      expect(await logFiles(platform)).toEqual([]);
      expect(found).toEqual([
        { place: options.folder, isMissing: false, firstLsn: 1n, nextLsn: 4n, isUnsettled: false },
        { place: options.folder, isMissing: true, firstLsn: 1n, nextLsn: 1n, isUnsettled: false },
      ]);
    });
  });
  it('goes on with its numbers when the newest file was never finished, also when it is the only one', async () => {
    for (const isAlone of [false, true]) {
      await onDisk(async (platform, disk) => {
        await write(platform, 3, 'killed');
        const log = await openFileLog(platform, options);
        await log.truncate(4n);
        const [only = ''] = await logFiles(platform);
        expect(only).toContain('/0000000000000004-');
        if (isAlone) disk.damage(only, (content) => content.fill(0));
        const again = await openFileLog(platform, options);
        expect([again.firstLsn, again.nextLsn]).toEqual([4n, 4n]);
        expect(await again.append([bytes('x')])).toEqual([4n]);
      });
    }
  });
  it('is unsettled after version 1 until every checkpoint is past its first entry', async () => {
    await onDisk(async (platform) => {
      await platform.files.write(`${options.folder}/0000000000000007.log`, [new Uint8Array(0)]);
      const found: boolean[] = [];
      const open = () =>
        openFileLog(platform, { ...options, check: ({ isUnsettled }) => found.push(isUnsettled) });
      for (let time = 0; time < 2; time++) await (await open()).append([bytes('a')]);
      await (await open()).settle();
      await open();
      expect(found).toEqual([true, true, true, false]);
    });
  });
  it('keeps a small newest file', async () => {
    await onDisk(async (platform) => {
      const log = await openFileLog(platform, { ...options, spareBytesMax: 100 });
      await log.append([bytes('a')]);
      await log.truncate(2n);
      expect([log.firstLsn, log.bytesBefore(2n), log.bytesBefore(1n)]).toEqual([1n, 80, 0]);
      await log.append([bytes('b')]);
      await log.truncate(3n);
      expect([log.firstLsn, log.bytesBefore(3n)]).toEqual([3n, 48]);
    });
  });
  it('says that a file between is missing', async () => {
    await onDisk(async (platform) => {
      await write(platform, 30);
      const [, second = ''] = await logFiles(platform);
      await platform.files.remove(second);
      await expect(openFileLog(platform, options)).rejects.toMatchObject({ key: 'data_corrupt' });
    });
  });
  it('a full disk at truncation leaves the log as it was', async () => {
    await onDisk(async (platform, disk) => {
      const log = await openFileLog(platform, options);
      await log.append([bytes('a')]);
      disk.fault = (operation) =>
        operation === 'append' || operation === 'open' ? { code: 'ENOSPC' } : undefined;
      await expect(log.truncate(2n)).rejects.toMatchObject({
        key: expect.stringMatching(/io_failed|wal_unavailable/),
      });
      disk.fault = undefined;
      expect(await log.append([bytes('b')])).toEqual([2n]);
      await log.truncate(3n);
      expect((await openFileLog(platform, options)).nextLsn).toBe(3n);
    });
  });
  it('does not open on a full disk, says what to do, and opens once there is space', async () => {
    await onDisk(async (platform, disk) => {
      const log = await openFileLog(platform, options);
      await log.append([bytes('a')]);
      await log.close();
      disk.fault = (operation) => (operation === 'append' ? { code: 'ENOSPC' } : undefined);
      await expect(openFileLog(platform, options)).rejects.toThrow(
        /cannot be opened.*ENOSPC.*free space on the disk/,
      );
      disk.fault = undefined;
      expect(await entries(await openFileLog(platform, options))).toEqual(['1:a']);
    });
  });
  it('closes on a disk that takes nothing', async () => {
    await onDisk(async (platform, disk) => {
      const log = await openFileLog(platform, options);
      await log.append([bytes('a')]);
      disk.fault = () => ({ code: 'ENOSPC' });
      await log.close();
      disk.fault = undefined;
      expect(await entries(await openFileLog(platform, options))).toEqual(['1:a']);
    });
  });
  it('takes nothing more after a failed write, until it is opened again', async () => {
    await onDisk(async (platform, disk) => {
      const log = await openFileLog(platform, options);
      await log.append([bytes('kept')]);
      disk.appendFault = () => ({ keptBytes: 7 });
      await expect(log.append([bytes('lost')])).rejects.toMatchObject({ key: 'wal_unavailable' });
      disk.appendFault = undefined;
      await expect(log.append([bytes('too late')])).rejects.toMatchObject({ key: 'wal_unavailable' });
      const again = await openFileLog(platform, options);
      expect(await entries(again)).toEqual(['1:kept']);
      expect(await again.append([bytes('new')])).toEqual([2n]);
    });
  });
  it('forgets whole files before a position and keeps its numbers', async () => {
    await onDisk(async (platform) => {
      await write(platform, 30);
      const log = await openFileLog(platform, options);
      await log.truncate(15n);
      expect(log.firstLsn).toBeGreaterThan(1n);
      expect(log.firstLsn).toBeLessThanOrEqual(15n);
      expect(await entries(log, 15n)).toHaveLength(16);
      await log.truncate(log.nextLsn);
      expect((await openFileLog(platform, options)).nextLsn).toBe(31n);
    });
  });
  it('leaves no hole when several forget at once, as the shards of one log do', async () => {
    await onDisk(async (platform) => {
      await write(platform, 30);
      const log = await openFileLog(platform, options);
      await Promise.all([3n, 9n, 6n, 9n].map((end) => log.truncate(end)));
      await log.truncate(15n);
      expect(await entries(log, 15n)).toHaveLength(16);
      const again = await openFileLog(platform, options);
      expect(again.firstLsn).toBe(log.firstLsn);
      expect(await entries(again, 15n)).toHaveLength(16);
    });
  });
});
