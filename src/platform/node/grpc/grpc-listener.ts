// Server side of the transport: one TCP port for gRPC and HTTP/1.1. The first bytes of a connection show which; gRPC begins with the
// HTTP/2 preface.
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Listener, ListenOptions } from '#platform/transport.js';
import { GrpcServer } from './grpc-server.js';
import { HeldBytes } from './held-bytes.js';
import { HttpFront } from './http-front.js';
import { bind, bindShared, portOf } from './port-bind.js';

const preface = Buffer.from('PRI * HTTP/2.0');
const firstBytesMs = 10_000;
const HELD_BYTES_MAX = 1024 * 1024 * 1024;

/** The bound that was asked for, or the default; the largest message and the largest answer always fit. */
export const heldBytesMaxOf = ({
  heldBytesMax = HELD_BYTES_MAX,
  receiveBytesMax,
  sendBytesMax,
}: ListenOptions): number =>
  Math.max(heldBytesMax, 2 * receiveBytesMax, Math.ceil(1.25 * sendBytesMax), 16 * 1024 * 1024);

/** @param sharedHeld other threads listen on the port as well, and count there; the caller has made sure that no one else does */
export async function listenGrpc(options: ListenOptions, sharedHeld?: HeldBytes): Promise<Listener> {
  const { receiveBytesMax, sendBytesMax, methods, http, httpBodyPaths = [] } = options;
  const held = sharedHeld ?? new HeldBytes(heldBytesMaxOf(options));
  const server = new GrpcServer(methods, { receiveBytesMax, sendBytesMax, held });
  const front = new HttpFront(http, {
    bodyBytesMax: receiveBytesMax,
    answerBytesMax: sendBytesMax,
    bodyPaths: httpBodyPaths,
    held,
  });
  const sockets = new Set<Socket>();
  const undecided = new Set<Socket>();
  const tcp = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    undecided.add(socket);
    socket.on('error', () => {}); // Its close event follows.
    socket.once('close', () => {
      sockets.delete(socket);
      undecided.delete(socket);
    });
    sniff(socket, (isHttp2) => {
      undecided.delete(socket);
      if (isHttp2) server.accept(socket);
      else front.accept(socket);
    });
  });
  await (sharedHeld === undefined ? bind : bindShared)(tcp, options);
  let closing: Promise<void> | undefined;
  return {
    host: options.host,
    port: portOf(tcp),
    close(graceMs) {
      closing ??= closeAll({ tcp, server, front, sockets, undecided }, graceMs);
      return closing;
    },
  };
}

function sniff(socket: Socket, decide: (isHttp2: boolean) => void): void {
  const timer = setTimeout(() => socket.destroy(), firstBytesMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  let seen: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const isHttp2 = seen.subarray(0, length).equals(preface.subarray(0, length));
    if (isHttp2 && length < preface.length) return; // The preface may come in pieces.
    clearTimeout(timer);
    socket.off('data', onData);
    socket.pause();
    socket.unshift(seen);
    decide(isHttp2);
  };
  socket.on('data', onData);
}

interface Parts {
  readonly tcp: TcpServer;
  readonly server: GrpcServer;
  readonly front: HttpFront;
  readonly sockets: ReadonlySet<Socket>;
  readonly undecided: ReadonlySet<Socket>;
}

async function closeAll({ tcp, server, front, sockets, undecided }: Parts, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => tcp.close(() => resolve())); // Also waits for every socket.
  server.stop();
  front.close();
  for (const socket of undecided) socket.destroy();
  const force = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(force);
  server.destroy();
  front.destroy();
}
