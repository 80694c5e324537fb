// The server's own HTTP/2, byte for byte: what it sends, what it refuses and with which code, and how far it sends within the windows that a
// peer gives it. Peers of other makes are in the contract of the transport; those that mean harm in attacks.test.ts.
import { connect as http2Connect } from 'node:http2';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import type { CallContext, Listener } from '#platform/transport.js';
import {
  callHeaders,
  END_HEADERS,
  END_STREAM,
  type Frame,
  frame,
  framesOf,
  frameType,
  headerBlock,
  type Peer,
  peer,
  preface,
  tabled,
} from './attack-frames.js';
import { MiB, within, word } from './attack-world.js';

const until = (isSo: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(isSo()).toBe(true), { timeout: 10_000, interval: 5 });
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Served {
  readonly listener: Listener;
  readonly contexts: CallContext[];
  by(): Promise<Peer>;
}

/** Answers with as many bytes as the message says. */
async function served(): Promise<Served> {
  const contexts: CallContext[] = [];
  const answer = async (message: Uint8Array, context: CallContext): Promise<Uint8Array> => {
    contexts.push(context);
    return new Uint8Array(Number(Buffer.from(message).toString('latin1')) || 0).fill(7);
  };
  const listener = await new GrpcTransport().listen({
    host: '127.0.0.1',
    port: 0,
    methods: new Map([
      ['/p.S/Give', answer],
      ['/p.S/Hang', () => new Promise<Uint8Array>(() => {})],
      ['/p.S/Count', async (message) => Buffer.from(`${message.length}`)],
    ]),
    receiveBytesMax: 4 * MiB,
    sendBytesMax: 4 * MiB,
  });
  open.push(() => listener.close(0));
  return {
    listener,
    contexts,
    async by() {
      const one = await peer(listener.port);
      open.push(() => one.socket.destroy());
      return one;
    },
  };
}

const give = headerBlock(callHeaders('/p.S/Give'));
const said = (length: string): readonly [string, string] => ['content-length', length];
const hang = headerBlock(callHeaders('/p.S/Hang'));
function message(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(text.length, 1);
  return Buffer.concat([prefix, Buffer.from(text, 'latin1')]);
}
const asked = (stream: number, bytes: number, block = give): Buffer =>
  Buffer.concat([
    frame(frameType.headers, END_HEADERS, stream, block),
    frame(frameType.data, END_STREAM, stream, message(String(bytes))),
  ]);
const windowOf = (bytes: number): Buffer => {
  const body = Buffer.alloc(6);
  body.writeUInt16BE(4, 0);
  body.writeUInt32BE(bytes, 2);
  return body;
};
const ofStream = (by: Peer, stream: number): Frame[] =>
  framesOf(by.received()).filter((one) => one.stream === stream);
const dataOf = (by: Peer, stream: number): number =>
  ofStream(by, stream)
    .filter(({ type }) => type === frameType.data)
    .reduce((sum, { body }) => sum + body.length, 0);

test('an answer is headers, data and trailers, and nothing else', async () => {
  const by = await (await served()).by();
  await by.send(preface, asked(1, 3));
  await until(() => ofStream(by, 1).length === 3);
  const [headers, data, trailers] = ofStream(by, 1);
  expect([headers, data, trailers].map((one) => one?.type)).toEqual([1, 0, 1]);
  expect([...(data?.body ?? [])]).toEqual([0, 0, 0, 0, 3, 7, 7, 7]);
  expect(headers?.body.toString('latin1')).toContain('application/grpc+proto');
  expect(trailers?.body.toString('latin1')).toMatch(/grpc-status.0/);
});

test('settings and pings are acknowledged, what is not known is passed over', async () => {
  const by = await (await served()).by();
  const body = Buffer.from('01020304050607ff', 'hex');
  await by.send(
    preface,
    frame(frameType.ping, 0, 0, body),
    frame(0x42, 255, 7, Buffer.alloc(3)),
    asked(1, 1),
  );
  await until(() => ofStream(by, 1).length === 3);
  const control = ofStream(by, 0);
  expect(control.map(({ type }) => type)).toEqual([4, 8, 4, 6]);
  expect(control[3]?.body).toEqual(body);
});

test('pings without calls are welcome, however many come, and calls go on behind them', async () => {
  const by = await (await served()).by();
  // An hour of a client that pings every 10 s, as the Node SDK does by default, and ten of them at once.
  const pings = Array.from({ length: 3600 }, (_, at) => {
    const body = Buffer.alloc(8);
    body.writeUInt32BE(at);
    return frame(frameType.ping, 0, 0, body);
  });
  await by.send(preface);
  for (let at = 0; at < pings.length; at += 10) {
    await by.send(...pings.slice(at, at + 10));
    await until(() => ofStream(by, 0).length >= at + 10);
  }
  await until(() => ofStream(by, 0).filter(({ type }) => type === frameType.ping).length === pings.length);
  const GOAWAY = 7;
  expect(ofStream(by, 0).filter(({ type }) => type === GOAWAY)).toEqual([]);
  await by.send(asked(1, 1));
  await until(() => ofStream(by, 1).length === 3);
});

describe('requests in other forms', () => {
  test.each<[string, () => Buffer]>([
    [
      'padded, with a priority',
      () => {
        const padded = Buffer.concat([Buffer.from([3]), Buffer.alloc(5), give, Buffer.alloc(3)]);
        const data = Buffer.concat([Buffer.from([4]), message('5'), Buffer.alloc(4)]);
        return Buffer.concat([
          frame(frameType.headers, END_HEADERS | 0x28, 1, padded),
          frame(frameType.data, END_STREAM | 0x8, 1, data),
        ]);
      },
    ],
    [
      'headers in three frames',
      () =>
        Buffer.concat([
          frame(frameType.headers, 0, 1, give.subarray(0, 5)),
          frame(frameType.continuation, 0, 1, give.subarray(5, 30)),
          frame(frameType.continuation, END_HEADERS, 1, give.subarray(30)),
          frame(frameType.data, END_STREAM, 1, message('5')),
        ]),
    ],
    [
      'data byte for byte, and trailers',
      () =>
        Buffer.concat([
          frame(frameType.headers, END_HEADERS, 1, give),
          ...[...message('5')].map((byte) => frame(frameType.data, 0, 1, Buffer.from([byte]))),
          frame(frameType.headers, END_HEADERS | END_STREAM, 1, headerBlock([['x-end', 'y']])),
        ]),
    ],
    [
      'headers that were kept',
      () =>
        Buffer.concat([
          frame(frameType.headers, END_HEADERS, 1, headerBlock(callHeaders('/p.S/Give'), true)),
          frame(frameType.reset, 0, 1, word(8)),
          frame(frameType.headers, END_HEADERS, 3, Buffer.concat([67, 66, 65, 64, 63, 62].map(tabled))),
          frame(frameType.data, END_STREAM, 3, message('5')),
        ]),
    ],
  ])('%s', async (_what, sent) => {
    const by = await (await served()).by();
    await by.send(preface, sent());
    await until(() => dataOf(by, 1) + dataOf(by, 3) === 10);
  });
});

describe('the windows of a peer', () => {
  test('are kept: of the stream, of the connection, and those that change on the way', async () => {
    const by = await (await served()).by();
    await by.send(preface, frame(frameType.settings, 0, 0, windowOf(10)), asked(1, 100_000));
    await until(() => dataOf(by, 1) === 10);
    await by.send(frame(frameType.window, 0, 1, word(20)));
    await until(() => dataOf(by, 1) === 30);
    await by.send(frame(frameType.settings, 0, 0, windowOf(60)));
    await until(() => dataOf(by, 1) === 80);
    await by.send(frame(frameType.window, 0, 1, word(200_000)));
    await until(() => dataOf(by, 1) === 65_535); // The window of the connection is empty.
    await by.send(asked(3, 1)); // Has a window of its own, and waits for that of the connection.
    await by.send(frame(frameType.window, 0, 0, word(100)));
    await until(() => dataOf(by, 1) + dataOf(by, 3) === 65_635);
    await by.send(frame(frameType.window, 0, 0, word(100_000)));
    await until(() => dataOf(by, 1) === 100_005 && dataOf(by, 3) === 6);
    expect(ofStream(by, 1).at(-1)?.type).toBe(frameType.headers);
    expect(ofStream(by, 1).every(({ body }) => body.length <= 16_384)).toBe(true);
  });
  test('below nothing, after they were made smaller, take nothing', async () => {
    const by = await (await served()).by();
    await by.send(preface, frame(frameType.settings, 0, 0, windowOf(1000)), asked(1, 5000));
    await until(() => dataOf(by, 1) === 1000);
    await by.send(frame(frameType.settings, 0, 0, windowOf(100)), frame(frameType.window, 0, 1, word(900)));
    await by.send(frame(frameType.window, 0, 1, word(7)));
    await until(() => dataOf(by, 1) === 1007);
  });
});

test('a message for which there is room gets all of its window at once', async () => {
  const by = await (await served()).by();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(MiB, 1);
  const count = headerBlock(callHeaders('/p.S/Count'));
  await by.send(
    preface,
    frame(frameType.headers, END_HEADERS, 1, count),
    frame(frameType.data, 0, 1, prefix),
  );
  await until(() => ofStream(by, 1).length === 1);
  expect(ofStream(by, 1)[0]?.body.readUInt32BE(0)).toBe(MiB - 65_530);
  for (let at = 0; at < 64; at++)
    await by.send(frame(frameType.data, at === 63 ? END_STREAM : 0, 1, Buffer.alloc(16_384)));
  await until(() => ofStream(by, 1).some(({ body }) => body.toString('latin1').endsWith(`${MiB}`)));
});

describe('what ends a connection, with its code:', () => {
  const data = (stream: number, length: number): Buffer =>
    frame(frameType.data, 0, stream, Buffer.alloc(length));
  test.each<[string, number, () => Buffer]>([
    ['a first frame that is no settings', 1, () => Buffer.concat([preface.subarray(0, 24), asked(1, 1)])],
    ['data on a stream that was never opened', 1, () => data(5, 1)],
    ['a stream with an even number', 1, () => frame(frameType.headers, END_HEADERS, 2, give)],
    ['a frame between headers', 1, () => Buffer.concat([frame(1, 0, 1, give), data(1, 1)])],
    ['a continuation of nothing', 1, () => frame(frameType.continuation, END_HEADERS, 1, give)],
    ['settings of seven bytes', 6, () => frame(frameType.settings, 0, 0, Buffer.alloc(7))],
    ['settings of a stream', 1, () => frame(frameType.settings, 0, 1)],
    ['a ping of seven bytes', 6, () => frame(frameType.ping, 0, 0, Buffer.alloc(7))],
    ['a window of nothing', 1, () => frame(frameType.window, 0, 0, word(0))],
    ['a window beyond the largest', 3, () => frame(frameType.window, 0, 0, word(0x7fffffff))],
    ['a first window beyond the largest', 3, () => frame(frameType.settings, 0, 0, windowOf(2 ** 31))],
    ['headers that cannot be read', 9, () => frame(1, END_HEADERS, 1, Buffer.from([0x80]))],
    ['a goaway of a stream', 1, () => frame(frameType.goaway, 0, 1, Buffer.alloc(8))],
    ['padding longer than its frame', 1, () => frame(1, END_HEADERS | 8, 1, Buffer.from([9, 1]))],
  ])('%s', async (_what, code, bytes) => {
    const by = await (await served()).by();
    const sent = bytes();
    await by.send(sent.subarray(0, 3).toString() === 'PRI' ? sent : Buffer.concat([preface, sent]));
    await within(by.closed, 5000);
    const goaway = framesOf(by.received()).find(({ type }) => type === frameType.goaway);
    expect(goaway?.body.readUInt32BE(4)).toBe(code);
  });
});

describe('what ends a stream, with its code:', () => {
  test.each<[string, number, () => Buffer]>([
    ['no path', 1, () => headerBlock(callHeaders('/a').filter(([name]) => name !== ':path'))],
    ['an empty path', 1, () => headerBlock(callHeaders(''))],
    ['te that is not trailers', 1, () => headerBlock([...callHeaders('/p.S/Give'), ['te', 'gzip']])],
    ['data that was said and never came', 1, () => headerBlock([...callHeaders('/p.S/Give'), said('1')])],
    ['a name in upper case', 1, () => headerBlock([...callHeaders('/p.S/Give'), ['Big', 'x']])],
    ['headers beyond the bound', 11, () => headerBlock([...callHeaders('/a'), ['x', 'y'.repeat(16_160)]])],
  ])('%s', async (_what, code, block) => {
    const by = await (await served()).by();
    await by.send(preface, frame(frameType.headers, END_HEADERS | END_STREAM, 1, block()), asked(3, 2));
    await until(() => dataOf(by, 3) === 7); // The others go on.
    const reset = ofStream(by, 1).find(({ type }) => type === frameType.reset);
    expect(reset?.body.readUInt32BE(0)).toBe(code);
  });
  test('data behind its end, and more than its window', async () => {
    const by = await (await served()).by();
    const block = headerBlock(callHeaders('/p.S/Hang'));
    await by.send(preface, asked(1, 1, block), frame(frameType.data, 0, 1, Buffer.alloc(1)));
    await by.send(frame(frameType.headers, END_HEADERS, 3, block), frame(0, 0, 3, message('x')));
    for (let at = 0; at < 5; at++) await by.send(frame(0, 0, 3, Buffer.alloc(16_384)));
    await until(() => [1, 3].every((id) => ofStream(by, id).some(({ type }) => type === frameType.reset)));
    const codes = [1, 3].map((id) =>
      ofStream(by, id)
        .find(({ type }) => type === 3)
        ?.body.readUInt32BE(0),
    );
    expect(codes).toEqual([5, 11]);
  });
});

describe('headers behind the data', () => {
  const end = END_HEADERS | END_STREAM;
  const trailers = headerBlock([['x', 'y']]);
  test.each<[string, number, number, Buffer]>([
    ['of a stream that has ended', 5, END_STREAM, frame(frameType.headers, end, 1, trailers)],
    ['that are not the end', 1, 0, frame(frameType.headers, END_HEADERS, 1, trailers)],
    ['of a request', 1, 0, frame(frameType.headers, end, 1, headerBlock([[':path', '/a']]))],
  ])('%s', async (_what, code, flags, sent) => {
    const by = await (await served()).by();
    const opened = frame(frameType.headers, END_HEADERS, 1, hang);
    await by.send(preface, opened, frame(frameType.data, flags, 1, message('x')), sent);
    await until(() => ofStream(by, 1).length === 1);
    expect(ofStream(by, 1)[0]?.body.readUInt32BE(0)).toBe(code);
  });
});

test('data is as long as its headers say, or the stream ends', async () => {
  const by = await (await served()).by();
  const ask = (stream: number, ...lengths: string[]): Buffer =>
    asked(stream, 2, headerBlock([...callHeaders('/p.S/Give'), ...lengths.map(said)]));
  await by.send(
    preface,
    ask(1, '6'),
    ask(3, '5'),
    ask(5, '7'),
    ask(7, '6', '6'),
    ask(9, '6', '7'),
    ask(11, 'x'),
  );
  await until(() => [1, 3, 5, 7, 9, 11].every((id) => ofStream(by, id).length > 0));
  await until(() => dataOf(by, 1) === 7 && dataOf(by, 7) === 7);
  for (const id of [3, 5, 9, 11]) expect(ofStream(by, id).map(({ type }) => type)).toEqual([frameType.reset]);
});

test('what is no call is answered, and its stream closed later', async () => {
  const by = await (await served()).by();
  const get = headerBlock([[':method', 'GET'], ...callHeaders('/').slice(1)]);
  await by.send(preface, frame(frameType.headers, END_HEADERS, 1, get), asked(3, 1));
  await until(() => dataOf(by, 3) === 6);
  expect(ofStream(by, 1).map(({ type }) => type)).toEqual([frameType.headers]);
  await by.send(frame(frameType.window, 0, 1, word(0)));
  await until(() => ofStream(by, 1).some(({ type }) => type === frameType.reset));
});

test('a server that stops says so, ends what runs, and closes', async () => {
  const { listener, by: connected } = await served();
  const by = await connected();
  await by.send(preface, asked(1, 0, hang));
  await until(() => ofStream(by, 0).length === 3);
  const closed = listener.close(200);
  await until(() => ofStream(by, 0).some(({ type }) => type === frameType.goaway));
  await closed;
  expect(await within(by.closed, 2000)).toBe('cut');
});

test('headers of any text come as another encoder writes them, also when they are sent again', async () => {
  const { listener, contexts } = await served();
  const session = http2Connect(`http://127.0.0.1:${listener.port}`);
  open.push(() => session.destroy());
  const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) => code >= 32 && code !== 127);
  const all = `a${String.fromCharCode(...codes)}b`;
  for (const timeout of ['1S', '2S', '2S']) {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/p.S/Give',
      'content-type': 'application/grpc',
      'grpc-timeout': timeout,
      te: 'trailers',
      'x-all': all,
      'x-two': ['1', '2'],
      'x-bin': 'AQI',
      authorization: 'Bearer t',
    });
    stream.end(message('1'));
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
  }
  expect(contexts).toHaveLength(3);
  for (const { metadata } of contexts)
    expect(metadata).toEqual({ 'x-all': all, 'x-two': '1, 2', 'x-bin': 'AQI=', authorization: 'Bearer t' });
  expect(
    contexts.every(({ deadlineMs, peer: from }) => deadlineMs !== undefined && from === '127.0.0.1'),
  ).toBe(true);
});
