// Server side of the transport: one TCP port for gRPC and HTTP/1.1. The first bytes of a connection tell which; gRPC begins with the
// HTTP/2 preface. grpc-js answers pings without calls at any rate, so clients may keep connections alive as they like.

import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { CallContext, Listener, ListenOptions, MethodHandler } from '../transport.js';
import { asBuffer } from './grpc-connection.js';
import { readMetadata, toStatus } from './grpc-status.js';
import { HttpFront } from './http-front.js';
import { bind, bindShared, portOf } from './port-bind.js';

const preface = Buffer.from('PRI * HTTP/2.0');
const firstBytesMs = 10_000;

/** @param sharesPort other threads listen on the port as well; the caller has seen to it that nobody else does */
export async function listenGrpc(options: ListenOptions, sharesPort = false): Promise<Listener> {
  const server = new Server({
    'grpc.max_receive_message_length': options.receiveBytesMax,
    'grpc.max_send_message_length': options.sendBytesMax,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    interceptors: [(_method, call) => new StartAtMessage(call)],
  });
  for (const [path, handler] of options.methods) {
    server.register(path, unary(handler), asBuffer, (bytes: Buffer) => bytes, 'unary');
  }
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const front = new HttpFront(options.http, options.receiveBytesMax);
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
      if (isHttp2) injector.injectConnection(socket);
      else front.accept(socket);
    });
  });
  await (sharesPort ? bindShared : bind)(tcp, options);
  let closing: Promise<void> | undefined;
  return {
    host: options.host,
    port: portOf(tcp),
    close(graceMs) {
      closing ??= closeAll(tcp, server, injector, front, sockets, undecided, graceMs);
      return closing;
    },
  };
}

/**
 * A unary call that starts at its one message, as with other gRPC servers. grpc-js would wait for the end of the request stream, which the
 * retries of the Milvus client for Node never send: such a call would hang until its deadline.
 */
class StartAtMessage extends ServerInterceptingCall {
  readonly #call: ServerInterceptingCallInterface;
  constructor(call: ServerInterceptingCallInterface) {
    super(call);
    this.#call = call;
  }
  override start(listener: Parameters<ServerInterceptingCallInterface['start']>[0]): void {
    let isStarted = false;
    this.#call.start({
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveMessage(message) {
        if (isStarted) return;
        isStarted = true;
        listener.onReceiveMessage(message);
        listener.onReceiveHalfClose();
      },
      onReceiveHalfClose() {
        if (!isStarted) listener.onReceiveHalfClose();
      },
      onCancel: () => listener.onCancel(),
    });
  }
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

function unary(handler: MethodHandler) {
  return (call: ServerUnaryCall<Buffer, Uint8Array>, answer: sendUnaryData<Uint8Array>): void => {
    const abort = new AbortController();
    let isAnswered = false;
    if (call.cancelled) abort.abort();
    else {
      // Also said when a call ended well: then nobody listens any more.
      call.on('cancelled', () => {
        if (!isAnswered) abort.abort();
      });
    }
    const deadline = call.getDeadline();
    const deadlineMs = deadline instanceof Date ? deadline.getTime() : deadline;
    const context: CallContext = {
      signal: abort.signal,
      metadata: readMetadata(call.metadata),
      ...(Number.isFinite(deadlineMs) ? { deadlineMs } : {}),
    };
    const run = async (): Promise<Uint8Array> => handler(call.request, context);
    run().then(
      (reply) => {
        isAnswered = true;
        answer(null, reply);
      },
      (error: unknown) => {
        isAnswered = true;
        answer(toStatus(error));
      },
    );
  };
}

async function closeAll(
  tcp: TcpServer,
  server: Server,
  injector: ConnectionInjector,
  front: HttpFront,
  sockets: Set<Socket>,
  undecided: Set<Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => tcp.close(() => resolve())); // Also waits for every socket.
  injector.drain(graceMs);
  front.close();
  for (const socket of undecided) socket.destroy();
  const force = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(force);
  injector.destroy();
  server.forceShutdown();
}
