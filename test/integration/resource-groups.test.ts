// Resource groups, segments and replicas of one node, through the client: what is answered is what is so.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import {
  connect,
  createLoaded,
  insertRange,
  mustSucceed,
  openWorld,
  tempFolder,
  type World,
} from './support.js';

const DEFAULT = '__default_resource_group';
const nodes = (requests: number, limits = requests) => ({
  ...{ requests: { node_num: requests }, limits: { node_num: limits } },
});

describe('resource groups', () => {
  let world: World;
  let client: MilvusClient;
  const group = async (name: string) =>
    (await client.describeResourceGroup({ resource_group: name })).resource_group;
  const create = (name: string, config: object) =>
    client.createResourceGroup({ resource_group: name, config: config as never });
  const update = (groups: object) => client.updateResourceGroups({ resource_groups: groups as never });
  beforeAll(async () => {
    world = await openWorld('memory');
    client = world.client;
    await createLoaded(client, 'grouped');
    await insertRange(client, 'grouped', 0, 50);
    await mustSucceed(client.flushSync({ collection_names: ['grouped'] }));
  });
  afterAll(() => world.close());

  test('are made, shown, changed and dropped; the default one has the node and stays', async () => {
    const before = await group(DEFAULT);
    expect([before.num_available_node, before.nodes?.length, before.capacity]).toEqual([1, 1, 1_000_000]);
    expect(before.num_loaded_replica).toEqual({ grouped: 1 });
    await mustSucceed(create('rg1', nodes(0)));
    await mustSucceed(create('rg1', nodes(0)));
    expect((await create('rg1', nodes(1))).code).toBe(301);
    expect((await create('1rg', nodes(1))).code).toBe(1100);
    expect((await create('rg2', nodes(2, 1))).code).toBe(303);
    expect((await client.listResourceGroups()).resource_groups).toEqual([DEFAULT, 'rg1']);
    await mustSucceed(update({ rg1: nodes(1) }));
    expect(await group('rg1')).toMatchObject({ capacity: 1, num_available_node: 1 });
    expect((await group(DEFAULT)).num_available_node).toBe(0);
    // The one node goes on serving what is loaded in the default group, and that is said.
    expect((await group(DEFAULT)).num_incoming_node).toEqual({ grouped: 1 });
    expect((await group('rg1')).num_outgoing_node).toEqual({ grouped: 1 });
    expect((await client.dropResourceGroup({ resource_group: 'rg1' })).code).toBe(1100);
    expect((await client.dropResourceGroup({ resource_group: DEFAULT })).code).toBe(1100);
    await mustSucceed(client.dropResourceGroup({ resource_group: 'never there' }));
    const all = await client.dropAllResourceGroups();
    expect(all.map(({ code }) => code)).toEqual([0]);
    expect((await client.listResourceGroups()).resource_groups).toEqual([DEFAULT]);
    expect((await client.describeResourceGroup({ resource_group: 'rg1' })).status.code).toBe(300);
  });

  test('take collections over, at the load or later, when they have a node', async () => {
    await mustSucceed(create('rg', nodes(0)));
    const load = { collection_name: 'grouped', resource_groups: ['rg'] };
    expect((await client.loadCollectionAsync(load)).code).toBe(304);
    expect((await client.loadCollectionAsync({ ...load, resource_groups: ['nobody'] })).code).toBe(300);
    await mustSucceed(
      client.transferNode({ source_resource_group: DEFAULT, target_resource_group: 'rg', num_node: 1 }),
    );
    const transfer = {
      source_resource_group: DEFAULT,
      target_resource_group: 'rg',
      collection_name: 'grouped',
    };
    expect((await client.transferReplica({ ...transfer, num_replica: 2 })).code).toBe(1100);
    await mustSucceed(client.transferReplica({ ...transfer, num_replica: 1 }));
    expect((await client.transferReplica({ ...transfer, num_replica: 1 })).code).toBe(1100);
    const { collectionID } = await client.describeCollection({ collection_name: 'grouped' });
    const { replicas } = await client.getReplicas({ collectionID });
    expect(replicas.map((replica) => replica.resource_group_name)).toEqual(['rg']);
    expect((await group('rg')).num_loaded_replica).toEqual({ grouped: 1 });
    expect((await update({ rg: nodes(0) })).code).toBe(0);
    expect((await client.dropResourceGroup({ resource_group: 'rg' })).code).toBe(1100);
    await mustSucceed(client.releaseCollection({ collection_name: 'grouped' }));
    await mustSucceed(client.dropResourceGroup({ resource_group: 'rg' }));
    await mustSucceed(client.loadCollectionSync({ collection_name: 'grouped' }));
  });

  test('segments are listed with their node; there is no second one to move them to', async () => {
    const { infos } = await client.getQuerySegmentInfo({ collectionName: 'grouped' });
    expect(infos.map(({ num_rows, state }) => [Number(num_rows), state])).toEqual([[50, 'Sealed']]);
    const node = infos[0]?.nodeIds[0];
    const { resource_group } = await client.describeResourceGroup({ resource_group: DEFAULT });
    expect(resource_group.nodes?.map(({ node_id }) => node_id)).toEqual([node]);
    const balance = { collectionName: 'grouped', src_nodeID: node as never };
    expect((await client.loadBalance(balance)).code).toBe(1100);
    expect((await client.loadBalance({ ...balance, src_nodeID: 4711 })).code).toBe(901);
    const unknown = await client.loadBalance({ ...balance, collectionName: 'nobody' });
    expect([unknown.code, unknown.error_code]).toEqual([100, 'CollectionNotExists']);
  });
});

test('groups and what is loaded in them outlive a restart', async () => {
  const folder = await tempFolder();
  for (const round of [1, 2]) {
    const database = await open(folder.path, { logLevel: 'error' });
    const client = await connect(database.address);
    if (round === 1) {
      await createLoaded(client, 'kept');
      await mustSucceed(client.createResourceGroup({ resource_group: 'rg', config: nodes(1) as never }));
      await mustSucceed(client.loadCollectionSync({ collection_name: 'kept', resource_groups: ['rg'] }));
    }
    const { resource_group } = await client.describeResourceGroup({ resource_group: 'rg' });
    expect(resource_group).toMatchObject({
      capacity: 1,
      num_available_node: 1,
      num_loaded_replica: { kept: 1 },
    });
    await client.closeConnection();
    await database.close();
  }
  await folder.remove();
});
