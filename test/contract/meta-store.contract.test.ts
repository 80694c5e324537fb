// What every MetaStore must do.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { seededRandom } from '#base/random.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import type { MetaEvent, MetaStore } from '#platform/meta-store.js';
import { loadLmdb } from '#platform/node/files/lmdb-load.js';
import { LmdbMetaStore } from '#platform/node/files/lmdb-meta-store.js';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import { nodeClock, nodeTimers } from '#platform/node/node-time.js';
import { MetaDefinition, ProcessDefinition } from '#proto/elanus/roles.js';
import { MetaService } from '#rpc/meta/meta-service.js';
import { RemoteMetaStore } from '#rpc/meta/remote-meta-store.js';
import { PROTOCOL_VERSION } from '#rpc/remote-role.js';
import { wireMethods } from '#rpc/wire-methods.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const put = (key: string, value: string) => ({ kind: 'put', key, value: text(value) }) as const;
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'elanus-meta-'));
  cleanups.push(() => rm(made, { recursive: true }));
  return made;
}

async function openLmdb(at: string): Promise<LmdbMetaStore> {
  const store = new LmdbMetaStore(at, await loadLmdb());
  cleanups.push(() => store.close());
  return store;
}

/** The store of another process: over a real port, behind a handshake. */
async function openRemote(served: MetaStore = new MemoryMetaStore()): Promise<MetaStore> {
  const transport = new GrpcTransport();
  const service = new MetaService(served, nodeTimers, 7n);
  const methods = new Map([
    ...wireMethods(MetaDefinition, service.handlers),
    ...wireMethods(ProcessDefinition, {
      handshake: async ({ role }) => ({
        serverId: 7n,
        role,
        stateCode: 1,
        protocolVersion: PROTOCOL_VERSION,
      }),
    }),
  ]);
  const bytesMax = 1 << 20;
  const limits = { receiveBytesMax: bytesMax, sendBytesMax: bytesMax };
  const listener = await transport.listen({ host: '127.0.0.1', port: 0, methods, ...limits });
  const platform = { transport, clock: nodeClock, timers: nodeTimers, random: seededRandom(1) };
  const store = new RemoteMetaStore(platform, `127.0.0.1:${listener.port}`, '');
  cleanups.push(async () => {
    store.close();
    service.close();
    await listener.close(0);
  });
  return store;
}

describe.each([
  ['remote', () => openRemote()],
  ['lmdb', async (): Promise<MetaStore> => openLmdb(await folder())],
  ['memory', async (): Promise<MetaStore> => new MemoryMetaStore()],
] as const)('MetaStore (%s)', (_name, open) => {
  test('puts, gets, deletes; revisions rise with every transaction', async () => {
    const store = await open();
    expect(await store.get('a')).toBeUndefined();
    expect(await store.transact([], [put('a', '1'), put('b', '')])).toBeGreaterThan(0n);
    const [a, b] = [await store.get('a'), await store.get('b')];
    expect(a?.value).toEqual(text('1'));
    expect(b?.value).toEqual(text(''));
    expect(a?.modRevision).toBe(b?.modRevision);
    await store.transact([], [put('b', '2')]);
    expect((await store.get('b'))?.modRevision).toBeGreaterThan(a?.modRevision ?? 0n);
    expect((await store.get('a'))?.modRevision).toBe(a?.modRevision);
    await store.transact([], [{ kind: 'delete', key: 'a' }]);
    expect(await store.get('a')).toBeUndefined();
  });
  test('compares decide: absence, revision, value; a failed one changes nothing', async () => {
    const store = await open();
    expect(await store.transact([{ key: 'k', modRevision: 0n }], [put('k', 'x')])).toBeGreaterThan(0n);
    expect(
      await store.transact([{ key: 'k', modRevision: 0n }], [put('k', 'y'), put('other', 'y')]),
    ).toBeUndefined();
    const revision = (await store.get('k'))?.modRevision ?? 0n;
    expect(await store.transact([{ key: 'k', modRevision: revision }], [put('k', 'y')])).toBeGreaterThan(0n);
    expect(await store.transact([{ key: 'k', modRevision: revision }], [put('k', 'z')])).toBeUndefined();
    expect(await store.transact([{ key: 'k', value: text('x') }], [put('k', 'z')])).toBeUndefined();
    expect(
      await store.transact(
        [
          { key: 'k', value: text('y') },
          { key: 'absent', value: text('') },
        ],
        [put('k', 'z')],
      ),
    ).toBeUndefined();
    expect(await store.transact([{ key: 'k', value: text('y') }], [put('k', 'z')])).toBeGreaterThan(0n);
    expect(await store.get('other')).toBeUndefined();
    expect((await store.get('k'))?.value).toEqual(text('z'));
  });
  test('a transaction returns the revision that its keys carry, so that its writer can name what it wrote', async () => {
    const store = await open();
    const first = await store.transact([{ key: 'k', modRevision: 0n }], [put('k', '1'), put('l', '1')]);
    expect([(await store.get('k'))?.modRevision, (await store.get('l'))?.modRevision]).toEqual([
      first,
      first,
    ]);
    const second = await store.transact([{ key: 'k', modRevision: first ?? -1n }], [put('k', '2')]);
    expect(second).toBeGreaterThan(first ?? 0n);
    // The same value written again is another revision: whoever held the older one must read again.
    await store.transact([], [put('k', '2')]);
    expect(await store.transact([{ key: 'k', modRevision: second ?? -1n }], [put('k', '3')])).toBeUndefined();
    // A key that went and came back is not the one that was read.
    await store.transact([], [{ kind: 'delete', key: 'l' }]);
    await store.transact([], [put('l', '1')]);
    expect(
      await store.transact([{ key: 'l', modRevision: first ?? -1n }], [{ kind: 'delete', key: 'l' }]),
    ).toBeUndefined();
  });
  test('a compare guards keys that the transaction does not change', async () => {
    const store = await open();
    const guard = await store.transact([], [put('guard', '')]);
    const raced = await Promise.all([
      store.transact([], [put('guard', 'moved')]),
      store.transact([{ key: 'guard', modRevision: guard ?? -1n }], [put('k', 'stale')]),
    ]);
    expect(raced[1]).toBeUndefined();
    expect(await store.get('k')).toBeUndefined();
  });
  test('one of many concurrent creators wins', async () => {
    const store = await open();
    const won = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        store.transact([{ key: 'lock', modRevision: 0n }], [put('lock', `${i}`)]),
      ),
    );
    expect(won.filter((revision) => revision !== undefined)).toHaveLength(1);
    expect((await store.get('lock'))?.value).toEqual(
      text(`${won.findIndex((revision) => revision !== undefined)}`),
    );
  });
  test('ranges: prefix, key order by code units, deleteRange', async () => {
    const store = await open();
    const keys = ['p/1', 'p/10', 'p/2', 'p/\u{1f600}', 'p/\uff5e', 'p', 'q/1', 'p/é'];
    await store.transact(
      [],
      keys.map((key) => put(key, key)),
    );
    const inOrder = keys.filter((key) => key.startsWith('p/')).sort();
    expect((await store.range('p/')).map((entry) => entry.key)).toEqual(inOrder);
    expect((await store.range('')).length).toBe(keys.length);
    expect(await store.range('none')).toEqual([]);
    expect(await store.transact([], [{ kind: 'deleteRange', prefix: 'p/' }])).toBeGreaterThan(0n);
    expect((await store.range('')).map((entry) => entry.key)).toEqual(['p', 'q/1']);
  });
  test("values are the store's own copies", async () => {
    const store = await open();
    const value = text('abc');
    const done = store.transact([], [{ kind: 'put', key: 'k', value }]);
    await done;
    value.fill(0);
    (await store.get('k'))?.value.fill(1);
    expect((await store.get('k'))?.value).toEqual(text('abc'));
    const large = new Uint8Array(300_000).fill(7);
    await store.transact([], [{ kind: 'put', key: 'large', value: large }]);
    const read = await store.get('large');
    await store.get('k');
    expect(read?.value).toEqual(large);
  });
  test('at most 128 operations, and no key twice', async () => {
    const store = await open();
    const many = Array.from({ length: 129 }, (_, i) => put(`k${i}`, ''));
    await expect(store.transact([], many)).rejects.toMatchObject({ key: 'invalid_parameter' });
    expect(await store.transact([], many.slice(1))).toBeGreaterThan(0n);
    await expect(store.transact([], [put('a', '1'), { kind: 'delete', key: 'a' }])).rejects.toMatchObject({
      key: 'invalid_parameter',
    });
  });
  test('watch: changes below the prefix, in revision order, until cancelled', async () => {
    const store = await open();
    await store.transact([], [put('w/before', '')]);
    const seen: MetaEvent[] = [];
    const watch = store.watch('w/', (event) => seen.push(event));
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => store.transact([], [put(`w/${i}`, `${i}`), put(`v/${i}`, '')])),
    );
    await store.transact([{ key: 'w/1', modRevision: 0n }], [put('w/failed', '')]);
    await store.transact(
      [],
      [
        { kind: 'delete', key: 'w/absent' },
        { kind: 'deleteRange', prefix: 'w/1' },
      ],
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(
      seen
        .slice(0, 20)
        .map((event) => event.key)
        .sort(),
    ).toEqual(Array.from({ length: 20 }, (_, i) => `w/${i}`).sort());
    expect(seen.slice(0, 20).every((event) => event.kind === 'put' && event.value !== undefined)).toBe(true);
    expect(
      seen
        .slice(20)
        .map((event) => `${event.kind} ${event.key}`)
        .sort(),
    ).toEqual(
      ['1', ...Array.from({ length: 10 }, (_, i) => `1${i}`)].map((name) => `delete w/${name}`).sort(),
    );
    const revisions = seen.map((event) => event.revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
    watch.cancel();
    await store.transact([], [put('w/after', '')]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen.some((event) => event.key === 'w/after')).toBe(false);
  });
});

describe('LmdbMetaStore', () => {
  test('entries and the revision survive reopening', async () => {
    const at = await folder();
    const first = await openLmdb(at);
    await first.transact([], [put('a', '1')]);
    await first.transact([], [put('b', '2')]);
    await first.transact([], [{ kind: 'delete', key: 'b' }]);
    await first.close();
    const second = await openLmdb(at);
    expect(await second.get('a')).toEqual({ key: 'a', value: text('1'), modRevision: 1n });
    await second.transact([], [put('c', '')]);
    expect((await second.get('c'))?.modRevision).toBe(4n);
  });
  test('refuses keys lmdb cannot hold, and calls after close', async () => {
    const store = await openLmdb(await folder());
    await expect(store.get('x'.repeat(2000))).rejects.toMatchObject({ key: 'invalid_parameter' });
    await store.transact([], [put('é'.repeat(950), 'long')]);
    expect((await store.get('é'.repeat(950)))?.value).toEqual(text('long'));
    await store.close();
    await expect(store.get('a')).rejects.toMatchObject({ key: 'service_unavailable' });
  });
});
