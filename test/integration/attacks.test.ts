// Peers that send what no client sends, as fast or as slow as they like, to a server as users run it. Each must cost little: it is answered or
// cut, a client that behaves is served meanwhile and after, and the memory of the server has a bound at its highest.
import { describe, expect, test } from 'vitest';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import {
  callHeaders,
  END_HEADERS,
  END_STREAM,
  frame,
  frameType,
  headerBlock,
  peer,
  preface,
  tabled,
} from './attack-frames.js';
import { attackedServer, flood, MiB, meetings, repeated, SERVICE, within, word } from './attack-world.js';

/** Longer than any cut takes on a machine that is busy, in ms. */
const CUT_MS = 15_000;
const connectBlock = headerBlock(callHeaders(`${SERVICE}/Connect`));
const opened = (stream: number): Buffer => frame(frameType.headers, END_HEADERS, stream, connectBlock);

describe.each(meetings)('%s:', (meeting) => {
  const server = attackedServer(meeting);
  const { attacker, isServed, peakBytes, survived } = server;
  describe('floods of', () => {
    const ping = frame(frameType.ping, 0, 0, Buffer.alloc(8));
    const settings = frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 0, 255, 255]));
    test('pings whose answers nobody reads', async () => {
      await survived(async (by) => {
        by.socket.pause();
        await flood(300, () => repeated(1000, () => ping))(by);
      });
    });

    test('settings whose answers nobody reads', async () => {
      await survived(async (by) => {
        by.socket.pause();
        await flood(300, () => repeated(1000, () => settings))(by);
      });
    });

    test('settings with more entries than there are', async () => {
      const many = frame(
        frameType.settings,
        0,
        0,
        repeated(2000, (at) => Buffer.from([9, at % 256, 0, 0, 0, 1])),
      );
      expect(
        await survived(
          flood(20, () => many),
          CUT_MS,
        ),
      ).toBe('cut');
    });

    test('streams that are opened and reset', async () => {
      const end = await survived(
        flood(200, (at) =>
          repeated(100, (of) => {
            const stream = (at * 100 + of) * 2 + 1;
            return Buffer.concat([opened(stream), frame(frameType.reset, 0, stream, word(8))]);
          }),
        ),
        CUT_MS,
      );
      expect(end).toBe('cut');
    });

    test('streams that the server is made to reset', async () => {
      const end = await survived(
        flood(200, (at) =>
          repeated(100, (of) => {
            const stream = (at * 100 + of) * 2 + 1;
            return Buffer.concat([opened(stream), frame(frameType.window, 0, stream, word(0))]);
          }),
        ),
        CUT_MS,
      );
      expect(end).toBe('cut');
    });

    test('streams beyond those that are allowed', async () => {
      expect(
        await survived(
          flood(50, (at) => repeated(100, (of) => opened((at * 100 + of) * 2 + 1))),
          CUT_MS,
        ),
      ).toBe('cut');
    });

    test('calls of no method, whose answers nobody reads', async () => {
      const block = headerBlock(callHeaders('/nothing'));
      await survived(async (by) => {
        by.socket.pause();
        await flood(200, (at) =>
          repeated(100, (of) =>
            frame(frameType.headers, END_HEADERS | END_STREAM, (at * 100 + of) * 2 + 1, block),
          ),
        )(by);
      });
    });

    test('continuations that never end their headers', async () => {
      const begin = Buffer.concat([preface, frame(frameType.headers, 0, 1, connectBlock)]);
      const more = frame(frameType.continuation, 0, 1, headerBlock([['x-more', 'x'.repeat(1000)]]));
      expect(
        await survived(
          flood(300, () => repeated(16, () => more), begin),
          CUT_MS,
        ),
      ).toBe('cut');
    });

    test('empty continuations', async () => {
      const begin = Buffer.concat([preface, frame(frameType.headers, 0, 1, connectBlock)]);
      const more = frame(frameType.continuation, 0, 1);
      expect(
        await survived(
          flood(100, () => repeated(1000, () => more), begin),
          CUT_MS,
        ),
      ).toBe('cut');
    });

    test('empty data', async () => {
      const begin = Buffer.concat([preface, opened(1)]);
      const more = frame(frameType.data, 0, 1);
      expect(
        await survived(
          flood(100, () => repeated(1000, () => more), begin),
          CUT_MS,
        ),
      ).toBe('cut');
    });

    test.each([
      ['priorities', frame(frameType.priority, 0, 3, Buffer.from([0, 0, 0, 1, 16]))],
      ['windows', frame(frameType.window, 0, 0, word(1))],
      ['frames of no kind', frame(0x55, 0, 0, Buffer.alloc(100))],
    ])('%s', async (_what, one) => {
      await survived(flood(100, () => repeated(1000, () => one)));
    });

    test('headers from the table: few bytes that mean many', async () => {
      const kept = headerBlock([['x-bomb', 'x'.repeat(3900)]], true);
      const begin = Buffer.concat([
        preface,
        frame(frameType.headers, END_HEADERS, 1, Buffer.concat([connectBlock, kept])),
      ]);
      const bomb = Buffer.concat([connectBlock, repeated(15_000, () => tabled(62))]);
      await survived(flood(100, (at) => frame(frameType.headers, END_HEADERS, at * 2 + 3, bomb), begin));
    });
  });

  describe('bytes that are no protocol:', () => {
    const noise = (length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      for (let at = 0, state = 7; at < length; at++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        bytes[at] = state >>> 16;
      }
      return bytes;
    };
    test.each<[string, () => Buffer]>([
      ['noise', () => noise(100_000)],
      ['a hello of TLS', () => Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), noise(505)])],
      ['noise behind the preface', () => Buffer.concat([preface, noise(100_000)])],
      [
        'a frame of 16 MB',
        () => Buffer.concat([preface, Buffer.from('ffffff000000000001', 'hex'), noise(100)]),
      ],
      ['data on stream 0', () => Buffer.concat([preface, frame(frameType.data, 0, 0, noise(10))])],
      [
        'a push',
        () => Buffer.concat([preface, frame(frameType.push, 4, 1, Buffer.concat([word(2), connectBlock]))]),
      ],
      [
        'a reset of what is not there',
        () => Buffer.concat([preface, frame(frameType.reset, 0, 99, word(0))]),
      ],
      [
        'a table of headers without a bound',
        () => Buffer.concat([preface, frame(frameType.headers, 4, 1, Buffer.from('3fffffffff0f', 'hex'))]),
      ],
    ])('%s', async (_what, bytes) => {
      expect(await survived((by) => by.send(bytes()), CUT_MS)).toBe('cut');
    });
  });

  test('a hundred slow peers of each kind are cut after 10 s and cost others nothing', {
    timeout: 60_000,
  }, async () => {
    const kinds: readonly (readonly ['h2' | 'http/1.1', ...string[]])[] = [
      ['h2'],
      ['h2', 'PRI * HT'],
      ['h2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['http/1.1', 'GET /healthz HTTP/1.1\r\n', 'x-a: b\r\n', 'x-c: d\r\n'],
      ['http/1.1', 'POST /v2/vectordb/collections/list HTTP/1.1\r\ncontent-le'],
    ];
    const before = peakBytes();
    const hundred = <T>(one: () => Promise<T>): Promise<T>[] => Array.from({ length: 100 }, one);
    const slow = await Promise.all([
      ...kinds.flatMap(([protocol, ...parts]) =>
        hundred(async () => {
          const by = await attacker(protocol);
          for (const part of parts) await by.send(Buffer.from(part));
          return by;
        }),
      ),
      // Over TLS: a handshake that never begins.
      ...hundred(() => peer(server.port)),
    ]);
    await isServed();
    const since = performance.now();
    const ends = await Promise.all(slow.map(({ closed }) => within(closed, 20_000)));
    expect(new Set(ends)).toEqual(new Set(['cut']));
    expect(performance.now() - since).toBeGreaterThan(5000);
    await isServed();
    expect(peakBytes() - before).toBeLessThan(100 * MiB);
  });
});

test('connections beyond the bound are closed as they come; those that are there, and later ones, are served', async () => {
  const methods = new Map([['/p.S/Echo', async (request: Uint8Array) => request]]);
  const bounds = { host: '127.0.0.1', port: 0, receiveBytesMax: 1000, sendBytesMax: 1000 };
  const listener = await new GrpcTransport().listen({ ...bounds, methods, connectionsMax: 10 });
  const there = await Promise.all(Array.from({ length: 10 }, () => peer(listener.port)));
  const beyond = await Promise.all(Array.from({ length: 5 }, () => peer(listener.port)));
  await Promise.all(beyond.map(({ closed }) => closed));
  expect(there.every(({ socket }) => !socket.destroyed)).toBe(true);
  there[0]?.socket.destroy();
  const isServed = async (): Promise<boolean> => {
    const by = await peer(listener.port);
    await by.send(preface);
    const end = await within(by.closed, 200);
    by.socket.destroy();
    return end === 'open' && by.received().length > 0;
  };
  while (!(await isServed()));
  for (const { socket } of there) socket.destroy();
  await listener.close(0);
});
