// What the edge holds for clients: admitted against one bound, refused before it is buffered, ended by time, and given back.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  connect as http2Connect,
} from 'node:http2';
import { connect as tcpConnect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { HeldBytes } from '#platform/node/http1/held-bytes.js';
import type { Listener, ListenOptions, MethodHandler } from '#platform/transport.js';
import { GrpcCall, STALL_MS } from './grpc-call.js';
import { listenGrpc } from './grpc-listener.js';
import { STREAMS_MAX } from './grpc-server.js';

const MiB = 1024 * 1024;
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const echo: MethodHandler = async (request) => request;
const grow: MethodHandler = async () => new Uint8Array(3 * MiB);
interface Bench {
  readonly listener: Listener;
  readonly held: HeldBytes;
  session(options?: object): ClientHttp2Session;
}

/** Bounds: messages of 4 MiB, 16 MiB for all. */
async function bench(more: Partial<ListenOptions> = {}): Promise<Bench> {
  const held = new HeldBytes(16 * MiB);
  const methods = new Map<string, MethodHandler>([
    ['/p.S/Echo', echo],
    ['/p.S/Grow', grow],
    [
      '/p.S/Hang',
      (_request, { signal }) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(new Uint8Array(0)))),
    ],
  ]);
  const options: ListenOptions = {
    host: '127.0.0.1',
    port: 0,
    methods,
    receiveBytesMax: 4 * MiB,
    sendBytesMax: 4 * MiB,
    ...more,
  };
  const listener = await listenGrpc(options, held);
  open.push(() => listener.close(0));
  return {
    listener,
    held,
    session(options = {}) {
      const session = http2Connect(`http://127.0.0.1:${listener.port}`, options);
      session.on('error', () => {});
      open.push(() => session.destroy());
      return session;
    },
  };
}

function call(
  session: ClientHttp2Session,
  method: string,
  headers: Record<string, string> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/p.S/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  return stream;
}

function frame(length: number, bytes: Uint8Array = new Uint8Array(0), isCompressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** The status, from the headers or the trailers. */
function statusOf(stream: ClientHttp2Stream): Promise<{ code: number; message: string; bytes: number }> {
  return new Promise((resolve) => {
    let bytes = 0;
    let seen: { 'grpc-status'?: unknown; 'grpc-message'?: unknown } = {};
    const look = (headers: object): void => {
      if ('grpc-status' in headers) seen = headers;
    };
    stream.on('response', look).on('trailers', look);
    stream.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    stream.resume();
    stream.once('close', () =>
      resolve({
        code: Number(seen['grpc-status'] ?? -1),
        message: decodeURI(String(seen['grpc-message'] ?? '')),
        bytes,
      }),
    );
  });
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 5))) {
    if (Date.now() > end) throw new Error(`${what}: not within 10 s`);
  }
}

describe('messages', () => {
  it('that are half sent hold their length; what does not fit is refused, small ones go on, and all is given back', async () => {
    const { held, session } = await bench();
    const one = session();
    const stalled = Array.from({ length: 6 }, () => {
      const stream = call(one, 'Echo');
      stream.write(frame(4 * MiB));
      return statusOf(stream);
    });
    // 14 MiB for large ones: three fit.
    const refused = await Promise.race(stalled);
    expect(refused).toMatchObject({
      code: 8,
      message: expect.stringMatching(/no room for a message of 4194304 bytes.*try again/),
    });
    await until('three', () => held.bytes > 12 * MiB);
    const small = call(one, 'Echo');
    small.end(frame(3, Buffer.from([1, 2, 3])));
    expect(await statusOf(small)).toMatchObject({ code: 0, bytes: 8 });
    one.destroy();
    await until('room', () => held.bytes === 0);
  });
  it('that are too large are refused at their length, and their sender is stopped', async () => {
    const { session } = await bench();
    const stream = call(session(), 'Echo');
    stream.write(frame(4 * MiB + 1));
    const pump = setInterval(() => !stream.destroyed && stream.write(Buffer.alloc(64 * 1024)), 1);
    expect(await statusOf(stream)).toMatchObject({
      code: 8,
      message: 'Received message larger than max (4194305 vs 4194304)',
    });
    clearInterval(pump);
  });
  it.each([
    ['to more than a message may be', 8 * MiB, 1, 'decompresses to a size larger than'],
    ['to more than there is room for', 4 * MiB, 6, 'no room for a message that decompresses'],
  ])('that decompress %s are refused', async (_what, size, count, said) => {
    const { held, session } = await bench({
      methods: new Map([['/p.S/Hang', () => new Promise<never>(() => {})]]),
    });
    const bomb = gzipSync(Buffer.alloc(size));
    const one = session();
    const answers = Array.from({ length: count }, () => {
      const stream = call(one, 'Hang', { 'grpc-encoding': 'gzip' });
      stream.end(frame(bomb.length, bomb, 1));
      return statusOf(stream);
    });
    expect(await Promise.race(answers)).toMatchObject({ code: 8, message: expect.stringContaining(said) });
    one.destroy();
    await until('room', () => held.bytes === 0);
  });
  it.each([
    ['gzip', 'gzip', gzipSync(Buffer.from('abc')), 0],
    ['what is none', 'gzip', Buffer.from('nonsense'), 3],
    ['an unknown one', 'zstd', Buffer.from('x'), 12],
  ])('compressed with %s', async (_what, encoding, bytes, code) => {
    const stream = call((await bench()).session(), 'Echo', { 'grpc-encoding': encoding });
    stream.end(frame(bytes.length, bytes, 1));
    expect((await statusOf(stream)).code).toBe(code);
  });
  it('that never come whole are refused', async () => {
    const { session } = await bench();
    const cut = call(session(), 'Echo');
    cut.end(frame(10, Buffer.from([1])));
    expect((await statusOf(cut)).code).toBe(3);
    const none = call(session(), 'Echo');
    none.end();
    expect((await statusOf(none)).code).toBe(3);
  });
});

describe('streams', () => {
  it('are counted on a connection, and hold room while they are open', async () => {
    const { held, session } = await bench();
    const one = session();
    await new Promise((resolve) => one.once('remoteSettings', resolve));
    expect(one.remoteSettings.maxConcurrentStreams).toBe(STREAMS_MAX);
    for (let at = 0; at < 20; at++) call(one, 'Hang').write(frame(1, Buffer.from([1])));
    await until('20 streams', () => held.bytes >= 20 * 16 * 1024);
    one.destroy();
    await until('room', () => held.bytes === 0);
  });
  it('that are reset abort their call', async () => {
    const { held, session } = await bench();
    const stream = call(session(), 'Hang');
    stream.write(frame(1, Buffer.from([1])));
    await until('the call', () => held.bytes > 16 * 1024);
    stream.close(constants.NGHTTP2_CANCEL);
    await until('room', () => held.bytes === 0);
  });
  it('end at their deadline with DEADLINE_EXCEEDED, also before their message, and abort the handler', async () => {
    const { session } = await bench();
    const one = session();
    const running = call(one, 'Hang', { 'grpc-timeout': '50m' });
    running.end(frame(1, Buffer.from([1])));
    const waiting = call(one, 'Echo', { 'grpc-timeout': '1m' });
    const gone = call(one, 'Echo', { 'grpc-timeout': '0n' });
    expect(
      await Promise.all([running, waiting, gone].map(async (stream) => (await statusOf(stream)).code)),
    ).toEqual([4, 4, 4]);
    const wrong = call(one, 'Echo', { 'grpc-timeout': 'soon' });
    expect((await statusOf(wrong)).code).toBe(3);
  });
  it('of methods that are not there, and of what is no gRPC, are answered', async () => {
    const { session } = await bench();
    const one = session();
    const unknown = call(one, 'Nothing');
    unknown.end(frame(0));
    expect(await statusOf(unknown)).toMatchObject({
      code: 12,
      message: 'The server does not implement the method /p.S/Nothing',
    });
    const page = call(one, 'Echo', { 'content-type': 'text/html' });
    expect(
      await new Promise((resolve) => page.once('response', (headers) => resolve(headers[':status']))),
    ).toBe(415);
  });
});

describe('answers', () => {
  it('that nobody reads hold room; more are refused until they are read', async () => {
    const { held, session } = await bench();
    // A window for a few bytes: the client's streams take no more until they are read.
    const one = session({ settings: { initialWindowSize: 1000 } });
    const unread = Array.from({ length: 4 }, () => {
      const stream = call(one, 'Grow');
      stream.pause();
      stream.end(frame(0));
      return stream;
    });
    await until('four answers', () => held.bytes > 12 * MiB);
    const more = call(one, 'Grow');
    more.end(frame(0));
    expect(await statusOf(more)).toMatchObject({
      code: 8,
      message: expect.stringContaining('no room for an answer of 3145728 bytes'),
    });
    const read = await Promise.all(unread.map(statusOf));
    expect(read).toEqual(Array(4).fill({ code: 0, message: '', bytes: 3 * MiB + 5 }));
    await until('room', () => held.bytes === 0);
  });
  it('that nobody reads are held once, as they are counted', async () => {
    const [count, answerBytes] = [36, 400 * 1024];
    const large: MethodHandler = async () => new Uint8Array(answerBytes);
    const { held, session } = await bench({ methods: new Map([['/p.S/Large', large]]) });
    const one = session({ settings: { initialWindowSize: 1000 } });
    const before = process.memoryUsage().arrayBuffers;
    const unread = Array.from({ length: count }, () => {
      const stream = call(one, 'Large');
      stream.pause();
      stream.end(frame(0));
      return stream;
    });
    await until('all answers', () => held.bytes > count * answerBytes);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(count * answerBytes * 1.2);
    const read = await Promise.all(unread.map(statusOf));
    expect(read).toEqual(Array(count).fill({ code: 0, message: '', bytes: answerBytes + 5 }));
  });
});

describe('time', () => {
  /** A server whose calls are looked at by hand. */
  async function looked(
    act: (session: ClientHttp2Session) => ClientHttp2Stream,
    isThere: (held: HeldBytes) => boolean,
  ) {
    const calls: GrpcCall[] = [];
    const { start } = GrpcCall.prototype;
    GrpcCall.prototype.start = function (this: GrpcCall) {
      calls.push(this);
      start.call(this);
    };
    open.push(() => {
      GrpcCall.prototype.start = start;
    });
    const { held, session } = await bench();
    const stream = act(session({ settings: { initialWindowSize: 1000 } }));
    await until('the call', () => isThere(held));
    return {
      stream,
      held,
      check: (afterMs: number) => calls.forEach((one) => void one.check(performance.now() + afterMs)),
    };
  }
  it.each([
    ['a stream without a message', new Uint8Array(0), 16 * 1024],
    ['half a message', frame(1000), 17 * 1024],
  ])('ends %s', async (_what, sent, bytes) => {
    const { stream, held, check } = await looked(
      (session) => {
        const started = call(session, 'Echo');
        started.write(sent);
        return started;
      },
      (bound) => bound.bytes >= bytes,
    );
    const status = statusOf(stream);
    check(STALL_MS - 1000);
    expect(stream.closed).toBe(false);
    check(STALL_MS + 1);
    expect(await status).toMatchObject({ code: 4, message: expect.stringContaining('its sender stopped') });
    await until('room', () => held.bytes === 0);
  });
  it('ends an answer that nobody reads', async () => {
    const { held, check } = await looked(
      (session) => {
        const stream = call(session, 'Grow');
        stream.pause();
        stream.end(frame(0));
        return stream;
      },
      (bound) => bound.bytes > 3 * MiB,
    );
    check(20_000);
    expect(held.bytes).toBeGreaterThan(3 * MiB);
    check(31_000);
    await until('room', () => held.bytes === 0);
  });
});

describe('HTTP', () => {
  const ask = async (listener: Listener, text: string, more?: Buffer): Promise<string> => {
    const socket = tcpConnect(listener.port, '127.0.0.1');
    socket.on('error', () => {});
    open.push(() => socket.destroy());
    socket.write(text);
    if (more !== undefined) socket.write(more);
    return new Promise((resolve) => socket.once('data', (bytes) => resolve(bytes.toString('latin1'))));
  };
  it('answers by path before a body is read, and refuses a body that does not fit', async () => {
    const bodies: number[] = [];
    const { listener, held } = await bench({
      httpBodyPaths: ['/v2/'],
      http: async ({ path, body }) => {
        bodies.push(body.length);
        return { status: path.startsWith('/v2/') ? 200 : 404, contentType: 'text/plain', body: 'x' };
      },
    });
    const post = (path: string, length: number): string =>
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`;
    expect(await ask(listener, post('/nothing', 3 * MiB), Buffer.alloc(MiB))).toMatch(
      /^HTTP\/1\.1 404 [\s\S]*connection: close/i,
    );
    expect(await ask(listener, post('/v2/a', 5 * MiB))).toMatch(/^HTTP\/1\.1 413/);
    expect(await ask(listener, post('/v2/a', 3), Buffer.from('abc'))).toMatch(/^HTTP\/1\.1 200/);
    // Bodies that are on their way count like messages: 14 MiB for all.
    const waiting = Array.from({ length: 4 }, () => ask(listener, post('/v2/a', 4 * MiB)));
    expect(await Promise.race(waiting)).toMatch(/^HTTP\/1\.1 413/);
    expect(held.bytes).toBeGreaterThan(12 * MiB);
    expect(bodies).toEqual([0, 3]);
  });
});

it('answers pings at any rate', async () => {
  const one = (await bench()).session();
  for (let at = 0; at < 200; at++) await new Promise((resolve) => one.ping(resolve));
  expect(one.destroyed).toBe(false);
});
