// Roles in processes of their own, started by the program as users start it, on one folder and one catalog: one active coordinator and a standby,
// a streaming-node and its standby. They are killed, stopped and let go on; clients go on all the same.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { type Cluster, internalOf, type Member, openCluster, publicOf, TTL_MS } from './process-cluster.js';
import { runElanus } from './server-process.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder, until, vectorOf } from './support.js';
import { connectPlain, int, message } from './wire-bytes.js';

const COORDINATORS = 'root-coord,data-coord,query-coord';

describe('processes on one catalog', () => {
  let cluster: Cluster;
  let client: Awaited<ReturnType<typeof connect>>;
  let active: Member;
  let standby: Member;
  let stream: Member;
  beforeAll(async () => {
    cluster = await openCluster('query-node,data-node');
    active = cluster.start(COORDINATORS);
    await active.ready;
    standby = cluster.start(COORDINATORS);
    stream = cluster.start('streaming-node');
    await stream.ready;
    const front = cluster.start('proxy');
    client = await connect(publicOf(await front.ready));
  }, 60_000);
  afterAll(async () => {
    await client?.closeConnection();
    await cluster?.close();
  }, 30_000);

  const count = async (name: string): Promise<number> =>
    Number((await client.count({ collection_name: name })).data);
  /** SDKs repeat what is retriable; so does this, for what they do not. */
  const eventually = (what: string, call: () => Promise<unknown>) =>
    until(
      what,
      () =>
        call().then(
          () => true,
          () => undefined,
        ),
      20_000,
    );

  test('work as one database', async () => {
    await createLoaded(client, 'kept', { shards: 2 });
    await insertRange(client, 'kept', 0, 1500);
    await mustSucceed(client.flushSync({ collection_names: ['kept'] }));
    await insertRange(client, 'kept', 1500, 1600);
    expect(await count('kept')).toBe(1600);
    const found = await client.search({
      collection_name: 'kept',
      data: vectorOf(7),
      limit: 1,
      output_fields: ['id'],
    });
    expect(found.results[0]?.id).toBe('7');
    expect(standby.stdout()).toBe(''); // It stands by.
    const line = 'elanus: stands by for root-coord, which another process has';
    await until('it says so', async () => standby.stderr().includes(line) || undefined);
    expect(active.stderr()).not.toContain(line);
  }, 60_000);

  test('a process without a proxy says on its internal port how it is', async () => {
    const get = async (path: string) => {
      const answer = await fetch(`http://${internalOf(await stream.ready)}${path}`);
      return { status: answer.status, body: await answer.text() };
    };
    expect(await get('/healthz')).toEqual({ status: 200, body: 'OK' });
    const { body } = await get('/metrics');
    expect(body).toContain('elanus_role_healthy{role_name="streaming-node"} 1');
    expect(body).toMatch(/^milvus_wal_append_message_total\{channel_name="[^"]+",status="ok"\} [1-9]/m);
  });

  test('the active coordinator is killed: the standby takes over, reads and writes go on meanwhile, nothing is lost', async () => {
    const killedAt = performance.now();
    active.kill('SIGKILL');
    await active.ended;
    // Neither needs a coordinator.
    expect(await count('kept')).toBe(1600);
    await insertRange(client, 'kept', 1600, 1610);
    await standby.ready;
    expect(performance.now() - killedAt).toBeLessThan(TTL_MS + 4000);
    await eventually('a flush', () => mustSucceed(client.flushSync({ collection_names: ['kept'] })));
    expect(await count('kept')).toBe(1610);
    await eventually('a collection', () => createLoaded(client, 'after'));
    await insertRange(client, 'after', 0, 5);
    expect(await count('after')).toBe(5);
  }, 60_000);

  test('one that stalls and goes on has lost its place: it answers nothing, and ends with 80', async () => {
    const next = cluster.start(COORDINATORS);
    await until('its session', () => Promise.resolve(next.stderr().includes('stands_by') || undefined));
    const old = connectPlain(internalOf(standby.stdout()));
    const time = () => old.call('/milvus.proto.rootcoord.RootCoord/AllocTimestamp', [[3, 1n]]);
    const before = int(await time(), 2);
    standby.kill('SIGSTOP');
    await next.ready;
    const fresh = connectPlain(internalOf(next.stdout()));
    const after = int(await fresh.call('/milvus.proto.rootcoord.RootCoord/AllocTimestamp', [[3, 1n]]), 2);
    expect(after).toBeGreaterThan(before);
    const stale = time().then(
      (answer) => int(message(answer, 1), 3),
      () => -1n,
    );
    standby.kill('SIGCONT');
    expect([1n, -1n]).toContain(await stale);
    expect((await standby.ended).code).toBe(80);
    expect(standby.stderr()).toContain('start it again');
    old.close();
    fresh.close();
    expect(await count('kept')).toBe(1610);
    standby = next;
  }, 60_000);

  test('the streaming-node is killed: its standby opens the same logs, every acknowledged row is there once', async () => {
    const next = cluster.start('streaming-node');
    await until('its session', () => Promise.resolve(next.stderr().includes('stands_by') || undefined));
    await insertRange(client, 'kept', 1610, 1700);
    stream.kill('SIGKILL');
    await stream.ended;
    await next.ready;
    await eventually('the rows', async () => expect(await count('kept')).toBe(1700));
    await eventually('a write', () => insertRange(client, 'kept', 1700, 1710));
    await eventually('all of them', async () => expect(await count('kept')).toBe(1710));
    stream = next;
  }, 60_000);

  test('a clean end: the next one has the rows', async () => {
    const next = cluster.start(COORDINATORS);
    await until('its session', () => Promise.resolve(next.stderr().includes('stands_by') || undefined));
    standby.kill('SIGTERM');
    expect((await standby.ended).code).toBe(0);
    await next.ready;
    expect(await count('kept')).toBe(1710);
  }, 60_000);
});

test('a clean end frees the place at once', async () => {
  // Longer than this test may take: who waits for the lease to run out fails it.
  const cluster = await openCluster('query-node,data-node', '--session-ttl', '120000');
  const active = cluster.start(COORDINATORS);
  await active.ready;
  const next = cluster.start(COORDINATORS);
  await until('its session', () => Promise.resolve(next.stderr().includes('stands_by') || undefined));
  active.kill('SIGTERM');
  expect((await active.ended).code).toBe(0);
  await next.ready;
  await cluster.close();
}, 60_000);

test('who stands by, or waits for others or a catalog that does not answer, ends cleanly when it is asked to', async () => {
  const connections = new Set<Socket>();
  const asked = deferred<void>();
  const silent = createServer((connection) => {
    connections.add(connection);
    asked.resolve();
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const cluster = await openCluster('query-node,data-node', '--session-ttl', '120000');
  const active = cluster.start(COORDINATORS);
  await active.ready;
  const waits = [
    cluster.start(COORDINATORS),
    cluster.start('streaming-node'),
    cluster.start('streaming-node'),
  ];
  const [standby, , next] = waits;
  await until(
    'their sessions',
    async () => waits.every((one) => one.stderr().includes('stands_by')) || undefined,
  );
  standby?.kill('SIGTERM');
  expect(await standby?.ended).toEqual({ code: 0, signal: null });
  expect(standby?.stdout()).toBe('');
  expect(standby?.stderr()).toContain('ended before it was ready');
  next?.kill('SIGTERM');
  expect(await next?.ended).toEqual({ code: 0, signal: null });
  const meta = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const early = cluster.start(COORDINATORS, '--meta', meta);
  await asked.promise;
  early.kill('SIGTERM');
  // Not stopped hard after its time: that says nothing of its start.
  expect(await early.ended).toEqual({ code: 0, signal: null });
  expect(early.stderr()).toContain('ended before it was ready');
  for (const connection of connections) connection.destroy();
  silent.close();
  // A session that stayed would hold the place for two minutes.
  const later = cluster.start(COORDINATORS);
  await until('its session', async () => later.stderr().includes('stands_by') || undefined);
  active.kill('SIGTERM');
  await later.ready;
  await cluster.close();
}, 60_000);

test('what sharing needs is said', async () => {
  const text = async (...args: readonly string[]) => {
    const run = runElanus('serve', ...args);
    expect((await run.ended).code).toBeGreaterThan(0);
    return run.stderr();
  };
  expect(await text('--shared')).toContain('--data names none');
  expect(await text('--shared', '--meta', '127.0.0.1:1', '--data', 'x')).toContain('give one of the two');
  const folder = await tempFolder();
  expect(await text('--meta', '127.0.0.1:1', '--data', folder.path)).toContain('start that one first');
  expect(await text('--session-ttl', '3')).toContain('expected a time from 500');
  await folder.remove();
});
