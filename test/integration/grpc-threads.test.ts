// The unmodified Milvus client against a database whose gRPC is spoken by threads of their own.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { runElanus, startServer, stopServer } from './server-process.js';
import {
  connect,
  createLoaded,
  failureOf,
  insertRange,
  mustSucceed,
  tempFolder,
  until,
  vectorOf,
} from './support.js';

let database: Elanus;
let folder: Awaited<ReturnType<typeof tempFolder>>;
beforeAll(async () => {
  folder = await tempFolder();
  database = await open(folder.path, { logLevel: 'error', grpcThreads: 2 });
});

afterAll(async () => {
  await database.close();
  await folder.remove();
});

test('several clients at once insert, flush, search and count', async () => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => connect(database.address)));
  const [first] = clients;
  if (first === undefined) throw new Error('no client');
  await createLoaded(first, 'c');
  await Promise.all(clients.map((client, at) => insertRange(client, 'c', at * 200, (at + 1) * 200)));
  await mustSucceed(first.flushSync({ collection_names: ['c'] }));
  await Promise.all(
    clients.map(async (client, at) => {
      for (let round = 0; round < 20; round++) {
        const id = (at * 211 + round * 37) % 1200;
        const found = await client.search({
          collection_name: 'c',
          data: [vectorOf(id)],
          limit: 3,
          consistency_level: 0,
        });
        expect(found.status.code).toBe(0);
        expect(Number(found.results[0]?.id)).toBe(id);
      }
      expect(Number((await client.count({ collection_name: 'c' })).data)).toBe(1200);
    }),
  );
  // Failures look as they do without threads: a status in the answer.
  expect(await failureOf(() => first.describeCollection({ collection_name: 'gone' }))).toMatchObject({
    code: 100,
  });
  for (const client of clients) await client.closeConnection();
});

test('an insert of megabytes, and the answer that brings it back', async () => {
  const client = await connect(database.address);
  await createLoaded(client, 'large', {
    fields: [{ name: 'text', data_type: 'VarChar', max_length: 65_535 }],
  });
  const text = 'x'.repeat(60_000);
  await insertRange(client, 'large', 0, 200, () => ({ text }));
  const ids = Array.from({ length: 200 }, (_, id) => id);
  const { status, data } = await client.query({
    collection_name: 'large',
    ids,
    output_fields: ['id', 'text'],
    consistency_level: 0,
  });
  expect(status.code).toBe(0);
  expect(data.length).toBe(200);
  expect(data.every((row) => row.text === text)).toBe(true);
  await client.closeConnection();
});

test('health, metrics and what is not served come over HTTP from any thread', async () => {
  const base = `http://${database.address}`;
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => fetch(`${base}/healthz`, { headers: { connection: 'close' } })),
  );
  for (const answer of answers) expect([answer.status, await answer.text()]).toEqual([200, 'OK']);
  expect(await (await fetch(`${base}/metrics`)).text()).toContain('elanus_memory_bytes');
  expect((await fetch(`${base}/nothing`)).status).toBe(404);
});

test('a number of threads that is none is refused', async () => {
  for (const grpcThreads of [-1, 1.5, 17, Number.NaN]) {
    await expect(open(undefined, { grpcThreads })).rejects.toMatchObject({ key: 'invalid_parameter' });
  }
});

test('elanus serve --grpc-threads: one server a port, and a clean stop', async () => {
  const server = await startServer(undefined, '--grpc-threads', '2');
  const client = await connect(server.address);
  await createLoaded(client, 'c');
  await insertRange(client, 'c', 0, 10);
  const second = runElanus('serve', '--port', String(server.port), '--grpc-threads', '2');
  expect((await second.ended).code).toBe(1);
  expect(second.stderr()).toMatch(
    /cannot listen on 127\.0\.0\.1:\d+: listen EADDRINUSE.*: stop what uses the port or choose another/,
  );
  const wrong = runElanus('serve', '--port', '0', '--grpc-threads', '17');
  expect((await wrong.ended).code).toBe(1);
  expect(wrong.stderr()).toContain('expected a number of threads from 0');
  expect(Number((await until('a count', () => client.count({ collection_name: 'c' }))).data)).toBe(10);
  await client.closeConnection();
  expect(await stopServer(server)).toBe(0);
  expect(server.stderr()).toBe('');
});
