// What a cluster without replication answers: that nothing is replicated, and no to whoever wants it.
import { expect, it } from 'vitest';
import { openProxyWorld } from '../../../../test/support/proxy-world.js';

const { call } = openProxyWorld({});

it('nothing is replicated, and a configuration that says so changes nothing', async () => {
  const { status, configuration } = await call('getReplicateConfiguration', {});
  expect([status?.code, configuration]).toEqual([0, { clusters: [], crossClusterTopology: [] }]);
  expect((await call('updateReplicateConfiguration', {})).code).toBe(0);
  expect((await call('updateReplicateConfiguration', { replicateConfiguration: {} })).code).toBe(0);
});

it('another configuration is refused, and not kept', async () => {
  const clusters = [{ clusterId: 'a' }, { clusterId: 'b' }];
  const topology = [{ sourceClusterId: 'a', targetClusterId: 'b' }];
  const replicateConfiguration = { clusters, crossClusterTopology: topology };
  expect(await call('updateReplicateConfiguration', { replicateConfiguration })).toMatchObject({
    code: 3000,
    reason: expect.stringContaining('2 clusters and 1 ways'),
  });
  expect((await call('updateReplicateConfiguration', { forcePromote: true })).code).toBe(3000);
  expect((await call('getReplicateConfiguration', {})).configuration?.clusters).toEqual([]);
});

it('the link of a client is the one that it has', async () => {
  expect(await call('registerLink', {})).toMatchObject({ status: { code: 0 }, address: undefined });
});
