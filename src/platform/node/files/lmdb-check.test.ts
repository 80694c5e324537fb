// A catalog file of which something is missing is found before lmdb maps it; a sound one is never refused.
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkLmdbFile } from './lmdb-check.js';
import { loadLmdb } from './lmdb-load.js';
import { LmdbMetaStore } from './lmdb-meta-store.js';

const PAGE = 4096;
let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'elanus-lmdb-'));
  file = join(folder, 'data.mdb');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Short and long values, put, changed and removed in several commits. */
async function write(rounds: number): Promise<void> {
  const store = new LmdbMetaStore(folder, await loadLmdb());
  for (let round = 0; round < rounds; round++) {
    const keys = Array.from({ length: 60 }, (_, at) => `key/${(at * 37 + round * 11) % 400}`);
    const sizeOf = (at: number): number => (at % 7 === 0 ? 20_000 : 50 + at);
    await store.transact(
      [],
      [...new Set(keys)].map((key, at) =>
        at % 5 === 4
          ? { kind: 'delete', key }
          : { kind: 'put', key, value: new Uint8Array(sizeOf(at)).fill(round) },
      ),
    );
    if (round % 3 === 0) checkLmdbFile(folder);
  }
  await store.close();
}

const damaged = expect.objectContaining({
  key: 'data_corrupt',
  message: expect.stringContaining('restore meta/'),
});

const failure = (): unknown => {
  try {
    checkLmdbFile(folder);
    return undefined;
  } catch (error) {
    return error;
  }
};

test('a folder without a file, and one that lmdb wrote, at any moment, are fine', async () => {
  checkLmdbFile(folder);
  for (const rounds of [0, 1, 2, 30, 7]) {
    await write(rounds);
    expect(failure()).toBeUndefined();
  }
});

test.each([[100], [PAGE], [2 * PAGE], [5 * PAGE + 17]])(
  'a file cut to %d bytes is damaged',
  async (bytes) => {
    await write(20);
    await truncate(file, bytes);
    expect(failure()).toEqual(damaged);
  },
);
test('zeros in place of the first page, of pages in use, of everything are damage', async () => {
  await write(20);
  const bytes = await readFile(file);
  const zeroed = async (begin: number, end: number): Promise<unknown> => {
    await writeFile(file, Buffer.from(bytes).fill(0, begin, end));
    return failure();
  };
  expect(await zeroed(0, PAGE)).toEqual(damaged);
  expect(await zeroed(2 * PAGE, bytes.length)).toEqual(damaged);
  expect(await zeroed(0, bytes.length)).toEqual(damaged);
});
