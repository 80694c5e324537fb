// A running database against random callers: every public and internal method with damaged requests, and ports with random first bytes.
// Each answer is a status or a gRPC error that says what happened, and afterwards everything still works.
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  DefinitionsDefinition,
  ProcessDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import type { Status } from '#proto/milvus/common.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { ServiceDefinition } from '#rpc/service.js';
import { defaultConfig } from '#server/config.js';
import { type RunningNode, startNode } from '#server/node.js';
import { int64s } from './arbitraries.js';
import { SEED } from './invariant.js';

let platform: Platform;
let node: RunningNode;
let publicClient: Client;
let internalClient: Client;
beforeAll(async () => {
  platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
  node = await startNode(platform, { ...defaultConfig, port: 0, internalPort: 0, brokerDeadlineMs: 1000 });
  publicClient = new Client(`127.0.0.1:${node.listener?.port}`, credentials.createInsecure());
  internalClient = new Client(`127.0.0.1:${node.internalListener?.port}`, credentials.createInsecure());
});

afterAll(async () => {
  publicClient.close();
  internalClient.close();
  await node.close();
  await platform.close();
});

type Reply = { readonly bytes: Uint8Array } | { readonly error: ServiceError };
const send = (client: Client, path: string, request: Uint8Array): Promise<Reply> =>
  new Promise((resolve) => {
    const asIs = (bytes: Buffer): Buffer => bytes;
    client.makeUnaryRequest(
      path,
      asIs,
      asIs,
      Buffer.from(request),
      { deadline: Date.now() + 20_000 },
      (error, reply) => resolve(error === null ? { bytes: reply ?? new Uint8Array() } : { error }),
    );
  });
async function isHealthy(): Promise<boolean> {
  return (await (await fetch(`http://127.0.0.1:${node.listener?.port}/healthz`)).text()) === 'OK';
}

/** Protobuf text of no message in particular: small field numbers, every wire type, lengths that may be too long. */
const wireBytes: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.record({
      field: fc.integer({ min: 1, max: 20 }),
      value: fc.oneof(
        fc.record({ type: fc.constant(0), bytes: int64s.map(varint) }),
        fc.record({ type: fc.constant(1), bytes: fc.uint8Array({ minLength: 8, maxLength: 8 }) }),
        fc.record({
          type: fc.constant(2),
          bytes: fc
            .oneof(
              fc.uint8Array({ maxLength: 24 }),
              fc.string({ maxLength: 12 }).map((text) => new TextEncoder().encode(text)),
            )
            .map((bytes) => Uint8Array.from([bytes.length, ...bytes])),
        }),
        fc.record({
          type: fc.constant(2),
          bytes: fc.constant(Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x07])),
        }),
        fc.record({ type: fc.constantFrom(3, 4, 6, 7), bytes: fc.constant(new Uint8Array(0)) }),
        fc.record({ type: fc.constant(5), bytes: fc.uint8Array({ minLength: 4, maxLength: 4 }) }),
      ),
    }),
    { maxLength: 6 },
  )
  .map((fields) =>
    Uint8Array.from(
      fields.flatMap(({ field, value }) => [...varint(BigInt((field << 3) | value.type)), ...value.bytes]),
    ),
  );
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}

async function bombard(
  client: Client,
  definition: ServiceDefinition,
  rounds: number,
  skip: readonly string[] = [],
): Promise<string[]> {
  const surprises: string[] = [];
  const methods = Object.entries(definition.methods).filter(
    ([key, method]) => !method.requestStream && !method.responseStream && !skip.includes(key),
  );
  const requests = fc.sample(wireBytes, { seed: SEED, numRuns: rounds });
  await Promise.all(
    methods.map(async ([, method]) => {
      for (const request of requests) {
        const reply = await send(client, `/${definition.fullName}/${method.name}`, request);
        const hex = Buffer.from(request).toString('hex');
        if ('error' in reply) {
          // Answers without a status can only fail as gRPC errors; UNKNOWN and a deadline would be ours.
          if (
            ![
              status.INTERNAL,
              status.UNIMPLEMENTED,
              status.UNAVAILABLE,
              status.INVALID_ARGUMENT,
              status.FAILED_PRECONDITION,
            ].includes(reply.error.code)
          )
            surprises.push(`${method.name} ${hex}: gRPC ${reply.error.code} ${reply.error.details}`);
          continue;
        }
        const type = method.responseType as { decode(bytes: Uint8Array): object };
        const response = type.decode(reply.bytes) as {
          readonly status?: Status;
          readonly errorCode?: number;
          readonly reason?: string;
          readonly code?: number;
        };
        const answer = response.status ?? (response.errorCode === undefined ? undefined : response);
        if (answer?.code === 5) surprises.push(`${method.name} ${hex}: ${answer.reason}`);
      }
    }),
  );
  return surprises;
}

describe('random requests', () => {
  it('to every public method: a status, and never an internal error', async () => {
    expect(await bombard(publicClient, MilvusServiceDefinition, 15)).toEqual([]);
    expect(await isHealthy()).toBe(true);
  });
  it('to every internal method: an answer, and the process lives', async () => {
    // Our own processes speak here, so `internal` is a fair answer; silence or a dead process is not.
    const definitions = [
      RootCoordDefinition,
      DataCoordDefinition,
      ProcessDefinition,
      DefinitionsDefinition,
      ChannelRegistryDefinition,
      StreamingNodeDefinition,
      QueryCoordDefinition,
      QueryNodeDefinition,
      DataNodeDefinition,
    ];
    for (const definition of definitions) {
      const surprises = await bombard(internalClient, definition, 15);
      expect(
        surprises.filter((line) => line.includes('gRPC')),
        definition.fullName,
      ).toEqual([]);
    }
    expect(await isHealthy()).toBe(true);
  });
});

describe('random first bytes on the port', () => {
  it('are answered or dropped, and others are served meanwhile', async () => {
    const starts = [
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'PRI * HTTP/2.1\r\n\r\n',
      'PRI',
      'P',
      'GET / HTTP/1.1\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      'POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n',
      'GET /healthz HTTP/9.9\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00',
    ];
    const first = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 32 }))
        .map(([text, more]) => Uint8Array.from([...Buffer.from(text, 'latin1'), ...more])),
    );
    await fc.assert(
      fc.asyncProperty(first, fc.integer({ min: 1, max: 64 }), async (bytes, cut) => {
        const socket = connectSocket(node.listener?.port ?? 0, '127.0.0.1');
        socket.on('error', () => {});
        socket.on('data', () => {});
        await once(socket, 'connect');
        // In two pieces, so that the decision may have to wait for more.
        socket.write(bytes.subarray(0, cut));
        await new Promise((resolve) => setImmediate(resolve));
        if (!socket.destroyed) socket.end(bytes.subarray(cut));
        const closed = socket.closed ? Promise.resolve() : once(socket, 'close');
        await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 20).unref())]);
        socket.destroy();
      }),
      { seed: SEED, numRuns: 80 },
    );
    expect(await isHealthy()).toBe(true);
    const reply = await send(publicClient, '/milvus.proto.milvus.MilvusService/GetVersion', new Uint8Array());
    expect('bytes' in reply).toBe(true);
  });
});
