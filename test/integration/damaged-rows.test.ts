// A file of rows or deletes is damaged or gone: its collection says which one, at once, the others work, and it serves again when the file is back.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { runElanus } from './server-process.js';
import {
  connect,
  createLoaded,
  failureOf,
  insertRange,
  mustSucceed,
  tempFolder,
  until,
  vectorOf,
} from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let client: MilvusClient;
const reopen = async (): Promise<void> => {
  database = await open(folder.path, { logLevel: 'silent' });
  client = await connect(database.address);
};

const close = async (): Promise<void> => {
  await client.closeConnection();
  await database.close();
};

async function filesOf(kind: string): Promise<string[]> {
  const entries = await readdir(join(folder.path, 'objects', kind), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const countOf = async (name: string): Promise<number> => {
  const answer = await client.query({ collection_name: name, filter: '', output_fields: ['count(*)'] });
  await mustSucceed(Promise.resolve(answer));
  return Number(answer.data[0]?.['count(*)']);
};

beforeEach(async () => {
  folder = await tempFolder();
  await reopen();
  await createLoaded(client, 'hurt');
  await insertRange(client, 'hurt', 0, 50);
  await mustSucceed(client.flushSync({ collection_names: ['hurt'] }));
  await mustSucceed(client.delete({ collection_name: 'hurt', filter: 'id in [1, 2]' }));
  await mustSucceed(client.flushSync({ collection_names: ['hurt'] }));
});

afterEach(() => folder.remove());

test.each([
  ['insert_log', 'damaged'],
  ['delta_log', 'damaged'],
  ['insert_log', 'gone'],
])('a file of the %s is %s', async (kind, how) => {
  const [file] = (await filesOf(kind)).sort() as [string];
  await createLoaded(client, 'sound');
  await insertRange(client, 'sound', 0, 20);
  await close();
  const bytes = await readFile(file);
  if (how === 'gone') await rm(file);
  else await writeFile(file, new Uint8Array(bytes.length));

  await reopen();
  const named = {
    code: 1009,
    reason: expect.stringContaining(file.slice(join(folder.path, 'objects').length + 1)),
  };
  // Far below the deadline of 30 s that the client gives.
  const begin = performance.now();
  expect(
    await failureOf(() => client.search({ collection_name: 'hurt', data: vectorOf(3), limit: 3 })),
  ).toMatchObject(named);
  expect(await failureOf(() => client.query({ collection_name: 'hurt', filter: 'id in [3]' }))).toMatchObject(
    named,
  );
  expect(await failureOf(() => client.getLoadingProgress({ collection_name: 'hurt' }))).toMatchObject(named);
  expect(performance.now() - begin).toBeLessThan(15_000);
  await until('the other collection serves', async () =>
    (await countOf('sound')) === 20 ? true : undefined,
  );

  await writeFile(file, bytes);
  await until('it serves again', async () => ((await countOf('hurt')) === 48 ? true : undefined));
  await close();
});

test('a catalog file that was cut off keeps the server from starting, in one line', async () => {
  await close();
  const file = join(folder.path, 'meta/data.mdb');
  const whole = await readFile(file);
  for (const bytes of [2 * 4096, whole.length >> 1]) {
    await writeFile(file, whole.subarray(0, bytes));
    const run = runElanus('serve', '--data', folder.path, '--port', '0');
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.stderr()).toMatch(
      /^elanus: catalog ".*data\.mdb" is damaged: .*; restore meta\/ from a copy.*\n$/,
    );
  }
  await writeFile(file, whole);
  await reopen();
  await until('the rows are there', async () => ((await countOf('hurt')) === 48 ? true : undefined));
  await close();
});
