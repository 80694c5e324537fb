// Aliases through the SDK: taken wherever a collection is named, in one space with the names of their database, gone with their collection.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { ListAliasesRequest, ListAliasesResponse } from '#proto/milvus/milvus.js';
import { connectRaw } from './raw-client.js';
import { createLoaded, insertRange, lastingWorld, mustSucceed, vectorOf } from './support.js';

describe('aliases', () => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'silent' }, (begun) => {
    client = begun;
  });
  const status = async (call: Promise<object>): Promise<{ code?: number; reason?: string }> => {
    const answer = (await call) as { code?: number; reason?: string; status?: object };
    return (answer.status ?? answer) as { code?: number; reason?: string };
  };
  const allAliases = async (dbName: string): Promise<readonly string[]> => {
    const raw = connectRaw(world.database.address);
    const request = ListAliasesRequest.encode(ListAliasesRequest.create({ dbName })).finish();
    const { aliases } = ListAliasesResponse.decode(await raw.call('ListAliases', request));
    raw.close();
    return aliases;
  };
  const countOf = async (collection_name: string, db_name?: string): Promise<number> => {
    const more = db_name === undefined ? {} : { db_name };
    const count = await client.count({ collection_name, ...more });
    expect(count.status).toMatchObject({ code: 0, reason: '' });
    return Number(count.data);
  };
  const refused = async (call: Promise<object>, code: number, text: string): Promise<void> => {
    const { code: got, reason } = await status(call);
    expect({ code: got, reason }).toEqual({ code, reason: expect.stringContaining(text) });
  };
  beforeAll(async () => {
    await createLoaded(client, 'blue');
    await createLoaded(client, 'green');
    await insertRange(client, 'blue', 0, 5);
  });

  test('one is made, described and listed; the same again changes nothing', async () => {
    for (let round = 0; round < 2; round++)
      await mustSucceed(client.createAlias({ collection_name: 'blue', alias: 'live' }));
    expect(await client.describeAlias({ collection_name: 'any', alias: 'live' })).toMatchObject({
      ...{ db_name: 'default', alias: 'live', collection: 'blue' },
    });
    for (const collection_name of ['blue', 'live'])
      expect((await client.listAliases({ collection_name })).aliases).toEqual(['live']);
    expect(await allAliases('')).toEqual(['live']);
    for (const collection_name of ['blue', 'live']) {
      const described = await client.describeCollection({ collection_name });
      expect(described).toMatchObject({ collection_name: 'blue', aliases: ['live'] });
    }
  });

  test('every call takes it for its collection', async () => {
    const collection_name = 'live';
    await insertRange(client, collection_name, 5, 10);
    await mustSucceed(client.upsert({ collection_name, data: [{ id: 3, vector: vectorOf(3) }] }));
    await mustSucceed(client.delete({ collection_name, ids: [4] }));
    await mustSucceed(client.createPartition({ collection_name, partition_name: 'p' }));
    expect((await client.hasPartition({ collection_name, partition_name: 'p' })).value).toBe(true);
    await mustSucceed(client.releasePartitions({ collection_name, partition_names: ['p'] }));
    await mustSucceed(client.flush({ collection_names: [collection_name] }));
    await mustSucceed(client.releaseCollection({ collection_name }));
    await mustSucceed(client.loadCollectionSync({ collection_name }));
    const found = await client.search({ collection_name, data: [vectorOf(7)], limit: 1 });
    expect(found.results[0]?.id).toBe('7');
    const read = await client.query({ collection_name, filter: 'id == 3', output_fields: ['id'] });
    expect(read.data).toHaveLength(1);
    expect((await client.describeIndex({ collection_name })).index_descriptions).toHaveLength(1);
    expect((await client.getLoadState({ collection_name })).state).toBe('LoadStateLoaded');
    expect((await client.showPartitions({ collection_name })).partition_names).toEqual(['_default', 'p']);
    expect(await countOf(collection_name)).toBe(9);
    expect(await countOf('blue')).toBe(9);
    expect((await client.hasCollection({ collection_name })).value).toBe(true);
    const shown = await client.showCollections();
    expect(shown.data.map(({ name }) => name).sort()).toEqual(['blue', 'green']);
  });

  test('an import goes where it points', async () => {
    const path = join(world.folder, 'objects', 'in', 'rows.json');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify({ rows: [{ id: 1000, vector: vectorOf(1000) }] }));
    const started = await client.bulkInsert({ collection_name: 'live', files: ['in/rows.json'] });
    await mustSucceed(Promise.resolve(started));
    const task = started.tasks[0] ?? '';
    for (;;) {
      const { state } = await client.getImportState({ task: Number(task) });
      if (state === 'ImportCompleted') break;
      expect(state).not.toBe('ImportFailed');
    }
    expect(await countOf('blue')).toBe(10);
  });

  test('it moves for all readers at once, and stays over a restart', async () => {
    await mustSucceed(client.alterAlias({ collection_name: 'green', alias: 'live' }));
    expect(await countOf('live')).toBe(0);
    expect((await client.describeCollection({ collection_name: 'blue' })).aliases).toEqual([]);
    await world.restart();
    expect((await client.describeAlias({ collection_name: 'any', alias: 'live' })).collection).toBe('green');
    await mustSucceed(client.alterAlias({ collection_name: 'blue', alias: 'live' }));
    expect(await countOf('live')).toBe(10);
  });

  test('names of collections and aliases are one space', async () => {
    const alias = 'live';
    const conflict = '[database=default][alias=green]';
    await refused(
      client.createAlias({ collection_name: 'blue', alias: 'green' }),
      1601,
      `alias and collection name conflict${conflict}`,
    );
    await refused(client.alterAlias({ collection_name: 'blue', alias: 'green' }), 1601, conflict);
    await refused(
      client.createAlias({ collection_name: 'green', alias }),
      1602,
      'live is alias to another collection: blue: alias already exist[database=default][alias=live]',
    );
    await refused(
      client.createAlias({ collection_name: 'live', alias: 'more' }),
      100,
      'collection not found',
    );
    await refused(client.createAlias({ collection_name: 'absent', alias: 'a' }), 100, 'collection not found');
    await refused(
      client.createAlias({ collection_name: 'blue', alias: '1a' }),
      1100,
      'Invalid collection alias',
    );
    await refused(
      client.alterAlias({ collection_name: 'blue', alias: 'absent' }),
      1600,
      'alias not found[database=default][alias=absent]',
    );
    await refused(client.describeAlias({ collection_name: 'any', alias: 'absent' }), 1600, 'alias not found');
    await refused(
      client.describeAlias({ collection_name: 'any', alias: 'blue' }),
      1600,
      'alias not found[database=default][alias=blue]',
    );
    await refused(client.listAliases({ collection_name: 'absent' }), 100, 'collection not found');
    await refused(
      client.dropCollection({ collection_name: alias }),
      1600,
      'cannot drop the collection via alias = live',
    );
    await refused(
      createLoaded(client, alias).then(
        () => ({ code: 0 }),
        (error: object) => error,
      ),
      1601,
      'collection name [live] conflicts with an existing alias, please choose a unique name',
    );
    await mustSucceed(client.dropAlias({ alias: 'absent' }));
  });

  test('another database has its own', async () => {
    await mustSucceed(client.createDatabase({ db_name: 'other' }));
    const db_name = 'other';
    expect(await allAliases(db_name)).toEqual([]);
    await refused(
      client.describeAlias({ collection_name: 'any', alias: 'live', db_name }),
      1600,
      '[database=other][alias=live]',
    );
    await refused(
      client.createAlias({ collection_name: 'blue', alias: 'live', db_name }),
      100,
      'database=other',
    );
    await refused(client.createAlias({ collection_name: 'blue', alias: 'x', db_name: 'no' }), 800, 'no');
    await mustSucceed(client.dropDatabase({ db_name }));
  });

  test('it goes with its collection, and its name is free', async () => {
    await mustSucceed(client.dropCollection({ collection_name: 'blue' }));
    await refused(client.describeAlias({ collection_name: 'any', alias: 'live' }), 1600, 'alias not found');
    await createLoaded(client, 'live');
    expect(await countOf('live')).toBe(0);
    await mustSucceed(client.createAlias({ collection_name: 'live', alias: 'blue' }));
    await mustSucceed(client.dropAlias({ alias: 'blue' }));
    await mustSucceed(client.dropAlias({ alias: 'blue' }));
    await createLoaded(client, 'blue');
  });
});
