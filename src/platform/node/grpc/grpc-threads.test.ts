// What threads add to the transport's contract: they may die, be impossible, and must not share a port with strangers.
import { createServer, Server } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConsoleLogger } from '#platform/node/console-logger.js';
import { newCells } from '#platform/node/http1/held-bytes.js';
import type { CallContext, Connection, Listener, ListenOptions, MethodHandler } from '#platform/transport.js';
import { GrpcThread } from './grpc-thread.js';
import { GrpcTransport } from './grpc-transport.js';
import { canSharePorts, sharePort } from './port-bind.js';

const sharesPorts = await canSharePorts('127.0.0.1');
const context = (more: Partial<CallContext> = {}): CallContext => ({
  signal: new AbortController().signal,
  metadata: {},
  ...more,
});

const workers: Worker[] = [];
const lines: string[] = [];
const open: { close(graceMs: number): unknown }[] = [];
const seen = (worker: Worker): void => void workers.push(worker);
beforeEach(() => void process.on('worker', seen));
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close(0);
  process.off('worker', seen);
  vi.restoreAllMocks();
  workers.length = 0;
  lines.length = 0;
});

const transport = new GrpcTransport(new ConsoleLogger('debug', (line) => lines.push(line)));
async function listen(
  methods: Record<string, MethodHandler>,
  more: Partial<ListenOptions> = {},
): Promise<Listener> {
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    threads: 2,
    receiveBytesMax: 1e6,
    sendBytesMax: 1e6,
    methods: new Map(Object.entries(methods)),
    ...more,
  });
  open.push(listener);
  return listener;
}

function connect(listener: Pick<Listener, 'host' | 'port'>): Connection {
  const connection = transport.connect(`${listener.host}:${listener.port}`);
  open.push({ close: () => connection.close() });
  return connection;
}

const echo: MethodHandler = async (request) => request;
async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; ; await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (await isSo()) return;
    if (Date.now() > end) throw new Error(`${what}: not within 10 s; logs: ${lines.join('')}`);
  }
}

const works = (connection: Connection): Promise<boolean> =>
  connection.call('/p.S/Echo', Uint8Array.of(1), context()).then(
    (reply) => reply[0] === 1,
    () => false,
  );

test('ports are shared where Node and the system can: nothing below is skipped there', () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (process.platform === 'linux')
    expect(sharesPorts).toBe(major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12));
});

describe.skipIf(!sharesPorts)('threads that speak gRPC', () => {
  test.each([
    ['is ended', (worker: Worker) => void worker.terminate()],
    ['throws', (worker: Worker) => worker.postMessage({ kind: 'batch' })], // A batch without items, which no one sends.
  ])(
    'one that %s takes its connections along, others go on and another takes its place',
    async (_how, kill) => {
      const aborted: boolean[] = [];
      const listener = await listen({
        '/p.S/Echo': echo,
        '/p.S/Hang': async (_request, { signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          aborted.push(true);
          return new Uint8Array(0);
        },
      });
      const connections = Array.from({ length: 24 }, () => connect(listener));
      const hanging = connections.map((connection) =>
        connection.call('/p.S/Hang', new Uint8Array(1), context()).then(
          () => 'answered',
          (error: { key: string }) => error.key,
        ),
      );
      for (const connection of connections) expect(await works(connection)).toBe(true);
      const [victim] = workers;
      expect(workers.length).toBe(2);
      if (victim === undefined) return;
      const gone = new Promise((resolve) => victim.once('exit', resolve));
      kill(victim);
      await gone;
      // The port is held by the other thread: a new connection does not wait for the replacement.
      await until('a new connection', () => works(connect(listener)));
      for (const connection of connections) await until('an old connection', () => works(connection));
      await until('a replacement', () => workers.length === 3);
      expect(lines.join('')).toContain('grpc_thread_lost');
      // Each thread has some of the 24 connections (except once in eight million runs); those of the living one still wait.
      await until('aborted calls', () => aborted.length > 0);
      const cut = aborted.length;
      expect(cut).toBeLessThan(24);
      await listener.close(0);
      expect((await Promise.all(hanging)).every((key) => key === 'service_unavailable')).toBe(true);
      await until('the rest', () => aborted.length === 24);
    },
  );
  test('the only one comes back on the same port, or not while somebody else has it', async () => {
    const listener = await listen({ '/p.S/Echo': echo }, { threads: 1 });
    const connection = connect(listener);
    expect(await works(connection)).toBe(true);
    await workers[0]?.terminate();
    const stranger = createServer();
    // It would share, and so must not be joined.
    await new Promise<void>((resolve) =>
      stranger.listen({ port: listener.port, host: '127.0.0.1', reusePort: true }, resolve),
    );
    await until('a refusal', () => lines.join('').includes('grpc_thread_not_started'));
    expect(lines.join('')).toContain('EADDRINUSE');
    await new Promise((resolve) => stranger.close(resolve));
    await until('a call', () => works(connection));
  });
  test('closing while a thread is being replaced leaves none behind', async () => {
    const listener = await listen({ '/p.S/Echo': echo });
    await workers[0]?.terminate();
    await until('a replacement', () => workers.length === 3);
    const ends = workers.slice(1).map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    await listener.close(100);
    await Promise.all(ends);
    expect(await works(connect(listener))).toBe(false);
  });
  test('a port is refused when anybody has it, even one who would share it; of many who want it one gets it', async () => {
    const stranger = createServer();
    await new Promise<void>((resolve) =>
      stranger.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve),
    );
    const { port } = stranger.address() as { port: number };
    await expect(listen({}, { port })).rejects.toMatchObject({
      key: 'refused',
      message: expect.stringContaining('EADDRINUSE'),
    });
    await new Promise((resolve) => stranger.close(resolve));
    const tries = await Promise.allSettled(Array.from({ length: 4 }, () => listen({}, { port, threads: 1 })));
    expect(tries.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    for (const one of tries)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ key: 'refused' });
    await expect(listen({}, { port, threads: 0 })).rejects.toMatchObject({ key: 'refused' });
  });
  test('a thread that is given another port leaves the first', async () => {
    const options = {
      host: '127.0.0.1',
      port: 0,
      methods: new Map([['/p.S/Echo', echo]]),
      receiveBytesMax: 1e6,
      sendBytesMax: 1e6,
    };
    const thread = new GrpcThread(
      options,
      'grpc-test',
      { bytesMax: 1e9, cells: newCells(1), cell: 0 },
      undefined,
    );
    open.push(thread);
    await thread.loaded;
    const first = await sharePort(options, (port) => thread.listen(port));
    const second = await sharePort(options, (port) => thread.listen(port));
    expect(await works(connect({ ...options, port: first }))).toBe(false);
    expect(await works(connect({ ...options, port: second }))).toBe(true);
  });
});

test('where ports cannot be shared, one thread does it all, and says so', async () => {
  const original = Server.prototype.listen;
  vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...args: unknown[]) {
    const [first, ...rest] = args;
    const plain = typeof first === 'object' ? { ...first, reusePort: false } : first; // As Node 20 reads it.
    return original.call(this, plain, ...(rest as []));
  });
  const listener = await listen({ '/p.S/Echo': echo });
  expect(await works(connect(listener))).toBe(true);
  expect(workers.length).toBe(0);
  expect(lines.join('')).toContain('grpc_threads_not_started');
});
