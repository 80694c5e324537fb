// Requests of a connection: those that a client sends one behind the other without waiting for answers, and those that wait.
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { HeldBytes } from './held-bytes.js';
import type { HttpHandler } from './http-connection.js';
import { HttpFront } from './http-front.js';

const MiB = 1024 * 1024;
const poll = <T>(what: () => T) => expect.poll(what, { interval: 5 });
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const post = (path: string, body: string): string =>
  `POST /v2/${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

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
  return { client, front, held, accepted, answers: () => answers };
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
  await poll(() => events).toEqual(['/v2/a begins']);
  first.resolve();
  await poll(answers).toMatch(/\/v2\/a[\s\S]*\/v2\/b[\s\S]*\/v2\/c$/);
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
  await poll(() => held.bytes).toBeGreaterThan(14_000 + 32 * 1024);
  client.destroy();
  await poll(() => accepted.every((socket) => socket.destroyed)).toBe(true);
  await first.promise;
  await poll(() => held.bytes).toBe(0);
  expect(begun).toEqual(['/v2/a']);
});

describe('requests that wait for their answers', () => {
  const text = (body: string) => ({ status: 200, contentType: 'text/plain', body });
  async function openEcho() {
    const bodies: string[] = [];
    const front = await openFront(async ({ body }) => {
      const sent = Buffer.from(body).toString();
      bodies.push(sent);
      return text(`<${sent}>`);
    });
    return { ...front, bodies };
  }

  it('are answered on their connection one after another', async () => {
    const { client, answers, bodies, held } = await openEcho();
    for (const [at, body] of ['a', 'grüße', 'c'.repeat(40_000)].entries()) {
      client.write(post('a', body));
      await poll(answers).toContain(`<${body}>`);
      expect(bodies).toHaveLength(at + 1);
    }
    await poll(() => held.bytes).toBe(32 * 1024);
    const [first = ''] = answers().split('\r\n\r\n');
    expect(first).toMatch(
      /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\ncontent-length: 3\r\nDate: .*GMT\r\nConnection: keep-alive$/,
    );
  });

  it('may come in any parts, the next one with the end of the one before', async () => {
    const { client, accepted, answers, bodies } = await openEcho();
    const [one, two] = [post('a', 'x'.repeat(1000)), post('b', 'y'.repeat(1000))];
    const both = one + two;
    let begin = 0;
    for (const end of [one.length - 1000, one.length - 999, one.length + 5, both.length]) {
      client.write(both.slice(begin, end));
      begin = end;
      await poll(() => accepted[0]?.bytesRead).toBe(end);
    }
    await poll(answers).toMatch(/<x{1000}>[\s\S]*<y{1000}>$/);
    expect(bodies).toHaveLength(2);
  });

  it('that ask for something else are served as before, and so is what follows', async () => {
    const { client, answers, bodies } = await openEcho();
    client.write(post('a', 'one'));
    await poll(answers).toContain('<one>');
    client.write('POST /v2/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n');
    await poll(answers).toContain('<two>');
    client.write(post('a', 'three'));
    await poll(answers).toContain('<three>');
    expect(bodies).toEqual(['one', 'two', 'three']);
  });

  it('that fail are answered, whatever was thrown or given', async () => {
    const { client, answers } = await openFront(async ({ path }) => {
      if (path === '/v2/throws') throw new Error('no such luck');
      if (path === '/v2/large') return text('x'.repeat(2 * MiB));
      return { ...text(''), headers: { 'x-y': 'a\r\nb: c' } };
    });
    for (const [path, answer] of [
      ['throws', 'no such luck'],
      ['large', 'at most 1048576 are sent'],
      ['header', 'Invalid character in header content'],
    ] as const) {
      client.write(post(path, 'x'));
      await poll(answers).toContain(answer);
    }
    expect(answers()).not.toContain('b: c');
  });

  it("that fail before they are promises are answered, and stand in nobody's way", async () => {
    const { client, answers } = await openFront(({ path }) => {
      if (path === '/v2/throws') throw new Error('at once');
      return Promise.resolve(text(path));
    });
    for (const [path, answer] of [
      ['throws', 'at once'],
      ['next', '/v2/next'],
    ] as const) {
      client.write(post(path, 'x'));
      await poll(answers).toContain(answer);
    }
  });

  it('are aborted when their client leaves, and hold nothing then', async () => {
    const isGone = deferred<void>();
    const { client, held, accepted } = await openFront(async ({ signal }) => {
      signal.addEventListener('abort', () => isGone.resolve());
      client.destroy();
      await isGone.promise;
      return text('');
    });
    client.write(post('a', 'x'.repeat(5000)));
    await isGone.promise;
    await poll(() => accepted.every((socket) => socket.destroyed)).toBe(true);
    await poll(() => held.bytes).toBe(0);
  });

  it.each(['', 'Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n'])(
    'have no body once it was read, or at the latest once they are answered (%j)',
    async (twice) => {
      const gone = 'transfer' in ArrayBuffer.prototype ? 0 : 200_000;
      const bodies: Uint8Array[] = [];
      const lengths: number[] = [];
      const { client, answers } = await openFront(async ({ path, body, letBodyGo }) => {
        bodies.push(body);
        if (path === '/v2/read') letBodyGo?.();
        lengths.push(body.length);
        if (path === '/v2/fails') throw new Error('failed');
        return text(path);
      });
      for (const path of ['read', 'whole', 'fails']) {
        // It comes in parts, as it is larger than what is read at once.
        client.write(post(path, 'x'.repeat(200_000)).replace('Host', `${twice}Host`));
        await poll(answers).toContain(path === 'fails' ? 'failed' : `/v2/${path}`);
      }
      expect(lengths).toEqual([gone, 200_000, 200_000]);
      expect(bodies.map(({ length }) => length)).toEqual([gone, gone, gone]);
    },
  );

  it('end their connection when the server stops', async () => {
    const { client, front, answers } = await openFront(async () => {
      front.close();
      return text('last');
    });
    const closed = new Promise((resolve) => void client.once('close', resolve));
    client.write(post('a', 'x'));
    await closed;
    expect(answers()).toMatch(/Connection: close\r\n\r\nlast$/);
  });
});
