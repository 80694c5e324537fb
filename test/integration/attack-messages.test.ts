// Headers, messages and requests of HTTP that no client sends, to a server as users run it: each is refused by itself, and hides nothing.
import { connect as http2Connect } from 'node:http2';
import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import type { CallContext } from '#platform/transport.js';
import {
  callHeaders,
  END_HEADERS,
  END_STREAM,
  frame,
  framesOf,
  frameType,
  headerBlock,
  peer,
  preface,
} from './attack-frames.js';
import { attackedServer, flood, MiB, meetings, SERVICE, within, word } from './attack-world.js';

const server = attackedServer();
const { attacker, isServed, survived } = server;

describe('headers of a call that no client sends:', () => {
  /** Sends one call and then one that is sound: the connection goes on, or is cut. */
  const asked = async (headers: readonly (readonly [string, string])[]): Promise<boolean> => {
    const by = await attacker();
    const empty = frame(frameType.data, END_STREAM, 1, Buffer.alloc(5));
    const block = headerBlock(headers);
    const parts: Buffer[] = [];
    for (let at = 0; at < block.length; at += 16_000) {
      const isFirst = at === 0;
      const flags = at + 16_000 >= block.length ? END_HEADERS : 0;
      parts.push(
        frame(
          isFirst ? frameType.headers : frameType.continuation,
          flags,
          1,
          block.subarray(at, at + 16_000),
        ),
      );
    }
    await by.send(preface, ...parts, empty);
    await isServed();
    await within(by.closed, 300);
    by.socket.destroy();
    // A call that was worked on has its message; one that was refused has a status, a reset or the end of the connection.
    return framesOf(by.received()).some(
      ({ type, stream, body }) => type === frameType.data && stream === 1 && body.length >= 5,
    );
  };
  const sound = callHeaders(`${SERVICE}/Connect`);
  const cases: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    'two paths': [...sound.slice(0, 3), [':path', '/x'], ...sound.slice(3)],
    'a pseudo-header behind others': [...sound, [':method', 'GET']],
    'no path': sound.filter(([name]) => name !== ':path'),
    'capitals in a name': [...sound, ['X-Upper', 'a']],
    'a header of the connection': [...sound, ['connection', 'keep-alive']],
    'more than 16 KB': [...sound, ['x-large', 'x'.repeat(20_000)]],
    '10000 headers': [...sound, ...Array.from({ length: 10_000 }, (_, at) => [`x-${at}`, 'y'] as const)],
  };
  test('those that clients send are answered', async () => expect(await asked(sound)).toBe(true));

  test.each(Object.entries(cases))('%s', async (_what, headers) => {
    expect(await asked(headers)).toBe(false);
  });

  test('a line break in a value forges nothing', async () => {
    const seen: object[] = [];
    const listener = await new GrpcTransport().listen({
      host: '127.0.0.1',
      port: 0,
      methods: new Map([
        [
          '/p.S/See',
          async (request: Uint8Array, { metadata }: CallContext) => {
            seen.push(metadata);
            return request;
          },
        ],
      ]),
      receiveBytesMax: 1000,
      sendBytesMax: 1000,
    });
    const by = await peer(listener.port);
    const block = headerBlock([...callHeaders('/p.S/See'), ['x-a', 'b\r\nx-forged: c'], ['x-nul', 'd\0e']]);
    await by.send(preface, frame(frameType.headers, END_HEADERS, 1, block));
    await by.send(frame(frameType.data, END_STREAM, 1, Buffer.alloc(5)));
    const isAnswered = (): boolean => framesOf(by.received()).some(({ type }) => type === frameType.data);
    while (!isAnswered() && !by.socket.destroyed) await new Promise((resolve) => setImmediate(resolve));
    by.socket.destroy();
    await listener.close(0);
    expect(seen).toEqual([{}]);
  });

  test('values that are no base64, and times that are none, answer or refuse that call alone', async () => {
    const session = http2Connect(server.origin);
    const status = (more: object): Promise<number> =>
      new Promise((resolve) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': `${SERVICE}/GetVersion`,
          'content-type': 'application/grpc',
          ...more,
        });
        const look = (seen: object): void => {
          if ('grpc-status' in seen) resolve(Number(seen['grpc-status']));
        };
        stream
          .on('response', look)
          .on('trailers', look)
          .on('error', () => resolve(-1));
        stream.resume().end(Buffer.alloc(5));
      });
    expect(await status({ 'x-garbage-bin': '%%%not base64%%%', authorization: '%%%' })).toBe(0);
    expect(await status({ 'grpc-timeout': '99999999999999S' })).toBe(3);
    expect(await status({ 'grpc-timeout': '-1S' })).toBe(3);
    expect(await status({ 'grpc-encoding': 'zip' })).toBe(0);
    session.destroy();
  });
});

describe.each(meetings)('messages, %s:', (meeting) => {
  const attacked = attackedServer(meeting);
  const sent = (bytes: Uint8Array, more: object = {}): Promise<number> => {
    const session = http2Connect(attacked.origin, attacked.ca === undefined ? {} : { ca: attacked.ca });
    session.on('error', () => {});
    return new Promise<number>((resolve) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': `${SERVICE}/Insert`,
        'content-type': 'application/grpc',
        ...more,
      });
      const look = (seen: object): void => {
        if ('grpc-status' in seen) resolve(Number(seen['grpc-status']));
      };
      stream
        .on('response', look)
        .on('trailers', look)
        .on('error', () => {});
      stream.once('close', () => resolve(-1));
      stream.resume().end(bytes);
    }).finally(() => session.destroy());
  };
  const prefixed = (length: number, bytes: Uint8Array, isCompressed = 0): Buffer =>
    Buffer.concat([Buffer.from([isCompressed]), word(length), bytes]);
  const whole = (bytes: Uint8Array, isCompressed = 0): Buffer => prefixed(bytes.length, bytes, isCompressed);
  /** Groups in groups: the oldest way to nest without a length. */
  const nested = Buffer.alloc(100_000, 0x0b);

  test.each<[string, () => Buffer, object, readonly number[]]>([
    ['shorter than its length', () => prefixed(1000, Buffer.alloc(10)), {}, [3]],
    ['of 4 GB, it says', () => prefixed(0xffffffff, Buffer.alloc(10)), {}, [8]],
    ['of 65 MB, it says', () => prefixed(65 * MiB, Buffer.alloc(10)), {}, [8]],
    ['of nothing', () => whole(Buffer.alloc(0)), {}, [0]],
    ['without a prefix', () => Buffer.alloc(3), {}, [3]],
    [
      'of a bomb of gzip',
      () => whole(gzipSync(Buffer.alloc(300 * MiB)), 1),
      { 'grpc-encoding': 'gzip' },
      [8],
    ],
    [
      'of a bomb of deflate',
      () => whole(deflateSync(Buffer.alloc(300 * MiB)), 1),
      { 'grpc-encoding': 'deflate' },
      [8],
    ],
    ['of gzip that is none', () => whole(Buffer.alloc(100, 1), 1), { 'grpc-encoding': 'gzip' }, [3]],
    ['compressed in no way', () => whole(Buffer.alloc(100, 1), 1), { 'grpc-encoding': 'zip' }, [12]],
    // What is wrong inside is in the status of the answer, where the call has one.
    ['nested 100000 deep', () => whole(nested), {}, [0, 3, 13]],
    ['with a number that does not end', () => whole(Buffer.alloc(1000, 0xff)), {}, [0, 3, 13]],
    [
      'with a million empty elements',
      () => whole(Buffer.alloc(2 * MiB, Buffer.from([0x2a, 0]))),
      {},
      [0, 3, 8, 12],
    ],
    ['with a text that is no UTF-8', () => whole(Buffer.from([0x1a, 2, 0xc3, 0x28])), {}, [0, 3]],
    ['with a field of the wrong kind', () => whole(Buffer.from([0x18, 1])), {}, [0, 3]],
  ])('%s', async (_what, bytes, more, codes) => {
    const before = attacked.peakBytes();
    expect(codes).toContain(await sent(bytes(), more));
    await attacked.isServed();
    expect(attacked.peakBytes() - before).toBeLessThan(250 * MiB);
  });
});

describe('HTTP:', () => {
  const answered = async (...parts: readonly string[]): Promise<string> => {
    const by = await attacker();
    for (const part of parts) await by.send(Buffer.from(part, 'latin1'));
    await isServed();
    await within(by.closed, 300);
    by.socket.destroy();
    return by.received().toString('latin1');
  };
  const post = 'POST /v2/vectordb/collections/list HTTP/1.1\r\nhost: a\r\n';
  const hidden = 'GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n';
  test.each([
    [
      'a length and chunks',
      `${post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    ['two lengths', `${post}content-length: 2\r\ncontent-length: ${2 + hidden.length}\r\n\r\n{}${hidden}`],
    ['a length with a sign', `${post}content-length: +2\r\n\r\n{}${hidden}`],
    ['chunks by another name', `${post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['chunks that are not last', `${post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ['a space before the colon', `${post}content-length : ${hidden.length}\r\n\r\n${hidden}`],
    ['a folded header', `${post}x-a: b\r\n c: d\r\n transfer-encoding: chunked\r\n\r\n${hidden}`],
    [
      'a length of a chunk that is none',
      `${post}transfer-encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n${hidden}`,
    ],
  ])('a request that is hidden behind %s is not answered', async (_what, text) => {
    expect(await answered(text)).not.toMatch(/process_cpu|# HELP/);
  });

  test('headers beyond 16 KB, and a chunk with an endless name, are cut', async () => {
    expect(await answered(`GET /healthz HTTP/1.1\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)).not.toContain(
      ' 200 ',
    );
    const many = Array.from({ length: 5000 }, (_, at) => `x-${at}: y\r\n`).join('');
    expect(await answered(`GET /healthz HTTP/1.1\r\n${many}\r\n`)).not.toContain(' 200 ');
    const end = await survived(
      flood(
        200,
        () => Buffer.alloc(10_000, 0x78),
        Buffer.from(`${post}transfer-encoding: chunked\r\n\r\n2;`, 'latin1'),
      ),
    );
    expect(end).toBe('cut');
  });

  test.each([
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/v2/../../metrics',
    '/..%5c..%5cwin.ini',
    '/docs/%00',
  ])('a path that climbs: %s', async (path) => {
    expect(await answered(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 (400|404) /,
    );
  });

  test.each([
    '/expr',
    '/_cluster/configs',
    '/api/v1/credential',
    '/debug/pprof/',
    '/log/level',
    '/management/stop',
  ])('a page of Milvus that others had open is not there: %s', async (path) => {
    for (const method of ['GET', 'POST'])
      expect((await fetch(`${server.origin}${path}?token=by-dev`, { method })).status).toBe(404);
  });
});
