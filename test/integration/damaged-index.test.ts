// The file of an index is damaged on disk: answers stay right, and the index is built again without anybody asking.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { open } from '#server/open.js';
import { bruteForce, connect, keyField, mustSucceed, tempFolder, until, vectorOf } from './support.js';

const ROWS = 2000;
const rows = new Map(Array.from({ length: ROWS }, (_, id) => [id, vectorOf(id)]));
const filesBelow = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('a flipped bit in the file of an index is found, the answers stay right, the index is built again', async () => {
  const folder = await tempFolder();
  let database = await open(folder.path, { logLevel: 'silent' });
  let client = await connect(database.address);
  const fields = [keyField, { name: 'vector', data_type: DataType.FloatVector, dim: 8 }];
  await mustSucceed(client.createCollection({ collection_name: 'rows', fields }));
  await mustSucceed(
    client.insert({ collection_name: 'rows', data: [...rows].map(([id, vector]) => ({ id, vector })) }),
  );
  await mustSucceed(client.flushSync({ collection_names: ['rows'] }));
  await mustSucceed(
    client.createIndex({
      collection_name: 'rows',
      field_name: 'vector',
      index_type: 'HNSW',
      metric_type: 'L2',
    }),
  );
  const isBuilt = async (): Promise<true | undefined> =>
    (await client.describeIndex({ collection_name: 'rows' })).index_descriptions[0]?.state === 'Finished'
      ? true
      : undefined;
  await until('the index is built', isBuilt);
  await mustSucceed(client.loadCollectionSync({ collection_name: 'rows' }));
  const indexFolder = join(folder.path, 'objects', 'index_files');
  const before = await filesBelow(indexFolder);
  expect(before).toHaveLength(1);
  await client.closeConnection();
  await database.close();

  const [file] = before as [string];
  const bytes = await readFile(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 4;
  await writeFile(file, bytes);

  database = await open(folder.path, { logLevel: 'silent', indexCheckIntervalMs: 300 });
  client = await connect(database.address);
  const check = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      const query = vectorOf(50_000 + i);
      const found = await client.search({
        collection_name: 'rows',
        data: query,
        limit: 10,
        output_fields: ['id'],
        params: { ef: 200 },
      });
      await mustSucceed(Promise.resolve(found));
      const truth = bruteForce('L2', query, rows).slice(0, 10);
      expect(found.results.map(({ id }) => Number(id))).toEqual(truth.map(({ id }) => id));
    }
  };
  const isLoaded = async (): Promise<true | undefined> =>
    (await client.getLoadState({ collection_name: 'rows' })).state === 'LoadStateLoaded' ? true : undefined;
  await until('it serves', isLoaded);
  await check();
  await until('another file takes the place of the damaged one', async () => {
    const now = await filesBelow(indexFolder);
    return now.length === 1 && now[0] !== file ? true : undefined;
  });
  await until('the index is built', isBuilt);
  await check();
  await client.closeConnection();
  await database.close();
  await folder.remove();
}, 60_000);
