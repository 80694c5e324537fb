// Connections between calls, with the clients that users have: pings are welcome however often they come, and a server that stops says goodbye
// before it goes, so that a client knows at once and loses no call that was answered.
import { connect as http2Connect } from 'node:http2';
import { Client, connectivityState, credentials, Metadata, status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { open } from '#server/open.js';

const path = `/${MilvusServiceDefinition.fullName}/GetVersion`;
const same = (bytes: Buffer): Buffer => bytes;
/** The code of gRPC. */
const call = (client: Client): Promise<number> =>
  new Promise((resolve) => {
    const options = { deadline: Date.now() + 10_000 };
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), options, (error) =>
      resolve(error?.code ?? status.OK),
    );
  });
/** Whether the channel left the state within so many ms. */
const leaves = (client: Client, state: connectivityState, ms: number): Promise<boolean> =>
  new Promise((resolve) => {
    client
      .getChannel()
      .watchConnectivityState(state, Date.now() + ms, (error) => resolve(error === undefined));
  });

test('a client of grpc-js that pings without calls keeps its connection', async () => {
  const database = await open(undefined, { logLevel: 'error' });
  // A hundred times as often as the Node SDK does: what others answer with ENHANCE_YOUR_CALM.
  const client = new Client(database.address, credentials.createInsecure(), {
    'grpc.keepalive_time_ms': 10,
    'grpc.keepalive_timeout_ms': 5000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.use_local_subchannel_pool': 1,
  });
  expect(await call(client)).toBe(status.OK);
  expect(client.getChannel().getConnectivityState(false)).toBe(connectivityState.READY);
  expect(await leaves(client, connectivityState.READY, 1000)).toBe(false);
  expect(await call(client)).toBe(status.OK);
  client.close();
  await database.close();
});

test('a server that stops says so, and its clients know at once', async () => {
  const database = await open(undefined, { logLevel: 'error' });
  const client = new Client(database.address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  expect(await call(client)).toBe(status.OK);
  const session = http2Connect(`http://${database.address}`);
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  const goodbye = new Promise<number>((resolve) => session.once('goaway', resolve));
  const ended = new Promise((resolve) => session.once('close', resolve));
  const left = leaves(client, connectivityState.READY, 10_000);
  const calls = Promise.all(Array.from({ length: 20 }, () => call(client)));
  await database.close();
  expect(await goodbye).toBe(0);
  await ended;
  expect(await left).toBe(true);
  for (const code of await calls) expect([status.OK, status.UNAVAILABLE]).toContain(code);
  expect(await call(client)).toBe(status.UNAVAILABLE);
  client.close();
});
