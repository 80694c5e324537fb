// Conversations over HTTP/1.1, whole, damaged and cut anywhere: what is read by the quick reader of plain requests is carried out and answered as
// Node's server would have, which reads the same bytes beside it.
import { connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { HeldBytes } from '#platform/node/http1/held-bytes.js';
import { HttpFront } from '#platform/node/http1/http-front.js';
import { damaged, SEED } from './invariant.js';

const NUM_RUNS = 35;
const open: (() => void)[] = [];
afterAll(() => {
  for (const close of open.reverse()) close();
});

/** What Node reads, and every request behind it on the connection. */
const NODES_FIRST =
  'POST /v2/first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n';

interface Talk {
  readonly requests: readonly string[];
  /** Without their dates. */
  readonly answers: string;
  readonly isCut: boolean;
}

/** @returns what a front does with these parts, once it does no more */
async function talk(parts: readonly Uint8Array[]): Promise<Talk> {
  const requests: string[] = [];
  let working = 0;
  const limits = {
    bodyBytesMax: 1000,
    answerBytesMax: 1000,
    bodyPaths: ['/v2/'],
    held: new HeldBytes(2 ** 24),
  };
  const front = new HttpFront(async ({ method, path, headers, body }) => {
    requests.push(JSON.stringify([method, path, headers, Buffer.from(body).toString('latin1')]));
    working++;
    await new Promise((resolve) => void setImmediate(resolve));
    working--;
    return { status: 200, contentType: 'text/plain', body: path };
  }, limits);
  let accepted: Socket | undefined;
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    accepted = socket;
    socket.on('error', () => {});
    front.accept(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = connect(address.port, '127.0.0.1');
  client.on('error', () => {});
  let answers = '';
  client.on('data', (data) => {
    answers += data.toString('latin1');
  });
  open.push(() => front.destroy());
  let sent = 0;
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => void setImmediate(resolve));
  };
  const isDone = (): boolean =>
    client.closed ||
    (accepted !== undefined &&
      accepted.bytesRead === sent &&
      working === 0 &&
      client.bytesRead === accepted.bytesWritten);
  for (const part of parts) {
    sent += part.length;
    client.write(part);
    for (let quiet = 0; quiet < 3; quiet = isDone() ? quiet + 1 : 0) await turns(3);
  }
  const isCut = client.closed || client.destroyed;
  client.destroy();
  server.close();
  front.destroy();
  return { requests, answers: answers.replaceAll(/^Date: .*\r\n/gm, ''), isCut };
}

const header = fc.constantFrom(
  ...['X: a', 'accept: */*', 'Connection: keep-alive', 'connection: close', 'content-type: application/json'],
  ...['Expect: 100-continue', 'transfer-encoding: chunked', 'content-length: 1', 'cookie: a=b', 'x: b'],
);
const request = fc
  .tuple(
    fc.constantFrom('POST', 'POST', 'POST', 'GET'),
    fc.constantFrom('a', 'b/c', 'd?e=f'),
    fc.array(header, { maxLength: 2 }),
    fc.nat(40),
  )
  .map(([method, path, headers, length]) =>
    [
      `${method} /v2/${path} HTTP/1.1`,
      'Host: x',
      `Content-Length: ${length}`,
      ...headers,
      '',
      'y'.repeat(length),
    ].join('\r\n'),
  );
const damage = fc.record({
  flips: fc.array(
    fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 })),
    { maxLength: 1 },
  ),
  keep: fc.constantFrom(1, 1, 0.9),
  more: fc.constant(new Uint8Array(0)),
});

it('a quick reader says what Node says, or nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 3 }),
      fc.option(damage),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
      async (requests, hit, cuts) => {
        const whole = Buffer.from(requests.join(''), 'latin1');
        const bytes = hit === null ? whole : Buffer.from(damaged(whole, hit));
        const ends = [...cuts.map((share) => Math.round(share * bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        );
        const parts = ends
          .map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
          .filter(({ length }) => length > 0);
        const mine = await talk(parts);
        const theirs = await talk([Buffer.from(NODES_FIRST), ...parts]);
        const [first, ...others] = theirs.requests;
        expect(first).toContain('/v2/first');
        const behind = theirs.answers.indexOf('/v2/first') + '/v2/first'.length;
        const answers = theirs.answers.slice(behind);
        expect(mine.isCut).toBe(theirs.isCut);
        // Node cuts at once where the end of a request and the beginning of one that is none come in one part; here the first is answered before.
        const length = theirs.isCut ? others.length : undefined;
        expect(mine.requests.slice(0, length)).toEqual(others);
        expect(mine.answers.slice(0, theirs.isCut ? answers.length : undefined)).toBe(answers);
      },
    ),
    { seed: SEED, numRuns: NUM_RUNS },
  );
}, 60_000);
