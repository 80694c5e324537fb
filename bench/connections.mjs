// What do clients that do nothing, and clients that do not read, cost the others? Ten thousand idle HTTP/2 connections, then a thousand calls
// whose answers (some 300 KB) stay unread beyond the first window, against a server in a process of its own; meanwhile one client searches a
// small collection, one search at a time. Prints memory of the server, and median and 99th percentile of those searches in ms.
// Usage: node bench/connections.mjs [idle] [slow]. Both sides need a descriptor for each connection: raise `ulimit -n` beyond their sum.
import { once } from 'node:events';
import { connect } from 'node:net';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { QueryRequest } from '../dist/proto/milvus/milvus.js';
import { startServer } from './server-process.mjs';

const [idleCount, slowCount] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 1000)];
const OPENED_AT_ONCE = 200;
const SEARCHES = 400;
const [DIM, ROWS, SLOW_ROWS] = [64, 2000, 1200];

function frame(type, flags, stream, body = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}
const greeting = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0),
  frame(4, 1, 0),
]);
const text = (value) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const literal = ([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)]);

/** A connection that answers pings and does nothing else. */
async function opened(port) {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    // Pings come alone: nothing else is under way.
    if (bytes.length >= 17 && bytes[3] === 6 && (bytes[4] & 1) === 0)
      socket.write(frame(6, 1, 0, bytes.subarray(9, 17)));
  });
  socket.write(greeting);
  return socket;
}

async function many(count, port) {
  const sockets = [];
  while (sockets.length < count) {
    const next = Math.min(OPENED_AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: next }, () => opened(port)))));
  }
  return sockets;
}

function asked(socket, request) {
  const headers = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/milvus.proto.milvus.MilvusService/Query'],
    [':authority', 'a'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  socket.write(
    Buffer.concat([
      frame(1, 4, 1, Buffer.concat(headers.map(literal))),
      frame(0, 1, 1, Buffer.concat([prefix, request])),
    ]),
  );
}

const server = await startServer();
const port = Number(server.address.split(':')[1]);
const client = new MilvusClient({ address: server.address, logLevel: 'error' });
const collection_name = 'c';
const vector = (seed) => Array.from({ length: DIM }, (_, at) => Math.sin(seed * 31 + at));
await client.createCollection({ collection_name, dimension: DIM });
await client.insert({
  collection_name,
  data: Array.from({ length: ROWS }, (_, id) => ({ id, vector: vector(id) })),
});

async function measure(what, sockets) {
  const times = [];
  let failed = 0;
  for (let at = 0; at < SEARCHES; at++) {
    const begin = performance.now();
    const { status } = await client.search({ collection_name, data: [vector(at)], limit: 10 });
    if (status.code !== 0) failed++;
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  const { rssMb } = await server.usage();
  const open = sockets.filter(({ destroyed }) => !destroyed).length;
  const figures = `${rssMb.toFixed(0)} MB, p50 ${times[SEARCHES / 2].toFixed(2)} ms, p99 ${times[Math.floor(SEARCHES * 0.99)].toFixed(2)} ms`;
  console.log(
    `${what}: ${figures}, ${failed} of ${SEARCHES} searches failed, ${open} of ${sockets.length} connections open`,
  );
}

await measure('warm-up', []);
await measure('nobody else', []);
const idle = await many(idleCount, port);
await measure(`${idleCount} idle connections`, idle);
const slow = await many(slowCount, port);
const request = QueryRequest.encode(
  QueryRequest.fromPartial({
    collectionName: collection_name,
    expr: `id < ${SLOW_ROWS}`,
    outputFields: ['vector'],
    queryParams: [{ key: 'limit', value: String(SLOW_ROWS) }],
  }),
).finish();
const received = slow.map(() => 0);
slow.forEach((socket, at) => {
  socket.on('data', (bytes) => {
    received[at] += bytes.length;
  });
  asked(socket, Buffer.from(request));
});
await measure(`and ${slowCount} slow readers`, [...idle, ...slow]);
console.log(`slow readers with a full first window: ${received.filter((bytes) => bytes > 60_000).length}`);
for (const socket of [...idle, ...slow]) socket.destroy();
await measure('all gone', []);
await client.closeConnection();
await server.stop?.();
process.exit(0);
