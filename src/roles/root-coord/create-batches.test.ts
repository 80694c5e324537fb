// Creates that meet are one transaction; a check that fails, fails one; a catalog that fails, fails those that were in its transaction.
import { expect, test } from 'vitest';
import { deferred, KeyedMutex } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import type { Collection, CreatingCollection } from '#model/states/collection.js';
import { DatabaseRecord } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { CreateBatches } from './create-batches.js';

const recordOf = (name: string, database = 'default'): CreatingCollection => ({
  ...{ id: BigInt(name.charCodeAt(0)), database, partitions: [], vchannels: [], consistencyLevel: 0 },
  ...{ createdTimestamp: 1n, updateTimestamp: 1n, properties: {}, indexes: [], aliases: [] },
  ...{
    partitionKeyCount: 0,
    droppingPartitions: [],
    lastFieldId: 0n,
    schemaTimestamp: 0n,
    lateOutputIds: [],
  },
  schema: CollectionSchema.fromPartial({ name }),
  state: 'creating',
});

function world(limit?: number) {
  const saved: Collection[] = [];
  const transactions: string[][] = [];
  const locks = new KeyedMutex();
  const state = { gate: Promise.resolve(), failure: undefined as ElanusError | undefined };
  const properties = limit === undefined ? {} : { 'database.max.collections': String(limit) };
  const batches = new CreateBatches({
    locks: { database: (name, task) => locks.run(name, task) },
    catalog: {
      byAlias: (_database, alias) => (alias === 'alias' ? ({} as never) : undefined),
      collectionCount: (name) => saved.filter((record) => record.database === name).length,
      database: (name) => DatabaseRecord.fromPartial({ name, properties }),
      saveCollection: async (...records) => {
        transactions.push(records.map(({ schema }) => schema?.name ?? ''));
        await state.gate;
        if (state.failure !== undefined) throw state.failure;
        saved.push(...records);
      },
    },
  });
  const create = (name: string, database?: string): Promise<string> =>
    batches.add(recordOf(name, database)).then(
      () => 'saved',
      (error: unknown) => (error instanceof ElanusError ? error.key : String(error)),
    );
  return { batches, transactions, state, create, saved };
}

test('those that come while one is written are the next transaction, at most 64 at once', async () => {
  const { create, transactions } = world();
  const names = Array.from({ length: 100 }, (_, i) => `c${i}`);
  const outcomes = await Promise.all(names.map((name) => create(name)));
  expect(new Set(outcomes)).toEqual(new Set(['saved']));
  expect(transactions.map(({ length }) => length)).toEqual([64, 36]);
  expect(transactions.flat()).toEqual(names);
  expect(await create('later')).toBe('saved');
});

test('one that may not be is refused alone, and the limit counts those before it', async () => {
  const { create, transactions } = world(2);
  const outcomes = await Promise.all(['a', 'alias', 'b', 'c'].map((name) => create(name)));
  expect(outcomes).toEqual(['saved', 'alias_clash', 'saved', 'collection_limit']);
  expect(transactions).toEqual([['a', 'b']]);
});

test('databases do not wait for each other', async () => {
  const { create, state, transactions } = world();
  const open = deferred<void>();
  state.gate = open.promise;
  const first = create('a', 'one');
  await Promise.resolve();
  const others = [create('b', 'one'), create('c', 'one'), create('d', 'two')];
  while (transactions.length < 2) await Promise.resolve();
  expect(transactions).toContainEqual(['d']);
  open.resolve();
  expect(await Promise.all([first, ...others])).toEqual(['saved', 'saved', 'saved', 'saved']);
});

test('a catalog that fails, fails its batch and nothing else', async () => {
  const { create, state } = world();
  state.failure = new ElanusError('catalog_conflict', 'changed meanwhile');
  expect(await Promise.all([create('a'), create('b')])).toEqual(['catalog_conflict', 'catalog_conflict']);
  state.failure = undefined;
  expect(await Promise.all([create('a'), create('b')])).toEqual(['saved', 'saved']);
});
