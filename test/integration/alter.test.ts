// AlterCollection, AlterDatabase and FlushAll through the SDK.
import { ConsistencyLevelEnum, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { beforeAll, expect, test } from 'vitest';
import { createLoaded, insertRange, lastingWorld, mustSucceed } from './support.js';

let client: MilvusClient;
const world = lastingWorld({ logLevel: 'silent' }, (begun) => {
  client = begun;
});

const collection_name = 'c';
const propertiesOf = async (): Promise<Record<string, unknown>> => {
  const { properties } = await client.describeCollection({ collection_name });
  return Object.fromEntries(properties.map(({ key, value }) => [key, value]));
};
const refused = async (call: Promise<object>, code: number, reason: string): Promise<void> =>
  expect(await call).toMatchObject({ code, reason: expect.stringContaining(reason) });

beforeAll(async () => {
  await createLoaded(client, collection_name);
  await insertRange(client, collection_name, 0, 5);
});

test('properties of a collection change, are described, and stay', async () => {
  const before = await client.describeCollection({ collection_name });
  const properties = {
    timezone: 'Asia/Shanghai',
    'my.own': 'kept',
    'collection.autocompaction.enabled': false,
  };
  await mustSucceed(client.alterCollectionProperties({ collection_name, properties }));
  const after = await client.describeCollection({ collection_name });
  expect(BigInt(after.update_timestamp)).toBeGreaterThan(BigInt(before.update_timestamp));
  expect(await propertiesOf()).toMatchObject({
    ...{ timezone: 'Asia/Shanghai', 'my.own': 'kept', 'collection.autocompaction.enabled': 'false' },
  });
  await mustSucceed(client.dropCollectionProperties({ collection_name, properties: ['my.own', 'absent'] }));
  expect(Object.keys(await propertiesOf())).not.toContain('my.own');
  // A client that described it before writes on.
  await insertRange(client, collection_name, 5, 6);
  await world.restart();
  expect(await propertiesOf()).toMatchObject({ timezone: 'Asia/Shanghai' });
});

test('the description and the consistency level are among them', async () => {
  const properties = { 'collection.description': 'new words', consistency_level: 'Strong' };
  await mustSucceed(client.alterCollectionProperties({ collection_name, properties }));
  const described = await client.describeCollection({ collection_name });
  expect(described.schema.description).toBe('new words');
  expect(described.consistency_level).toBe('Strong');
  expect(described.consistency_level).toBe(ConsistencyLevelEnum[ConsistencyLevelEnum.Strong]);
  expect(Object.keys(await propertiesOf())).not.toContain('consistency_level');
  const wrong = { consistency_level: 'Sometimes' };
  await refused(
    client.alterCollectionProperties({ collection_name, properties: wrong }),
    1100,
    'invalid consistency level: Sometimes',
  );
});

test('what cannot be is refused as at the creation, and changes nothing', async () => {
  const before = await propertiesOf();
  const alter = (properties: Record<string, string | number | boolean>) =>
    client.alterCollectionProperties({ collection_name, properties });
  await refused(alter({ 'collection.ttl.seconds': 'soon' }), 1100, 'collection TTL is not a valid');
  await refused(alter({ timezone: 'Mars/Olympus' }), 1100, 'Mars/Olympus');
  await refused(alter({}), 1100, 'must not be empty at the same time');
  await refused(alter({ 'mmap.enabled': true }), 104, 'can not alter mmap properties if collection loaded');
  await mustSucceed(client.releaseCollection({ collection_name }));
  await mustSucceed(alter({ 'mmap.enabled': true }));
  await mustSucceed(client.loadCollectionSync({ collection_name }));
  await refused(
    client.dropCollectionProperties({ collection_name, properties: ['mmap.enabled'] }),
    104,
    'can not delete mmap properties if collection loaded',
  );
  expect(await propertiesOf()).toEqual({ ...before, 'mmap.enabled': 'true' });
  await refused(
    client.alterCollectionProperties({ collection_name: 'absent', properties: { a: '1' } }),
    100,
    'collection not found',
  );
});

test('properties of a database change', async () => {
  await mustSucceed(client.createDatabase({ db_name: 'd' }));
  await mustSucceed(client.alterDatabase({ db_name: 'd', properties: { timezone: 'UTC', own: '1' } }));
  const properties = async () => (await client.describeDatabase({ db_name: 'd' })).properties;
  expect(await properties()).toEqual([
    { key: 'timezone', value: 'UTC' },
    { key: 'own', value: '1' },
  ]);
  await mustSucceed(client.dropDatabaseProperties({ db_name: 'd', properties: ['own'] }));
  expect(await properties()).toEqual([{ key: 'timezone', value: 'UTC' }]);
  await refused(client.alterDatabase({ db_name: 'absent', properties: { a: '1' } }), 800, 'absent');
  await mustSucceed(client.dropDatabase({ db_name: 'd' }));
});

test('FlushAll brings the rows of all databases to files, and says when it is done', async () => {
  await mustSucceed(client.createDatabase({ db_name: 'other' }));
  await createLoaded(client, 'second');
  await insertRange(client, collection_name, 10, 20);
  await insertRange(client, 'second', 0, 7);
  const flushed = await client.flushAll();
  expect(flushed.status).toMatchObject({ code: 0 });
  expect(BigInt(flushed.flush_all_ts)).toBeGreaterThan(0n);
  expect(Object.keys(flushed.flush_all_msgs).length).toBeGreaterThan(0);
  // At the first question: a client that has to ask again pauses for seconds.
  expect(await client.getFlushAllState({ flush_all_ts: flushed.flush_all_ts })).toMatchObject({
    flushed: true,
  });
  expect((await client.flushAllSync()).flushed).toBe(true);
  for (const name of [collection_name, 'second']) {
    const { infos } = await client.getPersistentSegmentInfo({ collectionName: name });
    expect(infos.length).toBeGreaterThan(0);
  }
  // A collection that came later has nothing from before.
  await createLoaded(client, 'third');
  const state = await client.getFlushAllState({ flush_all_ts: flushed.flush_all_ts });
  expect(state).toMatchObject({ flushed: true });
  // A time that has not come: something may be written before it.
  const later = String(BigInt(flushed.flush_all_ts) + (3_600_000n << 18n));
  expect((await client.getFlushAllState({ flush_all_ts: Number(later) })).flushed).toBe(false);
});
