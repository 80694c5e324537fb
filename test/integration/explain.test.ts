// What operations wait for, as REST and the command line say it. Each kind is held back at the object store until it was asked about; nothing waits by time.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { ObjectStore } from '#platform/object-store.js';
import type { Platform } from '#platform/platform.js';
import { defaultConfig } from '#server/config.js';
import { type RunningNode, startNode } from '#server/node.js';
import { open } from '#server/open.js';
import { runElanus } from './server-process.js';
import { connect, createLoaded, insertRange, keyField, mustSucceed, until, vectorField } from './support.js';

type Access = 'put' | 'read' | 'open';

/** Holds back the calls to the store that a test names. */
class Gate {
  #isHeld: ((access: Access, key: string) => boolean) | undefined;
  #open = deferred<void>();
  #arrived = deferred<string>();
  #error: Error | undefined;

  /** @returns the key of the first call that came and waits */
  hold(isHeld: (access: Access, key: string) => boolean): Promise<string> {
    this.#open = deferred<void>();
    this.#arrived = deferred<string>();
    this.#isHeld = isHeld;
    return this.#arrived.promise;
  }

  /** Every such call fails. */
  fail(isHeld: (access: Access, key: string) => boolean, error: Error): void {
    this.#isHeld = isHeld;
    this.#error = error;
  }

  release(): void {
    this.#isHeld = undefined;
    this.#error = undefined;
    this.#open.resolve();
  }

  async pass(access: Access, key: string): Promise<void> {
    if (this.#isHeld?.(access, key) !== true) return;
    if (this.#error !== undefined) throw this.#error;
    this.#arrived.resolve(key);
    await this.#open.promise;
  }
}

function gated(store: ObjectStore, gate: Gate): ObjectStore {
  const behind = async <T>(access: Access, key: string, act: () => Promise<T>): Promise<T> => {
    await gate.pass(access, key);
    return act();
  };
  return {
    put: (key, parts, options) => behind('put', key, () => store.put(key, parts, options)),
    get: (key) => behind('read', key, () => store.get(key)),
    getRange: (key, begin, end) => behind('read', key, () => store.getRange(key, begin, end)),
    readInto: (key, begin, parts) => behind('read', key, () => store.readInto(key, begin, parts)),
    openRead: (key) => behind('open', key, () => store.openRead(key)),
    size: (key) => store.size(key),
    list: (prefix) => store.list(prefix),
    remove: (key) => store.remove(key),
  };
}

interface Operation {
  readonly kind: string;
  readonly collectionName: string;
  readonly what: string;
  readonly state: string;
  readonly waitsFor: string;
  readonly since?: string;
  readonly progress?: number;
}

const gate = new Gate();
let platform: Platform;
let node: RunningNode;
let client: MilvusClient;
let address: string;

beforeAll(async () => {
  const opened = await openNodePlatform({ logLevel: 'silent' });
  platform = { ...opened, objectStore: gated(opened.objectStore, gate) };
  node = await startNode(platform, {
    ...defaultConfig,
    ...{ port: 0, grpcThreads: 0, autoCompaction: false, indexRowsMin: 4 },
  });
  if (node.listener === undefined) throw new Error('no listener');
  address = `127.0.0.1:${node.listener.port}`;
  client = await connect(address);
});
afterEach(() => gate.release());
afterAll(async () => {
  await client?.closeConnection();
  await node?.close();
  await platform?.close();
});

async function post(
  body: object,
): Promise<{ code: number; message?: string; data?: { operations: Operation[] } }> {
  const response = await fetch(`http://${address}/v2/vectordb/operations/explain`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  return (await response.json()) as Awaited<ReturnType<typeof post>>;
}

async function explain(kind: string, collectionName?: string): Promise<Operation[]> {
  const { code, message, data } = await post({ kind, collectionName });
  expect([code, message]).toEqual([0, undefined]);
  return data?.operations ?? [];
}

async function commandLine(...args: readonly string[]) {
  const run = runElanus('explain', ...args, '--address', address);
  const { code } = await run.ended;
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}

/** The command line says the same as REST. */
async function mustBeShown(
  { waitsFor, what, since }: Operation,
  kind: string,
  collection: string,
): Promise<void> {
  const { code, stdout, stderr } = await commandLine(kind, '--collection', collection);
  expect([code, stderr]).toEqual([0, '']);
  const [head, ...rows] = stdout.trimEnd().split('\n');
  expect(head).toMatch(/^OPERATION +OF +WHAT +STATE +SINCE +PROGRESS +WAITS FOR$/);
  expect(rows).toContainEqual(expect.stringContaining(waitsFor));
  for (const text of [kind, collection, what, since ?? '']) expect(stdout).toContain(text);
}

const beginOf = ({ since }: Operation): number => Date.parse(since ?? '');
const gone = (kind: string, name: string) =>
  until(`the end of ${kind}`, async () => ((await explain(kind, name)).length === 0 ? true : undefined));

describe('explain', () => {
  test('flush: the channel and its owner', async () => {
    await createLoaded(client, 'flushed');
    await insertRange(client, 'flushed', 0, 10);
    const beganMs = Date.now();
    const arrived = gate.hold((access, key) => access === 'put' && key.startsWith('insert_log/'));
    const flushing = client.flush({ collection_names: ['flushed'] });
    await arrived;
    // Its files may be written before data-coord knows that the channel is sealed.
    const found = await until('what is sealed', async () => {
      const all = await explain('flush');
      return all.some(({ state }) => state === 'writing') ? all : undefined;
    });
    expect(found).toEqual([
      expect.objectContaining({ kind: 'flush', collectionName: 'flushed', state: 'writing', progress: 0 }),
    ]);
    const [one] = found as [Operation];
    expect(one.waitsFor).toMatch(
      new RegExp(`^streaming-node ${node.serverId} to write the rows of channel \\S+v0 to files$`),
    );
    expect(beginOf(one)).toBeGreaterThanOrEqual(beganMs);
    expect(beginOf(one)).toBeLessThanOrEqual(Date.now());
    await mustBeShown(one, 'flush', 'flushed');
    gate.release();
    await mustSucceed(flushing);
    await gone('flush', 'flushed');
  });

  test('import: the file that is read, and the job before in the queue', async () => {
    await createLoaded(client, 'imported');
    const rows = [{ id: 1, vector: [1, 2, 3, 4, 5, 6, 7, 8] }];
    await platform.objectStore.put('in/a.json', [Buffer.from(JSON.stringify(rows))]);
    let opened = 0;
    // The first time is for its size.
    const arrived = gate.hold((access, key) => access === 'open' && key === 'in/a.json' && ++opened > 1);
    const begin = async (): Promise<string> => {
      const { tasks } = await client.bulkInsert({ collection_name: 'imported', files: ['in/a.json'] });
      return String(tasks[0]);
    };
    const first = await begin();
    await arrived;
    const second = await begin();
    const found = await explain('import', 'imported');
    expect(found.map(({ what, state, waitsFor }) => ({ what, state, waitsFor }))).toEqual(
      expect.arrayContaining([
        {
          what: `import job ${first}`,
          state: 'importing',
          waitsFor: expect.stringMatching(/^data-node \d+ to read in\/a\.json \(task 1 of 1\)/),
        },
        { what: `import job ${second}`, state: 'pending', waitsFor: `its turn, after import job ${first}` },
      ]),
    );
    expect(found).toHaveLength(2);
    for (const one of found) await mustBeShown(one, 'import', 'imported');
    gate.release();
    await gone('import', 'imported');
  });

  test('load: the segment, its query-node, and the owner of the channel', async () => {
    await createLoaded(client, 'served');
    await insertRange(client, 'served', 0, 3);
    await mustSucceed(client.flushSync({ collection_names: ['served'] }));
    await mustSucceed(client.releaseCollection({ collection_name: 'served' }));
    const arrived = gate.hold((access, key) => access === 'read' && key.startsWith('insert_log/'));
    const loading = client.loadCollection({ collection_name: 'served' });
    const segment = (await arrived).split('/')[3];
    const found = await explain('load', 'served');
    expect(found).toEqual([
      expect.objectContaining({
        state: 'loading',
        progress: 0,
        what: 'the collection',
        waitsFor: expect.stringMatching(
          new RegExp(
            `^streaming-node ${node.serverId} to serve channel \\S+v0 with segments ${segment} at query-node ${node.serverId}$`,
          ),
        ),
      }),
    ]);
    await mustBeShown(found[0] as Operation, 'load', 'served');
    gate.release();
    await mustSucceed(loading);
    await gone('load', 'served');
  });

  test('load: why the last round failed, and when the next one is', async () => {
    await createLoaded(client, 'unreadable');
    await insertRange(client, 'unreadable', 0, 3);
    await mustSucceed(client.flushSync({ collection_names: ['unreadable'] }));
    await mustSucceed(client.releaseCollection({ collection_name: 'unreadable' }));
    gate.fail(
      (access, key) => access === 'read' && key.startsWith('insert_log/'),
      new Error('the disk is away'),
    );
    const loading = client.loadCollection({ collection_name: 'unreadable' });
    const one = await until('a failed round', async () =>
      (await explain('load', 'unreadable')).find(({ waitsFor }) => waitsFor.startsWith('the next round at')),
    );
    expect(one.waitsFor).toMatch(/^the next round at \d{4}-\S+Z; the last round failed: .*the disk is away/);
    gate.release();
    await mustSucceed(loading);
    await gone('load', 'unreadable');
  });

  test('index: the build, and after a failure the reason and the next try', async () => {
    await mustSucceed(
      client.createCollection({ collection_name: 'indexed', fields: [keyField, vectorField] }),
    );
    await insertRange(client, 'indexed', 0, 10);
    await mustSucceed(client.flushSync({ collection_names: ['indexed'] }));
    const isFile = (access: Access, key: string): boolean =>
      access === 'put' && key.startsWith('index_files/');
    const arrived = gate.hold(isFile);
    const index = { collection_name: 'indexed', field_name: 'vector', index_name: 'nearest' };
    await mustSucceed(client.createIndex({ ...index, index_type: 'FLAT', metric_type: 'L2' }));
    const segment = (await arrived).split('/')[4];
    const [one] = (await explain('index', 'indexed')) as [Operation];
    expect(one).toMatchObject({
      ...{ kind: 'index', state: 'building', what: `index nearest of segment ${segment}`, progress: 0 },
      waitsFor: expect.stringMatching(/^data-node \d+ to build it over 10 rows$/),
    });
    await mustBeShown(one, 'index', 'indexed');
    gate.release();
    await gone('index', 'indexed');

    gate.fail(isFile, new Error('the disk is full'));
    await mustSucceed(client.dropIndex(index));
    await mustSucceed(client.createIndex({ ...index, index_type: 'FLAT', metric_type: 'IP' }));
    const failed = await until('the failure', async () =>
      (await explain('index', 'indexed')).find(({ state }) => state === 'failed'),
    );
    expect(failed.waitsFor).toMatch(/^the next try at \d{4}-\S+Z; the last failed: .*the disk is full/);
    await mustSucceed(client.dropIndex(index));
    expect(await explain('index', 'indexed')).toEqual([]);
  });

  test('compaction: the segments that are merged, and those that wait behind', async () => {
    for (const name of ['merged', 'behind']) {
      await createLoaded(client, name);
      for (const begin of [0, 2]) {
        await insertRange(client, name, begin, begin + 2);
        await mustSucceed(client.flushSync({ collection_names: [name] }));
      }
    }
    const arrived = gate.hold((access, key) => access === 'put' && key.startsWith('insert_log/'));
    const compact = async (name: string) =>
      (await client.compact({ collection_name: name })).compactionID as unknown as string;
    const first = await compact('merged');
    await arrived;
    const second = await compact('behind');
    const { infos } = await client.getPersistentSegmentInfo({ collectionName: 'merged' });
    const [running] = (await explain('compaction', 'merged')) as [Operation];
    expect(running).toMatchObject({ state: 'running', what: `compaction ${first}` });
    expect(running.waitsFor).toMatch(/^data-node \d+ to merge segments \d+, \d+ of channel \S+v0$/);
    for (const { segmentID } of infos) expect(running.waitsFor).toContain(String(segmentID));
    expect(await explain('compaction', 'behind')).toEqual([
      expect.objectContaining({
        ...{
          state: 'waiting',
          what: `compaction ${second}`,
          waitsFor: `its turn, after compaction ${first}`,
        },
      }),
    ]);
    expect(await explain('compaction')).toHaveLength(2);
    await mustBeShown(running, 'compaction', 'merged');
    gate.release();
    await gone('compaction', 'merged');
    await gone('compaction', 'behind');
  });

  test('nothing is under way: an empty answer, and a line that says so', async () => {
    await mustSucceed(client.createCollection({ collection_name: 'idle', fields: [keyField, vectorField] }));
    for (const kind of ['flush', 'import', 'load', 'index', 'compaction'])
      expect([kind, await explain(kind, 'idle')]).toEqual([kind, []]);
    expect(await commandLine('--collection', 'idle')).toEqual({
      ...{ code: 0, stdout: 'nothing is under way\n', stderr: '' },
    });
  });

  test('a kind there is not, and a collection there is not', async () => {
    const wrong = await post({ kind: 'flesh' });
    expect(wrong.code).not.toBe(0);
    expect(wrong.message).toMatch(/kind/);
    const typed = await commandLine('flesh');
    expect(typed.code).toBe(1);
    expect(typed.stderr).toContain('flush, import, load, index, compaction');
    expect(await post({ kind: 'flush', collectionName: 'nowhere' })).toMatchObject({ code: 100 });
    const missing = await commandLine('flush', '--collection', 'nowhere');
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toMatch(/nowhere/);
  });

  test('who may do one kind of operation with a collection reads that kind of it', async () => {
    const database = await open(undefined, { auth: true, logLevel: 'silent' });
    try {
      const call = async (
        path: string,
        body: object,
        authorization = 'Bearer root:Milvus',
      ): Promise<number> => {
        const response = await fetch(`http://${database.address}/v2/vectordb/${path}`, {
          ...{ method: 'POST', body: JSON.stringify(body), headers: { authorization } },
        });
        return ((await response.json()) as { code: number }).code;
      };
      for (const [path, body] of [
        ['collections/create', { collectionName: 'seen', dimension: 4 }],
        ['collections/create', { collectionName: 'other', dimension: 4 }],
        ['users/create', { userName: 'one', password: 'secret1' }],
        ['roles/create', { roleName: 'some' }],
        ['users/grant_role', { userName: 'one', roleName: 'some' }],
        ['roles/revoke_privilege_v2', { roleName: 'public', privilege: 'IndexDetail', dbName: '*' }],
      ] as const)
        expect([path, await call(path, body)]).toEqual([path, 0]);
      const privileges = {
        ...{ flush: 'GetFlushState', import: 'ListImport', load: 'GetLoadState' },
        ...{ index: 'IndexDetail', compaction: 'Compaction' },
      };
      for (const [granted, privilege] of Object.entries(privileges)) {
        const grant = { roleName: 'some', privilege, dbName: 'default', collectionName: 'seen' };
        expect(await call('roles/grant_privilege_v2', grant)).toBe(0);
        for (const kind of Object.keys(privileges)) {
          const ask = (collectionName?: string) =>
            call('operations/explain', { kind, collectionName }, 'Bearer one:secret1');
          expect([granted, kind, await ask('seen')]).toEqual([granted, kind, kind === granted ? 0 : 1401]);
          expect([granted, kind, await ask('other'), await ask()]).toEqual([granted, kind, 1401, 1401]);
        }
        expect(await call('roles/revoke_privilege_v2', grant)).toBe(0);
      }
    } finally {
      await database.close();
    }
  });
});
