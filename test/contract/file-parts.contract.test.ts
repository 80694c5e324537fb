// Whose memory parts of a file and reads of it lie in, which every Files must keep to.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { Files } from '#platform/files.js';
import { MemoryFiles } from '#platform/memory/memory-files.js';
import { NodeFiles } from '#platform/node/files/node-files.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function nodeFiles(): Promise<Files> {
  const root = await mkdtemp(path.join(tmpdir(), 'elanus-files-'));
  const files = new NodeFiles(root);
  cleanups.push(async () => {
    await files.close();
    await rm(root, { recursive: true });
  });
  return files;
}

describe.each([
  ['node', nodeFiles],
  ['memory', async (): Promise<Files> => new MemoryFiles()],
] as const)('memory of Files (%s)', (_name, open) => {
  test('the memory of a part may serve the one after the next, and parts that end early leave nothing', async () => {
    const files = await open();
    const memory = [new Uint8Array(100_000), new Uint8Array(100_000)];
    function* rising(end: number, last: 'ends' | 'throws'): Generator<Uint8Array> {
      for (let i = 0; i < end; i++) {
        // Short and long ones, which are written in different ways.
        const part = (memory[i % 2] as Uint8Array).subarray(0, i % 5 === 0 ? 10 : 100_000);
        yield part.fill(i);
      }
      if (last === 'throws') throw new ElanusError('cancelled', 'no more');
    }
    await files.write('rising', rising(40, 'ends'));
    const all = await files.read('rising');
    const lengths = Array.from({ length: 40 }, (_, i) => (i % 5 === 0 ? 10 : 100_000));
    expect(all.length).toBe(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      expect(all.subarray(at, at + length).every((byte) => byte === i)).toBe(true);
      at += length;
    }
    await expect(files.write('rising', rising(7, 'throws'))).rejects.toMatchObject({ key: 'cancelled' });
    await expect(files.write('other', rising(7, 'throws'))).rejects.toMatchObject({ key: 'cancelled' });
    expect((await files.read('rising')).length).toBe(all.length);
    expect(await files.list('')).toEqual(['rising']);
  });
  test('a reader may be given the memory', async () => {
    const files = await open();
    await files.write('below/f', [bytes(0, 1, 2, 3, 4)]);
    const file = await files.openRead('below/f', { below: 'below' });
    const memory = new Uint8Array(3);
    expect([...((await file?.read(1, 4, memory)) ?? [])]).toEqual([1, 2, 3]);
    expect([...((await file?.read(0, 4, memory)) ?? [])]).toEqual([0, 1, 2, 3]);
    expect([...((await file?.read(4, 9, memory)) ?? [])]).toEqual([4]);
    await file?.close();
  });
});
