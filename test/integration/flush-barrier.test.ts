// Flush as a barrier, on a server in a process of its own that is killed: what was acknowledged before the call is in files, deletes too. Tests
// are named after the class of failure that other databases had; the list is in docs/coordination.md.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ServerProcess, startServer } from './server-process.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder, until } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: ServerProcess;
let client: Awaited<ReturnType<typeof connect>>;

beforeEach(async () => {
  folder = await tempFolder();
  await start();
});
afterEach(async () => {
  await client?.closeConnection();
  server?.kill('SIGKILL');
  await server?.ended;
  await folder?.remove();
});

async function start(): Promise<void> {
  server = await startServer(folder.path, '--log-level', 'info', '--no-auto-compaction');
  client = await connect(server.address);
}

/** As the power would end it. @returns records that were read back from the log */
async function killAndStart(): Promise<number> {
  await client.closeConnection();
  server.kill('SIGKILL');
  await server.ended;
  await start();
  const replays = [...server.stderr().matchAll(/\{[^\n]*"event":"wal_replayed"[^\n]*\}/g)];
  return replays.reduce((sum, [line]) => sum + Number(JSON.parse(line).records), 0);
}

const count = async (name: string): Promise<number> => {
  await mustSucceed(client.loadCollectionSync({ collection_name: name }));
  return Number((await client.count({ collection_name: name })).data);
};
const segmentsOf = async (name: string) =>
  (await client.getPersistentSegmentInfo({ collectionName: name })).infos;
const flush = (name: string) => client.flush({ collection_names: [name] });

describe('flush', () => {
  test('of one row: its segment is flushed, and the row is there after a kill without its log', async () => {
    await createLoaded(client, 'one');
    await insertRange(client, 'one', 0, 1);
    await mustSucceed(client.flushSync({ collection_names: ['one'] }));
    expect((await segmentsOf('one')).map(({ num_rows }) => Number(num_rows))).toEqual([1]);
    expect(await killAndStart()).toBe(0);
    expect(await count('one')).toBe(1);
  });
  test('of an empty collection ends at once, and makes nothing', async () => {
    await createLoaded(client, 'empty', { shards: 2 });
    const begin = performance.now();
    await mustSucceed(client.flushSync({ collection_names: ['empty'] }));
    expect(performance.now() - begin).toBeLessThan(1500);
    expect(await segmentsOf('empty')).toEqual([]);
  });
  test('a hundred at once: all end, and the rows are in one segment', async () => {
    await createLoaded(client, 'storm');
    await insertRange(client, 'storm', 0, 100);
    await Promise.all(Array.from({ length: 100 }, () => mustSucceed(flush('storm'))));
    expect((await segmentsOf('storm')).map(({ num_rows }) => Number(num_rows))).toEqual([100]);
  });
  test('ingest: under writes, each row that was acknowledged before the call is in a file when it ends', async () => {
    await createLoaded(client, 'busy', { shards: 2 });
    let acknowledged = 0;
    let isWriting = true;
    const writing = (async () => {
      for (let at = 0; isWriting && at < 200; at++) {
        await insertRange(client, 'busy', at * 10, at * 10 + 10);
        acknowledged = at * 10 + 10;
      }
    })();
    for (let round = 0; round < 4; round++) {
      const before = acknowledged;
      await mustSucceed(client.flushSync({ collection_names: ['busy'] }));
      const rows = (await segmentsOf('busy')).reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
      expect(rows).toBeGreaterThanOrEqual(before);
    }
    isWriting = false;
    await writing;
    const written = acknowledged;
    await killAndStart();
    expect(await count('busy')).toBe(written);
  });
  test('flush contract (deletes of a flush were in memory alone): killed right after it, they stay deleted without the log', async () => {
    await createLoaded(client, 'deleted');
    await insertRange(client, 'deleted', 0, 50);
    await mustSucceed(client.flushSync({ collection_names: ['deleted'] }));
    await mustSucceed(client.delete({ collection_name: 'deleted', ids: [1, 2, 3] }));
    await mustSucceed(client.flushSync({ collection_names: ['deleted'] }));
    expect(await killAndStart()).toBe(0);
    expect(await count('deleted')).toBe(47);
  });
  test('flush+delete (rows came back): a flush after each delete, then a load after a kill', async () => {
    await createLoaded(client, 'rounds');
    await insertRange(client, 'rounds', 0, 40);
    for (let id = 0; id < 5; id++) {
      await mustSucceed(client.delete({ collection_name: 'rounds', ids: [id * 3] }));
      await mustSucceed(client.flushSync({ collection_names: ['rounds'] }));
    }
    await killAndStart();
    expect(await count('rounds')).toBe(35);
  });
  test('checkpoint (a dropped collection held it back): dropped under writes, killed, again and again: it starts, and others flush', async () => {
    await createLoaded(client, 'stays');
    for (let round = 0; round < 3; round++) {
      await createLoaded(client, 'goes');
      const writing = insertRange(client, 'goes', 0, 100).catch(() => {});
      await mustSucceed(client.dropCollection({ collection_name: 'goes' }));
      await writing;
      await insertRange(client, 'stays', round * 10, round * 10 + 10);
      await killAndStart();
      await mustSucceed(client.flushSync({ collection_names: ['stays'] }));
      expect(await count('stays')).toBe(round * 10 + 10);
    }
  });
  test('the state of a flush of a collection that was dropped since ends', async () => {
    await createLoaded(client, 'gone');
    await insertRange(client, 'gone', 0, 10);
    const flushed = await flush('gone');
    await mustSucceed(client.dropCollection({ collection_name: 'gone' }));
    const segmentIDs = flushed.coll_segIDs.gone?.data ?? [];
    const state = await until('an answer', () => client.getFlushState({ segmentIDs }));
    expect(state.flushed || state.status.code === 100).toBe(true);
  });
});
