// What every Files must do, real or in memory; then what only one of them can be asked.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MemoryFiles } from '#platform/memory/memory-files.js';
import { AppendTasks } from '#platform/node/files/append-tasks.js';
import { type Appends, AppendThread } from '#platform/node/files/append-thread.js';
import { AppendsByNeed } from '#platform/node/files/appends-by-need.js';
import { NodeFiles } from '#platform/node/files/node-files.js';
import { ReadHandles } from '#platform/node/files/read-handles.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function nodeFiles(appends?: Appends): Promise<{ files: NodeFiles; root: string }> {
  const root = await mkdtemp(path.join(tmpdir(), 'elanus-files-'));
  const files = new NodeFiles(root, appends);
  cleanups.push(async () => {
    await files.close();
    await rm(root, { recursive: true });
  });
  return { files, root };
}

const byThreadFrom = (append: number): Appends => new AppendsByNeed({ appendsMax: append - 1 });

describe.each([
  ['node', async () => (await nodeFiles()).files],
  ['node, appends by a thread', async () => (await nodeFiles(new AppendThread())).files],
  ['node, appends by a thread from the third on', async () => (await nodeFiles(byThreadFrom(3))).files],
  ['node, appends without a thread', async () => (await nodeFiles(new AppendTasks())).files],
  ['memory', async () => new MemoryFiles()],
] as const)('Files (%s)', (_name, open) => {
  test('writes, reads back, replaces', async () => {
    const files = await open();
    await files.write('a/b/c', [bytes(1, 2), bytes(), bytes(3)]);
    expect([...(await files.read('a/b/c'))]).toEqual([1, 2, 3]);
    await files.write('a/b/c', [bytes(9)]);
    expect([...(await files.read('a/b/c'))]).toEqual([9]);
    await files.write('a/empty', []);
    expect(await files.size('a/empty')).toBe(0);
  });
  test('writes more parts than one system call takes', async () => {
    const files = await open();
    const parts = Array.from({ length: 3000 }, (_, i) => bytes(i & 255, i >> 8));
    await files.write('many', parts);
    const append = await files.openAppend('many');
    await append.append(parts);
    await append.close();
    const all = await files.read('many');
    expect(all.length).toBe(12_000);
    for (let i = 0; i < 6000; i++)
      expect((all[2 * i] as number) + 256 * (all[2 * i + 1] as number)).toBe(i % 3000);
  });
  test('ranges end at the end of the file', async () => {
    const files = await open();
    await files.write('f', [bytes(0, 1, 2, 3, 4)]);
    expect([...(await files.readRange('f', 1, 3))]).toEqual([1, 2]);
    expect([...(await files.readRange('f', 3, 99))]).toEqual([3, 4]);
    expect([...(await files.readRange('f', 7, 9))]).toEqual([]);
    expect([...(await files.readRange('f', 3, 2))]).toEqual([]);
  });
  test('a replaced file is read anew, a removed one is gone, for range reads too', async () => {
    const files = await open();
    await files.write('f', [bytes(0, 1, 2)]);
    expect([...(await files.readRange('f', 1, 2))]).toEqual([1]);
    await files.write('f', [bytes(5, 6, 7)]);
    expect([...(await files.readRange('f', 1, 2))]).toEqual([6]);
    const append = await files.openAppend('f');
    await append.append([bytes(8)]);
    await append.close();
    expect([...(await files.readRange('f', 2, 9))]).toEqual([7, 8]);
    await files.truncate('f', 1);
    expect([...(await files.readRange('f', 0, 9))]).toEqual([5]);
    await files.remove('f');
    await expect(files.readRange('f', 0, 1)).rejects.toMatchObject({ key: 'object_not_found' });
    await files.write('f', [bytes(9)]);
    expect([...(await files.readRange('f', 0, 200_000))]).toEqual([9]);
  });
  test('writes parts that a generator makes', async () => {
    const files = await open();
    function* parts(): Iterable<Uint8Array> {
      for (let i = 0; i < 2500; i++) yield new Uint8Array(5000).fill(i);
    }
    await files.write('made', parts());
    const all = await files.read('made');
    expect(all.length).toBe(12_500_000);
    for (let i = 0; i < 2500; i++) expect([all[i * 5000], all[i * 5000 + 4999]]).toEqual([i & 255, i & 255]);
  });
  test('a missing file is object_not_found; its size is undefined; removing it succeeds', async () => {
    const files = await open();
    await expect(files.read('no/such')).rejects.toMatchObject({ key: 'object_not_found' });
    await expect(files.readRange('no/such', 0, 1)).rejects.toMatchObject({ key: 'object_not_found' });
    await expect(files.truncate('no/such', 0)).rejects.toMatchObject({ key: 'object_not_found' });
    expect(await files.size('no/such')).toBeUndefined();
    await files.remove('no/such');
  });
  test('lists files below a folder, sorted, and nothing for a missing one', async () => {
    const files = await open();
    for (const name of ['x/b', 'x/a/2', 'x/a/10', 'y/z', 'xx']) await files.write(name, [bytes(1)]);
    expect(await files.list('x')).toEqual(['x/a/10', 'x/a/2', 'x/b']);
    expect(await files.list('')).toEqual(['x/a/10', 'x/a/2', 'x/b', 'xx', 'y/z']);
    expect(await files.list('none')).toEqual([]);
    await files.remove('x/b');
    expect(await files.list('x')).toEqual(['x/a/10', 'x/a/2']);
  });
  test.each(['', '/etc/passwd', '../up', 'a/../../b', 'a//b', './a', 'a\\b', 'a\0'])(
    'refuses the path %j',
    async (bad) => {
      const files = await open();
      await expect(files.read(bad)).rejects.toMatchObject({ key: 'invalid_parameter' });
      await expect(files.write(bad, [])).rejects.toMatchObject({ key: 'invalid_parameter' });
      await expect(files.openAppend(bad)).rejects.toMatchObject({ key: 'invalid_parameter' });
    },
  );
  test('appends keep the order of the calls; the handle knows its size; a second handle goes on at the end', async () => {
    const files = await open();
    const file = await files.openAppend('log/1');
    expect(file.size).toBe(0);
    const reused = bytes(0);
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => {
        reused[0] = i; // The parts were copied when the call returned.
        return file.append([reused, bytes(i)]);
      }),
    );
    expect(file.size).toBe(400);
    await file.close();
    const all = await files.read('log/1');
    expect([...all]).toEqual(Array.from({ length: 400 }, (_, i) => i >> 1));
    const again = await files.openAppend('log/1');
    expect(again.size).toBe(400);
    await again.append([bytes(7)]);
    await again.close();
    expect(await files.size('log/1')).toBe(401);
    await expect(again.append([bytes(1)])).rejects.toMatchObject({ key: 'wal_unavailable' });
  });
  test('parts in shared memory, large and small, lie where they belong among others', async () => {
    const files = await open();
    const file = await files.openAppend('f');
    const shared = (length: number, value: number): Uint8Array =>
      new Uint8Array(new SharedArrayBuffer(length + 1), 1).fill(value);
    const plain = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
    for (let round = 0; round < 3; round++) {
      const copied = [plain(3, 1), plain(100_000, 2), shared(10, 4), plain(5, 6)];
      const [a, b, c, d] = copied as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
      const kept = [shared(70_000, 3), shared(80_000, 5)] as const;
      const appended = file.append([a, b, kept[0], c, kept[1], d, new Uint8Array(0)]);
      for (const part of [a, b, d]) part.fill(9); // The caller's again, as ever; what is shared stays until it settles.
      await appended;
      for (const part of kept) part.fill(9);
    }
    await file.close();
    const one = Buffer.concat([
      ...[plain(3, 1), plain(100_000, 2), plain(70_000, 3)],
      ...[plain(10, 4), plain(80_000, 5), plain(5, 6)],
    ]);
    const all = await files.read('f');
    expect(all.length).toBe(3 * one.length);
    for (let at = 0; at < all.length; at += one.length)
      expect(one.compare(all.subarray(at, at + one.length))).toBe(0);
  });
  test('close waits for what was appended', async () => {
    const files = await open();
    const file = await files.openAppend('f');
    const appended = file.append([new Uint8Array(1_000_000)]);
    await file.close();
    await appended;
    expect(await files.size('f')).toBe(1_000_000);
  });
  test('several append files go side by side', async () => {
    const files = await open();
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => files.openAppend(`c/${i}`)));
    await Promise.all(all.flatMap((file, i) => Array.from({ length: 20 }, () => file.append([bytes(i)]))));
    for (const [i, file] of all.entries()) {
      await file.close();
      expect(new Set(await files.read(`c/${i}`))).toEqual(new Set([i]));
      expect(await files.size(`c/${i}`)).toBe(20);
    }
  });
  test('an append without its guard is refused once it is written, and everything after it', async () => {
    const files = await open();
    await (await files.openAppend('owner/1')).close();
    const file = await files.openAppend('log', 'owner/1');
    const other = await files.openAppend('other');
    await file.append([bytes(1)]);
    await files.remove('owner/1');
    await expect(file.append([bytes(2)])).rejects.toMatchObject({ key: 'wal_fenced' });
    await expect(file.append([bytes(3)])).rejects.toMatchObject({ key: 'wal_fenced' });
    await other.append([bytes(4)]);
    expect([...(await files.read('log'))]).toEqual([1, 2]);
    await expect(files.openAppend('log', '../owner')).rejects.toMatchObject({ key: 'invalid_parameter' });
    for (const one of [file, other]) await one.close();
  });
  test('truncate cuts, and appending goes on there', async () => {
    const files = await open();
    await files.write('t', [bytes(1, 2, 3, 4)]);
    await files.truncate('t', 2);
    const file = await files.openAppend('t');
    await file.append([bytes(9)]);
    await file.close();
    expect([...(await files.read('t'))]).toEqual([1, 2, 9]);
  });
});

describe('NodeFiles', () => {
  test('parts are made while they are written, not before', async () => {
    const { files } = await nodeFiles();
    let made = 0;
    let seen = 0;
    function* parts(): Iterable<Uint8Array> {
      for (; made < 50; made++) yield new Uint8Array(1 << 20);
    }
    const written = files.write('made', parts());
    while (seen === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      seen = made;
    }
    expect(seen).toBeLessThan(50);
    await written;
    expect(made).toBe(50);
  });
  test('range reads keep few files open, and none after closing', async () => {
    const { files, root } = await nodeFiles();
    const handles = new ReadHandles(3);
    const names = Array.from({ length: 10 }, (_, i) => `f${i}`);
    for (const [i, name] of names.entries()) await files.write(name, [bytes(i)]);
    const read = (name: string) =>
      handles.read(
        path.join(root, name),
        async (handle) => (await handle.read(new Uint8Array(1), 0, 1, 0)).buffer[0],
      );
    for (let round = 0; round < 3; round++) {
      expect(await Promise.all(names.map(read))).toEqual(names.map((_, i) => i));
      for (const name of names) await read(name);
      expect(handles.count).toBe(3);
    }
    await expect(read('none')).rejects.toThrow('ENOENT');
    expect(handles.count).toBeLessThanOrEqual(3);
    await handles.close();
    expect(handles.count).toBe(0);
    expect(await read('f1')).toBe(1);
    expect(handles.count).toBe(0);
  });
  test('leftover temporary files are not listed', async () => {
    const { files, root } = await nodeFiles();
    await files.write('d/a', [bytes(1)]);
    await writeFile(path.join(root, 'd/.tmp-1-1'), 'x');
    expect(await files.list('d')).toEqual(['d/a']);
    expect((await readdir(path.join(root, 'd'))).sort()).toEqual(['.tmp-1-1', 'a']);
  });
  test('closing the files fails open handles', async () => {
    const { files } = await nodeFiles();
    const file = await files.openAppend('f');
    const pending = file.append([new Uint8Array(50_000_000)]);
    pending.catch(() => {});
    await files.close();
    await expect(pending).rejects.toMatchObject({ key: 'wal_unavailable' });
    await file.close();
  });
});

describe('MemoryFiles', () => {
  const slow = (): { files: MemoryFiles; release: () => void } => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let held = false;
    const files = new MemoryFiles(() => (held ? gate : Promise.resolve()));
    return {
      files,
      release: () => {
        if (held) release();
        held = true;
      },
    };
  };
  test('a crash drops what is not durable, and may keep a torn tail', async () => {
    const { files, release } = slow();
    const file = await files.openAppend('w');
    await file.append([bytes(1, 2)]);
    release(); // From now on changes wait.
    const lost = file.append([bytes(3, 4, 5)]);
    const replaced = files.write('w2', [bytes(1)]);
    lost.catch(() => {});
    replaced.catch(() => {});
    files.crash((name, count) => {
      expect([name, count]).toEqual(['w', 3]);
      return 1;
    });
    release();
    await expect(lost).rejects.toMatchObject({ key: 'wal_unavailable' });
    await expect(replaced).rejects.toMatchObject({ key: 'io_failed' });
    expect([...(await files.read('w'))]).toEqual([1, 2, 3]);
    expect(await files.size('w2')).toBeUndefined();
  });
  test('a process that dies loses nothing that it wrote; a loss of power takes what was not synced, page by page', async () => {
    const files = new MemoryFiles(undefined, 4);
    const file = await files.openAppend('w');
    await file.append([bytes(1, 2)]);
    files.fault = (operation) => (operation === 'sync' ? { code: 'EIO' } : undefined);
    await expect(file.append([bytes(3, 4, 5, 6, 7, 8, 9)])).rejects.toMatchObject({ key: 'wal_unavailable' });
    files.fault = undefined;
    files.crash();
    expect([...(await files.read('w'))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    files.losePower((name, page) => name === 'w' && page === 1);
    expect([...(await files.read('w'))]).toEqual([1, 2, 0, 0, 5, 6, 7, 8]);
    files.losePower();
    expect([...(await files.read('w'))]).toEqual([1, 2, 0, 0, 5, 6, 7, 8]);
  });
  test('after a failed sync the pages may be forgotten, or read as zeros', async () => {
    for (const pages of ['forgotten', 'zeroed'] as const) {
      const files = new MemoryFiles(undefined, 4);
      const file = await files.openAppend('w');
      await file.append([bytes(1)]);
      files.fault = (operation) => (operation === 'sync' ? { code: 'EIO', pages } : undefined);
      await file.append([bytes(2, 3, 4, 5)]).catch(() => {});
      files.fault = undefined;
      const zeroed = pages === 'zeroed';
      expect([...(await files.read('w'))]).toEqual(zeroed ? [1, 0, 0, 0, 0] : [1, 2, 3, 4, 5]);
      await (await files.openAppend('w')).append([bytes(6)]);
      files.losePower();
      // The page of the byte that came later was written whole.
      expect([...(await files.read('w'))]).toEqual(zeroed ? [1, 0, 0, 0, 0, 6] : [1, 0, 0, 0, 5, 6]);
    }
  });
  test('any operation can fail; what was under way at a crash may complete; bytes decay', async () => {
    const { files, release } = slow();
    await files.write('a', [bytes(1)]);
    const asked: string[] = [];
    for (const broken of ['read', 'list', 'open', 'write', 'rename', 'remove', 'truncate'] as const) {
      files.fault = (operation, path) => {
        asked.push(`${operation} ${path}`);
        return operation === broken ? { code: 'ENOSPC' } : undefined;
      };
      const all = [
        files.read('a'),
        files.list(''),
        files.openAppend('a'),
        files.write('a', [bytes(2)]),
        files.truncate('a', 9),
        files.remove('b'),
      ];
      const failures = (await Promise.allSettled(all)).filter((one) => one.status === 'rejected');
      expect(failures.map(({ reason }) => (reason as { key: string }).key)).toEqual(['io_failed']);
    }
    expect(new Set(asked)).toContain('rename a');
    files.fault = undefined;
    files.damage('a', (content) => content.fill(7));
    expect(new Set(await files.read('a'))).toEqual(new Set([7]));
    release();
    for (const change of [files.remove('a'), files.write('c', [bytes(1)])]) change.catch(() => {});
    files.crash(undefined, (operation) => operation === 'remove');
    release();
    expect(await files.list('')).toEqual([]);
  });
  test('injected faults keep a part and poison the handle', async () => {
    const files = new MemoryFiles();
    const file = await files.openAppend('w');
    files.appendFault = (_path, count) => ({ keptBytes: count - 1 });
    const [first, second] = [file.append([bytes(1, 2)]), file.append([bytes(3)])];
    await expect(first).rejects.toMatchObject({ key: 'wal_unavailable' });
    await expect(second).rejects.toMatchObject({ key: 'wal_unavailable' });
    files.appendFault = undefined;
    await expect(file.append([bytes(3)])).rejects.toMatchObject({ key: 'wal_unavailable' });
    const again = await files.openAppend('w');
    await again.append([bytes(8)]);
    expect([...(await files.read('w'))]).toEqual([1, 8]);
  });
});
