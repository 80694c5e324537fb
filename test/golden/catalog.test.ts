// Golden records of the catalog: the catalogs of this release read them, and write them again with the same bytes.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parsedType, recordTable } from '#catalog/record-table.js';
import { loadRecord, parseLoad } from '#model/states/load.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import type { MetaStore } from '#platform/meta-store.js';
import { loadLmdb } from '#platform/node/files/lmdb-load.js';
import { LmdbMetaStore } from '#platform/node/files/lmdb-meta-store.js';
import { LoadRecord } from '#proto/elanus/data.js';
import { DataCatalog } from '../../src/roles/data-coord/data-catalog.js';
import { DefinitionCatalog } from '../../src/roles/root-coord/definition-catalog.js';
import { TimestampOracle } from '../../src/roles/root-coord/timestamp-oracle.js';
import { catalogRecords } from './catalog.js';

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, import.meta.url)));
const golden = Object.entries(catalogRecords).map(([name, { key }]) => ({
  key,
  value: read(`catalog/v1.${name}`),
}));

async function storeOf(entries: readonly { key: string; value: Uint8Array }[]): Promise<MetaStore> {
  const store = new MemoryMetaStore();
  await store.transact(
    [],
    entries.map(({ key, value }) => ({ kind: 'put', key, value })),
  );
  return store;
}

const written = async (store: MetaStore, prefix: string) =>
  (await store.range(prefix)).map(({ key, value, modRevision }) => ({ key, value, modRevision }));

/** The golden ones below a prefix, as they are after one more transaction for each. */
const expected = (prefix: string) =>
  golden
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map((entry) => ({ ...entry, modRevision: expect.any(BigInt) }));

test('every table of the catalogs has a record here and a row in docs/formats/catalog.md', () => {
  const root = new URL('../../', import.meta.url);
  const sources = readdirSync(new URL('src/roles', root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(new URL(`src/roles/${name}`, root), 'utf8'));
  const prefixes = sources.flatMap((text) =>
    [...text.matchAll(/recordTable\(\s*[\w.]+,\s*'([^']+)'/g)].map(([, prefix = '']) => prefix),
  );
  const tables = sources.reduce((sum, text) => sum + (text.match(/[^.\w]recordTable\(/g) ?? []).length, 0);
  expect(prefixes.length).toBe(tables);
  const page = readFileSync(new URL('docs/formats/catalog.md', root), 'utf8');
  expect(prefixes.filter((prefix) => !page.includes(`\`${prefix}`))).toEqual([]);
  expect(prefixes.filter((prefix) => !golden.some(({ key }) => key.startsWith(prefix)))).toEqual([]);
});

test('records have the same bytes today', () => {
  expect(Object.values(catalogRecords)).toEqual(golden);
});

describe('records of version 1', () => {
  test('of data-coord', async () => {
    const store = await storeOf(golden);
    const catalog = await DataCatalog.open(store);
    expect([...catalog.segments.values()].map(({ id, state }) => [id, state])).toEqual([
      ...[
        [11n, 'flushed'],
        [12n, 'flushed'],
        [14n, 'flushed'],
        [15n, 'dropped'],
      ],
    ]);
    expect(catalog.segments.get(11n)).toMatchObject({ vchannel: 'by-dev-rootcoord-dml_0_2v0', rowCount: 3n });
    expect(catalog.segments.get(12n)).toMatchObject({ commitTimestamp: 31n, indexes: [{ state: 'failed' }] });
    expect(catalog.segments.get(14n)).toMatchObject({ isLevelZero: true, partitionId: -1n });
    expect([...catalog.channels.values()].map(({ state, epoch }) => [state, epoch])).toEqual([
      ...[
        ['owned', 4n],
        ['unowned', 4n],
      ],
    ]);
    expect([...catalog.jobs.values()].map(({ state }) => state)).toEqual([
      ...['pending', 'importing', 'committing', 'completed', 'failed'],
      ...['importing', 'uncommitted', 'completed', 'failed'],
    ]);
    expect(catalog.jobs.get(50n)?.tasks.map(({ isDone, rowCount }) => [isDone, rowCount])).toEqual([
      [true, 5n],
      [false, 0n],
    ]);
    expect(catalog.newestEpoch).toBe(4n);
    expect([...catalog.compactions.values()].map(({ state, plans }) => [state, plans.length])).toEqual([
      ...[
        ['waiting', 1],
        ['running', 2],
        ['ended', 2],
      ],
    ]);
    await catalog.save({
      epoch: { epoch: 4n, ownerServerId: 0n },
      segments: [...catalog.segments.values()],
      channels: [...catalog.channels.values()],
      jobs: [...catalog.jobs.values()],
      compactions: [...catalog.compactions.values()],
    });
    expect(await written(store, 'datacoord-meta/')).toEqual(expected('datacoord-meta/'));
  });

  test('of root-coord', async () => {
    const store = await storeOf(golden);
    const catalog = await DefinitionCatalog.open(store);
    expect(catalog.collections().map(({ id, state }) => [id, state])).toEqual([
      ...[
        [1n, 'creating'],
        [2n, 'created'],
        [4n, 'dropping'],
        [17n, 'created'],
      ],
    ]);
    expect(catalog.resolve({ database: '', name: 'golden', id: 2n })).toMatchObject({
      ...{ indexes: [{ name: 'v_index', params: { index_type: 'HNSW' } }], partitionKeyCount: 16 },
      droppingPartitions: [{ name: 'gone' }],
    });
    expect(catalog.databases()).toMatchObject([{ name: 'default', properties: { timezone: 'UTC' } }]);
    expect(catalog.users.record).toMatchObject({
      users: [{ name: 'root', passwordHash: '' }, { name: 'reader' }],
      roles: [
        { name: 'admin' },
        { users: ['reader'], grants: [{ objectName: 'golden', privilege: 'reading' }] },
      ],
      groups: [{ privileges: ['Search', 'Query'] }],
    });
    for (const collection of catalog.collections()) await catalog.saveCollection(collection);
    for (const database of catalog.databases()) await catalog.saveDatabase(database);
    expect(await written(store, 'root-coord/')).toEqual(expected('root-coord/'));
  });

  test('of query-coord', async () => {
    const store = await storeOf(golden);
    const prefix = 'querycoord-collection-loadinfo/';
    const type = parsedType(LoadRecord, parseLoad, loadRecord);
    const loads = await recordTable(store, prefix, type).list();
    expect(loads).toEqual([
      {
        collectionId: 2n,
        scope: { kind: 'collection' },
        resourceGroup: '__default_resource_group',
        leftOut: [],
      },
      {
        ...{ collectionId: 4n, resourceGroup: '__default_resource_group', leftOut: [] },
        scope: { kind: 'partitions', partitionIds: [3n, 6n] },
      },
      { collectionId: 5n, scope: { kind: 'collection' }, resourceGroup: 'analytics', leftOut: [] },
      {
        ...{ collectionId: 6n, resourceGroup: '__default_resource_group', leftOut: [101n, 104n] },
        scope: { kind: 'collection' },
      },
    ]);
    const again = loads.map((load) => Uint8Array.from(type.encode(load).finish()));
    expect(again).toEqual(expected(prefix).map(({ value }) => value));
  });

  test.each([
    ['kv/tso/timestamp', 1_700_000_000_123n],
    ['kv/gid/idTimestamp', 1_700_000_000_456n],
  ])('of the clock at %s', async (key, boundMs) => {
    const store = await storeOf(golden);
    const clock = { now: () => 0, monotonic: () => 0 };
    const oracle = await TimestampOracle.open({ store, clock, key, countMax: 1 });
    expect((await oracle.allocate(1)) >> 18n).toBe(boundMs);
  });
});

test('the lmdb file has them with their revision, and goes on from it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'elanus-golden-'));
  try {
    await writeFile(join(folder, 'data.mdb'), read('catalog/v1.data.mdb'));
    const store = new LmdbMetaStore(folder, await loadLmdb());
    try {
      // Kinds of records that came after the file are not in it.
      const inFile = await written(store, '');
      const keys = new Set(inFile.map(({ key }) => key));
      expect(keys.size).toBe(20);
      const entries = golden
        .filter(({ key }) => keys.has(key))
        .map((entry) => ({ ...entry, modRevision: 1n }));
      expect(inFile).toEqual(entries.sort((a, b) => (a.key < b.key ? -1 : 1)));
      expect(await store.transact([], [{ kind: 'delete', key: 'kv/tso/timestamp' }])).toBe(2n);
    } finally {
      await store.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
