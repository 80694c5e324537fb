// Requests that a client sends one behind the other without waiting for answers.
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { HeldBytes } from './held-bytes.js';
import { HttpFront, type HttpHandler } from './http-front.js';

const MiB = 1024 * 1024;
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const post = (path: string, body: string): string =>
  `POST /v2/${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

async function openFront(handler: HttpHandler) {
  const held = new HeldBytes(64 * MiB);
  const limits = { bodyBytesMax: MiB, answerBytesMax: MiB, bodyPaths: ['/v2/'], held };
  const front = new HttpFront(handler, limits);
  const accepted: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    accepted.push(socket);
    front.accept(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = connect(address.port, '127.0.0.1');
  let answers = '';
  client.on('data', (data) => {
    answers += data.toString();
  });
  open.push(
    () => front.destroy(),
    () => server.close(),
    () => client.destroy(),
  );
  return { client, held, accepted, answers: () => answers };
}

it('carries requests of one connection out in the order in which they came', async () => {
  const events: string[] = [];
  const first = deferred<void>();
  const { client, answers } = await openFront(async ({ path }) => {
    events.push(`${path} begins`);
    if (path === '/v2/a') await first.promise;
    events.push(`${path} ends`);
    return { status: 200, contentType: 'text/plain', body: path };
  });
  client.write(post('a', 'x') + post('b', 'x') + post('c', ''));
  await expect.poll(() => events).toEqual(['/v2/a begins']);
  first.resolve();
  await expect.poll(answers).toMatch(/\/v2\/a[\s\S]*\/v2\/b[\s\S]*\/v2\/c$/);
  expect(events).toEqual(['a', 'b', 'c'].flatMap((name) => [`/v2/${name} begins`, `/v2/${name} ends`]));
});

it('holds nothing for requests whose connection is gone, and begins none of them', async () => {
  const begun: string[] = [];
  const first = deferred<void>();
  const { client, held, accepted } = await openFront(async ({ path, signal }) => {
    begun.push(path);
    signal.addEventListener('abort', () => first.resolve());
    await first.promise;
    return { status: 200, contentType: 'text/plain', body: 'y'.repeat(1000) };
  });
  client.write(post('a', 'x'.repeat(5000)) + post('b', 'x'.repeat(9000)));
  await expect.poll(() => held.bytes).toBeGreaterThan(14_000 + 32 * 1024);
  client.destroy();
  await expect.poll(() => accepted.every((socket) => socket.destroyed)).toBe(true);
  await first.promise;
  await expect.poll(() => held.bytes).toBe(0);
  expect(begun).toEqual(['/v2/a']);
});
