// RenameCollection through the SDK: another name, or another database, with everything that the collection has.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { beforeAll, expect, test } from 'vitest';
import { createLoaded, insertRange, lastingWorld, mustSucceed, vectorOf } from './support.js';

let client: MilvusClient;
const world = lastingWorld({ logLevel: 'silent' }, (begun) => {
  client = begun;
});

async function keysOf(collection_name: string, db_name = 'default'): Promise<readonly string[]> {
  const read = await client.query({
    ...{ collection_name, db_name, filter: 'id >= 0', output_fields: ['id'], consistency_level: 0 },
  });
  expect(read.status).toMatchObject({ code: 0, reason: '' });
  return read.data.map(({ id }) => String(id));
}

const keys = (count: number): readonly string[] => Array.from({ length: count }, (_, id) => String(id));
const refused = async (call: Promise<object>, code: number, reason: string): Promise<void> =>
  expect(await call).toMatchObject({ code, reason: expect.stringContaining(reason) });

beforeAll(async () => {
  await createLoaded(client, 'old');
  await insertRange(client, 'old', 0, 4);
  await mustSucceed(client.flushSync({ collection_names: ['old'] }));
  await insertRange(client, 'old', 4, 6);
});

test('rows in files and in memory, index, load and aliases stay', async () => {
  await mustSucceed(client.createAlias({ collection_name: 'old', alias: 'live' }));
  const before = await client.describeCollection({ collection_name: 'old' });
  await mustSucceed(client.renameCollection({ collection_name: 'old', new_collection_name: 'new' }));
  const after = await client.describeCollection({ collection_name: 'new' });
  expect(after).toMatchObject({
    ...{ collection_name: 'new', collectionID: before.collectionID, aliases: ['live'] },
    schema: { name: 'new' },
  });
  expect(BigInt(after.update_timestamp)).toBeGreaterThan(BigInt(before.update_timestamp));
  for (const name of ['new', 'live']) expect(await keysOf(name)).toEqual(keys(6));
  const found = await client.search({ collection_name: 'new', data: [vectorOf(3)], limit: 1 });
  expect(found.results[0]?.id).toBe('3');
  expect((await client.hasCollection({ collection_name: 'old' })).value).toBe(false);
  await insertRange(client, 'new', 6, 8);
  await refused(
    client.renameCollection({ collection_name: 'old', new_collection_name: 'newer' }),
    100,
    'collection not found[database=default][collection=old]',
  );
});

test('refusals have the words of Milvus', async () => {
  await createLoaded(client, 'second');
  const rename = (collection_name: string, new_collection_name: string, more: object = {}) =>
    client.renameCollection({ collection_name, new_collection_name, ...more });
  await refused(rename('second', 'live'), 65535, 'cannot rename collection to an existing alias: live');
  await refused(rename('live', 'x'), 65535, 'unsupported use an alias to rename collection, alias:live');
  await refused(rename('second', 'second'), 1100, 'collection name or database name should be different');
  await refused(
    rename('second', 'new'),
    65535,
    'duplicated new collection name default:new with other collection name or alias',
  );
  await refused(
    rename('second', '1x'),
    1100,
    'Invalid collection name: 1x. the first character of a collection',
  );
  await refused(rename('second', 'x', { new_db_name: 'absent', newDBName: 'absent' }), 800, 'absent');
});

test('into another database, over a restart', async () => {
  await mustSucceed(client.createDatabase({ db_name: 'there' }));
  const move = {
    collection_name: 'new',
    new_collection_name: 'old',
    new_db_name: 'there',
    newDBName: 'there',
  };
  await refused(
    client.renameCollection(move),
    65535,
    'must drop all aliases of collection new before rename',
  );
  await mustSucceed(client.dropAlias({ alias: 'live' }));
  await mustSucceed(client.renameCollection(move));
  expect(await keysOf('old', 'there')).toEqual(keys(8));
  expect((await client.describeCollection({ collection_name: 'old', db_name: 'there' })).db_name).toBe(
    'there',
  );
  await world.restart();
  expect((await client.hasCollection({ collection_name: 'new' })).value).toBe(false);
  expect(await keysOf('old', 'there')).toEqual(keys(8));
  await refused(client.dropDatabase({ db_name: 'there' }), 65535, 'not empty');
  await mustSucceed(client.dropCollection({ collection_name: 'old', db_name: 'there' }));
  await mustSucceed(client.dropDatabase({ db_name: 'there' }));
});
