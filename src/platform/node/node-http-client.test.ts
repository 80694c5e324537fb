// Requests to services outside, to a server of this machine.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { neverAborted } from '#base/on-abort.js';
import { nodeHttpClient } from './node-http-client.js';

it('a redirection is the answer, and is not followed', async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(302, { location: '/elsewhere' }).end('moved');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/embed`;
    const request = { url, headers: {}, body: Uint8Array.of(1), answerBytesMax: 100 };
    expect((await nodeHttpClient.post(request, neverAborted)).status).toBe(302);
    expect(asked).toEqual(['/embed']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
