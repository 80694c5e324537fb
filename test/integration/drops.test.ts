// What drops, crashes and imports leave of each other, through the SDK: folders open again, what is dropped is gone, what was acknowledged is there.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadLmdb } from '#platform/node/files/lmdb-load.js';
import { LmdbMetaStore } from '#platform/node/files/lmdb-meta-store.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { defaultConfig } from '#server/config.js';
import { startNode } from '#server/node.js';
import { type Elanus, open } from '#server/open.js';
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
let database: Elanus | undefined;
let client: MilvusClient;
beforeEach(async () => {
  folder = await tempFolder();
});

afterEach(async () => {
  await stop();
  await folder.remove();
});

async function start(): Promise<void> {
  database = await open(folder.path, { logLevel: 'silent' });
  client = await connect(database.address);
}

async function stop(): Promise<void> {
  if (database === undefined) return;
  await client.closeConnection();
  await database.close();
  database = undefined;
}

async function restart(): Promise<void> {
  await stop();
  await start();
}

async function countOf(collection_name: string): Promise<number> {
  const read = await client.query({
    collection_name,
    filter: '',
    output_fields: ['count(*)'],
    consistency_level: 0,
  });
  expect(read.status).toMatchObject({ code: 0, reason: '' });
  return Number(read.data[0]?.['count(*)']);
}

/** Objects and temporary files of ours. */
async function objects(): Promise<string[]> {
  const entries = await readdir(join(folder.path, 'objects'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.path.length + 9));
  return paths.filter((path) => !path.startsWith('up/')).sort();
}

async function put(key: string, text: string | Uint8Array): Promise<void> {
  const path = join(folder.path, 'objects', key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const rows = (count: number): string =>
  JSON.stringify({ rows: Array.from({ length: count }, (_, id) => ({ id, vector: vectorOf(id) })) });

describe('the last collection of a channel', () => {
  test('dropped, another created, however often the folder was opened: it opens again with its rows', async () => {
    await start();
    await createLoaded(client, 'c0');
    for (let round = 1; round <= 3; round++) {
      await restart();
      await mustSucceed(client.dropCollection({ collection_name: `c${round - 1}` }));
      if (round === 2) await restart();
      await createLoaded(client, `c${round}`);
      await insertRange(client, `c${round}`, 0, 5);
      await restart();
      expect(await countOf(`c${round}`)).toBe(5);
    }
  });
  test('in a folder whose catalog forgot the epoch of the log: it opens, and writes are taken', async () => {
    await start();
    await createLoaded(client, 'a');
    for (let round = 0; round < 3; round++) {
      await insertRange(client, 'a', round, round + 1);
      await restart();
    }
    await mustSucceed(client.dropCollection({ collection_name: 'a' }));
    await stop();
    const store = new LmdbMetaStore(join(folder.path, 'meta'), await loadLmdb());
    expect(await store.range('datacoord-meta/channel/')).toEqual([]);
    await store.transact([], [{ kind: 'deleteRange', prefix: 'datacoord-meta/epoch/' }]);
    await store.close();
    await start();
    await createLoaded(client, 'b');
    await insertRange(client, 'b', 0, 7);
    await restart();
    expect(await countOf('b')).toBe(7);
  });
});

describe('an import', () => {
  beforeEach(async () => {
    await start();
    await put('up/rows.json', rows(3000));
  });
  const ended = (task: number | undefined) =>
    until('the end of the import', async () => {
      const state = await client.getImportState({ task: task ?? -1 });
      return ['ImportCompleted', 'ImportFailed'].includes(state.state) ? state : undefined;
    });
  test.each([0, 20, 60, 150])(
    'into a partition that is dropped after %s ms completes before, or fails and says why; no file stays',
    async (ms) => {
      await createLoaded(client, 'a');
      await mustSucceed(client.releaseCollection({ collection_name: 'a' }));
      await mustSucceed(client.createPartition({ collection_name: 'a', partition_name: 'p' }));
      const started = await client.bulkInsert({
        collection_name: 'a',
        partition_name: 'p',
        files: ['up/rows.json'],
      });
      await new Promise((resolve) => setTimeout(resolve, ms));
      await mustSucceed(client.dropPartition({ collection_name: 'a', partition_name: 'p' }));
      const state = await ended(started.tasks[0]);
      if (state.state === 'ImportFailed') {
        const reason = state.infos.find(({ key }) => key === 'failed_reason')?.value;
        expect(reason).toMatch(
          /^partition \d+ of collection a was dropped or truncated before the import was done/,
        );
      }
      await until('no files', async () => ((await objects()).length === 0 ? true : undefined));
      const { data } = await client.getCollectionStatistics({ collection_name: 'a' });
      expect(Number(data.row_count)).toBe(0);
      const late = await failureOf(() =>
        client.bulkInsert({ collection_name: 'a', partition_name: 'p', files: ['up/rows.json'] }),
      );
      expect(late).toMatchObject({ code: 200 });
    },
  );
  test('that answers Completed is found by the next Strong read', async () => {
    await createLoaded(client, 'a');
    await put('up/few.json', rows(40));
    for (let round = 1; round <= 6; round++) {
      const started = await client.bulkInsert({ collection_name: 'a', files: ['up/few.json'] });
      expect((await ended(started.tasks[0])).state).toBe('ImportCompleted');
      expect(await countOf('a')).toBe(40 * round);
    }
  });
});

describe('at the start', () => {
  test('files that killed writers left are removed; a users files stay, and so does all that is named', async () => {
    await start();
    await createLoaded(client, 'a');
    await insertRange(client, 'a', 0, 2000);
    await mustSucceed(client.flushSync({ collection_names: ['a'] }));
    await until('its index', async () =>
      (await objects()).some((path) => path.startsWith('index_files/')) ? true : undefined,
    );
    await stop();
    const kept = await objects();
    expect(kept.length).toBeGreaterThan(3);
    const [log] = kept.filter((path) => path.startsWith('insert_log/'));
    const segment = log?.split('/').slice(0, 4).join('/');
    const left = [
      `${segment}/0/77`,
      `${segment}/0/78.parquet`,
      'insert_log/1/2/3/0/4',
      'insert_log/1/2/3/101/4.parquet',
      'delta_log/1/-1/5/6',
      'delta_log/1/-1/5/7.parquet',
      'manifest/1/2/3.json',
      'index_files/9/1/2/3/FLAT',
    ];
    for (const key of [...left, `${segment}/.tmp-1-1`, 'insert_log/1/.tmp-99-7']) await put(key, 'left');
    await put('mine/rows.json', 'mine');
    await start();
    await until('the end of the leftovers', async () =>
      (await objects()).length === kept.length + 1 ? true : undefined,
    );
    expect(await objects()).toEqual([...kept, 'mine/rows.json'].sort());
    expect(await countOf('a')).toBe(2000);
    await mustSucceed(client.dropCollection({ collection_name: 'a' }));
    expect(await objects()).toEqual(['mine/rows.json']);
  });
});

describe('a guarantee timestamp', () => {
  test('that a write returned is good after the clock was set back; one far ahead ends with the deadline, not later', async () => {
    const platform = await openNodePlatform({ logLevel: 'silent' });
    let back = 0;
    const clock = { now: () => platform.clock.now() - back, monotonic: () => platform.clock.monotonic() };
    const node = await startNode({ ...platform, clock }, { ...defaultConfig, port: 0 });
    const own = await connect(`127.0.0.1:${node.listener?.port}`);
    try {
      await createLoaded(own, 'a', { shards: 2 });
      await insertRange(own, 'a', 0, 50);
      for (const ms of [3_600_000, -3_600_000, 365 * 86_400_000]) {
        back = ms;
        const written = await own.insert({
          collection_name: 'a',
          data: [{ id: 1000, vector: vectorOf(1000) }],
        });
        // The listener has the true clock: a deadline that it reckons is hours ahead or behind for the rest of the node.
        const at = { guarantee_timestamp: written.timestamp, timeout: 4 * 3_600_000 };
        const search = () =>
          own.search({
            collection_name: 'a',
            data: [vectorOf(1000)],
            limit: 1,
            output_fields: ['id'],
            ...at,
          });
        expect(await search()).toMatchObject({ status: { code: 0 }, results: [{ id: '1000' }] });
        const query = await own.query({
          collection_name: 'a',
          filter: 'id in [1000]',
          output_fields: ['id'],
          ...at,
        });
        expect(query).toMatchObject({ status: { code: 0 }, data: [{ id: '1000' }] });
        const begin = Date.now();
        const far = String(BigInt(written.timestamp) + (600_000n << 18n));
        const ahead = { guarantee_timestamp: far };
        const late = await failureOf(() =>
          own.query({
            collection_name: 'a',
            filter: 'id in [1]',
            output_fields: ['id'],
            timeout: 2000,
            ...ahead,
          }),
        );
        expect(Date.now() - begin).toBeLessThan(2500);
        expect(late.reason).toMatch(/ahead of the time of the cluster|[Dd]eadline/);
      }
    } finally {
      await own.closeConnection();
      await node.close();
      await platform.close?.();
    }
  });
});
