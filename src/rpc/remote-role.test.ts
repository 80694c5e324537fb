// The way to a role in another process: readiness by handshake, deadlines, and who answers at the address.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import type { Listener } from '#platform/transport.js';
import { ProcessDefinition, QueryCoordDefinition } from '#proto/elanus/roles.js';
import { StateCode } from '#proto/milvus/common.js';
import { NotSentError, PROTOCOL_VERSION, RemoteRole, SERVER_ID_HEADER } from './remote-role.js';
import { wireMethods } from './wire-methods.js';

const cluster = simulatedCluster(1);
interface Peer {
  readonly platform: MemoryPlatform;
  readonly listener: Listener;
  /** Calls that reached the handler. */
  readonly seen: bigint[];
  isHealthy: boolean;
}

let hosts = 0;
const freshHost = (): string => `peer-${++hosts}`;
async function startPeer(
  host: string,
  serverId: bigint,
  options: {
    readonly role?: string;
    readonly fail?: Error;
    /** Its door takes nothing. */
    readonly refuses?: boolean;
    /** What its handler does first. */
    readonly before?: (collectionId: bigint) => Promise<void>;
    readonly cluster?: string;
    readonly protocol?: number;
    readonly state?: StateCode;
  } = {},
): Promise<Peer> {
  const platform = openMemoryPlatform({ cluster, host });
  const before = ({ metadata }: { readonly metadata: Readonly<Record<string, string>> }): void => {
    const meant = metadata[SERVER_ID_HEADER];
    if (meant !== undefined && (meant !== String(serverId) || options.refuses === true))
      throw new ElanusError('other_process_meant', 'node not match');
  };
  const seen: bigint[] = [];
  const state = { isHealthy: true };
  const methods = new Map([
    ...wireMethods(ProcessDefinition, {
      handshake: async () => {
        if (!state.isHealthy) throw new ElanusError('service_not_ready', 'starting');
        return {
          ...{ serverId, role: options.role ?? 'query-coord', stateCode: options.state ?? StateCode.Healthy },
          clusterId: options.cluster ?? 'here',
          protocolVersion: options.protocol ?? PROTOCOL_VERSION,
        };
      },
    }),
    ...wireMethods(
      QueryCoordDefinition,
      {
        segmentsChanged: async ({ collectionId }) => {
          if (options.fail !== undefined) throw options.fail;
          await options.before?.(collectionId);
          seen.push(collectionId);
          return {};
        },
        loadState: () => new Promise(() => {}),
      },
      { before },
    ),
  ]);
  const listener = await platform.transport.listen({
    host,
    port: 7000,
    methods,
    receiveBytesMax: 1e6,
    sendBytesMax: 1e6,
  });
  return {
    platform,
    listener,
    seen,
    get isHealthy() {
      return state.isHealthy;
    },
    set isHealthy(value) {
      state.isHealthy = value;
    },
  };
}

function caller(host: string) {
  const platform = openMemoryPlatform({ cluster, host: `caller-of-${host}` });
  const role = new RemoteRole(platform, 'query-coord', `${host}:7000`, 'here');
  return { platform, role, client: role.client(QueryCoordDefinition) };
}

const { world } = cluster;
const within = (ms: number, signal = new AbortController().signal) => ({
  signal,
  deadlineMs: world.now + ms,
  metadata: {},
});

async function failureOf(
  call: Promise<unknown>,
): Promise<{ readonly error: unknown; readonly tookMs: number }> {
  const begin = world.now;
  const error = await world.runUntil(call.then(() => undefined).catch((reason: unknown) => reason));
  return { error, tookMs: world.now - begin };
}

describe('remote role', () => {
  it('without a peer: a typed error at the deadline, no sooner, no later', async () => {
    const { client, role } = caller(freshHost());
    const { error, tookMs } = await failureOf(client.segmentsChanged({}, within(300)));
    expect(error).toMatchObject({
      key: 'service_unavailable',
      message: expect.stringContaining('was not ready before the deadline'),
    });
    expect(tookMs).toBeGreaterThanOrEqual(300);
    expect(tookMs).toBeLessThan(400);
    expect(role.state).toMatchObject({ kind: 'connecting', attempts: expect.any(Number) });
  });
  it('a deadline shorter than the attempt that another caller began is kept', async () => {
    const host = freshHost();
    const { client } = caller(host);
    await startPeer(host, 5n);
    cluster.network.setLink(`caller-of-${host}`, host, { loss: 1, giveUpMs: 60_000 });
    const long = client.segmentsChanged({}, within(5000)).catch(() => {});
    const { error, tookMs } = await failureOf(client.segmentsChanged({}, within(100)));
    expect(error).toMatchObject({ key: 'service_unavailable' });
    expect(tookMs).toBeLessThan(150);
    await world.runUntil(long);
  });
  it('a peer that comes later answers the waiting call', async () => {
    const host = freshHost();
    const { client, role } = caller(host);
    const call = client.segmentsChanged({ collectionId: 9n }, within(5000));
    const begin = world.now;
    await world.advance(1000);
    const peer = await startPeer(host, 5n);
    await world.runUntil(call);
    expect(peer.seen).toEqual([9n]);
    expect(world.now - begin).toBeLessThan(4000);
    expect(role.state.kind).toBe('ready');
  });
  it('a peer that is up but not healthy is not called', async () => {
    const host = freshHost();
    const peer = await startPeer(host, 5n);
    peer.isHealthy = false;
    const { client } = caller(host);
    const { error } = await failureOf(client.segmentsChanged({}, within(300)));
    expect(error).toMatchObject({ key: 'service_unavailable', message: expect.stringContaining('starting') });
    peer.isHealthy = true;
    await world.runUntil(client.segmentsChanged({ collectionId: 1n }, within(5000)));
    expect(peer.seen).toEqual([1n]);
  });
  /** A client that has called process 5, and process 6 at its address since. No call is running and no connection breaks: only the server id differs. */
  async function replacedPeer() {
    const host = freshHost();
    const first = await startPeer(host, 5n);
    const { client } = caller(host);
    await world.runUntil(client.segmentsChanged({ collectionId: 1n }, within(1000)));
    await world.runUntil(first.listener.close(0));
    return { client, first, second: await startPeer(host, 6n) };
  }
  it('another process at the same address: noticed before any handler, then called', async () => {
    const { client, first, second } = await replacedPeer();
    await world.runUntil(client.segmentsChanged({ collectionId: 2n }, within(1000)));
    await world.runUntil(client.segmentsChanged({ collectionId: 3n }, within(1000)));
    expect(first.seen).toEqual([1n]);
    expect(second.seen).toEqual([2n, 3n]);
  });
  it('a call that names the process that came since is carried out by it', async () => {
    const { client, second } = await replacedPeer();
    const context = { ...within(1000), metadata: { [SERVER_ID_HEADER]: '6' } };
    await world.runUntil(client.segmentsChanged({ collectionId: 2n }, context));
    expect(second.seen).toEqual([2n]);
  });
  it('a process that is always another is given up, as unseen', async () => {
    const host = freshHost();
    const peer = await startPeer(host, 5n, { refuses: true });
    const { error } = await failureOf(caller(host).client.segmentsChanged({}, within(1000)));
    expect(error).toBeInstanceOf(NotSentError);
    expect(error).toMatchObject({ key: 'node_mismatch' });
    expect(peer.seen).toEqual([]);
  });
  it('a call that was carried out in part before a call within it was refused does not go again', async () => {
    const host = freshHost();
    const inner = freshHost();
    await startPeer(inner, 7n, { refuses: true });
    const nested = caller(inner).client;
    const begun: bigint[] = [];
    await startPeer(host, 5n, {
      before: async (collectionId) => {
        begun.push(collectionId);
        await nested.segmentsChanged({ collectionId }, within(1000));
      },
    });
    const { error } = await failureOf(
      caller(host).client.segmentsChanged({ collectionId: 1n }, within(5000)),
    );
    expect(begun).toEqual([1n]);
    expect(error).toMatchObject({ key: 'node_mismatch' });
    expect(error).not.toBeInstanceOf(NotSentError);
  });
  it('a call that names its process does not go to the one that came after it', async () => {
    const host = freshHost();
    const first = await startPeer(host, 5n);
    const { client } = caller(host);
    const toFive = { ...within(5000), metadata: { [SERVER_ID_HEADER]: '5' } };
    await world.runUntil(client.segmentsChanged({ collectionId: 1n }, toFive));
    await world.runUntil(first.listener.close(0));
    const second = await startPeer(host, 6n);
    const { error } = await failureOf(client.segmentsChanged({ collectionId: 2n }, toFive));
    expect(error).toBeInstanceOf(NotSentError);
    expect(error).toMatchObject({ key: 'node_mismatch' });
    expect(first.seen).toEqual([1n]);
    expect(second.seen).toEqual([]);
  });
  it('a process that runs another role is never called', async () => {
    const host = freshHost();
    const peer = await startPeer(host, 5n, { role: 'data-coord' });
    const { error } = await failureOf(caller(host).client.segmentsChanged({}, within(500)));
    expect(error).toMatchObject({
      key: 'service_unavailable',
      message: expect.stringContaining('expected "query-coord"'),
    });
    expect(peer.seen).toEqual([]);
  });
  it.each([
    ['of another cluster', { cluster: 'there' }, 'is of cluster "there", expected "here"'],
    ['of another protocol', { protocol: PROTOCOL_VERSION + 1 }, 'run one release on all processes'],
    ['in standby', { state: StateCode.StandBy }, 'is in state 3'],
  ])('a process %s is never called', async (_what, options, reason) => {
    const host = freshHost();
    const peer = await startPeer(host, 5n, options);
    const { error } = await failureOf(caller(host).client.segmentsChanged({}, within(500)));
    expect(error).toMatchObject({ key: 'service_unavailable', message: expect.stringContaining(reason) });
    expect(peer.seen).toEqual([]);
  });
  it('handshakes are tried after 100 ms, then twice as long, up to 3 s, each 20 % more or less; the first success begins anew', async () => {
    const host = freshHost();
    const { client, role } = caller(host);
    expect(role.state).toEqual({ kind: 'idle' });
    const call = client.segmentsChanged({}, within(60_000));
    const pauses: number[] = [];
    while (pauses.length < 8) {
      await world.advance(1);
      const { state } = role;
      if (state.kind === 'connecting' && state.pauseMs > 0 && state.attempts > pauses.length)
        pauses.push(state.pauseMs);
    }
    const wanted = [100, 200, 400, 800, 1600, 3000, 3000, 3000];
    pauses.forEach((pause, at) => {
      expect(pause).toBeGreaterThanOrEqual(0.8 * (wanted[at] ?? 0));
      expect(pause).toBeLessThanOrEqual(1.2 * (wanted[at] ?? 0));
    });
    expect(new Set(pauses.slice(5)).size).toBe(3); // No two processes come in step.
    const peer = await startPeer(host, 5n);
    await world.runUntil(call);
    expect(role.state).toEqual({ kind: 'ready', serverId: 5n });
    peer.platform.crash();
    await failureOf(client.segmentsChanged({}, within(1000)));
    const again = client.segmentsChanged({}, within(60_000)).catch(() => {});
    await world.advance(20);
    expect(role.state).toMatchObject({ kind: 'connecting', attempts: 1 });
    expect(role.state).toMatchObject({ pauseMs: expect.toSatisfy((ms: number) => ms <= 120) });
    role.close();
    await world.runUntil(again);
  });
  it('a lost peer is tried by whoever looks', async () => {
    const host = freshHost();
    const first = await startPeer(host, 5n);
    const { client, role } = caller(host);
    await world.runUntil(client.segmentsChanged({}, within(1000)));
    first.platform.crash();
    await failureOf(client.segmentsChanged({}, within(1000)));
    await startPeer(host, 6n);
    expect(role.state.kind).toBe('connecting');
    role.look();
    await world.advance(200);
    expect(role.state).toEqual({ kind: 'ready', serverId: 6n });
  });
  it('a crash is one retriable error, then success', async () => {
    const host = freshHost();
    const first = await startPeer(host, 5n);
    const { client } = caller(host);
    await world.runUntil(client.segmentsChanged({}, within(1000)));
    first.platform.crash();
    const { error } = await failureOf(client.segmentsChanged({}, within(1000)));
    expect(error).toMatchObject({ key: 'service_unavailable' });
    const second = await startPeer(host, 6n);
    await world.runUntil(client.segmentsChanged({ collectionId: 2n }, within(5000)));
    expect(second.seen).toEqual([2n]);
  });
  it('what a handler throws arrives typed, and later calls work', async () => {
    const host = freshHost();
    const peer = await startPeer(host, 5n, { fail: new Error('boom') });
    const { client, role } = caller(host);
    for (let round = 0; round < 2; round++) {
      const { error } = await failureOf(client.segmentsChanged({}, within(1000)));
      expect(error).toMatchObject({ key: 'internal', message: expect.stringContaining('boom') });
    }
    expect(role.state.kind).toBe('ready');
    expect(peer.seen).toEqual([]);
  });
  it('a handler that never answers ends at the deadline', async () => {
    const host = freshHost();
    await startPeer(host, 5n);
    const { error, tookMs } = await failureOf(caller(host).client.loadState({}, within(700)));
    expect(error).toMatchObject({ key: 'deadline_exceeded' });
    expect(tookMs).toBeLessThan(800);
  });
  it('cancelled while it waits, and by close', async () => {
    const { client, role } = caller(freshHost());
    const abort = new AbortController();
    const cancelled = client.segmentsChanged({}, within(60_000, abort.signal));
    await world.advance(50);
    abort.abort();
    const { error, tookMs } = await failureOf(cancelled);
    expect(error).toMatchObject({ key: 'cancelled' });
    expect(tookMs).toBeLessThan(10);
    const waiting = client.segmentsChanged({}, within(60_000));
    await world.advance(50);
    role.close();
    const closed = await failureOf(waiting);
    expect(closed.error).toMatchObject({
      key: 'service_unavailable',
      message: expect.stringContaining('closed'),
    });
    expect(closed.tookMs).toBeLessThan(10);
  });
  it('leaves no timer behind', async () => {
    const { client } = caller(freshHost());
    await world.advance(120_000);
    const before = world.pending;
    await failureOf(client.segmentsChanged({}, within(1000)));
    await world.advance(5000);
    expect(world.pending).toBe(before);
  });
});

it('whom a call was meant for is no business of the calls that its handler makes', async () => {
  const host = freshHost();
  let seen: Readonly<Record<string, string>> = {};
  const platform = openMemoryPlatform({ cluster, host });
  const methods = new Map([
    ...wireMethods(ProcessDefinition, {
      handshake: async ({ role }) => ({
        ...{ serverId: 5n, role, stateCode: StateCode.Healthy },
        ...{ clusterId: 'here', protocolVersion: PROTOCOL_VERSION },
      }),
    }),
    ...wireMethods(QueryCoordDefinition, {
      segmentsChanged: async (_request, { metadata }) => {
        seen = metadata;
        return {};
      },
    }),
  ]);
  await platform.transport.listen({ host, port: 7000, methods, receiveBytesMax: 1e6, sendBytesMax: 1e6 });
  const context = { ...within(1000), metadata: { 'elanus-request-id': 'r-1' } };
  await world.runUntil(caller(host).client.segmentsChanged({}, context));
  expect(seen).toEqual({ 'elanus-request-id': 'r-1' });
});
