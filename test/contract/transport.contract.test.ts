// What every Transport must do; then the one port of the real one, and the weather of the simulated one.
import { connect as http2Connect } from 'node:http2';
import { Server, connect as tcpConnect } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import { canSharePorts } from '#platform/node/grpc/port-bind.js';
import { nodeClock, nodeTimers } from '#platform/node/node-time.js';
import type { Clock, Timers } from '#platform/time.js';
import type {
  CallContext,
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
  MethodHandler,
  Transport,
} from '#platform/transport.js';

interface Bench {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Lets simulated time pass until the work is done. */
  drive<T>(work: () => Promise<T>): Promise<T>;
}

const nodeBench = (transport: Transport = new GrpcTransport()): Bench => ({
  transport,
  clock: nodeClock,
  timers: nodeTimers,
  drive: (work) => work(),
});

/** As if every listener had been asked for threads. */
class ThreadedTransport extends GrpcTransport {
  override listen(options: ListenOptions): Promise<Listener> {
    return super.listen({ ...options, threads: 2 });
  }
}

function memoryBench(): Bench & { world: SimulatedWorld; network: SimulatedNetwork } {
  const world = new SimulatedWorld({ seed: 7 });
  const network = new SimulatedNetwork(world);
  const { clock, timers } = world;
  return {
    world,
    network,
    transport: new MemoryTransport(network, 'a'),
    clock,
    timers,
    drive: (work) => world.runUntil(work()),
  };
}

const open: Listener[] = [];
afterEach(async () => {
  for (const listener of open.splice(0)) void listener.close(0);
});

async function listen(
  transport: Transport,
  methods: Record<string, MethodHandler>,
  more: Partial<ListenOptions> = {},
): Promise<Listener> {
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    methods: new Map(Object.entries(methods)),
    receiveBytesMax: 100_000_000,
    sendBytesMax: 100_000_000,
    ...more,
  });
  open.push(listener);
  return listener;
}

const context = (more: Partial<CallContext> = {}): CallContext => ({
  signal: new AbortController().signal,
  metadata: {},
  ...more,
});

const address = (listener: Listener): string => `${listener.host}:${listener.port}`;

const sharesPorts = await canSharePorts('127.0.0.1');
const benches: [string, () => Bench][] = [
  ['grpc', () => nodeBench()],
  ['memory', memoryBench],
];
if (sharesPorts) benches.push(['grpc in threads', () => nodeBench(new ThreadedTransport())]);

describe.each(benches)('Transport (%s)', (_name, bench) => {
  test('carries bytes, metadata and the deadline', async () => {
    const { transport, clock, drive } = bench();
    await drive(async () => {
      let seen: CallContext | undefined;
      const listener = await listen(transport, {
        '/p.S/Reverse': async (request, its) => {
          seen = its;
          return request.slice().reverse();
        },
      });
      const connection = transport.connect(address(listener));
      const deadlineMs = clock.now() + 20_000;
      const reply = await connection.call(
        '/p.S/Reverse',
        Uint8Array.of(1, 2, 3),
        context({ deadlineMs, metadata: { authorization: 'Basic x', dbname: 'd' } }),
      );
      expect([...reply]).toEqual([3, 2, 1]);
      expect(seen?.metadata).toMatchObject({ authorization: 'Basic x', dbname: 'd' });
      expect(Math.abs((seen?.deadlineMs ?? 0) - deadlineMs)).toBeLessThan(1000);
      await connection.call('/p.S/Reverse', new Uint8Array(0), context());
      expect(seen?.deadlineMs).toBeUndefined();
      connection.close();
    });
  });
  test('carries large messages, and many at once', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(transport, { '/p.S/Echo': async (request) => request });
      const connection = transport.connect(address(listener));
      const large = new Uint8Array(20_000_000).fill(5);
      expect((await connection.call('/p.S/Echo', large, context())).length).toBe(large.length);
      const replies = await Promise.all(
        Array.from({ length: 100 }, (_, i) => connection.call('/p.S/Echo', Uint8Array.of(i), context())),
      );
      expect(replies.map((reply) => reply[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
      connection.close();
    });
  });
  test.each([
    ['service_unavailable', 'service_unavailable'],
    ['service_not_ready', 'service_unavailable'],
    ['deadline_exceeded', 'deadline_exceeded'],
    ['unsupported', 'unsupported'],
    ['collection_not_found', 'internal'],
  ] as const)('a handler that throws %s: the caller sees %s', async (thrown, seen) => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(transport, {
        '/p.S/Fail': async () => {
          throw new ElanusError(thrown, 'the reason');
        },
      });
      const connection = transport.connect(address(listener));
      await expect(connection.call('/p.S/Fail', new Uint8Array(1), context())).rejects.toMatchObject({
        key: seen,
      });
      connection.close();
    });
  });
  test('any other throw is internal with its message, a missing method unsupported, a missing peer service_unavailable', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(transport, {
        '/p.S/Sync': () => {
          throw new TypeError('broken inside');
        },
      });
      const connection = transport.connect(address(listener));
      await expect(connection.call('/p.S/Sync', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'internal',
        message: expect.stringContaining('broken inside'),
      });
      await expect(connection.call('/p.S/Other', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'unsupported',
      });
      connection.close();
      await expect(connection.call('/p.S/Sync', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'service_unavailable',
      });
      const nobody = transport.connect('127.0.0.1:1');
      await expect(nobody.call('/p.S/Sync', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'service_unavailable',
      });
      nobody.close();
    });
  });
  test('abort and deadline end the call for both sides', async () => {
    const { transport, clock, timers, drive } = bench();
    await drive(async () => {
      const aborted: string[] = [];
      const listener = await listen(transport, {
        '/p.S/Slow': async (request, its) => {
          its.signal.addEventListener('abort', () => aborted.push(`${request[0]}`));
          await timers.sleep(2000);
          return new Uint8Array(0);
        },
      });
      const connection = transport.connect(address(listener));
      const stop = new AbortController();
      const first = connection.call('/p.S/Slow', Uint8Array.of(1), context({ signal: stop.signal }));
      first.catch(() => {});
      await timers.sleep(100);
      stop.abort();
      await expect(first).rejects.toMatchObject({ key: 'cancelled' });
      const second = connection.call(
        '/p.S/Slow',
        Uint8Array.of(2),
        context({ deadlineMs: clock.now() + 150 }),
      );
      await expect(second).rejects.toMatchObject({ key: 'deadline_exceeded' });
      await timers.sleep(300);
      expect(aborted.sort()).toEqual(['1', '2']);
      await expect(
        connection.call('/p.S/Slow', Uint8Array.of(3), context({ signal: stop.signal })),
      ).rejects.toMatchObject({
        key: 'cancelled',
      });
      connection.close();
    });
  });
  test('messages beyond the limits fail, the connection lives on', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(
        transport,
        { '/p.S/Grow': async (request) => new Uint8Array((request[0] ?? 0) * 1000) },
        { receiveBytesMax: 10_000, sendBytesMax: 10_000 },
      );
      const connection = transport.connect(address(listener));
      await expect(connection.call('/p.S/Grow', new Uint8Array(10_001), context())).rejects.toMatchObject({
        key: 'internal',
      });
      await expect(connection.call('/p.S/Grow', Uint8Array.of(11), context())).rejects.toMatchObject({
        key: 'internal',
      });
      expect((await connection.call('/p.S/Grow', Uint8Array.of(10), context())).length).toBe(10_000);
      connection.close();
    });
  });
  test('closing lets running calls end within the grace; a new listener on the port is found again', async () => {
    const { transport, timers, drive } = bench();
    await drive(async () => {
      const slow: MethodHandler = async (request) => {
        await timers.sleep((request[0] ?? 0) * 100);
        return request.slice();
      };
      const first = await listen(transport, { '/p.S/Slow': slow });
      const connection = transport.connect(address(first));
      const [ends, cut] = [2, 100].map((tenths) =>
        connection.call('/p.S/Slow', Uint8Array.of(tenths), context()),
      );
      cut?.catch(() => {});
      await timers.sleep(100);
      const closed = first.close(800);
      expect([...((await ends) ?? [])]).toEqual([2]);
      await expect(cut).rejects.toMatchObject({ key: 'service_unavailable' });
      await closed;
      await expect(connection.call('/p.S/Slow', Uint8Array.of(0), context())).rejects.toMatchObject({
        key: 'service_unavailable',
      });
      await listen(transport, { '/p.S/Slow': slow }, { port: first.port });
      for (let attempt = 0; ; attempt++) {
        const reply = await connection.call('/p.S/Slow', Uint8Array.of(1), context()).catch(() => undefined);
        if (reply !== undefined) break;
        expect(attempt).toBeLessThan(40);
        await timers.sleep(100);
      }
      connection.close();
    });
  });
  test('a port in use is refused', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const first = await listen(transport, {});
      await expect(listen(transport, {}, { port: first.port })).rejects.toMatchObject({ key: 'refused' });
    });
  });
});

const transports: [string, () => GrpcTransport][] = [['one thread', () => new GrpcTransport()]];
if (sharesPorts) transports.push(['two threads', () => new ThreadedTransport()]);
describe.each(transports)('GrpcTransport: one port (%s)', (_name, newTransport) => {
  const http = async (request: HttpRequest): Promise<HttpResponse> => {
    if (request.path === '/throw') throw new Error('inside');
    return {
      status: 201,
      contentType: 'application/json',
      body: JSON.stringify({ ...request, body: request.body.length }),
    };
  };
  test('serves HTTP/1.1 beside gRPC', async () => {
    const transport = newTransport();
    const listener = await listen(
      transport,
      { '/p.S/Echo': async (request) => request },
      { http, httpBodyPaths: ['/v2/'], receiveBytesMax: 1000 },
    );
    const base = `http://${address(listener)}`;
    const answer = await fetch(`${base}/v2/x?y=1`, {
      method: 'POST',
      body: 'abc',
      headers: { Authorization: 'Bearer t' },
    });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({
      method: 'POST',
      path: '/v2/x?y=1',
      body: 3,
      headers: { authorization: 'Bearer t' },
    });
    expect((await fetch(`${base}/throw`)).status).toBe(500);
    expect((await fetch(`${base}/v2/y`, { method: 'POST', body: 'x'.repeat(1001) })).status).toBe(413);
    const connection = transport.connect(address(listener));
    expect([...(await connection.call('/p.S/Echo', Uint8Array.of(4), context()))]).toEqual([4]);
    connection.close();
    await listener.close(2000);
    await expect(fetch(base)).rejects.toThrow();
  });
  test('answers a call whose request stream stays open after the message', async () => {
    const listener = await listen(newTransport(), {
      '/p.S/Reverse': async (request) => request.slice().reverse(),
    });
    const session = http2Connect(`http://${address(listener)}`);
    const call = session.request({
      ':method': 'POST',
      ':path': '/p.S/Reverse',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const trailers = new Promise<Record<string, unknown>>((resolve, reject) => {
      call.once('trailers', resolve);
      call.once('error', reject);
    });
    const pieces: Buffer[] = [];
    call.on('data', (piece: Buffer) => pieces.push(piece));
    call.write(Buffer.from([0, 0, 0, 0, 3, 1, 2, 3])); // Never ended, as the retries of the Milvus client for Node leave it.
    expect(await trailers).toMatchObject({ 'grpc-status': '0' });
    expect([...Buffer.concat(pieces)]).toEqual([0, 0, 0, 0, 3, 3, 2, 1]);
    session.destroy();
  });
  test('a port of its own choice is never one it has had before', async () => {
    const transport = newTransport();
    const first = await listen(transport, {});
    await first.close(0);
    // What the operating system would have to offer is forced: the freed port is the only answer to the first question.
    let asked = 0;
    const { listen: original } = Server.prototype;
    const spy = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (
      this: Server,
      ...args: unknown[]
    ) {
      const port = args[0] === 0 && asked++ === 0 ? first.port : args[0];
      return original.call(this, port, ...(args.slice(1) as []));
    });
    const second = await listen(transport, {});
    expect(asked).toBe(2);
    expect(second.port).not.toBe(first.port);
    spy.mockRestore();
  });
  test('a preface in pieces, and garbage, harm nobody', async () => {
    const listener = await listen(newTransport(), {}, { http });
    const slow = tcpConnect(listener.port, '127.0.0.1');
    const heard = new Promise<Buffer>((resolve) => slow.once('data', resolve));
    for (const piece of ['P', 'RI * HT', 'TP/2.0\r\n\r\nSM\r\n\r\n']) {
      slow.write(piece);
      await nodeTimers.sleep(20);
    }
    slow.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])); // Empty SETTINGS.
    expect((await heard)[3]).toBe(4); // The server's SETTINGS.
    slow.destroy();
    const garbage = tcpConnect(listener.port, '127.0.0.1');
    garbage.on('error', () => {});
    const gone = new Promise((resolve) => garbage.once('close', resolve));
    garbage.write(Buffer.from([1, 2, 3, 4, 13, 10, 13, 10]));
    garbage.resume();
    await gone;
    const idle = tcpConnect(listener.port, '127.0.0.1');
    idle.on('error', () => {});
    await nodeTimers.sleep(20);
    await listener.close(100);
  });
});

describe('MemoryTransport: weather', () => {
  const run = async (seed: number, link: { loss?: number; duplication?: number }): Promise<string> => {
    const world = new SimulatedWorld({ seed });
    const network = new SimulatedNetwork(world, link);
    const handled: number[] = [];
    const listener = await listen(new MemoryTransport(network, 'b'), {
      '/p.S/N': async (request) => {
        handled.push(request[0] ?? 0);
        return request;
      },
    });
    const connection = new MemoryTransport(network, 'a').connect(`b:${listener.port}`);
    const results = await world.runUntil(
      Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          connection.call('/p.S/N', Uint8Array.of(i), context()).then(
            () => 'ok',
            (error: ElanusError) => error.key,
          ),
        ),
      ),
    );
    return JSON.stringify([handled, results, world.now]);
  };
  test('loss shows as service_unavailable, duplicates reach the handler, order is not kept; the same seed gives the same run', async () => {
    const rough = await run(3, { loss: 0.2, duplication: 0.3 });
    expect(await run(3, { loss: 0.2, duplication: 0.3 })).toBe(rough);
    expect(await run(4, { loss: 0.2, duplication: 0.3 })).not.toBe(rough);
    const [handled, results] = JSON.parse(rough) as [number[], string[]];
    expect(new Set(results)).toEqual(new Set(['ok', 'service_unavailable']));
    expect(handled.length).toBeGreaterThan(new Set(handled).size);
    expect(handled).not.toEqual([...handled].sort((a, b) => a - b));
  });
  test('down, up, cut and heal', async () => {
    const { world, network, transport } = memoryBench();
    const listener = await listen(new MemoryTransport(network, 'b'), {
      '/p.S/Slow': async () => {
        await world.timers.sleep(50);
        return new Uint8Array(1);
      },
    });
    const target = `b:${listener.port}`;
    const connection = transport.connect(target);
    const call = (): Promise<Uint8Array> => connection.call('/p.S/Slow', new Uint8Array(1), context());
    const running = call();
    running.catch(() => {});
    await world.advance(10);
    network.down(target);
    await expect(world.runUntil(running)).rejects.toMatchObject({ key: 'service_unavailable' });
    await expect(world.runUntil(call())).rejects.toMatchObject({ key: 'service_unavailable' });
    network.up(target);
    await world.runUntil(call());
    network.cut('a', 'b');
    await expect(world.runUntil(call())).rejects.toMatchObject({ key: 'service_unavailable' });
    network.heal('a', 'b');
    await world.runUntil(call());
  });
  test('a displaced process answers the calls it has; new ones come to the other, and what is left breaks off when it is gone', async () => {
    const { world, network, transport } = memoryBench();
    const serve = (answer: number, port: number): Promise<Listener> =>
      listen(
        new MemoryTransport(network, 'b'),
        {
          '/p.S/Slow': async () => {
            await world.timers.sleep(50);
            return Uint8Array.of(answer);
          },
        },
        { port },
      );
    const { port } = await serve(1, 0);
    const connection = transport.connect(`b:${port}`);
    const call = (): Promise<Uint8Array> => connection.call('/p.S/Slow', new Uint8Array(1), context());
    const early = call();
    await world.advance(10);
    network.displace('b');
    await serve(2, port);
    const late = call();
    expect(await world.runUntil(early)).toEqual(Uint8Array.of(1));
    expect(await world.runUntil(late)).toEqual(Uint8Array.of(2));
    const again = call();
    again.catch(() => {});
    await world.advance(10);
    network.displace('b');
    network.vanish('b');
    await expect(world.runUntil(again)).rejects.toMatchObject({ key: 'service_unavailable' });
  });
});
