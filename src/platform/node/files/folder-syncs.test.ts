// A new folder costs the syncs that make its name durable: those above it were synced when they were new.
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { NodeFiles } from './node-files.js';

test('folders above a new one are synced once', async () => {
  const root = await fs.mkdtemp(join(tmpdir(), 'elanus-syncs-'));
  const files = new NodeFiles(root);
  try {
    const handle = await fs.open(root, 'r');
    const sync = vi.spyOn(Object.getPrototypeOf(handle), 'sync');
    await handle.close();
    const syncsOf = async (file: string): Promise<number> => {
      sync.mockClear();
      await files.write(file, [new Uint8Array([1])]);
      return sync.mock.calls.length;
    };
    expect(await syncsOf('a/b/c/d/1')).toBeGreaterThanOrEqual(6);
    // The folder, the one above it, the file, and the folder for the file.
    expect(await syncsOf('a/b/c/e/1')).toBe(4);
    expect(await syncsOf('a/b/c/e/2')).toBe(2);
    expect(await syncsOf('a/b/f/g/1')).toBe(5);
    sync.mockRestore();
  } finally {
    await files.close();
    await fs.rm(root, { recursive: true });
  }
});
