// What held before is kept: a real server meets everything that clients should not send. After each the process lives and others are
// served; in the end no more memory is held than the edge may hold.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as http2Connect } from 'node:http2';
import { type Socket, connect as tcpConnect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InsertRequest, MilvusServiceDefinition, QueryRequest, SearchRequest } from '#proto/milvus/milvus.js';
import { connectRaw, searchRequest, unaryMethods } from './raw-client.js';
import { type ServerProcess, startServer, stopServer } from './server-process.js';
import { connect, createLoaded, insertRange, randomOf, until } from './support.js';

const MiB = 1024 * 1024;
const serviceOf = (method: string): string => `/${MilvusServiceDefinition.fullName}/${method}`;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const settings = Buffer.from('000000040000000000', 'hex');
const ping = Buffer.from('0000080600000000000102030405060708', 'hex');
const isLinux = process.platform === 'linux';

function frame(length: number, bytes: Uint8Array = new Uint8Array(0), isCompressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
/** A field of bytes around bytes, `depth` times. */
function nested(depth: number): Buffer {
  const heads: number[][] = [];
  for (let length = 0, level = 0; level < depth; level++) {
    const head = [0x2a, ...varint(length)]; // Field 5: `fieldsData` of an insert, and so on down.
    heads.push(head);
    length += head.length;
  }
  return Buffer.from(heads.reverse().flat());
}

describe('a server', () => {
  let server: ServerProcess;
  let friend: MilvusClient;
  let baseBytes = 0;
  const rssBytes = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  const sessions: ClientHttp2Session[] = [];
  const sockets: Socket[] = [];

  beforeAll(async () => {
    server = await startServer(undefined);
    friend = await connect(server.address);
    await createLoaded(friend, 'good');
    await insertRange(friend, 'good', 0, 3);
    await expectServed();
    if (isLinux) baseBytes = rssBytes();
  });
  afterAll(async () => {
    await friend.closeConnection();
    await stopServer(server);
  });
  /** By a client from before, and by a new one. */
  async function expectServed(): Promise<void> {
    expect(server.hasEnded).toBe(false);
    const fresh = await connect(server.address);
    for (const client of [friend, fresh])
      expect((await client.count({ collection_name: 'good' })).data).toBe(3);
    await fresh.closeConnection();
  }
  function session(): ClientHttp2Session {
    const opened = http2Connect(`http://127.0.0.1:${server.port}`);
    opened.on('error', () => {});
    sessions.push(opened);
    return opened;
  }
  function stream(on: ClientHttp2Session, method: string, headers: Record<string, string> = {}) {
    const opened = on.request({
      ':method': 'POST',
      ':path': serviceOf(method),
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    opened.on('error', () => {}).resume();
    return opened;
  }
  async function socket(...sent: readonly (string | Uint8Array)[]): Promise<Socket> {
    const opened = tcpConnect(server.port, '127.0.0.1');
    opened.on('error', () => {}).resume();
    sockets.push(opened);
    await once(opened, 'connect');
    for (const bytes of sent) opened.write(bytes);
    return opened;
  }
  /** The request as it is; any end will do. */
  async function send(method: string, bytes: Uint8Array): Promise<void> {
    const raw = connectRaw(server.address);
    await raw.call(method, bytes).catch(() => {});
    raw.close();
  }
  const insert = InsertRequest.encode(
    InsertRequest.fromPartial({
      collectionName: 'good',
      numRows: 1,
      fieldsData: [
        {
          fieldName: 'id',
          field: {
            $case: 'scalars',
            value: { data: { $case: 'longData', value: { data: Uint8Array.of(9) } } },
          },
        },
      ],
    }),
  ).finish();
  const search = SearchRequest.encode(searchRequest('good', [1])).finish();

  const attacks: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      '400 idle sockets, and 100 that say a little',
      async () => {
        await Promise.all(Array.from({ length: 400 }, () => socket()));
        await Promise.all(
          Array.from({ length: 100 }, (_, at) =>
            socket(at % 2 === 0 ? preface.subarray(0, 5) : 'POST /v2 HTTP/1.1\r\nhost'),
          ),
        );
      },
    ],
    [
      '2,000 streams that are reset at once',
      async () => {
        const on = session();
        for (let at = 0; at < 2000 && !on.destroyed; at++) {
          const opened = stream(on, 'Search');
          opened.write(frame(10_000));
          opened.close(8);
        }
      },
    ],
    [
      '200,000 pings that nobody reads the answers of',
      async () => {
        const flooding = await socket(preface, settings);
        flooding.pause();
        for (let at = 0; at < 20 && !flooding.destroyed; at++)
          flooding.write(Buffer.alloc(ping.length * 10_000, ping));
      },
    ],
    [
      'compressed bombs',
      async () => {
        const bomb = gzipSync(Buffer.alloc(200 * MiB));
        const on = session();
        const ended = Array.from({ length: 8 }, () => {
          const opened = stream(on, 'Insert', { 'grpc-encoding': 'gzip' });
          opened.end(frame(bomb.length, bomb, 1));
          return once(opened, 'close');
        });
        await Promise.all(ended);
      },
    ],
    [
      '100,000 levels',
      async () => {
        for (const method of ['Insert', 'Search', 'CreateCollection']) await send(method, nested(100_000));
      },
    ],
    [
      '300 mutated bodies',
      async () => {
        const raw = connectRaw(server.address);
        const next = randomOf(7);
        const calls = Array.from({ length: 300 }, (_, at) => {
          const bytes = Buffer.from(at % 2 === 0 ? insert : search);
          for (let flips = 0; flips < 3; flips++)
            bytes[Math.floor(((next() + 1) / 2) * bytes.length)] = Math.floor((next() + 1) * 128);
          return raw.call(at % 2 === 0 ? 'Insert' : 'Search', bytes).catch(() => {});
        });
        await Promise.all(calls);
        raw.close();
      },
    ],
    [
      'huge varints, wrong wire types, and text that is no UTF-8',
      async () => {
        for (const hex of [
          '08ffffffffffffffffffff01',
          '18ffffffffffffffff7f',
          '0d01020304',
          '1a05',
          '0b0b0b0b',
          '1a04fffefdfc',
          '5000ffffffff0f',
        ]) {
          for (const method of ['Insert', 'Search', 'Query', 'CreateCollection'])
            await send(method, Buffer.from(hex, 'hex'));
        }
      },
    ],
    [
      'metadata of 100 KB',
      async () => {
        const client = new GrpcClient(server.address, credentials.createInsecure());
        const metadata = new Metadata();
        for (let at = 0; at < 100; at++) metadata.set(`x-${at}`, 'y'.repeat(1000));
        const same = (bytes: Buffer): Buffer => bytes;
        await new Promise<void>((resolve) => {
          const deadline = Date.now() + 5000;
          client.makeUnaryRequest(
            serviceOf('GetVersion'),
            same,
            same,
            Buffer.alloc(0),
            metadata,
            { deadline },
            () => resolve(),
          );
        });
        client.close();
      },
    ],
    [
      '100 messages of 60 MiB of which 256 KiB come',
      async () => {
        const on = [session(), session()];
        for (let at = 0; at < 100; at++) {
          const opened = stream(on[at % 2] ?? session(), 'Insert');
          opened.write(frame(60 * MiB, Buffer.alloc(256 * 1024)));
        }
      },
    ],
    [
      'a body of 40 MiB for a path that takes none',
      async () => {
        const one = await socket(`POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: ${40 * MiB}\r\n\r\n`);
        const ended = new Promise((resolve) => one.once('close', resolve)); // Cut while it is written to, with an error or without.
        for (let at = 0; at < 40 && !one.destroyed; at++) one.write(Buffer.alloc(MiB));
        await ended;
      },
    ],
  ];
  test.each(attacks)('outlives %s', async (_what, attack) => {
    await attack();
    await expectServed();
    for (const one of sessions.splice(0)) one.destroy();
    for (const one of sockets.splice(0)) one.destroy();
  });
  test('answers each call with a deadline of 1 ms with its answer or DEADLINE_EXCEEDED', async () => {
    const on = session();
    for (const timeout of ['1m', '1n', '1u']) {
      const codes = unaryMethods.map(async ({ name }) => {
        const opened = stream(on, name, { 'grpc-timeout': timeout });
        let code = -1;
        const look = (headers: object): void => {
          if ('grpc-status' in headers) code = Number(headers['grpc-status']);
        };
        opened.on('response', look).on('trailers', look);
        opened.end(frame(name === 'Insert' ? insert.length : 0, name === 'Insert' ? insert : undefined));
        await once(opened, 'close');
        return [name, code] as const;
      });
      // INVALID_ARGUMENT: a method whose answer has no status to say why it failed.
      for (const [name, code] of await Promise.all(codes))
        expect([0, 3, 4], `${name}: ${code}`).toContain(code);
    }
    on.destroy();
    await expectServed();
  });
  test('stops work when its caller goes', async () => {
    const on = session();
    const query = QueryRequest.encode(
      QueryRequest.fromPartial({
        collectionName: 'good',
        expr: 'id > 0',
        guaranteeTimestamp: BigInt(Date.now() + 30_000) << 18n,
      }),
    ).finish();
    for (let at = 0; at < 20; at++) stream(on, 'Query').end(frame(query.length, query));
    on.destroy();
    await expectServed();
  });
  test.skipIf(!isLinux)(
    'keeps no more memory than the edge may hold, garbage that is not collected yet included',
    async () => {
      await until('memory', async () => {
        await expectServed();
        return rssBytes() < baseBytes + 1200 * MiB ? true : undefined;
      });
    },
  );
});
