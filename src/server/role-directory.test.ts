// Calls find their node when several run a role: by the server id that the caller names, by the owner of the channel, also when that changes.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import {
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  ProcessDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { PROTOCOL_VERSION, SERVER_ID_HEADER } from '#rpc/remote-role.js';
import { Membership } from '#rpc/sessions/membership.js';
import { wireMethods } from '#rpc/wire-methods.js';
import { RoleDirectory } from './role-directory.js';

const PORT = 7000;

/** A streaming-node that answers with its own id, for the channels that it owns. */
async function startNode(cluster: SimulatedCluster, host: string, serverId: bigint, owns: () => boolean) {
  const platform = openMemoryPlatform({ cluster, host });
  const methods = new Map([
    ...wireMethods(ProcessDefinition, {
      handshake: async ({ role }) => ({ serverId, role, stateCode: 1, protocolVersion: PROTOCOL_VERSION }),
    }),
    ...wireMethods(StreamingNodeDefinition, {
      channelRows: async () => {
        if (!owns()) throw new ElanusError('channel_not_available', 'not here');
        return { segments: [{ segmentId: serverId }] };
      },
    }),
  ]);
  await platform.transport.listen({
    host,
    port: PORT,
    methods,
    receiveBytesMax: 1 << 20,
    sendBytesMax: 1 << 20,
  });
  return platform;
}

async function world() {
  const cluster = simulatedCluster(9);
  const state = { owner: 11n, epoch: 1n, lookUps: 0 };
  await startNode(cluster, 'one', 11n, () => state.owner === 11n);
  await startNode(cluster, 'two', 22n, () => state.owner === 22n);
  const platform = openMemoryPlatform({ cluster, host: 'here' });
  const peers = { 'streaming-node': ['one:7000', 'two:7000'] };
  const directory = new RoleDirectory(platform, { peers }, 99n);
  directory.register(ChannelRegistryDefinition, {
    listSegments: async ({ collectionId }) => {
      state.lookUps++;
      const vchannel = `dml_0_${collectionId}v0`;
      return { channels: [{ vchannel, ownerServerId: state.owner, epoch: state.epoch }] };
    },
  });
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  return { state, run, directory, node: directory.client(StreamingNodeDefinition) };
}

const idOf = (answer: { readonly segments: readonly { readonly segmentId: bigint }[] }): bigint | undefined =>
  answer.segments[0]?.segmentId;

test('a call about a channel goes to its owner, looked up once', async () => {
  const { state, run, node } = await world();
  state.owner = 22n;
  expect(idOf(await run(node.channelRows({ vchannel: 'dml_0_7v0' })))).toBe(22n);
  expect(idOf(await run(node.channelRows({ vchannel: 'dml_0_7v0' })))).toBe(22n);
  expect(state.lookUps).toBe(1);
});

test('an owner that changed is looked up again after one refused call', async () => {
  const { state, run, node } = await world();
  expect(idOf(await run(node.channelRows({ vchannel: 'dml_0_7v0' })))).toBe(11n);
  Object.assign(state, { owner: 22n, epoch: 2n });
  await expect(run(node.channelRows({ vchannel: 'dml_0_7v0' }))).rejects.toMatchObject({
    key: 'channel_not_available',
  });
  expect(idOf(await run(node.channelRows({ vchannel: 'dml_0_7v0' })))).toBe(22n);
});

test('a caller may name the node; one that is not there is reported', async () => {
  const { run, node } = await world();
  const to = (serverId: bigint) => ({
    signal: new AbortController().signal,
    metadata: { [SERVER_ID_HEADER]: String(serverId) },
  });
  expect(idOf(await run(node.channelRows({ vchannel: 'dml_0_7v0' }, to(11n))))).toBe(11n);
  await expect(run(node.channelRows({ vchannel: 'dml_0_7v0' }, to(22n)))).rejects.toMatchObject({
    key: 'channel_not_available',
  });
  await expect(run(node.channelRows({ vchannel: 'dml_0_7v0' }, to(33n)))).rejects.toMatchObject({
    key: 'node_mismatch',
  });
});

test('it says which nodes run a role, as far as they have answered', async () => {
  const { state, run, directory, node } = await world();
  expect(directory.of('streaming-node')).toEqual([]);
  expect(directory.of('data-coord')).toEqual([{ serverId: 99n, address: undefined, epoch: 1 }]);
  state.owner = 22n;
  await run(node.channelRows({ vchannel: 'dml_0_7v0' }));
  expect(directory.of('streaming-node')).toContainEqual({ serverId: 22n, address: 'two:7000', epoch: 1 });
});

test('a call at an address goes again when the owner that had it was replaced there, one that writes rows does not', async () => {
  const cluster = simulatedCluster(9);
  const counts = { seals: 0, appends: 0 };
  const fenced = () => new ElanusError('wal_fenced', 'a newer owner has the log');
  await cluster.world.runUntil(
    openMemoryPlatform({ cluster, host: 'one' }).transport.listen({
      ...{ host: 'one', port: PORT, receiveBytesMax: 1 << 20, sendBytesMax: 1 << 20 },
      methods: new Map([
        ...wireMethods(ProcessDefinition, {
          handshake: async ({ role }) => ({
            ...{ serverId: 11n, role, stateCode: 1, protocolVersion: PROTOCOL_VERSION },
          }),
        }),
        ...wireMethods(StreamingNodeDefinition, {
          sealChannel: async () => {
            if (++counts.seals < 3) throw fenced();
            return { segmentIds: [5n] };
          },
          append: async () => {
            counts.appends++;
            throw fenced();
          },
        }),
      ]),
    }),
  );
  const platform = openMemoryPlatform({ cluster, host: 'here' });
  const directory = new RoleDirectory(platform, { peers: { 'streaming-node': 'one:7000' } }, 99n);
  const node = directory.client(StreamingNodeDefinition);
  const vchannel = 'dml_0_7v0';
  expect((await cluster.world.runUntil(node.sealChannel({ vchannel }))).segmentIds).toEqual([5n]);
  expect(counts.seals).toBe(3);
  counts.seals = Number.NEGATIVE_INFINITY;
  const context = {
    ...{ signal: new AbortController().signal, metadata: {} },
    deadlineMs: platform.clock.now() + 1000,
  };
  // No client knows of logs and their owners.
  await expect(cluster.world.runUntil(node.sealChannel({ vchannel }, context))).rejects.toMatchObject({
    key: 'service_unavailable',
  });
  await expect(cluster.world.runUntil(node.append({ vchannel }))).rejects.toMatchObject({
    key: 'wal_fenced',
  });
  expect(counts.appends).toBe(1);
});

test('a channel that nobody owns is not available', async () => {
  const { state, run, node } = await world();
  state.owner = 0n;
  await expect(run(node.channelRows({ vchannel: 'dml_0_7v0' }))).rejects.toMatchObject({
    key: 'channel_not_available',
  });
});

test('a call that was refused at the door goes again, whatever it is, and one within it is not taken for it', async () => {
  const { platform, directory, world, counts } = suspended(2);
  const client = directory.client(DefinitionsDefinition);
  await world.runUntil(client.dropCollection({ name: 'books' }));
  expect(counts.calls).toBe(3);
  counts.refusals = Number.POSITIVE_INFINITY;
  const context = {
    signal: new AbortController().signal,
    metadata: {},
    deadlineMs: platform.clock.now() + 1000,
  };
  await expect(world.runUntil(client.dropCollection({ name: 'books' }, context))).rejects.toMatchObject({
    key: 'service_not_ready',
    message: expect.stringContaining('its session could not be renewed'),
  });
});

test('a call that nobody serves ends with the session of its process, and is not tried without a pause', async () => {
  const { world, directory, membership, counts } = suspended(1000);
  const client = directory.client(DefinitionsDefinition);
  const call = client.dropCollection({ name: 'books' });
  await membership.close();
  await expect(world.runUntil(call)).rejects.toMatchObject({
    key: 'service_not_ready',
    message: expect.stringContaining('its session could not be renewed'),
  });
  expect(counts.calls).toBeLessThanOrEqual(2);
});

/** A process with a session whose root-coord refuses so many calls because of it. */
function suspended(refusals: number) {
  const cluster = simulatedCluster(11);
  const host = openMemoryPlatform({ cluster, host: 'here' });
  const settings = { ttlMs: 900, exclusiveRoles: ['root-coord'] as const };
  const membership = new Membership({ platform: host, serverId: 99n, settings, onLost: () => {} });
  const directory = new RoleDirectory(host, { peers: {} }, 99n, membership);
  const counts = { calls: 0, refusals };
  directory.register(DefinitionsDefinition, {
    dropCollection: async () => {
      if (counts.calls++ < counts.refusals)
        throw new ElanusError('session_suspended', 'its session could not be renewed in time');
      return {};
    },
  });
  return { platform: host, world: cluster.world, directory, membership, counts };
}
