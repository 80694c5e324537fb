// The file log over simulated files: what was acknowledged comes back in order, torn tails are cut, damage elsewhere is said, owners are fenced.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '#base/crc32.js';
import type { MemoryFiles } from '#platform/memory/memory-files.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { Platform } from '#platform/platform.js';
import { openFileLog } from './file-log.js';
import { decodeFrame, decodeHeader, encodeFrame, encodeHeader, HEADER_BYTES } from './frame.js';
import type { WriteAheadLog } from './write-ahead-log.js';

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
async function write(platform: Platform, count: number): Promise<void> {
  const log = await openFileLog(platform, options);
  for (let index = 0; index < count; index++) await log.append([bytes(`entry ${index}`)]);
  await log.close();
}
const lastFile = async (platform: Platform): Promise<string> => (await platform.files.list(options.folder)).at(-1) ?? '';

describe('file log', () => {
  it('gives back what was appended, over several files and a reopening', async () => {
    await onDisk(async (platform) => {
      const log = await openFileLog(platform, options);
      expect(await log.append([bytes('a'), bytes('b')])).toBe(1n);
      for (let index = 0; index < 20; index++) await log.append([bytes(`more ${index}`)]);
      await log.close();
      expect((await platform.files.list(options.folder)).length).toBeGreaterThan(2);
      const again = await openFileLog(platform, options);
      expect(again.nextLsn).toBe(23n);
      const all = await entries(again);
      expect(all.slice(0, 3)).toEqual(['1:a', '2:b', '3:more 0']);
      expect(all.length).toBe(22);
      expect(await entries(again, 21n)).toEqual(['21:more 18', '22:more 19']);
      expect(await again.append([bytes('next')])).toBe(23n);
    });
  });
  it('cuts a torn tail at every length and goes on after it', async () => {
    const { result: size } = await onDisk(async (platform) => {
      await write(platform, 2);
      return (await platform.files.size(await lastFile(platform))) ?? 0;
    });
    for (let cut = 0; cut < size; cut++) {
      await onDisk(async (platform) => {
        await write(platform, 2);
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
  it('never gives back a changed entry: a flipped byte ends the log there, or is said', async () => {
    const { result: whole } = await onDisk(async (platform) => {
      await write(platform, 3);
      return platform.files.read(await lastFile(platform));
    });
    for (let at = 0; at < whole.length; at++) {
      await onDisk(async (platform) => {
        await write(platform, 3);
        const damaged = whole.slice();
        damaged[at] = (damaged[at] ?? 0) ^ 0x41;
        await platform.files.write(await lastFile(platform), [damaged]);
        try {
          const found = await entries(await openFileLog(platform, options));
          expect(['1:entry 0', '2:entry 1', '3:entry 2'].slice(0, found.length)).toEqual(found);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ElanusError' });
        }
      });
    }
  });
  it('says damage that is not at the end', async () => {
    await onDisk(async (platform) => {
      await write(platform, 12);
      const [first = ''] = await platform.files.list(options.folder);
      const content = await platform.files.read(first);
      content[HEADER_BYTES + 20] = (content[HEADER_BYTES + 20] ?? 0) ^ 1;
      await platform.files.write(first, [content]);
      await expect(openFileLog(platform, options)).rejects.toMatchObject({ key: 'data_corrupt' });
    });
  });
  it('refuses an owner older than the one that wrote', async () => {
    await onDisk(async (platform) => {
      const log = await openFileLog(platform, { ...options, epoch: 5n });
      await log.append([bytes('a')]);
      await log.close();
      await expect(openFileLog(platform, { ...options, epoch: 4n })).rejects.toMatchObject({ key: 'wal_fenced' });
      expect((await openFileLog(platform, { ...options, epoch: 6n })).nextLsn).toBe(2n);
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
      expect(await again.append([bytes('new')])).toBe(2n);
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
describe('frames', () => {
  it('round-trip any payload at any number', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }), (payload, lsn) => {
        const framed = Uint8Array.from(encodeFrame(lsn, payload, crc32).flatMap((part) => [...part]));
        expect(framed.length % 8).toBe(0);
        expect(decodeFrame(framed, 0, lsn, crc32)?.payload).toEqual(payload);
        expect(decodeFrame(framed, 0, lsn + 1n, crc32)).toBeUndefined();
      }),
    );
  });
  it('any bytes decode to nothing or to a sound frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(120), (junk, offset) => {
        expect(decodeFrame(junk, offset, 1n, crc32)).toBeUndefined();
        expect(decodeHeader(junk, crc32)).toBeUndefined();
      }),
    );
    expect(decodeHeader(encodeHeader({ epoch: 9n, firstLsn: 12n }, crc32), crc32)).toEqual({ epoch: 9n, firstLsn: 12n });
  });
});
