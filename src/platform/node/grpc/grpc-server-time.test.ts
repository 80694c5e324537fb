// What the server ends by time on a clock of its own: clients that do not greet, and streams that are no calls.
import { connect as http2Connect } from 'node:http2';
import { connect as tcpConnect } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import type { Listener } from '#platform/transport.js';
import { listenGrpc } from './grpc-listener.js';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  vi.useRealTimers();
});

async function listening(): Promise<Listener> {
  const bytes = { receiveBytesMax: 1000, sendBytesMax: 1000 };
  const listener = await listenGrpc({ host: '127.0.0.1', port: 0, methods: new Map(), ...bytes });
  open.push(() => listener.close(0));
  return listener;
}

it('a client that says nothing behind its preface is cut after ten seconds, others stay', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const listener = await listening();
  const connected = async (greeting: Buffer) => {
    const socket = tcpConnect(listener.port, '127.0.0.1');
    open.push(() => socket.destroy());
    socket.write(greeting);
    // Its own settings: the server has taken the connection over.
    await new Promise((resolve) => socket.once('data', resolve));
    let isClosed = false;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    void closed.then(() => {
      isClosed = true;
    });
    return { closed, isClosed: () => isClosed };
  };
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const silent = await connected(preface);
  const greeted = await connected(Buffer.concat([preface, Buffer.from('000000040000000000', 'hex')]));
  vi.advanceTimersByTime(9000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(silent.isClosed()).toBe(false);
  vi.advanceTimersByTime(3000);
  await silent.closed;
  expect(greeted.isClosed()).toBe(false);
});

it('a request that is no call keeps its stream for five seconds', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const listener = await listening();
  const session = http2Connect(`http://127.0.0.1:${listener.port}`);
  open.push(() => session.destroy());
  const stream = session.request({ ':method': 'PUT', ':path': '/p.S/Echo' }, { endStream: false });
  stream.resume();
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  await new Promise((resolve) => stream.once('end', resolve));
  expect(stream.closed).toBe(false);
  vi.advanceTimersByTime(7000);
  await closed;
});
