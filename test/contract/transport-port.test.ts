// The one port of the real transport: HTTP/1.1 beside gRPC, ports that are chosen, and clients that misbehave.
import { connect as http2Connect } from 'node:http2';
import { Server, connect as tcpConnect } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { deferred } from '#base/async.js';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import { nodeTimers } from '#platform/node/node-time.js';
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import { address, context, listen, sharesPorts, ThreadedTransport } from './transport-bench.js';

const transports: [string, () => GrpcTransport][] = [['one thread', () => new GrpcTransport()]];
if (sharesPorts) transports.push(['two threads', () => new ThreadedTransport()]);
describe.each(transports)('GrpcTransport: one port (%s)', (_name, newTransport) => {
  const http = async (request: HttpRequest): Promise<HttpResponse> => {
    if (request.path === '/throw') throw new Error('inside');
    return {
      status: 201,
      contentType: 'application/json',
      body: JSON.stringify({ ...request, body: request.body.length }),
      headers: { vary: 'Origin' },
    };
  };
  test('serves HTTP/1.1 beside gRPC', async () => {
    const transport = newTransport();
    const listener = await listen(
      transport,
      { '/p.S/Echo': async (request) => request },
      { http, httpBodyPaths: ['/v2/'], receiveBytesMax: 1000 },
    );
    const base = `http://${address(listener)}`;
    const answer = await fetch(`${base}/v2/x?y=1`, {
      method: 'POST',
      body: 'abc',
      headers: { Authorization: 'Bearer t' },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('vary')).toBe('Origin');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toMatchObject({
      method: 'POST',
      path: '/v2/x?y=1',
      body: 3,
      headers: { authorization: 'Bearer t' },
    });
    expect((await fetch(`${base}/throw`)).status).toBe(500);
    expect((await fetch(`${base}/v2/y`, { method: 'POST', body: 'x'.repeat(1001) })).status).toBe(413);
    const connection = transport.connect(address(listener));
    expect([...(await connection.call('/p.S/Echo', Uint8Array.of(4), context()))]).toEqual([4]);
    connection.close();
    await listener.close(2000);
    await expect(fetch(base)).rejects.toThrow();
  });
  test('aborts the signal of a request whose client has gone', async () => {
    const begun = deferred<HttpRequest>();
    const http = (request: HttpRequest): Promise<HttpResponse> => {
      begun.resolve(request);
      return new Promise(() => {});
    };
    const listener = await listen(newTransport(), {}, { http });
    const leaving = new AbortController();
    const asked = fetch(`http://${address(listener)}/wait`, { signal: leaving.signal });
    const { signal } = await begun.promise;
    expect(signal.aborted).toBe(false);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    await listener.close(2000);
  });
  test('sends no answer that is larger than answers may be', async () => {
    const http = async ({ path }: HttpRequest): Promise<HttpResponse> => ({
      status: 200,
      contentType: 'text/plain',
      body: 'x'.repeat(path === '/long' ? 1001 : 1000),
    });
    const listener = await listen(newTransport(), {}, { http, sendBytesMax: 1000 });
    const base = `http://${address(listener)}`;
    expect(await (await fetch(`${base}/long`)).json()).toMatchObject({
      code: 1102,
      message: expect.stringContaining('1001 bytes'),
    });
    expect(await (await fetch(`${base}/short`)).text()).toHaveLength(1000);
    await listener.close(2000);
  });
  test('answers a call whose request stream stays open after the message', async () => {
    const listener = await listen(newTransport(), {
      '/p.S/Reverse': async (request) => request.slice().reverse(),
    });
    const session = http2Connect(`http://${address(listener)}`);
    const call = session.request({
      ':method': 'POST',
      ':path': '/p.S/Reverse',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const trailers = new Promise<Record<string, unknown>>((resolve, reject) => {
      call.once('trailers', resolve);
      call.once('error', reject);
    });
    const pieces: Buffer[] = [];
    call.on('data', (piece: Buffer) => pieces.push(piece));
    call.write(Buffer.from([0, 0, 0, 0, 3, 1, 2, 3])); // Never ended, as the retries of the Milvus client for Node leave it.
    expect(await trailers).toMatchObject({ 'grpc-status': '0' });
    expect([...Buffer.concat(pieces)]).toEqual([0, 0, 0, 0, 3, 3, 2, 1]);
    session.destroy();
  });
  test('a port of its own choice is never one it has had before', async () => {
    const transport = newTransport();
    const first = await listen(transport, {});
    await first.close(0);
    // What the operating system would have to offer is forced: the freed port is the only answer to the first question.
    let asked = 0;
    const { listen: original } = Server.prototype;
    const spy = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (
      this: Server,
      ...args: unknown[]
    ) {
      const port = args[0] === 0 && asked++ === 0 ? first.port : args[0];
      return original.call(this, port, ...(args.slice(1) as []));
    });
    const second = await listen(transport, {});
    expect(asked).toBe(2);
    expect(second.port).not.toBe(first.port);
    spy.mockRestore();
  });
  test('a preface in pieces, and garbage, harm nobody', async () => {
    const listener = await listen(newTransport(), {}, { http });
    const slow = tcpConnect(listener.port, '127.0.0.1');
    const heard = new Promise<Buffer>((resolve) => slow.once('data', resolve));
    for (const piece of ['P', 'RI * HT', 'TP/2.0\r\n\r\nSM\r\n\r\n']) {
      slow.write(piece);
      await nodeTimers.sleep(20);
    }
    slow.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])); // Empty SETTINGS.
    expect((await heard)[3]).toBe(4); // The server's SETTINGS.
    slow.destroy();
    const garbage = tcpConnect(listener.port, '127.0.0.1');
    garbage.on('error', () => {});
    const gone = new Promise((resolve) => garbage.once('close', resolve));
    garbage.write(Buffer.from([1, 2, 3, 4, 13, 10, 13, 10]));
    garbage.resume();
    await gone;
    const idle = tcpConnect(listener.port, '127.0.0.1');
    idle.on('error', () => {});
    await nodeTimers.sleep(20);
    await listener.close(100);
  });
});
