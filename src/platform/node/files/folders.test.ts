// Folders go with the last file in them, whoever writes meanwhile: in this process, or in another one that shares the root.
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FileObjectStore } from '#platform/file-object-store.js';
import { NodeFiles } from './node-files.js';

const content = [Uint8Array.of(1)];
let root: string;
let files: NodeFiles;
let other: NodeFiles;
beforeEach(async () => {
  root = await fs.mkdtemp(join(tmpdir(), 'elanus-folders-'));
  files = new NodeFiles(root);
  // Temporary files of processes differ by their ids; these two have one.
  vi.spyOn(Date, 'now').mockReturnValueOnce(1);
  other = new NodeFiles(root);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await files.close();
  await other.close();
  await fs.rm(root, { recursive: true });
});
/** Folders below the root, sorted. */
const folders = async (): Promise<string[]> => {
  const entries = await fs.readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
    .sort();
};

test('what is emptied goes, up to what others share', async () => {
  await files.write('a/b/c/1', content);
  await files.write('a/b/d/1', content);
  await files.remove('a/b/d/1');
  expect(await folders()).toEqual(['a', 'a/b', 'a/b/c', 'a/b/d']);
  await files.write('a/b/d/1', content);
  await files.remove('a/b/c/1', 'a');
  expect(await folders()).toEqual(['a', 'a/b', 'a/b/d']);
  await files.remove('a/b/d/1', 'a');
  expect(await folders()).toEqual(['a']);
  await files.remove('a/b/d/1', 'a');
  await files.write('a/b/d/1', content);
  expect(await files.list('')).toEqual(['a/b/d/1']);
});

test('objects: a segment and a build of an index leave no folder behind, a partition stays', async () => {
  const store = new FileObjectStore(files, 'objects');
  const keys = [
    ...['insert_log/1/2/3/0/4.parquet', 'insert_log/1/2/3/101/4.parquet', 'delta_log/1/2/3/5.parquet'],
    ...['manifest/1/2/3.json', 'index_files/7/1/2/3/HNSW'],
  ];
  for (const key of keys) await store.put(key, content);
  await Promise.all(keys.map((key) => store.remove(key)));
  expect((await folders()).filter((name) => name.split('/').length > 2)).toEqual(
    ['delta_log', 'insert_log', 'manifest'].flatMap((kind) => [`objects/${kind}/1`, `objects/${kind}/1/2`]),
  );
});

test('what users put beside our objects keeps its folders', async () => {
  const store = new FileObjectStore(files, 'objects');
  await store.put('of/users/to/import/rows.json', content);
  await store.remove('of/users/to/import/rows.json');
  expect(await folders()).toContain('objects/of/users/to/import');
});

test('writes beside removals in one folder: none fails, none is lost', async () => {
  const writeAndRemove = async (writer: NodeFiles, id: string): Promise<void> => {
    for (let i = 0; i < 16; i++) {
      await writer.write(`a/b/${i % 3}/${id}`, content);
      if (i % 4 === 0) await writer.write(`a/b/${i}/kept-${id}`, content);
      await writer.remove(`a/b/${i % 3}/${id}`, 'a');
    }
  };
  await Promise.all(
    [files, files, other, other].map((writer, index) => writeAndRemove(writer, String(index))),
  );
  const kept = [0, 4, 8, 12].flatMap((i) => [0, 1, 2, 3].map((id) => `a/b/${i}/kept-${id}`));
  expect(await files.list('')).toEqual(kept.sort());
});

test('a folder that another process removed is made again, and its name is synced again', async () => {
  await files.write('a/b/c/1', content);
  await other.remove('a/b/c/1', 'a');
  expect(await folders()).toEqual(['a']);
  await files.write('a/b/c/2', content);
  expect(await files.list('')).toEqual(['a/b/c/2']);
});
