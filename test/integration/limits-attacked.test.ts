// Must hold, of a server as users run it: groups of nodes, limits and closed databases take no value that breaks them, and there is no way
// around them by another name, by an id or by asking often.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import { codec } from '#rpc/service.js';
import { connectRaw, type RawClient, unaryMethods } from './raw-client.js';
import { type ServerProcess, startServer, stopServer } from './server-process.js';
import { connect, createLoaded, insertRange, keyField, mustSucceed, vectorField } from './support.js';

const ROWS = 20;
let server: ServerProcess;
let client: MilvusClient;
let raw: RawClient;

beforeAll(async () => {
  server = await startServer(undefined);
  client = await connect(server.address);
  raw = connectRaw(server.address);
  await createLoaded(client, 'stormy');
  await insertRange(client, 'stormy', 0, ROWS);
});

afterAll(async () => {
  raw.close();
  await client.closeConnection();
  expect(await stopServer(server)).toBe(0);
  expect(server.stderr()).toBe('');
});

/** The status of one call, whatever it is asked. */
async function statusOf(method: PublicMethod, request: object): Promise<{ code: number; reason: string }> {
  const { name, requestType } = MilvusServiceDefinition.methods[method];
  const bytes = codec(requestType).encode(codec(requestType).fromPartial(request)).finish();
  const found = unaryMethods.find((one) => one.name === name);
  const status = found?.statusOf(await raw.call(name, bytes));
  if (status === undefined) throw new Error(`${name} has no status`);
  return status;
}

const countOf = async (collection_name: string): Promise<number> => {
  const { data } = await client.query({ collection_name, filter: '', output_fields: ['count(*)'] });
  return Number(data[0]?.['count(*)']);
};

const INT_MAX = 2 ** 31 - 1;
const DEFAULT = '__default_resource_group';
const config = (requests: number, limits: number, more: object = {}) => ({
  ...{ requests: { nodeNum: requests }, limits: { nodeNum: limits } },
  ...more,
});

describe('values that would break it', () => {
  it.each<[string, PublicMethod, object, readonly number[]]>([
    ['a negative request', 'createResourceGroup', { resourceGroup: 'g', config: config(-1, 1) }, [303]],
    ['a negative limit', 'createResourceGroup', { resourceGroup: 'g', config: config(0, -1) }, [303]],
    [
      'more requested than allowed',
      'createResourceGroup',
      { resourceGroup: 'g', config: config(INT_MAX, 1) },
      [303],
    ],
    [
      'the smallest number',
      'createResourceGroup',
      { resourceGroup: 'g', config: config(-(2 ** 31), 0) },
      [303],
    ],
    ['no name', 'createResourceGroup', { resourceGroup: '' }, [1100]],
    ['a long name', 'createResourceGroup', { resourceGroup: 'g'.repeat(100_000) }, [1100]],
    ['a name with NUL', 'createResourceGroup', { resourceGroup: 'g\0' }, [1100]],
    [
      'a group that gives to itself',
      'createResourceGroup',
      { resourceGroup: 'g', config: config(0, 0, { transferTo: [{ resourceGroup: 'g' }] }) },
      [303],
    ],
    [
      'a group that takes from nobody',
      'createResourceGroup',
      { resourceGroup: 'g', config: config(0, 0, { transferFrom: [{ resourceGroup: 'nobody' }] }) },
      [300, 303],
    ],
    ['no groups', 'updateResourceGroups', {}, [0, 1100]],
    [
      'a group that is not there',
      'updateResourceGroups',
      { resourceGroups: { nobody: config(0, 0) } },
      [300],
    ],
    [
      'the name of the prototype',
      'updateResourceGroups',
      { resourceGroups: { constructor: config(0, 0) } },
      [300],
    ],
    [
      'nodes to where they are',
      'transferNode',
      { sourceResourceGroup: DEFAULT, targetResourceGroup: DEFAULT, numNode: 1 },
      [1100],
    ],
    [
      'no nodes',
      'transferNode',
      { sourceResourceGroup: DEFAULT, targetResourceGroup: 'g', numNode: 0 },
      [1100, 300],
    ],
    [
      'fewer than no nodes',
      'transferNode',
      { sourceResourceGroup: DEFAULT, targetResourceGroup: 'g', numNode: -1 },
      [1100, 300],
    ],
    [
      'too many nodes',
      'transferNode',
      { sourceResourceGroup: DEFAULT, targetResourceGroup: 'g', numNode: INT_MAX },
      [1100, 300],
    ],
    [
      'replicas of nothing',
      'transferReplica',
      { sourceResourceGroup: DEFAULT, targetResourceGroup: 'g', collectionName: 'nowhere', numReplica: 1n },
      [100, 300],
    ],
    [
      'more replicas than there are',
      'transferReplica',
      {
        sourceResourceGroup: DEFAULT,
        targetResourceGroup: 'g',
        collectionName: 'stormy',
        numReplica: 2n ** 62n,
      },
      [1100, 300, 303],
    ],
    [
      'a rate that is no number',
      'alterCollection',
      { collectionName: 'stormy', properties: [{ key: 'collection.insertRate.max.mb', value: 'NaN' }] },
      [1100],
    ],
    [
      'a rate beyond numbers',
      'alterCollection',
      { collectionName: 'stormy', properties: [{ key: 'collection.insertRate.max.mb', value: '1e309' }] },
      [1100],
    ],
    [
      'a rate without end',
      'alterCollection',
      { collectionName: 'stormy', properties: [{ key: 'collection.insertRate.max.mb', value: 'Infinity' }] },
      [1100],
    ],
    [
      'a rate in the wrong unit',
      'alterCollection',
      { collectionName: 'stormy', properties: [{ key: 'collection.bulkLoadRate.max.qps', value: '1' }] },
      [1100],
    ],
    [
      'a quota that is no number',
      'alterDatabase',
      { dbName: 'default', properties: [{ key: 'database.diskQuota.mb', value: '0x10' }] },
      [1100],
    ],
    [
      'a denial of half a truth',
      'alterDatabase',
      { dbName: 'default', properties: [{ key: 'database.force.deny.ddl', value: 'maybe' }] },
      [1100],
    ],
    [
      'a denial of what there is not',
      'alterDatabase',
      { dbName: 'default', properties: [{ key: 'database.force.deny.everything', value: 'true' }] },
      [3000],
    ],
  ])('%s', async (_what, method, request, codes) => {
    const { code, reason } = await statusOf(method, request);
    expect(codes, `${code}: ${reason}`).toContain(code);
    expect(reason.length).toBeLessThan(2000);
    // Nothing of it was taken.
    expect((await client.listResourceGroups()).resource_groups).toEqual([DEFAULT]);
    expect(await countOf('stormy')).toBe(ROWS);
  });

  it('as many groups as anyone likes are too many', { timeout: 180_000 }, async () => {
    const codes = new Set<number>();
    let made = 0;
    for (let begin = 0; begin < 1200 && !codes.has(302); begin += 100) {
      const all = await Promise.all(
        Array.from({ length: 100 }, (_, at) =>
          statusOf('createResourceGroup', { resourceGroup: `g${begin + at}` }),
        ),
      );
      for (const { code } of all) {
        codes.add(code);
        if (code === 0) made++;
      }
    }
    expect([...codes].sort()).toEqual([0, 302]);
    expect(made).toBe(1023);
    for (const name of (await client.listResourceGroups()).resource_groups)
      if (name !== DEFAULT) await mustSucceed(client.dropResourceGroup({ resource_group: name }));
  });
});

describe('limits', () => {
  it('hold for whichever name a collection is called by, and however many call at once', async () => {
    await mustSucceed(client.createAlias({ collection_name: 'stormy', alias: 'windy' }));
    const limit = { 'collection.queryRate.max.qps': 5 };
    await mustSucceed(client.alterCollectionProperties({ collection_name: 'stormy', properties: limit }));
    const begin = Date.now();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        statusOf('query', { collectionName: at % 2 === 0 ? 'stormy' : 'windy', expr: 'id == 1' }),
      ),
    );
    const seconds = (Date.now() - begin) / 1000;
    const served = answers.filter(({ code }) => code === 0).length;
    expect(served).toBeGreaterThan(0);
    expect(served).toBeLessThanOrEqual(5 * (seconds + 1) + 1);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([0, 8]));
    // What was set anew goes on from where it was: no way around.
    const again = { 'collection.queryRate.max.qps': 4 };
    await mustSucceed(client.alterCollectionProperties({ collection_name: 'stormy', properties: again }));
    await mustSucceed(
      client.dropCollectionProperties({ collection_name: 'stormy', properties: Object.keys(limit) }),
    );
    expect((await statusOf('query', { collectionName: 'stormy', expr: 'id == 1' })).code).toBe(0);
    await mustSucceed(client.dropAlias({ alias: 'windy' }));
  });

  it('a closed database closes all doors to it, and opens again', async () => {
    await mustSucceed(client.createDatabase({ db_name: 'shut' }));
    await mustSucceed(
      client.createCollection({
        db_name: 'shut',
        collection_name: 'inside',
        fields: [keyField, vectorField],
      }),
    );
    const { collectionID } = await client.describeCollection({ db_name: 'shut', collection_name: 'inside' });
    await mustSucceed(
      client.alterDatabase({ db_name: 'shut', properties: { 'database.force.deny.ddl': true } }),
    );
    const inside = { dbName: 'shut', collectionName: 'inside' };
    const attempts: readonly [PublicMethod, object][] = [
      ['dropCollection', inside],
      ['createCollection', { ...inside, collectionName: 'other' }],
      ['truncateCollection', inside],
      ['renameCollection', { dbName: 'shut', oldName: 'inside', newName: 'outside', newDBName: 'default' }],
      ['renameCollection', { dbName: 'default', oldName: 'stormy', newName: 'stormy', newDBName: 'shut' }],
      [
        'alterCollection',
        {
          dbName: 'default',
          collectionID: BigInt(collectionID),
          properties: [{ key: 'timezone', value: 'UTC' }],
        },
      ],
      ['createAlias', { ...inside, alias: 'a' }],
      ['createPartition', { ...inside, partitionName: 'p' }],
      ['createIndex', { ...inside, fieldName: 'vector' }],
      ['flush', { dbName: 'shut', collectionNames: ['inside'] }],
    ];
    for (const [method, request] of attempts)
      expect(await statusOf(method, request), method).toMatchObject({
        code: 9,
        reason: expect.stringContaining('disabled'),
      });
    expect((await client.showCollections({ db_name: 'shut' })).data.map(({ name }) => name)).toEqual([
      'inside',
    ]);
    await mustSucceed(
      client.dropDatabaseProperties({ db_name: 'shut', properties: ['database.force.deny.ddl'] }),
    );
    await mustSucceed(client.dropCollection({ db_name: 'shut', collection_name: 'inside' }));
    await mustSucceed(client.dropDatabase({ db_name: 'shut' }));
  });
});
