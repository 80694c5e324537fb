// What the catalog keeps beside its records, names and counts, follows them: also those that another writer changed.
import { expect, test } from 'vitest';
import { type Collection, moveCollection } from '#model/states/collection.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import { CollectionRecord } from '#proto/elanus/data.js';
import { DefinitionCatalog } from './definition-catalog.js';

async function open(store: MemoryMetaStore): Promise<DefinitionCatalog> {
  const catalog = await DefinitionCatalog.open(store);
  for (const [id, name] of [
    [1n, 'default'],
    [2n, 'other'],
  ] as const)
    if (!catalog.hasDatabase(name))
      await catalog.saveDatabase({ id, name, createdTimestamp: 1n, properties: {} });
  return catalog;
}

const collection = (id: bigint, name: string, database = 'default'): Collection => ({
  ...CollectionRecord.fromPartial({ id, database, schema: { name }, vchannels: [`dml_${id % 2n}_${id}v0`] }),
  state: 'created',
});

const facts = (catalog: DefinitionCatalog) => ({
  counts: ['default', 'other'].map((name) => catalog.collectionCount(name)),
  shards: Object.fromEntries(catalog.shards),
});

test('collections count in their database until they are dropped', async () => {
  const store = new MemoryMetaStore();
  const catalog = await open(store);
  const [one, two, three] = [collection(1n, 'a'), collection(2n, 'b'), collection(3n, 'c', 'other')];
  await catalog.saveCollection(one, two, three);
  expect(facts(catalog)).toEqual({ counts: [2, 1], shards: { dml_0: 1, dml_1: 2 } });
  await catalog.saveCollection({ ...two, database: 'other' });
  expect(facts(catalog).counts).toEqual([1, 2]);
  const dropping = moveCollection(one, 'drop');
  await catalog.saveCollection(dropping);
  expect(facts(catalog)).toEqual({ counts: [0, 2], shards: { dml_0: 1, dml_1: 2 } });
  expect(facts(await open(store))).toEqual(facts(catalog));
  await catalog.removeCollection(dropping);
  expect(facts(catalog)).toEqual({ counts: [0, 2], shards: { dml_0: 1, dml_1: 1 } });
  expect(catalog.byName('default', 'a')).toBeUndefined();
});

test('what another writer made of a record is known by name as soon as it is read anew', async () => {
  const store = new MemoryMetaStore();
  const catalog = await open(store);
  await catalog.saveCollection(collection(1n, 'a'));
  await (await open(store)).saveCollection(collection(1n, 'b', 'other'));
  const late = catalog.saveCollection(collection(1n, 'c'));
  await expect(late).rejects.toMatchObject({ key: 'catalog_conflict' });
  expect(catalog.byName('other', 'b')?.id).toBe(1n);
  expect(catalog.byName('default', 'a')).toBeUndefined();
  expect(facts(catalog).counts).toEqual([0, 1]);
});
