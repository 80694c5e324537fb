// Server side of the transport: one TCP port for gRPC and HTTP/1.1. The first bytes of a connection show which; gRPC begins with the
// HTTP/2 preface. With TLS the client names its protocol in the handshake (ALPN), and whoever names none speaks HTTP/1.1.
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { SharedMemory } from '#base/shared-memory.js';
import { HeldBytes } from '#platform/node/http1/held-bytes.js';
import { HttpFront } from '#platform/node/http1/http-front.js';
import type { Listener, ListenOptions } from '#platform/transport.js';
import { GrpcServer } from './grpc-server.js';
import { bind, bindShared, portOf } from './port-bind.js';
import type { TlsMaterial } from './tls-files.js';

const preface = Buffer.from('PRI * HTTP/2.0');
const firstBytesMs = 10_000;
const HELD_BYTES_MAX = 1024 * 1024 * 1024;
/** Memory of messages that is used again. */
const SHARED_BYTES_MAX = 16 * 1024 * 1024;
/** The HTTP/2 of Bun listens for data and does not see what was put back into the socket. */
const isBun = process.versions.bun !== undefined;

/** The bound that was asked for, or the default; the largest message and the largest answer always fit. */
export const heldBytesMaxOf = ({
  heldBytesMax = HELD_BYTES_MAX,
  receiveBytesMax,
  sendBytesMax,
}: ListenOptions): number =>
  Math.max(heldBytesMax, 2 * receiveBytesMax, Math.ceil(1.25 * sendBytesMax), 16 * 1024 * 1024);

/** A listener whose certificates can be replaced; connections that there are go on with what they began with. */
export interface TlsListener extends Listener {
  setTls(material: TlsMaterial): void;
}

/**
 * @param sharedHeld other threads listen on the port as well, and count there; the caller has made sure that no one else does
 * @param tls what the files of the options hold; not given: the port speaks plain text
 */
export async function listenGrpc(
  options: ListenOptions,
  sharedHeld?: HeldBytes,
  tls?: TlsMaterial,
): Promise<TlsListener> {
  const { receiveBytesMax, sendBytesMax, methods, http, httpBodyPaths = [] } = options;
  const held = sharedHeld ?? new HeldBytes(heldBytesMaxOf(options));
  const memory = sharedHeld === undefined ? new SharedMemory(SHARED_BYTES_MAX) : undefined;
  const server = new GrpcServer(methods, { receiveBytesMax, sendBytesMax, held, memory });
  const front = new HttpFront(http, {
    bodyBytesMax: receiveBytesMax,
    answerBytesMax: sendBytesMax,
    bodyPaths: httpBodyPaths,
    held,
  });
  const sockets = new Set<Socket>();
  const undecided = new Set<Socket>();
  const accept = (socket: Socket, isHttp2: boolean, below = socket): void => {
    undecided.delete(below);
    if (isHttp2) server.accept(socket);
    else front.accept(socket);
  };
  const take = (socket: Socket): void => {
    sockets.add(socket);
    undecided.add(socket);
    socket.on('error', () => {}); // Its close event follows.
    socket.once('close', () => {
      sockets.delete(socket);
      undecided.delete(socket);
    });
  };
  const secure = tls && tlsServer(tls, take, accept);
  const tcp =
    secure ??
    createServer({ noDelay: true }, (socket) => {
      take(socket);
      sniff(socket, (isHttp2) => accept(socket, isHttp2));
    });
  if (options.connectionsMax !== undefined) tcp.maxConnections = options.connectionsMax;
  await (sharedHeld === undefined ? bind : bindShared)(tcp, options);
  let closing: Promise<void> | undefined;
  return {
    host: options.host,
    port: portOf(tcp),
    setTls(material) {
      secure?.setSecureContext(contextOf(material));
    },
    close(graceMs) {
      closing ??= closeAll({ tcp, server, front, sockets, undecided }, graceMs);
      return closing;
    },
  };
}

const contextOf = ({ cert, key, clientCa }: TlsMaterial) => ({
  cert,
  key,
  ...(clientCa === undefined ? {} : { ca: clientCa }),
  minVersion: 'TLSv1.2' as const,
});

/**
 * Whether clients show certificates is settled by the options of the server and does not change; who may have signed them does.
 * A new context also has new keys of session tickets, so that no session outlives the authority that let it in.
 */
function tlsServer(
  tls: TlsMaterial,
  take: (socket: Socket) => void,
  accept: (socket: Socket, isHttp2: boolean, below: Socket) => void,
): TlsServer {
  const asksClients = tls.clientCa !== undefined;
  const server = createTlsServer({
    ...contextOf(tls),
    noDelay: true,
    ALPNProtocols: ['h2', 'http/1.1'],
    requestCert: asksClients,
    rejectUnauthorized: asksClients,
    handshakeTimeout: firstBytesMs,
  });
  // The plain socket below carries the encrypted one: both end together, and the one below counts. Their peer says which belong together.
  const below = new Map<string, Socket>();
  server.on('connection', (socket) => {
    const peer = peerOf(socket);
    below.set(peer, socket);
    socket.once('close', () => {
      if (below.get(peer) === socket) below.delete(peer);
    });
    take(socket);
  });
  server.on('tlsClientError', (_error, socket) => void socket.destroy());
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {}); // Its close event follows.
    const carrier = below.get(peerOf(socket));
    if (carrier === undefined) socket.destroy();
    else accept(socket, socket.alpnProtocol === 'h2', carrier);
  });
  return server;
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

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
    if (isHttp2 && isBun) {
      decide(isHttp2);
      socket.emit('data', seen);
      return;
    }
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
