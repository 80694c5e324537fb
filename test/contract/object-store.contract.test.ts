// What every ObjectStore must do.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { FileObjectStore } from '#platform/file-object-store.js';
import { MemoryFiles } from '#platform/memory/memory-files.js';
import { NodeFiles } from '#platform/node/files/node-files.js';
import type { ObjectStore } from '#platform/object-store.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe.each([
  [
    'node files',
    async (): Promise<ObjectStore> => {
      const root = await mkdtemp(path.join(tmpdir(), 'elanus-objects-'));
      cleanups.push(() => rm(root, { recursive: true }));
      return new FileObjectStore(new NodeFiles(root), 'objects');
    },
  ],
  ['memory files', async (): Promise<ObjectStore> => new FileObjectStore(new MemoryFiles(), 'objects')],
] as const)('ObjectStore (%s)', (_name, open) => {
  test('puts, gets, ranges, sizes, removes', async () => {
    const store = await open();
    expect(await store.put('a/b', [bytes(1, 2), bytes(3)])).toBe(true);
    expect([...(await store.get('a/b'))]).toEqual([1, 2, 3]);
    expect([...(await store.getRange('a/b', 1, 9))]).toEqual([2, 3]);
    expect(await store.size('a/b')).toBe(3);
    await store.remove('a/b');
    await store.remove('a/b');
    expect(await store.size('a/b')).toBeUndefined();
    await expect(store.get('a/b')).rejects.toMatchObject({ key: 'object_not_found' });
    await expect(store.getRange('a/b', 0, 1)).rejects.toMatchObject({ key: 'object_not_found' });
  });
  test('reads into given parts, shared memory too, as far as the object goes', async () => {
    const store = await open();
    const all = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
    await store.put('a/b', [all]);
    const shared = new Uint8Array(new SharedArrayBuffer(200_000));
    const parts = [new Uint8Array(3), shared, new Uint8Array(0), new Uint8Array(10)];
    expect(await store.readInto('a/b', 7, parts)).toBe(200_013);
    expect(parts[0]).toEqual(all.subarray(7, 10));
    expect(Uint8Array.from(shared)).toEqual(all.subarray(10, 200_010));
    expect(parts[3]).toEqual(all.subarray(200_010, 200_020));
    const many = Array.from({ length: 3000 }, () => new Uint8Array(50));
    expect(await store.readInto('a/b', 0, many)).toBe(150_000);
    expect(many[2999]).toEqual(all.subarray(149_950, 150_000));
    const end = new Uint8Array(8).fill(9);
    expect(await store.readInto('a/b', 299_995, [end])).toBe(5);
    expect(end).toEqual(Uint8Array.of(...all.subarray(299_995), 9, 9, 9));
    expect(await store.readInto('a/b', 300_007, [end])).toBe(0);
    await expect(store.readInto('no', 0, [end])).rejects.toMatchObject({ key: 'object_not_found' });
  });
  test('ifAbsent: one of many writers wins and its bytes stay', async () => {
    const store = await open();
    const won = await Promise.all(
      Array.from({ length: 12 }, (_, i) => store.put('m/1', [bytes(i)], { ifAbsent: true })),
    );
    expect(won.filter(Boolean).length).toBe(1);
    expect([...(await store.get('m/1'))]).toEqual([won.indexOf(true)]);
    expect(await store.put('m/1', [bytes(99)])).toBe(true);
    expect([...(await store.get('m/1'))]).toEqual([99]);
  });
  test('lists by any prefix, sorted', async () => {
    const store = await open();
    for (const key of ['log/1/2', 'log/1/10', 'log/12/1', 'stats/1']) await store.put(key, [bytes(1)]);
    expect(await store.list('log/1')).toEqual(['log/1/10', 'log/1/2', 'log/12/1']);
    expect(await store.list('log/1/')).toEqual(['log/1/10', 'log/1/2']);
    expect(await store.list('')).toEqual(['log/1/10', 'log/1/2', 'log/12/1', 'stats/1']);
    expect(await store.list('none/')).toEqual([]);
  });
  test.each(['', '/a', 'a/', 'a//b', '../a', 'a/./b', 'a\\b', 'a\0', 'x'.repeat(1025)])(
    'refuses the key %j',
    async (key) => {
      const store = await open();
      await expect(store.put(key, [])).rejects.toMatchObject({ key: 'invalid_parameter' });
      await expect(store.get(key)).rejects.toMatchObject({ key: 'invalid_parameter' });
      await expect(store.remove(key)).rejects.toMatchObject({ key: 'invalid_parameter' });
    },
  );
});
