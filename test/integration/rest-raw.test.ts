// REST on bare sockets: requests that no HTTP client would send. Each ends, none takes more than its share, and the next one is answered.
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';

const MiB = 2 ** 20;
const PATH = '/v2/vectordb/collections/list';

describe.each([0, 1])('REST on bare sockets, gRPC threads %i', (grpcThreads) => {
  let database: Elanus;
  beforeAll(async () => {
    database = await open(undefined, { logLevel: 'silent', grpcThreads, receiveBytesMax: MiB });
  });
  afterAll(() => database.close());

  const dial = (): Socket => {
    const socket = connect(database.port, '127.0.0.1');
    socket.on('error', () => {}); // Its close follows.
    return socket;
  };

  /** What comes back until the connection ends, or until `until` has come. */
  function talk(parts: readonly (string | Uint8Array)[], until?: RegExp): Promise<string> {
    const socket = dial();
    for (const part of parts) socket.write(part);
    let said = '';
    return new Promise((resolve) => {
      socket.on('data', (bytes) => {
        said += bytes.toString('latin1');
        if (until?.test(said) === true) socket.destroy();
      });
      socket.once('close', () => resolve(said));
    });
  }

  const head = (...headers: string[]): string =>
    `POST ${PATH} HTTP/1.1\r\nhost: x\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`;

  async function lives(): Promise<void> {
    const response = await fetch(`http://${database.address}${PATH}`, { method: 'POST', body: '{}' });
    expect(await response.json()).toEqual({ code: 0, data: [] });
  }

  it.each<[what: string, parts: (string | Uint8Array)[], answer: RegExp]>([
    [
      'a length and chunks',
      [head('content-length: 2', 'transfer-encoding: chunked'), '0\r\n\r\n'],
      /^(HTTP\/1\.1 400[\s\S]*)?$/,
    ],
    ['two lengths', [head('content-length: 2', 'content-length: 3'), '{}x'], /^(HTTP\/1\.1 400[\s\S]*)?$/],
    ['a length that is none', [head('content-length: -1'), '{}'], /^(HTTP\/1\.1 400[\s\S]*)?$/],
    [
      'chunks that are none',
      [head('transfer-encoding: chunked'), 'zz\r\n'],
      /^(HTTP\/1\.1 (400|500)[\s\S]*)?$/,
    ],
    ['headers of 20 KiB', [head(`x: ${'y'.repeat(20 * 1024)}`)], /^(HTTP\/1\.1 431[\s\S]*)?$/],
    [
      'ten thousand headers',
      [head(...Array.from({ length: 10_000 }, (_, at) => `x${at}: y`))],
      /^(HTTP\/1\.1 431[\s\S]*)?$/,
    ],
    ['a body that is too large', [head(`content-length: ${2 * MiB}`)], /^HTTP\/1\.1 413[\s\S]*"code":1102/],
    [
      'chunks that grow too large',
      [head('transfer-encoding: chunked'), `${(2 * MiB).toString(16)}\r\n`, Buffer.alloc(2 * MiB, 0x20)],
      /^HTTP\/1\.1 413[\s\S]*"code":1102/,
    ],
    ['no HTTP at all', ['\0\u0001\u0002garbage\r\n\r\n'], /^(HTTP\/1\.1 400[\s\S]*)?$/],
    ['an old protocol that is cut', [`POST ${PATH} HTTP/9.9\r\n\r\n`], /^(HTTP\/1\.1 (400|505)[\s\S]*)?$/],
  ])('%s', async (_what, parts, answer) => {
    expect(await talk(parts)).toMatch(answer);
    await lives();
  });

  it('half a body that never ends holds up nobody', async () => {
    const slow = Array.from({ length: 50 }, () => {
      const socket = dial();
      socket.write(`${head('content-length: 100')}{"dbName":`);
      return socket;
    });
    await lives();
    for (const socket of slow) socket.destroy();
    await lives();
  });

  it('a client that asks on and on without reading is cut', async () => {
    const one = `${head('content-length: 2')}{}`;
    const said = await talk([one.repeat(2000)]);
    expect(said.match(/HTTP\/1\.1 200/g)?.length ?? 0).toBeLessThan(2000);
    await lives();
  });

  it('two requests that come together are answered in their order', async () => {
    const two = `${head('content-length: 2')}{}${head('content-length: 1')}{`;
    const said = await talk([two], /1801/);
    expect(said).toMatch(/"code":0[\s\S]*"code":1801/);
  });

  it('bodies of a size are refused, whatever is inside, and cost no more than that', async () => {
    for (const body of [
      `{"collectionName":"${'a'.repeat(900_000)}"}`,
      `[${'['.repeat(500_000)}`,
      '{"a":'.repeat(150_000),
    ]) {
      const response = await fetch(`http://${database.address}/v2/vectordb/collections/describe`, {
        method: 'POST',
        body,
      });
      const { code, message } = (await response.json()) as { code: number; message: string };
      expect(code).toBeGreaterThan(0);
      expect(message.length).toBeLessThan(5000);
    }
    await lives();
  });
});
